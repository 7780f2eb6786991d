/* tests/load/swarm/flood.c - strangers who take what good users need: wrong logins, and connections.
 *
 * All come from one address, the good users (visitors) too. These use the first half of the accounts; guesses
 * are made at the second half, and at accounts that do not exist.
 */
#include "swarm.h"

#include <string.h>

#define REOPEN_MS 10

/* ---- Logins ------------------------------------------------------------------------------------------ */

static char *
guesser_next (Client *client, guint step)
{
  guint half = client->group->swarm->options.accounts;

  client->number++;
  if (client->index % 2 == 0)
    return g_strdup_printf ("LOGIN u%u guess%u", half + client->index % half, client->number);
  return g_strdup_printf ("LOGIN nobody%u guess%u", g_random_int_range (0, 1000000), client->number);
}

/* It guesses again. */
static void
guesser_refused (Client *client, const char *line)
{
  g_autofree char *command = guesser_next (client, 0);

  client_command (client, command);
}

static void
guesser_closed (Client *client)
{
  client_open (client);
}

static const Role guesser_role
    = { .name = "guesser", .next = guesser_next, .refused = guesser_refused, .closed = guesser_closed };

/* These do not wait for the answer, and so not for its delay: they go, and come again. */
typedef struct {
  Group *group;
  guint turn, per_tick;
} Runners;

static void
runners_tick (gpointer data)
{
  Runners *runners = data;

  for (guint i = 0; i < runners->per_tick; i++) {
    Client *client
        = g_ptr_array_index (runners->group->clients, runners->turn++ % runners->group->clients->len);

    client_close (client);
    client_open (client);
  }
}

/* Two kinds of good users: those who have logged in lately, and those who have not. */
static gboolean
measure_logins (Swarm *swarm, Probe *probe, const char *name, guint first_new)
{
  g_autofree char *old_name = g_strdup_printf ("%s.again", name);
  g_autofree char *new_name = g_strdup_printf ("%s.first", name);
  g_autofree char *noop = g_strdup_printf ("%s.noop", name);
  Visitors *old_users = visitors_start (swarm, 0, swarm->options.accounts);
  Visitors *new_users = visitors_start (swarm, first_new, swarm->options.seconds * swarm->options.rate);

  probe->is_counting = TRUE;
  if (!visitors_measure (old_users, old_name, swarm->options.seconds)
      || !visitors_measure (new_users, new_name, 0))
    return FALSE;
  probe->is_counting = FALSE;
  samples_report (&probe->samples, noop);
  return TRUE;
}

gboolean
flood_run (Swarm *swarm)
{
  const SwarmOptions *options = &swarm->options;
  guint new_users = 2 * options->accounts, per_phase = options->seconds * options->rate;
  Probe *probe = probe_new (swarm);
  Runners *runners = g_new0 (Runners, 1);
  Visitors *visitors;
  Group *group;

  visitors = visitors_start (swarm, 0, options->accounts);
  if (!probe_start (probe) || !visitors_measure (visitors, "before", 3) || !swarm_stage (swarm, "before"))
    return FALSE;
  group = swarm_add_group (swarm, &guesser_role, options->clients, options->clients, FALSE);
  if (!measure_logins (swarm, probe, "waiting", new_users))
    return FALSE;
  swarm_figure ("waiting.guesses", group->refused, "");

  runners->group = swarm_add_group (swarm, &guesser_role, options->clients, options->clients, FALSE);
  runners->per_tick = MAX (options->clients * REOPEN_MS / 1000, 1);
  swarm_every (swarm, REOPEN_MS * 1000, runners_tick, runners);
  if (!measure_logins (swarm, probe, "running", new_users + per_phase))
    return FALSE;
  swarm_figure ("running.guesses", runners->turn, "");
  return swarm_stage (swarm, "flood");
}

/* ---- Connections ------------------------------------------------------------------------------------- */

/* The beginning of a record with a ClientHello. */
static const char half_hello[] = { 0x16, 3, 1, 2, 0, 1, 0, 1, (char) 0xfc, 3, 3, 1, 2, 3, 4, 5 };

static void
silent_ready (Client *client)
{
  if (client->index % 2 == 0)
    client_write (client, half_hello, sizeof half_hello);
}

static void
silent_in_clear (Client *client)
{
  if (client->index % 2 == 0)
    client_write (client, "a LOGIN ", 8);
}

/* Opened again by the tick, at the rate of the flood. */
static void
silent_closed (Client *client)
{
}

static const Role silent_tls_role
    = { .name = "silent, TLS", .is_mute = TRUE, .ready = silent_ready, .closed = silent_closed };
static const Role silent_role
    = { .name = "silent", .is_mute = TRUE, .ready = silent_in_clear, .closed = silent_closed };

static void
silent_tick (gpointer data)
{
  Runners *runners = data;

  for (guint i = 0, opened = 0; i < runners->group->clients->len && opened < runners->per_tick; i++) {
    Client *client
        = g_ptr_array_index (runners->group->clients, runners->turn++ % runners->group->clients->len);

    if (client->state != CLIENT_IDLE)
      continue;
    client_open (client);
    opened++;
  }
}

static Group *
silent_start (Swarm *swarm, const Role *role, gboolean tls)
{
  Runners *runners = g_new0 (Runners, 1);

  runners->group = swarm_add_group (swarm, role, swarm->options.clients / 2, swarm->options.clients / 2, tls);
  runners->per_tick = MAX (swarm->options.clients * REOPEN_MS / 1000 / 10, 1);
  swarm_every (swarm, REOPEN_MS * 1000, silent_tick, runners);
  return runners->group;
}

gboolean
half_open_run (Swarm *swarm)
{
  Probe *probe = probe_new (swarm);
  Visitors *visitors;
  Group *in_clear, *tls;

  if (!probe_start (probe) || !swarm_stage (swarm, "before"))
    return FALSE;
  in_clear = silent_start (swarm, &silent_role, FALSE);
  tls = silent_start (swarm, &silent_tls_role, TRUE);
  if (!swarm_turn_for (swarm, 3) || !swarm_stage (swarm, "full"))
    return FALSE;
  visitors = visitors_start (swarm, 0, swarm->options.accounts);
  probe->is_counting = TRUE;
  if (!visitors_measure (visitors, "half-open", swarm->options.seconds))
    return FALSE;
  samples_report (&probe->samples, "half-open.noop");
  swarm_figure ("half-open.closed", in_clear->closed + tls->closed, "");
  return swarm_stage (swarm, "half-open");
}
