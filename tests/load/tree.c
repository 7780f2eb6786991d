/* tests/load/tree.c - mailboxes are made, renamed, subscribed to, listed, asked for their status and deleted
 * (RFC 3501, 6.3.3 to 6.3.10).
 *
 * A name that only one client knows lets it say exactly what it must be told.
 */
#include <string.h>

#include "commands.h"

static void
take_status (Client *client, const Command *command, LedgerStatus *status)
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
ask_status (Client *client, const char *name, LedgerStatus *out_status)
{
  g_autofree char *spelled = client_spell (client, name);
  g_autofree char *text = g_strdup_printf ("STATUS %s (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)", spelled);
  g_autoptr (Command) command = command_new (client, KIND_STATUS, text);

  command->target = g_strdup (name);
  client_begin (client, command, text);
  client_end_line (client);
  if (!client_wait (client, command))
    return FALSE;
  take_status (client, command, out_status);
  client_expect (client, ledger_check_status (client->account, name, &command->mark, out_status));
  return TRUE;
}

void
commands_status_of (Client *client, const char *name)
{
  LedgerStatus status;

  ask_status (client, name, &status);
}

void
commands_status (Client *client)
{
  g_autofree char *name = commands_draw_name (client);

  commands_status_of (client, name);
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

char *
commands_dup_own_name (Client *client)
{
  /* Words, an umlaut in modified UTF-7 (RFC 3501, 5.1.3), and what must be quoted. */
  static const char *const forms[] = { "Temporary-%u-%u", "Temporary &APY- %u %u", "Temporary \"%u\" \\%u" };
  guint number = ++client->temporary;

  switch (commands_draw (client, G_N_ELEMENTS (forms))) {
  case 0:
    return g_strdup_printf (forms[0], client->number, number);
  case 1:
    return g_strdup_printf (forms[1], client->number, number);
  default:
    return g_strdup_printf (forms[2], client->number, number);
  }
}

gboolean
commands_do_ok (Client *client, Kind kind, const char *verb, const char *name, const char *other)
{
  g_autofree char *first = client_spell (client, name);
  g_autofree char *second = other != NULL ? client_spell (client, other) : g_strdup ("");
  g_autoptr (Command) command
      = client_do (client, kind, "%s %s%s%s", verb, first, other != NULL ? " " : "", second);

  if (!client->lost && command->result != RESULT_OK && !options.unavailable)
    client_fail (client, "RFC 3501, 6.3: %s %s is refused", verb, name);
  return !client->lost && command->result == RESULT_OK;
}

void
commands_delete (Client *client, const char *name)
{
  g_autofree char *spelled = client_spell (client, name);
  g_autofree char *text = g_strdup_printf ("DELETE %s", spelled);
  g_autoptr (Command) command = command_new (client, KIND_DELETE, text);

  command->target = g_strdup (name);
  commands_send (client, command, text);
  client_wait (client, command);
}

static void
expect_messages (Client *client, const char *name, guint64 messages, LedgerStatus *out_status)
{
  if (!ask_status (client, name, out_status))
    return;
  if (out_status->messages != messages)
    client_fail (client, "RFC 3501, 6.3.10: %s has %" G_GUINT64_FORMAT " messages, wanted %" G_GUINT64_FORMAT,
                 name, out_status->messages, messages);
}

/* Lives for a few commands under two names; @name and @other are nobody else's. */
static void
use_temporary (Client *client, const char *name, const char *other)
{
  int n = 1 + commands_draw (client, 3);
  LedgerStatus before = { 0 }, after = { 0 };

  if (!commands_do_ok (client, KIND_CREATE, "CREATE", name, NULL))
    return;
  expect_listed (client, KIND_LIST, name, TRUE);
  if (!client->lost && commands_append_to (client, name, n))
    expect_messages (client, name, (guint) n, &before);
  if (!client->lost && commands_do_ok (client, KIND_SUBSCRIBE, "SUBSCRIBE", name, NULL))
    expect_listed (client, KIND_LSUB, name, TRUE);
  if (!client->lost && commands_do_ok (client, KIND_SUBSCRIBE, "UNSUBSCRIBE", name, NULL))
    expect_listed (client, KIND_LSUB, name, FALSE);
  if (client->lost || !commands_do_ok (client, KIND_RENAME, "RENAME", name, other))
    return;
  expect_listed (client, KIND_LIST, name, FALSE);
  expect_listed (client, KIND_LIST, other, TRUE);
  if (!client->lost)
    expect_messages (client, other, (guint) n, &after);
  if (!client->lost && before.uid_validity != after.uid_validity)
    client_fail (client, "RFC 3501, 6.3.5: RENAME to %s changes UIDVALIDITY", other);
  if (!client->lost)
    commands_delete (client, other);
  if (!client->lost)
    expect_listed (client, KIND_LIST, other, FALSE);
}

void
commands_temporary (Client *client)
{
  g_autofree char *name = commands_dup_own_name (client);
  g_autofree char *other = g_strdup_printf ("%s-renamed", name);

  use_temporary (client, name, other);
  ledger_forget_name (client->account, name);
  ledger_forget_name (client->account, other);
}

/* Its messages go to a new mailbox, and INBOX is there, empty (RFC 3501, 6.3.5). */
void
commands_rename_inbox (Client *client)
{
  g_autofree char *other = commands_dup_own_name (client);
  LedgerStatus before, moved, after;

  if (!commands_append_to (client, "INBOX", 2) || !ask_status (client, "INBOX", &before)
      || !commands_do_ok (client, KIND_RENAME, "RENAME", "INBOX", other))
    return;
  /* What the ledger knows of this name is now true of another. */
  ledger_forget_name (client->account, "INBOX");
  expect_listed (client, KIND_LIST, "INBOX", TRUE);
  expect_messages (client, other, before.messages, &moved);
  expect_messages (client, "INBOX", 0, &after);
  if (after.uid_validity < before.uid_validity
      || (after.uid_validity == before.uid_validity && after.uid_next < before.uid_next))
    client_fail (client, "RFC 3501, 2.3.1.1: UIDs can come again in INBOX after RENAME");
  commands_delete (client, other);
  ledger_forget_name (client->account, other);
}

/* A mailbox that others may have selected goes, and comes again with another UIDVALIDITY. */
void
commands_recreate (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  LedgerStatus status;

  /* STATUS, so that the ledger knows which one it was. */
  if (g_str_equal (name, "INBOX") || !ask_status (client, name, &status))
    return;
  if (client->box != NULL && g_str_equal (client->box_name, name))
    command_free (client_do (client, KIND_UNSELECT, "UNSELECT"));
  if (!client->lost)
    commands_delete (client, name);
  if (!client->lost)
    command_free (client_do (client, KIND_CREATE, "CREATE %s", name));
}
