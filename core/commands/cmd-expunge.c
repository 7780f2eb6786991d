/* core/commands/cmd-expunge.c - EXPUNGE, UID EXPUNGE and CLOSE (RFC 3501, 6.4.3, 6.4.2; RFC 4315, 2.1).
 *
 * Which messages go is decided by the store at the commit: those named here that have \Deleted then. The
 * responses are the updates that end the command; CLOSE sends none.
 */
#include "commands/commands.h"
#include "commands/writing.h"
#include "imap/selected.h"

typedef struct {
  CfUidSet *uids;
  CfWriting writing;
} Expunge;

static void
expunge_free (gpointer data)
{
  Expunge *self = data;

  cf_writing_clear (&self->writing);
  g_clear_pointer (&self->uids, cf_uid_set_free);
  g_free (self);
}

/* The messages with \Deleted in the session's view. */
static CfUidSet *
expunge_find_deleted (CfSession *session)
{
  CfUidSet *deleted = cf_uid_set_new ();
  const CfIndexRow *row;
  CfSnapshotIter iter;

  cf_snapshot_iter_init (&iter, cf_view_get_snapshot (session->view), 0);
  while ((row = cf_snapshot_iter_next (&iter)) != NULL)
    if ((row->flags & CF_FLAG_DELETED) != 0)
      cf_uid_set_add (deleted, row->uid);
  return deleted;
}

static gboolean
expunge_parse (CfCommandCall *call, gboolean named, Expunge *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autoptr (CfUidSet) deleted = NULL;
  g_autoptr (CfUidSet) set = NULL;

  if (named && (!cf_input_space (input, error) || !cf_input_messages (input, call, TRUE, &set, error)))
    return FALSE;
  if (!cf_input_end (input, error))
    return FALSE;
  deleted = expunge_find_deleted (cf_call_get_session (call));
  self->uids = named ? cf_uid_set_intersect (deleted, set) : g_steal_pointer (&deleted);
  return TRUE;
}

static gboolean
expunge_start (CfCommandCall *call, Expunge *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfWriteOp op = {
    .struct_size = sizeof op,
    .kind = CF_WRITE_EXPUNGE,
    .uids = self->uids,
    .only_deleted = TRUE,
  };

  return cf_writing_start (&self->writing, call, session->mailbox, session->mailbox_name, 0, NULL, &op, 1,
                           error);
}

static CfRun
expunge_run (CfCommandCall *call, gboolean named, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Expunge *self = cf_call_get_state (call);
  const GError *failure;

  if (self == NULL) {
    self = g_new0 (Expunge, 1);
    cf_call_set_state (call, self, expunge_free);
    if (!expunge_parse (call, named, self, error))
      return CF_RUN_ERROR;
    if (session->read_only) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The mailbox is selected read-only");
      return CF_RUN_ERROR;
    }
    if (!expunge_start (call, self, error))
      return CF_RUN_ERROR;
  }
  if (cf_writing_run (&self->writing, call) == CF_RUN_WAIT)
    return CF_RUN_WAIT;
  failure = cf_write_get_error (self->writing.write);
  if (failure == NULL) {
    call->ends_with_modseq = cf_write_get_result (self->writing.write, 0)->expunged != NULL;
    return CF_RUN_DONE;
  }
  g_propagate_error (error, g_error_copy (failure));
  return CF_RUN_ERROR;
}

CfRun
cmd_expunge (CfCommandCall *call, GError **error)
{
  return expunge_run (call, FALSE, error);
}

CfRun
cmd_uid_expunge (CfCommandCall *call, GError **error)
{
  return expunge_run (call, TRUE, error);
}

CfRun
cmd_close (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (GError) refused = NULL;
  CfRun run = CF_RUN_DONE;

  if (session->read_only)
    run = cf_input_end (cf_call_get_input (call), error) ? CF_RUN_DONE : CF_RUN_ERROR;
  else
    run = expunge_run (call, FALSE, &refused);
  if (run == CF_RUN_WAIT)
    return run;
  if (run == CF_RUN_ERROR && !g_error_matches (refused, CF_ERROR, CF_ERROR_NOPERM)) {
    if (refused != NULL)
      g_propagate_error (error, g_steal_pointer (&refused));
    return CF_RUN_ERROR;
  }
  /* Without the right to expunge, CLOSE only leaves (RFC 4314, 4). */
  cf_selected_close (session);
  return CF_RUN_DONE;
}

CfRun
cmd_unselect (CfCommandCall *call, GError **error)
{
  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  cf_selected_close (cf_call_get_session (call));
  return CF_RUN_DONE;
}
