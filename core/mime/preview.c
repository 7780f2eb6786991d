/* core/mime/preview.c - the first characters of a message's text, for lists (RFC 8970).
 *
 * The first text/plain, text/html or message/cpim part that is no attachment, decoded to UTF-8, HTML
 * without its tags, runs of white space as one blank. CPIM wraps a header and a MIME part round what was
 * said (RFC 3862).
 */
#include "mime/facts-private.h"
#include "mime/header.h"

#include <string.h>

#define PREVIEW_CHARACTERS 200
#define PREVIEW_READ       (32 * 1024) /* raw octets looked at */

/* ---- HTML ----------------------------------------------------------------------------------------------*/

static const struct {
  const char *name;
  const char *text;
} entities[] = {
  { "amp;", "&" }, { "lt;", "<" }, { "gt;", ">" }, { "quot;", "\"" }, { "apos;", "'" }, { "nbsp;", " " },
};

/* Appends what the character reference at @at (behind "&") stands for; returns what follows it. */
static const char *
append_entity (GString *out, const char *at)
{
  for (gsize i = 0; i < G_N_ELEMENTS (entities); i++) {
    if (g_str_has_prefix (at, entities[i].name)) {
      g_string_append (out, entities[i].text);
      return at + strlen (entities[i].name);
    }
  }
  if (at[0] == '#') {
    gboolean is_hex = at[1] == 'x' || at[1] == 'X';
    char *end;
    guint64 code = g_ascii_strtoull (at + (is_hex ? 2 : 1), &end, is_hex ? 16 : 10);

    if (*end == ';' && code > 0 && code <= 0x10ffff && g_unichar_validate ((gunichar) code)) {
      g_string_append_unichar (out, (gunichar) code);
      return end + 1;
    }
  }
  g_string_append_c (out, '&');
  return at;
}

/* Behind the tag at @at ("<"), and behind the content of elements that show nothing. */
static const char *
skip_tag (const char *at)
{
  static const char *const hidden[] = { "head", "style", "script", "title" };
  const char *end;

  if (g_str_has_prefix (at, "<!--")) {
    end = strstr (at, "-->");
    return end != NULL ? end + 3 : at + strlen (at);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (hidden); i++) {
    gsize n = strlen (hidden[i]);

    if (g_ascii_strncasecmp (at + 1, hidden[i], n) != 0 || g_ascii_isalnum (at[1 + n]))
      continue;
    for (at++; *at != '\0'; at++)
      if (at[0] == '<' && at[1] == '/' && g_ascii_strncasecmp (at + 2, hidden[i], n) == 0)
        break;
    break;
  }
  end = strchr (at, '>');
  return end != NULL ? end + 1 : at + strlen (at);
}

static char *
strip_html (const char *html)
{
  GString *out = g_string_new (NULL);

  while (*html != '\0') {
    if (*html == '<' && (g_ascii_isalpha (html[1]) || html[1] == '/' || html[1] == '!' || html[1] == '?')) {
      html = skip_tag (html);
      g_string_append_c (out, ' ');
    } else if (*html == '&') {
      html = append_entity (out, html + 1);
    } else {
      g_string_append_c (out, *html++);
    }
  }
  return g_string_free (out, FALSE);
}

/* ---- Text ----------------------------------------------------------------------------------------------*/

static char *
shorten (const char *text)
{
  GString *out = g_string_new (NULL);
  gboolean blank = FALSE;

  for (guint n = 0; *text != '\0' && n < PREVIEW_CHARACTERS; text = g_utf8_next_char (text)) {
    gunichar c = g_utf8_get_char (text);

    if (g_unichar_isspace (c) || g_unichar_iscntrl (c)) {
      blank = out->len > 0;
      continue;
    }
    if (blank)
      g_string_append_c (out, ' ');
    g_string_append_unichar (out, c);
    n += blank ? 2 : 1;
    blank = FALSE;
  }
  return g_string_free (out, FALSE);
}

static char *
preview_of (const CfPartHeader *header, const guint8 *data, gsize length)
{
  g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (header->encoding, NULL);
  g_autoptr (GByteArray) decoded = g_byte_array_new ();
  g_autofree char *text = NULL, *plain = NULL;

  if (decoder == NULL)
    return g_strdup ("");
  cf_part_decoder_feed (decoder, data, length, decoded);
  cf_part_decoder_finish (decoder, decoded);
  text = cf_text_to_utf8 (decoded->data, decoded->len, header->charset);
  if (strcmp (header->subtype, "html") != 0)
    return shorten (text);
  plain = strip_html (text);
  return shorten (plain);
}

/* Behind the header block at @at and its blank line. */
static gsize
skip_block (const guint8 *data, gsize length, gsize at)
{
  CfHeaderLine line;

  while (cf_header_next (data, length, &at, &line))
    continue;
  at += at < length && data[at] == '\r';
  at += at < length && data[at] == '\n';
  return at;
}

static char *
preview_of_cpim (const guint8 *data, gsize length)
{
  gsize inner = skip_block (data, length, 0), content = skip_block (data, length, inner);
  CfPartHeader *header = cf_part_header_new (data + inner, content - inner, FALSE);
  char *preview;

  if (strcmp (header->type, "text") == 0)
    preview = preview_of (header, data + content, length - content);
  else
    preview = g_strdup ("");
  cf_part_header_free (header);
  return preview;
}

static gboolean
is_cpim (const CfPartHeader *header)
{
  return strcmp (header->type, "message") == 0 && strcmp (header->subtype, "cpim") == 0;
}

static const CfScanNode *
find_text (const CfScan *scan)
{
  for (guint i = 0; i < scan->nodes->len; i++) {
    const CfScanNode *node = &g_array_index (scan->nodes, CfScanNode, i);
    const CfPartHeader *header = node->header;

    if (node->kind != CF_PART_LEAF
        || (header->disposition != NULL && strcmp (header->disposition, "attachment") == 0))
      continue;
    if (is_cpim (header))
      return node;
    if (strcmp (header->type, "text") == 0
        && (strcmp (header->subtype, "plain") == 0 || strcmp (header->subtype, "html") == 0))
      return node;
  }
  return NULL;
}

char *
cf_preview_new (const CfScan *scan, CfSource *source, GError **error)
{
  const CfScanNode *node = find_text (scan);
  g_autofree guint8 *data = NULL;
  gsize length;

  if (node == NULL)
    return g_strdup ("");

  length = (gsize) MIN (node->body_end - node->body_offset, PREVIEW_READ);
  data = g_malloc (length + 1);
  if (!cf_source_read (source, node->body_offset, data, length, error))
    return NULL;
  if (is_cpim (node->header))
    return preview_of_cpim (data, length);
  return preview_of (node->header, data, length);
}
