/* storage-sqlite/writer.c - group commit (writer.h).
 *
 * The turn goes from thread to thread; the transaction stays open as long as somebody waits and the group is
 * not full, else the thread that has the turn commits. While it waits for the disk the next group gathers, so
 * groups are as large as the disk is slow, and a lone writer waits for nobody. Every thread carries out its
 * own request, so sinks are called on the thread that owns them.
 *
 * Invariants: `busy` is TRUE while a thread holds the turn, and only that thread touches `db`. `group` is
 * non-NULL exactly while the transaction is open between two turns or during one. When a group is settled, no
 * transaction is open on `db`, whatever happened.
 */
#include "writer.h"

/* A group this large commits even though more wait: the first of it has waited long enough. */
#define GROUP_MAX 256

struct _WriterGroup {
  guint members; /* threads that still look at this struct, and one for the open transaction */
  guint joined;
  gboolean settled;
  GError *error; /* settled: why nothing of the group was stored, or NULL */
  GCond cond;
};

typedef struct {
  gboolean turn;
  GCond cond;
} WriterTicket;

void
writer_init (Writer *writer, FileIdentity *file)
{
  writer->file = file;
  g_mutex_init (&writer->lock);
  g_queue_init (&writer->waiting);
}

void
writer_clear (Writer *writer)
{
  db_close (writer->db);
  g_mutex_clear (&writer->lock);
}

/* With the lock held. */
static void
writer_leave_group (WriterGroup *group)
{
  if (--group->members > 0)
    return;
  g_cond_clear (&group->cond);
  g_clear_error (&group->error);
  g_free (group);
}

/* Gives the turn to who has waited longest. With the lock held, by the thread that has it. */
static void
writer_pass_turn (Writer *writer)
{
  WriterTicket *next = g_queue_pop_head (&writer->waiting);

  if (next == NULL) {
    writer->busy = FALSE;
    return;
  }
  next->turn = TRUE;
  g_cond_signal (&next->cond);
}

/* With the lock held. FALSE: the deadline passed first, and the place in the queue is given up. */
static gboolean
writer_wait_turn (Writer *writer, gint64 deadline)
{
  WriterTicket ticket = { 0 };

  if (deadline < g_get_monotonic_time ())
    return FALSE;
  if (!writer->busy) {
    writer->busy = TRUE;
    return TRUE;
  }
  g_cond_init (&ticket.cond);
  g_queue_push_tail (&writer->waiting, &ticket);
  while (!ticket.turn) {
    if (deadline == G_MAXINT64)
      g_cond_wait (&ticket.cond, &writer->lock);
    else if (!g_cond_wait_until (&ticket.cond, &writer->lock, deadline) && !ticket.turn) {
      g_queue_remove (&writer->waiting, &ticket);
      break;
    }
  }
  g_cond_clear (&ticket.cond);
  return ticket.turn;
}

/* Ends the group of the thread that has the turn: @error, which it takes over, is why nothing is stored. */
static void
writer_settle (Writer *writer, GError *error)
{
  WriterGroup *group = writer->group;

  g_mutex_lock (&writer->lock);
  writer->group = NULL;
  group->settled = TRUE;
  group->error = error;
  g_cond_broadcast (&group->cond);
  writer_leave_group (group);
  writer_pass_turn (writer);
  g_mutex_unlock (&writer->lock);
}

/* Leaves no transaction open. A failing ROLLBACK has ended it as well. */
static void
writer_rollback (Db *db)
{
  if (!sqlite3_get_autocommit (db->handle))
    sqlite3_exec (db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static gboolean
writer_commit (Db *db, GError **error)
{
  g_autoptr (DbRows) rows = db_query (db, error, "COMMIT");
  int rc;

  if (rows == NULL)
    return FALSE;
  rc = sqlite3_step (rows);
  if (rc == SQLITE_DONE)
    return TRUE;
  db_set_error (db, rc, error);
  /* The commit frame was written, but it is not known to be on the disk. This process does not see it and the
   * next commit overwrites it; after a crash before that, recovery may find it and take it for good. */
  if (rc == SQLITE_IOERR_FSYNC && error != NULL && *error != NULL)
    (*error)->code = CF_ERROR_UNKNOWN;
  return FALSE;
}

/* Opens the group's transaction. */
static gboolean
writer_open_group (Writer *writer, GError **error)
{
  return file_identity_check (writer->file, error) && db_exec (writer->db, error, "BEGIN IMMEDIATE");
}

Db *
writer_begin (Writer *writer, const CfCall *call, GError **error)
{
  Db *db = writer->db;
  GError *failure = NULL;
  gboolean opened = FALSE;

  if (db == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "The store is open for reading only");
    return NULL;
  }
  g_mutex_lock (&writer->lock);
  if (!writer_wait_turn (writer, call->deadline)) {
    g_mutex_unlock (&writer->lock);
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
    return NULL;
  }
  if (writer->group == NULL) {
    writer->group = g_new0 (WriterGroup, 1);
    g_cond_init (&writer->group->cond);
    /* All who joined may have left, each with its own failure, before the next has come. */
    writer->group->members = 1;
    opened = TRUE;
  }
  writer->group->members++;
  writer->group->joined++;
  g_mutex_unlock (&writer->lock);

  db->failed = db->full = FALSE;
  if ((!opened || writer_open_group (writer, &failure)) && db_exec (db, &failure, "SAVEPOINT turn"))
    return db;
  g_propagate_error (error, failure);
  writer_end (writer, FALSE, NULL);
  return NULL;
}

/* Closes the savepoint. FALSE: the transaction is lost, and with it the whole group. */
static gboolean
writer_close_turn (Db *db, gboolean ok, GError **error)
{
  /* A full disk or an I/O error may have rolled back the transaction as a whole. */
  if (sqlite3_get_autocommit (db->handle)) {
    if (db->full)
      g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "The store is full");
    else
      g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is not available");
    return FALSE;
  }
  return (ok || db_exec (db, error, "ROLLBACK TO turn")) && db_exec (db, error, "RELEASE turn");
}

gboolean
writer_end (Writer *writer, gboolean ok, GError **error)
{
  WriterGroup *group = writer->group;
  Db *db = writer->db;
  GError *failure = NULL;
  gboolean intact = writer_close_turn (db, ok, &failure);
  gboolean stored;

  g_mutex_lock (&writer->lock);
  if (intact && group->joined < GROUP_MAX && !g_queue_is_empty (&writer->waiting)) {
    writer_pass_turn (writer);
    /* A request that failed by itself has nothing to wait for. */
    while (ok && !group->settled)
      g_cond_wait (&group->cond, &writer->lock);
  } else {
    g_mutex_unlock (&writer->lock);
    if (intact)
      writer_commit (db, &failure);
    writer_rollback (db);
    writer_settle (writer, failure);
    g_mutex_lock (&writer->lock);
  }
  stored = ok && group->error == NULL;
  if (ok && !stored)
    g_propagate_error (error, g_error_copy (group->error));
  writer_leave_group (group);
  g_mutex_unlock (&writer->lock);
  return stored;
}
