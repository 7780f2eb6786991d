/* core/imap/literal-marker.c - the announcement of a literal at the end of a line (RFC 3501, 4.3; RFC 7888;
 * RFC 4466).
 *
 * Read from the line's end backwards, as the end alone decides: what stands before it may be broken in any
 * way, and the octets that follow are a literal all the same (RFC 7888, 3).
 */
#include "imap/literal-marker.h"

CfLiteralMarker
cf_literal_marker_parse (const GString *line, gboolean is_cut)
{
  CfLiteralMarker marker = { .text_length = line->len };
  const char *text = line->str;
  gsize end = line->len, at;

  if (end == 0 || text[--end] != '}')
    return marker;
  marker.is_synchronising = end == 0 || text[end - 1] != '+';
  if (!marker.is_synchronising)
    end--;

  for (at = end; at > 0 && g_ascii_isdigit (text[at - 1]); at--)
    ;
  if (at == end || (at == 0 && !is_cut) || (at > 0 && text[at - 1] != '{'))
    return marker;
  marker.is_there = TRUE;
  marker.length = at > 0 ? g_ascii_strtoull (text + at, NULL, 10) : G_MAXUINT64;
  if (at > 0)
    at--;
  marker.literal8 = at > 0 && text[at - 1] == '~';
  marker.text_length = marker.literal8 ? at - 1 : at;
  return marker;
}
