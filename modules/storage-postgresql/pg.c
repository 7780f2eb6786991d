/* storage-postgresql/pg.c - connections and pipelines (pg.h).
 *
 * What has been queued is remembered in order, as libpq hands out results in that order: a statement's
 * preparation where this connection has not prepared it yet, the statement, the Sync. A failure makes
 * PostgreSQL pass over everything up to the Sync, and take back what was done since the one before.
 */
#include "pg.h"

#include "dsn.h"
#include "errors.h"
#include "ids.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* How much longer than PostgreSQL the wait at the socket lasts. */
#define SLACK_US (G_USEC_PER_SEC / 2)
/* What is queued is sent when it has become this much. */
#define FLUSH_SIZE 65536
/* How often pg_try() tries. Locks have an order, so ties are rare; nobody is to see one. */
#define ATTEMPTS 4

typedef enum {
  PENDING_PREPARE,
  PENDING_STATEMENT,
  PENDING_SYNC,
} PendingKind;

typedef struct {
  PendingKind kind;
  Statement statement; /* STATEMENT_LAST: a text of its own */
  PgRowFunc func;
  gpointer data;
} Pending;

struct _Pg {
  char *dsn;
  char *role;
  PgGuard *guard; /* or NULL */
  PGconn *handle; /* NULL: could not be connected again */
  char *place;    /* of the database; NULL: it has no schema */
  gboolean prepared[STATEMENT_LAST];
  Params *params;

  PgMode mode;
  const CfCall *call; /* its deadline moves on while rows of an index come */
  GArray *pending;    /* Pending */
  gboolean sent;      /* some of it may have reached PostgreSQL */
  gboolean shown;     /* a row function was called */
  gboolean retry;
  gboolean keep;   /* lost means lost */
  GError *failure; /* the first; PostgreSQL has taken everything back, unless it is UNKNOWN */

  Ids *ids;
  char *keywords_text; /* the keyword column decoded last, as neighbours mostly carry the same */
  CfKeywords *keywords;
};

/* ---- Failure ----------------------------------------------------------------------------------------- */

static void
pg_fail (Pg *pg, GError *error)
{
  if (pg->failure == NULL)
    pg->failure = error;
  else
    g_error_free (error);
}

static gboolean
pg_is_writing (const Pg *pg)
{
  return pg->mode == PG_WRITE || pg->mode == PG_WRITE_LAX;
}

/* The connection is of no use any more. A write that was on its way may have been carried out. */
static void
pg_lose (Pg *pg, const char *why)
{
  gboolean unknown = pg->sent && pg_is_writing (pg);

  if (pg->handle != NULL) {
    g_autofree char *message = errors_dup_message (pg->handle);

    g_message ("storage-postgresql: %s: %s", why, message);
  }
  if (unknown && pg->failure == NULL)
    pg_fail (pg, g_error_new_literal (CF_ERROR, CF_ERROR_UNKNOWN,
                                      "The store did not say whether the change was made"));
  else
    pg_fail (pg, g_error_new_literal (CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is not available"));
  g_clear_pointer (&pg->handle, PQfinish);
}

/* ---- Waiting ----------------------------------------------------------------------------------------- */

/* Waits until the socket can be read, or written where @for_write; what can be read is read. */
static gboolean
pg_wait (Pg *pg, gboolean for_write)
{
  struct pollfd fd = { .fd = PQsocket (pg->handle), .events = POLLIN | (for_write ? POLLOUT : 0) };
  gint64 left = -1;
  int n;

  if (pg->call->deadline != G_MAXINT64)
    left = MAX (pg->call->deadline + SLACK_US - g_get_monotonic_time (), 0) / 1000;
  n = poll (&fd, 1, (int) MIN (left, G_MAXINT));
  if (n < 0 && errno != EINTR) {
    pg_lose (pg, "It cannot be waited for");
    return FALSE;
  }
  if (n == 0) {
    pg_lose (pg, "No answer in time");
    return FALSE;
  }
  if (n > 0 && (fd.revents & ~POLLOUT) != 0 && !PQconsumeInput (pg->handle)) {
    pg_lose (pg, "Connection lost");
    return FALSE;
  }
  return TRUE;
}

static gboolean
pg_flush (Pg *pg)
{
  int rc;

  while ((rc = PQflush (pg->handle)) > 0) {
    if (!pg_wait (pg, TRUE))
      return FALSE;
  }
  if (rc < 0)
    pg_lose (pg, "Connection lost");
  return rc == 0;
}

/* The next result; NULL: a statement's last, or the connection is lost. */
static PGresult *
pg_get_result (Pg *pg)
{
  while (PQisBusy (pg->handle)) {
    if (!pg_wait (pg, FALSE))
      return NULL;
  }
  return PQgetResult (pg->handle);
}

/* ---- Ids --------------------------------------------------------------------------------------------- */

static gboolean
pg_take_block (const Row *row, gpointer data, GError **error)
{
  ids_add_block (((Pg *) data)->ids, (guint64) row_int (row, 0));
  return TRUE;
}

/* Queues a question for one block, or as many as @n ids need. */
static void
pg_ask_for_ids (Pg *pg, guint64 n)
{
  params_int4 (pg_params (pg), (gint32) (n / IDS_BLOCK + 1));
  pg_send (pg, STATEMENT_ID_BLOCKS, pg_take_block, pg);
}

guint64
pg_new_id (Pg *pg)
{
  return ids_take (pg->ids);
}

void
pg_forget_ids (Pg *pg)
{
  ids_forget (pg->ids);
}

/* ---- Connecting -------------------------------------------------------------------------------------- */

/* Settings that the statements rely on, or that only cost: to compile a statement takes longer than to run
 * it; and a plan made while a table was small is kept when it has grown, so none is to read whole tables.
 * What takes too long is ended by the deadline of the call, and not by what the role or the database has. */
#define SETTINGS                                                                                             \
  DSN_NO_LIMITS                                                                                              \
  "set jit = off;"                                                                                           \
  "set enable_seqscan = off;"                                                                                \
  "set default_transaction_isolation = 'read committed';"                                                    \
  "set client_min_messages = warning;"                                                                       \
  "set search_path = pg_catalog;"

/* With the settings comes where the database is, and a block of ids, in this order: those of a database that
 * has fallen back begin behind what may have been given out and lost. */
static gboolean
pg_settle (Pg *pg, GError **error)
{
  PGresult *result = PQexec (pg->handle, SETTINGS "select place, ids::text from coffer.connected()");
  gboolean ok;

  if (errors_is_schema_missing (result)) {
    PQclear (result);
    result = PQexec (pg->handle, SETTINGS "select null, null");
  }
  ok = PQresultStatus (result) == PGRES_TUPLES_OK;
  if (!ok) {
    errors_set_from_result (result, error);
  } else if (!PQgetisnull (result, 0, 0)) {
    pg->place = g_strdup (PQgetvalue (result, 0, 0));
    ids_add_block (pg->ids, g_ascii_strtoull (PQgetvalue (result, 0, 1), NULL, 10));
  }
  PQclear (result);
  return ok;
}

/* @tell: should it lead elsewhere. */
static gboolean
pg_is_let_in (Pg *pg, gboolean tell)
{
  PgGuard *guard = pg->guard;
  gboolean let_in;

  if (guard == NULL)
    return TRUE;
  g_mutex_lock (&guard->lock);
  let_in = guard->place == NULL || g_strcmp0 (guard->place, pg->place) == 0;
  if (!let_in && tell)
    guard->elsewhere (guard->data);
  g_mutex_unlock (&guard->lock);
  return let_in;
}

static gboolean
pg_ask_guard (Pg *pg, GError **error)
{
  gboolean let_in = pg_is_let_in (pg, TRUE);

  if (!let_in)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE,
                         "The store may have fallen back, and is compared with what is known of it");
  return let_in;
}

static gboolean
pg_connect (Pg *pg, GError **error)
{
  g_autoptr (GError) cause = NULL;

  g_clear_pointer (&pg->handle, PQfinish);
  memset (pg->prepared, 0, sizeof pg->prepared);
  ids_forget (pg->ids); /* what another server gave out counts for nothing */
  g_clear_pointer (&pg->place, g_free);
  pg->handle = dsn_connect (pg->dsn, pg->role, &cause);
  if (pg->handle == NULL) {
    g_message ("storage-postgresql: %s", cause->message);
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is not available");
    return FALSE;
  }
  if (!pg_settle (pg, error) || !pg_ask_guard (pg, error)) {
    g_clear_pointer (&pg->handle, PQfinish);
    return FALSE;
  }
  if (PQsetnonblocking (pg->handle, 1) == 0 && PQenterPipelineMode (pg->handle))
    return TRUE;
  errors_set_from_connection (pg->handle, error);
  g_clear_pointer (&pg->handle, PQfinish);
  return FALSE;
}

Pg *
pg_open (const char *dsn, const char *role, PgGuard *guard, GError **error)
{
  Pg *pg = g_new0 (Pg, 1);

  pg->guard = guard;
  pg->dsn = g_strdup (dsn);
  pg->role = g_strdup (role);
  pg->params = params_new ();
  pg->pending = g_array_new (FALSE, FALSE, sizeof (Pending));
  pg->ids = ids_new ();
  if (pg_connect (pg, error))
    return pg;
  pg_close (pg);
  return NULL;
}

void
pg_close (Pg *pg)
{
  if (pg == NULL)
    return;
  g_clear_pointer (&pg->handle, PQfinish);
  g_clear_error (&pg->failure);
  g_array_unref (pg->pending);
  ids_free (pg->ids);
  params_free (pg->params);
  cf_keywords_unref (pg->keywords);
  g_free (pg->keywords_text);
  g_free (pg->place);
  g_free (pg->role);
  g_free (pg->dsn);
  g_free (pg);
}

const char *
pg_get_place (Pg *pg)
{
  return pg->place;
}

void
pg_keep (Pg *pg)
{
  pg->keep = TRUE;
}

gboolean
pg_consume (Pg *pg)
{
  struct pollfd fd;

  if (pg->handle == NULL)
    return FALSE;
  fd = (struct pollfd){ .fd = PQsocket (pg->handle), .events = POLLIN };
  /* What is said at the end of a connection comes before the end itself. */
  while (poll (&fd, 1, 0) > 0) {
    if (!PQconsumeInput (pg->handle) || PQstatus (pg->handle) != CONNECTION_OK)
      return FALSE;
  }
  return PQstatus (pg->handle) == CONNECTION_OK;
}

/* ---- Queueing ---------------------------------------------------------------------------------------- */

static void
pg_note_pending (Pg *pg, PendingKind kind, Statement statement, PgRowFunc func, gpointer data)
{
  Pending pending = { kind, statement, func, data };

  g_array_append_val (pg->pending, pending);
}

/* @ok is libpq's answer to an attempt to queue something. */
static gboolean
pg_queued (Pg *pg, int ok)
{
  if (!ok)
    pg_lose (pg, "Connection lost");
  return ok != 0;
}

static gboolean
pg_prepare (Pg *pg, Statement statement)
{
  if (pg->prepared[statement])
    return TRUE;
  if (!pg_queued (pg,
                  PQsendPrepare (pg->handle, statements[statement].name, statements[statement].sql, 0, NULL)))
    return FALSE;
  pg_note_pending (pg, PENDING_PREPARE, statement, NULL, NULL);
  pg->prepared[statement] = TRUE; /* for what follows in this pipeline; taken back should it fail */
  return TRUE;
}

/* A statement without parameters that says what kind of transaction this is. */
static void
pg_send_bare (Pg *pg, Statement statement)
{
  params_reset (pg->params);
  pg_send (pg, statement, NULL, NULL);
}

Params *
pg_params (Pg *pg)
{
  return params_reset (pg->params);
}

typedef struct {
  const char *values[PARAMS_MAX];
  int formats[PARAMS_MAX];
} Wire;

static void
pg_lay_out (const Params *params, Wire *wire)
{
  for (guint i = 0; i < params->n; i++) {
    const char *copied = (const char *) params->octets->data + params->offsets[i];

    wire->formats[i] = 1;
    if (params->lengths[i] < 0)
      wire->values[i] = NULL;
    else
      wire->values[i] = params->borrowed[i] != NULL ? params->borrowed[i] : copied;
  }
}

static void
pg_note_sent (Pg *pg, Statement statement, PgRowFunc func, gpointer data)
{
  gsize length = pg->params->octets->len;

  pg_note_pending (pg, PENDING_STATEMENT, statement, func, data);
  pg->sent = TRUE; /* libpq sends when it has gathered enough */
  for (guint i = 0; i < pg->params->n; i++)
    length += pg->params->borrowed[i] != NULL ? (gsize) MAX (pg->params->lengths[i], 0) : 0;
  if (length >= FLUSH_SIZE)
    pg_flush (pg);
}

void
pg_send (Pg *pg, Statement statement, PgRowFunc func, gpointer data)
{
  const Params *params = pg->params;
  Wire wire;

  if (pg->failure != NULL || !pg_prepare (pg, statement))
    return;
  pg_lay_out (params, &wire);
  if (pg_queued (pg, PQsendQueryPrepared (pg->handle, statements[statement].name, (int) params->n,
                                          wire.values, params->lengths, wire.formats, 1)))
    pg_note_sent (pg, statement, func, data);
}

void
pg_send_text (Pg *pg, const char *sql, PgRowFunc func, gpointer data)
{
  const Params *params = pg->params;
  Wire wire;

  if (pg->failure != NULL)
    return;
  pg_lay_out (params, &wire);
  if (pg_queued (pg, PQsendQueryParams (pg->handle, sql, (int) params->n, NULL, wire.values, params->lengths,
                                        wire.formats, 1)))
    pg_note_sent (pg, STATEMENT_LAST, func, data);
}

/* ---- A round trip ------------------------------------------------------------------------------------ */

void
pg_set_timeout (Pg *pg, gboolean limited)
{
  g_autofree char *timeout = NULL;
  gint64 left = 0; /* none */

  if (limited && pg->call->deadline != G_MAXINT64)
    left = CLAMP ((pg->call->deadline - g_get_monotonic_time ()) / 1000, 1, G_MAXINT32);
  timeout = g_strdup_printf ("%" G_GINT64_FORMAT, left);
  params_text (pg_params (pg), timeout);
  params_text (pg->params, pg->mode == PG_WRITE_LAX ? "off" : NULL);
  pg_send (pg, STATEMENT_SETTINGS, NULL, NULL);
}

gboolean
pg_begin (Pg *pg, const CfCall *call, PgMode mode, GError **error)
{
  g_array_set_size (pg->pending, 0);
  g_clear_error (&pg->failure);
  pg->mode = mode;
  pg->call = call;
  pg->sent = pg->shown = pg->retry = FALSE;
  if (call->deadline <= g_get_monotonic_time ()) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
    return FALSE;
  }
  if (!pg_consume (pg) && pg->keep) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The connection is lost");
    return FALSE;
  }
  /* One that the others have left behind. */
  if (pg->handle != NULL && !pg_is_let_in (pg, FALSE))
    g_clear_pointer (&pg->handle, PQfinish);
  if ((pg->handle == NULL || PQstatus (pg->handle) != CONNECTION_OK) && !pg_connect (pg, error))
    return FALSE;
  if (mode == PG_SNAPSHOT)
    pg_send_bare (pg, STATEMENT_BEGIN_SNAPSHOT);
  pg_set_timeout (pg, TRUE);
  return TRUE;
}

gboolean
pg_begin_with_ids (Pg *pg, const CfCall *call, PgMode mode, guint n, GError **error)
{
  if (!pg_begin (pg, call, mode, error))
    return FALSE;
  /* A round trip for ids alone, which writes nothing. Behind it may be another connection, without them. */
  while (ids_count (pg->ids) < n) {
    pg->mode = PG_READ;
    pg_ask_for_ids (pg, n);
    if (!pg_run (pg, error) || !pg_begin (pg, call, mode, error))
      return FALSE;
  }
  if (ids_count (pg->ids) - n < IDS_BLOCK / 4)
    pg_ask_for_ids (pg, 0);
  return TRUE;
}

static void
pg_show (Pg *pg, const Pending *pending, const PGresult *result)
{
  GError *error = NULL;
  int n = PQntuples (result);

  for (int i = 0; i < n && pg->failure == NULL && pending->func != NULL; i++) {
    Row row = { result, i };

    pg->shown = TRUE;
    if (!pending->func (&row, pending->data, &error))
      pg_fail (pg, error);
  }
}

static void
pg_take_result (Pg *pg, const Pending *pending, const PGresult *result)
{
  GError *error = NULL;

  switch (PQresultStatus (result)) {
  case PGRES_SINGLE_TUPLE:
  case PGRES_TUPLES_OK:
    pg_show (pg, pending, result);
    break;
  case PGRES_COMMAND_OK:
  case PGRES_PIPELINE_SYNC:
    break;
  case PGRES_PIPELINE_ABORTED:
    if (pending->kind == PENDING_PREPARE)
      pg->prepared[pending->statement] = FALSE;
    break;
  default:
    if (pending->kind == PENDING_PREPARE)
      pg->prepared[pending->statement] = FALSE;
    pg->retry = errors_set_from_result (result, &error) && !pg->shown;
    /* Said instead of the Sync's answer it may come after the commit. */
    if (pending->kind == PENDING_SYNC && pg_is_writing (pg)
        && g_error_matches (error, CF_ERROR, CF_ERROR_UNAVAILABLE))
      error->code = CF_ERROR_UNKNOWN;
    pg_fail (pg, error);
    break;
  }
}

/* Takes all results of one that is pending. */
static gboolean
pg_take_pending (Pg *pg, const Pending *pending)
{
  PGresult *result;

  if (pending->func != NULL)
    PQsetSingleRowMode (pg->handle);
  while ((result = pg_get_result (pg)) != NULL) {
    gboolean is_sync = PQresultStatus (result) == PGRES_PIPELINE_SYNC;

    pg_take_result (pg, pending, result);
    PQclear (result);
    if (is_sync)
      return TRUE;
    if (PQstatus (pg->handle) == CONNECTION_BAD)
      break;
  }
  if (pg->handle != NULL && PQstatus (pg->handle) == CONNECTION_BAD)
    pg_lose (pg, "Connection lost");
  return pg->handle != NULL;
}

/* Sends what is queued with a Sync and takes the results. */
static void
pg_complete (Pg *pg)
{
  if (!pg_queued (pg, PQpipelineSync (pg->handle)))
    return;
  pg_note_pending (pg, PENDING_SYNC, STATEMENT_LAST, NULL, NULL);
  pg->sent = TRUE;
  if (!pg_flush (pg))
    return;
  for (guint i = 0; i < pg->pending->len; i++) {
    if (!pg_take_pending (pg, &g_array_index (pg->pending, Pending, i)))
      return;
  }
  g_array_set_size (pg->pending, 0);
}

gboolean
pg_run (Pg *pg, GError **error)
{
  if (pg->mode == PG_SNAPSHOT)
    pg_send_bare (pg, STATEMENT_COMMIT);
  if (pg->handle != NULL)
    pg_complete (pg);
  /* A snapshot's transaction that failed is open still. */
  if (pg->handle != NULL && PQtransactionStatus (pg->handle) != PQTRANS_IDLE) {
    g_autoptr (GError) failure = g_steal_pointer (&pg->failure);

    pg_send_bare (pg, STATEMENT_ROLLBACK);
    pg_complete (pg);
    if (pg->handle != NULL && PQtransactionStatus (pg->handle) != PQTRANS_IDLE)
      pg_lose (pg, "A transaction does not end");
    g_clear_error (&pg->failure);
    pg->failure = g_steal_pointer (&failure);
  }
  if (pg->failure == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&pg->failure));
  return FALSE;
}

/* What libpq has sent already cannot be called back. Without a Sync PostgreSQL commits nothing. */
void
pg_abandon (Pg *pg)
{
  g_clear_error (&pg->failure);
  g_clear_pointer (&pg->handle, PQfinish);
}

gboolean
pg_try (Pg *pg, PgAttempt attempt, gpointer data, const CfCall *call, GError **error)
{
  for (guint n = 1;; n++) {
    g_autoptr (GError) failure = NULL;

    if (attempt (data, call, &failure))
      return TRUE;
    if (n == ATTEMPTS || !pg->retry) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  }
}

/* ---- The rest ---------------------------------------------------------------------------------------- */

int
pg_get_socket (Pg *pg)
{
  return pg->handle != NULL ? PQsocket (pg->handle) : -1;
}

PGnotify *
pg_next_notification (Pg *pg)
{
  return pg->handle != NULL ? PQnotifies (pg->handle) : NULL;
}

CfKeywords *
pg_keywords (Pg *pg, const char *text)
{
  if (text == NULL || *text == '\0')
    return NULL;
  if (g_strcmp0 (text, pg->keywords_text) != 0) {
    cf_keywords_unref (pg->keywords);
    g_free (pg->keywords_text);
    pg->keywords = cf_keywords_from_string (text);
    pg->keywords_text = g_strdup (text);
  }
  return pg->keywords;
}
