/* storage-postgresql/errors.h - the one place that turns what PostgreSQL says into CF_ERROR. */
#ifndef STORAGE_POSTGRESQL_ERRORS_H
#define STORAGE_POSTGRESQL_ERRORS_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

/* Sets @error for a result that is a failure. Messages that the schema's functions mean for a client are
 * passed on; any other is logged, and a client does not see it. TRUE: the same may be tried again at once. */
gboolean errors_set_from_result (const PGresult *result, GError **error);
/* The same for a connection that could not be made. */
void errors_set_from_connection (PGconn *handle, GError **error);
/* An operation's outcome, as coffer.commit_batch() names it. */
GError *errors_new_outcome (const char *failure);
void errors_set_damaged (GError **error);

#endif
