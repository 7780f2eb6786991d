/* core/commands/cmd-store.c - STORE and UID STORE (RFC 3501, 6.4.6). */
#include "commands/commands.h"
#include "commands/writing.h"
#include "imap/selected.h"

typedef struct {
  CfUidSet *uids;
  CfStoreMode mode;
  gboolean silent;
  CfSnapshot *before; /* with silent: what the client knows, but for those it had not been told of */
  CfUidSet *untold;   /* NULL: none */
  guint flags;
  CfKeywords *keywords;
  CfWriting writing;
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

  if (!cf_input_space (input, error) || !cf_input_messages (input, call, FALSE, &self->uids, error)
      || !cf_input_space (input, error))
    return FALSE;
  if (cf_input_peek (input) == '('
      && (!cf_call_parse_parameters (call, CF_PARAMETER_COMMAND, error) || !cf_input_space (input, error)))
    return FALSE;
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
    .unchanged_since = G_MAXUINT64,
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
  return cf_writing_start (&self->writing, call, session->mailbox, session->mailbox_name, 0, NULL, &op, 1,
                           error);
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
    } else if (!self->silent) {
      cf_selected_tell_flags (session, uid, cf_call_is_uid (call));
    } else if (store_is_expected (self, row)) {
      cf_view_forget_dirty (session->view, uid, row->modseq);
    }
  }
  return CF_RUN_MORE;
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
    cf_selected_advance (cf_call_get_session (call));
  }
  if (store_respond (call, self) == CF_RUN_MORE)
    return CF_RUN_MORE;
  if (self->expunged && !cf_call_is_uid (call)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged");
    return CF_RUN_ERROR;
  }
  return CF_RUN_DONE;
}
