/* core/mime/header.c - header blocks: fields, unfolding, filtering, decoding (RFC 5322, 2.2; RFC 2047).
 *
 * A block is cut into fields without interpreting them, so that every octet of it can be given back. Lines
 * may end in LF alone. A line that neither continues a field nor begins one is kept as a line without a name.
 */
#include "mime/header.h"

#include <gmime/gmime.h>
#include <string.h>

static gboolean
header_is_blank (char c)
{
  return c == ' ' || c == '\t';
}

void
cf_header_init (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    g_mime_init ();
    g_once_init_leave (&once, 1);
  }
}

gsize
cf_header_name_length (const char *text, gsize length)
{
  gsize n = 0, at;

  while (n < length && text[n] > ' ' && text[n] < 127 && text[n] != ':')
    n++;
  for (at = n; at < length && header_is_blank (text[at]);)
    at++;
  return at < length && text[at] == ':' ? n : 0;
}

/* One past the line end of the line at @at. */
static gsize
header_line_end (const guint8 *block, gsize length, gsize at)
{
  const guint8 *end = memchr (block + at, '\n', length - at);

  return end != NULL ? (gsize) (end - block) + 1 : length;
}

gboolean
cf_header_next (const guint8 *block, gsize length, gsize *at, CfHeaderLine *out_line)
{
  gsize start = *at, end;
  const char *text;

  if (start >= length)
    return FALSE;
  text = (const char *) block + start;
  if (text[0] == '\n' || (length - start >= 2 && text[0] == '\r' && text[1] == '\n'))
    return FALSE;

  end = header_line_end (block, length, start);
  while (end < length && header_is_blank ((char) block[end]))
    end = header_line_end (block, length, end);

  out_line->offset = start;
  out_line->length = end - start;
  out_line->name = text;
  out_line->name_length = cf_header_name_length (text, end - start);
  out_line->value = text;
  if (out_line->name_length > 0)
    out_line->value = (const char *) memchr (text, ':', end - start) + 1;
  out_line->value_length = (gsize) (text + (end - start) - out_line->value);
  *at = end;
  return TRUE;
}

gboolean
cf_header_is (const CfHeaderLine *line, const char *name)
{
  return line->name_length == strlen (name) && g_ascii_strncasecmp (line->name, name, line->name_length) == 0;
}

char *
cf_header_unfold (const char *value, gsize length)
{
  char *text = g_malloc (length + 1), *to = text;

  while (length > 0 && (header_is_blank (*value) || *value == '\r' || *value == '\n'))
    value++, length--;
  for (gsize i = 0; i < length; i++) {
    if (value[i] == '\n' || (value[i] == '\r' && i + 1 < length && value[i + 1] == '\n'))
      continue;
    /* A CR elsewhere is no line end, and must not become one in what is sent. NUL: see mime.h. */
    *to++ = value[i] == '\r' ? ' ' : value[i] == '\0' ? (char) 0x80 : value[i];
  }
  while (to > text && header_is_blank (to[-1]))
    to--;
  *to = '\0';
  return text;
}

void
cf_header_filter (const guint8 *block, gsize length, const char *const *names, gboolean invert,
                  GByteArray *out)
{
  CfHeaderLine line;
  gsize at = 0;

  while (cf_header_next (block, length, &at, &line)) {
    gboolean named = FALSE;

    for (gsize i = 0; names[i] != NULL && !named; i++)
      named = line.name_length > 0 && cf_header_is (&line, names[i]);
    if (named != invert)
      g_byte_array_append (out, block + line.offset, (guint) line.length);
  }
  g_byte_array_append (out, block + at, (guint) (length - at));
}

char *
cf_header_decode (const char *raw, gssize length)
{
  g_autofree char *unfolded = cf_header_unfold (raw, length < 0 ? strlen (raw) : (gsize) length);
  g_autofree char *valid = g_utf8_make_valid (unfolded, -1);
  g_autofree char *decoded = NULL;

  if (strstr (valid, "=?") == NULL)
    return g_steal_pointer (&valid);
  cf_header_init ();
  decoded = g_mime_utils_header_decode_text (NULL, valid);
  return g_utf8_make_valid (decoded, -1);
}
