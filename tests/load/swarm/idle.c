/* tests/load/swarm/idle.c - many connections in IDLE, and how soon they hear of a message.
 *
 * Connection i uses account i modulo --accounts. With --mailboxes each has a mailbox of its own: INBOX, box1
 * ...
 */
#include "swarm.h"

#include <string.h>

#define WRITERS 50

/* The newest APPEND to one mailbox. */
typedef struct {
  gint64 sent, done; /* 0: not yet */
  guint heard;       /* watchers that were told */
  gint64 first;      /* when the first of them was */
} Arrival;

typedef struct {
  Swarm *swarm;
  guint mailboxes; /* of an account that are used */
  Arrival *arrivals;
  Group *writers;
  guint turn;
  Samples append, sent_to_exists, done_to_exists;
} Idle;

static guint
watcher_get_box (Client *client)
{
  Idle *idle = client->group->data;

  return client->index / client->group->swarm->options.accounts % idle->mailboxes;
}

static char *
box_name (guint box)
{
  return box == 0 ? g_strdup ("INBOX") : g_strdup_printf ("box%u", box);
}

static char *
watcher_next (Client *client, guint step)
{
  g_autofree char *box = box_name (watcher_get_box (client));

  return step == 2 ? g_strdup ("IDLE") : client_dup_select (client, step, box);
}

static void
watcher_line (Client *client, const char *line)
{
  Idle *idle = client->group->data;
  Arrival *arrival
      = &idle->arrivals[client_get_account (client) * idle->mailboxes + watcher_get_box (client)];
  gint64 now = swarm_now ();

  if (!g_str_has_suffix (line, " EXISTS") || arrival->sent == 0)
    return;
  samples_add (&idle->sent_to_exists, now - arrival->sent);
  if (arrival->heard++ == 0)
    arrival->first = now;
  if (arrival->done != 0)
    samples_add (&idle->done_to_exists, now - arrival->done);
}

static const Role watcher_role = { .name = "watcher", .next = watcher_next, .line = watcher_line };

/* ---- Writers ----------------------------------------------------------------------------------------- */

static char *
writer_next (Client *client, guint step)
{
  return step == 0 ? client_dup_login (client) : NULL;
}

static void
writer_line (Client *client, const char *line)
{
  Idle *idle = client->group->data;
  Arrival *arrival;
  gint64 now = swarm_now ();

  if (line[0] != 't')
    return;
  if (!g_str_has_prefix (line, "t OK"))
    swarm_fail (idle->swarm, "APPEND: %s", line);
  arrival = &idle->arrivals[client->number - 1];
  client->number = 0;
  arrival->done = now;
  samples_add (&idle->append, now - arrival->sent);
  /* Told before the writer was: that is sooner than "done". */
  for (guint i = 0; i < arrival->heard; i++)
    samples_add (&idle->done_to_exists, arrival->first - now);
}

static const Role writer_role = { .name = "writer", .next = writer_next, .line = writer_line };

static void
idle_append (gpointer data)
{
  Idle *idle = data;
  Client *client = g_ptr_array_index (idle->writers->clients, idle->turn % idle->writers->clients->len);
  guint box = idle->turn / idle->writers->clients->len % idle->mailboxes;
  g_autofree char *name = box_name (box);
  g_autoptr (GString) command = g_string_new (NULL);
  guint number = client_get_account (client) * idle->mailboxes + box;

  idle->turn++;
  if (client->number != 0)
    return;
  g_string_printf (command, "APPEND %s", name);
  append_message (command, idle->turn, 500);
  client->number = number + 1;
  idle->arrivals[number] = (Arrival){ .sent = swarm_now () };
  client_command (client, command->str);
}

/* ---- The scenario ------------------------------------------------------------------------------------ */

gboolean
idle_run (Swarm *swarm)
{
  const SwarmOptions *options = &swarm->options;
  Idle *idle = g_new0 (Idle, 1);
  Group *watchers = swarm_add_group (swarm, &watcher_role, options->clients, 64, options->tls);
  gint64 begin = swarm_now ();

  idle->swarm = swarm;
  idle->mailboxes = MAX (options->mailboxes, 1);
  idle->arrivals = g_new0 (Arrival, options->accounts * idle->mailboxes);
  watchers->data = idle;
  if (!swarm_wait_ready (watchers, 300))
    return FALSE;
  swarm_figure ("idle.setup", (gdouble) (swarm_now () - begin) / G_USEC_PER_SEC, "s");
  if (!swarm_stage (swarm, "idle"))
    return FALSE;

  idle->writers
      = swarm_add_group (swarm, &writer_role, MIN (WRITERS, options->accounts), WRITERS, options->tls);
  idle->writers->data = idle;
  if (!swarm_wait_ready (idle->writers, 60))
    return FALSE;
  swarm_every (swarm, G_USEC_PER_SEC / options->rate, idle_append, idle);
  if (!swarm_turn_for (swarm, options->seconds))
    return FALSE;
  swarm_no_more (swarm, idle_append, idle);
  if (!swarm_turn_for (swarm, 1))
    return FALSE;
  samples_report (&idle->append, "append.ok");
  samples_report (&idle->sent_to_exists, "append.exists");
  samples_report (&idle->done_to_exists, "ok.exists");
  return swarm_stage (swarm, "after");
}
