/* storage-postgresql/watch.c - provisional */
#include "store.h"
void
watch_publish (CfStore *store, CfAccountId account, CfMailboxId mailbox, guint64 modseq)
{
}
void
watch_note (CfStore *store, CfAccountId account, CfMailboxId mailbox)
{
}
gboolean
slot_watch (CfStore *store, CfWatchFunc func, gpointer user_data, GError **error)
{
  return TRUE;
}
void
slot_unwatch (CfStore *store)
{
}
