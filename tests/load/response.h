/* tests/load/response.h - one response of a server, taken apart (RFC 3501, 4 and 9). */
#ifndef RESPONSE_H
#define RESPONSE_H

#include <glib.h>

typedef enum { VALUE_ATOM, VALUE_STRING, VALUE_NIL, VALUE_LIST } ValueKind;

typedef struct Value Value;
struct Value {
  ValueKind kind;
  const char *data; /* of an atom or string: within the copy of the response that the outermost list owns,
                       or @owned; ends by @length */
  gsize length;
  const char *raw; /* as sent */
  gsize raw_length;
  char *owned;
  GPtrArray *items; /* of a list */
};

/* The words of a response as a list; the text of a status response is not to be passed here. NULL: malformed,
 * @out_wrong says how (transfer full). */
Value *response_parse (const char *data, gsize length, char **out_wrong);
void value_free (Value *value);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Value, value_free)

gboolean value_is (const Value *value, const char *atom);
gboolean value_get_number (const Value *value, guint64 *out_number);
/* Borrowed; NULL: there is no such item. */
const Value *value_get (const Value *list, guint n);
/* The same, however it was sent: a quoted string or a literal. */
gboolean value_equal (const Value *a, const Value *b);

/* "1:3,7" as numbers; FALSE: it is no set of numbers without "*". */
gboolean response_parse_set (const char *text, GArray *out_numbers);

#endif
