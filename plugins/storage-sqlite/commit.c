/* storage-sqlite/commit.c - carrying out a batch: order, groups, MODSEQ, reports.
 *
 * The writer's turn is the lock on all mailboxes at once, so what an operation reads is what its commit
 * changes. A group of operations, or one alone, runs inside a savepoint; when it fails, its savepoint and
 * what this file knows of the mailboxes go back. All changes of a batch get one MODSEQ per mailbox, and one
 * row of `change` per kind.
 *
 * UIDs cannot repeat: uid_next is read and written in the transaction that gives a UID out. Outcomes reach
 * the batch when that is durable.
 */
#include "commit.h"

/* Every so many MODSEQs of a mailbox its rows of `change` are trimmed. */
#define TRIM_EVERY 64

void
commit_report (Commit *commit, ReportKind kind, guint op, guint32 uid, guint32 new_uid)
{
  Report report = { .kind = kind, .op = op, .uid = uid, .new_uid = new_uid };

  g_array_append_val (commit->reports, report);
}

void
commit_report_object_gone (Commit *commit, guint op, CfObjectId object)
{
  Report report = { .kind = REPORT_OBJECT_GONE, .op = op, .object = object };

  g_array_append_val (commit->reports, report);
}

void
commit_clear_report (gpointer report)
{
  g_clear_error (&((Report *) report)->error);
}

static void
commit_publish (Commit *commit)
{
  for (guint i = 0; i < commit->reports->len; i++) {
    Report *report = &g_array_index (commit->reports, Report, i);

    switch (report->kind) {
    case REPORT_APPENDED:
      cf_write_batch_appended (commit->batch, report->op, report->uid);
      break;
    case REPORT_COPIED:
      cf_write_batch_copied (commit->batch, report->op, report->uid, report->new_uid);
      break;
    case REPORT_NOT_MODIFIED:
      cf_write_batch_not_modified (commit->batch, report->op, report->uid);
      break;
    case REPORT_EXPUNGED:
      cf_write_batch_expunged (commit->batch, report->op, report->uid);
      break;
    case REPORT_OBJECT_GONE:
      cf_write_batch_object_gone (commit->batch, report->op, report->object);
      break;
    case REPORT_FAILED:
      cf_write_batch_fail (commit->batch, report->op, g_steal_pointer (&report->error));
      break;
    }
  }
}

/* ---- Mailboxes --------------------------------------------------------------------------------------- */

void
commit_mailbox_clear (CommitMailbox *mailbox)
{
  g_clear_pointer (&mailbox->changed, cf_uid_set_free);
  g_clear_pointer (&mailbox->expunged, cf_uid_set_free);
}

int
commit_mailbox_load (Commit *commit, CfMailboxId id, CommitMailbox *mailbox, GError **error)
{
  g_autoptr (DbRows) rows = db_query (commit->db, error,
                                      "SELECT uid_next, highest_modseq, messages, octets, unseen, deleted"
                                      " FROM mailbox WHERE id = ? AND account = ?",
                                      INT (id), INT (commit->account));
  int step = rows != NULL ? db_next (commit->db, rows, error) : -1;

  if (step <= 0)
    return step;
  *mailbox = (CommitMailbox){ .id = id,
                              .uid_next = db_int (rows, 0),
                              .modseq = db_int (rows, 1) + 1,
                              .messages = db_int (rows, 2),
                              .octets = db_int (rows, 3),
                              .unseen = db_int (rows, 4),
                              .deleted = db_int (rows, 5),
                              .messages_before = db_int (rows, 2),
                              .octets_before = db_int (rows, 3),
                              .changed = cf_uid_set_new (),
                              .expunged = cf_uid_set_new () };
  return 1;
}

static gboolean
commit_load (Commit *commit, GError **error)
{
  CfMailboxId source = cf_write_batch_get_mailbox (commit->batch);
  CfMailboxId destination = cf_write_batch_get_destination (commit->batch);
  int found = commit_mailbox_load (commit, source, &commit->mailboxes[0], error);

  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  if (found <= 0)
    return FALSE;
  commit->source = &commit->mailboxes[0];
  if (destination == source)
    commit->destination = commit->source;
  if (destination == 0 || destination == source)
    return TRUE;
  found = commit_mailbox_load (commit, destination, &commit->mailboxes[1], error);
  if (found > 0)
    commit->destination = &commit->mailboxes[1];
  return found >= 0;
}

gboolean
commit_place (Commit *commit, CommitMailbox *mailbox, const CfIndexRow *row, guint32 *out_uid, GError **error)
{
  g_autofree char *keywords = cf_keywords_to_string (row->keywords);

  /* UIDNEXT has to be a UID itself. */
  if (mailbox->uid_next >= G_MAXUINT32) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "The mailbox has no UIDs left");
    return FALSE;
  }
  if (!db_exec (
          commit->db, error,
          "INSERT INTO placement (account, mailbox, uid, content, modseq, flags, keywords, internal_date,"
          " zone, save_date, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          INT (commit->account), INT (mailbox->id), INT (mailbox->uid_next), INT (row->content),
          INT (mailbox->modseq), INT (row->flags), TEXT (keywords), INT (row->internal_date), INT (row->zone),
          INT (commit->now), INT (row->size)))
    return FALSE;
  *out_uid = (guint32) mailbox->uid_next++;
  cf_uid_set_add (mailbox->changed, *out_uid);
  mailbox->messages++;
  mailbox->octets += (gint64) row->size;
  mailbox->unseen += (row->flags & CF_FLAG_SEEN) == 0;
  mailbox->deleted += (row->flags & CF_FLAG_DELETED) != 0;
  return TRUE;
}

static gboolean
commit_add_change (Commit *commit, CommitMailbox *mailbox, const char *kind, const CfUidSet *uids,
                   GError **error)
{
  g_autofree char *text = NULL;

  if (cf_uid_set_is_empty (uids))
    return TRUE;
  text = cf_uid_set_to_string (uids);
  return db_exec (commit->db, error,
                  "INSERT INTO change (account, mailbox, kind, modseq, uids) VALUES (?, ?, ?, ?, ?)",
                  INT (commit->account), INT (mailbox->id), TEXT (kind), INT (mailbox->modseq), TEXT (text));
}

/* Forgets rows of `change` older than @keep commits, and notes in @floor_sql's column from where
 * they are whole. */
static gboolean
commit_trim (Commit *commit, CommitMailbox *mailbox, const char *kind, gint64 keep, const char *floor_sql,
             GError **error)
{
  gint64 floor = mailbox->modseq - keep;
  const DbValue values[] = { INT (floor), INT (mailbox->id) };

  if (floor <= 1)
    return TRUE;
  return db_exec (commit->db, error,
                  "DELETE FROM change WHERE account = ? AND mailbox = ? AND kind = ? AND modseq <= ?",
                  INT (commit->account), INT (mailbox->id), TEXT (kind), INT (floor))
         && db_exec_values (commit->db, floor_sql, values, G_N_ELEMENTS (values), error);
}

/* Writes back what became of the mailbox. */
static gboolean
commit_mailbox_store (Commit *commit, CommitMailbox *mailbox, GError **error)
{
  CfUidSet *changed = mailbox->changed;
  gsize n = cf_uid_set_get_n_ranges (mailbox->expunged);

  if (cf_uid_set_is_empty (changed) && n == 0)
    return TRUE;
  for (gsize i = 0; i < n; i++) {
    CfUidRange range = cf_uid_set_get_range (mailbox->expunged, i);

    cf_uid_set_remove_range (changed, range.first, range.last);
  }
  if (!commit_add_change (commit, mailbox, "changed", changed, error)
      || !commit_add_change (commit, mailbox, "expunged", mailbox->expunged, error)
      || !db_exec (
          commit->db, error,
          "UPDATE mailbox SET uid_next = ?, highest_modseq = ?, messages = ?, octets = ?, unseen = ?,"
          " deleted = ? WHERE id = ?",
          INT (mailbox->uid_next), INT (mailbox->modseq), INT (mailbox->messages), INT (mailbox->octets),
          INT (mailbox->unseen), INT (mailbox->deleted), INT (mailbox->id)))
    return FALSE;
  if (mailbox->modseq % TRIM_EVERY != 0)
    return TRUE;
  return commit_trim (commit, mailbox, "changed", store_config.keep_changes,
                      "UPDATE mailbox SET changed_floor = ? WHERE id = ?", error)
         && commit_trim (commit, mailbox, "expunged", store_config.keep_tombstones,
                         "UPDATE mailbox SET expunged_floor = ? WHERE id = ?", error);
}

/* ---- Quota ------------------------------------------------------------------------------------------- */

static gboolean
commit_load_usage (Commit *commit, GError **error)
{
  g_autoptr (DbRows) rows = NULL;

  if (cf_write_batch_get_max_octets (commit->batch) == 0
      && cf_write_batch_get_max_messages (commit->batch) == 0)
    return TRUE;
  rows = db_query (
      commit->db, error,
      "SELECT coalesce(sum(octets), 0), coalesce(sum(messages), 0) FROM mailbox WHERE account = ?",
      INT (commit->account));
  if (rows == NULL || db_next (commit->db, rows, error) <= 0)
    return FALSE;
  commit->octets_before = (guint64) db_int (rows, 0);
  commit->messages_before = (guint64) db_int (rows, 1);
  return TRUE;
}

/* What the account uses now, this batch's changes included. */
static void
commit_get_usage (const Commit *commit, guint64 *out_octets, guint64 *out_messages)
{
  *out_octets = commit->octets_before;
  *out_messages = commit->messages_before;
  for (guint i = 0; i < G_N_ELEMENTS (commit->mailboxes); i++) {
    const CommitMailbox *mailbox = &commit->mailboxes[i];

    *out_octets += (guint64) (mailbox->octets - mailbox->octets_before);
    *out_messages += (guint64) (mailbox->messages - mailbox->messages_before);
  }
}

/* A run that makes the account smaller, or leaves its size, is not refused. */
static gboolean
commit_check_quota (const Commit *commit, guint64 octets_before, guint64 messages_before, GError **error)
{
  guint64 max_octets = cf_write_batch_get_max_octets (commit->batch);
  guint64 max_messages = cf_write_batch_get_max_messages (commit->batch);
  guint64 octets, messages;

  commit_get_usage (commit, &octets, &messages);
  if ((max_octets == 0 || octets <= max_octets || octets <= octets_before)
      && (max_messages == 0 || messages <= max_messages || messages <= messages_before))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_OVERQUOTA, "The quota would be exceeded");
  return FALSE;
}

/* ---- Runs -------------------------------------------------------------------------------------------- */

/* What a failing run puts back. */
typedef struct {
  CommitMailbox mailboxes[2];
  guint n_reports;
} CommitMark;

static CommitMark
commit_mark (const Commit *commit)
{
  CommitMark mark
      = { .mailboxes = { commit->mailboxes[0], commit->mailboxes[1] }, .n_reports = commit->reports->len };

  for (guint i = 0; i < G_N_ELEMENTS (mark.mailboxes); i++) {
    if (mark.mailboxes[i].changed == NULL)
      continue;
    mark.mailboxes[i].changed = cf_uid_set_copy (mark.mailboxes[i].changed);
    mark.mailboxes[i].expunged = cf_uid_set_copy (mark.mailboxes[i].expunged);
  }
  return mark;
}

static void
commit_mark_clear (CommitMark *mark)
{
  commit_mailbox_clear (&mark->mailboxes[0]);
  commit_mailbox_clear (&mark->mailboxes[1]);
}

/* Forgets the run's outcomes, except which objects were gone. */
static void
commit_drop_reports (Commit *commit, guint from)
{
  guint i = from;

  while (i < commit->reports->len) {
    if (g_array_index (commit->reports, Report, i).kind == REPORT_OBJECT_GONE)
      i++;
    else
      g_array_remove_index (commit->reports, i);
  }
}

/* The operations from @first to before @end failed for the reason @failure. */
static void
commit_undo_run (Commit *commit, CommitMark *mark, guint first, guint end, const GError *failure)
{
  for (guint i = 0; i < G_N_ELEMENTS (commit->mailboxes); i++) {
    commit_mailbox_clear (&commit->mailboxes[i]);
    commit->mailboxes[i] = mark->mailboxes[i];
    mark->mailboxes[i] = (CommitMailbox){ 0 };
  }
  commit_drop_reports (commit, mark->n_reports);
  for (guint i = first; i < end; i++) {
    Report report = { .kind = REPORT_FAILED, .op = i, .error = g_error_copy (failure) };

    g_array_append_val (commit->reports, report);
  }
}

static gboolean
commit_operation (Commit *commit, guint i, GError **error)
{
  const CfWriteOp *op = cf_write_batch_get_op (commit->batch, i);

  return op->kind == CF_WRITE_APPEND ? append_run (commit, i, op, error)
                                     : operation_run (commit, i, op, error);
}

/* FALSE: the store failed, and the batch with it. That an operation is refused is an outcome. */
static gboolean
commit_run (Commit *commit, guint first, guint end, GError **error)
{
  CommitMark mark = commit_mark (commit);
  g_autoptr (GError) failure = NULL;
  guint64 octets, messages;
  gboolean ok;

  commit_get_usage (commit, &octets, &messages);
  ok = db_exec (commit->db, &failure, "SAVEPOINT run");
  for (guint i = first; ok && i < end; i++)
    ok = commit_operation (commit, i, &failure);
  ok = ok && commit_check_quota (commit, octets, messages, &failure);
  if (!ok && !commit->db->failed && db_exec (commit->db, NULL, "ROLLBACK TO run"))
    commit_undo_run (commit, &mark, first, end, failure);
  commit_mark_clear (&mark);
  if (!commit->db->failed)
    return db_exec (commit->db, error, "RELEASE run");
  if (failure != NULL)
    g_propagate_error (error, g_steal_pointer (&failure));
  else
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is not available");
  return FALSE;
}

static gboolean
commit_run_all (Commit *commit, GError **error)
{
  guint n = cf_write_batch_get_n_ops (commit->batch);

  for (guint first = 0, end; first < n; first = end) {
    guint group = cf_write_batch_get_op (commit->batch, first)->group;

    end = first + 1;
    while (group != 0 && end < n && cf_write_batch_get_op (commit->batch, end)->group == group)
      end++;
    if (!commit_run (commit, first, end, error))
      return FALSE;
  }
  return commit_mailbox_store (commit, commit->source, error)
         && (commit->destination == NULL || commit->destination == commit->source
             || commit_mailbox_store (commit, commit->destination, error));
}

/* Brings core's indexes up to date, from inside the transaction. */
static gboolean
commit_report_index (Commit *commit, guint which, const CommitMailbox *mailbox, GError **error)
{
  CfIndexSink *sink = cf_write_batch_get_sink (commit->batch, which);

  return sink == NULL
         || index_report (commit->store, commit->db, commit->account, mailbox->id,
                          cf_write_batch_get_since (commit->batch, which), NULL, sink, error);
}

static gboolean
commit_carry_out (Commit *commit, GError **error)
{
  return commit_load (commit, error) && commit_load_usage (commit, error) && commit_run_all (commit, error)
         && commit_report_index (commit, 0, commit->source, error)
         && (commit->destination == NULL || commit->destination == commit->source
             || commit_report_index (commit, 1, commit->destination, error));
}

gboolean
slot_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error)
{
  Writer *writer = &conn->store->writer;
  Commit commit = { .store = conn->store,
                    .batch = batch,
                    .account = cf_write_batch_get_account (batch),
                    .now = g_get_real_time () / G_USEC_PER_SEC };
  gboolean ok;

  commit.db = writer_begin (writer, call, error);
  if (commit.db == NULL)
    return FALSE;
  commit.reports = g_array_new (FALSE, FALSE, sizeof (Report));
  g_array_set_clear_func (commit.reports, commit_clear_report);
  ok = writer_end (writer, commit_carry_out (&commit, error), error);
  if (ok)
    commit_publish (&commit);
  g_array_unref (commit.reports);
  commit_mailbox_clear (&commit.mailboxes[0]);
  commit_mailbox_clear (&commit.mailboxes[1]);
  g_free (commit.buffer);
  return ok;
}
