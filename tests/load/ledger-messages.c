/* tests/load/ledger-messages.c - what is in a mailbox (ledger.h). */
#include <string.h>

#include "ledger-private.h"

static GHashTable *facts; /* "serial item" to a hash */
#define MOST_FACTS 100000 /* then all are forgotten and learned anew */

/* ---- Entries ---- */

Entry *
ledger_box_lookup_entry (const Box *box, guint32 uid)
{
  return g_hash_table_lookup (box->entries, GUINT_TO_POINTER (uid));
}

Entry *
ledger_box_get_entry (Box *box, guint32 uid)
{
  Entry *entry = ledger_box_lookup_entry (box, uid);
  Change *base;

  if (entry != NULL)
    return entry;
  entry = g_new0 (Entry, 1);
  entry->uid = uid;
  entry->first_seen = g_get_monotonic_time ();
  entry->confirmed = entry->gone = NEVER;
  entry->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  base = ledger_entry_add_change (entry, 0, ALL_FLAGS, ALL_FLAGS);
  base->number = 0;
  base->end = base->latest = entry->first_seen;
  g_hash_table_insert (box->entries, GUINT_TO_POINTER (uid), entry);
  return entry;
}

void
ledger_entry_free (Entry *entry)
{
  g_array_unref (entry->changes);
  g_free (entry);
}

void
ledger_box_note_forgotten (Box *box, guint32 uid)
{
  guint before = box->gone->len;

  if (uid / 8 >= before) {
    g_byte_array_set_size (box->gone, uid / 8 + 1);
    memset (box->gone->data + before, 0, box->gone->len - before);
  }
  box->gone->data[uid / 8] |= (guint8) (1 << uid % 8);
}

static gboolean
box_has_forgotten (const Box *box, guint32 uid)
{
  return uid / 8 < box->gone->len && (box->gone->data[uid / 8] & 1 << uid % 8) != 0;
}

/* So many messages may come that nobody has told of: commands are in progress, or were broken. */
static guint
box_get_adding (const Box *box)
{
  GHashTableIter iter;
  gpointer name;
  guint adding = 0;

  g_hash_table_iter_init (&iter, box->names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    adding += ledger_name_get (box->account, name)->adding;
  return adding;
}

/* A session is the first to see @entry. */
static char *
box_take_news (Box *box, Entry *entry)
{
  entry->explained = entry->uid < box->base;
  box->unexplained += !entry->explained;
  if (box->dead_since != 0 || box->unexplained <= box_get_adding (box))
    return NULL;
  return g_strdup_printf ("RFC 3501, 5.2, 7.3.1: UID %u has come, and nobody has added it", entry->uid);
}

/* ---- Messages ---- */

char *
ledger_observe (Box *box, guint32 uid, gint64 opened)
{
  char *wrong = NULL;
  Entry *entry;

  g_mutex_lock (&ledger_lock);
  entry = ledger_box_lookup_entry (box, uid);
  if (entry == NULL && box_has_forgotten (box, uid)) {
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: UID %u, expunged long ago, is there again", uid);
  } else if (entry == NULL) {
    entry = ledger_box_get_entry (box, uid);
    wrong = box_take_news (box, entry);
  } else if (entry->gone < opened && options.strict) {
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: UID %u was expunged before the mailbox was selected, and is "
                             "there again",
                             uid);
  }
  if (entry != NULL)
    entry->confirmed = MIN (entry->confirmed, g_get_monotonic_time ());
  box->uid_next = MAX (box->uid_next, uid + 1);
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

static gboolean
array_contains (const GArray *sorted, guint32 uid)
{
  guint low = 0, high = sorted->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (g_array_index (sorted, guint32, middle) < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low < sorted->len && g_array_index (sorted, guint32, low) == uid;
}

char *
ledger_check_content (Box *box, const GArray *uids, guint unknown, gint64 start, gboolean expunges)
{
  GHashTableIter iter;
  guint missing = 0;
  guint32 first_missing = 0, ghost = 0;
  gpointer value;

  g_mutex_lock (&ledger_lock);
  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Entry *entry = value;

    if (entry->gone < start) {
      if (expunges && array_contains (uids, entry->uid))
        ghost = entry->uid;
    } else if (entry->confirmed < start && !array_contains (uids, entry->uid)
               && !ledger_entry_may_be_gone (box, entry)) {
      first_missing = missing++ == 0 ? entry->uid : MIN (first_missing, entry->uid);
    }
  }
  g_mutex_unlock (&ledger_lock);
  if (missing > unknown)
    return g_strdup_printf ("RFC 3501, 5.2: UID %u is acknowledged and expunged by nobody, and is not there",
                            first_missing);
  if (ghost != 0)
    return g_strdup_printf ("RFC 3501, 5.2, 7.4.1: UID %u is expunged, and this session was not told", ghost);
  return NULL;
}

void
ledger_add_begin (Account *account, const char *name, guint n)
{
  g_mutex_lock (&ledger_lock);
  ledger_name_get (account, name)->adding += n;
  g_mutex_unlock (&ledger_lock);
}

void
ledger_add_end (Account *account, const char *name, guint n, Outcome outcome)
{
  if (outcome == OUTCOME_UNKNOWN)
    return;
  g_mutex_lock (&ledger_lock);
  ledger_name_get (account, name)->adding -= n;
  g_mutex_unlock (&ledger_lock);
}

static char *
entry_set_serial (Entry *entry, guint64 serial)
{
  if (serial == 0)
    return NULL;
  if (entry->serial != 0 && entry->serial != serial)
    return g_strdup_printf ("RFC 3501, 2.3.1.1, RFC 4315, 3: UID %u is the message %" G_GUINT64_FORMAT
                            ", and is %" G_GUINT64_FORMAT " elsewhere",
                            entry->uid, serial, entry->serial);
  entry->serial = serial;
  return NULL;
}

char *
ledger_added (Account *account, const char *name, const Mark *mark, guint32 uid_validity, guint32 uid,
              guint64 serial, guint may_set, guint may_clear)
{
  gint64 now = g_get_monotonic_time ();
  char *wrong;
  Box *box = NULL;

  g_mutex_lock (&ledger_lock);
  wrong = ledger_name_take_validity (account, name, mark, uid_validity, &box);
  if (wrong == NULL && options.strict && mark->uid_validity == uid_validity && uid < mark->uid_next)
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: the new message has UID %u in %s, where UIDNEXT was %u", uid,
                             name, mark->uid_next);
  if (wrong == NULL) {
    Entry *known = ledger_box_lookup_entry (box, uid);
    Entry *entry = ledger_box_get_entry (box, uid);

    if (box->base == 0)
      box->base = uid;
    if (known != NULL && !known->explained)
      box->unexplained--;
    entry->explained = TRUE;
    ledger_entry_set_origin (entry, mark->time, now, may_set, may_clear);
    entry->confirmed = MIN (entry->confirmed, now);
    box->uid_next = MAX (box->uid_next, uid + 1);
    wrong = entry_set_serial (entry, serial);
  }
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

/* ---- Content ---- */

guint64
ledger_get_serial (Box *box, guint32 uid)
{
  g_mutex_lock (&ledger_lock);
  Entry *entry = ledger_box_lookup_entry (box, uid);
  guint64 serial = entry != NULL ? entry->serial : 0;
  g_mutex_unlock (&ledger_lock);
  return serial;
}

char *
ledger_set_serial (Box *box, guint32 uid, guint64 serial)
{
  g_mutex_lock (&ledger_lock);
  char *wrong = entry_set_serial (ledger_box_get_entry (box, uid), serial);
  g_mutex_unlock (&ledger_lock);
  return wrong;
}

char *
ledger_check_fact (guint64 serial, const char *item, const char *value, gsize length)
{
  g_autofree char *key = g_strdup_printf ("%" G_GUINT64_FORMAT " %s", serial, item);
  g_autofree char *text = g_strndup (value, length);
  guint hash = g_str_hash (text);
  gpointer known;
  char *wrong = NULL;

  g_mutex_lock (&ledger_lock);
  if (facts == NULL)
    facts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  if (g_hash_table_size (facts) >= MOST_FACTS)
    g_hash_table_remove_all (facts);
  if (!g_hash_table_lookup_extended (facts, key, NULL, &known))
    g_hash_table_insert (facts, g_steal_pointer (&key), GUINT_TO_POINTER (hash));
  else if (GPOINTER_TO_UINT (known) != hash)
    wrong = g_strdup_printf ("RFC 3501, 2.3: %s of message %" G_GUINT64_FORMAT " was another before", item,
                             serial);
  g_mutex_unlock (&ledger_lock);
  return wrong;
}
