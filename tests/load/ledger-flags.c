/* tests/load/ledger-flags.c - which flags a message may have (ledger.h).
 *
 * A message has a list of changes, each with its bits and the time in which it was carried out. Those that
 * are certainly overwritten by later ones are forgotten.
 */
#include <string.h>

#include "ledger-private.h"

static guint64 last_number;

/* ---- Names of flags ---- */

static const char *const flag_names[N_FLAGS]
    = { "\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "$Load0", "$Load1", "$Load2",
        "$Load3",     "$Load4",    "$Load5",    "$Load6", "$Load7",  "$Load8", "$Load9" };

const char *
ledger_flag_get_name (guint n)
{
  return flag_names[n];
}

guint
ledger_flag_parse (const char *name, gsize length)
{
  for (guint n = 0; n < N_FLAGS; n++)
    if (strlen (flag_names[n]) == length && g_ascii_strncasecmp (flag_names[n], name, length) == 0)
      return 1u << n;
  return 0;
}

char *
ledger_flags_to_string (guint flags)
{
  GString *text = g_string_new (NULL);

  for (guint n = 0; n < N_FLAGS; n++)
    if ((flags & (1u << n)) != 0)
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", flag_names[n]);
  return g_string_free (text, FALSE);
}

/* ---- Changes of flags ---- */

/* Which bits of @change a later one has certainly overwritten before @start? */
static guint
change_get_overwritten (const Entry *entry, const Change *change, gint64 start)
{
  guint bits = 0;

  for (guint i = 0; i < entry->changes->len; i++) {
    const Change *later = &g_array_index (entry->changes, Change, i);

    if (later->start > change->latest && later->end < start)
      bits |= later->may_set | later->may_clear;
  }
  return bits;
}

void
ledger_entry_get_flags (const Entry *entry, gint64 start, gint64 end, guint *out_may_set,
                        guint *out_may_clear)
{
  *out_may_set = *out_may_clear = 0;
  for (guint i = 0; i < entry->changes->len; i++) {
    const Change *change = &g_array_index (entry->changes, Change, i);
    guint overwritten;

    if (change->start > end)
      continue;
    overwritten = change_get_overwritten (entry, change, start);
    *out_may_set |= change->may_set & ~overwritten;
    *out_may_clear |= change->may_clear & ~overwritten;
  }
}

/* Forgets changes that nobody can see any more. */
static void
entry_prune (Entry *entry, gint64 now)
{
  for (guint i = 0; i < entry->changes->len;) {
    const Change *change = &g_array_index (entry->changes, Change, i);
    guint touched = change->may_set | change->may_clear;

    if ((touched & ~change_get_overwritten (entry, change, now - KEEP_FOR)) == 0)
      g_array_remove_index (entry->changes, i);
    else
      i++;
  }
}

Change *
ledger_entry_add_change (Entry *entry, gint64 start, guint may_set, guint may_clear)
{
  Change change = { .number = ++last_number,
                    .start = start,
                    .end = NEVER,
                    .latest = NEVER,
                    .may_set = (guint16) may_set,
                    .may_clear = (guint16) may_clear };

  g_array_append_val (entry->changes, change);
  return &g_array_index (entry->changes, Change, entry->changes->len - 1);
}

void
ledger_entry_set_origin (Entry *entry, gint64 start, gint64 now, guint may_set, guint may_clear)
{
  for (guint i = 0; i < entry->changes->len; i++) {
    Change *change = &g_array_index (entry->changes, Change, i);

    if (change->number != 0)
      continue;
    change->start = start;
    change->end = now;
    change->latest = MIN (now, entry->first_seen);
    change->may_set = (guint16) may_set;
    change->may_clear = (guint16) may_clear;
    change->number = ++last_number;
  }
}

guint64
ledger_flags_begin (Box *box, const GArray *uids, guint may_set, guint may_clear)
{
  gint64 now;
  guint64 number;

  g_mutex_lock (&ledger_lock);
  now = g_get_monotonic_time ();
  number = ++last_number;
  for (guint i = 0; i < uids->len; i++) {
    Entry *entry = ledger_box_lookup_entry (box, g_array_index (uids, guint32, i));

    if (entry == NULL)
      continue;
    entry_prune (entry, now);
    ledger_entry_add_change (entry, now, may_set, may_clear)->number = number;
  }
  g_mutex_unlock (&ledger_lock);
  return number;
}

static void
entry_end_change (Entry *entry, guint64 number, Outcome outcome, gint64 now)
{
  for (guint i = 0; i < entry->changes->len; i++) {
    Change *change = &g_array_index (entry->changes, Change, i);

    if (change->number != number)
      continue;
    change->end = outcome == OUTCOME_OK ? now : NEVER;
    change->latest = outcome == OUTCOME_UNKNOWN ? now + ABORTED_FOR : now;
  }
}

void
ledger_flags_end (Box *box, const GArray *uids, guint64 number, Outcome outcome)
{
  g_mutex_lock (&ledger_lock);
  for (guint i = 0; i < uids->len; i++) {
    Entry *entry = ledger_box_lookup_entry (box, g_array_index (uids, guint32, i));

    if (entry != NULL)
      entry_end_change (entry, number, outcome, g_get_monotonic_time ());
  }
  g_mutex_unlock (&ledger_lock);
}

void
ledger_get_flags (Box *box, guint32 uid, gint64 start, guint *out_may_set, guint *out_may_clear)
{
  g_mutex_lock (&ledger_lock);
  Entry *entry = ledger_box_lookup_entry (box, uid);
  *out_may_set = *out_may_clear = ALL_FLAGS;
  if (entry != NULL)
    ledger_entry_get_flags (entry, start, g_get_monotonic_time (), out_may_set, out_may_clear);
  g_mutex_unlock (&ledger_lock);
}

char *
ledger_check_flags (Box *box, guint32 uid, guint flags, gint64 start)
{
  guint may_set, may_clear, wrong_set, wrong_clear;

  ledger_get_flags (box, uid, start, &may_set, &may_clear);
  wrong_set = flags & ~may_set;
  wrong_clear = ~flags & ~may_clear & ALL_FLAGS;
  if ((wrong_set | wrong_clear) == 0 || ledger_may_be_gone (box, uid))
    return NULL;
  g_autofree char *set = ledger_flags_to_string (wrong_set);
  g_autofree char *clear = ledger_flags_to_string (wrong_clear);
  g_autofree char *all = ledger_flags_to_string (flags);
  return g_strdup_printf (
      "RFC 3501, 6.4.6, 5.2: the flags of UID %u are (%s); set by nobody: (%s), missing: (%s)", uid, all, set,
      clear);
}

char *
ledger_check_recent (Box *box, guint32 uid, guint64 session)
{
  char *wrong = NULL;

  g_mutex_lock (&ledger_lock);
  Entry *entry = ledger_box_get_entry (box, uid);
  if (entry->recent_in == 0)
    entry->recent_in = session;
  else if (entry->recent_in != session && options.strict)
    wrong = g_strdup_printf ("RFC 3501, 2.3.2: \\Recent of UID %u was shown to session %" G_GUINT64_FORMAT
                             " before, and to %" G_GUINT64_FORMAT " now",
                             uid, entry->recent_in, session);
  g_mutex_unlock (&ledger_lock);
  return wrong;
}
