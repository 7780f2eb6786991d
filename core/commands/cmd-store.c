/* core/commands/cmd-store.c - STORE and UID STORE (RFC 3501, 6.4.6), with UNCHANGEDSINCE (RFC 7162, 3.1.3).
 *
 * Who is CONDSTORE-aware gets each message's new MODSEQ, also for .SILENT. Messages that fail the test are
 * told as they are, so that the client need not ask before it tries again.
 */
#include "commands/commands.h"
#include "commands/store-condition.h"
#include "commands/writing.h"
#include "imap/modseq.h"
#include "imap/selected.h"

typedef struct {
  CfUidSet *uids;
  CfStoreMode mode;
  gboolean silent;
  gboolean conditional;
  guint64 unchanged_since;
  CfUidSet *modified; /* messages that failed the test */
  CfSnapshot *before; /* with silent: what the client knows, but for those it had not been told of */
  CfUidSet *untold;   /* NULL: none */
  guint flags;
  CfKeywords *keywords;
  CfWriting writing;
  guint n_ops;
  gboolean written;
  CfUidIter iter;    /* of the response */
  gboolean expunged; /* some of the messages were gone */
} Store;

static void
store_free (gpointer data)
{
  Store *self = data;

  cf_writing_clear (&self->writing);
  g_clear_pointer (&self->uids, cf_uid_set_free);
  g_clear_pointer (&self->untold, cf_uid_set_free);
  g_clear_pointer (&self->modified, cf_uid_set_free);
  g_clear_pointer (&self->before, cf_snapshot_unref);
  cf_keywords_unref (self->keywords);
  g_free (self);
}

static gboolean
store_parse_item (CfInput *input, Store *self, GError **error)
{
  g_autofree char *name = NULL;

  self->mode = cf_input_skip (input, '+')   ? CF_STORE_ADD
               : cf_input_skip (input, '-') ? CF_STORE_REMOVE
                                            : CF_STORE_REPLACE;
  if (!cf_input_name (input, &name, error))
    return FALSE;
  self->silent = g_str_equal (name, "FLAGS.SILENT");
  if (self->silent || g_str_equal (name, "FLAGS"))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected FLAGS or FLAGS.SILENT");
  return FALSE;
}

static gboolean
store_parse (CfCommandCall *call, Store *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  gpointer modseq;

  if (!cf_input_space (input, error) || !cf_input_messages (input, call, FALSE, &self->uids, error)
      || !cf_input_space (input, error))
    return FALSE;
  if (cf_input_peek (input) == '('
      && (!cf_call_parse_parameters (call, CF_PARAMETER_COMMAND, error) || !cf_input_space (input, error)))
    return FALSE;
  self->conditional = cf_call_lookup_parameter (call, "UNCHANGEDSINCE", &modseq);
  self->unchanged_since = self->conditional ? *(guint64 *) modseq : G_MAXUINT64;
  return store_parse_item (input, self, error) && cf_input_space (input, error)
         && cf_input_flags (input, TRUE, &self->flags, &self->keywords, error) && cf_input_end (input, error)
         && cf_writing_check_keywords (self->keywords, error);
}

/* What +FLAGS makes of the messages stays within the limit. Rows that changed a moment ago are judged as they
 * were. */
static gboolean
store_check_sum (CfSession *session, const Store *self, GError **error)
{
  const CfKeywords *last = NULL;
  CfUidIter iter = { 0 };
  guint32 uid;

  if (self->mode != CF_STORE_ADD || self->keywords == NULL)
    return TRUE;
  while (cf_uid_set_next (self->uids, &iter, &uid)) {
    const CfIndexRow *row = cf_view_lookup_row (session->view, uid);
    g_autoptr (CfKeywords) sum = NULL;

    /* Sets are interned: a run of messages with the same keywords costs a comparison each. */
    if (row == NULL || row->keywords == NULL || row->keywords == last)
      continue;
    last = row->keywords;
    sum = cf_keywords_union (self->keywords, (CfKeywords *) row->keywords);
    if (!cf_writing_check_keywords (sum, error))
      return FALSE;
  }
  return TRUE;
}

/* One operation, or two: messages whose MODSEQ is too high for another reason than the flags at hand must not
 * have changed since this session looked. */
static gboolean
store_add (CfCommandCall *call, Store *self, const CfWriteOp *op, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (CfUidSet) unaffected = NULL;
  g_autoptr (CfUidSet) rest = NULL;
  CfWriteOp ops[] = { *op, *op };
  CfUidIter iter = { 0 };
  guint32 uid;
  guint first;

  if (self->conditional)
    unaffected = cf_store_condition_find_unaffected (op, session->view, call->told);
  if (unaffected != NULL) {
    rest = cf_uid_set_copy (op->uids);
    while (cf_uid_set_next (unaffected, &iter, &uid))
      cf_uid_set_remove_range (rest, uid, uid);
    ops[0].uids = rest;
    ops[1].uids = unaffected;
    ops[1].unchanged_since = cf_snapshot_get_highest_modseq (cf_view_get_snapshot (session->view));
  }
  first = rest != NULL && cf_uid_set_is_empty (rest) ? 1 : 0;
  self->n_ops = (unaffected != NULL ? 2 : 1) - first;
  return cf_writing_start (&self->writing, call, session->mailbox, session->mailbox_name, 0, NULL,
                           &ops[first], self->n_ops, error);
}

static gboolean
store_start (CfCommandCall *call, Store *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfWriteOp op = {
    .struct_size = sizeof op,
    .kind = CF_WRITE_STORE,
    .uids = self->uids,
    .mode = self->mode,
    .flags = self->flags,
    .keywords = self->keywords,
    .unchanged_since = self->unchanged_since,
  };

  if (session->read_only) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The mailbox is selected read-only");
    return FALSE;
  }
  if (!store_check_sum (session, self, error))
    return FALSE;
  if (self->silent) {
    self->before = cf_snapshot_ref (cf_view_get_snapshot (session->view));
    self->untold = cf_view_dup_dirty (session->view);
  }
  return store_add (call, self, &op, error);
}

/* Does the row have what a client that was told nothing computes for itself? Then .SILENT says nothing. */
static gboolean
store_is_expected (const Store *self, const CfIndexRow *row)
{
  g_autoptr (CfKeywords) keywords = NULL;
  const CfIndexRow *was;

  if (self->mode == CF_STORE_REPLACE)
    return row->flags == self->flags && row->keywords == self->keywords;
  was = cf_snapshot_lookup_uid (self->before, row->uid, NULL);
  if (was == NULL || (self->untold != NULL && cf_uid_set_contains (self->untold, row->uid)))
    return FALSE;
  if (self->mode == CF_STORE_ADD) {
    keywords = cf_keywords_union ((CfKeywords *) was->keywords, self->keywords);
    return row->flags == (was->flags | self->flags) && row->keywords == keywords;
  }
  keywords = cf_keywords_minus ((CfKeywords *) was->keywords, self->keywords);
  return row->flags == (was->flags & ~self->flags) && row->keywords == keywords;
}

/* Whether the client has not been told the row's MODSEQ: it is this command's, or of a change that the
 * command has found and that made the flags what it wanted them to be. */
static gboolean
store_is_modseq_new (const Store *self, const CfIndexRow *row)
{
  const CfIndexRow *was = cf_snapshot_lookup_uid (self->before, row->uid, NULL);

  return was == NULL || was->modseq != row->modseq
         || (self->untold != NULL && cf_uid_set_contains (self->untold, row->uid));
}

/* What is told of a message that was to be changed silently. */
static void
store_respond_silently (CfSession *session, Store *self, const CfIndexRow *row)
{
  gboolean expected = store_is_expected (self, row);

  if (self->conditional && !expected)
    cf_selected_tell_flags (session, row->uid, TRUE);
  else if (self->conditional
           || (expected && cf_session_tells_modseq (session) && store_is_modseq_new (self, row)))
    cf_selected_tell_modseq (session, row->uid);
  else if (expected)
    cf_view_forget_dirty (session->view, row->uid, row->modseq);
}

/* Every message's new flags, as far as the output takes them. */
static CfRun
store_respond (CfCommandCall *call, Store *self)
{
  CfSession *session = cf_call_get_session (call);
  guint32 uid;

  while (!cf_call_is_output_full (call)) {
    if (!cf_uid_set_next (self->uids, &self->iter, &uid))
      return CF_RUN_DONE;
    const CfIndexRow *row = cf_view_lookup_row (session->view, uid);
    if (row == NULL || cf_view_is_ghost (session->view, uid)) {
      self->expunged = TRUE;
    } else if (!self->silent || (self->modified != NULL && cf_uid_set_contains (self->modified, uid))) {
      cf_selected_tell_flags (session, uid, cf_call_is_uid (call));
    } else {
      store_respond_silently (session, self, row);
    }
  }
  return CF_RUN_MORE;
}

/* Messages that failed the test, in all operations. */
static void
store_take_results (Store *self)
{
  for (guint i = 0; i < self->n_ops; i++) {
    const CfWriteResult *result = cf_write_get_result (self->writing.write, i);

    if (result->not_modified == NULL)
      continue;
    if (self->modified == NULL)
      self->modified = cf_uid_set_new ();
    cf_uid_set_add_set (self->modified, result->not_modified);
  }
}

/* "[MODIFIED 7,9] " by what the client named them; "": all have passed. */
static char *
store_dup_code (CfCommandCall *call, const Store *self)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (CfUidSet) numbers = NULL;
  g_autofree char *text = NULL;
  CfUidIter iter = { 0 };
  guint32 uid;

  if (self->modified == NULL)
    return g_strdup ("");
  if (cf_call_is_uid (call)) {
    text = cf_uid_set_to_string (self->modified);
  } else {
    numbers = cf_uid_set_new ();
    while (cf_uid_set_next (self->modified, &iter, &uid))
      cf_uid_set_add (numbers, cf_view_lookup_seq (session->view, uid));
    text = cf_uid_set_to_string (numbers);
  }
  return g_strdup_printf ("[MODIFIED %s] ", text);
}

static CfRun
store_finish (CfCommandCall *call, Store *self, GError **error)
{
  g_autofree char *code = store_dup_code (call, self);

  if (!self->expunged || cf_call_is_uid (call)) {
    if (self->modified != NULL)
      cf_call_set_ok (call, "%sSome messages have changed meanwhile", code);
    return CF_RUN_DONE;
  }
  g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged");
  if (self->modified != NULL) /* in place of EXPUNGEISSUED (RFC 7162, 3.1.3, example 11) */
    cf_call_set_no (call, g_strconcat (code, (*error)->message, NULL));
  return CF_RUN_ERROR;
}

CfRun
cmd_store (CfCommandCall *call, GError **error)
{
  Store *self = cf_call_get_state (call);
  const GError *failure;

  if (self == NULL) {
    self = g_new0 (Store, 1);
    cf_call_set_state (call, self, store_free);
    if (!store_parse (call, self, error))
      return CF_RUN_ERROR;
    if (cf_uid_set_is_empty (self->uids))
      return CF_RUN_DONE;
    if (!store_start (call, self, error))
      return CF_RUN_ERROR;
  }
  if (!self->written) {
    if (cf_writing_run (&self->writing, call) == CF_RUN_WAIT)
      return CF_RUN_WAIT;
    failure = cf_write_get_error (self->writing.write);
    if (failure != NULL) {
      g_propagate_error (error, g_error_copy (failure));
      return CF_RUN_ERROR;
    }
    self->written = TRUE;
    store_take_results (self);
    cf_selected_advance (cf_call_get_session (call));
  }
  if (store_respond (call, self) == CF_RUN_MORE)
    return CF_RUN_MORE;
  return store_finish (call, self, error);
}
