/* tests/fuzz/responses.h - what a server sends, read as RFC 3501, 9 has it: is it well formed?
 *
 * Aborts on the first octet that no client could make sense of: a line that does not end in CRLF, an octet
 * that may not stand there, a literal that is not followed by as many octets, parentheses or quotes that do
 * not close, a number that names no message. Keeps count of messages as a client does.
 */
#ifndef RESPONSES_H
#define RESPONSES_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  guint64 offset; /* of its first octet, counted from the connection's beginning */
  char *text;     /* without CRLF; "{}" in place of each literal */
} ResponseLine;

typedef struct {
  guint64 offset, line_offset;
  GString *line; /* the response under way, literals left out; "{}" stands where one was */
  guint64 literal_left;
  gboolean literal8;
  gboolean in_quotes, escaped;
  gint depth;
  guint exists;    /* messages in the selected mailbox, as told */
  gboolean is_bye; /* BYE has come */
  GArray *lines;   /* ResponseLine: the responses that are complete */
} Responses;

void responses_init (Responses *responses);
void responses_clear (Responses *responses);
/* @length octets more. */
void responses_feed (Responses *responses, const guint8 *data, gsize length);
/* Nothing may be unfinished. */
void responses_end (Responses *responses);
/* A tagged response's tag, status and text; FALSE: it is another. @tag, the caller frees. */
gboolean responses_parse_tagged (const char *line, char **out_tag, const char **out_status);

G_END_DECLS

#endif
