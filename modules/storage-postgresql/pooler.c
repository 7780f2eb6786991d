/* storage-postgresql/pooler.c - finding out what kind of pooler stands between us and PostgreSQL (pooler.h).
 *
 * Statements that were prepared, settings and LISTEN belong to a session of PostgreSQL. A pooler in
 * transaction mode has another one carry out the next transaction, and everything fails then, sooner or
 * later, and oddly. So it is found out at start. That a pooler is there shows in the process id that it gives
 * in PostgreSQL's place. Of two connections with a transaction each, one ends its own first, or the other
 * does: whichever session a pooler in transaction mode takes next, that used last or that unused for longest,
 * one of the two orders exchanges the sessions. In session mode they stay.
 */
#include "pooler.h"

#include "dsn.h"
#include "errors.h"

/* The number that @sql gives, or with @out NULL nothing. */
static gboolean
pooler_ask (PGconn *handle, const char *sql, int *out, GError **error)
{
  PGresult *result = PQexec (handle, sql);
  ExecStatusType status = PQresultStatus (result);
  gboolean ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

  if (!ok)
    errors_set_from_result (result, error);
  else if (out != NULL)
    *out = PQntuples (result) > 0 ? atoi (PQgetvalue (result, 0, 0)) : 0;
  PQclear (result);
  return ok;
}

#define BEGIN "begin; select pg_backend_pid()"

/* Whether @one has another session after both have ended a transaction, @last the later. */
static gboolean
pooler_exchanges (PGconn *one, PGconn *other, PGconn *last, gboolean *out_exchanges, GError **error)
{
  PGconn *first = last == one ? other : one;
  int before, after;

  if (!pooler_ask (one, BEGIN, &before, error) || !pooler_ask (other, BEGIN, NULL, error)
      || !pooler_ask (first, "commit", NULL, error) || !pooler_ask (last, "commit", NULL, error)
      || !pooler_ask (one, "select pg_backend_pid()", &after, error))
    return FALSE;
  *out_exchanges = before != after;
  return TRUE;
}

gboolean
pooler_check (PGconn *handle, const char *dsn, GError **error)
{
  gboolean exchanges = FALSE;
  PGconn *other;
  int process;
  gboolean ok;

  if (!pooler_ask (handle, "select pg_backend_pid()", &process, error))
    return FALSE;
  if (process == PQbackendPID (handle))
    return TRUE;
  other = dsn_connect (dsn, "schema", error);
  if (other == NULL)
    return FALSE;
  ok = pooler_exchanges (handle, other, handle, &exchanges, error)
       && (exchanges || pooler_exchanges (handle, other, other, &exchanges, error));
  PQfinish (other);
  if (!ok || !exchanges)
    return ok;
  g_set_error_literal (
      error, CF_ERROR, CF_ERROR_CANNOT,
      "Between this server and PostgreSQL stands a pooler that hands out connections by the "
      "transaction; the server needs them for a whole session (pgbouncer: pool_mode = session)");
  return FALSE;
}
