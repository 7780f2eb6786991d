/* tests/load/build.c - random commands about messages, built but not sent (commands.h). */
#include <string.h>

#include "commands.h"

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
  for (int ranges = commands_chance (client, 4) ? 3 : 1; ranges > 0; ranges--) {
    guint first = (guint) commands_draw (client, (int) known);
    guint last = first + (guint) commands_draw (client, (int) most);

    append_range (client, first, MIN (last, known - 1), uid, uids, text);
  }
  *out_text = g_strdup (text->str);
  return uids;
}

guint
commands_draw_flags (Client *client)
{
  static const guint system[] = { FLAG_ANSWERED, FLAG_FLAGGED, FLAG_SEEN, FLAG_DRAFT, FLAG_SEEN };
  guint flags = system[commands_draw (client, G_N_ELEMENTS (system))];

  if (commands_chance (client, 2))
    flags |= client->keyword;
  if (commands_chance (client, 8))
    flags |= FLAG_DELETED;
  if (commands_chance (client, 8))
    flags |= (guint) FLAG_KEYWORD << commands_draw (client, N_KEYWORDS);
  return flags;
}

/* ---- Building ---- */

Command *
commands_build_store (Client *client, gboolean uid, char **out_text)
{
  static const char *const signs[] = { "+", "-", "" };
  g_autofree char *set = NULL, *flags_text = NULL;
  GArray *uids = commands_draw_messages (client, 5, uid, &set);
  int mode = commands_draw (client, 7) % 3;
  guint flags = commands_draw_flags (client);
  Command *command;

  if (uids == NULL)
    return NULL;
  command = command_new (client, KIND_STORE, uid ? "UID STORE" : "STORE");
  command->uids = uids;
  command->uid = uid;
  command->silent = commands_chance (client, 2);
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
  { "BINARY.PEEK[2]", "BINARY[2]" },
  { "BINARY.SIZE[1]", "BINARY.SIZE[1]" },
  { "BINARY.SIZE[2]", "BINARY.SIZE[2]" },
  { "RFC822.HEADER", "RFC822.HEADER" },
  { "RFC822.TEXT", "RFC822.TEXT", TRUE },
  { "RFC822", "RFC822", TRUE },
};

static gboolean
is_content (const char *item)
{
  return g_str_has_prefix (item, "BODY.") || g_str_has_prefix (item, "BODY[")
         || g_str_has_prefix (item, "BINARY.PEEK[");
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
      && commands_chance (client, 3)) {
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

Command *
commands_build_fetch (Client *client, gboolean uid, char **out_text)
{
  g_autofree char *set = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  GArray *uids = commands_draw_messages (client, commands_chance (client, 10) ? 50 : 6, uid, &set);
  Command *command;

  if (uids == NULL)
    return NULL;
  command = command_new (client, KIND_FETCH, uid ? "UID FETCH" : "FETCH");
  command->uids = uids;
  command->uid = uid;
  command->items = g_ptr_array_new_with_free_func (g_free);
  if (commands_chance (client, 8)) {
    build_macro (command, text, commands_draw (client, 3));
  } else {
    if (commands_chance (client, 2))
      build_item (client, command, text, 0);
    for (int n = 1 + commands_draw (client, 3); n > 0; n--)
      build_item (client, command, text, (guint) commands_draw (client, G_N_ELEMENTS (fetch_items)));
    g_string_prepend_c (text, '(');
    g_string_append_c (text, ')');
  }
  *out_text = g_strdup_printf ("%s %s %s", command->name, set, text->str);
  return command;
}

Command *
commands_build_copy (Client *client, gboolean uid, char **out_text)
{
  g_autofree char *set = NULL, *spelled = NULL;
  gboolean move = !client->read_only && commands_chance (client, 2);
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
  spelled = client_spell (client, command->target);
  *out_text = g_strdup_printf ("%s %s %s", command->name, set, spelled);
  return command;
}

Command *
commands_build_expunge (Client *client, gboolean uid, char **out_text)
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

Command *
commands_build_noop (Client *client, gboolean uid, char **out_text)
{
  *out_text = g_strdup (commands_chance (client, 3) ? "CHECK" : "NOOP");
  return command_new (client, KIND_OTHER, *out_text);
}

CommandsBuild
commands_draw_build (Client *client)
{
  static const CommandsBuild table[]
      = { commands_build_store, commands_build_store,   commands_build_store, commands_build_store,
          commands_build_fetch, commands_build_fetch,   commands_build_fetch, commands_build_fetch,
          commands_build_copy,  commands_build_expunge, commands_build_noop };

  return table[commands_draw (client, G_N_ELEMENTS (table))];
}
