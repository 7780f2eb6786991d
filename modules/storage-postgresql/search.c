/* storage-postgresql/search.c - SEARCH by what is in columns, and the look-up by header value.
 *
 * A tree becomes one SQL condition over the mailbox's rows; its values are parameters. What has no column is
 * left out where that can only make the answer larger: below AND. An OR with such a branch, and a NOT of one,
 * are left out as a whole. The answer is exact when nothing was.
 */
#include "store.h"

const char *const search_lookup_names[] = {
  "contribution-id", "conversation-id", "imdn-message-id", "inreplyto-contribution-id", "message-id", NULL,
};

#define SECONDS_PER_DAY G_GINT64_CONSTANT (86400)

/* Seconds of the date as its own zone shows it, so that "disregarding time and zone" is a comparison. */
#define INTERNAL_DAY "(p.internal_date + p.zone * 60)"
#define SENT_DAY     "(c.sent_date + c.sent_zone * 60)"

/* Beyond these core evaluates the rest itself. */
#define VALUES_MAX 30
#define DEPTH_MAX  100

typedef struct {
  GString *sql;
  Params *params;
  gboolean exact;       /* nothing was left out */
  gboolean has_content; /* it looks at the content c, and not at the placement p alone */
  guint depth;
} Condition;

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
    g_string_append (condition->sql, all ? "true" : "false");
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
  g_string_append (condition->sql, "not ");
  ok = condition_node (condition, g_ptr_array_index (node->children, 0)) && condition->exact;
  condition->exact = exact_before;
  return ok;
}

/* Appends @before, the number of the parameter just added, and @after. */
static void
condition_value (Condition *condition, const char *before, const char *after)
{
  g_string_append_printf (condition->sql, "%s$%u%s", before, condition->params->n, after);
}

static void
condition_number (Condition *condition, const char *before, guint64 number)
{
  params_uint8 (condition->params, number);
  condition_value (condition, before, "::bigint");
}

/* "Before", "on" and "since" a day. @column may be NULL, which matches none of them. */
static void
condition_day (Condition *condition, const char *column, const CfSearchNode *node)
{
  gint64 begin = node->day * SECONDS_PER_DAY;
  gboolean before = node->kind == CF_SEARCH_BEFORE || node->kind == CF_SEARCH_SENTBEFORE;
  gboolean on = node->kind == CF_SEARCH_ON || node->kind == CF_SEARCH_SENTON;

  g_string_append_printf (condition->sql, "coalesce(%s %s ", column, before ? "<" : ">=");
  params_int8 (condition->params, begin);
  condition_value (condition, "", "::bigint");
  if (on) {
    g_string_append_printf (condition->sql, " and %s < ", column);
    params_int8 (condition->params, begin + SECONDS_PER_DAY);
    condition_value (condition, "", "::bigint");
  }
  g_string_append (condition->sql, ", false)");
}

/* Appends @node's condition. FALSE: there is none, and the text and values added are not to be used. */
static gboolean
condition_translate (Condition *condition, const CfSearchNode *node)
{
  switch (node->kind) {
  case CF_SEARCH_ALL:
    g_string_append (condition->sql, "true");
    return TRUE;
  case CF_SEARCH_AND:
    return condition_children (condition, node, " and ");
  case CF_SEARCH_OR:
    return condition_children (condition, node, " or ");
  case CF_SEARCH_NOT:
    return condition_not (condition, node);
  case CF_SEARCH_UID:
    params_multirange (condition->params, node->uids);
    condition_value (condition, "p.uid <@ ", "::int8multirange");
    return TRUE;
  case CF_SEARCH_FLAG:
    condition_number (condition, "p.flags & ", node->number & CF_FLAG_ALL);
    g_string_append (condition->sql, " <> 0");
    return TRUE;
  case CF_SEARCH_KEYWORD:
    params_text (condition->params, node->text);
    condition_value (condition, "strpos(lower(' ' || p.keywords || ' '), lower((' ' || ",
                     "::text || ' ') collate \"C\")) > 0");
    return node->text != NULL;
  case CF_SEARCH_LARGER:
    condition_number (condition, "p.size > ", node->number);
    return TRUE;
  case CF_SEARCH_SMALLER:
    condition_number (condition, "p.size < ", node->number);
    return TRUE;
  case CF_SEARCH_MODSEQ:
    condition_number (condition, "p.modseq >= ", node->number);
    return TRUE;
  case CF_SEARCH_BEFORE:
  case CF_SEARCH_ON:
  case CF_SEARCH_SINCE:
    condition_day (condition, INTERNAL_DAY, node);
    return TRUE;
  case CF_SEARCH_SENTBEFORE:
  case CF_SEARCH_SENTON:
  case CF_SEARCH_SENTSINCE:
    condition->has_content = TRUE;
    condition_day (condition, SENT_DAY, node);
    return TRUE;
  default: /* text, what core alone knows, and kinds of a newer core */
    return FALSE;
  }
}

static gboolean
condition_node (Condition *condition, const CfSearchNode *node)
{
  guint n = condition->params->n;
  gboolean ok = FALSE;

  if (condition->depth < DEPTH_MAX && n < VALUES_MAX) {
    condition->depth++;
    ok = condition_translate (condition, node);
    condition->depth--;
  }
  if (!ok)
    condition->params->n = n; /* what they occupy does no harm */
  return ok;
}

static gboolean
search_take_uid (const Row *row, gpointer data, GError **error)
{
  cf_uid_set_add (data, (guint32) row_int (row, 0));
  return TRUE;
}

static gboolean
search_take_exists (const Row *row, gpointer data, GError **error)
{
  *(gboolean *) data = TRUE;
  return TRUE;
}

#define CONTENT " join coffer.content c on c.account = p.account and c.id = p.content"

/* Queues the query. FALSE: no part of the tree can be said. */
static gboolean
search_send (CfStoreConn *conn, CfAccountId account, CfMailboxId mailbox, const CfSearchNode *tree,
             const CfUidSet *candidates, CfUidSet *found, gboolean *out_exact)
{
  g_autoptr (GString) where = g_string_new (NULL);
  g_autofree char *sql = NULL;
  Condition condition = { .sql = where, .params = pg_params (conn->pg), .exact = TRUE };
  gsize n = cf_uid_set_get_n_ranges (candidates);

  params_int8 (condition.params, (gint64) account);
  params_int8 (condition.params, (gint64) mailbox);
  params_int8 (condition.params, cf_uid_set_get_range (candidates, 0).first);
  params_int8 (condition.params, cf_uid_set_get_range (candidates, n - 1).last);
  if (!condition_node (&condition, tree))
    return FALSE;
  sql = g_strdup_printf ("select p.uid from coffer.placement p%s"
                         " where p.account = $1::bigint and p.mailbox = $2::bigint"
                         " and p.uid between $3::bigint and $4::bigint and %s order by p.uid",
                         condition.has_content ? CONTENT : "", where->str);
  pg_send_text (conn->pg, sql, search_take_uid, found);
  *out_exact = condition.exact;
  return TRUE;
}

gboolean
slot_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
             const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids, gboolean *out_exact,
             GError **error)
{
  g_autoptr (CfUidSet) found = cf_uid_set_new ();
  gboolean exists = FALSE, exact = TRUE, asked = FALSE;
  Params *params;

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_int8 (params, (gint64) mailbox);
  pg_send (conn->pg, STATEMENT_MAILBOX_EXISTS, search_take_exists, &exists);
  if (!cf_uid_set_is_empty (candidates))
    asked = search_send (conn, account, mailbox, tree, candidates, found, &exact);
  if (!pg_run (conn->pg, error))
    return FALSE;
  if (!exists) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
    return FALSE;
  }
  *out_uids = asked ? cf_uid_set_intersect (found, candidates) : cf_uid_set_copy (candidates);
  *out_exact = cf_uid_set_is_empty (candidates) || (asked && exact);
  return TRUE;
}

/* ---- Header look-up ---------------------------------------------------------------------------------- */

typedef struct {
  Pg *pg;
  CfIndexSink *sink;
  CfMailboxId mailbox; /* of the row before */
} Lookup;

static gboolean
lookup_report (const Row *from, gpointer data, GError **error)
{
  Lookup *lookup = data;
  CfMailboxInfo info;
  CfIndexRow row;

  mailbox_read_info (from, &info);
  if (info.id != lookup->mailbox)
    lookup->sink->mailbox (lookup->sink, &info);
  lookup->mailbox = info.id;
  index_read_row (lookup->pg, from, 7, &row);
  lookup->sink->row (lookup->sink, &row);
  return TRUE;
}

gboolean
slot_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                    const char *value, CfIndexSink *sink, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);
  Lookup lookup = { .pg = conn->pg, .sink = sink };
  Params *params;

  if (!g_strv_contains (search_lookup_names, lower)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NOT_SUPPORTED, "There is no index of this header field");
    return FALSE;
  }
  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_text (params, lower);
  params_text (params, value);
  pg_send (conn->pg, STATEMENT_HEADER_LOOKUP, lookup_report, &lookup);
  return pg_run (conn->pg, error);
}
