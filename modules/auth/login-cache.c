/* modules/auth/login-cache.c - good logins remembered (login-cache.h). */
#include "login-cache.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

typedef struct {
  guint8 digest[LOGIN_DIGEST_LENGTH]; /* first, so that the entry is its own key */
  gint64 added;
  GList link;
} Entry;

struct _LoginCache {
  guint8 key[32];
  GMutex lock;
  GHashTable *entries; /* Entry: itself */
  GQueue order;        /* Entry.link, the one used last at the head */
};

/* Any octets of a digest are as good as random. */
static guint
entry_hash (gconstpointer digest)
{
  guint hash;

  memcpy (&hash, digest, sizeof hash);
  return hash;
}

static gboolean
entry_equal (gconstpointer a, gconstpointer b)
{
  return gnutls_memcmp (a, b, LOGIN_DIGEST_LENGTH) == 0;
}

LoginCache *
login_cache_new (GError **error)
{
  LoginCache *cache = g_new0 (LoginCache, 1);
  int code = gnutls_rnd (GNUTLS_RND_KEY, cache->key, sizeof cache->key);

  if (code != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "No random numbers: %s", gnutls_strerror (code));
    g_free (cache);
    return NULL;
  }
  g_mutex_init (&cache->lock);
  cache->entries = g_hash_table_new_full (entry_hash, entry_equal, g_free, NULL);
  g_queue_init (&cache->order);
  return cache;
}

void
login_cache_free (LoginCache *cache)
{
  if (cache == NULL)
    return;

  g_hash_table_unref (cache->entries);
  g_mutex_clear (&cache->lock);
  gnutls_memset (cache->key, 0, sizeof cache->key);
  g_free (cache);
}

gboolean
login_cache_digest (const LoginCache *cache, const Verifier *verifier, const char *address,
                    const char *password, guint8 out_digest[LOGIN_DIGEST_LENGTH])
{
  g_autoptr (GBytes) text = verifier_format (verifier);
  gnutls_hmac_hd_t hmac;
  int code;

  if (gnutls_hmac_init (&hmac, GNUTLS_MAC_SHA256, cache->key, sizeof cache->key) != 0)
    return FALSE;
  /* The verifier's text holds no NUL; address and password go with theirs, so that no two
   * triples run together. */
  code = gnutls_hmac (hmac, g_bytes_get_data (text, NULL), g_bytes_get_size (text));
  if (code == 0)
    code = gnutls_hmac (hmac, "", 1);
  if (code == 0)
    code = gnutls_hmac (hmac, address, strlen (address) + 1);
  if (code == 0)
    code = gnutls_hmac (hmac, password, strlen (password) + 1);
  gnutls_hmac_deinit (hmac, out_digest);
  return code == 0;
}

static void
login_cache_remove (LoginCache *cache, Entry *entry)
{
  g_queue_unlink (&cache->order, &entry->link);
  g_hash_table_remove (cache->entries, entry);
}

gboolean
login_cache_contains (LoginCache *cache, const guint8 digest[LOGIN_DIGEST_LENGTH], gint64 now,
                      gint64 lifetime)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&cache->lock);
  Entry *entry = g_hash_table_lookup (cache->entries, digest);

  if (entry == NULL)
    return FALSE;
  if (now - entry->added >= lifetime) {
    login_cache_remove (cache, entry);
    return FALSE;
  }
  g_queue_unlink (&cache->order, &entry->link);
  g_queue_push_head_link (&cache->order, &entry->link);
  return TRUE;
}

void
login_cache_add (LoginCache *cache, const guint8 digest[LOGIN_DIGEST_LENGTH], gint64 now, guint max_entries)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&cache->lock);
  Entry *entry = g_hash_table_lookup (cache->entries, digest);

  if (entry != NULL)
    login_cache_remove (cache, entry);
  while (cache->order.length > 0 && cache->order.length >= max_entries)
    login_cache_remove (cache, g_queue_peek_tail (&cache->order));
  if (max_entries == 0)
    return;

  entry = g_new0 (Entry, 1);
  memcpy (entry->digest, digest, LOGIN_DIGEST_LENGTH);
  entry->added = now;
  entry->link.data = entry;
  g_queue_push_head_link (&cache->order, &entry->link);
  g_hash_table_add (cache->entries, entry);
}
