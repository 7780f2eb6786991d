/* tests/load/outcome.c - what commands change, told to the ledger, and what they must have done when they are
 * answered.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"

void
client_begin_effects (Client *client, Command *command)
{
  gboolean writes = !client->read_only && command->box != NULL;

  switch (command->kind) {
  case KIND_FETCH:
    /* A server that has not heard yet that another took \Seen away sees nothing to set. */
    if (writes && command->may_set != 0)
      command->change = ledger_flags_begin (command->box, command->uids, command->may_set,
                                            options.strict ? 0 : command->may_set);
    break;
  case KIND_STORE:
    if (writes && (command->may_set | command->may_clear) != 0)
      command->change
          = ledger_flags_begin (command->box, command->uids, command->may_set, command->may_clear);
    break;
  case KIND_EXPUNGE:
  case KIND_CLOSE:
    if (writes)
      command->removal = ledger_remove_begin (command->box, command->uids, FALSE);
    break;
  case KIND_MOVE:
    if (writes)
      command->removal = ledger_remove_begin (command->box, command->uids, TRUE);
    /* fall through */
  case KIND_COPY:
    ledger_add_begin (client->account, command->target, command->uids->len);
    break;
  case KIND_APPEND:
    ledger_add_begin (client->account, command->target, command->serials->len);
    break;
  case KIND_DELETE:
    ledger_delete_begin (client->account, command->target);
    break;
  default:
    break;
  }
}

/* ---- SELECT ---- */

static void
settle_select (Client *client, Command *command)
{
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (guint32));
  gboolean read_only = g_str_has_prefix (command->text, "[READ-ONLY]");

  if (command->n_exists != 1 || command->uid_validity == 0 || command->uid_next == 0)
    client_fail (client, "RFC 3501, 6.3.1: EXISTS, UIDVALIDITY or UIDNEXT is not told by SELECT");
  if (read_only != command->read_only)
    client_fail (client, "RFC 3501, 6.3.1, 6.3.2: %s gives %s", command->name, command->text);
  client_expect (client, ledger_open (client->account, command->target, &command->mark, command->uid_validity,
                                      command->uid_next, &client->box));
  g_free (client->box_name);
  client->box_name = g_strdup (command->target);
  client->read_only = read_only;
  client->opened = command->mark.time;
  client->uid_next = command->uid_next;
  client->at_open = client->rows->len;
  if (options.strict && !ledger_may_be_deleted (client->box))
    client_expect (client,
                   ledger_check_content (client->box, none, client->rows->len, command->mark.time, FALSE));
}

/* ---- STORE and FETCH ---- */

static void
settle_store (Client *client, Command *command, Outcome outcome)
{
  for (guint i = 0; i < command->uids->len; i++) {
    guint32 uid = g_array_index (command->uids, guint32, i);
    Row *row = client_find_uid (client, uid);

    if (row == NULL || uids_contain (command->told, uid))
      continue;
    if (outcome == OUTCOME_NO)
      row->known = row->known && client->read_only;
    else if (command->silent)
      row->flags = (row->flags & ~command->may_clear) | command->may_set;
    else if (!ledger_may_be_gone (command->box, uid))
      client_fail (client, "RFC 3501, 6.4.6: STORE does not tell the flags of UID %u", uid);
  }
}

static void
settle_fetch (Client *client, Command *command)
{
  if (command->untold != NULL)
    client_fail (client, "RFC 3501, 6.4.5: FETCH does not tell %s", command->untold);
  for (guint i = 0; command->uids != NULL && i < command->uids->len; i++) {
    guint32 uid = g_array_index (command->uids, guint32, i);

    if (!uids_contain (command->shown, uid) && !ledger_may_be_gone (command->box, uid))
      client_fail (client, "RFC 3501, 6.4.5, 6.4.8: FETCH says nothing of UID %u", uid);
  }
}

/* ---- EXPUNGE and CLOSE ---- */

/* Messages of the view that certainly had \Deleted all the time that @command took, so that the session's
 * server knew that, and that it was to take. */
static GArray *
dup_deleted (Client *client, const Command *command)
{
  GArray *uids = g_array_new (FALSE, FALSE, sizeof (guint32));

  for (guint i = 0; i < client->rows->len; i++) {
    guint32 uid = g_array_index (client->rows, Row, i).uid;
    guint may_set, may_clear;

    if (uid == 0 || (command->uids != NULL && !uids_contain (command->uids, uid)))
      continue;
    ledger_get_flags (command->box, uid, client_since (command->mark.time), &may_set, &may_clear);
    if ((may_clear & FLAG_DELETED) == 0)
      g_array_append_val (uids, uid);
  }
  return uids;
}

static void
settle_expunge (Client *client, Command *command)
{
  g_autoptr (GArray) uids = dup_deleted (client, command);

  if (uids->len > 0)
    client_fail (client, "RFC 3501, 6.4.3: UID %u has \\Deleted, and EXPUNGE has not told that it is gone",
                 g_array_index (uids, guint32, 0));
}

/* It tells nothing, and takes as much (RFC 3501, 6.4.2). */
static void
settle_close (Client *client, Command *command)
{
  g_autoptr (GArray) uids = NULL;

  if (command->removal != NULL) {
    uids = dup_deleted (client, command);
    ledger_remove_end (command->box, g_steal_pointer (&command->removal), OUTCOME_OK, uids);
  }
  client_leave (client);
}

/* ---- COPY, MOVE, APPEND ---- */

static void
settle_pairs (Client *client, Command *command, guint32 uid_validity, const GArray *from, const GArray *to)
{
  if (from->len != to->len || from->len == 0)
    client_fail (client, "RFC 4315, 3: COPYUID has %u and %u UIDs", from->len, to->len);
  for (guint i = 0; i < from->len; i++) {
    guint32 uid = g_array_index (from, guint32, i);
    guint may_set, may_clear;

    if (!uids_contain (command->uids, uid))
      client_fail (client, "RFC 4315, 3: COPYUID names UID %u, which was not to be copied", uid);
    ledger_get_flags (command->box, uid, command->mark.time, &may_set, &may_clear);
    client_expect (client, ledger_added (client->account, command->target, &command->mark, uid_validity,
                                         g_array_index (to, guint32, i),
                                         ledger_get_serial (command->box, uid), may_set, may_clear));
  }
}

static void
settle_copy (Client *client, Command *command)
{
  g_autoptr (GArray) from = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GArray) to = g_array_new (FALSE, FALSE, sizeof (guint32));
  const char *code = command->copied != NULL ? command->copied : command->text;
  g_autofree char *from_text = g_malloc0 (strlen (code) + 1);
  g_autofree char *to_text = g_malloc0 (strlen (code) + 1);
  guint32 uid_validity;

  if (g_str_has_prefix (code, "[COPYUID ")) {
    if (sscanf (code, "[COPYUID %u %[0-9:,] %[0-9:,]]", &uid_validity, from_text, to_text) != 3
        || !response_parse_set (from_text, from) || !response_parse_set (to_text, to))
      client_fail (client, "RFC 4315, 4: COPYUID is malformed");
    settle_pairs (client, command, uid_validity, from, to);
  }
  if (command->removal != NULL)
    ledger_remove_end (command->box, g_steal_pointer (&command->removal), OUTCOME_OK, from);
  for (guint i = 0; i < command->uids->len; i++) {
    guint32 uid = g_array_index (command->uids, guint32, i);

    if (!uids_contain (from, uid) && !ledger_may_be_gone (command->box, uid))
      client_fail (client, "%s: UID %u was not copied, and nobody has expunged it",
                   command->kind == KIND_MOVE ? "RFC 6851, 3.3" : "RFC 3501, 6.4.7", uid);
    if (command->kind == KIND_MOVE && uids_contain (from, uid) && client_find_uid (client, uid) != NULL)
      client_fail (client, "RFC 6851, 3.3: UID %u was moved, and EXPUNGE has not told that", uid);
  }
}

static void
settle_append (Client *client, Command *command)
{
  g_autoptr (GArray) uids = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autofree char *set = g_malloc0 (strlen (command->text) + 1);
  guint32 uid_validity;

  if (sscanf (command->text, "[APPENDUID %u %[0-9:,]]", &uid_validity, set) != 2
      || !response_parse_set (set, uids) || uids->len != command->serials->len)
    client_fail (client, "RFC 4315, 3: APPENDUID is missing or malformed: %s", command->text);
  for (guint i = 0; i < uids->len; i++) {
    guint flags = g_array_index (command->flags, guint, i);

    client_expect (client,
                   ledger_added (client->account, command->target, &command->mark, uid_validity,
                                 g_array_index (uids, guint32, i),
                                 g_array_index (command->serials, guint64, i), flags, ALL_FLAGS & ~flags));
  }
}

/* ---- All ---- */

static void
check_ok (Client *client, Command *command)
{
  switch (command->kind) {
  case KIND_SELECT:
    settle_select (client, command);
    break;
  case KIND_CLOSE:
    settle_close (client, command);
    break;
  case KIND_UNSELECT:
    client_leave (client);
    break;
  case KIND_FETCH:
    settle_fetch (client, command);
    break;
  case KIND_EXPUNGE:
    settle_expunge (client, command);
    break;
  case KIND_COPY:
  case KIND_MOVE:
    settle_copy (client, command);
    break;
  case KIND_APPEND:
    settle_append (client, command);
    break;
  default:
    break;
  }
}

/* The rest of what client_begin_effects began. */
static void
end_effects (Client *client, Command *command, Outcome outcome)
{
  if (command->change != 0)
    ledger_flags_end (command->box, command->uids, command->change, outcome);
  if (command->removal != NULL)
    ledger_remove_end (command->box, g_steal_pointer (&command->removal), outcome, NULL);
  if (command->kind == KIND_COPY || command->kind == KIND_MOVE)
    ledger_add_end (client->account, command->target, command->uids->len, outcome);
  if (command->kind == KIND_APPEND)
    ledger_add_end (client->account, command->target, command->serials->len, outcome);
  if (command->kind == KIND_DELETE && outcome == OUTCOME_NO)
    ledger_delete_refused (client->account, command->target);
}

void
client_settle (Client *client, Command *command, Outcome outcome)
{
  if (outcome == OUTCOME_OK)
    check_ok (client, command);
  if (outcome != OUTCOME_UNKNOWN && command->kind == KIND_STORE)
    settle_store (client, command, outcome);
  end_effects (client, command, outcome);
  if (outcome == OUTCOME_NO && command->kind == KIND_SELECT)
    client_leave (client);
  if (outcome != OUTCOME_UNKNOWN && command->kind != KIND_LOGOUT)
    client_check_news (client, command);
}
