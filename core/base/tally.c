/* core/base/tally.c - counting by key, up to a limit (tally.h).
 *
 * An entry lives while it counts something, and after that for the minute in which its refusals are not
 * logged again; those that only wait for that are in a queue, oldest first, and are few by a bound.
 */
#include "base/tally.h"

#include <string.h>

#define QUIET_US    (60 * G_USEC_PER_SEC)
#define RESTING_MAX 1024

struct _CfTallyEntry {
  guint8 key[CF_TALLY_KEY_MAX];
  gsize length;
  guint n;
  guint unlogged;     /* refusals since the last line */
  gint64 quiet_until; /* 0: none was logged */
  GList link;         /* in `resting` while n is 0 */
};

struct _CfTally {
  gint64 (*clock) (void);
  GMutex lock;
  GHashTable *entries; /* a set of CfTallyEntry */
  GQueue resting;
  CfTallyCounters counters; /* but keys */
};

/* Keys are chosen by strangers: the seed keeps them from choosing collisions. */
static guint64 hash_seed;

static guint
entry_hash (gconstpointer data)
{
  const CfTallyEntry *entry = data;
  guint64 hash = hash_seed ^ entry->length;

  for (gsize i = 0; i < entry->length; i++) {
    hash = (hash ^ entry->key[i]) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
    hash ^= hash >> 29;
  }
  return (guint) (hash >> 32 ^ hash);
}

static gboolean
entry_equal (gconstpointer a, gconstpointer b)
{
  const CfTallyEntry *one = a, *other = b;

  return one->length == other->length && memcmp (one->key, other->key, one->length) == 0;
}

CfTally *
cf_tally_new (gint64 (*clock) (void))
{
  static gsize seeded;
  CfTally *tally = g_new0 (CfTally, 1);

  if (g_once_init_enter (&seeded)) {
    hash_seed = (guint64) g_random_int () << 32 | g_random_int ();
    g_once_init_leave (&seeded, 1);
  }
  tally->clock = clock != NULL ? clock : g_get_monotonic_time;
  g_mutex_init (&tally->lock);
  tally->entries = g_hash_table_new_full (entry_hash, entry_equal, g_free, NULL);
  g_queue_init (&tally->resting);
  return tally;
}

void
cf_tally_free (CfTally *tally)
{
  if (tally == NULL)
    return;
  g_hash_table_unref (tally->entries);
  g_mutex_clear (&tally->lock);
  g_free (tally);
}

/* ---- Entries; all with the lock held ----------------------------------------------------------------- */

static void
tally_drop_oldest (CfTally *tally)
{
  CfTallyEntry *oldest = g_queue_peek_head (&tally->resting);

  g_queue_unlink (&tally->resting, &oldest->link);
  g_hash_table_remove (tally->entries, oldest);
}

/* Drops those whose minute is over, and what is beyond the bound. */
static void
tally_clean (CfTally *tally, gint64 now)
{
  const CfTallyEntry *oldest;

  while ((oldest = g_queue_peek_head (&tally->resting)) != NULL
         && (oldest->quiet_until <= now || tally->resting.length > RESTING_MAX))
    tally_drop_oldest (tally);
}

static CfTallyEntry *
tally_ensure (CfTally *tally, gconstpointer key, gsize length)
{
  CfTallyEntry wanted = { .length = MIN (length, CF_TALLY_KEY_MAX) };
  CfTallyEntry *entry;

  memcpy (wanted.key, key, wanted.length);
  entry = g_hash_table_lookup (tally->entries, &wanted);
  if (entry != NULL) {
    if (entry->n == 0)
      g_queue_unlink (&tally->resting, &entry->link);
    return entry;
  }
  entry = g_memdup2 (&wanted, sizeof wanted);
  entry->link.data = entry;
  g_hash_table_add (tally->entries, entry);
  return entry;
}

/* After a change of @entry: what counts nothing rests, or goes. */
static void
tally_settle (CfTally *tally, CfTallyEntry *entry, gint64 now)
{
  if (entry->n > 0)
    return;
  if (entry->quiet_until > now)
    g_queue_push_tail_link (&tally->resting, &entry->link);
  else
    g_hash_table_remove (tally->entries, entry);
}

static guint
tally_note_refusal (CfTally *tally, CfTallyEntry *entry, gint64 now)
{
  guint n = ++entry->unlogged;

  tally->counters.refused++;
  if (entry->quiet_until > now)
    return 0;
  entry->unlogged = 0;
  entry->quiet_until = now + QUIET_US;
  return n;
}

/* ---- The interface ----------------------------------------------------------------------------------- */

CfTallyEntry *
cf_tally_enter (CfTally *tally, gconstpointer key, gsize length, guint max, guint *out_log)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&tally->lock);
  gint64 now = tally->clock ();
  CfTallyEntry *entry;

  tally_clean (tally, now);
  entry = tally_ensure (tally, key, length);
  *out_log = 0;
  if (max != 0 && entry->n >= max) {
    *out_log = tally_note_refusal (tally, entry, now);
    return NULL;
  }
  entry->n++;
  tally->counters.entries++;
  return entry;
}

void
cf_tally_leave (CfTally *tally, CfTallyEntry *entry)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&tally->lock);

  entry->n--;
  tally->counters.entries--;
  tally_settle (tally, entry, tally->clock ());
}

void
cf_tally_refuse (CfTally *tally, gconstpointer key, gsize length, guint *out_log)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&tally->lock);
  gint64 now = tally->clock ();
  CfTallyEntry *entry;

  tally_clean (tally, now);
  entry = tally_ensure (tally, key, length);
  *out_log = tally_note_refusal (tally, entry, now);
  tally_settle (tally, entry, now);
}

void
cf_tally_get_counters (CfTally *tally, CfTallyCounters *out)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&tally->lock);

  *out = tally->counters;
  out->keys = g_hash_table_size (tally->entries) - tally->resting.length;
}
