/* core/imap/response.h - status responses (RFC 3501, 7.1; RFC 5530): the one place that knows them. */
#ifndef CF_RESPONSE_H
#define CF_RESPONSE_H

#include <coffer/session.h>

G_BEGIN_DECLS

/* The tagged NO or BAD for @error; @tag NULL: untagged. */
void cf_response_error (CfOutput *output, const char *tag, const GError *error);
/* "* BYE text". @code may be NULL, else "UNAVAILABLE" and the like. */
void cf_response_bye (CfOutput *output, const char *code, const char *text);
/* The response code for @error, "NONEXISTENT"; NULL: it has none. */
const char *cf_response_get_code (const GError *error);
/* Whether it is answered BAD: the command was not well formed. */
gboolean cf_response_is_bad (const GError *error);
/* How loud @error is logged. */
GLogLevelFlags cf_response_get_log_level (const GError *error);

G_END_DECLS

#endif
