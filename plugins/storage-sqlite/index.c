/* storage-sqlite/index.c - a mailbox's rows, and the difference from an earlier moment.
 *
 * No index has MODSEQ, so "what changed since M" is answered from `change`: the union of the UIDs of the
 * commits after M says which rows to look at. Where those are trimmed (keep_changes) all rows are read and
 * the older ones skipped; where the tombstones are trimmed (keep_tombstones) the answer is a reset.
 */
#include "store.h"

void
index_read_row (Db *db, DbRows *rows, int first, CfIndexRow *row)
{
  *row = (CfIndexRow){ .struct_size = sizeof *row,
                       .uid = (guint32) db_int (rows, first),
                       .flags = (guint16) db_int (rows, first + 1),
                       .zone = (gint16) db_int (rows, first + 2),
                       .internal_date = db_int (rows, first + 3),
                       .save_date = db_int (rows, first + 4),
                       .modseq = (guint64) db_int (rows, first + 5),
                       .size = (guint64) db_int (rows, first + 6),
                       .content = (CfContentId) db_int (rows, first + 7),
                       .keywords = db_column_keywords (db, rows, first + 8) };
}

/* Reports the rows of UIDs from @first to @last with a MODSEQ above @since. */
static gboolean
index_report_rows (Db *db, CfAccountId account, CfMailboxId mailbox, guint32 first, guint32 last,
                   guint64 since, CfIndexSink *sink, GError **error)
{
  g_autoptr (DbRows) rows = db_query (db, error,
                                      "SELECT " PLACEMENT_COLUMNS " FROM placement WHERE account = ? AND"
                                      " mailbox = ? AND uid BETWEEN ? AND ? AND modseq > ? ORDER BY uid",
                                      INT (account), INT (mailbox), INT (first), INT (last), INT (since));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      CfIndexRow row;

      index_read_row (db, rows, 0, &row);
      sink->row (sink, &row);
    }
  }
  return step == 0;
}

/* The union of what the commits after @since did of @kind. */
static CfUidSet *
index_union_changes (Db *db, CfAccountId account, CfMailboxId mailbox, const char *kind, guint64 since,
                     GError **error)
{
  g_autoptr (CfUidSet) all = cf_uid_set_new ();
  g_autoptr (DbRows) rows = db_query (
      db, error, "SELECT uids FROM change WHERE account = ? AND mailbox = ? AND kind = ? AND modseq > ?",
      INT (account), INT (mailbox), TEXT (kind), INT (since));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      g_autoptr (CfUidSet) uids = cf_uid_set_from_string (db_column_text (rows, 0), NULL);

      if (uids == NULL) {
        g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "Stored data is damaged");
        return NULL;
      }
      cf_uid_set_add_set (all, uids);
    }
  }
  return step == 0 ? g_steal_pointer (&all) : NULL;
}

static gboolean
index_report_expunged (Db *db, CfAccountId account, CfMailboxId mailbox, guint64 since, CfIndexSink *sink,
                       GError **error)
{
  g_autoptr (CfUidSet) expunged = index_union_changes (db, account, mailbox, "expunged", since, error);

  if (expunged == NULL)
    return FALSE;
  if (!cf_uid_set_is_empty (expunged))
    sink->expunged (sink, expunged);
  return TRUE;
}

static gboolean
index_report_changed (Db *db, CfAccountId account, CfMailboxId mailbox, guint64 since, CfIndexSink *sink,
                      GError **error)
{
  g_autoptr (CfUidSet) changed = index_union_changes (db, account, mailbox, "changed", since, error);
  gsize n;

  if (changed == NULL)
    return FALSE;
  n = cf_uid_set_get_n_ranges (changed);
  for (gsize i = 0; i < n; i++) {
    CfUidRange range = cf_uid_set_get_range (changed, i);

    if (!index_report_rows (db, account, mailbox, range.first, range.last, since, sink, error))
      return FALSE;
  }
  return TRUE;
}

typedef struct {
  guint64 highest, changed_floor, expunged_floor;
} IndexState;

/* Reports the mailbox itself, having claimed \Recent for @query if that is asked. */
static gboolean
index_report_mailbox (CfStore *store, Db *db, CfAccountId account, CfMailboxId mailbox,
                      const CfIndexQuery *query, CfIndexSink *sink, IndexState *state, GError **error)
{
  g_autoptr (DbRows) rows = db_query (db, error,
                                      "SELECT " MAILBOX_COLUMNS ", changed_floor, expunged_floor FROM mailbox"
                                      " WHERE id = ? AND account = ?",
                                      INT (mailbox), INT (account));
  int step = rows != NULL ? db_next (db, rows, error) : -1;
  CfMailboxInfo info;

  if (step == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  if (step <= 0)
    return FALSE;
  mailbox_read_info (store, rows, &info);
  if (query != NULL)
    info.recent_uid = mailbox_claim_recent (store, mailbox, MAX (info.recent_uid, query->known_recent),
                                            query->claim_recent ? info.uid_next : 0);
  state->highest = info.highest_modseq;
  state->changed_floor = (guint64) db_int (rows, 7);
  state->expunged_floor = (guint64) db_int (rows, 8);
  sink->mailbox (sink, &info);
  return TRUE;
}

gboolean
index_report (CfStore *store, Db *db, CfAccountId account, CfMailboxId mailbox, guint64 since,
              const CfIndexQuery *query, CfIndexSink *sink, GError **error)
{
  IndexState state;

  if (!index_report_mailbox (store, db, account, mailbox, query, sink, &state, error))
    return FALSE;
  if (since == G_MAXUINT64 || since == state.highest)
    return TRUE;
  /* A MODSEQ above the highest comes from a store that was there before this one was restored. */
  if (since != 0 && (since < state.expunged_floor || since > state.highest)) {
    sink->reset (sink);
    since = 0;
  }
  if (since != 0 && !index_report_expunged (db, account, mailbox, since, sink, error))
    return FALSE;
  if (since != 0 && since >= state.changed_floor)
    return index_report_changed (db, account, mailbox, since, sink, error);
  return index_report_rows (db, account, mailbox, 1, G_MAXUINT32, since, sink, error);
}

/* The mailbox asked for. */
static gboolean
index_find (Db *db, const CfIndexQuery *query, CfMailboxId *out_id, GError **error)
{
  gint64 id;
  int found = query->mailbox != 0
                  ? db_get (db, &id, error, "SELECT id FROM mailbox WHERE id = ? AND account = ?",
                            INT (query->mailbox), INT (query->account))
                  : db_get (db, &id, error, "SELECT id FROM mailbox WHERE account = ? AND name = ?",
                            INT (query->account), TEXT (query->name));

  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  *out_id = (CfMailboxId) id;
  return found > 0;
}

static gboolean
index_load (CfStore *store, Db *db, const CfIndexQuery *query, CfIndexSink *sink, GError **error)
{
  CfMailboxId id;
  guint64 since = query->since;

  if (!index_find (db, query, &id, error))
    return FALSE;
  if (query->since_of != 0 && query->since_of != id)
    since = 0;
  return index_report (store, db, query->account, id, since, query, sink, error);
}

gboolean
slot_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                 GError **error)
{
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = index_load (conn->store, conn->db, query, sink, error);
  db_end_read (conn->db);
  if (ok && query->claim_recent)
    mailbox_limit_claims (conn->store, call);
  return ok;
}
