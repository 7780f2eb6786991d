/* tests/load/append.c - APPEND of one message or several (RFC 3501, 6.3.11; RFC 3502), now and then broken
 * off. */
#include "commands.h"
#include "message.h"

static void
begin_message (Client *client, GString *text, guint flags, guint64 serial)
{
  g_autofree char *date = message_dup_date (serial);
  g_autofree char *list = ledger_flags_to_string (flags);

  g_string_append_c (text, ' ');
  if (flags != 0 || commands_chance (client, 2))
    g_string_append_printf (text, "(%s) ", list);
  if (date != NULL)
    g_string_append_printf (text, "\"%s\" ", date);
}

/* Half of a message, and then nothing: none of the command's messages may be stored (RFC 3502, 3). */
static void
break_off (Client *client, Command *command, const Message *message)
{
  g_autofree char *marker = g_strdup_printf ("{%" G_GSIZE_FORMAT "+}\r\n", message->octets->len);

  conn_write (client->conn, marker, strlen (marker));
  conn_write (client->conn, message->octets->str, message->octets->len / 2);
  ledger_add_end (client->account, command->target, command->serials->len, OUTCOME_NO);
  g_array_set_size (command->serials, 0);
  client->drops++;
  client_drop (client, commands_chance (client, 2) ? CONN_CLOSE_ABRUPT : CONN_CLOSE_FIN);
}

gboolean
commands_append_to (Client *client, const char *name, int n)
{
  g_autoptr (Command) command = command_new (client, KIND_APPEND, "APPEND");
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *spelled = client_spell (client, name);

  command->target = g_strdup (name);
  command->serials = g_array_new (FALSE, FALSE, sizeof (guint64));
  command->flags = g_array_new (FALSE, FALSE, sizeof (guint));
  for (int i = 0; i < n; i++) {
    guint64 serial = (++client->serials) * 1000 + client->number;
    guint flags = commands_chance (client, 2) ? commands_draw_flags (client) & ~(guint) FLAG_DELETED : 0;

    g_array_append_val (command->serials, serial);
    g_array_append_val (command->flags, flags);
  }
  g_string_printf (text, "APPEND %s", spelled);
  for (int i = 0; i < n; i++) {
    guint64 serial = g_array_index (command->serials, guint64, i);
    g_autoptr (Message) message = message_new (serial);

    begin_message (client, text, g_array_index (command->flags, guint, i), serial);
    if (i == 0)
      client_begin (client, command, text->str);
    else
      client_write (client, text->str, text->len);
    g_string_truncate (text, 0);
    if (!client->lost && commands_chance (client, 60)) {
      break_off (client, command, message);
      return FALSE;
    }
    if (!client_literal (client, command, message->octets->str, message->octets->len,
                         commands_chance (client, 2)))
      break;
  }
  if (!client->lost && command->result == RESULT_NONE) {
    client_end_line (client);
    client_wait (client, command);
  }
  return !client->lost;
}

void
commands_append (Client *client)
{
  g_autofree char *name = commands_draw_name (client);

  commands_append_to (client, name, commands_chance (client, 4) ? 2 + commands_draw (client, 3) : 1);
}
