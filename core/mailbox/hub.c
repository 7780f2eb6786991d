/* core/mailbox/hub.c - the watch hub (hub.h).
 *
 * Everything that is noted counts the account's serial on. Counts remember the serial at which they were
 * asked for, and hold as long as the mailbox's last change is not after that; so does the tree. The table of
 * both is bounded: when it is full it is emptied, and what was asked for before then does not count.
 */
#include "mailbox/hub.h"

#include "mailbox/mailbox-private.h"

#include <string.h>

typedef struct {
  CfMailboxId mailbox;
  guint64 changed, asked; /* serials; asked 0: not asked for */
  CfMailboxStatus counts;
} Counts;

typedef struct {
  CfAccountId id;
  GPtrArray *watchers; /* borrowed */
  guint64 serial;
  GHashTable *counts;   /* Counts: itself, by mailbox */
  guint64 counts_since; /* whatever was asked for before is void */
  CfAccountTree *tree;  /* NULL: not loaded */
  guint64 tree_changed; /* serials, */
  guint64 tree_asked;
  guint64 scan, tree_scan; /* times that anything may have changed; as the tree was asked for */
  guint64 tree_version;    /* counts trees */
  CfHubWatcher *loader;    /* NULL: nobody asks the store */
  guint64 load_serial, load_scan;
} Account;

struct _CfHubWatcher {
  Account *account;
  CfConnRef ref;
  GArray *pending; /* CfNews, by mailbox; NULL: none */
  gboolean overflow;
  gboolean waits;      /* for the loader */
  gint has_news;       /* atomic, changed under the lock */
  CfAccountTree *seen; /* as taken last; NULL: not yet */
  guint64 seen_version, seen_scan;
};

static GMutex hub_lock;
static GHashTable *hub_accounts; /* Account: itself, by id; NULL: nobody watches */
static gint hub_n_watchers;      /* atomic: nothing is noted while it is 0 */

/* ---- Accounts ---- */

static void
account_free (gpointer data)
{
  Account *account = data;

  cf_account_tree_unref (account->tree);
  g_hash_table_unref (account->counts);
  g_ptr_array_unref (account->watchers);
  g_free (account);
}

static Account *
account_new (CfAccountId id)
{
  Account *account = g_new0 (Account, 1);

  account->id = id;
  account->watchers = g_ptr_array_new ();
  account->counts = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  account->serial = account->tree_changed = 1;
  return account;
}

static Account *
hub_lookup (CfAccountId id)
{
  return hub_accounts != NULL ? g_hash_table_lookup (hub_accounts, &id) : NULL;
}

/* ---- Noting; under the lock ---- */

/* A watcher that is to be woken goes to @wake. */
static void
watcher_tell (CfHubWatcher *watcher, GArray *wake)
{
  g_atomic_int_set (&watcher->has_news, TRUE);
  g_array_append_val (wake, watcher->ref);
}

static void
watcher_add (CfHubWatcher *watcher, CfMailboxId mailbox, guint kinds)
{
  guint low = 0, high;

  if (watcher->overflow)
    return;
  if (watcher->pending == NULL)
    watcher->pending = g_array_new (FALSE, FALSE, sizeof (CfNews));
  high = watcher->pending->len;
  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (g_array_index (watcher->pending, CfNews, middle).mailbox < mailbox)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < watcher->pending->len && g_array_index (watcher->pending, CfNews, low).mailbox == mailbox) {
    g_array_index (watcher->pending, CfNews, low).kinds |= kinds;
  } else if (watcher->pending->len < CF_HUB_PENDING_MAX) {
    CfNews news = { mailbox, kinds };

    g_array_insert_val (watcher->pending, low, news);
  } else {
    watcher->overflow = TRUE;
    g_clear_pointer (&watcher->pending, g_array_unref);
  }
}

static Counts *
account_get_counts (Account *account, CfMailboxId mailbox)
{
  Counts *counts = g_hash_table_lookup (account->counts, &mailbox);

  if (counts != NULL)
    return counts;
  if (g_hash_table_size (account->counts) >= CF_HUB_COUNTS_MAX) {
    g_hash_table_remove_all (account->counts);
    account->counts_since = account->serial;
  }
  counts = g_new0 (Counts, 1);
  counts->mailbox = mailbox;
  g_hash_table_insert (account->counts, &counts->mailbox, counts);
  return counts;
}

static void
account_note (Account *account, CfMailboxId mailbox, guint kinds, CfConnRef except, GArray *wake)
{
  account_get_counts (account, mailbox)->changed = ++account->serial;
  for (guint i = 0; i < account->watchers->len; i++) {
    CfHubWatcher *watcher = g_ptr_array_index (account->watchers, i);

    if (watcher->ref == except)
      continue;
    watcher_add (watcher, mailbox, kinds);
    watcher_tell (watcher, wake);
  }
}

/* @scan: not the names alone, but any mailbox. */
static void
account_note_tree (Account *account, gboolean scan, CfConnRef except, GArray *wake)
{
  account->tree_changed = ++account->serial;
  if (scan) {
    account->scan++;
    account->counts_since = account->serial;
  }
  for (guint i = 0; i < account->watchers->len; i++) {
    CfHubWatcher *watcher = g_ptr_array_index (account->watchers, i);

    g_atomic_int_set (&watcher->has_news, TRUE);
    if (watcher->ref != except)
      watcher_tell (watcher, wake);
  }
}

/* Without the lock; takes over @wake. */
static void
hub_wake (GArray *wake)
{
  for (guint i = 0; i < wake->len; i++)
    cf_mailbox_wake (g_array_index (wake, CfConnRef, i), CF_WAKE_PUSH);
  g_array_unref (wake);
}

static GArray *
hub_begin_note (void)
{
  GArray *wake = g_array_new (FALSE, FALSE, sizeof (CfConnRef));

  g_mutex_lock (&hub_lock);
  return wake;
}

static void
hub_end_note (GArray *wake)
{
  g_mutex_unlock (&hub_lock);
  hub_wake (wake);
}

void
cf_hub_note (CfAccountId account, CfMailboxId mailbox, guint kinds, CfConnRef except)
{
  GArray *wake;
  Account *found;

  if (kinds == 0 || g_atomic_int_get (&hub_n_watchers) == 0)
    return;
  wake = hub_begin_note ();
  found = hub_lookup (account);
  if (found != NULL)
    account_note (found, mailbox, kinds, except, wake);
  hub_end_note (wake);
}

void
cf_hub_note_tree (CfAccountId account, CfConnRef except)
{
  GArray *wake;
  Account *found;

  if (g_atomic_int_get (&hub_n_watchers) == 0)
    return;
  wake = hub_begin_note ();
  found = hub_lookup (account);
  if (found != NULL)
    account_note_tree (found, FALSE, except, wake);
  hub_end_note (wake);
}

void
cf_hub_note_elsewhere (CfAccountId account, CfMailboxId mailbox)
{
  GHashTableIter iter;
  gpointer value;
  GArray *wake;

  if (mailbox != 0) {
    cf_hub_note (account, mailbox, CF_NEWS_ALL, 0);
    return;
  }
  if (g_atomic_int_get (&hub_n_watchers) == 0)
    return;
  wake = hub_begin_note ();
  if (hub_accounts != NULL) {
    g_hash_table_iter_init (&iter, hub_accounts);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      if (account == 0 || ((Account *) value)->id == account)
        account_note_tree (value, TRUE, 0, wake);
  }
  hub_end_note (wake);
}

/* ---- Watching ---- */

CfHubWatcher *
cf_hub_watch (CfAccountId account, CfConnRef ref)
{
  CfHubWatcher *watcher = g_new0 (CfHubWatcher, 1);

  watcher->ref = ref;
  g_mutex_lock (&hub_lock);
  if (hub_accounts == NULL)
    hub_accounts = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, account_free);
  watcher->account = hub_lookup (account);
  if (watcher->account == NULL) {
    watcher->account = account_new (account);
    g_hash_table_insert (hub_accounts, &watcher->account->id, watcher->account);
  }
  g_ptr_array_add (watcher->account->watchers, watcher);
  g_atomic_int_inc (&hub_n_watchers);
  g_mutex_unlock (&hub_lock);
  return watcher;
}

/* Those who waited look for themselves, and the first of them asks. */
static void
account_end_load (Account *account, GArray *wake)
{
  account->loader = NULL;
  for (guint i = 0; i < account->watchers->len; i++) {
    CfHubWatcher *other = g_ptr_array_index (account->watchers, i);

    if (!other->waits)
      continue;
    other->waits = FALSE;
    watcher_tell (other, wake);
  }
}

void
cf_hub_unwatch (CfHubWatcher *watcher)
{
  Account *account;
  GArray *wake;

  if (watcher == NULL)
    return;
  account = watcher->account;
  wake = hub_begin_note ();
  g_ptr_array_remove_fast (account->watchers, watcher);
  if (account->loader == watcher)
    account_end_load (account, wake);
  if (account->watchers->len == 0)
    g_hash_table_remove (hub_accounts, &account->id);
  if (g_hash_table_size (hub_accounts) == 0)
    g_clear_pointer (&hub_accounts, g_hash_table_unref);
  (void) g_atomic_int_dec_and_test (&hub_n_watchers);
  hub_end_note (wake);
  g_clear_pointer (&watcher->pending, g_array_unref);
  cf_account_tree_unref (watcher->seen);
  g_free (watcher);
}

gboolean
cf_hub_has_news (CfHubWatcher *watcher)
{
  return g_atomic_int_get (&watcher->has_news);
}

GArray *
cf_hub_take (CfHubWatcher *watcher, gboolean *out_overflow)
{
  GArray *pending;

  g_mutex_lock (&hub_lock);
  pending = g_steal_pointer (&watcher->pending);
  *out_overflow = watcher->overflow;
  watcher->overflow = FALSE;
  g_atomic_int_set (&watcher->has_news, FALSE);
  g_mutex_unlock (&hub_lock);
  return pending;
}

/* ---- What is shared ---- */

gboolean
cf_hub_take_tree (CfHubWatcher *watcher, CfAccountTree **out_tree, CfAccountTree **out_before,
                  gboolean *out_scan)
{
  Account *account = watcher->account;
  gboolean holds;

  *out_before = NULL;
  *out_scan = FALSE;
  g_mutex_lock (&hub_lock);
  holds = account->tree != NULL && account->tree_asked >= account->tree_changed;
  if (holds)
    *out_tree = cf_account_tree_ref (account->tree);
  if (holds && account->tree != watcher->seen) {
    *out_before = watcher->seen;
    *out_scan = watcher->seen != NULL && watcher->seen_scan != account->tree_scan;
    watcher->seen = cf_account_tree_ref (account->tree);
    watcher->seen_version = account->tree_version;
    watcher->seen_scan = account->tree_scan;
  }
  g_mutex_unlock (&hub_lock);
  return holds;
}

gboolean
cf_hub_lookup_counts (CfHubWatcher *watcher, CfMailboxId mailbox, CfMailboxStatus *out_counts)
{
  Account *account = watcher->account;
  const Counts *counts;
  gboolean holds;

  g_mutex_lock (&hub_lock);
  counts = g_hash_table_lookup (account->counts, &mailbox);
  holds
      = counts != NULL && counts->asked != 0 && counts->asked >= MAX (counts->changed, account->counts_since);
  if (holds)
    *out_counts = counts->counts;
  g_mutex_unlock (&hub_lock);
  return holds;
}

guint64
cf_hub_get_serial (CfHubWatcher *watcher)
{
  guint64 serial;

  g_mutex_lock (&hub_lock);
  serial = watcher->account->serial;
  g_mutex_unlock (&hub_lock);
  return serial;
}

void
cf_hub_put_counts (CfHubWatcher *watcher, const CfMailboxStatus *counts, guint64 serial)
{
  Counts *known;

  g_mutex_lock (&hub_lock);
  known = account_get_counts (watcher->account, counts->id);
  if (known->asked < serial) {
    known->asked = serial;
    known->counts = *counts;
  }
  g_mutex_unlock (&hub_lock);
}

gboolean
cf_hub_begin_load (CfHubWatcher *watcher)
{
  Account *account = watcher->account;
  gboolean may;

  g_mutex_lock (&hub_lock);
  may = account->loader == NULL || account->loader == watcher;
  watcher->waits = !may;
  if (may) {
    account->loader = watcher;
    account->load_serial = account->serial;
    account->load_scan = account->scan;
  }
  g_mutex_unlock (&hub_lock);
  return may;
}

/* A client that does not read is not to hold names that all others have left behind. */
static void
account_leave_behind (Account *account, GPtrArray *trees)
{
  for (guint i = 0; i < account->watchers->len; i++) {
    CfHubWatcher *watcher = g_ptr_array_index (account->watchers, i);

    if (watcher->seen == NULL || account->tree_version - watcher->seen_version <= CF_HUB_TREES_MAX)
      continue;
    g_ptr_array_add (trees, g_steal_pointer (&watcher->seen));
    watcher->overflow = TRUE;
    g_clear_pointer (&watcher->pending, g_array_unref);
  }
}

void
cf_hub_put_tree (CfHubWatcher *watcher, CfAccountTree *tree)
{
  Account *account = watcher->account;
  g_autoptr (GPtrArray) before = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_account_tree_unref);

  g_mutex_lock (&hub_lock);
  if (account->tree != NULL)
    g_ptr_array_add (before, account->tree);
  account->tree = tree;
  account->tree_version++;
  account->tree_asked = account->load_serial;
  account->tree_scan = account->load_scan;
  account_leave_behind (account, before);
  g_mutex_unlock (&hub_lock);
}

void
cf_hub_end_load (CfHubWatcher *watcher)
{
  Account *account = watcher->account;
  GArray *wake = hub_begin_note ();

  watcher->waits = FALSE;
  if (account->loader == watcher)
    account_end_load (account, wake);
  hub_end_note (wake);
}

gsize
cf_hub_get_size (CfAccountId account)
{
  const Account *found;
  gsize size = 0;

  g_mutex_lock (&hub_lock);
  found = hub_lookup (account);
  if (found != NULL)
    size = sizeof *found + g_hash_table_size (found->counts) * (sizeof (Counts) + 3 * sizeof (gpointer));
  for (guint i = 0; found != NULL && i < found->watchers->len; i++) {
    const CfHubWatcher *watcher = g_ptr_array_index (found->watchers, i);

    size += sizeof *watcher + sizeof (gpointer);
    size += watcher->pending != NULL ? watcher->pending->len * sizeof (CfNews) : 0;
  }
  g_mutex_unlock (&hub_lock);
  return size;
}
