/* core/mailbox/mailbox-table.c - the mailboxes known here: by id, by name, and whose snapshots stay in memory
 * (mailbox.h).
 *
 * A mailbox stays in the table as long as somebody refers to it or it has a snapshot. Snapshots beyond the
 * bound go, least recently used first; one that is held is in use and is passed over. What must be freed is
 * freed after unlocking. Locks: the table's before a mailbox's; README.md says more.
 */
#include "mailbox/mailbox-private.h"
#include "mailbox/unheard.h"

/* How many snapshots an eviction looks at: it may find all of them held. */
#define EVICT_LOOK 16

static GMutex table_lock;
static GHashTable *table_ids;   /* CfMailbox: itself, by account and id */
static GHashTable *table_names; /* CfMailbox: itself, by account and name */
static gint table_names_serial; /* atomic */
static GQueue table_lru;        /* of those with a snapshot; most recently used first */
static gsize table_octets, table_max_octets;
/* The last one whose snapshot is larger than all may be together: it stays, and does not count. */
static CfMailbox *table_spared;
static CfMailboxWakeFunc table_wake;
static gpointer table_wake_data;

void
cf_mailbox_wake (CfConnRef ref, guint reason)
{
  if (ref != 0 && table_wake != NULL)
    table_wake (ref, reason, table_wake_data);
}

/* ---- The table --------------------------------------------------------------------------------------- */

static guint
table_hash_id (gconstpointer key)
{
  const CfMailbox *mailbox = key;

  return (guint) (mailbox->id ^ mailbox->id >> 32);
}

static gboolean
table_equal_id (gconstpointer a, gconstpointer b)
{
  const CfMailbox *x = a, *y = b;

  return x->id == y->id && x->account == y->account;
}

static guint
table_hash_name (gconstpointer key)
{
  const CfMailbox *mailbox = key;

  return g_str_hash (mailbox->name) ^ (guint) mailbox->account;
}

static gboolean
table_equal_name (gconstpointer a, gconstpointer b)
{
  const CfMailbox *x = a, *y = b;

  return x->account == y->account && g_str_equal (x->name, y->name);
}

static void
mailbox_free (CfMailbox *mailbox)
{
  cf_snapshot_unref (mailbox->snapshot);
  g_array_unref (mailbox->watchers);
  g_mutex_clear (&mailbox->lock);
  g_free (mailbox->name);
  g_free (mailbox);
}

static void
table_uncharge (CfMailbox *mailbox)
{
  if (mailbox->charged == 0)
    return;
  if (mailbox == table_spared)
    table_spared = NULL;
  else
    table_octets -= mailbox->charged;
  mailbox->charged = 0;
  g_queue_unlink (&table_lru, &mailbox->link);
}

/* A mailbox that is opened and closed again and again is not to be loaded each time because it is large; and
 * the others are not to go for its sake. */
static void
table_spare (CfMailbox *mailbox)
{
  if (table_spared != NULL) {
    table_octets += table_spared->charged;
    g_queue_unlink (&table_lru, &table_spared->link);
    g_queue_push_tail_link (&table_lru, &table_spared->link);
  }
  table_spared = mailbox;
  table_octets -= mailbox->charged;
}

static void
table_forget_name (CfMailbox *mailbox)
{
  if (mailbox->name != NULL && g_hash_table_lookup (table_names, mailbox) == mailbox)
    g_hash_table_remove (table_names, mailbox);
  g_clear_pointer (&mailbox->name, g_free);
}

/* What it knows of the store goes with it: a load that began before it learned that must hear of it. */
static void
table_bequeath (CfMailbox *mailbox)
{
  guint64 modseq;

  g_mutex_lock (&mailbox->lock);
  modseq = mailbox->is_stale ? G_MAXUINT64 : mailbox->known_modseq;
  g_mutex_unlock (&mailbox->lock);
  if (modseq > 0)
    cf_unheard_add (mailbox->account, mailbox->id, modseq);
}

static void
table_remove (CfMailbox *mailbox)
{
  if (!mailbox->in_table)
    return;
  table_bequeath (mailbox);
  mailbox->in_table = FALSE;
  g_hash_table_remove (table_ids, mailbox);
  table_forget_name (mailbox);
  table_uncharge (mailbox);
}

static CfMailbox *
table_ref (CfMailbox *mailbox)
{
  mailbox->ref_count++;
  if (mailbox->charged > 0) {
    g_queue_unlink (&table_lru, &mailbox->link);
    g_queue_push_head_link (&table_lru, &mailbox->link);
  }
  return mailbox;
}

/* Counts the mailbox's snapshot as it is now, as the one most recently used. */
static void
table_charge (CfMailbox *mailbox)
{
  gsize size;

  table_uncharge (mailbox);
  g_mutex_lock (&mailbox->lock);
  size = mailbox->snapshot != NULL ? cf_snapshot_get_size (mailbox->snapshot) : 0;
  g_mutex_unlock (&mailbox->lock);
  if (size == 0)
    return;
  mailbox->charged = size;
  table_octets += size;
  g_queue_push_head_link (&table_lru, &mailbox->link);
  if (size > table_max_octets && table_max_octets > 0)
    table_spare (mailbox);
}

/* The snapshot of @mailbox if nobody but it holds it; it has none then. Nobody can take a reference
 * meanwhile, as that needs the lock or a reference. */
static CfSnapshot *
mailbox_steal_unheld (CfMailbox *mailbox)
{
  CfSnapshot *snapshot = NULL;

  g_mutex_lock (&mailbox->lock);
  if (mailbox->snapshot != NULL && cf_snapshot_is_sole (mailbox->snapshot))
    snapshot = g_steal_pointer (&mailbox->snapshot);
  g_mutex_unlock (&mailbox->lock);
  return snapshot;
}

/* Drops what is too much, least recently used first. Those that are held are in use: they move to the
 * front, like the one that is spared.
 * What must be freed goes to @snapshots and @mailboxes. */
static void
table_evict (GPtrArray *snapshots, GPtrArray *mailboxes)
{
  for (guint look = 0; look < EVICT_LOOK && table_octets > table_max_octets && table_lru.tail != NULL;
       look++) {
    CfMailbox *mailbox = table_lru.tail->data;
    CfSnapshot *snapshot = mailbox == table_spared ? NULL : mailbox_steal_unheld (mailbox);

    if (snapshot == NULL) {
      g_queue_unlink (&table_lru, &mailbox->link);
      g_queue_push_head_link (&table_lru, &mailbox->link);
      continue;
    }
    g_ptr_array_add (snapshots, snapshot);
    table_uncharge (mailbox);
    if (mailbox->ref_count == 0) {
      table_remove (mailbox);
      g_ptr_array_add (mailboxes, mailbox);
    }
  }
}

/* Unlocks the table after dropping what is too much. */
static void
table_evict_and_unlock (void)
{
  g_autoptr (GPtrArray) snapshots = NULL, mailboxes = NULL;

  if (table_octets <= table_max_octets) {
    g_mutex_unlock (&table_lock);
    return;
  }
  snapshots = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_snapshot_unref);
  mailboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) mailbox_free);
  table_evict (snapshots, mailboxes);
  g_mutex_unlock (&table_lock);
}

void
cf_mailbox_init (gsize max_octets, CfMailboxWakeFunc wake, gpointer user_data)
{
  table_ids = g_hash_table_new (table_hash_id, table_equal_id);
  table_names = g_hash_table_new (table_hash_name, table_equal_name);
  g_queue_init (&table_lru);
  table_octets = 0;
  table_spared = NULL;
  table_max_octets = max_octets;
  table_wake = wake;
  table_wake_data = user_data;
}

void
cf_mailbox_shutdown (void)
{
  g_autoptr (GList) left = g_hash_table_get_values (table_ids);

  for (GList *at = left; at != NULL; at = at->next) {
    CfMailbox *mailbox = at->data;

    table_remove (mailbox);
    if (mailbox->ref_count == 0)
      mailbox_free (mailbox);
    else
      g_warning ("Mailbox %" G_GUINT64_FORMAT " is still in use", mailbox->id);
  }
  g_clear_pointer (&table_ids, g_hash_table_unref);
  g_clear_pointer (&table_names, g_hash_table_unref);
  table_wake = NULL;
}

static CfMailbox *
mailbox_new (CfAccountId account, CfMailboxId id)
{
  CfMailbox *mailbox = g_new0 (CfMailbox, 1);

  mailbox->account = account;
  mailbox->id = id;
  mailbox->link.data = mailbox;
  g_mutex_init (&mailbox->lock);
  mailbox->watchers = g_array_new (FALSE, FALSE, sizeof (CfConnRef));
  g_queue_init (&mailbox->waiting);
  return mailbox;
}

CfMailbox *
cf_mailbox_acquire (CfAccountId account, CfMailboxId id)
{
  CfMailbox key = { .account = account, .id = id };
  CfMailbox *mailbox;

  g_mutex_lock (&table_lock);
  mailbox = g_hash_table_lookup (table_ids, &key);
  if (mailbox == NULL) {
    mailbox = mailbox_new (account, id);
    mailbox->in_table = TRUE;
    g_hash_table_add (table_ids, mailbox);
  }
  table_ref (mailbox);
  g_mutex_unlock (&table_lock);
  return mailbox;
}

static CfMailbox *
table_lookup (GHashTable *table, const CfMailbox *key)
{
  CfMailbox *mailbox;

  g_mutex_lock (&table_lock);
  mailbox = g_hash_table_lookup (table, key);
  if (mailbox != NULL)
    table_ref (mailbox);
  g_mutex_unlock (&table_lock);
  return mailbox;
}

CfMailbox *
cf_mailbox_lookup (CfAccountId account, CfMailboxId id)
{
  CfMailbox key = { .account = account, .id = id };

  return table_lookup (table_ids, &key);
}

CfMailbox *
cf_mailbox_lookup_name (CfAccountId account, const char *name)
{
  CfMailbox key = { .account = account, .name = (char *) name };

  return table_lookup (table_names, &key);
}

CfMailbox *
cf_mailbox_ref (CfMailbox *mailbox)
{
  g_mutex_lock (&table_lock);
  mailbox->ref_count++;
  g_mutex_unlock (&table_lock);
  return mailbox;
}

gboolean
cf_mailbox_is_crowded (void)
{
  gboolean crowded;

  g_mutex_lock (&table_lock);
  crowded = table_octets > table_max_octets;
  g_mutex_unlock (&table_lock);
  return crowded;
}

void
cf_mailbox_evict (void)
{
  g_mutex_lock (&table_lock);
  table_evict_and_unlock ();
}

void
cf_mailbox_release (CfMailbox *mailbox)
{
  gboolean unused;

  if (mailbox == NULL)
    return;

  g_mutex_lock (&table_lock);
  /* With a snapshot it stays in the table, for the next SELECT. */
  unused = --mailbox->ref_count == 0 && mailbox->charged == 0;
  if (unused)
    table_remove (mailbox);
  table_evict_and_unlock ();
  if (unused)
    mailbox_free (mailbox);
}

/* ---- Names ------------------------------------------------------------------------------------------- */

/* Under the table's lock; takes over @name. */
static void
table_set_name (CfMailbox *mailbox, char *name)
{
  table_forget_name (mailbox);
  mailbox->name = name;
  g_hash_table_replace (table_names, mailbox, mailbox);
  g_atomic_int_inc (&table_names_serial);
}

char *
cf_mailbox_dup_name (CfMailbox *mailbox)
{
  char *name;

  g_mutex_lock (&table_lock);
  name = g_strdup (mailbox->name);
  g_mutex_unlock (&table_lock);
  return name;
}

guint
cf_mailbox_get_names_serial (void)
{
  return (guint) g_atomic_int_get (&table_names_serial);
}

static gboolean
name_is_renamed (const char *name, const char *from)
{
  gsize length = strlen (from);

  if (name == NULL || !g_str_has_prefix (name, from))
    return FALSE;
  return name[length] == '\0' || (name[length] == CF_MAILBOX_SEPARATOR && !g_str_equal (from, "INBOX"));
}

void
cf_mailbox_renamed (CfAccountId account, const char *from, const char *to)
{
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&table_lock);
  g_hash_table_iter_init (&iter, table_names);
  while (g_hash_table_iter_next (&iter, &value, NULL)) {
    CfMailbox *mailbox = value;

    if (mailbox->account == account && name_is_renamed (mailbox->name, from))
      g_ptr_array_add (found, mailbox);
  }
  for (guint i = 0; i < found->len; i++) {
    CfMailbox *mailbox = g_ptr_array_index (found, i);

    table_set_name (mailbox, g_strconcat (to, mailbox->name + strlen (from), NULL));
  }
  g_mutex_unlock (&table_lock);
}

/* ---- What mailbox.c has to tell it ------------------------------------------------------------------ */

void
cf_mailbox_table_remove (CfMailbox *mailbox)
{
  g_mutex_lock (&table_lock);
  table_remove (mailbox);
  g_mutex_unlock (&table_lock);
}

void
cf_mailbox_table_update (CfMailbox *mailbox, const char *name)
{
  g_mutex_lock (&table_lock);
  if (mailbox->in_table) {
    if (name != NULL && g_strcmp0 (name, mailbox->name) != 0)
      table_set_name (mailbox, g_strdup (name));
    table_charge (mailbox);
  }
  table_evict_and_unlock ();
}

/* ---- News from outside ------------------------------------------------------------------------------ */

/* Those of @account, or with 0 of all, each with a reference; under the table's lock. The caller unrefs the
 * array after unlocking. */
static GPtrArray *
table_ref_all (CfAccountId account)
{
  GPtrArray *mailboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_mailbox_release);
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, table_ids);
  while (g_hash_table_iter_next (&iter, &value, NULL))
    if (account == 0 || ((CfMailbox *) value)->account == account)
      g_ptr_array_add (mailboxes, table_ref (value));
  return mailboxes;
}

void
cf_mailbox_set_all_gone (void)
{
  g_autoptr (GPtrArray) mailboxes = NULL;

  g_mutex_lock (&table_lock);
  mailboxes = table_ref_all (0);
  g_mutex_unlock (&table_lock);
  for (guint i = 0; i < mailboxes->len; i++)
    cf_mailbox_set_gone (g_ptr_array_index (mailboxes, i));
}

void
cf_mailbox_changed_elsewhere (CfAccountId account, CfMailboxId id, guint64 modseq)
{
  CfMailbox key = { .account = account, .id = id };
  g_autoptr (GPtrArray) mailboxes = NULL;
  CfMailbox *mailbox;

  if (modseq == 0)
    modseq = G_MAXUINT64;
  g_mutex_lock (&table_lock);
  if (id == 0) {
    mailboxes = table_ref_all (account);
    cf_unheard_add (account, 0, modseq);
  } else {
    mailboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_mailbox_release);
    mailbox = g_hash_table_lookup (table_ids, &key);
    if (mailbox != NULL)
      g_ptr_array_add (mailboxes, table_ref (mailbox));
    else
      cf_unheard_add (account, id, modseq);
  }
  g_mutex_unlock (&table_lock);

  for (guint i = 0; i < mailboxes->len; i++)
    cf_mailbox_note_modseq (g_ptr_array_index (mailboxes, i), modseq, NULL, 0);
}
