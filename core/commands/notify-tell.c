/* core/commands/notify-tell.c - telling a client what it asked for by NOTIFY (notify-tell.h).
 *
 * The selected mailbox comes first: what its view has to tell, and FETCH responses for what has arrived. Then
 * names that have changed, found by comparing the account's names with those of the last time. Then a STATUS
 * for each mailbox with news that the filter lets through; counts come from whoever asked last, from the
 * index in memory, or, all that is missing at once, from the store.
 */
#include "commands/notify-tell.h"

#include "commands/fetch.h"
#include "commands/list.h"
#include "commands/subscription.h"
#include "imap/modseq.h"
#include "imap/output.h"
#include "imap/selected.h"
#include "module/registry.h"
#include "store/calls.h"

#include <string.h>

/* ---- The selected mailbox ---- */

static void
fetch_free (gpointer data)
{
  cf_fetch_free (data);
}

/* The FETCH responses for messages that have arrived. One that the store cannot give now stays; what is wrong
 * with others will not get better. */
static CfRun
tell_arrived (CfCommandCall *call, CfNotify *notify, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (GError) local_error = NULL;
  CfRun run;

  if (notify->arrived == NULL || session->view == NULL || cf_selected_is_demoted (session))
    return CF_RUN_DONE;
  if (notify->fetch == NULL) {
    notify->fetch = cf_fetch_new (notify->items, notify->arrived);
    notify->free_fetch = fetch_free;
  }
  run = cf_fetch_run (notify->fetch, call, &local_error);
  cf_uid_set_remove_range (notify->arrived, 0, cf_fetch_get_told (notify->fetch));
  if (run == CF_RUN_MORE || run == CF_RUN_WAIT)
    return run;
  if (run == CF_RUN_ERROR && g_error_matches (local_error, CF_ERROR, CF_ERROR_UNAVAILABLE)) {
    g_propagate_error (error, g_steal_pointer (&local_error));
    return CF_RUN_ERROR;
  }
  if (local_error != NULL)
    cf_session_log_error (session, "NOTIFY", local_error);
  g_clear_pointer (&notify->arrived, cf_uid_set_free);
  cf_fetch_free (g_steal_pointer (&notify->fetch));
  return CF_RUN_DONE;
}

static CfRun
tell_selected (CfCommandCall *call, gboolean expunge, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfRun run;

  if (session->view == NULL)
    return CF_RUN_DONE;
  /* Responses under way have sequence numbers. */
  if (session->notify->fetch != NULL && (run = tell_arrived (call, session->notify, error)) != CF_RUN_DONE)
    return run;
  if (!cf_selected_sync (session, expunge))
    return CF_RUN_MORE;
  return tell_arrived (call, session->notify, error);
}

/* ---- Names ---- */

typedef struct {
  CfMailboxSink sink;
  CfAccountTree *tree;
} TreeSink;

static void
tree_add_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  cf_account_tree_add (((TreeSink *) sink)->tree, info);
}

typedef struct {
  CfAttributeSink sink;
  CfAccountTree *tree;
} SubscriptionSink;

static void
tree_add_subscription (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  gsize length;
  const char *octets = g_bytes_get_data (attribute->value, &length);
  g_autofree char *name = g_strndup (octets, length);

  cf_account_tree_subscribe (((SubscriptionSink *) sink)->tree, name);
}

static CfAccountTree *
tree_ask (CfSession *session, GError **error)
{
  g_autoptr (CfAccountTree) tree = cf_account_tree_new ();
  CfAttributeTarget target = { .struct_size = sizeof target, .account = cf_session_get_account (session) };
  TreeSink mailboxes = { { sizeof mailboxes.sink, tree_add_mailbox }, tree };
  SubscriptionSink subscriptions = { { sizeof subscriptions.sink, tree_add_subscription }, tree };

  if (!cf_store_mailbox_list (session, &mailboxes.sink, error)
      || !cf_store_attribute_get (session, &target, NULL, CF_SUBSCRIPTION_PREFIX, &subscriptions.sink, error))
    return NULL;
  cf_account_tree_seal (tree);
  return g_steal_pointer (&tree);
}

CfRun
cf_notify_load_tree (CfCommandCall *call, CfHubWatcher *watcher, CfAccountTree **out_tree,
                     CfAccountTree **out_before, gboolean *out_scan, GError **error)
{
  CfAccountTree *tree;

  /* What changes while it is asked for is asked for once more, the next time. */
  for (guint attempt = 0; !cf_hub_take_tree (watcher, out_tree, out_before, out_scan); attempt++) {
    if (attempt > 0)
      return CF_RUN_MORE;
    if (!cf_hub_begin_load (watcher))
      return CF_RUN_WAIT;
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    cf_hub_begin_load (watcher);
    tree = tree_ask (cf_call_get_session (call), error);
    if (tree != NULL)
      cf_hub_put_tree (watcher, tree);
    cf_hub_end_load (watcher);
    if (tree == NULL)
      return CF_RUN_ERROR;
  }
  return CF_RUN_DONE;
}

/* ---- Comparing names ---- */

typedef struct {
  CfNotify *notify;
  const CfAccountTree *tree; /* the newer one */
  GHashTable *names;         /* that are in notify->changed */
} Compare;

/* @name, if @events of it are wanted, is to be listed. */
static void
compare_add (Compare *self, CfTreeOpKind kind, const char *name, const char *old_name, guint events)
{
  CfTreeOp *op;

  if (events == 0 || g_hash_table_contains (self->names, name))
    return;
  if (self->notify->changed->len >= CF_NOTIFY_NAMES_MAX) {
    self->notify->overflow = TRUE;
    return;
  }
  op = cf_tree_op_new (kind, name, old_name);
  g_ptr_array_add (self->notify->changed, op);
  g_hash_table_add (self->names, op->name);
}

static guint
compare_match (const Compare *self, const char *name)
{
  return cf_notify_filter_match (self->notify->filter, name, cf_account_tree_is_subscribed (self->tree, name))
         & CF_NOTIFY_MAILBOX_NAME;
}

/* The level above is affected as well, whether it is a mailbox or not (5.4). */
static void
compare_add_parent (Compare *self, CfTreeOpKind kind, const char *name)
{
  const char *end = strrchr (name, CF_MAILBOX_SEPARATOR);
  g_autofree char *parent = end != NULL ? g_strndup (name, (gsize) (end - name)) : NULL;

  if (parent != NULL)
    compare_add (self, kind, parent, NULL, compare_match (self, parent));
}

static void
compare_take (CfTreeOpKind kind, const char *name, const char *old_name, gpointer user_data)
{
  Compare *self = user_data;

  switch (kind) {
  case CF_TREE_CREATE:
  case CF_TREE_DELETE:
    compare_add (self, kind, name, NULL, compare_match (self, name));
    compare_add_parent (self, kind, name);
    break;
  case CF_TREE_RENAME:
    compare_add (self, kind, name, old_name, compare_match (self, name) | compare_match (self, old_name));
    break;
  case CF_TREE_SUBSCRIBE:
  case CF_TREE_UNSUBSCRIBE:
    /* It is subscribed to now, or was before. */
    compare_add (self, kind, name, NULL,
                 cf_notify_filter_match (self->notify->filter, name, TRUE) & CF_NOTIFY_SUBSCRIPTION_CHANGE);
    break;
  }
}

static void
compare_names (CfNotify *notify, const CfAccountTree *before, const CfAccountTree *tree)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  Compare self = { notify, tree, names };

  for (guint i = 0; i < notify->changed->len; i++)
    g_hash_table_add (names, ((CfTreeOp *) g_ptr_array_index (notify->changed, i))->name);
  cf_account_tree_diff (before, notify->own, tree, compare_take, &self);
}

static void
notify_add_pending (CfNotify *notify, CfMailboxId mailbox)
{
  CfNews news = { mailbox, CF_NEWS_ALL };

  if (notify->pending == NULL)
    notify->pending = g_array_new (FALSE, FALSE, sizeof (CfNews));
  if (notify->pending->len < 2 * CF_HUB_PENDING_MAX)
    g_array_append_val (notify->pending, news);
  else
    notify->overflow = TRUE;
}

/* The last STATUS of a mailbox: as of when, and with what. */
typedef struct {
  CfMailboxId mailbox;
  guint32 uid_validity;
  guint events; /* CfNotifyEvents; all that were told of this state */
  guint64 modseq;
} Told;

static Told *
notify_lookup_told (const CfNotify *notify, CfMailboxId mailbox)
{
  return notify->told != NULL ? g_hash_table_lookup (notify->told, &mailbox) : NULL;
}

/* Does @info tell more than the client knows, by @old (NULL: nothing) and what it was told since? */
static gboolean
mailbox_is_further (const CfNotify *notify, const CfMailboxInfo *old, const CfMailboxInfo *info)
{
  const Told *told = notify_lookup_told (notify, info->id);

  if (told != NULL && told->uid_validity == info->uid_validity && told->modseq >= info->highest_modseq)
    return FALSE;
  if (old == NULL)
    return info->uid_next > 1;
  return old->highest_modseq != info->highest_modseq || old->uid_validity != info->uid_validity;
}

/* Another process may have changed any mailbox, unheard. */
static void
compare_mailboxes (CfNotify *notify, const CfAccountTree *before, const CfAccountTree *tree)
{
  for (guint i = 0; i < cf_account_tree_get_n (tree); i++) {
    const CfMailboxInfo *info = cf_account_tree_get (tree, i);

    if (mailbox_is_further (notify, cf_account_tree_lookup (before, info->id), info))
      notify_add_pending (notify, info->id);
  }
}

static void
write_list (CfSession *session, const CfAccountTree *tree, const CfTreeOp *op)
{
  CfOutput *output = cf_session_get_output (session);
  const CfMailboxInfo *info = cf_account_tree_lookup_name (tree, op->name);
  CfMailboxInfo none = { .struct_size = sizeof none, .name = op->name };

  cf_output_printf (output, "* LIST (%s", info == NULL ? "\\NonExistent " : "");
  cf_list_write_attributes (session, info != NULL ? info : &none,
                            cf_account_tree_has_children (tree, op->name),
                            cf_account_tree_is_subscribed (tree, op->name));
  cf_list_write_name (session, op->name, op->to);
}

/* FALSE: there is more, but the output is full. */
static gboolean
tell_names (CfSession *session, CfNotify *notify, const CfAccountTree *tree)
{
  guint told = 0;

  while (told < notify->changed->len && !cf_session_is_output_full (session))
    write_list (session, tree, g_ptr_array_index (notify->changed, told++));
  g_ptr_array_remove_range (notify->changed, 0, told);
  return notify->changed->len == 0;
}

/* ---- Counts ---- */

void
cf_notify_write_status (CfSession *session, const char *name, const CfMailboxStatus *counts, guint events,
                        gboolean modseq)
{
  CfOutput *output = cf_session_get_output (session);

  cf_output_text (output, "* STATUS ");
  cf_output_mailbox (output, name, FALSE);
  cf_output_text (output, " (");
  if ((events & (CF_NOTIFY_MESSAGE_NEW | CF_NOTIFY_MESSAGE_EXPUNGE)) != 0)
    cf_output_printf (output, "MESSAGES %u UIDNEXT %u ", counts->messages, counts->uid_next);
  cf_output_printf (output, "UIDVALIDITY %u", counts->uid_validity);
  if ((events & CF_NOTIFY_FLAG_CHANGE) != 0)
    cf_output_printf (output, " UNSEEN %u", counts->unseen);
  if (modseq)
    cf_output_printf (output, " HIGHESTMODSEQ %" G_GUINT64_FORMAT, counts->highest_modseq);
  cf_output_text (output, ")\r\n");
}

/* FALSE: the same has been told before. News may come twice, where they come from another process. */
static gboolean
notify_note_told (CfNotify *notify, const CfMailboxStatus *counts, guint events)
{
  Told *told = notify_lookup_told (notify, counts->id);

  if (told == NULL) {
    if (notify->told == NULL)
      notify->told = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
    if (g_hash_table_size (notify->told) >= CF_HUB_PENDING_MAX)
      g_hash_table_remove_all (notify->told);
    told = g_new0 (Told, 1);
    told->mailbox = counts->id;
    g_hash_table_insert (notify->told, &told->mailbox, told);
  }
  if (told->uid_validity != counts->uid_validity || told->modseq != counts->highest_modseq) {
    told->uid_validity = counts->uid_validity;
    told->modseq = counts->highest_modseq;
    told->events = 0;
  }
  if ((events & ~told->events) == 0)
    return FALSE;
  told->events |= events;
  return TRUE;
}

/* STATUS for news. */
static void
tell_counts (CfSession *session, const char *name, const CfMailboxStatus *counts, guint events)
{
  if (notify_note_told (session->notify, counts, events))
    cf_notify_write_status (session, name, counts, events, cf_session_tells_modseq (session));
}

/* What of @news the client wants to hear; *@out_info is the mailbox. */
static guint
news_get_wanted (CfSession *session, const CfAccountTree *tree, const CfNews *news,
                 const CfMailboxInfo **out_info)
{
  const CfMailboxInfo *info = cf_account_tree_lookup (tree, news->mailbox);

  *out_info = info;
  if (info == NULL || news->mailbox == cf_session_get_mailbox (session))
    return 0;
  return cf_notify_filter_match (session->notify->filter, info->name,
                                 cf_account_tree_is_subscribed (tree, info->name))
         & CF_NOTIFY_MESSAGE_EVENTS & news->kinds;
}

static guint32
count_unseen (const CfSnapshot *snapshot)
{
  CfSnapshotIter iter;
  const CfIndexRow *row;
  guint32 unseen = 0;

  cf_snapshot_iter_init (&iter, snapshot, 0);
  while ((row = cf_snapshot_iter_next (&iter)) != NULL)
    if ((row->flags & CF_FLAG_SEEN) == 0)
      unseen++;
  return unseen;
}

/* From the index in memory, if that is not behind; the others need not count again. */
static gboolean
counts_from_memory (CfSession *session, CfHubWatcher *watcher, CfMailboxId id, CfMailboxStatus *out)
{
  guint64 serial = cf_hub_get_serial (watcher);
  g_autoptr (CfMailbox) mailbox = cf_mailbox_lookup (cf_session_get_account (session), id);
  g_autoptr (CfSnapshot) snapshot
      = mailbox != NULL && !cf_mailbox_is_stale (mailbox) ? cf_mailbox_ref_snapshot (mailbox) : NULL;

  if (snapshot == NULL)
    return FALSE;
  *out = (CfMailboxStatus){
    .struct_size = sizeof *out,
    .id = id,
    .uid_validity = cf_snapshot_get_uid_validity (snapshot),
    .uid_next = cf_snapshot_get_uid_next (snapshot),
    .highest_modseq = cf_snapshot_get_highest_modseq (snapshot),
    .messages = cf_snapshot_get_n (snapshot),
    .unseen = count_unseen (snapshot),
  };
  cf_hub_put_counts (watcher, out, serial);
  return TRUE;
}

/* Rights are asked by the store's wrappers: where somebody has a say in them, what others have asked does not
 * count. */
static gboolean
counts_lookup (CfSession *session, CfHubWatcher *watcher, CfMailboxId id, CfMailboxStatus *out)
{
  const CfAccessClass *const *access = cf_registry_get_access ();

  if (access != NULL && *access != NULL)
    return FALSE;
  return cf_hub_lookup_counts (watcher, id, out) || counts_from_memory (session, watcher, id, out);
}

/* Tells what can be told from memory, drops what is not wanted, and leaves the rest. */
static void
tell_known_counts (CfSession *session, CfNotify *notify, const CfAccountTree *tree)
{
  guint left = 0;

  for (guint i = 0; i < notify->pending->len; i++) {
    CfNews news = g_array_index (notify->pending, CfNews, i);
    const CfMailboxInfo *info;
    guint events = news_get_wanted (session, tree, &news, &info);
    CfMailboxStatus counts;

    if (events == 0)
      continue;
    if (counts_lookup (session, notify->watcher, news.mailbox, &counts))
      tell_counts (session, info->name, &counts, events);
    else
      g_array_index (notify->pending, CfNews, left++) = news;
  }
  g_array_set_size (notify->pending, left);
}

/* Takes what the store says of mailboxes; those that are not among the pending ones are passed over. */
typedef struct {
  CfStatusSink sink;
  CfSession *session;
  CfNotify *notify;
  const CfAccountTree *tree;
  guint64 serial;
} CountsSink;

static void
counts_take (CountsSink *self, const CfMailboxStatus *counts)
{
  for (guint i = 0; i < self->notify->pending->len; i++) {
    const CfNews *news = &g_array_index (self->notify->pending, CfNews, i);
    const CfMailboxInfo *info;
    guint events;

    if (news->mailbox != counts->id)
      continue;
    events = news_get_wanted (self->session, self->tree, news, &info);
    if (events != 0)
      tell_counts (self->session, info->name, counts, events);
    cf_hub_put_counts (self->notify->watcher, counts, self->serial);
    return;
  }
}

static void
counts_mailbox (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  if (status != NULL)
    counts_take ((CountsSink *) sink, status);
}

static char *
pending_dup_prefix (const CfNotify *notify, const CfAccountTree *tree)
{
  g_autofree char *prefix = NULL;

  for (guint i = 0; i < notify->pending->len; i++) {
    const char *name
        = cf_account_tree_lookup (tree, g_array_index (notify->pending, CfNews, i).mailbox)->name;
    gsize n = 0;

    if (prefix == NULL)
      prefix = g_strdup (name);
    while (prefix[n] != '\0' && prefix[n] == name[n])
      n++;
    /* Not in the midst of a character: a store takes it for text. */
    while (n > 0 && ((guchar) prefix[n] & 0xc0) == 0x80)
      n--;
    prefix[n] = '\0';
  }
  return g_steal_pointer (&prefix);
}

/* One question for all that is pending. */
static gboolean
counts_ask (CfSession *session, CountsSink *sink, GError **error)
{
  GArray *pending = sink->notify->pending;
  g_autoptr (GError) local_error = NULL;
  g_autofree char *prefix = NULL;
  CfMailboxStatus counts;

  if (pending->len > 1) {
    prefix = pending_dup_prefix (sink->notify, sink->tree);
    return cf_store_mailbox_list_status (session, prefix, &sink->sink, error);
  }
  if (cf_store_mailbox_status (
          session, cf_account_tree_lookup (sink->tree, g_array_index (pending, CfNews, 0).mailbox)->name,
          &counts, &local_error)) {
    counts_take (sink, &counts);
    return TRUE;
  }
  /* Deleted since, or not to be read. */
  if (g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT)
      || g_error_matches (local_error, CF_ERROR, CF_ERROR_NOPERM))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static CfRun
tell_asked_counts (CfCommandCall *call, CfNotify *notify, const CfAccountTree *tree, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CountsSink sink = { { sizeof sink.sink, counts_mailbox }, session, notify, tree, 0 };
  gboolean asked;

  if (!cf_hub_begin_load (notify->watcher))
    return CF_RUN_WAIT;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  sink.serial = cf_hub_get_serial (notify->watcher);
  asked = counts_ask (session, &sink, error);
  cf_hub_end_load (notify->watcher);
  if (!asked)
    return CF_RUN_ERROR;
  g_array_set_size (notify->pending, 0);
  return CF_RUN_DONE;
}

/* ---- Other mailboxes ---- */

/* Adds what the hub has to what is pending already. */
static void
notify_take_news (CfNotify *notify)
{
  gboolean overflow;
  g_autoptr (GArray) news = cf_hub_take (notify->watcher, &overflow);

  notify->overflow = notify->overflow || overflow;
  if (news == NULL)
    return;
  if (notify->pending == NULL)
    notify->pending = g_steal_pointer (&news);
  else if (notify->pending->len + news->len <= 2 * CF_HUB_PENDING_MAX)
    g_array_append_vals (notify->pending, news->data, news->len);
  else
    notify->overflow = TRUE;
}

/* The same mailbox may have come more than once. */
static void
notify_merge_pending (CfNotify *notify)
{
  g_autoptr (GHashTable) places = g_hash_table_new (g_int64_hash, g_int64_equal);
  guint left = 0;

  for (guint i = 0; i < notify->pending->len; i++) {
    CfNews *news = &g_array_index (notify->pending, CfNews, i);
    CfNews *before = g_hash_table_lookup (places, &news->mailbox);

    if (before != NULL) {
      before->kinds |= news->kinds;
      continue;
    }
    g_array_index (notify->pending, CfNews, left) = *news;
    before = &g_array_index (notify->pending, CfNews, left++);
    g_hash_table_insert (places, &before->mailbox, before);
  }
  g_array_set_size (notify->pending, left);
}

static CfRun
tell_others (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfNotify *notify = session->notify;
  g_autoptr (CfAccountTree) tree = NULL, before = NULL;
  gboolean scan;
  CfRun run;

  if (notify->watcher == NULL)
    return CF_RUN_DONE;
  notify_take_news (notify);
  if (notify->overflow)
    return CF_RUN_DONE;
  run = cf_notify_load_tree (call, notify->watcher, &tree, &before, &scan, error);
  if (run != CF_RUN_DONE)
    return run;
  if (before != NULL) {
    compare_names (notify, before, tree);
    if (scan)
      compare_mailboxes (notify, before, tree);
  }
  g_ptr_array_set_size (notify->own, 0);
  if (notify->overflow)
    return CF_RUN_DONE;
  if (!tell_names (session, notify, tree))
    return CF_RUN_MORE;
  if (notify->pending == NULL)
    return CF_RUN_DONE;
  notify_merge_pending (notify);
  tell_known_counts (session, notify, tree);
  if (notify->pending->len > 0)
    run = tell_asked_counts (call, notify, tree, error);
  if (notify->pending->len == 0)
    g_clear_pointer (&notify->pending, g_array_unref);
  return run;
}

/* ---- All of it ---- */

/* Too much has happened: it is as if NOTIFY NONE had come (5.8). */
static void
tell_overflow (CfSession *session)
{
  cf_output_text (cf_session_get_output (session),
                  "* OK [NOTIFICATIONOVERFLOW] Too much has happened; nothing is told from now on\r\n");
  cf_notify_pause (session);
  cf_notify_replace (session, cf_notify_new (cf_notify_filter_new (), NULL, NULL));
}

CfRun
cf_notify_tell (CfCommandCall *call, gboolean expunge, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfRun run;

  session->notify->look = FALSE;
  session->notify->retry_at = 0;
  run = tell_selected (call, expunge, error);
  if (run != CF_RUN_DONE)
    return run;
  session->notify->look = FALSE; /* set by what has been told just now */
  run = tell_others (call, error);
  if (session->notify->overflow)
    tell_overflow (session);
  if (session->view != NULL && cf_selected_needs_refresh (session)
      && (session->notify->arrived != NULL
          || (cf_notify_get_tellable (session) != 0 && cf_selected_may_have_news (session))))
    session->notify->retry_at = g_get_monotonic_time () + CF_NOTIFY_RETRY_US;
  return run;
}
