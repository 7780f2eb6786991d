/* core/imap/message-set.c - resolving a sequence-set against the session's view (coffer/session.h). */
#include "imap/input.h"
#include "imap/session.h"

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

gboolean
cf_input_messages (CfInput *input, CfCommandCall *call, gboolean by_uid, CfUidSet **out_uids, GError **error)
{
  CfView *view = cf_call_get_session (call)->view;
  guint32 exists = cf_view_get_exists (view);
  guint32 star = exists;
  g_autoptr (CfUidSet) set = NULL;
  g_autoptr (CfUidSet) uids = NULL;

  by_uid = by_uid || cf_call_is_uid (call);
  if (by_uid && exists > 0)
    star = cf_view_get_row (view, exists)->uid;
  if (!cf_input_sequence_set (input, star, &set, error))
    return FALSE;

  uids = cf_uid_set_new ();
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (set); i++) {
    CfUidRange range = cf_uid_set_get_range (set, i);

    if (by_uid) {
      set_add_uids (view, range, uids);
    } else if (range.last > exists) {
      g_set_error (error, CF_ERROR, CF_ERROR_BAD, "There is no message %u", range.last);
      return FALSE;
    } else {
      set_add_numbers (view, range, uids);
    }
  }
  *out_uids = g_steal_pointer (&uids);
  return TRUE;
}

gboolean
cf_input_message_numbers (CfInput *input, CfCommandCall *call, CfUidSet **out_uids, GError **error)
{
  CfView *view = cf_call_get_session (call)->view;
  g_autoptr (CfUidSet) set = NULL;
  CfUidSet *uids;

  if (!cf_input_sequence_set (input, cf_view_get_exists (view), &set, error))
    return FALSE;
  uids = cf_uid_set_new ();
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (set); i++)
    set_add_numbers (view, cf_uid_set_get_range (set, i), uids);
  *out_uids = uids;
  return TRUE;
}
