/* tests/load/client.c - a client: the connection, commands and responses (client.h). */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const kind_names[N_KINDS] = { "other",     "select",  "close",  "unselect", "idle",
                                          "append",    "store",   "fetch",  "search",   "copy",
                                          "move",      "expunge", "create", "delete",   "rename",
                                          "subscribe", "list",    "lsub",   "status",   "logout" };

Client *
client_new (guint number, Account *account, const Server *server)
{
  Client *client = g_new0 (Client, 1);
  const guint32 seed[] = { (guint32) options.seed, (guint32) (options.seed >> 32), number };

  client->number = number;
  client->account = account;
  client->server = server;
  client->keyword = (guint) FLAG_KEYWORD << (number / options.accounts % N_KEYWORDS);
  client->rand = g_rand_new_with_seed_array (seed, G_N_ELEMENTS (seed));
  client->rows = g_array_new (FALSE, TRUE, sizeof (Row));
  g_queue_init (&client->sent);
  return client;
}

void
client_fail (Client *client, const char *format, ...)
{
  static GMutex one_at_a_time;
  g_autofree char *text = NULL;
  Command *command = g_queue_peek_head (&client->sent);
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_mutex_lock (&one_at_a_time); /* and never again: the first is the one to look at */
  g_printerr (
      "CONTRADICTION %s\nseed %" G_GUINT64_FORMAT ", client %u, user %s, %s, session %" G_GUINT64_FORMAT
      ", mailbox %s%s, UIDVALIDITY %u, command %s %s\nits dialogue, the last line being the latest:\n",
      text, options.seed, client->number, ledger_account_get_user (client->account), client->server->address,
      client->session, client->box != NULL ? client->box_name : "none",
      client->read_only ? " (read-only)" : "",
      client->box != NULL ? ledger_box_get_uid_validity (client->box) : 0,
      command != NULL ? command->tag : "none", command != NULL ? command->name : "");
  if (client->conn != NULL)
    conn_print_log (client->conn);
  fflush (NULL);
  _exit (1);
}

void
client_expect (Client *client, char *wrong)
{
  if (wrong != NULL)
    client_fail (client, "%s", wrong);
}

/* ---- Commands ---- */

Command *
command_new (Client *client, Kind kind, const char *name)
{
  Command *command = g_new0 (Command, 1);

  command->kind = kind;
  command->name = g_strdup (name);
  g_snprintf (command->tag, sizeof command->tag, "c%u.%u", client->number, ++client->tags);
  command->box = client->box;
  command->told = g_array_new (FALSE, FALSE, sizeof (guint32));
  command->shown = g_array_new (FALSE, FALSE, sizeof (guint32));
  command->lines = g_ptr_array_new_with_free_func ((GDestroyNotify) value_free);
  return command;
}

void
command_free (Command *command)
{
  g_free (command->name);
  g_free (command->target);
  g_free (command->text);
  g_free (command->copied);
  g_clear_pointer (&command->uids, g_array_unref);
  g_array_unref (command->told);
  g_array_unref (command->shown);
  g_ptr_array_unref (command->lines);
  g_clear_pointer (&command->items, g_ptr_array_unref);
  g_clear_pointer (&command->serials, g_array_unref);
  g_clear_pointer (&command->flags, g_array_unref);
  g_free (command);
}

/* When the server has closed the connection, its BYE is still to be read. */
void
client_write (Client *client, const char *data, gsize length)
{
  if (client->lost || conn_write (client->conn, data, length))
    return;
  while (!client->lost)
    client_read (client);
}

void
client_begin (Client *client, Command *command, const char *text)
{
  g_autofree char *line = g_strdup_printf ("%s %s", command->tag, text);

  if (client->lost)
    return;
  if (command->target != NULL)
    command->mark = ledger_mark (client->account, command->target);
  command->mark.time = g_get_monotonic_time ();
  client_begin_effects (client, command);
  client->counts[command->kind]++;
  g_queue_push_tail (&client->sent, command);
  client_write (client, line, strlen (line));
}

void
client_end_line (Client *client)
{
  client_write (client, "\r\n", 2);
}

/* ---- Responses ---- */

/* NO that a correct server may give: the response code, and to which commands. */
static gboolean
is_legitimate_no (Client *client, const Command *command)
{
  static const struct {
    const char *code;
    guint kinds;
  } table[] = {
    { "[EXPUNGEISSUED]",
      1 << KIND_FETCH | 1 << KIND_STORE | 1 << KIND_COPY | 1 << KIND_MOVE | 1 << KIND_SEARCH },
    { "[TRYCREATE]", 1 << KIND_APPEND | 1 << KIND_COPY | 1 << KIND_MOVE },
    { "[ALREADYEXISTS]", 1 << KIND_CREATE },
    { "[READ-ONLY]", 1 << KIND_STORE | 1 << KIND_MOVE | 1 << KIND_EXPUNGE },
    { "[NONEXISTENT]", 1 << KIND_SELECT | 1 << KIND_STATUS | 1 << KIND_DELETE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (g_str_has_prefix (command->text, table[i].code) && (table[i].kinds & (1u << command->kind)) != 0)
      return g_str_has_prefix (command->text, "[TRYCREATE]")
                     || g_str_has_prefix (command->text, "[NONEXISTENT]")
                 ? ledger_name_may_be_deleted (client->account, command->target)
                 : TRUE;
  if (options.unavailable && g_str_has_prefix (command->text, "[UNAVAILABLE]"))
    return TRUE;
  if (command->box != NULL && ledger_may_be_deleted (command->box))
    return TRUE;
  return client->read_only
         && (command->kind == KIND_STORE || command->kind == KIND_MOVE || command->kind == KIND_EXPUNGE);
}

static gboolean
is_on_deleted_mailbox (const Client *client)
{
  return (client->box != NULL && ledger_may_be_deleted (client->box))
         || (client->left != NULL && ledger_may_be_deleted (client->left));
}

/* A connection that is lost by the server's doing. */
static void
client_broken (Client *client)
{
  if (client->lost)
    return;
  if (client->told_bye && is_on_deleted_mailbox (client)) {
    client->byes++;
    client_drop (client, CONN_CLOSE_ORDERLY);
    return;
  }
  client_fail (client, "RFC 3501, 3.4, 7.1.5: the connection ended without BYE: %s",
               conn_get_trouble (client->conn));
}

static void
client_take_bye (Client *client)
{
  const Command *command = g_queue_peek_head (&client->sent);

  client->told_bye = TRUE;
  if (command != NULL && command->kind == KIND_LOGOUT)
    return;
  if (!is_on_deleted_mailbox (client))
    client_fail (client, "RFC 3501, 7.1.5: BYE for no reason");
  client->byes++;
  client_drop (client, CONN_CLOSE_ORDERLY);
}

/* "OK [CODE ...] text", "NO ..." and so on, untagged. */
static void
client_take_status (Client *client, Command *command, const char *text)
{
  const char *code = strchr (text, '[');
  unsigned number;

  if (g_str_has_prefix (text, "BYE")) {
    client_take_bye (client);
    return;
  }
  if (!g_str_has_prefix (text, "OK"))
    client_fail (client, "RFC 3501, 7.1: an untagged status that tells of trouble");
  if (code == NULL || command == NULL)
    return;
  if (sscanf (code, "[UIDVALIDITY %u]", &number) == 1)
    command->uid_validity = number;
  else if (sscanf (code, "[UIDNEXT %u]", &number) == 1)
    command->uid_next = number;
  else if (sscanf (code, "[UNSEEN %u]", &number) == 1 && (number == 0 || number > client->rows->len))
    client_fail (client, "RFC 3501, 7.1: UNSEEN is no sequence number");
  else if (g_str_has_prefix (code, "[COPYUID ") && command->kind == KIND_MOVE && command->copied == NULL)
    command->copied = g_strdup (code);
}

static void
client_take_data (Client *client, Command *command, Value *line, const char *text)
{
  static const struct {
    const char *name;
    guint kinds;
  } table[] = {
    { "LIST", 1 << KIND_LIST },     { "LSUB", 1 << KIND_LSUB },        { "STATUS", 1 << KIND_STATUS },
    { "SEARCH", 1 << KIND_SEARCH }, { "CAPABILITY", 1 << KIND_OTHER }, { "FLAGS", 1 << KIND_SELECT },
  };
  const Value *first = value_get (line, 0);

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    if (value_is (first, table[i].name) && command != NULL && (table[i].kinds & (1u << command->kind)) != 0) {
      g_ptr_array_add (command->lines, line);
      return;
    }
  if (value_is (first, "FLAGS")) { /* new keywords may be told at any time */
    value_free (line);
    return;
  }
  client_fail (client, "RFC 3501, 7: this response does not belong to what is in progress: %.60s", text);
}

static void
client_take_untagged (Client *client, const char *text, gsize length)
{
  Command *command = g_queue_peek_head (&client->sent);
  g_autofree char *wrong = NULL;
  g_autoptr (Value) line = NULL;
  guint64 number;

  if (g_str_has_prefix (text, "OK") || g_str_has_prefix (text, "NO") || g_str_has_prefix (text, "BAD")
      || g_str_has_prefix (text, "BYE") || g_str_has_prefix (text, "PREAUTH")) {
    client_take_status (client, command, text);
    return;
  }
  line = response_parse (text, length, &wrong);
  if (line == NULL)
    client_fail (client, "RFC 3501, 9: a response is malformed: %s", wrong);
  if (!value_get_number (value_get (line, 0), &number)) {
    client_take_data (client, command, g_steal_pointer (&line), text);
    return;
  }
  if (client->box == NULL && (command == NULL || command->kind != KIND_SELECT))
    client_fail (client, "RFC 3501, 7.3, 7.4: no mailbox is selected, and this is about a message: %.60s",
                 text);
  if (value_is (value_get (line, 1), "EXISTS")) {
    if (command != NULL && command->kind == KIND_SELECT)
      command->n_exists++;
    client_take_exists (client, number);
  } else if (value_is (value_get (line, 1), "RECENT")) {
    if (number > client->rows->len)
      client_fail (client, "RFC 3501, 7.3.2: more messages are recent than there are");
  } else if (value_is (value_get (line, 1), "EXPUNGE")) {
    client_take_expunge (client, command, number);
  } else if (value_is (value_get (line, 1), "FETCH") && value_get (line, 2) != NULL) {
    client_take_fetch (client, command, number, value_get (line, 2));
  } else {
    client_fail (client, "RFC 3501, 7: an unknown response: %.60s", text);
  }
}

static void
client_take_tagged (Client *client, const char *text)
{
  Command *command = g_queue_peek_head (&client->sent);
  gsize length = command != NULL ? strlen (command->tag) : 0;

  if (command == NULL || strncmp (text, command->tag, length) != 0 || text[length] != ' ')
    client_fail (client, "RFC 3501, 2.2.1, 5.5: a tagged response to something else: %.60s", text);
  text += length + 1;
  if (g_str_has_prefix (text, "OK "))
    command->result = RESULT_OK;
  else if (g_str_has_prefix (text, "NO "))
    command->result = RESULT_NO;
  else
    client_fail (client, "RFC 3501, 7.1: neither OK nor NO: %.100s", text);
  command->text = g_strdup (text + 3);
  if (command->result == RESULT_NO) {
    client->noes++;
    if (!is_legitimate_no (client, command))
      client_fail (client, "RFC 3501, 6: there is no reason for this NO: %.100s", text);
  }
  client_settle (client, command, command->result == RESULT_OK ? OUTCOME_OK : OUTCOME_NO);
  client->synced = command->mark.time;
  g_queue_pop_head (&client->sent);
}

void
client_read (Client *client)
{
  g_autoptr (GString) text = NULL;

  if (client->lost)
    return;
  text = conn_read (client->conn);
  if (text == NULL)
    client_broken (client);
  else if (g_str_has_prefix (text->str, "* "))
    client_take_untagged (client, text->str + 2, text->len - 2);
  else if (text->str[0] != '+')
    client_take_tagged (client, text->str);
  else
    client_fail (client, "RFC 3501, 7.5: a continuation request that nothing waits for");
}

gboolean
client_wait (Client *client, Command *command)
{
  while (!client->lost && command->result == RESULT_NONE)
    client_read (client);
  return !client->lost && command->result == RESULT_OK;
}

gboolean
client_wait_continue (Client *client, Command *command)
{
  while (!client->lost && command->result == RESULT_NONE) {
    g_autoptr (GString) text = conn_read (client->conn);

    if (text == NULL)
      client_broken (client);
    else if (text->str[0] == '+')
      return TRUE;
    else if (g_str_has_prefix (text->str, "* "))
      client_take_untagged (client, text->str + 2, text->len - 2);
    else
      client_take_tagged (client, text->str);
  }
  return FALSE;
}

gboolean
client_literal (Client *client, Command *command, const char *data, gsize length, gboolean sync)
{
  g_autofree char *marker = g_strdup_printf ("{%" G_GSIZE_FORMAT "%s}\r\n", length, sync ? "" : "+");

  client_write (client, marker, strlen (marker));
  if (sync && !client_wait_continue (client, command))
    return FALSE;
  client_write (client, data, length);
  return !client->lost;
}

Command *
client_do (Client *client, Kind kind, const char *format, ...)
{
  g_autofree char *text = NULL;
  Command *command;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  command = command_new (client, kind, text);
  client_begin (client, command, text);
  client_end_line (client);
  client_wait (client, command);
  return command;
}

char *
client_spell (Client *client, const char *name)
{
  const char *shown = g_str_equal (name, "INBOX") && g_rand_boolean (client->rand) ? "inbox" : name;
  int form = g_rand_int_range (client->rand, 0, 8);
  g_autofree char *escaped = NULL;

  if (form == 0)
    return g_strdup_printf ("{%" G_GSIZE_FORMAT "+}\r\n%s", strlen (shown), shown);
  if (form > 2 && strpbrk (name, " \"\\") == NULL)
    return g_strdup (shown);
  escaped = g_strescape (shown, NULL); /* names here have no other octets than RFC 3501's quoted-specials */
  return g_strdup_printf ("\"%s\"", escaped);
}

Command *
client_select (Client *client, const char *name, gboolean read_only)
{
  g_autofree char *spelled = client_spell (client, name);
  g_autofree char *text = g_strdup_printf ("%s %s", read_only ? "EXAMINE" : "SELECT", spelled);
  Command *command = command_new (client, KIND_SELECT, text);

  command->target = g_strdup (name);
  command->read_only = read_only;
  client->left = client->box;
  client_leave (client);
  command->box = NULL;
  client_begin (client, command, text);
  client_end_line (client);
  client_wait (client, command);
  client->left = NULL;
  return command;
}

/* ---- Connections ---- */

void
client_connect (Client *client)
{
  static gint sessions;
  g_autofree char *wrong = NULL;
  g_autoptr (GString) greeting = NULL;

  client->session = (guint64) g_atomic_int_add (&sessions, 1) + 1;
  client->lost = client->told_bye = FALSE;
  client->conn = conn_open (client->server, &wrong);
  if (client->conn == NULL)
    client_fail (client, "cannot connect: %s", wrong);
  greeting = conn_read (client->conn);
  if (greeting == NULL || !g_str_has_prefix (greeting->str, "* OK"))
    client_fail (client, "RFC 3501, 7.1.1: no greeting");
  g_autoptr (Command) login = client_do (client, KIND_OTHER, "LOGIN %s \"%s\"",
                                         ledger_account_get_user (client->account), options.password);
  if (login->result != RESULT_OK && !options.unavailable)
    client_fail (client, "LOGIN is refused");
}

void
client_drop (Client *client, ConnClose how)
{
  Command *command;

  /* Those who sent them free them. */
  while ((command = g_queue_pop_head (&client->sent)) != NULL)
    client_settle (client, command, OUTCOME_UNKNOWN);
  client->lost = TRUE;
  client_leave (client);
  g_clear_pointer (&client->box_name, g_free);
  if (client->conn != NULL)
    conn_close (g_steal_pointer (&client->conn), how);
}

void
client_logout (Client *client)
{
  g_autoptr (Command) command = client_do (client, KIND_LOGOUT, "LOGOUT");

  if (!client->lost && (command->result != RESULT_OK || !client->told_bye))
    client_fail (client, "RFC 3501, 6.1.3: LOGOUT is refused, or answered without BYE");
  client_drop (client, CONN_CLOSE_ORDERLY);
}
