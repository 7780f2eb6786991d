/* tests/load/ledger-removals.c - what takes messages away (ledger.h).
 *
 * A removal explains that a message is missing from when it begins until the end of time: what it may have
 * taken is marked when it is over, and when whoever saw such a message before has said so. (One client may
 * hear that its EXPUNGE is done before another has read that the message is there.)
 */
#include "ledger-private.h"

static gboolean
removal_covers (const Removal *removal, guint32 uid)
{
  if (removal->uids == NULL)
    return TRUE;
  for (guint i = 0; i < removal->uids->len; i++)
    if (g_array_index (removal->uids, guint32, i) == uid)
      return TRUE;
  return FALSE;
}

static gboolean
removal_may_take (const Removal *removal, const Entry *entry)
{
  guint may_set, may_clear;

  if (!removal_covers (removal, entry->uid))
    return FALSE;
  if (removal->move)
    return TRUE;
  ledger_entry_get_flags (entry, removal->start, removal->latest, &may_set, &may_clear);
  return (may_set & FLAG_DELETED) != 0;
}

/* It is over: what it may have taken is marked, so that it need not be remembered. */
static void
removal_settle (Box *box, Removal *removal)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Entry *entry = value;

    if (!entry->removable && removal_may_take (removal, entry))
      entry->removable = TRUE;
  }
  g_clear_pointer (&removal->uids, g_array_unref);
  g_ptr_array_remove_fast (box->removals, removal);
  g_free (removal);
}

Removal *
ledger_remove_begin (Box *box, const GArray *uids, gboolean move)
{
  Removal *removal = g_new0 (Removal, 1);

  removal->latest = NEVER;
  removal->move = move;
  if (uids != NULL)
    removal->uids = g_array_copy ((GArray *) uids);
  g_mutex_lock (&ledger_lock);
  removal->start = g_get_monotonic_time ();
  g_ptr_array_add (box->removals, removal);
  g_mutex_unlock (&ledger_lock);
  return removal;
}

void
ledger_remove_end (Box *box, Removal *removal, Outcome outcome, const GArray *gone)
{
  gint64 now;

  g_mutex_lock (&ledger_lock);
  now = g_get_monotonic_time ();
  for (guint i = 0; gone != NULL && i < gone->len; i++) {
    Entry *entry = ledger_box_get_entry (box, g_array_index (gone, guint32, i));

    entry->removable = TRUE;
    entry->gone = MIN (entry->gone, now);
  }
  if (outcome == OUTCOME_UNKNOWN) {
    removal->latest = now + ABORTED_FOR;
  } else {
    removal->latest = now;
    if (outcome == OUTCOME_OK && removal->move && removal->uids != NULL)
      g_array_set_size (removal->uids, 0); /* COPYUID told of all that went */
  }
  g_mutex_unlock (&ledger_lock);
}

gboolean
ledger_entry_may_be_gone (const Box *box, const Entry *entry)
{
  if (entry->removable || entry->gone != NEVER)
    return TRUE;
  for (guint i = 0; i < box->removals->len; i++)
    if (removal_may_take (g_ptr_array_index (box->removals, i), entry))
      return TRUE;
  return FALSE;
}

gboolean
ledger_may_be_gone (Box *box, guint32 uid)
{
  g_mutex_lock (&ledger_lock);
  Entry *entry = ledger_box_lookup_entry (box, uid);
  gboolean gone = entry == NULL || ledger_entry_may_be_gone (box, entry);
  g_mutex_unlock (&ledger_lock);
  return gone;
}

char *
ledger_expunged (Box *box, guint32 uid)
{
  char *wrong = NULL;

  g_mutex_lock (&ledger_lock);
  Entry *entry = ledger_box_lookup_entry (box, uid);
  if (entry != NULL && !ledger_entry_may_be_gone (box, entry))
    wrong = g_strdup_printf ("RFC 3501, 6.4.3: UID %u was expunged, though nobody has done that while it had "
                             "\\Deleted",
                             uid);
  if (entry != NULL)
    entry->gone = MIN (entry->gone, g_get_monotonic_time ());
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

void
ledger_box_settle_removals (Box *box, gint64 now)
{
  for (guint i = box->removals->len; i > 0; i--) {
    Removal *removal = g_ptr_array_index (box->removals, i - 1);

    if (removal->latest < now - HEARD_WITHIN)
      removal_settle (box, removal);
  }
}
