/* tests/load/swarm/slow.c - clients that send one octet a second, half of them logged in.
 *
 * They never come to the end of their command. Those that are not logged in are closed when their time is
 * over, and come again.
 */
#include "swarm.h"

#define TICK_MS 10

typedef struct {
  Group *strangers, *users;
  guint turn;
} Slow;

static char *
user_next (Client *client, guint step)
{
  return client_dup_select (client, step, "INBOX");
}

static void
stranger_closed (Client *client)
{
  client_open (client);
}

static const Role stranger_role = { .name = "stranger", .is_mute = TRUE, .closed = stranger_closed };
static const Role user_role = { .name = "slow user", .next = user_next };

static void
slow_send (Client *client)
{
  static const char command[] = "a APPEND ";

  if (!client->is_ready)
    return;
  client_write (client, client->number < sizeof command - 1 ? &command[client->number] : "x", 1);
  client->number++;
}

/* Every tick its share of the clients, so that each has its turn once a second. */
static void
slow_tick (gpointer data)
{
  Slow *slow = data;
  guint n = slow->users->clients->len, ticks = 1000 / TICK_MS;
  guint from = slow->turn % ticks * n / ticks, to = (slow->turn % ticks + 1) * n / ticks;

  slow->turn++;
  for (guint i = from; i < to; i++) {
    slow_send (g_ptr_array_index (slow->users->clients, i));
    slow_send (g_ptr_array_index (slow->strangers->clients, i));
  }
}

gboolean
slow_run (Swarm *swarm)
{
  Probe *probe = probe_new (swarm);
  Slow *slow = g_new0 (Slow, 1);
  guint n = swarm->options.clients / 2;

  if (!probe_start (probe) || !probe_measure (probe, "before", 2) || !swarm_stage (swarm, "before"))
    return FALSE;
  slow->users = swarm_add_group (swarm, &user_role, n, 64, swarm->options.tls);
  slow->strangers = swarm_add_group (swarm, &stranger_role, n, 64, FALSE);
  if (!swarm_wait_ready (slow->users, 120) || !swarm_wait_ready (slow->strangers, 120))
    return FALSE;
  swarm_every (swarm, TICK_MS * 1000, slow_tick, slow);
  if (!probe_measure (probe, "slow", swarm->options.seconds))
    return FALSE;
  swarm_figure ("slow.timeouts", slow->strangers->closed, "");
  return swarm_stage (swarm, "slow");
}
