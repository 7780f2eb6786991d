/* core/commands/cmd-copy.c - COPY, MOVE and their UID forms (RFC 3501, 6.4.7; RFC 6851; RFC 4315, 3 for
 * COPYUID).
 *
 * One operation of one batch, so that either all messages arrive or none, and a MOVE never leaves a message
 * in both or neither.
 */
#include "commands/commands.h"
#include "commands/net-unicode.h"
#include "commands/writing.h"
#include "imap/notify.h"
#include "imap/selected.h"
#include "store/names.h"

typedef struct {
  CfWriteKind kind;
  CfUidSet *uids;
  char *destination;
  CfMailboxId destination_id; /* as resolved last */
  CfWriting writing;
  gboolean retried; /* the destination's remembered id was stale once */
} Copy;

static void
copy_free (gpointer data)
{
  Copy *self = data;

  cf_writing_clear (&self->writing);
  g_clear_pointer (&self->uids, cf_uid_set_free);
  g_free (self->destination);
  g_free (self);
}

static gboolean
copy_parse (CfCommandCall *call, Copy *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error) || !cf_input_messages (input, call, FALSE, &self->uids, error)
      || !cf_input_space (input, error) || !cf_input_mailbox (input, &self->destination, error)
      || !cf_input_end (input, error))
    return FALSE;
  if (self->kind == CF_WRITE_MOVE && session->read_only) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The mailbox is selected read-only");
    return FALSE;
  }
  return TRUE;
}

static gboolean
copy_start (CfCommandCall *call, Copy *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfWriteOp op = {
    .struct_size = sizeof op,
    .kind = self->kind,
    .uids = self->uids,
    /* Sequence numbers name messages that the client believes to be there; UIDs may have gone (RFC
       3501, 6.4.8). */
    .require_all = !cf_call_is_uid (call),
  };

  return cf_writing_resolve (call, self->destination, &self->destination_id, error)
         && cf_writing_start (&self->writing, call, session->mailbox, session->mailbox_name,
                              self->destination_id, self->destination, &op, 1, error);
}

/* "[COPYUID 38505 304,319:320 3956:3958]"; NULL: nothing was copied. */
static char *
copy_dup_code (const Copy *self)
{
  const CfWriteResult *result = cf_write_get_result (self->writing.write, 0);
  guint32 uid_validity = cf_write_get_uid_validity (self->writing.write, 1);
  g_autofree char *from = NULL;
  g_autofree char *to = NULL;

  if (result->copied_from == NULL || uid_validity == 0)
    return NULL;
  from = cf_uid_set_to_string (result->copied_from);
  to = cf_uid_set_to_string (result->copied_to);
  return g_strdup_printf ("[COPYUID %u %s %s]", uid_validity, from, to);
}

static CfRun
copy_respond (CfCommandCall *call, Copy *self)
{
  g_autofree char *code = copy_dup_code (self);

  if (code == NULL)
    return CF_RUN_DONE;
  cf_notify_brought (cf_call_get_session (call), self->destination_id,
                     cf_write_get_result (self->writing.write, 0)->copied_to);
  call->ends_with_modseq = self->kind == CF_WRITE_MOVE; /* RFC 6851, 4.4 */
  /* MOVE's stands before its EXPUNGE responses, so in an untagged OK (RFC 6851, 4.3). */
  if (self->kind == CF_WRITE_MOVE)
    cf_output_printf (cf_call_get_output (call), "* OK %s Moved\r\n", code);
  else
    cf_call_set_ok (call, "%s COPY completed", code);
  return CF_RUN_DONE;
}

static CfRun
copy_run (CfCommandCall *call, CfWriteKind kind, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Copy *self = cf_call_get_state (call);
  const GError *failure;
  CfRun run;

  if (self == NULL) {
    self = g_new0 (Copy, 1);
    self->kind = kind;
    cf_call_set_state (call, self, copy_free);
    if (!copy_parse (call, self, error))
      return CF_RUN_ERROR;
  }
  if ((run = cf_net_unicode_settle (call, &self->destination, error)) != CF_RUN_DONE)
    return run;
  for (;;) {
    if (self->writing.write == NULL) {
      if (!cf_call_enter_store (call))
        return CF_RUN_WAIT;
      if (!copy_start (call, self, error))
        return CF_RUN_ERROR;
    }
    if (cf_writing_run (&self->writing, call) == CF_RUN_WAIT)
      return CF_RUN_WAIT;
    failure = cf_write_get_error (self->writing.write);
    if (failure == NULL)
      return copy_respond (call, self);
    if (self->retried || !g_error_matches (failure, CF_ERROR, CF_ERROR_TRYCREATE)) {
      g_propagate_error (error, g_error_copy (failure));
      return CF_RUN_ERROR;
    }
    self->retried = TRUE;
    cf_names_forget (session->identity.account, self->destination);
    cf_writing_clear (&self->writing);
  }
}

CfRun
cmd_copy (CfCommandCall *call, GError **error)
{
  return copy_run (call, CF_WRITE_COPY, error);
}

CfRun
cmd_move (CfCommandCall *call, GError **error)
{
  return copy_run (call, CF_WRITE_MOVE, error);
}
