/* core/commands/resync.c - telling a client that comes back what has changed since (resync.h). */
#include "commands/resync.h"

#include "imap/call.h"
#include "imap/modseq.h"
#include "imap/selected.h"
#include "mailbox/vanished.h"

/* ---- VANISHED (EARLIER) ---- */

CfRun
cf_vanished_ask (CfVanished *vanished, CfCommandCall *call, const CfUidSet *known, guint64 since,
                 GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (CfUidSet) expunged = NULL;

  /* Nothing has happened. */
  if (since >= cf_snapshot_get_highest_modseq (cf_view_get_snapshot (session->view)))
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!cf_store_load_expunged (session, session->mailbox, since, &expunged, error))
    return CF_RUN_ERROR;
  vanished->uids = cf_vanished_find (session->view, known, expunged, 0);
  return CF_RUN_DONE;
}

CfRun
cf_vanished_write (CfVanished *vanished, CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);

  while (vanished->uids != NULL) {
    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    if (!cf_modseq_write_vanished (session, TRUE, vanished->uids, &vanished->range))
      cf_vanished_clear (vanished);
  }
  return CF_RUN_DONE;
}

void
cf_vanished_clear (CfVanished *vanished)
{
  g_clear_pointer (&vanished->uids, cf_uid_set_free);
}

/* ---- SELECT (QRESYNC (...)) ---- */

void
cf_resync_free (gpointer data)
{
  CfResync *resync = data;

  g_clear_pointer (&resync->query.expunged, cf_uid_set_free);
  g_clear_pointer (&resync->known, cf_uid_set_free);
  g_clear_pointer (&resync->match_seqs, cf_uid_set_free);
  g_clear_pointer (&resync->match_uids, cf_uid_set_free);
  cf_vanished_clear (&resync->vanished);
  cf_snapshot_unref (resync->snapshot);
  g_free (resync);
}

void
cf_resync_begin (CfResync *resync, CfSession *session)
{
  CfSnapshot *snapshot = cf_view_get_snapshot (session->view);
  guint32 above = 0;

  if (!resync->query.is_valid)
    return;
  if (resync->known == NULL) {
    resync->known = cf_uid_set_new ();
    cf_uid_set_add_range (resync->known, 1, G_MAXUINT32);
  }
  if (resync->match_seqs != NULL)
    above = cf_vanished_match (session->view, resync->match_seqs, resync->match_uids);
  resync->vanished.uids = cf_vanished_find (session->view, resync->known, resync->query.expunged, above);
  resync->snapshot = cf_snapshot_ref (snapshot);
  cf_snapshot_iter_init (&resync->iter, snapshot, 0);
}

CfRun
cf_resync_write (CfResync *resync, CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);

  if (resync->snapshot == NULL)
    return CF_RUN_DONE;
  if (cf_vanished_write (&resync->vanished, call) == CF_RUN_MORE)
    return CF_RUN_MORE;
  while (!cf_call_is_output_full (call)) {
    const CfIndexRow *row = cf_snapshot_iter_next_changed (&resync->iter, resync->query.modseq);

    if (row == NULL)
      return CF_RUN_DONE;
    /* The client's sequence numbers are those of the moment it was told of what there is. */
    if (cf_uid_set_contains (resync->known, row->uid))
      cf_selected_write_row (session, cf_snapshot_rank (resync->snapshot, row->uid) + 1, row);
  }
  return CF_RUN_MORE;
}
