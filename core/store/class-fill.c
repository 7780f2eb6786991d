/* core/store/class-fill.c - makes a plugin's storage class whole.
 *
 * Required slots were checked when the class was registered; optional ones that are missing get core's
 * answer, so that no caller tests a slot for NULL. What that is, coffer/storage.h says beside each slot.
 */
#include <string.h>

#include "store/service.h"

static gboolean
not_supported (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NOT_SUPPORTED, "Not supported by this store");
  return FALSE;
}

/* ---- Fallbacks, in the order of the slots ---- */

static void
ignore_account (CfAccountSink *sink, const CfAccountInfo *info)
{
}

static void
ignore_address (CfAccountSink *sink, const char *address)
{
}

static void
ignore_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

/* A class whose probe or mailbox_status falls back needs its own slots: those of the class filled last, which
 * is the one that serves. */
static CfStorageClass filled;

static gboolean
fallback_probe (CfStoreConn *conn, const CfCall *call, GError **error)
{
  CfAccountSink sink = { sizeof sink, ignore_account, ignore_address, ignore_credential };
  g_autoptr (GError) local_error = NULL;

  if (filled.account_lookup (conn, call, "\x01probe", &sink, &local_error)
      || g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
fallback_schema_version (CfStore *store, guint *out_current, guint *out_wanted, GError **error)
{
  *out_current = *out_wanted = 0;
  return TRUE;
}

static gboolean
fallback_schema_upgrade (CfStore *store, CfProgressFunc progress, gpointer user_data, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                         const CfAccountChange *change, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error)
{
  return not_supported (error);
}

typedef struct {
  CfIndexSink sink;
  CfMailboxStatus *status;
} CountSink;

static void
count_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
  CfMailboxStatus *status = ((CountSink *) sink)->status;

  status->id = info->id;
  status->uid_validity = info->uid_validity;
  status->uid_next = info->uid_next;
  status->highest_modseq = info->highest_modseq;
  status->recent_uid = info->recent_uid;
}

static void
count_reset (CfIndexSink *sink)
{
}

static void
count_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
}

static void
count_row (CfIndexSink *sink, const CfIndexRow *row)
{
  CfMailboxStatus *status = ((CountSink *) sink)->status;

  status->messages++;
  status->unseen += (row->flags & CF_FLAG_SEEN) == 0;
  status->deleted += (row->flags & CF_FLAG_DELETED) != 0;
  status->recent += row->uid >= status->recent_uid;
  status->octets += row->size;
}

static gboolean
fallback_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                         CfMailboxStatus *out_status, GError **error)
{
  CfMailboxStatus status = { .struct_size = sizeof status };
  CountSink sink = {
    { sizeof sink.sink, count_mailbox, count_reset, count_expunged, count_row },
    &status,
  };
  CfIndexQuery query = { .struct_size = sizeof query, .account = account, .name = name };

  if (!filled.index_load (conn, call, &query, &sink.sink, error))
    return FALSE;
  *out_status = status;
  return TRUE;
}

typedef struct {
  CfMailboxSink sink;
  const char *prefix;
  GPtrArray *infos; /* CfMailboxInfo with their own name */
} GatherSink;

static void
gathered_free (gpointer data)
{
  CfMailboxInfo *info = data;

  g_free ((char *) info->name);
  g_free (info);
}

static void
gather_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  GatherSink *self = (GatherSink *) sink;
  CfMailboxInfo *copy;

  if (!g_str_has_prefix (info->name, self->prefix))
    return;
  copy = g_new0 (CfMailboxInfo, 1);
  memcpy (copy, info, MIN (info->struct_size, sizeof *copy));
  copy->struct_size = sizeof *copy;
  copy->name = g_strdup (info->name);
  g_ptr_array_add (self->infos, copy);
}

static gboolean
fallback_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *prefix,
                              CfStatusSink *sink, GError **error)
{
  g_autoptr (GPtrArray) infos = g_ptr_array_new_with_free_func (gathered_free);
  GatherSink gather = { { sizeof gather.sink, gather_mailbox }, prefix, infos };

  if (!filled.mailbox_list (conn, call, account, &gather.sink, error))
    return FALSE;
  for (guint i = 0; i < infos->len; i++) {
    const CfMailboxInfo *info = g_ptr_array_index (infos, i);
    CfMailboxStatus status = { .struct_size = sizeof status };
    g_autoptr (GError) local_error = NULL;

    if (filled.mailbox_status (conn, call, account, info->name, &status, &local_error)) {
      sink->mailbox (sink, info, &status);
    } else if (!g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT)) { /* deleted since: left out */
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
fallback_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                       CfFacts *facts, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                     const CfObject *const *objects, CfObjectId *out_ids, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                 const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids,
                 gboolean *out_exact, GError **error)
{
  *out_uids = cf_uid_set_copy (candidates);
  *out_exact = FALSE;
  return TRUE;
}

static gboolean
fallback_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                        const char *value, CfIndexSink *sink, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_watch (CfStore *store, CfWatchFunc func, gpointer user_data, GError **error)
{
  return not_supported (error);
}

static void
fallback_unwatch (CfStore *store)
{
}

static gboolean
fallback_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed,
                  gboolean *out_more, GError **error)
{
  *out_freed = 0;
  *out_more = FALSE;
  return TRUE;
}

static gboolean
fallback_backup (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
                 gpointer user_data, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
                gpointer user_data, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfFindingFunc finding,
                        CfProgressFunc progress, gpointer user_data, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_restored (CfStoreConn *conn, const CfCall *call, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_schema_describe (CfStore *store, CfTextFunc print, gpointer user_data, GError **error)
{
  return TRUE;
}

static gboolean
fallback_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *restore,
                          CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error)
{
  return not_supported (error);
}

static gboolean
fallback_note_logins (CfStoreConn *conn, const CfCall *call, guint n, const CfLoginRecord *const *records,
                      GError **error)
{
  return not_supported (error);
}

/* ---- The table ---- */

#define OPTIONAL(slot)                                                                                       \
  if (target->slot == NULL)                                                                                  \
  target->slot = fallback_##slot

void
cf_storage_class_fill (CfStorageClass *target, const CfStorageClass *source)
{
  memset (target, 0, sizeof *target);
  memcpy (target, source, MIN (source->struct_size, sizeof *target));
  target->struct_size = sizeof *target;

  OPTIONAL (probe);
  OPTIONAL (schema_version);
  OPTIONAL (schema_upgrade);
  OPTIONAL (account_list);
  OPTIONAL (account_update);
  OPTIONAL (account_delete);
  OPTIONAL (mailbox_status);
  OPTIONAL (facts_update);
  OPTIONAL (object_put);
  OPTIONAL (search);
  OPTIONAL (header_lookup);
  OPTIONAL (watch);
  OPTIONAL (unwatch);
  OPTIONAL (collect);
  OPTIONAL (backup);
  OPTIONAL (check);
  OPTIONAL (restored);
  OPTIONAL (check_account);
  OPTIONAL (schema_describe);
  OPTIONAL (mailbox_restore);
  OPTIONAL (note_logins);
  OPTIONAL (mailbox_list_status);

  filled = *target;
}
