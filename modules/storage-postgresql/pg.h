/* storage-postgresql/pg.h - one connection to PostgreSQL, as a pipeline: what a slot asks for is queued, sent
 * together, and waited for once.
 *
 *   if (!pg_begin (pg, call, PG_WRITE, error))
 *     return FALSE;
 *   params = pg_params (pg);
 *   params_int8 (params, ...);
 *   pg_send (pg, STATEMENT_..., row_func, data);
 *   return pg_run (pg, error);
 *
 * Everything between pg_begin() and pg_run() is one transaction and one round trip: the statements, one Sync,
 * one wait. Rows are handed to the statement's function as they come. When pg_run() returns FALSE they are
 * void.
 *
 * Nothing waits longer than the call's deadline: PostgreSQL ends statements that run longer, and should it
 * not answer at all, the wait at the socket ends a little later and the connection is given up. One that was
 * lost while idle is replaced in pg_begin(), so that a restart of PostgreSQL is noticed by nobody who did not
 * ask meanwhile. A failover is: PgGuard.
 */
#ifndef STORAGE_POSTGRESQL_PG_H
#define STORAGE_POSTGRESQL_PG_H

#include "params.h"
#include "statements.h"
#include "values.h"

typedef enum {
  PG_READ,      /* one statement, or several that need not see the same moment */
  PG_SNAPSHOT,  /* all statements see one moment; nothing can be written */
  PG_WRITE,     /* durable when pg_run() returns TRUE */
  PG_WRITE_LAX, /* may be lost when PostgreSQL crashes in the next moments */
} PgMode;

/* Takes a row, which is borrowed. FALSE: it cannot be right, or it says that something was refused, with
 * @error; further rows are not shown, and pg_run() fails with it. That takes nothing back: what the statement
 * has written stays. */
typedef gboolean (*PgRowFunc) (const Row *row, gpointer data, GError **error);

/* One thread's at a time. */
typedef struct _Pg Pg;

/* Where the database is that connections may lead to (schema/postgresql/011-epochs.sql): with one that has
 * fallen back nothing is done before somebody has looked at it. Shared by threads; zero-filled is one that
 * has no opinion. */
typedef struct {
  GMutex lock;
  char *place; /* NULL: any will do */
  void (*elsewhere) (
      gpointer); /* a connection led to another place, and was refused; any thread, with lock */
  gpointer data;
} PgGuard;

/* @role: as dsn_connect() has it. @guard is borrowed, for as long as the connection lives; NULL: wherever the
 * database is. CF_ERROR_UNAVAILABLE: it could not be connected, or the guard refuses. */
Pg *pg_open (const char *dsn, const char *role, PgGuard *guard, GError **error);
void pg_close (Pg *pg);
/* From here on a connection that is lost is not replaced: it has something that another would not have. */
void pg_keep (Pg *pg);
/* Where the database was when it was connected; NULL: there was no schema. Borrowed until the next
 * pg_begin().
 */
const char *pg_get_place (Pg *pg);

/* @call is borrowed until pg_run() or pg_abandon(). CF_ERROR_UNAVAILABLE: the deadline is over, or there is
 * no connection. */
gboolean pg_begin (Pg *pg, const CfCall *call, PgMode mode, GError **error);
/* Whether PostgreSQL ends the statements that follow at the call's deadline, as it does from pg_begin() on.
 * If not, the wait for each row is limited all the same. */
void pg_set_timeout (Pg *pg, gboolean limited);
/* The parameters of the statement to be sent next, empty. */
Params *pg_params (Pg *pg);
/* Queues a statement. @func NULL: its rows do not matter. */
void pg_send (Pg *pg, Statement statement, PgRowFunc func, gpointer data);
/* The same for a text made for this occasion. */
void pg_send_text (Pg *pg, const char *sql, PgRowFunc func, gpointer data);
/* FALSE: nothing has been changed; or, with CF_ERROR_UNKNOWN, nobody knows; or a row function refused. */
gboolean pg_run (Pg *pg, GError **error);
/* After pg_begin(): forgets what was queued, as something else has failed. */
void pg_abandon (Pg *pg);

/* All of a write, from pg_begin() to pg_run(); it may be called again. */
typedef gboolean (*PgAttempt) (gpointer data, const CfCall *call, GError **error);
/* Calls @attempt. Where it fails as PostgreSQL had to break a tie between transactions (a deadlock), and no
 * row function has been called, it is tried again, a few times. */
gboolean pg_try (Pg *pg, PgAttempt attempt, gpointer data, const CfCall *call, GError **error);

/* As pg_begin(), with @n ids for contents or objects at hand: they come in blocks, mostly with a round trip
 * that was made anyway. pg_new_id() hands them out; never 0, never given out again by anybody. */
gboolean pg_begin_with_ids (Pg *pg, const CfCall *call, PgMode mode, guint n, GError **error);
guint64 pg_new_id (Pg *pg);
/* Those at hand are not to be given out any more. */
void pg_forget_ids (Pg *pg);

/* For a thread that waits for notifications. */
int pg_get_socket (Pg *pg);
/* Reads what has come. FALSE: the connection is lost. */
gboolean pg_consume (Pg *pg);
/* The next notification, or NULL; free with PQfreemem(). */
PGnotify *pg_next_notification (Pg *pg);

/* The keyword set of a text column; borrowed until the next call. */
CfKeywords *pg_keywords (Pg *pg, const char *text);

#endif
