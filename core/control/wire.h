/* core/control/wire.h - lines of the control protocol, as the server and cofferctl both write and read them.
 *
 * A line is words with one space between them, ended by LF. In a word, everything but ASCII letters, digits
 * and "-._~" is percent-encoded (RFC 3986, 2.1), so a word may hold any UTF-8, spaces and line ends too; an
 * empty word is nothing between two spaces. A request is a command's name and its arguments:
 *
 *   user-add ann%40example.org secret
 *
 * The answer is any number of data lines, each "*" and words, and one last line: "OK", or "ERROR", a code
 * (RFC 5530's, or "-" where it has none), and a text for people:
 *
 *   ERROR ALREADYEXISTS There%20is%20such%20an%20account
 *
 * Of what takes long, data lines come while it goes on; among them "* progress DONE TOTAL", a few times a
 * second at most, in units of its own, with TOTAL 0 where it is not known.
 */
#ifndef CF_CONTROL_WIRE_H
#define CF_CONTROL_WIRE_H

#include <coffer/error.h>

G_BEGIN_DECLS

#define CF_CONTROL_LINE_MAX (48 * 1024) /* octets of a request */

/* A whole line with its LF; @words is NULL-terminated. The caller frees. */
char *cf_control_format (const char *const *words);
/* A data line of these words, which are strings and end with NULL. The caller frees. */
char *cf_control_format_data (va_list words);
/* The words of @length octets without LF; NULL-terminated, the caller frees with cf_control_words_free().
 * NULL with CF_ERROR_BAD: not such a line, or not UTF-8. */
char **cf_control_parse (const char *line, gsize length, GError **error);
/* Wipes the words, as they may be secrets. NULL is allowed. */
void cf_control_words_free (char **words);

G_END_DECLS

#endif
