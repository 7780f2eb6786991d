/* tests/load/search.c - SEARCH and UID SEARCH, whose answer is held against the client's own knowledge (RFC
 * 3501, 6.4.4). */
#include <string.h>

#include "commands.h"
#include "message.h"

typedef enum { KEY_ALL, KEY_FLAG, KEY_UID, KEY_LARGER, KEY_SMALLER, KEY_SERIAL, N_KEYS } KeyKind;

typedef struct {
  KeyKind kind;
  gboolean not ;
  guint flag;
  guint64 first, last;
} Key;

typedef enum { FITS_NO, FITS_MAYBE, FITS_YES } Fits;

static void
draw_key (Client *client, Key *key)
{
  const Row *rows = (const Row *) client->rows->data;
  const Row *row = &rows[commands_draw (client, (int) client->rows->len)];

  key->kind = (KeyKind) commands_draw (client, N_KEYS);
  key->not = commands_draw (client, 3) == 0;
  key->flag = commands_draw (client, 2) ? client->keyword : 1u << commands_draw (client, N_FLAGS);
  if (key->kind == KEY_UID) {
    key->first = row->uid != 0 ? row->uid : 1;
    key->last = key->first + (guint) commands_draw (client, 40);
  } else if (key->kind == KEY_SERIAL) {
    key->first = row->uid != 0 ? ledger_get_serial (client->box, row->uid) : 0;
    if (key->first == 0)
      key->kind = KEY_ALL;
  } else {
    key->first = (guint) commands_draw (client, 6000);
  }
}

static void
append_key (GString *text, const Key *key)
{
  static const char *const system[] = { "ANSWERED", "FLAGGED", "DELETED", "SEEN", "DRAFT" };

  g_string_append (text, key->not ? " NOT" : "");
  switch (key->kind) {
  case KEY_FLAG:
    for (guint n = 0; n < N_FLAGS; n++)
      if (key->flag == 1u << n)
        g_string_append_printf (text, " %s%s", n < 5 ? "" : "KEYWORD ",
                                n < 5 ? system[n] : ledger_flag_get_name (n));
    break;
  case KEY_UID:
    g_string_append_printf (text, " UID %" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT, key->first, key->last);
    break;
  case KEY_LARGER:
    g_string_append_printf (text, " LARGER %" G_GUINT64_FORMAT, key->first);
    break;
  case KEY_SMALLER:
    g_string_append_printf (text, " SMALLER %" G_GUINT64_FORMAT, key->first);
    break;
  case KEY_SERIAL:
    g_string_append_printf (text, " HEADER X-Checker \"serial=%" G_GUINT64_FORMAT " \"", key->first);
    break;
  default:
    g_string_append (text, " ALL");
  }
}

static Fits
fits (gboolean certain)
{
  return certain ? FITS_YES : FITS_NO;
}

static Fits
key_fits (Client *client, const Key *key, const Row *row, gint64 start)
{
  guint64 serial = ledger_get_serial (client->box, row->uid);
  guint may_set, may_clear;

  switch (key->kind) {
  case KEY_FLAG:
    ledger_get_flags (client->box, row->uid, client_since (start), &may_set, &may_clear);
    return (may_set & key->flag) == 0 ? FITS_NO : (may_clear & key->flag) == 0 ? FITS_YES : FITS_MAYBE;
  case KEY_UID:
    return fits (row->uid >= key->first && row->uid <= key->last);
  case KEY_LARGER:
    return serial == 0 ? FITS_MAYBE : fits (message_get_size (serial) > key->first);
  case KEY_SMALLER:
    return serial == 0 ? FITS_MAYBE : fits (message_get_size (serial) < key->first);
  case KEY_SERIAL:
    return serial == 0 ? FITS_MAYBE : fits (serial == key->first);
  default:
    return FITS_YES;
  }
}

static Fits
keys_fit (Client *client, const Key *keys, guint n, const Row *row, gint64 start)
{
  Fits all = FITS_YES;

  for (guint i = 0; i < n; i++) {
    Fits one = key_fits (client, &keys[i], row, start);

    all = MIN (all, keys[i].not ? FITS_YES - one : one);
  }
  return all;
}

/* The numbers of all SEARCH responses. */
static GHashTable *
get_found (Client *client, const Command *command)
{
  GHashTable *found = g_hash_table_new (NULL, NULL);

  if (command->lines->len != 1)
    client_fail (client, "RFC 3501, 6.4.4: SEARCH has %u responses", command->lines->len);
  const Value *line = g_ptr_array_index (command->lines, 0);
  for (guint i = 1; i < line->items->len; i++) {
    guint64 number;

    if (!value_get_number (value_get (line, i), &number) || number == 0 || number > G_MAXUINT32)
      client_fail (client, "RFC 3501, 7.2.5: SEARCH tells what is no number");
    if (!g_hash_table_add (found, GUINT_TO_POINTER ((guint) number)))
      client_fail (client, "RFC 3501, 7.2.5: SEARCH tells %" G_GUINT64_FORMAT " twice", number);
  }
  return found;
}

/* What was found is there, or has gone meanwhile, or has just come. */
static void
check_found (Client *client, const Command *command, GHashTable *found)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, found);
  while (g_hash_table_iter_next (&iter, &key, NULL)) {
    guint number = GPOINTER_TO_UINT (key);
    const Row *last
        = client->rows->len > 0 ? &g_array_index (client->rows, Row, client->rows->len - 1) : NULL;

    if (!command->uid && number > client->rows->len)
      client_fail (client, "RFC 3501, 7.2.5: SEARCH finds message %u of %u", number, client->rows->len);
    if (command->uid && client_find_uid (client, number) == NULL && (last == NULL || last->uid != 0)
        && !ledger_may_be_gone (client->box, number))
      client_fail (client, "RFC 3501, 6.4.8: UID SEARCH finds UID %u, which is not there", number);
  }
}

static void
check_search (Client *client, const Command *command, const Key *keys, guint n, gint64 start)
{
  g_autoptr (GHashTable) found = get_found (client, command);

  check_found (client, command, found);
  for (guint i = 0; i < client->rows->len; i++) {
    const Row *row = &g_array_index (client->rows, Row, i);
    gboolean contained = g_hash_table_contains (found, GUINT_TO_POINTER (command->uid ? row->uid : i + 1));
    Fits wanted;

    if (row->uid == 0 || (wanted = keys_fit (client, keys, n, row, start)) == FITS_MAYBE
        || contained == (wanted == FITS_YES) || ledger_may_be_gone (client->box, row->uid))
      continue;
    /* What came while it searched may be left out. */
    if (!contained && i >= command->n_exists)
      continue;
    client_fail (client, "RFC 3501, 6.4.4: %s %s UID %u, message %u", command->name,
                 contained ? "finds" : "does not find", row->uid, i + 1);
  }
}

void
commands_search (Client *client)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (Command) command = NULL;
  gboolean uid = commands_draw (client, 2);
  guint n = 1 + (guint) commands_draw (client, 2);
  gint64 start = client->synced;
  Key keys[2];

  if (client->rows->len == 0)
    return;
  g_string_assign (text, uid ? "UID SEARCH" : "SEARCH");
  for (guint i = 0; i < n; i++) {
    draw_key (client, &keys[i]);
    append_key (text, &keys[i]);
  }
  command = command_new (client, KIND_SEARCH, text->str);
  command->uid = uid;
  command->n_exists = client->rows->len;
  client_begin (client, command, text->str);
  client_end_line (client);
  if (client_wait (client, command) && client->box == command->box)
    check_search (client, command, keys, n, start);
}
