/* core/store/loads.c - loads of whole mailboxes under way (loads.h). */
#include "store/loads.h"

/* In by_mailbox as its own key; in by_ref for who loads and for each who waits. */
typedef struct {
  CfAccountId account;
  char *name;
  CfConnRef loader;
  gint64 until;
  GArray *waiting; /* CfConnRef */
} Load;

struct _CfLoads {
  GMutex lock;
  GHashTable *by_mailbox; /* Load, owned */
  GHashTable *by_ref;     /* CfConnRef -> Load, borrowed */
  CfLoadsWake wake;
  gpointer user_data;
};

static guint
load_hash (gconstpointer key)
{
  const Load *load = key;

  return g_str_hash (load->name) ^ (guint) load->account;
}

static gboolean
load_equal (gconstpointer a, gconstpointer b)
{
  const Load *x = a, *y = b;

  return x->account == y->account && g_str_equal (x->name, y->name);
}

static void
load_free (gpointer data)
{
  Load *load = data;

  g_array_unref (load->waiting);
  g_free (load->name);
  g_free (load);
}

CfLoads *
cf_loads_new (CfLoadsWake wake, gpointer user_data)
{
  CfLoads *loads = g_new0 (CfLoads, 1);

  g_mutex_init (&loads->lock);
  loads->by_mailbox = g_hash_table_new_full (load_hash, load_equal, load_free, NULL);
  loads->by_ref = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  loads->wake = wake;
  loads->user_data = user_data;
  return loads;
}

void
cf_loads_free (CfLoads *loads)
{
  if (loads == NULL)
    return;
  g_hash_table_unref (loads->by_ref);
  g_hash_table_unref (loads->by_mailbox);
  g_mutex_clear (&loads->lock);
  g_free (loads);
}

static void
loads_note (CfLoads *loads, CfConnRef ref, Load *load)
{
  g_hash_table_insert (loads->by_ref, g_memdup2 (&ref, sizeof ref), load);
}

static Load *
loads_add (CfLoads *loads, CfConnRef loader, CfAccountId account, const char *name)
{
  Load *load = g_new0 (Load, 1);

  load->account = account;
  load->name = g_strdup (name);
  load->loader = loader;
  load->waiting = g_array_new (FALSE, FALSE, sizeof (CfConnRef));
  g_hash_table_add (loads->by_mailbox, load);
  return load;
}

gboolean
cf_loads_begin (CfLoads *loads, CfConnRef ref, CfAccountId account, const char *name)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loads->lock);
  Load key = { .account = account, .name = (char *) name };
  Load *load = g_hash_table_lookup (loads->by_ref, &ref);

  if (load != NULL)
    return load->loader == ref;
  load = g_hash_table_lookup (loads->by_mailbox, &key);
  if (load == NULL)
    load = loads_add (loads, ref, account, name);
  else
    g_array_append_val (load->waiting, ref);
  loads_note (loads, ref, load);
  return load->loader == ref;
}

static void
load_forget_waiting (Load *load, CfConnRef ref)
{
  for (guint i = 0; i < load->waiting->len; i++) {
    if (g_array_index (load->waiting, CfConnRef, i) != ref)
      continue;
    g_array_remove_index (load->waiting, i);
    return;
  }
}

/* Takes @load away; those who waited for it. Under the lock. */
static GArray *
loads_remove (CfLoads *loads, Load *load)
{
  GArray *waiting = g_array_ref (load->waiting);

  for (guint i = 0; i < waiting->len; i++)
    g_hash_table_remove (loads->by_ref, &g_array_index (waiting, CfConnRef, i));
  g_hash_table_remove (loads->by_mailbox, load);
  return waiting;
}

void
cf_loads_end (CfLoads *loads, CfConnRef ref)
{
  g_autoptr (GArray) waiting = NULL;
  Load *load;

  g_mutex_lock (&loads->lock);
  load = g_hash_table_lookup (loads->by_ref, &ref);
  if (load != NULL)
    g_hash_table_remove (loads->by_ref, &ref);
  if (load != NULL && load->loader == ref)
    waiting = loads_remove (loads, load);
  else if (load != NULL)
    load_forget_waiting (load, ref);
  g_mutex_unlock (&loads->lock);

  for (guint i = 0; waiting != NULL && i < waiting->len; i++)
    loads->wake (g_array_index (waiting, CfConnRef, i), loads->user_data);
}

void
cf_loads_go_on (CfLoads *loads, CfConnRef ref, gint64 until)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loads->lock);
  Load *load = g_hash_table_lookup (loads->by_ref, &ref);

  if (load != NULL && load->loader == ref)
    load->until = until;
}

gint64
cf_loads_get_until (CfLoads *loads, CfConnRef ref)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&loads->lock);
  Load *load = g_hash_table_lookup (loads->by_ref, &ref);

  return load != NULL && load->loader != ref ? load->until : 0;
}
