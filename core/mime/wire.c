/* core/mime/wire.c - strings as IMAP sends them (RFC 3501, 4.3). */
#include "mime/wire.h"

#include <string.h>

#define QUOTED_MAX 1000

static gboolean
wire_is_quotable (const char *text, gsize length)
{
  if (length > QUOTED_MAX)
    return FALSE;
  for (gsize i = 0; i < length; i++)
    if ((guchar) text[i] >= 0x80 || text[i] == '\r' || text[i] == '\n')
      return FALSE;
  return TRUE;
}

void
cf_wire_nstring (GString *out, const char *text)
{
  gsize length;

  if (text == NULL) {
    g_string_append (out, "NIL");
    return;
  }
  length = strlen (text);
  if (!wire_is_quotable (text, length)) {
    g_string_append_printf (out, "{%" G_GSIZE_FORMAT "}\r\n", length);
    g_string_append_len (out, text, (gssize) length);
    return;
  }
  g_string_append_c (out, '"');
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\')
      g_string_append_c (out, '\\');
    g_string_append_c (out, *text);
  }
  g_string_append_c (out, '"');
}

void
cf_wire_upper (GString *out, const char *text)
{
  g_autofree char *upper = g_ascii_strup (text, -1);

  cf_wire_nstring (out, upper);
}
