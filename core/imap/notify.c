/* core/imap/notify.c - NOTIFY in a session (notify.h). */
#include "imap/notify.h"

CfNotify *
cf_notify_new (CfNotifyFilter *filter, GArray *items, CfHubWatcher *watcher)
{
  CfNotify *notify = g_new0 (CfNotify, 1);

  notify->filter = filter;
  notify->items = items;
  notify->watcher = watcher;
  notify->own = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_tree_op_free);
  notify->changed = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_tree_op_free);
  return notify;
}

static void
notify_drop_fetch (CfNotify *notify)
{
  if (notify->fetch != NULL)
    notify->free_fetch (notify->fetch);
  notify->fetch = NULL;
}

void
cf_notify_free (CfNotify *notify)
{
  if (notify == NULL)
    return;
  notify_drop_fetch (notify);
  cf_hub_unwatch (notify->watcher);
  cf_notify_filter_free (notify->filter);
  g_clear_pointer (&notify->items, g_array_unref);
  g_clear_pointer (&notify->pending, g_array_unref);
  g_clear_pointer (&notify->told, g_hash_table_unref);
  g_clear_pointer (&notify->arrived, cf_uid_set_free);
  g_clear_pointer (&notify->brought, cf_uid_set_free);
  g_ptr_array_unref (notify->own);
  g_ptr_array_unref (notify->changed);
  g_free (notify);
}

void
cf_notify_replace (CfSession *session, CfNotify *notify)
{
  g_autoptr (CfNotify) before = g_steal_pointer (&session->notify);

  session->notify = notify;
  if (before == NULL)
    return;
  if (notify->items != NULL)
    notify->arrived = g_steal_pointer (&before->arrived);
  notify->brought = g_steal_pointer (&before->brought);
}

guint
cf_notify_get_tellable (CfSession *session)
{
  guint events, news = 0;

  if (session->notify == NULL)
    return CF_VIEW_ALL;
  events = cf_notify_filter_get_selected (session->notify->filter);
  if ((events & CF_NOTIFY_MESSAGE_NEW) != 0)
    news |= CF_VIEW_ARRIVED;
  if ((events & CF_NOTIFY_MESSAGE_EXPUNGE) != 0)
    news |= CF_VIEW_EXPUNGED;
  if ((events & CF_NOTIFY_FLAG_CHANGE) != 0)
    news |= CF_VIEW_CHANGED;
  return news;
}

gboolean
cf_notify_may_expunge (CfSession *session)
{
  return session->notify != NULL && !cf_notify_filter_is_delayed (session->notify->filter);
}

/* ---- The selected mailbox ---- */

void
cf_notify_arrived (CfSession *session, const CfSnapshot *snapshot, guint32 first, guint32 end)
{
  CfNotify *notify = session->notify;
  CfSnapshotIter iter;
  const CfIndexRow *row;

  if (notify == NULL || notify->items == NULL || first >= end)
    return;
  if (notify->arrived == NULL)
    notify->arrived = cf_uid_set_new ();
  cf_snapshot_iter_init (&iter, snapshot, cf_snapshot_rank (snapshot, first));
  while ((row = cf_snapshot_iter_next (&iter)) != NULL && row->uid < end)
    if (notify->brought == NULL || !cf_uid_set_contains (notify->brought, row->uid))
      cf_uid_set_add (notify->arrived, row->uid);
  if (notify->brought != NULL)
    cf_uid_set_remove_range (notify->brought, 0, end - 1);
  if (cf_uid_set_is_empty (notify->arrived))
    g_clear_pointer (&notify->arrived, cf_uid_set_free);
  notify->look = TRUE;
}

void
cf_notify_brought (CfSession *session, CfMailboxId mailbox, const CfUidSet *uids)
{
  CfNotify *notify = session->notify;

  if (notify == NULL || notify->items == NULL || session->mailbox == NULL
      || cf_mailbox_get_id (session->mailbox) != mailbox)
    return;
  if (notify->brought == NULL)
    notify->brought = cf_uid_set_new ();
  cf_uid_set_add_set (notify->brought, uids);
}

void
cf_notify_leave (CfSession *session)
{
  CfNotify *notify = session->notify;

  if (notify == NULL)
    return;
  notify_drop_fetch (notify);
  g_clear_pointer (&notify->arrived, cf_uid_set_free);
  g_clear_pointer (&notify->brought, cf_uid_set_free);
}

/* ---- Names ---- */

void
cf_notify_note_tree (CfSession *session, CfTreeOpKind kind, const char *name, const char *to, CfMailboxId id)
{
  CfNotify *notify = session->notify;
  CfTreeOp *op;

  cf_hub_note_tree (cf_session_get_account (session), cf_session_get_ref (session));
  if (notify == NULL || notify->watcher == NULL)
    return;
  if (notify->own->len >= CF_NOTIFY_NAMES_MAX) {
    notify->overflow = TRUE;
    return;
  }
  op = cf_tree_op_new (kind, name, to);
  op->id = id;
  g_ptr_array_add (notify->own, op);
}

/* ---- Pushes ---- */

void
cf_notify_pause (CfSession *session)
{
  if (session->notify == NULL)
    return;
  notify_drop_fetch (session->notify);
  if (session->notify->watcher != NULL)
    cf_hub_end_load (session->notify->watcher);
}

gint64
cf_notify_get_retry (CfSession *session)
{
  return session->notify != NULL ? session->notify->retry_at : 0;
}

gboolean
cf_notify_has_news (CfSession *session)
{
  const CfNotify *notify = session->notify;

  if (notify == NULL)
    return FALSE;
  return notify->look || notify->overflow || (notify->watcher != NULL && cf_hub_has_news (notify->watcher))
         || (notify->retry_at != 0 && g_get_monotonic_time () >= notify->retry_at);
}
