/* storage-sqlite/restore.c - moving in: a mailbox and its messages become what they were in another store.
 *
 * One turn of the writer. New contents are written as an append does, what goes goes as an EXPUNGE does, so
 * that counts and marks of collection are kept by the same code; in between rows are put as they are given.
 * Nothing is known then of what was expunged before: both floors are the highest MODSEQ.
 */
#include "commit.h"

typedef struct {
  Commit commit;
  const CfRestore *what;
  CfContentId *contents; /* one for each message */
} Restore;

/* ---- The mailbox ------------------------------------------------------------------------------------- */

static gboolean
restore_set_taken (const char *what, GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, what);
  return FALSE;
}

static gboolean
restore_check_name (Restore *restore, GError **error)
{
  const CfMailboxInfo *info = restore->what->mailbox;
  gint64 ignored;
  int found = db_get (restore->commit.db, &ignored, error,
                      "SELECT id FROM mailbox WHERE account = ? AND name = ? AND id <> ?",
                      INT (restore->commit.account), TEXT (info->name), INT (info->id));

  return found > 0 ? restore_set_taken ("The mailbox exists", error) : found == 0;
}

static gboolean
restore_open_mailbox (Restore *restore, GError **error)
{
  Commit *commit = &restore->commit;
  const CfMailboxInfo *info = restore->what->mailbox;
  CfMailboxId id = info->id;
  int found;

  if (!account_require (commit->db, commit->account, error) || !restore_check_name (restore, error))
    return FALSE;
  if (id == 0) {
    if (!db_exec (commit->db, error,
                  "INSERT INTO mailbox (account, name, uid_validity, created) VALUES (?, ?, ?, ?)",
                  INT (commit->account), TEXT (info->name), INT (info->uid_validity), INT (commit->now)))
      return FALSE;
    id = (CfMailboxId) sqlite3_last_insert_rowid (commit->db->handle);
  }
  found = commit_mailbox_load (commit, id, &commit->mailboxes[0], error);
  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  commit->source = &commit->mailboxes[0];
  return found > 0;
}

static gboolean
restore_close_mailbox (Restore *restore, GError **error)
{
  Db *db = restore->commit.db;
  const CfMailboxInfo *info = restore->what->mailbox;
  const CommitMailbox *mailbox = restore->commit.source;

  return db_exec (db, error, "DELETE FROM change WHERE account = ? AND mailbox = ?",
                  INT (restore->commit.account), INT (mailbox->id))
         && db_exec (db, error,
                     "UPDATE mailbox SET name = ?, uid_validity = ?, uid_next = ?, highest_modseq = ?,"
                     " recent_uid = ?, special_use = ?, changed_floor = ?, expunged_floor = ?, messages = ?,"
                     " octets = ?, unseen = ?, deleted = ? WHERE id = ?",
                     TEXT (info->name), INT (info->uid_validity), INT (info->uid_next),
                     INT (info->highest_modseq), INT (info->recent_uid), INT (info->special_use),
                     INT (info->highest_modseq), INT (info->highest_modseq), INT (mailbox->messages),
                     INT (mailbox->octets), INT (mailbox->unseen), INT (mailbox->deleted), INT (mailbox->id))
         && account_raise_uid_validity (db, restore->commit.account, info->uid_validity, error);
}

/* ---- Messages ---------------------------------------------------------------------------------------- */

/* A content without placement never gets one again: collection may be about to take it. */
static gboolean
restore_require_content (Restore *restore, CfContentId content, GError **error)
{
  gint64 ignored;
  int found = db_get (restore->commit.db, &ignored, error,
                      "SELECT 1 FROM content WHERE id = ? AND account = ? AND unplaced_since IS NULL",
                      INT (content), INT (restore->commit.account));

  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CONTENT_GONE, "The message is no longer stored");
  return found > 0;
}

static gboolean
restore_content (Restore *restore, guint i, GError **error)
{
  const CfRestoreMessage *wanted = restore->what->messages[i];
  guint first = cf_restore_find_first (restore->what, i);

  if (wanted->append == NULL) {
    restore->contents[i] = wanted->row->content;
    return restore_require_content (restore, wanted->row->content, error);
  }
  if (first < i) {
    restore->contents[i] = restore->contents[first];
    return TRUE;
  }
  return append_write (&restore->commit, i, wanted->append, &restore->contents[i], error);
}

/* Takes what the message counts for, if it is there, off the mailbox's counts. */
static gboolean
restore_uncount (Restore *restore, guint32 uid, CfContentId content, GError **error)
{
  Commit *commit = &restore->commit;
  CommitMailbox *mailbox = commit->source;
  g_autoptr (DbRows) rows
      = db_query (commit->db, error,
                  "SELECT content, size, flags FROM placement WHERE account = ? AND mailbox = ? AND uid = ?",
                  INT (commit->account), INT (mailbox->id), INT (uid));
  int step = rows != NULL ? db_next (commit->db, rows, error) : -1;

  if (step <= 0)
    return step == 0;
  if ((CfContentId) db_int (rows, 0) != content)
    return restore_set_taken ("The UID is another message's", error);
  mailbox->messages--;
  mailbox->octets -= db_int (rows, 1);
  mailbox->unseen -= (db_int (rows, 2) & CF_FLAG_SEEN) == 0;
  mailbox->deleted -= (db_int (rows, 2) & CF_FLAG_DELETED) != 0;
  return TRUE;
}

static gboolean
restore_attributes (Restore *restore, const CfRestoreMessage *wanted, GError **error)
{
  Commit *commit = &restore->commit;
  const CfAttributeTarget target = { .struct_size = sizeof target,
                                     .account = commit->account,
                                     .mailbox = commit->source->id,
                                     .uid = wanted->row->uid };

  if (!db_exec (commit->db, error, "DELETE FROM attribute WHERE account = ? AND mailbox = ? AND uid = ?",
                INT (target.account), INT (target.mailbox), INT (target.uid)))
    return FALSE;
  for (guint a = 0; a < wanted->n_attributes; a++) {
    gboolean ignored;

    if (!attribute_write (commit->db, &target, wanted->attributes[a], &ignored, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
restore_place (Restore *restore, guint i, GError **error)
{
  Commit *commit = &restore->commit;
  CommitMailbox *mailbox = commit->source;
  const CfIndexRow *row = restore->what->messages[i]->row;
  g_autofree char *keywords = cf_keywords_to_string (row->keywords);

  if (!restore_content (restore, i, error)
      || !restore_uncount (restore, row->uid, restore->contents[i], error)
      || !db_exec (
          commit->db, error,
          "INSERT OR REPLACE INTO placement (account, mailbox, uid, content, modseq, flags, keywords,"
          " internal_date, zone, save_date, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
          INT (commit->account), INT (mailbox->id), INT (row->uid), INT (restore->contents[i]),
          INT (row->modseq), INT (row->flags), TEXT (keywords), INT (row->internal_date), INT (row->zone),
          INT (row->save_date), INT (row->size)))
    return FALSE;
  mailbox->messages++;
  mailbox->octets += (gint64) row->size;
  mailbox->unseen += (row->flags & CF_FLAG_SEEN) == 0;
  mailbox->deleted += (row->flags & CF_FLAG_DELETED) != 0;
  return restore_attributes (restore, restore->what->messages[i], error);
}

static gboolean
restore_expunge (Restore *restore, GError **error)
{
  const CfWriteOp op
      = { .struct_size = sizeof op, .kind = CF_WRITE_EXPUNGE, .uids = restore->what->expunged };

  if (op.uids == NULL)
    return TRUE;
  restore->commit.source->uid_next = MAX (restore->commit.source->uid_next, restore->what->mailbox->uid_next);
  return operation_run (&restore->commit, 0, &op, error);
}

static gboolean
restore_carry_out (Restore *restore, GError **error)
{
  if (!restore_open_mailbox (restore, error))
    return FALSE;
  for (guint i = 0; i < restore->what->n_messages; i++) {
    if (!restore_place (restore, i, error))
      return FALSE;
  }
  return restore_expunge (restore, error) && restore_close_mailbox (restore, error);
}

gboolean
slot_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *what, CfMailboxId *out_mailbox,
                      CfContentId *out_contents, GError **error)
{
  Writer *writer = &conn->store->writer;
  g_autofree CfContentId *contents = g_new0 (CfContentId, what->n_messages + 1);
  Restore restore
      = { .commit
          = { .store = conn->store, .account = what->account, .now = g_get_real_time () / G_USEC_PER_SEC },
          .what = what,
          .contents = contents };
  Commit *commit = &restore.commit;
  gboolean ok;

  commit->db = writer_begin (writer, call, error);
  if (commit->db == NULL)
    return FALSE;
  commit->reports = g_array_new (FALSE, FALSE, sizeof (Report));
  g_array_set_clear_func (commit->reports, commit_clear_report);
  ok = writer_end (writer, restore_carry_out (&restore, error), error);
  if (ok) {
    *out_mailbox = commit->source->id;
    mailbox_forget_claim (conn->store, commit->source->id);
    for (guint i = 0; i < what->n_messages; i++)
      out_contents[i] = contents[i];
  }
  commit_mailbox_clear (&commit->mailboxes[0]);
  g_array_unref (commit->reports);
  g_free (commit->buffer);
  return ok;
}
