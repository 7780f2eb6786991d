/* core/imap/literal-marker.h - the announcement of a literal at the end of a line (RFC 3501, 4.3; RFC 7888;
 * RFC 4466). */
#ifndef CF_LITERAL_MARKER_H
#define CF_LITERAL_MARKER_H

#include <glib.h>

G_BEGIN_DECLS

/* A line's last octets hold every marker whose number has at most 20 digits, to spare. */
#define CF_LITERAL_MARKER_TAIL 32

typedef struct {
  gboolean is_there;
  gsize text_length;         /* of the line before it; all of the line when it is not there */
  guint64 length;            /* octets of the literal; G_MAXUINT64 for that and all that is more */
  gboolean is_synchronising; /* the client waits for a continuation request */
  gboolean literal8;
} CfLiteralMarker;

/* The marker at the end of @line, which has no CRLF any more: "{" number ["+"] "}", with "~" before it
 * for a literal8. @is_cut: the line's beginning is not here; digits as far as can be seen are a number
 * beyond all bounds. */
CfLiteralMarker cf_literal_marker_parse (const GString *line, gboolean is_cut);

G_END_DECLS

#endif
