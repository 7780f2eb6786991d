/* storage-postgresql/known.c - the mailboxes that this process deals with (known.h).
 *
 * Two generations: when the younger is full, the older is dropped and the younger takes its place. */
#include "known.h"

/* At least so many are known, at most twice as many; 48 octets each and what a hash table needs. */
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
  if (old == NULL)
    found->told = state->modseq;
  if (g_hash_table_size (known->younger) >= KNOWN_MAX) {
    g_hash_table_unref (known->older);
    known->older = known->younger;
    known->younger = known_new_generation ();
  }
  g_hash_table_add (known->younger, found);
  return found;
}

/* That of either generation, or NULL. Under the lock. */
static KnownMailbox *
known_lookup (Known *known, CfAccountId account, CfMailboxId mailbox)
{
  const KnownMailbox key = { .account = account, .mailbox = mailbox };
  KnownMailbox *found = g_hash_table_lookup (known->younger, &key);

  return found != NULL ? found : g_hash_table_lookup (known->older, &key);
}

gboolean
known_note (Known *known, const KnownMailbox *state, gboolean own)
{
  KnownMailbox *found;
  gboolean renamed;

  g_mutex_lock (&known->lock);
  found = known_get (known, state);
  renamed = found->name_hash != state->name_hash;
  found->name_hash = state->name_hash;
  if (found->uid_validity != state->uid_validity) {
    found->uid_validity = state->uid_validity;
    found->modseq = found->told = 0;
  }
  /* Between what core was told of and its own commit there may be one that nobody told of. */
  if (own && state->modseq == found->told + 1)
    found->told = state->modseq;
  /* Reports cross each other: what was seen stays seen. */
  found->modseq = MAX (found->modseq, state->modseq);
  g_mutex_unlock (&known->lock);
  return renamed;
}

void
known_rename (Known *known, CfAccountId account, CfMailboxId mailbox, guint name_hash)
{
  KnownMailbox *found;

  g_mutex_lock (&known->lock);
  found = known_lookup (known, account, mailbox);
  if (found != NULL)
    found->name_hash = name_hash;
  g_mutex_unlock (&known->lock);
}

void
known_tell (Known *known, CfAccountId account, CfMailboxId mailbox, guint64 modseq)
{
  KnownMailbox *found;

  g_mutex_lock (&known->lock);
  found = known_lookup (known, account, mailbox);
  if (found != NULL)
    found->told = MAX (found->told, modseq);
  g_mutex_unlock (&known->lock);
}

guint
known_take_news (Known *known, const KnownMailbox *state)
{
  KnownMailbox *found;
  guint news = 0;

  g_mutex_lock (&known->lock);
  found = known_get (known, state);
  if (found->uid_validity != state->uid_validity) {
    news |= KNOWN_RENEWED;
    found->uid_validity = state->uid_validity;
    found->modseq = found->told = state->modseq;
  } else if (found->told < state->modseq) {
    news |= KNOWN_CHANGED;
    found->told = state->modseq;
  }
  if (found->name_hash != state->name_hash)
    news |= KNOWN_RENAMED;
  found->name_hash = state->name_hash;
  g_mutex_unlock (&known->lock);
  return news;
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
