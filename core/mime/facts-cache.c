/* core/mime/facts-cache.c - facts of messages lately looked at (facts-cache.h). */
#include "mime/facts-cache.h"

/* What an entry costs besides its facts' texts. */
#define ENTRY_OVERHEAD 512

typedef struct {
  CfContentId content;
  CfFacts *facts;
  gsize cost;
  GList link; /* in `used`, latest first */
} Entry;

static struct {
  GMutex lock;
  GHashTable *entries; /* CfContentId -> Entry; NULL: no cache */
  GQueue used;
  gsize octets, max_octets;
} cache;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  cf_facts_unref (entry->facts);
  g_free (entry);
}

void
cf_facts_cache_init (gsize max_octets)
{
  cache.max_octets = max_octets;
  cache.octets = 0;
  g_queue_init (&cache.used);
  cache.entries
      = max_octets > 0 ? g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, entry_free) : NULL;
}

void
cf_facts_cache_shutdown (void)
{
  g_clear_pointer (&cache.entries, g_hash_table_unref);
  g_queue_init (&cache.used);
}

CfFacts *
cf_facts_cache_lookup (CfContentId content)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&cache.lock);
  Entry *entry = cache.entries != NULL ? g_hash_table_lookup (cache.entries, &content) : NULL;

  if (entry == NULL)
    return NULL;
  g_queue_unlink (&cache.used, &entry->link);
  g_queue_push_head_link (&cache.used, &entry->link);
  return cf_facts_ref (entry->facts);
}

static void
cache_remove (Entry *entry)
{
  g_queue_unlink (&cache.used, &entry->link);
  cache.octets -= entry->cost;
  g_hash_table_remove (cache.entries, &entry->content);
}

void
cf_facts_cache_insert (CfContentId content, CfFacts *facts)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&cache.lock);
  /* The encoded form and the fields decoded from it. */
  gsize cost = ENTRY_OVERHEAD + 2 * g_bytes_get_size (cf_facts_get_encoded (facts));
  Entry *entry;

  if (cache.entries == NULL || cost > cache.max_octets || g_hash_table_contains (cache.entries, &content))
    return;
  while (cache.octets + cost > cache.max_octets)
    cache_remove (g_queue_peek_tail (&cache.used));
  entry = g_new0 (Entry, 1);
  entry->content = content;
  entry->facts = cf_facts_ref (facts);
  entry->cost = cost;
  entry->link.data = entry;
  g_hash_table_insert (cache.entries, &entry->content, entry);
  g_queue_push_head_link (&cache.used, &entry->link);
  cache.octets += cost;
}

void
cf_facts_cache_clear (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&cache.lock);

  while (!g_queue_is_empty (&cache.used))
    cache_remove (g_queue_peek_tail (&cache.used));
}
