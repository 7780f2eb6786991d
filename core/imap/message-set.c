/* core/imap/message-set.c - resolving a sequence-set against the session's view (coffer/session.h). */
#include "imap/message-set.h"

#include "imap/search-result.h"

/* The UIDs of messages with sequence numbers @range; those beyond the last name none. */
static void
set_add_numbers (CfView *view, CfUidRange range, CfUidSet *uids)
{
  guint32 last = MIN (range.last, cf_view_get_exists (view));

  for (guint32 seq = range.first; seq <= last; seq++)
    cf_uid_set_add (uids, cf_view_get_row (view, seq)->uid);
}

/* The messages of the view with a UID in @range; a range far wider than the mailbox costs no more
 * than the mailbox. */
static void
set_add_uids (CfView *view, CfUidRange range, CfUidSet *uids)
{
  guint32 exists = cf_view_get_exists (view);
  guint32 low = 1, high = exists + 1;

  /* The first sequence number whose UID is not below the range. */
  while (low < high) {
    guint32 middle = low + (high - low) / 2;

    if (cf_view_get_row (view, middle)->uid < range.first)
      low = middle + 1;
    else
      high = middle;
  }
  for (guint32 seq = low; seq <= exists; seq++) {
    guint32 uid = cf_view_get_row (view, seq)->uid;

    if (uid > range.last)
      break;
    cf_uid_set_add (uids, uid);
  }
}

void
cf_message_set_clear (CfMessageSet *set)
{
  g_clear_pointer (&set->numbers, cf_uid_set_free);
  g_clear_pointer (&set->saved, cf_uid_set_free);
}

gboolean
cf_input_message_set (CfInput *input, CfCommandCall *call, gboolean by_uid, CfMessageSet *out_set,
                      GError **error)
{
  CfView *view = cf_call_get_session (call)->view;
  guint32 exists = cf_view_get_exists (view);
  CfMessageSet set = { .by_uid = by_uid || cf_call_is_uid (call) };
  guint32 star = exists;
  gsize n;
  gboolean saved;

  if (set.by_uid && exists > 0)
    star = cf_view_get_row (view, exists)->uid;
  if (!cf_input_sequence_set_saved (input, star, &set.numbers, &saved, error))
    return FALSE;
  n = cf_uid_set_get_n_ranges (set.numbers);
  if (!set.by_uid && n > 0 && cf_uid_set_get_range (set.numbers, n - 1).last > exists) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "There is no message %u",
                 cf_uid_set_get_range (set.numbers, n - 1).last);
    cf_message_set_clear (&set);
    return FALSE;
  }
  if (saved)
    set.saved = cf_search_result_dup (cf_call_get_session (call));
  *out_set = set;
  return TRUE;
}

CfUidSet *
cf_message_set_resolve (const CfMessageSet *set, CfView *view)
{
  CfUidSet *uids = cf_uid_set_new ();

  for (gsize i = 0; i < cf_uid_set_get_n_ranges (set->numbers); i++) {
    CfUidRange range = cf_uid_set_get_range (set->numbers, i);

    if (set->by_uid)
      set_add_uids (view, range, uids);
    else
      set_add_numbers (view, range, uids);
  }
  if (set->saved != NULL)
    cf_uid_set_add_set (uids, set->saved);
  return uids;
}

CfUidSet *
cf_message_set_resolve_changed (const CfMessageSet *set, CfView *view, guint64 modseq)
{
  g_autoptr (CfUidSet) changed = cf_view_dup_changed (view, modseq);
  CfUidSet *uids;
  CfUidIter iter = { 0 };
  guint32 uid;

  uids = set->by_uid ? cf_uid_set_intersect (changed, set->numbers) : cf_uid_set_new ();
  while (!set->by_uid && cf_uid_set_next (changed, &iter, &uid))
    if (cf_uid_set_contains (set->numbers, cf_view_lookup_seq (view, uid)))
      cf_uid_set_add (uids, uid);
  if (set->saved != NULL) {
    g_autoptr (CfUidSet) saved = cf_uid_set_intersect (changed, set->saved);

    cf_uid_set_add_set (uids, saved);
  }
  return uids;
}

gboolean
cf_input_messages (CfInput *input, CfCommandCall *call, gboolean by_uid, CfUidSet **out_uids, GError **error)
{
  g_auto (CfMessageSet) set = { 0 };

  if (!cf_input_message_set (input, call, by_uid, &set, error))
    return FALSE;
  *out_uids = cf_message_set_resolve (&set, cf_call_get_session (call)->view);
  return TRUE;
}

gboolean
cf_input_message_numbers (CfInput *input, CfCommandCall *call, CfUidSet **out_uids, GError **error)
{
  CfView *view = cf_call_get_session (call)->view;
  g_autoptr (CfUidSet) set = NULL;
  CfUidSet *uids;
  gboolean saved;

  if (!cf_input_sequence_set_saved (input, cf_view_get_exists (view), &set, &saved, error))
    return FALSE;
  uids = cf_uid_set_new ();
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (set); i++)
    set_add_numbers (view, cf_uid_set_get_range (set, i), uids);
  if (saved) {
    g_autoptr (CfUidSet) more = cf_search_result_dup (cf_call_get_session (call));

    cf_uid_set_add_set (uids, more);
  }
  *out_uids = uids;
  return TRUE;
}
