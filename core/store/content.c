/* core/store/content.c - the wrappers round the content and search slots (calls.h, coffer/store.h).
 *
 * What a session reads by content id is its account's, and the right r on the selected mailbox stands for it:
 * an id is learnt from that mailbox's index.
 */
#include "store/calls.h"
#include "store/rights.h"
#include "store/service.h"

gboolean
cf_store_object_put (CfSession *session, const char *scope, guint n, const CfObject *const *objects,
                     CfObjectId *out_ids, GError **error)
{
  guint64 octets = 0;
  CfStoreFrame frame;

  for (guint i = 0; i < n; i++)
    octets += cf_source_get_length (objects[i]->octets);
  if (!cf_store_begin (&frame, cf_session_get_number (session), octets, error))
    return FALSE;
  return cf_store_end (
      &frame, frame.slots->object_put (frame.conn, &frame.call, scope, n, objects, out_ids, error), error);
}

void
cf_store_facts_update (CfSession *session, CfContentId content, CfFacts *facts)
{
  g_autoptr (GError) error = NULL;
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, &error))
    return;
  cf_store_end (&frame,
                frame.slots->facts_update (frame.conn, &frame.call, cf_session_get_account (session), content,
                                           facts, &error),
                &error);
}

gboolean
cf_store_read (CfSession *session, guint n_requests, const CfReadRequest *const *requests, CfReadSink *sink,
               GError **error)
{
  CfStoreFrame frame;

  if (!cf_rights_check (session, cf_session_get_mailbox_name (session), CF_RIGHT_READ, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  return cf_store_end (&frame,
                       frame.slots->read (frame.conn, &frame.call, cf_session_get_account (session),
                                          n_requests, requests, sink, error),
                       error);
}

gboolean
cf_store_search (CfSession *session, const CfSearchNode *tree, const CfUidSet *candidates,
                 CfUidSet **out_uids, gboolean *out_exact, GError **error)
{
  CfStoreFrame frame;

  if (!cf_rights_check (session, cf_session_get_mailbox_name (session), CF_RIGHT_READ, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  gboolean ok = cf_store_end (&frame,
                              frame.slots->search (frame.conn, &frame.call, cf_session_get_account (session),
                                                   cf_session_get_mailbox (session), tree, candidates,
                                                   out_uids, out_exact, error),
                              error);
  if (!ok && frame.done)
    g_clear_pointer (out_uids, cf_uid_set_free);
  return ok;
}
