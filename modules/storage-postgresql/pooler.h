/* storage-postgresql/pooler.h - what stands between us and PostgreSQL, and whether it can be used. */
#ifndef STORAGE_POSTGRESQL_POOLER_H
#define STORAGE_POSTGRESQL_POOLER_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

/* FALSE, CF_ERROR_CANNOT: a pooler hands out connections of PostgreSQL by the transaction. @handle is a
 * connection with nothing under way; @dsn is how it was made. Asks nothing more where nothing stands between.
 */
gboolean pooler_check (PGconn *handle, const char *dsn, GError **error);

#endif
