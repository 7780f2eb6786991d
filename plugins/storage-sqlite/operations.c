/* storage-sqlite/operations.c - STORE, EXPUNGE, COPY, MOVE and ANNOTATE.
 *
 * Each is a function of one message. operation_each() reads the messages named, a block at a time, before it
 * changes any of the block, and stops at the UIDs that existed when the operation began: a COPY of 1:* into
 * the same mailbox does not copy its copies.
 */
#include "commit.h"

#define BLOCK_SIZE 500

typedef gboolean (*PlacementFunc) (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement,
                                   GError **error);

static void
placement_clear (gpointer placement)
{
  cf_keywords_unref (((Placement *) placement)->keywords);
}

/* Reads up to BLOCK_SIZE rows of the batch's mailbox. */
static gboolean
operation_read_block (Commit *commit, guint32 first, guint32 last, GArray *block, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (commit->db, error,
                  "SELECT " PLACEMENT_COLUMNS " FROM placement WHERE account = ? AND"
                  " mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?",
                  INT (commit->account), INT (commit->source->id), INT (first), INT (last), INT (BLOCK_SIZE));
  int step = rows != NULL ? 1 : -1;

  g_array_set_size (block, 0);
  while (step > 0) {
    step = db_next (commit->db, rows, error);
    if (step > 0) {
      Placement placement;

      index_read_row (commit->db, rows, 0, &placement.row);
      placement.keywords
          = placement.row.keywords != NULL ? cf_keywords_ref ((CfKeywords *) placement.row.keywords) : NULL;
      g_array_append_val (block, placement);
    }
  }
  return step == 0;
}

static gboolean
operation_each_in_range (Commit *commit, guint i, const CfWriteOp *op, guint32 first, guint32 last,
                         PlacementFunc func, GError **error)
{
  g_autoptr (GArray) block = g_array_sized_new (FALSE, FALSE, sizeof (Placement), 16);

  g_array_set_clear_func (block, placement_clear);
  do {
    if (!operation_read_block (commit, first, last, block, error))
      return FALSE;
    for (guint p = 0; p < block->len; p++) {
      if (!func (commit, i, op, &g_array_index (block, Placement, p), error))
        return FALSE;
    }
    if (block->len > 0)
      first = g_array_index (block, Placement, block->len - 1).row.uid + 1;
  } while (block->len == BLOCK_SIZE && first <= last);
  return TRUE;
}

static gboolean
operation_each (Commit *commit, guint i, const CfWriteOp *op, PlacementFunc func, GError **error)
{
  gsize n = cf_uid_set_get_n_ranges (op->uids);
  guint32 highest = (guint32) (commit->source->uid_next - 1);

  for (gsize r = 0; r < n; r++) {
    CfUidRange range = cf_uid_set_get_range (op->uids, r);

    if (range.first > highest)
      break;
    if (!operation_each_in_range (commit, i, op, range.first, MIN (range.last, highest), func, error))
      return FALSE;
  }
  return TRUE;
}

/* require_all: every UID named is there. */
static gboolean
operation_check_all (Commit *commit, const CfWriteOp *op, GError **error)
{
  gsize n = cf_uid_set_get_n_ranges (op->uids);

  for (gsize r = 0; r < n; r++) {
    CfUidRange range = cf_uid_set_get_range (op->uids, r);
    gint64 count;

    if (db_get (commit->db, &count, error,
                "SELECT count(*) FROM placement WHERE account = ? AND mailbox = ? AND uid BETWEEN ? AND ?",
                INT (commit->account), INT (commit->source->id), INT (range.first), INT (range.last))
        < 0)
      return FALSE;
    if (count != (gint64) range.last - range.first + 1) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED,
                           "Some of the messages have been expunged");
      return FALSE;
    }
  }
  return TRUE;
}

/* ---- STORE ------------------------------------------------------------------------------------------- */

static void
store_apply (const CfWriteOp *op, const Placement *placement, guint16 *out_flags, CfKeywords **out_keywords)
{
  switch (op->mode) {
  case CF_STORE_ADD:
    *out_flags = placement->row.flags | op->flags;
    *out_keywords = cf_keywords_union (placement->keywords, op->keywords);
    break;
  case CF_STORE_REMOVE:
    *out_flags = placement->row.flags & (guint16) ~op->flags;
    *out_keywords = cf_keywords_minus (placement->keywords, op->keywords);
    break;
  case CF_STORE_REPLACE:
    *out_flags = op->flags;
    *out_keywords = op->keywords != NULL ? cf_keywords_ref (op->keywords) : NULL;
    break;
  }
}

static gboolean
store_one (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement, GError **error)
{
  CommitMailbox *mailbox = commit->source;
  const CfIndexRow *row = &placement->row;
  g_autoptr (CfKeywords) keywords = NULL;
  g_autofree char *text = NULL;
  guint16 flags = row->flags;

  if (row->modseq > op->unchanged_since) {
    commit_report (commit, REPORT_NOT_MODIFIED, i, row->uid, 0);
    return TRUE;
  }
  store_apply (op, placement, &flags, &keywords);
  if (flags == row->flags && keywords == placement->keywords)
    return TRUE;
  text = cf_keywords_to_string (keywords);
  if (!db_exec (
          commit->db, error,
          "UPDATE placement SET flags = ?, keywords = ?, modseq = ? WHERE account = ? AND mailbox = ? AND"
          " uid = ?",
          INT (flags), TEXT (text), INT (mailbox->modseq), INT (commit->account), INT (mailbox->id),
          INT (row->uid)))
    return FALSE;
  cf_uid_set_add (mailbox->changed, row->uid);
  mailbox->unseen += ((flags & CF_FLAG_SEEN) == 0) - ((row->flags & CF_FLAG_SEEN) == 0);
  mailbox->deleted += ((flags & CF_FLAG_DELETED) != 0) - ((row->flags & CF_FLAG_DELETED) != 0);
  return TRUE;
}

/* ---- EXPUNGE, COPY, MOVE ----------------------------------------------------------------------------- */

/* Takes the message out of the batch's mailbox. */
static gboolean
operation_displace (Commit *commit, const CfIndexRow *row, GError **error)
{
  CommitMailbox *mailbox = commit->source;

  if (!db_exec (commit->db, error, "DELETE FROM placement WHERE account = ? AND mailbox = ? AND uid = ?",
                INT (commit->account), INT (mailbox->id), INT (row->uid))
      || !db_exec (commit->db, error, "DELETE FROM attribute WHERE account = ? AND mailbox = ? AND uid = ?",
                   INT (commit->account), INT (mailbox->id), INT (row->uid))
      || !collect_note_unplaced (commit->db, commit->account, row->content, commit->now, error))
    return FALSE;
  cf_uid_set_add (mailbox->expunged, row->uid);
  mailbox->messages--;
  mailbox->octets -= (gint64) row->size;
  mailbox->unseen -= (row->flags & CF_FLAG_SEEN) == 0;
  mailbox->deleted -= (row->flags & CF_FLAG_DELETED) != 0;
  return TRUE;
}

static gboolean
expunge_one (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement, GError **error)
{
  if (op->only_deleted && (placement->row.flags & CF_FLAG_DELETED) == 0)
    return TRUE;
  if (!operation_displace (commit, &placement->row, error))
    return FALSE;
  commit_report (commit, REPORT_EXPUNGED, i, placement->row.uid, 0);
  return TRUE;
}

static gboolean
copy_one (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement, GError **error)
{
  CommitMailbox *to = commit->destination;
  guint32 uid;

  if (!commit_place (commit, to, &placement->row, &uid, error)
      || !db_exec (
          commit->db, error,
          "INSERT INTO attribute (account, mailbox, uid, key, value) SELECT account, ?, ?, key, value"
          " FROM attribute WHERE account = ? AND mailbox = ? AND uid = ?",
          INT (to->id), INT (uid), INT (commit->account), INT (commit->source->id), INT (placement->row.uid)))
    return FALSE;
  commit_report (commit, REPORT_COPIED, i, placement->row.uid, uid);
  return TRUE;
}

static gboolean
move_one (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement, GError **error)
{
  return copy_one (commit, i, op, placement, error) && operation_displace (commit, &placement->row, error);
}

/* ---- ANNOTATE ---------------------------------------------------------------------------------------- */

static gboolean
annotate_one (Commit *commit, guint i, const CfWriteOp *op, const Placement *placement, GError **error)
{
  CommitMailbox *mailbox = commit->source;
  CfAttributeTarget target = { .struct_size = sizeof target,
                               .account = commit->account,
                               .mailbox = mailbox->id,
                               .uid = placement->row.uid };
  gboolean any = FALSE;

  for (guint a = 0; a < op->n_attributes; a++) {
    gboolean changed;

    if (!attribute_write (commit->db, &target, op->attributes[a], &changed, error))
      return FALSE;
    any = any || changed;
  }
  if (!any)
    return TRUE;
  cf_uid_set_add (mailbox->changed, placement->row.uid);
  return db_exec (commit->db, error,
                  "UPDATE placement SET modseq = ? WHERE account = ? AND mailbox = ? AND uid = ?",
                  INT (mailbox->modseq), INT (commit->account), INT (mailbox->id), INT (placement->row.uid));
}

gboolean
operation_run (Commit *commit, guint i, const CfWriteOp *op, GError **error)
{
  PlacementFunc func = NULL;

  switch (op->kind) {
  case CF_WRITE_STORE:
    func = store_one;
    break;
  case CF_WRITE_EXPUNGE:
    func = expunge_one;
    break;
  case CF_WRITE_COPY:
    func = copy_one;
    break;
  case CF_WRITE_MOVE:
    func = move_one;
    break;
  case CF_WRITE_ANNOTATE:
    func = annotate_one;
    break;
  default: /* of a newer core */
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NOT_SUPPORTED, "The store does not know this operation");
    return FALSE;
  }
  if ((func == copy_one || func == move_one) && commit->destination == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_TRYCREATE, "There is no such mailbox");
    return FALSE;
  }
  return (!op->require_all || operation_check_all (commit, op, error))
         && operation_each (commit, i, op, func, error);
}
