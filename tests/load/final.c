/* tests/load/final.c - when nobody writes any more (final.h).
 *
 * Each client compares with the ledger, and all clients with the first that came to the same mailbox.
 */
#include "final.h"

#include <string.h>

#include "commands.h"

static GMutex lock;
static GHashTable *digests; /* "user name uidvalidity" to what it was found to hold */

static void
fetch_all (Client *client, const char *items, const char *const *labels)
{
  g_autoptr (Command) command = command_new (client, KIND_FETCH, "UID FETCH");
  g_autofree char *text = g_strdup_printf ("UID FETCH 1:* %s", items);
  guint unknown;

  command->uid = TRUE;
  command->uids = client_dup_uids (client, &unknown);
  command->items = g_ptr_array_new_with_free_func (g_free);
  for (; *labels != NULL; labels++)
    g_ptr_array_add (command->items, g_strdup (*labels));
  client_begin (client, command, text);
  client_end_line (client);
  client_wait (client, command);
}

/* The UIDs and flags of all messages as text. */
static char *
dup_digest (Client *client)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < client->rows->len; i++) {
    const Row *row = &g_array_index (client->rows, Row, i);

    if (row->uid == 0 || !row->known)
      client_fail (client, "RFC 3501, 6.4.8: UID FETCH 1:* says nothing of message %u", i + 1);
    g_string_append_printf (text, "%u:%x ", row->uid, row->flags);
  }
  return g_string_free (text, FALSE);
}

static void
compare (Client *client)
{
  g_autofree char *key = g_strdup_printf ("%s %u", ledger_account_get_user (client->account),
                                          ledger_box_get_uid_validity (client->box));
  g_autofree char *digest = dup_digest (client);

  g_mutex_lock (&lock);
  if (digests == NULL)
    digests = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const char *known = g_hash_table_lookup (digests, key);
  gboolean same = known == NULL || g_str_equal (known, digest);
  if (known == NULL)
    g_hash_table_insert (digests, g_steal_pointer (&key), g_steal_pointer (&digest));
  g_mutex_unlock (&lock);
  if (!same)
    client_fail (client, "RFC 3501, 2.3: UIDs and flags (%s) are others than another client sees (%s)",
                 digest, known);
}

/* What it was told without asking must be what it is told now. */
static void
compare_view (Client *client)
{
  static const char *const labels[] = { "UID", "FLAGS", NULL };
  g_autoptr (GArray) before = NULL;

  command_free (client_do (client, KIND_OTHER, "NOOP"));
  if (client->lost || client->box == NULL)
    return;
  before = g_array_copy (client->rows);
  fetch_all (client, "(UID FLAGS)", labels);
  if (client->lost)
    return;
  for (guint i = 0; i < before->len && i < client->rows->len; i++) {
    const Row *was = &g_array_index (before, Row, i), *is = &g_array_index (client->rows, Row, i);

    if (was->known && was->flags != is->flags)
      client_fail (client, "RFC 3501, 5.2: the flags of message %u, UID %u, were told as %x, and are %x",
                   i + 1, is->uid, was->flags, is->flags);
  }
  compare (client);
}

static void
compare_mailbox (Client *client, const char *name, gboolean bodies)
{
  static const char *const labels[] = { "UID", "FLAGS", "RFC822.SIZE", "INTERNALDATE", NULL };
  static const char *const body[] = { "UID", "BODY[]", NULL };
  g_autoptr (Command) command = client_select (client, name, TRUE);

  if (client->lost || command->result != RESULT_OK)
    return;
  fetch_all (client, "(UID FLAGS RFC822.SIZE INTERNALDATE)", labels);
  if (!client->lost)
    compare (client);
  if (!client->lost && bodies)
    fetch_all (client, "(UID BODY.PEEK[])", body);
}

void
final_compare (Client *client, gboolean bodies)
{
  if (client->conn == NULL)
    client_connect (client);
  compare_view (client);
  for (int n = 0; n < options.mailboxes; n++) {
    g_autofree char *name = commands_dup_name (n);

    if (client->conn == NULL)
      client_connect (client);
    compare_mailbox (client, name, bodies);
  }
  if (client->conn != NULL)
    client_logout (client);
}
