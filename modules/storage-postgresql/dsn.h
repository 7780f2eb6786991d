/* storage-postgresql/dsn.h - connecting as the dsn of the configuration says, and with what it leaves open.
 */
#ifndef STORAGE_POSTGRESQL_DSN_H
#define STORAGE_POSTGRESQL_DSN_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

/* SQL that takes away from a session the limits of time that its role or database may have for others. */
#define DSN_NO_LIMITS                                                                                        \
  "set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0;"                           \
  "set idle_in_transaction_session_timeout = 0;"

/* A connection, in no pipeline. @role is the end of the name that PostgreSQL shows for it. Waits for each
 * host of the dsn for as long as its connect_timeout says. An error is for the operator: libpq's text,
 * without passwords; CF_ERROR_CANNOT: the dsn cannot be read, else CF_ERROR_UNAVAILABLE. The caller calls
 * PQfinish(). */
PGconn *dsn_connect (const char *dsn, const char *role, GError **error);

#endif
