/* core/store/names.c - which mailbox id a name stands for, remembered (names.h).
 *
 * A table of accounts, each with a table of names. When too many names are held all are dropped: they
 * come back at the price of one round trip each, and a cleverer choice would have to be kept up to date
 * on every look-up.
 */
#include "store/names.h"

#define MAX_NAMES 200000

static GMutex lock;
static GHashTable *accounts; /* CfAccountId -> GHashTable of name -> CfMailboxId */
static guint n_names;

static GHashTable *
names_get_account (CfAccountId account, gboolean make)
{
  GHashTable *names;

  if (accounts == NULL)
    accounts
        = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, (GDestroyNotify) g_hash_table_unref);
  names = g_hash_table_lookup (accounts, &account);
  if (names == NULL && make) {
    names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    g_hash_table_insert (accounts, g_memdup2 (&account, sizeof account), names);
  }
  return names;
}

gboolean
cf_names_lookup (CfAccountId account, const char *name, CfMailboxId *out_mailbox)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  GHashTable *names = names_get_account (account, FALSE);
  const CfMailboxId *mailbox = names != NULL ? g_hash_table_lookup (names, name) : NULL;

  if (mailbox == NULL)
    return FALSE;
  *out_mailbox = *mailbox;
  return TRUE;
}

void
cf_names_remember (CfAccountId account, const char *name, CfMailboxId mailbox)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  if (n_names >= MAX_NAMES) {
    g_hash_table_remove_all (accounts);
    n_names = 0;
  }
  if (g_hash_table_insert (names_get_account (account, TRUE), g_strdup (name),
                           g_memdup2 (&mailbox, sizeof mailbox)))
    n_names++;
}

void
cf_names_forget (CfAccountId account, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  GHashTable *names = names_get_account (account, FALSE);

  if (names != NULL && g_hash_table_remove (names, name))
    n_names--;
}

void
cf_names_forget_account (CfAccountId account)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  GHashTable *names = names_get_account (account, FALSE);

  if (names == NULL)
    return;
  n_names -= g_hash_table_size (names);
  g_hash_table_remove (accounts, &account);
}

void
cf_names_forget_all (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);

  g_clear_pointer (&accounts, g_hash_table_unref);
  n_names = 0;
}
