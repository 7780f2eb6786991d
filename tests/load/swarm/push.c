/* tests/load/swarm/push.c - one message, and how soon everybody has heard of it.
 *
 * All clients are of account 0: in IDLE with INBOX selected, or, with --mailboxes, watching f/0 ... by
 * NOTIFY. One writer, at --writer-port if given, appends --messages times, each time when all have heard of
 * the last.
 */
#include "swarm.h"

#define ROUND_MAX_SECONDS 30
#define PAUSE             0.2

typedef struct {
  Swarm *swarm;
  gint64 sent, done; /* of this round; 0: not yet */
  GArray *told;      /* gint64: when each watcher was */
  Samples ok, sent_to[3], ok_to[3];
} Push;

static const char *const who[] = { "first", "median", "last" };

static char *
watcher_next (Client *client, guint step)
{
  const SwarmOptions *options = &client->group->swarm->options;

  if (step == 0)
    return client_dup_login_as (0);
  if (options->mailboxes > 0)
    return step == 1 ? g_strdup ("NOTIFY SET (subtree f (MessageNew MessageExpunge))") : NULL;
  return step == 2 ? g_strdup ("IDLE") : client_dup_select (client, step, "INBOX");
}

static void
watcher_line (Client *client, const char *line)
{
  Push *push = client->group->data;
  gint64 now = swarm_now ();

  if (g_str_has_suffix (line, " EXISTS") || g_str_has_prefix (line, "* STATUS "))
    g_array_append_val (push->told, now);
}

static char *
writer_next (Client *client, guint step)
{
  return step == 0 ? client_dup_login_as (0) : NULL;
}

static void
writer_line (Client *client, const char *line)
{
  Push *push = client->group->data;

  if (!g_str_has_prefix (line, "t OK"))
    swarm_fail (push->swarm, "APPEND: %s", line);
  push->done = swarm_now ();
}

static const Role watcher_role = { .name = "watcher", .next = watcher_next, .line = watcher_line };
static const Role writer_role = { .name = "writer", .next = writer_next, .line = writer_line };

static void
push_append (Push *push, Client *writer, guint round)
{
  guint mailboxes = push->swarm->options.mailboxes;
  g_autoptr (GString) command = g_string_new ("APPEND ");

  if (mailboxes > 0)
    g_string_append_printf (command, "f/%u", round % mailboxes);
  else
    g_string_append (command, "INBOX");
  append_message (command, round, 500);
  g_array_set_size (push->told, 0);
  push->done = 0;
  push->sent = swarm_now ();
  client_command (writer, command->str);
}

/* Times come in the order in which they were taken. */
static gint64
push_get_told (Push *push, guint which)
{
  guint last = push->told->len - 1;

  return g_array_index (push->told, gint64, which == 0 ? 0 : which == 1 ? last / 2 : last);
}

static gboolean
push_round (Push *push, Client *writer, guint round, guint watchers)
{
  gint64 limit = swarm_now () + ROUND_MAX_SECONDS * G_USEC_PER_SEC;

  push_append (push, writer, round);
  while (push->done == 0 || push->told->len < watchers) {
    if (!swarm_turn (push->swarm))
      return FALSE;
    if (swarm_now () > limit) {
      swarm_fail (push->swarm, "%u of %u were told in %d s", push->told->len, watchers, ROUND_MAX_SECONDS);
      return FALSE;
    }
  }
  samples_add (&push->ok, push->done - push->sent);
  for (guint i = 0; i < G_N_ELEMENTS (who); i++) {
    samples_add (&push->sent_to[i], push_get_told (push, i) - push->sent);
    samples_add (&push->ok_to[i], push_get_told (push, i) - push->done);
  }
  if (!swarm_turn_for (push->swarm, PAUSE))
    return FALSE;
  if (push->told->len != watchers)
    swarm_fail (push->swarm, "%u watchers were told %u times", watchers, push->told->len);
  return !push->swarm->failed;
}

gboolean
push_run (Swarm *swarm)
{
  const SwarmOptions *options = &swarm->options;
  Push *push = g_new0 (Push, 1);
  Group *watchers = swarm_add_group (swarm, &watcher_role, options->clients, 64, options->tls);
  Group *writers = swarm_add_group (swarm, &writer_role, 1, 1, FALSE);

  push->swarm = swarm;
  writers->port = options->writer_port;
  push->told = g_array_new (FALSE, FALSE, sizeof (gint64));
  watchers->data = writers->data = push;
  if (!swarm_wait_ready (watchers, 300) || !swarm_wait_ready (writers, 60))
    return FALSE;
  if (!swarm_stage (swarm, "watching"))
    return FALSE;

  for (guint round = 0; round < options->messages; round++)
    if (!push_round (push, g_ptr_array_index (writers->clients, 0), round, options->clients))
      return FALSE;
  samples_report (&push->ok, "append.ok");
  for (guint i = 0; i < G_N_ELEMENTS (who); i++) {
    g_autofree char *from_sent = g_strconcat ("append.", who[i], NULL);
    g_autofree char *from_ok = g_strconcat ("ok.", who[i], NULL);

    samples_report (&push->sent_to[i], from_sent);
    samples_report (&push->ok_to[i], from_ok);
  }
  return swarm_stage (swarm, "told");
}
