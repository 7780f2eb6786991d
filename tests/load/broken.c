/* tests/load/broken.c - what a broken connection leaves behind: a MOVE is carried out for a message or it is
 * not (RFC 6851, 3.3).
 *
 * In mailboxes of the client's own, where each message must be in one place and in one only.
 */
#include <string.h>

#include "commands.h"

/* The serials of what @name holds, in order of their UIDs; NULL: the connection is lost. */
static GArray *
read_serials (Client *client, const char *name)
{
  g_autoptr (GArray) serials = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (Command) select = client_select (client, name, TRUE);
  g_autoptr (Command) fetch = NULL;

  if (client->lost || select->result != RESULT_OK)
    return NULL;
  if (client->rows->len == 0)
    return g_steal_pointer (&serials);
  fetch = command_new (client, KIND_FETCH, "FETCH");
  fetch->items = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (fetch->items, g_strdup ("UID"));
  g_ptr_array_add (fetch->items, g_strdup ("ENVELOPE"));
  commands_send (client, fetch, "FETCH 1:* (UID ENVELOPE)");
  if (!client_wait (client, fetch))
    return NULL;
  for (guint i = 0; i < client->rows->len; i++) {
    guint64 serial = ledger_get_serial (client->box, g_array_index (client->rows, Row, i).uid);

    g_array_append_val (serials, serial);
  }
  return g_steal_pointer (&serials);
}

static gboolean
serials_equal (const GArray *a, const GArray *b)
{
  return a->len == b->len && (a->len == 0 || memcmp (a->data, b->data, a->len * sizeof (guint64)) == 0);
}

static guint
count_serial (const GArray *serials, guint64 serial)
{
  guint n = 0;

  for (guint i = 0; i < serials->len; i++)
    n += g_array_index (serials, guint64, i) == serial;
  return n;
}

/* What @to held while @from did not change. */
static void
check_moved (Client *client, const char *from, const char *to, guint64 first, guint n)
{
  g_autoptr (GArray) before = NULL, there = NULL, after = read_serials (client, from);

  do {
    g_clear_pointer (&before, g_array_unref);
    g_clear_pointer (&there, g_array_unref);
    before = g_steal_pointer (&after);
    there = before != NULL ? read_serials (client, to) : NULL;
    after = there != NULL ? read_serials (client, from) : NULL;
    if (after == NULL)
      return;
  } while (!serials_equal (before, after));
  for (guint i = 0; i < n; i++) {
    guint64 serial = (first + i) * 1000 + client->number;
    guint here = count_serial (after, serial), moved = count_serial (there, serial);

    if (here + moved != 1)
      client_fail (client,
                   "RFC 6851, 3.3: after a broken MOVE message %" G_GUINT64_FORMAT
                   " is %u times in %s and %u times in %s",
                   serial, here, from, moved, to);
  }
}

static void
send_and_drop (Client *client, const char *to)
{
  g_autoptr (Command) move = command_new (client, KIND_MOVE, "UID MOVE");
  g_autofree char *spelled = client_spell (client, to);
  g_autofree char *text = g_strdup_printf ("UID MOVE 1:* %s", spelled);
  guint unknown;

  move->uid = TRUE;
  move->target = g_strdup (to);
  move->uids = client_dup_uids (client, &unknown);
  commands_send (client, move, text);
  g_usleep ((gulong) commands_draw (client, 3000));
  client->drops++;
  client_drop (client, (ConnClose) commands_draw (client, 3));
}

void
commands_break_move (Client *client)
{
  g_autofree char *from = commands_dup_own_name (client);
  g_autofree char *to = g_strdup_printf ("%s-to", from);
  guint64 first = client->serials + 1;
  guint n = 1 + (guint) commands_draw (client, 5);

  if (!commands_do_ok (client, KIND_CREATE, "CREATE", from, NULL)
      || !commands_do_ok (client, KIND_CREATE, "CREATE", to, NULL)
      || !commands_append_to (client, from, (int) n))
    return;
  command_free (client_select (client, from, FALSE));
  if (!client->lost)
    commands_learn (client);
  if (client->lost)
    return;
  send_and_drop (client, to);
  client_connect (client);
  check_moved (client, from, to, first, n);
  if (!client->lost)
    command_free (client_do (client, KIND_UNSELECT, "UNSELECT"));
  if (!client->lost)
    commands_delete (client, from);
  if (!client->lost)
    commands_delete (client, to);
  ledger_forget_name (client->account, from);
  ledger_forget_name (client->account, to);
}
