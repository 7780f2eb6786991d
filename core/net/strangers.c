/* core/net/strangers.c - who gives way when the server is full: connections that have not shown whose they
 * are, the oldest first.
 *
 * They are few in good times, as a login takes moments. When they take all room, somebody floods the server,
 * and a newcomer costs the flood one of its own. A good client gets in unless it takes longer to log in than
 * the flood takes to renew all strangers.
 *
 * Listed in the order of arrival, by ref: one that is gone or has logged in is found out when it is looked
 * at, and taken out by the sweep. Main thread only, where connections are accepted.
 */
#include "net/private.h"

#define ROOM_SHARE 16   /* one in so many connections is kept free, if strangers can be found */
#define ROOM_MAX   1024 /* what workers close while as many are accepted */

void
cf_strangers_add (CfNet *net, CfConnRef ref)
{
  g_array_append_val (net->strangers, ref);
}

static gboolean
strangers_contain (CfNet *net, CfConnRef ref)
{
  CfConn *conn = cf_slot_get (net, (guint32) ref);

  return conn != NULL && cf_slot_get_ref (conn) == ref && (atomic_load (&conn->word) & CF_SLOT_LIVE) != 0
         && !atomic_load (&conn->established);
}

/* Connections go when a worker gets to them. */
static void
strangers_shed (CfNet *net, guint n)
{
  while (n > 0 && net->strangers_begin < net->strangers->len) {
    CfConnRef ref = g_array_index (net->strangers, CfConnRef, net->strangers_begin++);

    if (!strangers_contain (net, ref))
      continue;
    cf_net_wake (net, ref, CF_WAKE_GIVE_WAY);
    n--;
  }
}

static guint
strangers_get_room (const CfNet *net)
{
  return MIN (net->config.max_connections / ROOM_SHARE, ROOM_MAX);
}

gboolean
cf_strangers_are_in_the_way (const CfNet *net)
{
  return atomic_load (&net->n_open) + strangers_get_room (net) >= net->config.max_connections;
}

void
cf_strangers_make_room (CfNet *net)
{
  gboolean full = atomic_load (&net->n_open) >= net->config.max_connections;

  strangers_shed (net, full ? MAX (strangers_get_room (net), 1) : 1);
}

void
cf_strangers_sweep (CfNet *net)
{
  guint kept = 0;

  for (guint i = net->strangers_begin; i < net->strangers->len; i++) {
    CfConnRef ref = g_array_index (net->strangers, CfConnRef, i);

    if (strangers_contain (net, ref))
      g_array_index (net->strangers, CfConnRef, kept++) = ref;
  }
  g_array_set_size (net->strangers, kept);
  net->strangers_begin = 0;
}
