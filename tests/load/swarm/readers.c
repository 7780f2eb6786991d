/* tests/load/swarm/readers.c - clients that ask for much: those that never read it, and one that reads fast.
 */
#include "swarm.h"

#include <string.h>

#define FETCHES 50

static char *
reader_next (Client *client, guint step)
{
  return client_dup_select (client, step, "INBOX");
}

/* ---- Fast readers ------------------------------------------------------------------------------------ */

static void
reader_ready (Client *client)
{
  client_command (client, "FETCH 1:* (BODY.PEEK[])");
}

static void
reader_line (Client *client, const char *line)
{
  if (line[0] == 't')
    reader_ready (client);
}

static const Role reader_role
    = { .name = "reader", .next = reader_next, .ready = reader_ready, .line = reader_line };

gboolean
reader_run (Swarm *swarm)
{
  Group *group = swarm_add_group (swarm, &reader_role, swarm->options.clients, swarm->options.clients,
                                  swarm->options.tls);
  guint64 before;

  if (!swarm_wait_ready (group, 60) || !swarm_turn_for (swarm, 1))
    return FALSE;
  before = swarm->octets;
  if (!swarm_turn_for (swarm, swarm->options.seconds))
    return FALSE;
  swarm_figure ("reader.rate", (gdouble) (swarm->octets - before) / 1e6 / swarm->options.seconds, "MB/s");
  return swarm_stage (swarm, "reader");
}

/* ---- Those who do not read ---------------------------------------------------------------------------- */

static void
nonreader_ready (Client *client)
{
  client_set_deaf (client, TRUE);
  for (guint i = 0; i < FETCHES; i++)
    client_command (client, "FETCH 1:* (FLAGS BODY.PEEK[])");
}

static const Role nonreader_role = { .name = "nonreader", .next = reader_next, .ready = nonreader_ready };

/* The store's page caches are the server's, not the clients': they fill before anything is measured. */
static gboolean
warm_up (Swarm *swarm)
{
  Group *group
      = swarm_add_group (swarm, &reader_role, swarm->options.accounts, swarm->options.accounts, FALSE);

  if (!swarm_wait_ready (group, 60) || !swarm_turn_for (swarm, 3))
    return FALSE;
  for (guint i = 0; i < group->clients->len; i++)
    client_close (g_ptr_array_index (group->clients, i));
  return TRUE;
}

gboolean
nonreaders_run (Swarm *swarm)
{
  Probe *probe = probe_new (swarm);
  Group *group;

  if (!warm_up (swarm) || !probe_start (probe) || !probe_measure (probe, "before", 2)
      || !swarm_stage (swarm, "before"))
    return FALSE;
  group = swarm_add_group (swarm, &nonreader_role, swarm->options.clients, 20, swarm->options.tls);
  return swarm_wait_ready (group, 120) && probe_measure (probe, "nonreaders", swarm->options.seconds)
         && swarm_stage (swarm, "nonreaders");
}
