/* ledger.c - what all clients together know of the mailboxes (ledger.h).
 *
 * One lock for everything: the work under it is small beside a command's way to the server and back.
 */
#include "ledger.h"

#include <string.h>

#include "checker.h"

/* How long a command of a broken connection may still be carried out, and how long a session may go on
 * without hearing of what has happened. */
#define ABORTED_FOR (60 * SECOND)
#define KEEP_FOR    (180 * SECOND)

typedef struct {
  guint64 number;
  gint64 start;
  gint64 end;    /* certainly carried out by then; NEVER: in progress, or perhaps not at all */
  gint64 latest; /* not carried out later than this */
  guint16 may_set, may_clear;
} Change;

typedef struct {
  guint32 uid;
  guint64 serial;
  gint64 first_seen;  /* when somebody was first told of it */
  gint64 confirmed;   /* when it certainly was there; NEVER: not known */
  gint64 gone;        /* when somebody was told that it is expunged; NEVER: nobody */
  gboolean removable; /* something that was over may have expunged it */
  guint64 recent_in;  /* the session that was shown \Recent */
  GArray *changes;    /* of Change; NULL: gone for so long that nobody can ask */
} Entry;

struct Removal {
  gint64 start;
  gint64 latest; /* NEVER: in progress */
  GArray *uids;  /* NULL: all */
  gboolean move; /* also without \Deleted */
};

struct Box {
  Account *account;
  guint32 uid_validity;
  guint32 uid_next;    /* the highest that was told */
  GHashTable *names;   /* it had; set of strings */
  GHashTable *entries; /* by UID */
  GHashTable *gone;    /* those that are forgotten; set of UIDs */
  GPtrArray *removals;
};

typedef struct {
  guint32 uid_validity; /* the highest that was told */
  guint boxes;          /* so many UIDVALIDITY were seen */
  guint deletes;        /* so many were begun */
  guint adding;         /* messages that commands in progress may add, or broken ones may have added */
} Name;

struct Account {
  char *user;
  GHashTable *names; /* Name by name */
  GHashTable *boxes; /* Box by UIDVALIDITY */
};

static GMutex lock;
static GPtrArray *accounts;
static GHashTable *facts; /* "serial item" to a hash */
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

/* ---- Accounts and names ---- */

Account *
ledger_account_new (const char *user)
{
  Account *account = g_new0 (Account, 1);

  account->user = g_strdup (user);
  account->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  account->boxes = g_hash_table_new (NULL, NULL);
  if (accounts == NULL) {
    accounts = g_ptr_array_new ();
    facts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  }
  g_ptr_array_add (accounts, account);
  return account;
}

const char *
ledger_account_get_user (const Account *account)
{
  return account->user;
}

static Name *
name_get (Account *account, const char *text)
{
  Name *name = g_hash_table_lookup (account->names, text);

  if (name == NULL) {
    name = g_new0 (Name, 1);
    g_hash_table_insert (account->names, g_strdup (text), name);
  }
  return name;
}

static Box *
box_get (Account *account, guint32 uid_validity)
{
  Box *box = g_hash_table_lookup (account->boxes, GUINT_TO_POINTER (uid_validity));

  if (box != NULL)
    return box;
  box = g_new0 (Box, 1);
  box->account = account;
  box->uid_validity = uid_validity;
  box->uid_next = 1;
  box->names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  box->entries = g_hash_table_new (NULL, NULL);
  box->gone = g_hash_table_new (NULL, NULL);
  box->removals = g_ptr_array_new ();
  g_hash_table_insert (account->boxes, GUINT_TO_POINTER (uid_validity), box);
  return box;
}

guint32
ledger_box_get_uid_validity (const Box *box)
{
  return box->uid_validity;
}

Mark
ledger_mark (Account *account, const char *text)
{
  Mark mark = { .time = g_get_monotonic_time () };

  g_mutex_lock (&lock);
  Name *name = name_get (account, text);
  mark.uid_validity = name->uid_validity;
  if (name->uid_validity != 0)
    mark.uid_next = box_get (account, name->uid_validity)->uid_next;
  g_mutex_unlock (&lock);
  return mark;
}

/* @name has @uid_validity, and had what @mark says earlier. */
static char *
name_take_validity (Account *account, const char *text, const Mark *mark, guint32 uid_validity, Box **out_box)
{
  Name *name = name_get (account, text);
  Box *box;

  if (options.strict && uid_validity < mark->uid_validity)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDVALIDITY of %s is %u, was %u", text, uid_validity,
                            mark->uid_validity);
  box = box_get (account, uid_validity);
  if (g_hash_table_add (box->names, g_strdup (text)))
    name->boxes++;
  if (name->boxes > name->deletes + 1)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDVALIDITY of %s is %u, was %u; nobody has deleted it", text,
                            uid_validity, name->uid_validity);
  name->uid_validity = MAX (name->uid_validity, uid_validity);
  *out_box = box;
  return NULL;
}

static char *
box_take_uid_next (Box *box, const char *name, const Mark *mark, guint32 uid_next)
{
  if (options.strict && mark->uid_validity == box->uid_validity && uid_next < mark->uid_next)
    return g_strdup_printf ("RFC 3501, 2.3.1.1: UIDNEXT of %s is %u, was %u or a message has a higher UID",
                            name, uid_next, mark->uid_next);
  box->uid_next = MAX (box->uid_next, uid_next);
  return NULL;
}

char *
ledger_open (Account *account, const char *name, const Mark *mark, guint32 uid_validity, guint32 uid_next,
             Box **out_box)
{
  char *wrong;

  g_mutex_lock (&lock);
  wrong = name_take_validity (account, name, mark, uid_validity, out_box);
  if (wrong == NULL)
    wrong = box_take_uid_next (*out_box, name, mark, uid_next);
  g_mutex_unlock (&lock);
  return wrong;
}

void
ledger_delete_begin (Account *account, const char *name)
{
  g_mutex_lock (&lock);
  name_get (account, name)->deletes++;
  g_mutex_unlock (&lock);
}

void
ledger_delete_refused (Account *account, const char *name)
{
  g_mutex_lock (&lock);
  name_get (account, name)->deletes--;
  g_mutex_unlock (&lock);
}

gboolean
ledger_name_may_be_deleted (Account *account, const char *name)
{
  g_mutex_lock (&lock);
  gboolean deleted = name_get (account, name)->deletes > 0;
  g_mutex_unlock (&lock);
  return deleted;
}

gboolean
ledger_may_be_deleted (Box *box)
{
  GHashTableIter iter;
  gboolean deleted = FALSE;
  gpointer key;

  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, box->names);
  while (!deleted && g_hash_table_iter_next (&iter, &key, NULL)) {
    const Name *name = name_get (box->account, key);

    deleted = name->deletes >= MAX (name->boxes, 1) || name->uid_validity > box->uid_validity;
  }
  g_mutex_unlock (&lock);
  return deleted;
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

static void
entry_get_flags (const Entry *entry, gint64 start, gint64 end, guint *out_may_set, guint *out_may_clear)
{
  *out_may_set = *out_may_clear = entry->changes == NULL ? ALL_FLAGS : 0;
  for (guint i = 0; entry->changes != NULL && i < entry->changes->len; i++) {
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

static Change *
entry_add_change (Entry *entry, gint64 start, guint may_set, guint may_clear)
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

/* @uid's entry, made if need be: then nothing is known of its flags but that they were set before now. */
static Entry *
box_get_entry (Box *box, guint32 uid)
{
  Entry *entry = g_hash_table_lookup (box->entries, GUINT_TO_POINTER (uid));
  Change *base;

  if (entry != NULL)
    return entry;
  entry = g_new0 (Entry, 1);
  entry->uid = uid;
  entry->first_seen = g_get_monotonic_time ();
  entry->confirmed = entry->gone = NEVER;
  entry->changes = g_array_new (FALSE, FALSE, sizeof (Change));
  base = entry_add_change (entry, 0, ALL_FLAGS, ALL_FLAGS);
  base->number = 0;
  base->end = base->latest = entry->first_seen;
  g_hash_table_insert (box->entries, GUINT_TO_POINTER (uid), entry);
  return entry;
}

static Entry *
box_lookup_entry (Box *box, guint32 uid)
{
  return g_hash_table_lookup (box->entries, GUINT_TO_POINTER (uid));
}

guint64
ledger_flags_begin (Box *box, const GArray *uids, guint may_set, guint may_clear)
{
  gint64 now;
  guint64 number;

  g_mutex_lock (&lock);
  now = g_get_monotonic_time ();
  number = ++last_number;
  for (guint i = 0; i < uids->len; i++) {
    Entry *entry = box_lookup_entry (box, g_array_index (uids, guint32, i));

    if (entry == NULL || entry->changes == NULL)
      continue;
    entry_prune (entry, now);
    entry_add_change (entry, now, may_set, may_clear)->number = number;
  }
  g_mutex_unlock (&lock);
  return number;
}

static void
entry_end_change (Entry *entry, guint64 number, Outcome outcome, gint64 now)
{
  for (guint i = 0; entry->changes != NULL && i < entry->changes->len; i++) {
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
  g_mutex_lock (&lock);
  for (guint i = 0; i < uids->len; i++) {
    Entry *entry = box_lookup_entry (box, g_array_index (uids, guint32, i));

    if (entry != NULL)
      entry_end_change (entry, number, outcome, g_get_monotonic_time ());
  }
  g_mutex_unlock (&lock);
}

void
ledger_get_flags (Box *box, guint32 uid, gint64 start, guint *out_may_set, guint *out_may_clear)
{
  g_mutex_lock (&lock);
  Entry *entry = box_lookup_entry (box, uid);
  *out_may_set = *out_may_clear = ALL_FLAGS;
  if (entry != NULL)
    entry_get_flags (entry, start, g_get_monotonic_time (), out_may_set, out_may_clear);
  g_mutex_unlock (&lock);
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

  g_mutex_lock (&lock);
  Entry *entry = box_get_entry (box, uid);
  if (entry->recent_in == 0)
    entry->recent_in = session;
  else if (entry->recent_in != session && options.strict)
    wrong = g_strdup_printf ("RFC 3501, 2.3.2: \\Recent of UID %u was shown to session %" G_GUINT64_FORMAT
                             " before, and to %" G_GUINT64_FORMAT " now",
                             uid, entry->recent_in, session);
  g_mutex_unlock (&lock);
  return wrong;
}

/* ---- Removals ---- */

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
  entry_get_flags (entry, removal->start, removal->latest, &may_set, &may_clear);
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
  g_mutex_lock (&lock);
  removal->start = g_get_monotonic_time ();
  g_ptr_array_add (box->removals, removal);
  g_mutex_unlock (&lock);
  return removal;
}

void
ledger_remove_end (Box *box, Removal *removal, Outcome outcome, const GArray *gone)
{
  gint64 now;

  g_mutex_lock (&lock);
  now = g_get_monotonic_time ();
  for (guint i = 0; gone != NULL && i < gone->len; i++) {
    Entry *entry = box_get_entry (box, g_array_index (gone, guint32, i));

    entry->removable = TRUE;
    entry->gone = MIN (entry->gone, now);
  }
  if (outcome == OUTCOME_UNKNOWN) {
    removal->latest = now + ABORTED_FOR;
  } else {
    removal->latest = now;
    removal_settle (box, removal);
  }
  g_mutex_unlock (&lock);
}

static gboolean
entry_may_be_gone (const Box *box, const Entry *entry)
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
  g_mutex_lock (&lock);
  Entry *entry = box_lookup_entry (box, uid);
  gboolean gone = entry == NULL || entry_may_be_gone (box, entry);
  g_mutex_unlock (&lock);
  return gone;
}

char *
ledger_expunged (Box *box, guint32 uid)
{
  char *wrong = NULL;

  g_mutex_lock (&lock);
  Entry *entry = box_lookup_entry (box, uid);
  if (entry != NULL && !entry_may_be_gone (box, entry))
    wrong = g_strdup_printf ("RFC 3501, 6.4.3: UID %u was expunged, though nobody has done that while it had "
                             "\\Deleted",
                             uid);
  if (entry != NULL)
    entry->gone = MIN (entry->gone, g_get_monotonic_time ());
  g_mutex_unlock (&lock);
  return wrong;
}

/* ---- Messages ---- */

char *
ledger_observe (Box *box, guint32 uid, gint64 opened)
{
  char *wrong = NULL;
  Entry *entry = NULL;

  g_mutex_lock (&lock);
  if (g_hash_table_contains (box->gone, GUINT_TO_POINTER (uid)))
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: UID %u, expunged long ago, is there again", uid);
  else
    entry = box_get_entry (box, uid);
  if (entry != NULL && entry->gone < opened && options.strict)
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: UID %u was expunged before the mailbox was selected, and is "
                             "there again",
                             uid);
  if (entry != NULL)
    entry->confirmed = MIN (entry->confirmed, g_get_monotonic_time ());
  box->uid_next = MAX (box->uid_next, uid + 1);
  g_mutex_unlock (&lock);
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

  g_mutex_lock (&lock);
  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const Entry *entry = value;

    if (entry->gone < start) {
      if (expunges && array_contains (uids, entry->uid))
        ghost = entry->uid;
    } else if (entry->confirmed < start && !array_contains (uids, entry->uid)
               && !entry_may_be_gone (box, entry)) {
      first_missing = missing++ == 0 ? entry->uid : MIN (first_missing, entry->uid);
    }
  }
  g_mutex_unlock (&lock);
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
  g_mutex_lock (&lock);
  name_get (account, name)->adding += n;
  g_mutex_unlock (&lock);
}

void
ledger_add_end (Account *account, const char *name, guint n, Outcome outcome)
{
  if (outcome == OUTCOME_UNKNOWN)
    return;
  g_mutex_lock (&lock);
  name_get (account, name)->adding -= n;
  g_mutex_unlock (&lock);
}

/* The flags that it came with take the place of what was not known of them. */
static void
entry_set_origin (Entry *entry, gint64 start, gint64 now, guint may_set, guint may_clear)
{
  for (guint i = 0; entry->changes != NULL && i < entry->changes->len; i++) {
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

  g_mutex_lock (&lock);
  wrong = name_take_validity (account, name, mark, uid_validity, &box);
  if (wrong == NULL && options.strict && mark->uid_validity == uid_validity && uid < mark->uid_next)
    wrong = g_strdup_printf ("RFC 3501, 2.3.1.1: the new message has UID %u in %s, where UIDNEXT was %u", uid,
                             name, mark->uid_next);
  if (wrong == NULL) {
    Entry *entry = box_get_entry (box, uid);

    entry_set_origin (entry, mark->time, now, may_set, may_clear);
    entry->confirmed = MIN (entry->confirmed, now);
    box->uid_next = MAX (box->uid_next, uid + 1);
    wrong = entry_set_serial (entry, serial);
  }
  g_mutex_unlock (&lock);
  return wrong;
}

char *
ledger_check_status (Account *account, const char *name, const Mark *mark, guint32 uid_validity,
                     guint32 uid_next, guint messages)
{
  guint least = 0, most;
  GHashTableIter iter;
  gpointer value;
  char *wrong;
  Box *box = NULL;

  g_mutex_lock (&lock);
  wrong = name_take_validity (account, name, mark, uid_validity, &box);
  if (wrong == NULL)
    wrong = box_take_uid_next (box, name, mark, uid_next);
  if (wrong == NULL && options.strict) {
    most = name_get (account, name)->adding;
    g_hash_table_iter_init (&iter, box->entries);
    while (g_hash_table_iter_next (&iter, NULL, &value)) {
      const Entry *entry = value;

      least += entry->confirmed < mark->time && !entry_may_be_gone (box, entry);
      most += entry->gone >= mark->time;
    }
    if (messages < least || messages > most)
      wrong = g_strdup_printf (
          "RFC 3501, 6.3.10: STATUS tells %u MESSAGES in %s, at least %u and at most %u are "
          "there",
          messages, name, least, most);
  }
  g_mutex_unlock (&lock);
  return wrong;
}

/* ---- Content ---- */

guint64
ledger_get_serial (Box *box, guint32 uid)
{
  g_mutex_lock (&lock);
  Entry *entry = box_lookup_entry (box, uid);
  guint64 serial = entry != NULL ? entry->serial : 0;
  g_mutex_unlock (&lock);
  return serial;
}

char *
ledger_set_serial (Box *box, guint32 uid, guint64 serial)
{
  g_mutex_lock (&lock);
  char *wrong = entry_set_serial (box_get_entry (box, uid), serial);
  g_mutex_unlock (&lock);
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

  g_mutex_lock (&lock);
  if (!g_hash_table_lookup_extended (facts, key, NULL, &known))
    g_hash_table_insert (facts, g_steal_pointer (&key), GUINT_TO_POINTER (hash));
  else if (GPOINTER_TO_UINT (known) != hash)
    wrong = g_strdup_printf ("RFC 3501, 2.3: %s of message %" G_GUINT64_FORMAT " was another before", item,
                             serial);
  g_mutex_unlock (&lock);
  return wrong;
}

/* ---- Forgetting ---- */

static void
box_sweep (Box *box, gint64 now)
{
  GHashTableIter iter;
  gpointer value;

  for (guint i = box->removals->len; i > 0; i--) {
    Removal *removal = g_ptr_array_index (box->removals, i - 1);

    if (removal->latest < now)
      removal_settle (box, removal);
  }
  g_hash_table_iter_init (&iter, box->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    Entry *entry = value;

    if (entry->gone == NEVER || entry->gone + KEEP_FOR > now)
      continue;
    g_hash_table_add (box->gone, GUINT_TO_POINTER (entry->uid));
    g_array_unref (entry->changes);
    g_free (entry);
    g_hash_table_iter_remove (&iter);
  }
}

void
ledger_sweep (void)
{
  GHashTableIter iter;
  gpointer value;

  g_mutex_lock (&lock);
  for (guint i = 0; i < accounts->len; i++) {
    g_hash_table_iter_init (&iter, ((Account *) g_ptr_array_index (accounts, i))->boxes);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      box_sweep (value, g_get_monotonic_time ());
  }
  g_mutex_unlock (&lock);
}
