/* core/commands/writing.c - getting one write through its mailbox's queue (writing.h). */
#include "commands/writing.h"

#include "module/settings.h"
#include "store/calls.h"

gboolean
cf_writing_start (CfWriting *writing, CfCommandCall *call, CfMailbox *mailbox, const char *name,
                  CfMailboxId destination, const char *destination_name, const CfWriteOp *ops, guint n_ops,
                  GError **error)
{
  CfSession *session = cf_call_get_session (call);

  for (guint i = 0; i < n_ops; i++)
    if (!cf_store_may_write (session, name, destination_name, &ops[i], error))
      return FALSE;

  cf_writing_clear (writing);
  writing->mailbox = cf_mailbox_ref (mailbox);
  writing->write = cf_write_new (destination, session->ref);
  for (guint i = 0; i < n_ops; i++)
    cf_write_add_op (writing->write, &ops[i]);
  cf_write_queue_add (mailbox, writing->write);
  return TRUE;
}

/* The client has its NO already: whatever became of the write, the command goes the way of a failed one. */
static CfRun
writing_end_late (CfWriting *writing)
{
  g_autoptr (GError) error = g_error_new_literal (CF_ERROR, CF_ERROR_UNKNOWN, "The store answered too late");

  cf_write_cancel (writing->write);
  if (!cf_write_is_done (writing->write))
    return CF_RUN_WAIT; /* in another session's hands; the call ends without it */
  cf_write_fail (writing->write, error);
  return CF_RUN_DONE;
}

CfRun
cf_writing_run (CfWriting *writing, CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);

  while (!cf_write_is_done (writing->write)) {
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    /* Somebody else is committing, this write or those before it, and wakes this session. */
    if (!cf_store_commit_queue (session, writing->mailbox, session->ref)) {
      cf_call_wait_for_store (call, cf_write_get_octets (writing->write));
      return cf_write_is_done (writing->write) ? CF_RUN_DONE : CF_RUN_WAIT;
    }
    if (call->is_late)
      return writing_end_late (writing);
  }
  return CF_RUN_DONE;
}

void
cf_writing_clear (CfWriting *writing)
{
  if (writing->write != NULL)
    cf_write_cancel (writing->write);
  g_clear_pointer (&writing->write, cf_write_unref);
  g_clear_pointer (&writing->mailbox, cf_mailbox_release);
}

gboolean
cf_writing_check_keywords (const CfKeywords *keywords, GError **error)
{
  gint64 most = cf_settings_get ()->keywords_per_message;

  if (cf_keywords_get_n (keywords) <= (gsize) most)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "A message has at most %" G_GINT64_FORMAT " keywords", most);
  return FALSE;
}

gboolean
cf_writing_resolve (CfCommandCall *call, const char *name, CfMailboxId *out_mailbox, GError **error)
{
  g_autoptr (GError) local_error = NULL;

  if (cf_store_resolve (cf_call_get_session (call), name, out_mailbox, &local_error))
    return TRUE;
  if (g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_TRYCREATE, "There is no such mailbox");
  else
    g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}
