/* core/mailbox/vanished.c - which messages that a client knows are gone (vanished.h).
 *
 * Sets are walked by their ranges, and in a range that has no message nothing is looked at. So the cost
 * follows the number of ranges, unless the store does not remember and every UID counts.
 */
#include "mailbox/vanished.h"

/* How many of @n pairs, of sequence numbers from @seq and UIDs from @uid, still hold. If a pair holds, so
 * does each before it: messages only go. */
static guint32
match_run (const CfView *view, guint32 seq, guint32 uid, guint32 n)
{
  guint32 low = 0, high = n;

  while (low < high) {
    guint32 middle = low + (high - low) / 2;
    const CfIndexRow *row = cf_view_get_row (view, seq + middle);

    if (row != NULL && row->uid == uid + middle)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

guint32
cf_vanished_match (const CfView *view, const CfUidSet *seqs, const CfUidSet *uids)
{
  gsize i = 0, j = 0;
  guint32 passed_seqs = 0, passed_uids = 0, matched = 0;

  while (i < cf_uid_set_get_n_ranges (seqs) && j < cf_uid_set_get_n_ranges (uids)) {
    CfUidRange seq = cf_uid_set_get_range (seqs, i), uid = cf_uid_set_get_range (uids, j);
    guint64 left_seqs = (guint64) seq.last - seq.first + 1 - passed_seqs;
    guint64 left_uids = (guint64) uid.last - uid.first + 1 - passed_uids;
    guint32 n = (guint32) MIN (MIN (left_seqs, left_uids), G_MAXUINT32);
    guint32 hold = match_run (view, seq.first + passed_seqs, uid.first + passed_uids, n);

    if (hold > 0)
      matched = uid.first + passed_uids + hold - 1;
    if (hold < n)
      break;
    passed_seqs += n;
    passed_uids += n;
    if (n == left_seqs) {
      i++;
      passed_seqs = 0;
    }
    if (n == left_uids) {
      j++;
      passed_uids = 0;
    }
  }
  return matched;
}

/* Adds to @gone what of @range does not exist. */
static void
find_in_range (const CfSnapshot *snapshot, CfUidRange range, CfUidSet *gone)
{
  guint32 rank = cf_snapshot_rank (snapshot, range.first);
  guint32 next = range.first;
  const CfIndexRow *row;
  CfSnapshotIter iter;

  cf_snapshot_iter_init (&iter, snapshot, rank);
  while ((row = cf_snapshot_iter_next (&iter)) != NULL && row->uid <= range.last) {
    if (row->uid > next)
      cf_uid_set_add_range (gone, next, row->uid - 1);
    next = row->uid + 1;
  }
  if (next <= range.last)
    cf_uid_set_add_range (gone, next, range.last);
}

CfUidSet *
cf_vanished_find (const CfView *view, const CfUidSet *known, const CfUidSet *expunged, guint32 above)
{
  const CfSnapshot *snapshot = cf_view_get_snapshot (view);
  guint32 end = cf_snapshot_get_uid_next (snapshot);
  g_autoptr (CfUidSet) bounds = cf_uid_set_new ();
  g_autoptr (CfUidSet) asked = NULL;
  g_autoptr (CfUidSet) ghosts = cf_view_dup_ghosts (view);
  CfUidSet *gone = cf_uid_set_new ();

  /* UIDs that were never given out were not expunged either. */
  if (above < end - 1)
    cf_uid_set_add_range (bounds, above + 1, end - 1);
  asked = cf_uid_set_intersect (known, bounds);
  if (expunged != NULL) {
    CfUidSet *both = cf_uid_set_intersect (asked, expunged);

    cf_uid_set_free (asked);
    asked = both;
  }
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (asked); i++)
    find_in_range (snapshot, cf_uid_set_get_range (asked, i), gone);
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (ghosts); i++) {
    CfUidRange range = cf_uid_set_get_range (ghosts, i);

    cf_uid_set_remove_range (gone, range.first, range.last);
  }
  return gone;
}
