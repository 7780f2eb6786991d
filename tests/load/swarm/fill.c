/* tests/load/swarm/fill.c - puts messages into the mailboxes of every account: the other scenarios' setting.
 *
 * One MULTIAPPEND for each account fills INBOX; COPY fills the further mailboxes, which writes placements
 * only.
 */
#include "swarm.h"

#include <string.h>

#define AT_A_TIME 8

static char *
dup_append (const SwarmOptions *options)
{
  GString *command = g_string_new ("APPEND INBOX");

  for (guint i = 0; i < options->messages; i++)
    append_message (command, i, options->size);
  return g_string_free (command, FALSE);
}

static char *
filler_next (Client *client, guint step)
{
  const SwarmOptions *options = &client->group->swarm->options;
  guint further = MAX (options->mailboxes, 1) - 1;

  switch (step) {
  case 0:
    return client_dup_login (client);
  case 1:
    return dup_append (options);
  case 2:
    return further > 0 ? g_strdup ("SELECT INBOX") : NULL;
  default:
    break;
  }
  step -= 3;
  if (step >= 2 * further)
    return NULL;
  return g_strdup_printf (step % 2 == 0 ? "CREATE box%u" : "COPY 1:* box%u", step / 2 + 1);
}

static const Role filler_role = { .name = "filler", .next = filler_next, .ready = client_close };

gboolean
fill_run (Swarm *swarm)
{
  Group *group = swarm_add_group (swarm, &filler_role, swarm->options.accounts, AT_A_TIME, FALSE);
  gint64 begin = swarm_now ();

  if (!swarm_wait_ready (group, 1200))
    return FALSE;
  swarm_figure ("fill.time", (gdouble) (swarm_now () - begin) / G_USEC_PER_SEC, "s");
  return TRUE;
}
