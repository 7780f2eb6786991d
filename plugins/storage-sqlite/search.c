/* storage-sqlite/search.c - SEARCH by what is in columns, and the look-up by header value.
 *
 * A tree becomes one SQL condition over the mailbox's rows. What has no column is left out where that can
 * only make the answer larger: below AND. An OR with such a branch, and a NOT of one, are left out as a
 * whole. The answer is exact when nothing was.
 */
#include "store.h"

#include <string.h>

const char *const search_lookup_names[] = {
  "contribution-id", "conversation-id", "imdn-message-id", "inreplyto-contribution-id", "message-id", NULL,
};

#define SECONDS_PER_DAY G_GINT64_CONSTANT (86400)

/* Seconds of the date as its own zone shows it, so that "disregarding time and zone" is a comparison. */
#define INTERNAL_DAY "(p.internal_date + p.zone * 60)"
#define SENT_DAY     "(SELECT c.sent_date + c.sent_zone * 60 FROM content c WHERE c.id = p.content)"

typedef struct {
  GString *sql;
  GArray *values; /* DbValue; borrowed from the tree */
  gboolean exact; /* nothing was left out */
} Condition;

static void
condition_add (Condition *condition, const char *sql, DbValue value)
{
  g_string_append (condition->sql, sql);
  if (value.type != SQLITE_NULL)
    g_array_append_val (condition->values, value);
}

static gboolean condition_node (Condition *condition, const CfSearchNode *node);

/* Appends the children joined by @word. FALSE: one could not be said; AND leaves that one out instead. */
static gboolean
condition_children (Condition *condition, const CfSearchNode *node, const char *word)
{
  guint n = node->children != NULL ? node->children->len : 0;
  gboolean all = node->kind == CF_SEARCH_AND;
  gboolean any = FALSE;

  g_string_append_c (condition->sql, '(');
  for (guint i = 0; i < n; i++) {
    gsize mark = condition->sql->len;

    if (any)
      g_string_append (condition->sql, word);
    if (condition_node (condition, g_ptr_array_index (node->children, i))) {
      any = TRUE;
      continue;
    }
    if (!all)
      return FALSE;
    condition->exact = FALSE;
    g_string_truncate (condition->sql, mark);
  }
  if (!any)
    g_string_append (condition->sql, all ? "1" : "0");
  g_string_append_c (condition->sql, ')');
  return TRUE;
}

static gboolean
condition_not (Condition *condition, const CfSearchNode *node)
{
  gboolean exact_before = condition->exact;
  gboolean ok;

  if (node->children == NULL || node->children->len != 1)
    return FALSE;
  condition->exact = TRUE;
  g_string_append (condition->sql, "NOT ");
  ok = condition_node (condition, g_ptr_array_index (node->children, 0)) && condition->exact;
  condition->exact = exact_before;
  return ok;
}

static void
condition_uids (Condition *condition, const CfUidSet *uids)
{
  gsize n = uids != NULL ? cf_uid_set_get_n_ranges (uids) : 0;

  g_string_append (condition->sql, "(0");
  for (gsize i = 0; i < n; i++) {
    CfUidRange range = cf_uid_set_get_range (uids, i);

    g_string_append_printf (condition->sql, " OR p.uid BETWEEN %u AND %u", range.first, range.last);
  }
  g_string_append_c (condition->sql, ')');
}

/* "Before", "on" and "since" a day. @column may be NULL, which matches none of them. */
static void
condition_day (Condition *condition, const char *column, const CfSearchNode *node)
{
  gint64 begin = node->day * SECONDS_PER_DAY;
  gboolean before = node->kind == CF_SEARCH_BEFORE || node->kind == CF_SEARCH_SENTBEFORE;
  gboolean on = node->kind == CF_SEARCH_ON || node->kind == CF_SEARCH_SENTON;

  g_string_append_printf (condition->sql, "coalesce(%s %s %" G_GINT64_FORMAT, column,
                          before ? "<" : ">=", begin);
  if (on)
    g_string_append_printf (condition->sql, " AND %s < %" G_GINT64_FORMAT, column, begin + SECONDS_PER_DAY);
  g_string_append (condition->sql, ", 0)");
}

/* Many ranges make a long OR, and SQLite's depth is bounded; core holds such a set better. */
#define UID_RANGES_MAX 200

/* Appends @node's condition. FALSE: there is none, and the text and values added are not to be used. */
static gboolean
condition_translate (Condition *condition, const CfSearchNode *node)
{
  switch (node->kind) {
  case CF_SEARCH_ALL:
    g_string_append_c (condition->sql, '1');
    return TRUE;
  case CF_SEARCH_AND:
    return condition_children (condition, node, " AND ");
  case CF_SEARCH_OR:
    return condition_children (condition, node, " OR ");
  case CF_SEARCH_NOT:
    return condition_not (condition, node);
  case CF_SEARCH_UID:
    condition_uids (condition, node->uids);
    return node->uids == NULL || cf_uid_set_get_n_ranges (node->uids) <= UID_RANGES_MAX;
  case CF_SEARCH_FLAG:
    condition_add (condition, "(p.flags & ?) <> 0", INT (node->number));
    return TRUE;
  case CF_SEARCH_KEYWORD:
    condition_add (condition, "instr(lower(' ' || p.keywords || ' '), lower(' ' || ? || ' ')) > 0",
                   TEXT (node->text));
    return node->text != NULL;
  case CF_SEARCH_LARGER:
    condition_add (condition, "p.size > ?", INT (MIN (node->number, G_MAXINT64)));
    return TRUE;
  case CF_SEARCH_SMALLER:
    condition_add (condition, "p.size < ?", INT (MIN (node->number, G_MAXINT64)));
    return TRUE;
  case CF_SEARCH_MODSEQ:
    condition_add (condition, "p.modseq >= ?", INT (MIN (node->number, G_MAXINT64)));
    return TRUE;
  case CF_SEARCH_BEFORE:
  case CF_SEARCH_ON:
  case CF_SEARCH_SINCE:
    condition_day (condition, INTERNAL_DAY, node);
    return TRUE;
  case CF_SEARCH_SENTBEFORE:
  case CF_SEARCH_SENTON:
  case CF_SEARCH_SENTSINCE:
    condition_day (condition, SENT_DAY, node);
    return TRUE;
  default: /* text, what core alone knows, and kinds of a newer core */
    return FALSE;
  }
}

static gboolean
condition_node (Condition *condition, const CfSearchNode *node)
{
  guint n_values = condition->values->len;

  if (condition_translate (condition, node))
    return TRUE;
  g_array_set_size (condition->values, n_values);
  return FALSE;
}

static int
search_bind (sqlite3_stmt *statement, GArray *values)
{
  int rc = SQLITE_OK;

  for (guint i = 0; rc == SQLITE_OK && i < values->len; i++) {
    const DbValue *value = &g_array_index (values, DbValue, i);

    rc = value->type == SQLITE_INTEGER ? sqlite3_bind_int64 (statement, (int) i + 1, value->number)
                                       : sqlite3_bind_text64 (statement, (int) i + 1, value->data,
                                                              value->length, SQLITE_STATIC, SQLITE_UTF8);
  }
  return rc;
}

/* Runs a statement made for this search alone. 0: it is deeper or longer than SQLite takes. -1: @error. */
static int
search_run (Db *db, const char *sql, GArray *values, CfUidSet *found, GError **error)
{
  sqlite3_stmt *statement = NULL;
  int rc = sqlite3_prepare_v2 (db->handle, sql, -1, &statement, NULL);

  if (rc == SQLITE_ERROR || rc == SQLITE_TOOBIG)
    return 0;
  if (rc == SQLITE_OK)
    rc = search_bind (statement, values);
  if (rc == SQLITE_OK) {
    while ((rc = sqlite3_step (statement)) == SQLITE_ROW)
      cf_uid_set_add (found, (guint32) sqlite3_column_int64 (statement, 0));
  }
  if (rc != SQLITE_DONE)
    db_set_error (db, rc, error);
  sqlite3_finalize (statement);
  return rc == SQLITE_DONE ? 1 : -1;
}

gboolean
slot_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
             const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids, gboolean *out_exact,
             GError **error)
{
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (DbValue));
  g_autoptr (GString) sql = g_string_new (NULL);
  g_autoptr (CfUidSet) found = cf_uid_set_new ();
  Condition condition = { .sql = sql, .values = values, .exact = TRUE };
  gsize n = cf_uid_set_get_n_ranges (candidates);
  gint64 ignored;
  int exists, ran = 0;

  conn->db->deadline = call->deadline;
  exists = db_get (conn->db, &ignored, error, "SELECT 1 FROM mailbox WHERE id = ? AND account = ?",
                   INT (mailbox), INT (account));
  if (exists == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  if (exists <= 0)
    return FALSE;
  if (n > 0)
    g_string_printf (sql,
                     "SELECT uid FROM placement p WHERE p.account = %" G_GUINT64_FORMAT
                     " AND p.mailbox = %" G_GUINT64_FORMAT " AND p.uid BETWEEN %u AND %u AND ",
                     account, mailbox, cf_uid_set_get_range (candidates, 0).first,
                     cf_uid_set_get_range (candidates, n - 1).last);
  if (n > 0 && condition_node (&condition, tree)) {
    g_string_append (sql, " ORDER BY uid");
    ran = search_run (conn->db, sql->str, values, found, error);
  }
  if (ran < 0)
    return FALSE;
  *out_uids = ran > 0 ? cf_uid_set_intersect (found, candidates) : cf_uid_set_copy (candidates);
  *out_exact = n == 0 || (ran > 0 && condition.exact);
  return TRUE;
}

/* ---- Header look-up ---------------------------------------------------------------------------------- */

static gboolean
lookup_report (CfStore *store, Db *db, DbRows *rows, CfIndexSink *sink, GError **error)
{
  CfMailboxId current = 0;
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    CfIndexRow row;

    step = db_next (db, rows, error);
    if (step <= 0)
      break;
    if ((CfMailboxId) db_int (rows, 0) != current) {
      CfMailboxInfo info;

      mailbox_read_info (store, rows, &info);
      current = info.id;
      sink->mailbox (sink, &info);
    }
    index_read_row (db, rows, 7, &row);
    sink->row (sink, &row);
  }
  return step == 0;
}

gboolean
slot_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                    const char *value, CfIndexSink *sink, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);
  g_autoptr (DbRows) rows = NULL;

  if (!g_strv_contains (search_lookup_names, lower)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NOT_SUPPORTED, "There is no index of this header field");
    return FALSE;
  }
  conn->db->deadline = call->deadline;
  rows = db_query (
      conn->db, error,
      "SELECT m.id, m.name, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_uid, m.special_use,"
      " p.uid, p.flags, p.zone, p.internal_date, p.save_date, p.modseq, p.size, p.content, p.keywords"
      " FROM (SELECT DISTINCT content FROM lookup WHERE account = ?1 AND name = ?2 AND value = ?3) l"
      " JOIN placement p ON p.account = ?1 AND p.content = l.content"
      " JOIN mailbox m ON m.id = p.mailbox ORDER BY m.id, p.uid",
      INT (account), TEXT (lower), TEXT (value));
  return lookup_report (conn->store, conn->db, rows, sink, error);
}
