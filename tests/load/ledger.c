/* tests/load/ledger.c - accounts, names and mailboxes, and when to forget them (ledger.h). */
#include "ledger-private.h"

GMutex ledger_lock;
static GPtrArray *accounts;

/* ---- Accounts and names ---- */

Account *
ledger_account_new (const char *user)
{
  Account *account = g_new0 (Account, 1);

  account->user = g_strdup (user);
  account->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  account->boxes = g_hash_table_new (NULL, NULL);
  if (accounts == NULL)
    accounts = g_ptr_array_new ();
  g_ptr_array_add (accounts, account);
  return account;
}

const char *
ledger_account_get_user (const Account *account)
{
  return account->user;
}

Name *
ledger_name_get (Account *account, const char *text)
{
  Name *name = g_hash_table_lookup (account->names, text);

  if (name == NULL) {
    name = g_new0 (Name, 1);
    g_hash_table_insert (account->names, g_strdup (text), name);
  }
  return name;
}

static Box *
box_get (Account *account, guint32 uid_validity)
{
  Box *box = g_hash_table_lookup (account->boxes, GUINT_TO_POINTER (uid_validity));

  if (box != NULL)
    return box;
  box = g_new0 (Box, 1);
  box->account = account;
  box->uid_validity = uid_validity;
  box->uid_next = 1;
  box->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  box->entries = g_hash_table_new (NULL, NULL);
  box->gone = g_byte_array_new ();
  box->removals = g_ptr_array_new ();
  g_hash_table_insert (account->boxes, GUINT_TO_POINTER (uid_validity), box);
  return box;
}

static void
box_free (Box *box)
{
  GHashTableIter iter;
  gpointer value;

  ledger_box_settle_removals (box, NEVER);
  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ledger_entry_free (value);
  g_hash_table_unref (box->entries);
  g_hash_table_unref (box->names);
  g_byte_array_unref (box->gone);
  g_ptr_array_unref (box->removals);
  g_free (box);
}

guint32
ledger_box_get_uid_validity (const Box *box)
{
  return box->uid_validity;
}

Mark
ledger_mark (Account *account, const char *text)
{
  Mark mark = { .time = g_get_monotonic_time () };

  g_mutex_lock (&ledger_lock);
  Name *name = ledger_name_get (account, text);
  mark.uid_validity = name->uid_validity;
  if (name->uid_validity != 0)
    mark.uid_next = box_get (account, name->uid_validity)->uid_next;
  g_mutex_unlock (&ledger_lock);
  return mark;
}

/* @name has @uid_validity, and had what @mark says earlier. */
char *
ledger_name_take_validity (Account *account, const char *text, const Mark *mark, guint32 uid_validity,
                           Box **out_box)
{
  Name *name = ledger_name_get (account, text);
  Box *box;

  if (options.strict && uid_validity < mark->uid_validity)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDVALIDITY of %s is %u, was %u", text, uid_validity,
                            mark->uid_validity);
  box = box_get (account, uid_validity);
  if (g_hash_table_add (box->names, g_strdup (text)))
    name->boxes++;
  if (name->boxes > name->deletes + 1)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDVALIDITY of %s is %u, was %u; nobody has deleted it", text,
                            uid_validity, name->uid_validity);
  name->uid_validity = MAX (name->uid_validity, uid_validity);
  *out_box = box;
  return NULL;
}

static char *
box_take_uid_next (Box *box, const char *name, const Mark *mark, guint32 uid_next)
{
  if (options.strict && mark->uid_validity == box->uid_validity && uid_next < mark->uid_next)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDNEXT of %s is %u, was %u or a message has a higher UID",
                            name, uid_next, mark->uid_next);
  box->uid_next = MAX (box->uid_next, uid_next);
  if (box->base == 0)
    box->base = uid_next;
  return NULL;
}

char *
ledger_open (Account *account, const char *name, const Mark *mark, guint32 uid_validity, guint32 uid_next,
             Box **out_box)
{
  char *wrong;

  g_mutex_lock (&ledger_lock);
  wrong = ledger_name_take_validity (account, name, mark, uid_validity, out_box);
  if (wrong == NULL)
    wrong = box_take_uid_next (*out_box, name, mark, uid_next);
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

void
ledger_delete_begin (Account *account, const char *name)
{
  g_mutex_lock (&ledger_lock);
  ledger_name_get (account, name)->deletes++;
  g_mutex_unlock (&ledger_lock);
}

void
ledger_delete_refused (Account *account, const char *name)
{
  g_mutex_lock (&ledger_lock);
  ledger_name_get (account, name)->deletes--;
  g_mutex_unlock (&ledger_lock);
}

gboolean
ledger_name_may_be_deleted (Account *account, const char *name)
{
  g_mutex_lock (&ledger_lock);
  gboolean deleted = ledger_name_get (account, name)->deletes > 0;
  g_mutex_unlock (&ledger_lock);
  return deleted;
}

gboolean
ledger_box_may_be_deleted (Box *box)
{
  GHashTableIter iter;
  gboolean deleted = FALSE;
  gpointer key;

  g_hash_table_iter_init (&iter, box->names);
  while (!deleted && g_hash_table_iter_next (&iter, &key, NULL)) {
    const Name *name = ledger_name_get (box->account, key);

    deleted = name->deletes >= MAX (name->boxes, 1) || name->uid_validity > box->uid_validity;
  }
  return deleted;
}

gboolean
ledger_may_be_deleted (Box *box)
{
  g_mutex_lock (&ledger_lock);
  gboolean deleted = ledger_box_may_be_deleted (box);
  g_mutex_unlock (&ledger_lock);
  return deleted;
}

/* ---- STATUS ---- */

/* A number of messages, as far as it is known. */
typedef struct {
  guint least, most;
} Count;

/* How many messages @box has had since @start, and how many of them were without \Seen. */
static void
box_count (const Box *box, gint64 start, guint adding, Count *out_all, Count *out_unseen)
{
  Count all = { 0, adding }, unseen = { 0, adding };
  gint64 now = g_get_monotonic_time ();
  GHashTableIter iter;
  gpointer value;
  guint old = 0;

  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Entry *entry = value;
    gboolean certain = entry->confirmed < start && !ledger_entry_may_be_gone (box, entry);
    guint may_set, may_clear;

    ledger_entry_get_flags (entry, start, now, &may_set, &may_clear);
    all.least += certain;
    all.most += entry->gone >= start;
    unseen.least += certain && (may_set & FLAG_SEEN) == 0;
    unseen.most += entry->gone >= start && (may_clear & FLAG_SEEN) != 0;
    old += entry->uid < box->base;
  }
  /* Nobody has looked at those. */
  all.most += box->base - 1 - old;
  unseen.most += box->base - 1 - old;
  *out_all = all;
  *out_unseen = unseen;
}

static char *
check_count (const char *item, const char *name, guint told, const Count *count)
{
  if (told >= count->least && told <= count->most)
    return NULL;
  return g_strdup_printf ("RFC 3501, 6.3.10: STATUS tells %u %s in %s, at least %u and at most %u are there",
                          told, item, name, count->least, count->most);
}

char *
ledger_check_status (Account *account, const char *name, const Mark *mark, const LedgerStatus *status)
{
  Count all, unseen;
  Box *box = NULL;
  char *wrong;

  g_mutex_lock (&ledger_lock);
  wrong = ledger_name_take_validity (account, name, mark, (guint32) status->uid_validity, &box);
  if (wrong == NULL)
    wrong = box_take_uid_next (box, name, mark, (guint32) status->uid_next);
  if (wrong == NULL && options.strict) {
    box_count (box, mark->time, ledger_name_get (account, name)->adding, &all, &unseen);
    wrong = check_count ("MESSAGES", name, (guint) status->messages, &all);
    if (wrong == NULL)
      wrong = check_count ("UNSEEN", name, (guint) status->unseen, &unseen);
  }
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

/* ---- Forgetting ---- */

/* Sessions may still point to a mailbox that is deleted; of its messages they do not ask any more. One that
 * turns out not to be deleted is learned anew. */
static void
box_sweep (Box *box, gint64 now)
{
  gboolean may_be_dead = ledger_box_may_be_deleted (box);
  GHashTableIter iter;
  gpointer value;

  box->dead_since = !may_be_dead ? 0 : box->dead_since == 0 ? now : box->dead_since;
  ledger_box_settle_removals (box, now);
  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Entry *entry = value;

    if (may_be_dead ? box->dead_since + KEEP_FOR > now : entry->gone == NEVER || entry->gone + KEEP_FOR > now)
      continue;
    if (!may_be_dead)
      ledger_box_note_forgotten (box, entry->uid);
    ledger_entry_free (value);
    g_hash_table_iter_remove (&iter);
  }
}

void
ledger_sweep (void)
{
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&ledger_lock);
  for (guint i = 0; i < accounts->len; i++) {
    g_hash_table_iter_init (&iter, ((Account *) g_ptr_array_index (accounts, i))->boxes);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      box_sweep (value, g_get_monotonic_time ());
  }
  g_mutex_unlock (&ledger_lock);
}

/* For names that one client has had for itself. */
void
ledger_forget_name (Account *account, const char *name)
{
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&ledger_lock);
  g_hash_table_iter_init (&iter, account->boxes);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    if (g_hash_table_contains (((Box *) value)->names, name)) {
      box_free (value);
      g_hash_table_iter_remove (&iter);
    }
  g_hash_table_remove (account->names, name);
  g_mutex_unlock (&ledger_lock);
}
