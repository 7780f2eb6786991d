/* core/store/tree.c - the wrappers round the account and mailbox tree slots (calls.h, coffer/store.h). */
#include "module/registry.h"
#include "store/calls.h"
#include "store/names.h"
#include "store/rights.h"
#include "store/service.h"

gboolean
cf_store_account_lookup (CfSession *session, const char *address, CfAccountSink *sink, GError **error)
{
  g_autofree char *normal = cf_address_normalise (address);
  CfStoreFrame frame;

  if (normal == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such account");
    return FALSE;
  }
  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  return cf_store_end (&frame, frame.slots->account_lookup (frame.conn, &frame.call, normal, sink, error),
                       error);
}

/* ---- LIST ---- */

typedef struct {
  CfMailboxSink sink;
  CfSession *session;
  GPtrArray *names; /* of CfMailboxInfo with their own name */
} ListSink;

static void
list_item_free (gpointer data)
{
  CfMailboxInfo *info = data;

  g_free ((char *) info->name);
  g_free (info);
}

static void
list_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  CfMailboxInfo *copy = g_new0 (CfMailboxInfo, 1);

  memcpy (copy, info, MIN (info->struct_size, sizeof *copy));
  copy->struct_size = sizeof *copy;
  copy->name = g_strdup (info->name);
  g_ptr_array_add (((ListSink *) sink)->names, copy);
}

/* Rights are asked after the slot has returned, as an access class may call the store itself. */
gboolean
cf_store_mailbox_list (CfSession *session, CfMailboxSink *sink, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (list_item_free);
  ListSink list = { { sizeof list.sink, list_mailbox }, session, names };
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  if (!cf_store_end (&frame, frame.slots->mailbox_list (frame.conn, &frame.call, account, &list.sink, error),
                     error))
    return FALSE;
  for (guint i = 0; i < names->len; i++) {
    const CfMailboxInfo *info = g_ptr_array_index (names, i);
    guint rights;

    if (!cf_store_get_rights (session, info->name, &rights, error))
      return FALSE;
    if ((rights & CF_RIGHT_LOOKUP) == 0)
      continue;
    cf_names_remember (account, info->name, info->id);
    sink->mailbox (sink, info);
  }
  return TRUE;
}

/* ---- CREATE, RENAME, DELETE ---- */

static gboolean
tree_may_change (CfSession *session, CfHookEvent event, const char *name, const char *destination,
                 GError **error)
{
  CfHookInfo hook = { .struct_size = sizeof hook,
                      .event = event,
                      .session = session,
                      .account = cf_session_get_account (session),
                      .mailbox = name,
                      .destination = destination };

  return cf_registry_run_hooks (&hook, error);
}

typedef struct {
  CfMailboxSink sink;
  CfAccountId account;
  guint32 last; /* UIDVALIDITY */
} CreateSink;

static void
create_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  CreateSink *self = (CreateSink *) sink;

  cf_names_remember (self->account, info->name, info->id);
  self->last = info->uid_validity;
}

gboolean
cf_store_mailbox_create (CfSession *session, const char *name, guint32 special_use, guint32 *out_uid_validity,
                         GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  CreateSink sink = { { sizeof sink.sink, create_mailbox }, account, 0 };
  CfStoreFrame frame;

  if (!cf_rights_check (session, name, CF_RIGHT_CREATE, error)
      || !tree_may_change (session, CF_HOOK_MAILBOX_CREATE, name, NULL, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  if (!cf_store_end (&frame,
                     frame.slots->mailbox_create (frame.conn, &frame.call, account, name, special_use,
                                                  &sink.sink, error),
                     error))
    return FALSE;
  *out_uid_validity = sink.last;
  return TRUE;
}

gboolean
cf_store_mailbox_rename (CfSession *session, const char *from, const char *to, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  CfStoreFrame frame;

  if (!cf_rights_check (session, from, CF_RIGHT_DELETE, error)
      || !cf_rights_check (session, to, CF_RIGHT_CREATE, error)
      || !tree_may_change (session, CF_HOOK_MAILBOX_RENAME, from, to, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  gboolean ok = cf_store_end (
      &frame, frame.slots->mailbox_rename (frame.conn, &frame.call, account, from, to, error), error);
  /* Also after a failure: its outcome may be unknown. */
  cf_names_forget_account (account);
  if (frame.done)
    cf_mailbox_renamed (account, from, to);
  return ok;
}

gboolean
cf_store_mailbox_delete (CfSession *session, const char *name, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  CfStoreFrame frame;
  CfMailboxId id;

  if (!cf_rights_check (session, name, CF_RIGHT_DELETE, error)
      || !tree_may_change (session, CF_HOOK_MAILBOX_DELETE, name, NULL, error))
    return FALSE;
  cf_names_forget (account, name);
  if (!cf_store_resolve (session, name, &id, error))
    return FALSE;
  cf_names_forget (account, name);
  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  gboolean ok = cf_store_end (
      &frame, frame.slots->mailbox_delete (frame.conn, &frame.call, account, id, error), error);

  g_autoptr (CfMailbox) mailbox = frame.done ? cf_mailbox_lookup (account, id) : NULL;
  if (mailbox != NULL)
    cf_mailbox_set_gone (mailbox);
  return ok;
}

/* ---- STATUS ---- */

/* The store does not know yet of what sessions here have been shown as \Recent since the last SELECT. */
static void
status_take_claims (CfAccountId account, CfMailboxStatus *status)
{
  g_autoptr (CfMailbox) mailbox = cf_mailbox_lookup (account, status->id);
  g_autoptr (CfSnapshot) snapshot = mailbox != NULL ? cf_mailbox_ref_snapshot (mailbox) : NULL;
  guint32 known = mailbox != NULL ? cf_mailbox_get_known_recent (mailbox) : 0;
  guint32 claimed = 0;

  if (known <= status->recent_uid)
    return;
  if (known >= status->uid_next)
    claimed = status->recent;
  else if (snapshot != NULL)
    claimed = cf_snapshot_rank (snapshot, known) - cf_snapshot_rank (snapshot, status->recent_uid);
  status->recent -= MIN (claimed, status->recent);
}

gboolean
cf_store_mailbox_status (CfSession *session, const char *name, CfMailboxStatus *out_status, GError **error)
{
  CfMailboxStatus status = { .struct_size = sizeof status };
  CfAccountId account = cf_session_get_account (session);
  CfStoreFrame frame;

  if (!cf_rights_check (session, name, CF_RIGHT_READ, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  if (!cf_store_end (&frame,
                     frame.slots->mailbox_status (frame.conn, &frame.call, account, name, &status, error),
                     error))
    return FALSE;
  cf_names_remember (account, name, status.id);
  status_take_claims (account, &status);
  status.struct_size = sizeof status;
  *out_status = status;
  return TRUE;
}

/* ---- LIST with STATUS ---- */

typedef struct {
  CfMailboxInfo info; /* with its own name */
  CfMailboxStatus status;
} Counted;

typedef struct {
  CfStatusSink sink;
  GPtrArray *counted;
} CountedSink;

static void
counted_free (gpointer data)
{
  Counted *counted = data;

  g_free ((char *) counted->info.name);
  g_free (counted);
}

static void
counted_mailbox (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  Counted *counted = g_new0 (Counted, 1);

  memcpy (&counted->info, info, MIN (info->struct_size, sizeof counted->info));
  counted->info.struct_size = sizeof counted->info;
  counted->info.name = g_strdup (info->name);
  memcpy (&counted->status, status, MIN (status->struct_size, sizeof counted->status));
  counted->status.struct_size = sizeof counted->status;
  g_ptr_array_add (((CountedSink *) sink)->counted, counted);
}

/* As for LIST alone, rights are asked afterwards. */
gboolean
cf_store_mailbox_list_status (CfSession *session, const char *prefix, CfStatusSink *sink, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func (counted_free);
  CountedSink counted_sink = { { sizeof counted_sink.sink, counted_mailbox }, all };
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  if (!cf_store_end (&frame,
                     frame.slots->mailbox_list_status (frame.conn, &frame.call, account, prefix,
                                                       &counted_sink.sink, error),
                     error))
    return FALSE;
  for (guint i = 0; i < all->len; i++) {
    Counted *counted = g_ptr_array_index (all, i);
    guint rights;

    if (!cf_store_get_rights (session, counted->info.name, &rights, error))
      return FALSE;
    if ((rights & CF_RIGHT_LOOKUP) == 0)
      continue;
    cf_names_remember (account, counted->info.name, counted->info.id);
    status_take_claims (account, &counted->status);
    sink->mailbox (sink, &counted->info, (rights & CF_RIGHT_READ) != 0 ? &counted->status : NULL);
  }
  return TRUE;
}
