/* tests/load/commands.c - the random walk of a client: which step is next (commands.h).
 *
 * Commands about messages are built first (build.c) and sent then: one alone, several in one go (RFC
 * 3501, 5.5), or one whose answer nobody waits for (sessions.c).
 */
#include "commands.h"

#define FEW  5   /* messages, below which a client appends */
#define MANY 300 /* and above which it expunges */

int
commands_draw (Client *client, int n)
{
  return g_rand_int_range (client->rand, 0, n);
}

gboolean
commands_chance (Client *client, int one_in)
{
  return commands_draw (client, one_in) == 0;
}

char *
commands_dup_name (int n)
{
  return n == 0 ? g_strdup ("INBOX") : g_strdup_printf ("Box%d", n);
}

char *
commands_draw_name (Client *client)
{
  return commands_dup_name (commands_draw (client, options.mailboxes));
}

void
commands_send (Client *client, Command *command, const char *text)
{
  client_begin (client, command, text);
  client_end_line (client);
}

static void
run (Client *client, CommandsBuild build)
{
  g_autofree char *text = NULL;
  g_autoptr (Command) command = build (client, commands_chance (client, 2), &text);

  if (command == NULL)
    return;
  commands_send (client, command, text);
  client_wait (client, command);
}

/* Sequence numbers only as long as no EXPUNGE can come in between (RFC 3501, 5.5). */
static void
run_pipeline (Client *client)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func ((GDestroyNotify) command_free);
  gboolean uid = commands_chance (client, 2);

  for (int n = 2 + commands_draw (client, 5); n > 0 && !client->lost; n--) {
    g_autofree char *text = NULL;
    Command *command = commands_draw_build (client) (client, uid, &text);

    if (command == NULL)
      continue;
    g_ptr_array_add (commands, command);
    commands_send (client, command, text);
    uid = uid || (command->kind != KIND_STORE && command->kind != KIND_FETCH);
  }
  for (guint i = 0; i < commands->len; i++)
    client_wait (client, g_ptr_array_index (commands, i));
}

/* ---- A step ---- */

static void
run_store (Client *client)
{
  run (client, commands_build_store);
}

static void
run_fetch (Client *client)
{
  run (client, commands_build_fetch);
}

static void
run_copy (Client *client)
{
  run (client, commands_build_copy);
}

static void
run_expunge (Client *client)
{
  run (client, commands_build_expunge);
}

static void
run_noop (Client *client)
{
  run (client, commands_build_noop);
}

static const struct {
  void (*run) (Client *client);
  int weight;
  gboolean selected;
} steps[] = {
  { commands_select, 5 },       { commands_status, 4 },      { commands_list, 2 },
  { commands_temporary, 1 },    { commands_break_move, 1 },  { commands_append, 14 },
  { commands_drop, 2 },         { commands_leave, 2, TRUE }, { run_noop, 8, TRUE },
  { commands_idle, 4, TRUE },   { run_store, 16, TRUE },     { run_fetch, 16, TRUE },
  { commands_search, 8, TRUE }, { run_copy, 8, TRUE },       { run_expunge, 6, TRUE },
  { run_pipeline, 8, TRUE },
};

static void
draw_step (Client *client)
{
  int total = 0, drawn;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    total += steps[i].selected && client->box == NULL ? 0 : steps[i].weight;
  drawn = commands_draw (client, total);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    drawn -= steps[i].selected && client->box == NULL ? 0 : steps[i].weight;
    if (drawn < 0) {
      steps[i].run (client);
      return;
    }
  }
}

void
commands_step (Client *client)
{
  if (client->conn == NULL)
    client_connect (client);
  if (client->box == NULL && !commands_chance (client, 5)) {
    commands_select (client);
  } else if (client->box != NULL && !commands_chance (client, 10) && client->rows->len > 0
             && g_array_index (client->rows, Row, client->rows->len - 1).uid == 0) {
    commands_learn (client);
  } else if (client->box != NULL && client->rows->len < FEW) {
    if (ledger_may_be_deleted (client->box))
      run_noop (client);
    else
      commands_append_to (client, client->box_name, 3);
  } else if (client->box != NULL && client->rows->len > MANY && !client->read_only) {
    commands_trim (client);
  } else if (commands_chance (client, 1000)) {
    commands_recreate (client);
  } else {
    draw_step (client);
  }
}
