/* tests/load/rows.c - what a client was told of the selected mailbox, and the rules for telling it (RFC
 * 3501, 2.3.1, 5.2, 7.3, 7.4). */
#include <string.h>

#include "client.h"
#include "message.h"

void
client_leave (Client *client)
{
  client->box = NULL;
  client->read_only = FALSE;
  g_array_set_size (client->rows, 0);
}

static Row *
get_row (Client *client, guint64 seq)
{
  if (seq == 0 || seq > client->rows->len)
    client_fail (client, "RFC 3501, 2.3.1.2: sequence number %" G_GUINT64_FORMAT " of %u messages", seq,
                 client->rows->len);
  return &g_array_index (client->rows, Row, seq - 1);
}

Row *
client_find_uid (Client *client, guint32 uid)
{
  for (guint i = 0; i < client->rows->len; i++)
    if (g_array_index (client->rows, Row, i).uid == uid)
      return &g_array_index (client->rows, Row, i);
  return NULL;
}

gboolean
uids_contain (const GArray *uids, guint32 uid)
{
  for (guint i = 0; i < uids->len; i++)
    if (g_array_index (uids, guint32, i) == uid)
      return TRUE;
  return FALSE;
}

GArray *
client_dup_uids (Client *client, guint *out_unknown)
{
  GArray *uids = g_array_new (FALSE, FALSE, sizeof (guint32));

  *out_unknown = 0;
  for (guint i = 0; i < client->rows->len; i++) {
    guint32 uid = g_array_index (client->rows, Row, i).uid;

    if (uid == 0)
      ++*out_unknown;
    else
      g_array_append_val (uids, uid);
  }
  return uids;
}

void
client_take_exists (Client *client, guint64 exists)
{
  if (exists < client->rows->len)
    client_fail (client, "RFC 3501, 7.3.1: EXISTS falls from %u to %" G_GUINT64_FORMAT, client->rows->len,
                 exists);
  if (exists > G_MAXINT32)
    client_fail (client, "RFC 3501, 7.3.1: EXISTS is no size of a mailbox");
  g_array_set_size (client->rows, (guint) exists);
}

void
client_take_expunge (Client *client, Command *command, guint64 seq)
{
  const Row *row = get_row (client, seq);

  if (command == NULL)
    client_fail (client, "RFC 3501, 7.4.1: EXPUNGE while no command is in progress");
  if (!command->uid
      && (command->kind == KIND_FETCH || command->kind == KIND_STORE || command->kind == KIND_SEARCH))
    client_fail (client, "RFC 3501, 7.4.1: EXPUNGE during %s", command->name);
  if (command->kind == KIND_CLOSE)
    client_fail (client, "RFC 3501, 6.4.2: EXPUNGE during CLOSE");
  if (row->uid != 0 && client->box != NULL)
    client_expect (client, ledger_expunged (client->box, row->uid));
  if (client->at_open >= seq)
    client->at_open--;
  g_array_remove_index (client->rows, (guint) seq - 1);
}

/* ---- FETCH ---- */

static void
take_uid (Client *client, guint64 seq, Row *row, const Value *value)
{
  guint32 below = 0, above = G_MAXUINT32;
  guint64 uid;

  if (!value_get_number (value, &uid) || uid == 0 || uid > G_MAXUINT32)
    client_fail (client, "RFC 3501, 7.4.2: this is no UID");
  if (row->uid == uid)
    return;
  if (row->uid != 0)
    client_fail (client,
                 "RFC 3501, 2.3.1.1: message %" G_GUINT64_FORMAT " had UID %u and has %" G_GUINT64_FORMAT,
                 seq, row->uid, uid);
  for (guint i = (guint) seq - 1; i > 0 && below == 0; i--)
    below = g_array_index (client->rows, Row, i - 1).uid;
  for (guint i = (guint) seq; i < client->rows->len && above == G_MAXUINT32; i++)
    if (g_array_index (client->rows, Row, i).uid != 0)
      above = g_array_index (client->rows, Row, i).uid;
  if (uid <= below || uid >= above)
    client_fail (client,
                 "RFC 3501, 2.3.1.1: UID %" G_GUINT64_FORMAT " of message %" G_GUINT64_FORMAT
                 " stands between %u and %u",
                 uid, seq, below, above);
  if (seq > client->at_open && uid < client->uid_next)
    client_fail (client, "RFC 3501, 2.3.1.1: a new message has UID %" G_GUINT64_FORMAT ", UIDNEXT was %u",
                 uid, client->uid_next);
  row->uid = (guint32) uid;
  client_expect (client, ledger_observe (client->box, row->uid, client->opened));
}

static void
take_flags (Client *client, Command *command, Row *row, const Value *list)
{
  guint flags = 0;
  gboolean recent = FALSE;

  if (list->kind != VALUE_LIST)
    client_fail (client, "RFC 3501, 7.4.2: FLAGS is no list");
  for (guint i = 0; i < list->items->len; i++) {
    const Value *flag = value_get (list, i);
    guint bit = ledger_flag_parse (flag->data != NULL ? flag->data : "", flag->length);

    if (value_is (flag, "\\Recent"))
      recent = TRUE;
    else if (bit == 0)
      client_fail (client, "RFC 3501, 2.3.2: nobody has set the flag %.*s", (int) flag->length, flag->data);
    else if ((flags & bit) != 0)
      client_fail (client, "RFC 3501, 2.3.2: the flag %.*s is there twice", (int) flag->length, flag->data);
    flags |= bit;
  }
  row->flags = flags;
  row->known = TRUE;
  if (row->uid == 0)
    return;
  if (recent && !client->read_only)
    client_expect (client, ledger_check_recent (client->box, row->uid, client->session));
  if (command != NULL)
    g_array_append_val (command->told, row->uid);
}

static gboolean
is_asked (const Command *command, const Value *label)
{
  if (command == NULL || command->kind != KIND_FETCH)
    return FALSE;
  for (guint i = 0; i < command->items->len; i++) {
    const char *item = g_ptr_array_index (command->items, i);

    if (strlen (item) == label->length && g_ascii_strncasecmp (item, label->data, label->length) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Content: what never changes. */
static void
take_content (Client *client, const Command *command, const Row *row, const Value *label, const Value *value)
{
  static const char *const facts[]
      = { "BODYSTRUCTURE", "BODY", "INTERNALDATE", "BODY[HEADER.FIELDS (SUBJECT X-CHECKER)]" };
  guint64 serial = ledger_get_serial (client->box, row->uid);
  char *wrong;

  if (serial == 0)
    return;
  wrong = message_check_item (serial, label->data, label->length, value, command->partial);
  if (wrong != NULL)
    client_fail (client, "RFC %s: UID %u, message %" G_GUINT64_FORMAT ": %s",
                 g_str_has_prefix (label->data, "BINARY") ? "3516, 4" : "3501, 2.3, 6.4.5", row->uid, serial,
                 wrong);
  for (guint i = 0; i < G_N_ELEMENTS (facts); i++)
    if (value_is (label, facts[i]))
      client_expect (client, ledger_check_fact (serial, facts[i], value->raw, value->raw_length));
}

/* Who a message is, if this response tells it. */
static void
take_serial (Client *client, const Row *row, const Value *items)
{
  for (guint i = 0; i + 1 < items->items->len; i += 2) {
    const Value *label = value_get (items, i), *value = value_get (items, i + 1);
    guint64 serial = 0;

    if (value_is (label, "ENVELOPE") || value_is (label, "BODY[]") || value_is (label, "RFC822.HEADER"))
      serial = message_find_serial (value->raw, value->raw_length);
    if (serial != 0)
      client_expect (client, ledger_set_serial (client->box, row->uid, serial));
  }
}

static void
note_untold (Command *command, const Value *items)
{
  for (guint i = 0; i < command->items->len; i++) {
    const char *item = g_ptr_array_index (command->items, i);
    gboolean found = FALSE;

    for (guint j = 0; j + 1 < items->items->len && !found; j += 2)
      found = value_is (value_get (items, j), item);
    if (!found)
      command->untold = item; /* judged at the end: the message may have gone meanwhile */
  }
}

void
client_take_fetch (Client *client, Command *command, guint64 seq, const Value *items)
{
  gboolean content = FALSE;
  Row *row;

  if (client->box == NULL)
    client_fail (client, "RFC 3501, 6.3.1, 7.4.2: FETCH in the answer to SELECT: of which mailbox?");
  if (items->kind != VALUE_LIST || items->items->len == 0 || items->items->len % 2 != 0)
    client_fail (client, "RFC 3501, 7.4.2: FETCH has no list of items and values");
  row = get_row (client, seq);
  /* The UID first, wherever it stands: it says what the rest is about. */
  for (guint i = 0; i < items->items->len; i += 2)
    if (value_is (value_get (items, i), "UID"))
      take_uid (client, seq, row, value_get (items, i + 1));
  if (row->uid != 0)
    take_serial (client, row, items);
  for (guint i = 0; i < items->items->len; i += 2) {
    const Value *label = value_get (items, i), *value = value_get (items, i + 1);

    if (value_is (label, "UID"))
      continue;
    if (value_is (label, "FLAGS")) {
      take_flags (client, command, row, value);
    } else if (label->kind != VALUE_ATOM || !is_asked (command, label)) {
      client_fail (client, "RFC 3501, 7.4.2: FETCH tells %.*s, which nobody has asked for",
                   (int) label->length, label->data);
    } else {
      content = TRUE;
      if (row->uid != 0)
        take_content (client, command, row, label, value);
    }
  }
  if (command == NULL || command->kind != KIND_FETCH)
    return;
  if (content)
    note_untold (command, items);
  if (row->uid != 0)
    g_array_append_val (command->shown, row->uid);
}

/* ---- News ---- */

char *
client_find_untold (Client *client, gint64 start, gboolean expunges)
{
  g_autoptr (GArray) uids = NULL;
  char *wrong;
  guint unknown;

  if (client->box == NULL || ledger_may_be_deleted (client->box))
    return NULL;
  uids = client_dup_uids (client, &unknown);
  wrong = ledger_check_content (client->box, uids, unknown, start, expunges);
  for (guint i = 0; wrong == NULL && i < client->rows->len; i++) {
    const Row *row = &g_array_index (client->rows, Row, i);

    if (row->uid != 0 && row->known)
      wrong = ledger_check_flags (client->box, row->uid, row->flags, start);
  }
  return wrong;
}

void
client_check_news (Client *client, const Command *command)
{
  gboolean expunges
      = command->uid
        || (command->kind != KIND_FETCH && command->kind != KIND_STORE && command->kind != KIND_SEARCH);

  if (command->box == client->box && options.strict)
    client_expect (client, client_find_untold (client, command->mark.time, expunges));
}

gint64
client_since (gint64 time)
{
  return options.strict ? time : time - options.idle_patience * SECOND;
}
