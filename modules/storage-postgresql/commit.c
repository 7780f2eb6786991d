/* storage-postgresql/commit.c - carrying out a batch, in one round trip.
 *
 * The pipeline is one transaction: the contents of new messages; coffer.commit_batch(), which locks the
 * mailboxes and carries out the operations; and what core's index has to be told of both. Outcomes are kept
 * until PostgreSQL has said that it is durable, and told to the batch then.
 */
#include "store.h"

/* An outcome as coffer.commit_batch() returned it. */
typedef struct {
  char *kind;
  guint op;
  GArray *uids, *new_uids; /* gint64 */
  char *failure;
} Outcome;

typedef struct {
  CfStoreConn *conn;
  CfWriteBatch *batch;
  guint n_ops;
  CfContentId *contents; /* of each operation; 0: none, or refused already */
  GArray *outcomes;
  IndexReport reports[2];
} Commit;

/* ---- Outcomes ---------------------------------------------------------------------------------------- */

static void
outcome_clear (gpointer data)
{
  Outcome *outcome = data;

  g_free (outcome->kind);
  g_free (outcome->failure);
  g_array_unref (outcome->uids);
  g_array_unref (outcome->new_uids);
}

static GArray *
outcome_read_list (const Row *row, int column)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (gint64));
  Elements elements = row_elements (row, column);
  gint64 value;

  while (elements_next_int8 (&elements, &value))
    g_array_append_val (list, value);
  return list;
}

static gboolean
commit_take_outcome (const Row *row, gpointer data, GError **error)
{
  Commit *commit = data;
  Outcome outcome = { .kind = g_strdup (row_text (row, 0)),
                      .op = (guint) row_int (row, 1),
                      .uids = outcome_read_list (row, 2),
                      .new_uids = outcome_read_list (row, 3),
                      .failure = g_strdup (row_text (row, 4)) };

  g_array_append_val (commit->outcomes, outcome);
  return TRUE;
}

static void
outcome_publish (const Outcome *outcome, CfWriteBatch *batch)
{
  if (g_str_equal (outcome->kind, "failed")) {
    cf_write_batch_fail (batch, outcome->op, errors_new_outcome (outcome->failure));
    return;
  }
  for (guint i = 0; i < outcome->uids->len; i++) {
    gint64 value = g_array_index (outcome->uids, gint64, i);

    if (g_str_equal (outcome->kind, "appended"))
      cf_write_batch_appended (batch, outcome->op, (guint32) value);
    else if (g_str_equal (outcome->kind, "not-modified"))
      cf_write_batch_not_modified (batch, outcome->op, (guint32) value);
    else if (g_str_equal (outcome->kind, "expunged"))
      cf_write_batch_expunged (batch, outcome->op, (guint32) value);
    else if (g_str_equal (outcome->kind, "gone"))
      cf_write_batch_object_gone (batch, outcome->op, (CfObjectId) value);
    else if (i < outcome->new_uids->len)
      cf_write_batch_copied (batch, outcome->op, (guint32) value,
                             (guint32) g_array_index (outcome->new_uids, gint64, i));
  }
}

/* ---- Parameters: an array for each field of CfWriteOp ------------------------------------------------- */

static const char *
commit_get_kind (const CfWriteOp *op)
{
  static const char *const kinds[] = {
    [CF_WRITE_APPEND] = "append", [CF_WRITE_STORE] = "store", [CF_WRITE_EXPUNGE] = "expunge",
    [CF_WRITE_COPY] = "copy",     [CF_WRITE_MOVE] = "move",   [CF_WRITE_ANNOTATE] = "annotate",
  };

  return op->kind < G_N_ELEMENTS (kinds) ? kinds[op->kind] : "unknown"; /* of a newer core */
}

/* With @op and its index i; the second loop is there for the declaration alone, so "break" would not do. */
#define FOR_EACH_OP(commit, op)                                                                              \
  for (guint i = 0; i < (commit)->n_ops; i++)                                                                \
    for (const CfWriteOp *op = cf_write_batch_get_op ((commit)->batch, i); op != NULL; op = NULL)

/* An array of @type with the value @expression of each operation @op. */
#define ADD_ARRAY(commit, params, type_id, type, expression)                                                 \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    params_array_begin ((params), (type_id));                                                                \
    FOR_EACH_OP (commit, op)                                                                                 \
      params_element_##type ((params), (expression));                                                        \
    params_array_end ((params));                                                                             \
  }                                                                                                          \
  G_STMT_END

static void
commit_add_keywords (Commit *commit, Params *params)
{
  params_array_begin (params, TYPE_TEXT);
  FOR_EACH_OP (commit, op) {
    g_autofree char *text = cf_keywords_to_string (op->append != NULL ? op->append->keywords : op->keywords);

    params_element_text (params, text);
  }
  params_array_end (params);
}

static void
commit_add_operations (Commit *commit, Params *params)
{
  ADD_ARRAY (commit, params, TYPE_TEXT, text, commit_get_kind (op));
  ADD_ARRAY (commit, params, TYPE_INT4, int4, (gint32) op->group);
  ADD_ARRAY (commit, params, TYPE_INT8MULTIRANGE, multirange, op->uids);
  ADD_ARRAY (commit, params, TYPE_BOOL, bool, op->require_all);
  ADD_ARRAY (commit, params, TYPE_INT2, int2, (gint16) op->mode);
  ADD_ARRAY (commit, params, TYPE_INT2, int2, (gint16) (op->append != NULL ? op->append->flags : op->flags));
  commit_add_keywords (commit, params);
  ADD_ARRAY (commit, params, TYPE_INT8, int8, (gint64) MIN (op->unchanged_since, G_MAXINT64));
  ADD_ARRAY (commit, params, TYPE_BOOL, bool, op->only_deleted);
  ADD_ARRAY (commit, params, TYPE_BOOL, bool, op->in_destination);
  ADD_ARRAY (commit, params, TYPE_INT8, int8, (gint64) commit->contents[i]);
  ADD_ARRAY (commit, params, TYPE_INT8, int8, op->append != NULL ? (gint64) op->append->size : 0);
  ADD_ARRAY (commit, params, TYPE_INT8, int8, op->append != NULL ? op->append->internal_date : 0);
  ADD_ARRAY (commit, params, TYPE_INT2, int2, op->append != NULL ? op->append->zone : 0);
}

static guint
commit_count_segments (const CfWriteOp *op)
{
  return op->append != NULL ? append_count_segments (op->append) : 0;
}

/* First and last of what each operation has in an array shared by all, counted from 1. */
static void
commit_add_bounds (Commit *commit, Params *params, guint (*count) (const CfWriteOp *op))
{
  gint32 n = 0;

  params_array_begin (params, TYPE_INT4);
  FOR_EACH_OP (commit, op) {
    params_element_int4 (params, n + 1);
    n += (gint32) count (op);
  }
  params_array_end (params);
  n = 0;
  params_array_begin (params, TYPE_INT4);
  FOR_EACH_OP (commit, op) {
    n += (gint32) count (op);
    params_element_int4 (params, n);
  }
  params_array_end (params);
}

static guint
commit_count_attributes (const CfWriteOp *op)
{
  return op->n_attributes;
}

static void
commit_add_shared (Commit *commit, Params *params)
{
  for (SegmentColumn column = SEGMENT_POSITION; column <= SEGMENT_SOURCE; column++) {
    params_array_begin (params, TYPE_INT8);
    FOR_EACH_OP (commit, op)
      if (op->append != NULL)
        append_add_segments (params, op->append, column);
    params_array_end (params);
  }
  params_array_begin (params, TYPE_TEXT);
  FOR_EACH_OP (commit, op)
    for (guint a = 0; a < op->n_attributes; a++)
      params_element_text (params, op->attributes[a]->key);
  params_array_end (params);
  params_array_begin (params, TYPE_BYTEA);
  FOR_EACH_OP (commit, op)
    for (guint a = 0; a < op->n_attributes; a++)
      params_element_bytea (params, op->attributes[a]->value);
  params_array_end (params);
}

/* ---- The pipeline ------------------------------------------------------------------------------------ */

static guint
commit_count_appends (const Commit *commit)
{
  guint n = 0;

  FOR_EACH_OP (commit, op)
    n += op->kind == CF_WRITE_APPEND;
  return n;
}

static gboolean
commit_send_contents (Commit *commit, GError **error)
{
  CfAccountId account = cf_write_batch_get_account (commit->batch);

  FOR_EACH_OP (commit, op) {
    guint64 inline_octets;

    commit->contents[i] = 0;
    if (op->kind != CF_WRITE_APPEND || !append_check_segments (op->append, &inline_octets))
      continue;
    commit->contents[i] = pg_new_id (commit->conn->pg);
    if (!append_send (commit->conn->pg, account, commit->contents[i], op->append, inline_octets, error))
      return FALSE;
  }
  return TRUE;
}

static void
commit_send_batch (Commit *commit)
{
  CfWriteBatch *batch = commit->batch;
  Params *params = pg_params (commit->conn->pg);

  params_int8 (params, (gint64) cf_write_batch_get_account (batch));
  params_int8 (params, (gint64) cf_write_batch_get_mailbox (batch));
  params_int8 (params, (gint64) cf_write_batch_get_destination (batch));
  params_uint8 (params, cf_write_batch_get_max_octets (batch));
  params_uint8 (params, cf_write_batch_get_max_messages (batch));
  params_int8 (params, store_config.keep_changes);
  params_int8 (params, store_config.keep_tombstones);
  commit_add_operations (commit, params);
  commit_add_bounds (commit, params, commit_count_segments);
  commit_add_bounds (commit, params, commit_count_attributes);
  commit_add_shared (commit, params);
  pg_send (commit->conn->pg, STATEMENT_COMMIT_BATCH, commit_take_outcome, commit);
}

static void
commit_send_report (Commit *commit, guint which, CfMailboxId mailbox)
{
  commit->reports[which] = (IndexReport){ .conn = commit->conn,
                                          .account = cf_write_batch_get_account (commit->batch),
                                          .sink = cf_write_batch_get_sink (commit->batch, which),
                                          .since = cf_write_batch_get_since (commit->batch, which) };
  index_send_report (&commit->reports[which], mailbox, NULL, 0);
}

static gboolean
commit_try (gpointer data, const CfCall *call, GError **error)
{
  Commit *commit = data;
  CfMailboxId source = cf_write_batch_get_mailbox (commit->batch);
  CfMailboxId destination = cf_write_batch_get_destination (commit->batch);

  g_array_set_size (commit->outcomes, 0);
  if (!pg_begin_with_ids (commit->conn->pg, call, PG_WRITE, commit_count_appends (commit), error))
    return FALSE;
  if (!commit_send_contents (commit, error)) {
    pg_abandon (commit->conn->pg);
    return FALSE;
  }
  commit_send_batch (commit);
  commit_send_report (commit, 0, source);
  if (destination != 0 && destination != source)
    commit_send_report (commit, 1, destination);
  return pg_run (commit->conn->pg, error);
}

static void
commit_publish (Commit *commit)
{
  for (guint i = 0; i < commit->outcomes->len; i++)
    outcome_publish (&g_array_index (commit->outcomes, Outcome, i), commit->batch);
  for (guint which = 0; which < G_N_ELEMENTS (commit->reports); which++) {
    const KnownMailbox *state = &commit->reports[which].state;

    if (state->mailbox == 0)
      continue;
    index_note_report (&commit->reports[which], TRUE);
    watch_publish (commit->conn->store, state->account, state->mailbox, state->modseq);
  }
}

gboolean
slot_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error)
{
  Commit commit = { .conn = conn, .batch = batch, .n_ops = cf_write_batch_get_n_ops (batch) };
  g_autofree CfContentId *contents = g_new0 (CfContentId, commit.n_ops + 1);
  g_autoptr (GArray) outcomes = g_array_new (FALSE, FALSE, sizeof (Outcome));

  g_array_set_clear_func (outcomes, outcome_clear);
  commit.contents = contents;
  commit.outcomes = outcomes;
  if (!pg_try (conn->pg, commit_try, &commit, call, error))
    return FALSE;
  commit_publish (&commit);
  return TRUE;
}
