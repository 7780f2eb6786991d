/* core/imap/login-delay.c - what failed logins cost (login-delay.h).
 *
 * Two tables of counters under one lock: by pair and by peer address. A counter holds the number of failures
 * and the time it was last brought up to date; failures fade one by one as time passes, so nothing needs a
 * timer. The count has no low limit: a burst of guesses sent side by side, before the first of them failed,
 * is paid for afterwards.
 */
#include "imap/login-delay.h"

#include <string.h>

#include "base/ip.h"

#define FAILURES_MAX 10000
#define PEER_WINDOW  (60 * G_USEC_PER_SEC)
#define WAITING_MAX  4 /* how many delays an attempt may wait in line */

typedef struct {
  GBytes *key;
  GList link; /* in the table's order of use */
  guint failures;
  gint64 since;     /* pair: failures fade from here on. peer: the minute began */
  gint64 next_free; /* pair: when the next attempt may be made */
} Counter;

typedef struct {
  GHashTable *counters; /* key: Counter */
  GQueue order;         /* Counter.link, the one used last at the head */
} Table;

struct _CfLoginDelay {
  CfLoginDelayConfig config;
  GMutex lock;
  Table pairs, peers;
};

static void
counter_free (gpointer data)
{
  Counter *counter = data;

  g_bytes_unref (counter->key);
  g_free (counter);
}

static void
table_init (Table *table)
{
  table->counters = g_hash_table_new_full (g_bytes_hash, g_bytes_equal, NULL, counter_free);
  g_queue_init (&table->order);
}

static void
table_remove (Table *table, Counter *counter)
{
  g_queue_unlink (&table->order, &counter->link);
  g_hash_table_remove (table->counters, counter->key);
}

static Counter *
table_lookup (Table *table, GBytes *key)
{
  Counter *counter = g_hash_table_lookup (table->counters, key);

  if (counter == NULL)
    return NULL;
  g_queue_unlink (&table->order, &counter->link);
  g_queue_push_head_link (&table->order, &counter->link);
  return counter;
}

static Counter *
table_ensure (Table *table, GBytes *key, guint max_entries, gint64 now)
{
  Counter *counter = table_lookup (table, key);

  if (counter != NULL)
    return counter;

  if (g_hash_table_size (table->counters) >= MAX (max_entries, 1))
    table_remove (table, g_queue_peek_tail (&table->order));
  counter = g_new0 (Counter, 1);
  counter->key = g_bytes_ref (key);
  counter->since = now;
  counter->link.data = counter;
  g_queue_push_head_link (&table->order, &counter->link);
  g_hash_table_insert (table->counters, counter->key, counter);
  return counter;
}

/* Text that is no IP address counts as it is. */
static GBytes *
key_new_peer (const char *peer)
{
  CfIp ip;

  if (!cf_ip_parse (peer, &ip))
    return g_bytes_new (peer, strlen (peer));
  ip = cf_ip_get_site (&ip);
  return g_bytes_new (&ip, sizeof ip);
}

static GBytes *
key_new_pair (const char *name, GBytes *peer)
{
  GByteArray *key = g_byte_array_new ();

  g_byte_array_append (key, (const guint8 *) name, (guint) strlen (name) + 1);
  g_byte_array_append (key, g_bytes_get_data (peer, NULL), (guint) g_bytes_get_size (peer));
  return g_byte_array_free_to_bytes (key);
}

static gint64
delay_now (const CfLoginDelay *delay)
{
  return delay->config.clock != NULL ? delay->config.clock () : g_get_monotonic_time ();
}

/* Lets the pair's failures fade; with none left it is as good as new. */
static void
delay_fade (const CfLoginDelay *delay, Counter *pair, gint64 now)
{
  gint64 step = (gint64) MAX (delay->config.forgive, 1) * G_USEC_PER_SEC;
  gint64 faded = (now - pair->since) / step;

  pair->failures -= (guint) MIN (faded, (gint64) pair->failures);
  pair->since += faded * step;
}

/* Microseconds that the pair's last failure costs. */
static gint64
delay_of_pair (const CfLoginDelay *delay, const Counter *pair)
{
  gint64 maximum = (gint64) delay->config.maximum * 1000;

  if (pair->failures < 2)
    return 0;
  return pair->failures - 2 < 20 ? MIN ((gint64) G_USEC_PER_SEC << (pair->failures - 2), maximum) : maximum;
}

/* Counts a failure of the peer. Whether it has had too many in this minute. */
static gboolean
delay_charge_peer (CfLoginDelay *delay, GBytes *key, gint64 now)
{
  Counter *peer;

  if (delay->config.peer_failures == 0)
    return FALSE;

  peer = table_ensure (&delay->peers, key, delay->config.max_entries, now);
  if (now - peer->since >= PEER_WINDOW) {
    peer->since = now;
    peer->failures = 0;
  }
  if (peer->failures < G_MAXUINT)
    peer->failures++;
  return peer->failures > delay->config.peer_failures;
}

static gint64
delay_charge_pair (CfLoginDelay *delay, GBytes *key, gint64 now)
{
  Counter *pair = table_ensure (&delay->pairs, key, delay->config.max_entries, now);
  gint64 wait;

  delay_fade (delay, pair, now);
  if (pair->failures == 0)
    pair->since = now;
  if (pair->failures < FAILURES_MAX)
    pair->failures++;
  wait = delay_of_pair (delay, pair);
  pair->next_free = MAX (pair->next_free, now + wait);
  return wait;
}

CfLoginDelay *
cf_login_delay_new (const CfLoginDelayConfig *config)
{
  CfLoginDelay *delay = g_new0 (CfLoginDelay, 1);

  delay->config = *config;
  g_mutex_init (&delay->lock);
  table_init (&delay->pairs);
  table_init (&delay->peers);
  return delay;
}

void
cf_login_delay_free (CfLoginDelay *delay)
{
  if (delay == NULL)
    return;

  g_hash_table_unref (delay->pairs.counters);
  g_hash_table_unref (delay->peers.counters);
  g_mutex_clear (&delay->lock);
  g_free (delay);
}

gboolean
cf_login_delay_admit (CfLoginDelay *delay, const char *name, const char *peer, guint *out_wait,
                      GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  g_autoptr (GBytes) peer_key = key_new_peer (peer);
  g_autoptr (GBytes) key = NULL;
  gint64 now, spacing, at;
  Counter *pair;

  *out_wait = 0;
  if (name == NULL || delay->config.maximum == 0)
    return TRUE;

  key = key_new_pair (name, peer_key);
  locker = g_mutex_locker_new (&delay->lock);
  now = delay_now (delay);
  pair = table_lookup (&delay->pairs, key);
  if (pair == NULL)
    return TRUE;

  delay_fade (delay, pair, now);
  spacing = delay_of_pair (delay, pair);
  at = MAX (pair->next_free, now);
  if (spacing == 0)
    return TRUE;
  if (at - now > WAITING_MAX * spacing) {
    g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "Too many login attempts are waiting; try again later");
    return FALSE;
  }
  pair->next_free = at + spacing;
  *out_wait = (guint) ((at - now + 999) / 1000);
  return TRUE;
}

guint
cf_login_delay_charge (CfLoginDelay *delay, const char *name, const char *peer)
{
  g_autoptr (GMutexLocker) locker = NULL;
  g_autoptr (GBytes) peer_key = key_new_peer (peer);
  g_autoptr (GBytes) key = name != NULL ? key_new_pair (name, peer_key) : NULL;
  gint64 now, wait = 0;

  if (delay->config.maximum == 0)
    return 0;

  locker = g_mutex_locker_new (&delay->lock);
  now = delay_now (delay);
  if (key != NULL)
    wait = delay_charge_pair (delay, key, now);
  if (delay_charge_peer (delay, peer_key, now))
    wait = (gint64) delay->config.maximum * 1000;
  return (guint) (wait / 1000);
}

void
cf_login_delay_clear (CfLoginDelay *delay, const char *name, const char *peer)
{
  g_autoptr (GMutexLocker) locker = NULL;
  g_autoptr (GBytes) peer_key = NULL;
  g_autoptr (GBytes) key = NULL;
  Counter *pair;

  if (name == NULL)
    return;

  peer_key = key_new_peer (peer);
  key = key_new_pair (name, peer_key);
  locker = g_mutex_locker_new (&delay->lock);
  pair = table_lookup (&delay->pairs, key);
  if (pair != NULL)
    table_remove (&delay->pairs, pair);
}
