/* storage-postgresql/errors.h - the one place that turns what PostgreSQL says into CF_ERROR. */
#ifndef STORAGE_POSTGRESQL_ERRORS_H
#define STORAGE_POSTGRESQL_ERRORS_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

/* What libpq says of the last failure, in one line. The caller frees. */
char *errors_dup_message (PGconn *handle);
/* Sets @error for a result that is a failure, or NULL. Messages that the schema's functions mean for a client
 * are passed on; any other is logged, and a client does not see it. TRUE: the same may be tried again at
 * once. */
gboolean errors_set_from_result (const PGresult *result, GError **error);
/* The result is a failure, as there is no schema, or one that is yet to be brought forward. */
gboolean errors_is_schema_missing (const PGresult *result);
/* Sets CF_ERROR_UNAVAILABLE for a connection that fails without a result, and logs why. */
void errors_set_from_connection (PGconn *handle, GError **error);
/* Why something was refused, as the schema's functions name it (commit_batch, mailbox_rename). Never NULL.
 * The caller frees. */
GError *errors_new_outcome (const char *failure);
/* CF_ERROR_CORRUPTION. */
void errors_set_damaged (GError **error);
/* CF_ERROR_SERVERBUG: GnuTLS does not hash. */
void errors_set_no_hash (GError **error);

#endif
