/* tree.c - mailboxes are made, renamed, subscribed to, listed, asked for their status and deleted (RFC 3501,
 * 6.3.3 to 6.3.10).
 *
 * A name that only one client knows lets it say exactly what it must be told.
 */
#include <string.h>

#include "commands.h"

typedef struct {
  guint64 messages, recent, uid_next, uid_validity, unseen;
} Status;

static void
take_status (Client *client, const Command *command, Status *status)
{
  static const char *const names[] = { "MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN" };
  guint64 *const numbers[]
      = { &status->messages, &status->recent, &status->uid_next, &status->uid_validity, &status->unseen };
  const Value *line = command->lines->len == 1 ? g_ptr_array_index (command->lines, 0) : NULL;
  const Value *list = line != NULL ? value_get (line, 2) : NULL;

  if (list == NULL || list->kind != VALUE_LIST)
    client_fail (client, "RFC 3501, 7.2.4: STATUS has %u responses", command->lines->len);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    gboolean found = FALSE;

    for (guint j = 0; j + 1 < list->items->len && !found; j += 2)
      found = value_is (value_get (list, j), names[i])
              && value_get_number (value_get (list, j + 1), numbers[i]);
    if (!found)
      client_fail (client, "RFC 3501, 6.3.10: STATUS does not tell %s", names[i]);
  }
  if (status->recent > status->messages || status->unseen > status->messages)
    client_fail (client, "RFC 3501, 6.3.10: RECENT or UNSEEN is above MESSAGES");
}

static gboolean
ask_status (Client *client, const char *name, Status *out_status)
{
  g_autofree char *text = g_strdup_printf ("STATUS %s (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)", name);
  g_autoptr (Command) command = command_new (client, KIND_STATUS, text);

  command->target = g_strdup (name);
  client_begin (client, command, text);
  client_end_line (client);
  if (!client_wait (client, command))
    return FALSE;
  take_status (client, command, out_status);
  client_expect (client, ledger_check_status (client->account, name, &command->mark,
                                              (guint32) out_status->uid_validity,
                                              (guint32) out_status->uid_next, (guint) out_status->messages));
  return TRUE;
}

void
commands_status (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  Status status;

  ask_status (client, name, &status);
}

/* ---- LIST and LSUB ---- */

static gboolean
is_listed (const Command *command, const char *name)
{
  for (guint i = 0; i < command->lines->len; i++) {
    const Value *found = value_get (g_ptr_array_index (command->lines, i), 3);

    if (found != NULL && found->length == strlen (name) && memcmp (found->data, name, found->length) == 0)
      return TRUE;
  }
  return FALSE;
}

static void
expect_listed (Client *client, Kind kind, const char *name, gboolean wanted)
{
  const char *word = kind == KIND_LIST ? "LIST" : "LSUB";
  g_autoptr (Command) command = client_do (client, kind, "%s \"\" \"*\"", word);

  if (!client->lost && command->result == RESULT_OK && is_listed (command, name) != wanted)
    client_fail (client, "RFC 3501, 6.3.8, 6.3.9: %s %s %s", word, wanted ? "does not list" : "lists", name);
}

void
commands_list (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  gboolean always = !ledger_name_may_be_deleted (client->account, name);
  g_autoptr (Command) command = NULL;

  if (commands_draw (client, 3) == 0) {
    command_free (client_do (client, KIND_LSUB, "LSUB \"\" \"*\""));
    return;
  }
  command = client_do (client, KIND_LIST, "LIST \"\" \"*\"");
  if (!client->lost && command->result == RESULT_OK && always && !is_listed (command, name)
      && !ledger_name_may_be_deleted (client->account, name))
    client_fail (client, "RFC 3501, 6.3.8: LIST does not list %s, which nobody has deleted", name);
}

/* ---- A mailbox of one's own ---- */

static gboolean
do_ok (Client *client, Kind kind, const char *format, const char *name, const char *other)
{
  g_autofree char *text = g_strdup_printf (format, name, other);
  g_autoptr (Command) command = client_do (client, kind, "%s", text);

  if (!client->lost && command->result != RESULT_OK && !options.unavailable)
    client_fail (client, "RFC 3501, 6.3: %s is refused", text);
  return !client->lost && command->result == RESULT_OK;
}

static void delete (Client *client, const char *name)
{
  g_autofree char *text = g_strdup_printf ("DELETE %s", name);
  g_autoptr (Command) command = command_new (client, KIND_DELETE, text);

  command->target = g_strdup (name);
  client_begin (client, command, text);
  client_end_line (client);
  client_wait (client, command);
}

static void
expect_messages (Client *client, const char *name, guint messages, guint64 *uid_validity)
{
  Status status;

  if (!ask_status (client, name, &status))
    return;
  if (status.messages != messages)
    client_fail (client, "RFC 3501, 6.3.10: %s has %" G_GUINT64_FORMAT " messages, wanted %u", name,
                 status.messages, messages);
  if (*uid_validity != 0 && *uid_validity != status.uid_validity)
    client_fail (client, "RFC 3501, 6.3.5: RENAME to %s changes UIDVALIDITY", name);
  *uid_validity = status.uid_validity;
}

/* Lives for a few commands under two names; @name and @other are nobody else's. */
static void
use_temporary (Client *client, const char *name, const char *other)
{
  int n = 1 + commands_draw (client, 3);
  guint64 uid_validity = 0;

  if (!do_ok (client, KIND_CREATE, "CREATE %s", name, ""))
    return;
  expect_listed (client, KIND_LIST, name, TRUE);
  if (!client->lost && commands_append_to (client, name, n))
    expect_messages (client, name, (guint) n, &uid_validity);
  if (!client->lost && do_ok (client, KIND_SUBSCRIBE, "SUBSCRIBE %s", name, ""))
    expect_listed (client, KIND_LSUB, name, TRUE);
  if (!client->lost && do_ok (client, KIND_SUBSCRIBE, "UNSUBSCRIBE %s", name, ""))
    expect_listed (client, KIND_LSUB, name, FALSE);
  if (client->lost || !do_ok (client, KIND_RENAME, "RENAME %s %s", name, other))
    return;
  expect_listed (client, KIND_LIST, name, FALSE);
  expect_listed (client, KIND_LIST, other, TRUE);
  if (!client->lost)
    expect_messages (client, other, (guint) n, &uid_validity);
  if (!client->lost)
    delete (client, other);
  if (!client->lost)
    expect_listed (client, KIND_LIST, other, FALSE);
}

void
commands_temporary (Client *client)
{
  g_autofree char *name = g_strdup_printf ("Temporary-%u-%u", client->number, ++client->temporary);
  g_autofree char *other = g_strdup_printf ("%s-renamed", name);

  use_temporary (client, name, other);
}

/* A mailbox that others may have selected goes, and comes again with another UIDVALIDITY. */
void
commands_recreate (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  Status status;

  /* STATUS, so that the ledger knows which one it was. */
  if (g_str_equal (name, "INBOX") || !ask_status (client, name, &status))
    return;
  if (client->box != NULL && g_str_equal (client->box_name, name))
    command_free (client_do (client, KIND_UNSELECT, "UNSELECT"));
  if (!client->lost)
    delete (client, name);
  if (!client->lost)
    command_free (client_do (client, KIND_CREATE, "CREATE %s", name));
}
