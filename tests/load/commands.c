/* commands.c - the random commands of a client (commands.h).
 *
 * Those about messages are built first and sent then: one alone, several in one go (RFC 3501, 5.5), or one
 * whose answer nobody waits for.
 */
#include "commands.h"

#include <string.h>

#include "message.h"

#define FEW  5   /* messages, below which a client appends */
#define MANY 300 /* and above which it expunges */

int
commands_draw (Client *client, int n)
{
  return g_rand_int_range (client->rand, 0, n);
}

static gboolean
chance (Client *client, int one_in)
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

/* ---- What commands are about ---- */

static void
append_range (Client *client, guint first, guint last, gboolean uid, GArray *uids, GString *text)
{
  const Row *rows = (const Row *) client->rows->data;

  for (guint i = first; i <= last; i++)
    if (!uids_contain (uids, rows[i].uid))
      g_array_append_val (uids, rows[i].uid);
  if (text->len > 0)
    g_string_append_c (text, ',');
  g_string_append_printf (text, "%u", uid ? rows[first].uid : first + 1);
  if (last > first)
    g_string_append_printf (text, ":%u", uid ? rows[last].uid : last + 1);
}

GArray *
commands_draw_messages (Client *client, guint most, gboolean uid, char **out_text)
{
  g_autoptr (GString) text = g_string_new (NULL);
  GArray *uids;
  guint known = client->rows->len;

  while (known > 0 && g_array_index (client->rows, Row, known - 1).uid == 0)
    known--;
  for (guint i = 0; i < known; i++)
    if (g_array_index (client->rows, Row, i).uid == 0)
      return NULL;
  if (known == 0)
    return NULL;
  uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (int ranges = chance (client, 4) ? 3 : 1; ranges > 0; ranges--) {
    guint first = (guint) commands_draw (client, (int) known);
    guint last = first + (guint) commands_draw (client, (int) most);

    append_range (client, first, MIN (last, known - 1), uid, uids, text);
  }
  *out_text = g_strdup (text->str);
  return uids;
}

static guint
draw_flags (Client *client)
{
  static const guint system[] = { FLAG_ANSWERED, FLAG_FLAGGED, FLAG_SEEN, FLAG_DRAFT, FLAG_SEEN };
  guint flags = system[commands_draw (client, G_N_ELEMENTS (system))];

  if (chance (client, 2))
    flags |= client->keyword;
  if (chance (client, 8))
    flags |= FLAG_DELETED;
  if (chance (client, 8))
    flags |= (guint) FLAG_KEYWORD << commands_draw (client, N_KEYWORDS);
  return flags;
}

/* ---- Building ---- */

static Command *
build_store (Client *client, gboolean uid, char **out_text)
{
  static const char *const signs[] = { "+", "-", "" };
  g_autofree char *set = NULL, *flags_text = NULL;
  GArray *uids = commands_draw_messages (client, 5, uid, &set);
  int mode = commands_draw (client, 7) % 3;
  guint flags = draw_flags (client);
  Command *command;

  if (uids == NULL)
    return NULL;
  command = command_new (client, KIND_STORE, uid ? "UID STORE" : "STORE");
  command->uids = uids;
  command->uid = uid;
  command->silent = chance (client, 2);
  command->may_set = mode == 1 ? 0 : flags;
  command->may_clear = mode == 0 ? 0 : mode == 1 ? flags : ALL_FLAGS & ~flags;
  flags_text = ledger_flags_to_string (flags);
  *out_text = g_strdup_printf ("%s %s %sFLAGS%s (%s)", command->name, set, signs[mode],
                               command->silent ? ".SILENT" : "", flags_text);
  return command;
}

/* As asked for, and as answered where that is another; whether it sets \Seen. */
static const struct {
  const char *item, *label;
  gboolean seen;
} fetch_items[] = {
  { "FLAGS", "FLAGS" },
  { "UID", "UID" },
  { "INTERNALDATE", "INTERNALDATE" },
  { "RFC822.SIZE", "RFC822.SIZE" },
  { "ENVELOPE", "ENVELOPE" },
  { "BODYSTRUCTURE", "BODYSTRUCTURE" },
  { "BODY", "BODY" },
  { "BODY.PEEK[]", "BODY[]" },
  { "BODY[]", "BODY[]", TRUE },
  { "BODY.PEEK[HEADER]", "BODY[HEADER]" },
  { "BODY[TEXT]", "BODY[TEXT]", TRUE },
  { "BODY.PEEK[1]", "BODY[1]" },
  { "BODY.PEEK[2]", "BODY[2]" },
  { "BODY.PEEK[HEADER.FIELDS (SUBJECT X-CHECKER)]", "BODY[HEADER.FIELDS (SUBJECT X-CHECKER)]" },
  { "BINARY.PEEK[1]", "BINARY[1]" },
  { "BINARY.SIZE[1]", "BINARY.SIZE[1]" },
  { "RFC822.HEADER", "RFC822.HEADER" },
  { "RFC822.TEXT", "RFC822.TEXT", TRUE },
  { "RFC822", "RFC822", TRUE },
};

static gboolean
is_content (const char *item)
{
  return g_str_has_prefix (item, "BODY.") || g_str_has_prefix (item, "BODY[");
}

/* Adds one item to @text and its label to what must be answered. */
static void
build_item (Client *client, Command *command, GString *text, guint n)
{
  const char *label = fetch_items[n].label;

  for (guint i = 0; i < command->items->len; i++)
    if (g_str_equal (g_ptr_array_index (command->items, i), label))
      return;
  g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", fetch_items[n].item);
  if (fetch_items[n].seen)
    command->may_set = FLAG_SEEN;
  if (command->partial == 0 && is_content (fetch_items[n].item) && strstr (label, "FIELDS") == NULL
      && chance (client, 3)) {
    guint from = (guint) commands_draw (client, 3000);

    command->partial = 1 + (gsize) commands_draw (client, 5000);
    g_string_append_printf (text, "<%u.%" G_GSIZE_FORMAT ">", from, command->partial);
    g_ptr_array_add (command->items, g_strdup_printf ("%s<%u>", label, from));
  } else {
    g_ptr_array_add (command->items, g_strdup (label));
  }
}

static void
build_macro (Command *command, GString *text, int n)
{
  static const char *const macros[] = { "FAST", "ALL", "FULL" };
  static const char *const labels[] = { "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY" };

  g_string_assign (text, macros[n]);
  for (int i = 0; i < 3 + n; i++)
    g_ptr_array_add (command->items, g_strdup (labels[i]));
}

static Command *
build_fetch (Client *client, gboolean uid, char **out_text)
{
  g_autofree char *set = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  GArray *uids = commands_draw_messages (client, chance (client, 10) ? 50 : 6, uid, &set);
  Command *command;

  if (uids == NULL)
    return NULL;
  command = command_new (client, KIND_FETCH, uid ? "UID FETCH" : "FETCH");
  command->uids = uids;
  command->uid = uid;
  command->items = g_ptr_array_new_with_free_func (g_free);
  if (chance (client, 8)) {
    build_macro (command, text, commands_draw (client, 3));
  } else {
    if (chance (client, 2))
      build_item (client, command, text, 0);
    for (int n = 1 + commands_draw (client, 3); n > 0; n--)
      build_item (client, command, text, (guint) commands_draw (client, G_N_ELEMENTS (fetch_items)));
    g_string_prepend_c (text, '(');
    g_string_append_c (text, ')');
  }
  *out_text = g_strdup_printf ("%s %s %s", command->name, set, text->str);
  return command;
}

static Command *
build_copy (Client *client, gboolean uid, char **out_text)
{
  g_autofree char *set = NULL;
  gboolean move = !client->read_only && chance (client, 2);
  GArray *uids = commands_draw_messages (client, 4, uid, &set);
  Command *command;

  if (uids == NULL)
    return NULL;
  command = command_new (client, move ? KIND_MOVE : KIND_COPY, "");
  g_free (command->name);
  command->name = g_strdup_printf ("%s%s", uid ? "UID " : "", move ? "MOVE" : "COPY");
  command->uids = uids;
  command->uid = uid;
  command->target = commands_draw_name (client);
  *out_text = g_strdup_printf ("%s %s %s", command->name, set, command->target);
  return command;
}

static Command *
build_expunge (Client *client, gboolean uid, char **out_text)
{
  g_autofree char *set = NULL;
  GArray *uids = uid ? commands_draw_messages (client, 20, TRUE, &set) : NULL;
  Command *command;

  if (uid && uids == NULL)
    return NULL;
  command = command_new (client, KIND_EXPUNGE, uid ? "UID EXPUNGE" : "EXPUNGE");
  command->uids = uids;
  command->uid = uid;
  *out_text = uid ? g_strdup_printf ("UID EXPUNGE %s", set) : g_strdup ("EXPUNGE");
  return command;
}

static Command *
build_noop (Client *client, gboolean uid, char **out_text)
{
  *out_text = g_strdup (chance (client, 3) ? "CHECK" : "NOOP");
  return command_new (client, KIND_OTHER, *out_text);
}

typedef Command *(*Build) (Client *client, gboolean uid, char **out_text);

static Build
draw_build (Client *client)
{
  static const Build table[]
      = { build_store, build_store, build_store, build_store,   build_fetch, build_fetch,
          build_fetch, build_fetch, build_copy,  build_expunge, build_noop };

  return table[commands_draw (client, G_N_ELEMENTS (table))];
}

static void
send_built (Client *client, Command *command, const char *text)
{
  client_begin (client, command, text);
  client_end_line (client);
}

static void
run (Client *client, Build build)
{
  g_autofree char *text = NULL;
  g_autoptr (Command) command = build (client, chance (client, 2), &text);

  if (command == NULL)
    return;
  send_built (client, command, text);
  client_wait (client, command);
}

/* Sequence numbers only as long as no EXPUNGE can come in between (RFC 3501, 5.5). */
static void
run_pipeline (Client *client)
{
  g_autoptr (GPtrArray) commands = g_ptr_array_new_with_free_func ((GDestroyNotify) command_free);
  gboolean uid = chance (client, 2);

  for (int n = 2 + commands_draw (client, 5); n > 0 && !client->lost; n--) {
    g_autofree char *text = NULL;
    Command *command = draw_build (client) (client, uid, &text);

    if (command == NULL)
      continue;
    g_ptr_array_add (commands, command);
    send_built (client, command, text);
    uid = uid || (command->kind != KIND_STORE && command->kind != KIND_FETCH);
  }
  for (guint i = 0; i < commands->len; i++)
    client_wait (client, g_ptr_array_index (commands, i));
}

/* ---- APPEND ---- */

static void
begin_message (Client *client, GString *text, guint flags, guint64 serial)
{
  g_autofree char *date = message_dup_date (serial);
  g_autofree char *list = ledger_flags_to_string (flags);

  g_string_append_c (text, ' ');
  if (flags != 0 || chance (client, 2))
    g_string_append_printf (text, "(%s) ", list);
  if (date != NULL)
    g_string_append_printf (text, "\"%s\" ", date);
}

/* Half of a message, and then nothing. */
static void
break_off (Client *client, const Message *message)
{
  g_autofree char *marker = g_strdup_printf ("{%" G_GSIZE_FORMAT "+}\r\n", message->octets->len);

  conn_write (client->conn, marker, strlen (marker));
  conn_write (client->conn, message->octets->str, message->octets->len / 2);
  client->drops++;
  client_drop (client, chance (client, 2) ? CONN_CLOSE_ABRUPT : CONN_CLOSE_FIN);
}

gboolean
commands_append_to (Client *client, const char *name, int n)
{
  g_autoptr (Command) command = command_new (client, KIND_APPEND, "APPEND");
  g_autoptr (GString) text = g_string_new (NULL);

  command->target = g_strdup (name);
  command->serials = g_array_new (FALSE, FALSE, sizeof (guint64));
  command->flags = g_array_new (FALSE, FALSE, sizeof (guint));
  for (int i = 0; i < n; i++) {
    guint64 serial = (++client->serials) * 1000 + client->number;
    guint flags = chance (client, 2) ? draw_flags (client) & ~(guint) FLAG_DELETED : 0;

    g_array_append_val (command->serials, serial);
    g_array_append_val (command->flags, flags);
  }
  g_string_printf (text, "APPEND %s", name);
  for (int i = 0; i < n; i++) {
    guint64 serial = g_array_index (command->serials, guint64, i);
    g_autoptr (Message) message = message_new (serial);

    begin_message (client, text, g_array_index (command->flags, guint, i), serial);
    if (i == 0)
      client_begin (client, command, text->str);
    else
      client_write (client, text->str, text->len);
    g_string_truncate (text, 0);
    if (!client->lost && chance (client, 60)) {
      break_off (client, message);
      return FALSE;
    }
    if (!client_literal (client, command, message->octets->str, message->octets->len, chance (client, 2)))
      break;
  }
  if (!client->lost && command->result == RESULT_NONE) {
    client_end_line (client);
    client_wait (client, command);
  }
  return !client->lost;
}

static void
run_append (Client *client)
{
  g_autofree char *name = commands_draw_name (client);

  commands_append_to (client, name, chance (client, 4) ? 2 + commands_draw (client, 3) : 1);
}

/* ---- Sessions ---- */

static void
run_select (Client *client)
{
  g_autofree char *name = commands_draw_name (client);
  g_autoptr (Command) command = client_select (client, name, chance (client, 6));

  if (command->result == RESULT_NO)
    command_free (client_do (client, KIND_CREATE, "CREATE %s", name));
}

static void
run_leave (Client *client)
{
  gboolean close = chance (client, 2);
  g_autoptr (Command) command
      = command_new (client, close ? KIND_CLOSE : KIND_UNSELECT, close ? "CLOSE" : "UNSELECT");

  send_built (client, command, command->name);
  client_wait (client, command);
}

static void
run_idle (Client *client)
{
  g_autoptr (Command) command = command_new (client, KIND_IDLE, "IDLE");
  gint64 end = g_get_monotonic_time () + commands_draw (client, 1 + MIN (20 * options.rate, 5000)) * 1000;

  send_built (client, command, "IDLE");
  if (!client_wait_continue (client, command))
    return;
  for (;;) {
    gint64 left = (end - g_get_monotonic_time ()) / 1000;

    if (client->lost || command->result != RESULT_NONE)
      return;
    if (left <= 0)
      break;
    if (conn_wait (client->conn, (int) left)) {
      client->pushes++;
      client_read (client);
    }
  }
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
  text = g_strdup_printf (chance (client, 2) ? "FETCH %u:* (UID FLAGS)" : "FETCH %u:%u (FLAGS UID)", first,
                          client->rows->len);
  send_built (client, command, text);
  client_wait (client, command);
}

/* A large mailbox loses its oldest third. */
static void
run_trim (Client *client)
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
  send_built (client, command, text);
  if (!client_wait (client, command))
    return;
  expunge = command_new (client, KIND_EXPUNGE, "EXPUNGE");
  send_built (client, expunge, "EXPUNGE");
  client_wait (client, expunge);
}

/* ---- Going away ---- */

static void
run_drop (Client *client)
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
    command = draw_build (client) (client, chance (client, 2), &text);
  if (command != NULL) {
    client_begin (client, command, text);
    if (how == 2)
      client_end_line (client);
    if (how == 2 && chance (client, 2))
      g_usleep ((gulong) commands_draw (client, 3000));
  }
  client_drop (client, (ConnClose) commands_draw (client, 3));
}

/* ---- A step ---- */

static void
run_store (Client *client)
{
  run (client, build_store);
}

static void
run_fetch (Client *client)
{
  run (client, build_fetch);
}

static void
run_copy (Client *client)
{
  run (client, build_copy);
}

static void
run_expunge (Client *client)
{
  run (client, build_expunge);
}

static void
run_noop (Client *client)
{
  run (client, build_noop);
}

static const struct {
  void (*run) (Client *client);
  int weight;
  gboolean selected;
} steps[] = {
  { run_select, 5 },     { commands_status, 4 },   { commands_list, 2 },      { commands_temporary, 1 },
  { run_append, 14 },    { run_drop, 2 },          { run_leave, 2, TRUE },    { run_noop, 8, TRUE },
  { run_idle, 4, TRUE }, { run_store, 16, TRUE },  { run_fetch, 16, TRUE },   { commands_search, 8, TRUE },
  { run_copy, 8, TRUE }, { run_expunge, 6, TRUE }, { run_pipeline, 8, TRUE },
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
  if (client->box == NULL && !chance (client, 5)) {
    run_select (client);
  } else if (client->box != NULL && !chance (client, 10) && client->rows->len > 0
             && g_array_index (client->rows, Row, client->rows->len - 1).uid == 0) {
    commands_learn (client);
  } else if (client->box != NULL && client->rows->len < FEW) {
    if (ledger_may_be_deleted (client->box))
      run_noop (client);
    else
      commands_append_to (client, client->box_name, 3);
  } else if (client->box != NULL && client->rows->len > MANY && !client->read_only) {
    run_trim (client);
  } else if (chance (client, 1000)) {
    commands_recreate (client);
  } else {
    draw_step (client);
  }
}
