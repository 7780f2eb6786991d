/* storage-postgresql/known.c - the mailboxes that this process deals with (known.h).
 *
 * Two generations: when the younger is full, the older is dropped and the younger takes its place. */
#include "known.h"

/* At least so many are known, at most twice as many; 40 octets each and what a hash table needs. */
#define KNOWN_MAX 500000

struct _Known {
  GMutex lock;
  GHashTable *younger, *older; /* KnownMailbox: itself */
};

static guint
known_hash (gconstpointer data)
{
  const KnownMailbox *key = data;

  return (guint) (key->mailbox * 2654435761u ^ key->account);
}

static gboolean
known_equal (gconstpointer a, gconstpointer b)
{
  const KnownMailbox *x = a, *y = b;

  return x->mailbox == y->mailbox && x->account == y->account;
}

static GHashTable *
known_new_generation (void)
{
  return g_hash_table_new_full (known_hash, known_equal, g_free, NULL);
}

Known *
known_new (void)
{
  Known *known = g_new0 (Known, 1);

  g_mutex_init (&known->lock);
  known->younger = known_new_generation ();
  known->older = known_new_generation ();
  return known;
}

void
known_free (Known *known)
{
  g_hash_table_unref (known->younger);
  g_hash_table_unref (known->older);
  g_mutex_clear (&known->lock);
  g_free (known);
}

/* That of the younger generation, made of the older's if need be, or of @state. Under the lock. */
static KnownMailbox *
known_get (Known *known, const KnownMailbox *state)
{
  KnownMailbox *found = g_hash_table_lookup (known->younger, state);
  const KnownMailbox *old = found == NULL ? g_hash_table_lookup (known->older, state) : NULL;

  if (found != NULL)
    return found;
  found = g_memdup2 (old != NULL ? old : state, sizeof *state);
  if (g_hash_table_size (known->younger) >= KNOWN_MAX) {
    g_hash_table_unref (known->older);
    known->older = known->younger;
    known->younger = known_new_generation ();
  }
  g_hash_table_add (known->younger, found);
  return found;
}

gboolean
known_note (Known *known, const KnownMailbox *state)
{
  KnownMailbox *found;
  guint64 modseq;
  gboolean renamed;

  g_mutex_lock (&known->lock);
  found = known_get (known, state);
  renamed = found->name_hash != state->name_hash;
  /* Reports cross each other: what was seen stays seen. */
  modseq = found->uid_validity == state->uid_validity ? MAX (found->modseq, state->modseq) : state->modseq;
  *found = *state;
  found->modseq = modseq;
  g_mutex_unlock (&known->lock);
  return renamed;
}

void
known_replace (Known *known, const KnownMailbox *state)
{
  g_mutex_lock (&known->lock);
  *known_get (known, state) = *state;
  g_mutex_unlock (&known->lock);
}

void
known_forget (Known *known, CfAccountId account, CfMailboxId mailbox)
{
  const KnownMailbox key = { .account = account, .mailbox = mailbox };

  g_mutex_lock (&known->lock);
  g_hash_table_remove (known->younger, &key);
  g_hash_table_remove (known->older, &key);
  g_mutex_unlock (&known->lock);
}

static int
known_compare (gconstpointer a, gconstpointer b)
{
  const KnownMailbox *x = a, *y = b;

  if (x->account != y->account)
    return x->account < y->account ? -1 : 1;
  return x->mailbox < y->mailbox ? -1 : x->mailbox > y->mailbox;
}

GArray *
known_list (Known *known)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (KnownMailbox));
  GHashTableIter iter;
  gpointer data;

  g_mutex_lock (&known->lock);
  g_hash_table_iter_init (&iter, known->younger);
  while (g_hash_table_iter_next (&iter, &data, NULL))
    g_array_append_vals (list, data, 1);
  g_hash_table_iter_init (&iter, known->older);
  while (g_hash_table_iter_next (&iter, &data, NULL))
    if (!g_hash_table_contains (known->younger, data))
      g_array_append_vals (list, data, 1);
  g_mutex_unlock (&known->lock);
  g_array_sort (list, known_compare);
  return list;
}
