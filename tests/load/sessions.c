/* tests/load/sessions.c - mailboxes are selected and left, news are waited for, connections are closed and
 * broken. */
#include "commands.h"

void
commands_select (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  g_autoptr (Command) command = client_select (client, name, commands_chance (client, 6));

  if (command->result == RESULT_NO)
    command_free (client_do (client, KIND_CREATE, "CREATE %s", name));
}

void
commands_leave (Client *client)
{
  gboolean close = commands_chance (client, 2);
  g_autoptr (Command) command
      = command_new (client, close ? KIND_CLOSE : KIND_UNSELECT, close ? "CLOSE" : "UNSELECT");

  commands_send (client, command, command->name);
  client_wait (client, command);
}

/* Reads what comes until @end. FALSE: IDLE is over. */
static gboolean
idle_until (Client *client, const Command *command, gint64 end)
{
  while (!client->lost && command->result == RESULT_NONE) {
    gint64 left = end - g_get_monotonic_time ();

    if (left <= 0)
      return TRUE;
    if (conn_wait (client->conn, (int) (left / 1000 + 1))) {
      client->pushes++;
      client_read (client);
    }
  }
  return FALSE;
}

/* Waits for all that has happened until now. */
static void
idle_for_news (Client *client, const Command *command)
{
  gint64 start = g_get_monotonic_time ();

  for (;;) {
    g_autofree char *untold = client_find_untold (client, start, TRUE);

    if (untold == NULL)
      return;
    if (g_get_monotonic_time () > start + options.idle_patience * SECOND)
      client_fail (client, "RFC 2177, 3: IDLE has not told for %d s: %s", options.idle_patience, untold);
    if (!idle_until (client, command, g_get_monotonic_time () + SECOND / 100))
      return;
  }
}

void
commands_idle (Client *client)
{
  g_autoptr (Command) command = command_new (client, KIND_IDLE, "IDLE");
  gint64 end = g_get_monotonic_time () + commands_draw (client, 1 + MIN (20 * options.rate, 5000)) * 1000;

  commands_send (client, command, "IDLE");
  if (!client_wait_continue (client, command) || !idle_until (client, command, end))
    return;
  idle_for_news (client, command);
  if (client->lost || command->result != RESULT_NONE)
    return;
  client_write (client, "DONE\r\n", 6);
  client_wait (client, command);
}

void
commands_learn (Client *client)
{
  g_autofree char *text = NULL;
  guint first = 1;

  while (first <= client->rows->len && g_array_index (client->rows, Row, first - 1).uid != 0)
    first++;
  if (first > client->rows->len)
    return;
  g_autoptr (Command) command = command_new (client, KIND_FETCH, "FETCH");
  command->items = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (command->items, g_strdup ("UID"));
  g_ptr_array_add (command->items, g_strdup ("FLAGS"));
  text = g_strdup_printf (commands_chance (client, 2) ? "FETCH %u:* (UID FLAGS)" : "FETCH %u:%u (FLAGS UID)",
                          first, client->rows->len);
  commands_send (client, command, text);
  client_wait (client, command);
}

/* A large mailbox loses its oldest third. */
void
commands_trim (Client *client)
{
  g_autoptr (Command) command = NULL, expunge = NULL;
  g_autoptr (GArray) uids = NULL;
  g_autofree char *text = NULL;
  guint unknown;

  uids = client_dup_uids (client, &unknown);
  if (uids->len < 3 || client->read_only)
    return;
  g_array_set_size (uids, uids->len / 3);
  command = command_new (client, KIND_STORE, "UID STORE");
  command->uid = TRUE;
  command->silent = TRUE;
  command->may_set = FLAG_DELETED;
  command->uids = g_array_copy (uids);
  text = g_strdup_printf ("UID STORE 1:%u +FLAGS.SILENT (\\Deleted)",
                          g_array_index (uids, guint32, uids->len - 1));
  commands_send (client, command, text);
  if (!client_wait (client, command))
    return;
  expunge = command_new (client, KIND_EXPUNGE, "EXPUNGE");
  commands_send (client, expunge, "EXPUNGE");
  client_wait (client, expunge);
}

void
commands_drop (Client *client)
{
  g_autofree char *text = NULL;
  g_autoptr (Command) command = NULL;
  int how = commands_draw (client, 4);

  client->drops++;
  if (how == 0) {
    client_logout (client);
    return;
  }
  if (how >= 2 && client->box != NULL)
    command = commands_draw_build (client) (client, commands_chance (client, 2), &text);
  if (command != NULL) {
    client_begin (client, command, text);
    if (how == 2)
      client_end_line (client);
    if (how == 2 && commands_chance (client, 2))
      g_usleep ((gulong) commands_draw (client, 3000));
  }
  client_drop (client, (ConnClose) commands_draw (client, 3));
}
