/* core/mailbox/view.c - sequence numbers, ghosts and what is still to be told (view.h).
 *
 * What can be derived is not stored. The messages in the view are the snapshot's rows below bound (the
 * UIDNEXT up to which EXISTS was announced) and the ghosts, all of which are below bound. So EXISTS is rank
 * (bound) + ghosts, and a message's sequence number is its rank in the snapshot plus the ghosts below it,
 * plus 1. Arrivals are the snapshot's rows from bound on; one that is expunged before it was announced was
 * never there.
 */
#include "mailbox/view.h"

typedef struct {
  CfIndexRow row; /* as it was last; holds a reference to its keywords */
  guint64 before; /* the highest MODSEQ of the last snapshot that had it: below its expunge */
} ViewGhost;

struct _CfView {
  CfSnapshot *snapshot; /* NULL: demoted */
  guint32 bound;        /* UIDs below are announced */
  guint64 told_modseq;  /* the client has been told everything up to here */
  GArray *ghosts;       /* ViewGhost in order of UID; NULL: none */
  CfUidSet *dirty;      /* all below bound and in the snapshot; NULL: none */
  CfUidSet *recent;     /* UIDs that are gone stay: they never come back; NULL: none */

  /* While demoted, in place of the snapshot. */
  guint64 modseq;
  CfUidSet *uids; /* the announced ones without ghosts */
};

/* What advance found out, before it is made part of the view. */
typedef struct {
  CfView *view;
  guint64 before;
  GArray *ghosts;
  CfUidSet *expunged;
  CfUidSet *changed;
} ViewNews;

static void
view_ghost_clear (gpointer data)
{
  cf_keywords_unref ((CfKeywords *) ((ViewGhost *) data)->row.keywords);
}

static GArray *
view_ghosts_new (guint room)
{
  GArray *ghosts = g_array_sized_new (FALSE, FALSE, sizeof (ViewGhost), room);

  g_array_set_clear_func (ghosts, view_ghost_clear);
  return ghosts;
}

CfView *
cf_view_new (CfSnapshot *snapshot)
{
  CfView *view = g_new0 (CfView, 1);

  view->snapshot = cf_snapshot_ref (snapshot);
  view->bound = cf_snapshot_get_uid_next (snapshot);
  view->told_modseq = cf_snapshot_get_highest_modseq (snapshot);
  return view;
}

void
cf_view_free (CfView *view)
{
  if (view == NULL)
    return;
  cf_snapshot_unref (view->snapshot);
  g_clear_pointer (&view->ghosts, g_array_unref);
  g_clear_pointer (&view->dirty, cf_uid_set_free);
  g_clear_pointer (&view->recent, cf_uid_set_free);
  g_clear_pointer (&view->uids, cf_uid_set_free);
  g_free (view);
}

CfSnapshot *
cf_view_get_snapshot (const CfView *view)
{
  return view->snapshot;
}

/* ---- The client's state ------------------------------------------------------------------------------ */

static guint
view_n_ghosts (const CfView *view)
{
  return view->ghosts != NULL ? view->ghosts->len : 0;
}

static const ViewGhost *
view_ghost (const CfView *view, guint i)
{
  return &g_array_index (view->ghosts, ViewGhost, i);
}

/* How many ghosts have a UID below @uid. */
static guint
view_ghosts_below (const CfView *view, guint32 uid)
{
  guint low = 0, high = view_n_ghosts (view);

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (view_ghost (view, middle)->row.uid < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The ghost with this UID, or NULL; @out_below ghosts are below it. */
static const ViewGhost *
view_lookup_ghost (const CfView *view, guint32 uid, guint *out_below)
{
  guint i = view_ghosts_below (view, uid);

  *out_below = i;
  return i < view_n_ghosts (view) && view_ghost (view, i)->row.uid == uid ? view_ghost (view, i) : NULL;
}

static guint32
view_ghost_seq (const CfView *view, guint i)
{
  return cf_snapshot_rank (view->snapshot, view_ghost (view, i)->row.uid) + i + 1;
}

guint32
cf_view_get_exists (const CfView *view)
{
  guint32 rows;

  if (view->snapshot != NULL)
    rows = cf_snapshot_rank (view->snapshot, view->bound);
  else
    rows = (guint32) cf_uid_set_get_count (view->uids);
  return rows + view_n_ghosts (view);
}

const CfIndexRow *
cf_view_get_row (const CfView *view, guint32 seq)
{
  guint low = 0, high = view_n_ghosts (view);

  if (view->snapshot == NULL || seq == 0 || seq > cf_view_get_exists (view))
    return NULL;

  /* The first ghost that does not come before this number. */
  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (view_ghost_seq (view, middle) < seq)
      low = middle + 1;
    else
      high = middle;
  }
  if (low < view_n_ghosts (view) && view_ghost_seq (view, low) == seq)
    return &view_ghost (view, low)->row;
  return cf_snapshot_get_row (view->snapshot, seq - 1 - low);
}

const CfIndexRow *
cf_view_lookup_row (const CfView *view, guint32 uid)
{
  const ViewGhost *ghost;
  guint below;

  if (view->snapshot == NULL || uid >= view->bound)
    return NULL;
  ghost = view_lookup_ghost (view, uid, &below);
  return ghost != NULL ? &ghost->row : cf_snapshot_lookup_uid (view->snapshot, uid, NULL);
}

guint32
cf_view_lookup_seq (const CfView *view, guint32 uid)
{
  guint below;
  guint32 rank;

  if (view->snapshot == NULL || uid >= view->bound)
    return 0;
  if (view_lookup_ghost (view, uid, &below) != NULL)
    return view_ghost_seq (view, below);
  if (cf_snapshot_lookup_uid (view->snapshot, uid, &rank) == NULL)
    return 0;
  return rank + below + 1;
}

gboolean
cf_view_is_ghost (const CfView *view, guint32 uid)
{
  guint below;

  return view_lookup_ghost (view, uid, &below) != NULL;
}

gboolean
cf_view_has_ghosts (const CfView *view)
{
  return view_n_ghosts (view) > 0;
}

CfUidSet *
cf_view_dup_ghosts (const CfView *view)
{
  CfUidSet *uids = cf_uid_set_new ();

  for (guint i = 0; i < view_n_ghosts (view); i++)
    cf_uid_set_add (uids, view_ghost (view, i)->row.uid);
  return uids;
}

CfUidSet *
cf_view_dup_changed (const CfView *view, guint64 modseq)
{
  const CfIndexRow *row;
  CfSnapshotIter iter;
  CfUidSet *uids;

  if (view->snapshot == NULL)
    return NULL;
  uids = cf_uid_set_new ();
  cf_snapshot_iter_init (&iter, view->snapshot, 0);
  while ((row = cf_snapshot_iter_next_changed (&iter, modseq)) != NULL && row->uid < view->bound)
    cf_uid_set_add (uids, row->uid);
  for (guint i = 0; i < view_n_ghosts (view); i++)
    if (view_ghost (view, i)->row.modseq > modseq)
      cf_uid_set_add (uids, view_ghost (view, i)->row.uid);
  return uids;
}

gboolean
cf_view_is_recent (const CfView *view, guint32 uid)
{
  return view->recent != NULL && cf_uid_set_contains (view->recent, uid);
}

void
cf_view_add_recent (CfView *view, guint32 first, guint32 end)
{
  if (first >= end)
    return;
  if (view->recent == NULL)
    view->recent = cf_uid_set_new ();
  cf_uid_set_add_range (view->recent, first, end - 1);
}

guint32
cf_view_get_n_recent (const CfView *view)
{
  guint32 n = 0;

  if (view->recent == NULL || view->snapshot == NULL)
    return 0;
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (view->recent); i++) {
    CfUidRange range = cf_uid_set_get_range (view->recent, i);
    guint32 end = MIN (range.last + 1, view->bound); /* no UID is G_MAXUINT32: it is below some UIDNEXT */

    if (range.first >= end)
      break;
    n += cf_snapshot_rank (view->snapshot, end) - cf_snapshot_rank (view->snapshot, range.first);
    n += view_ghosts_below (view, end) - view_ghosts_below (view, range.first);
  }
  return n;
}

/* Messages that have arrived and are not announced. */
static gboolean
view_has_arrivals (const CfView *view)
{
  return view->snapshot != NULL
         && cf_snapshot_rank (view->snapshot, view->bound) < cf_snapshot_get_n (view->snapshot);
}

gboolean
cf_view_has_news (const CfView *view, gboolean allow_expunge)
{
  return view->dirty != NULL || view_has_arrivals (view) || (allow_expunge && cf_view_has_ghosts (view));
}

guint64
cf_view_get_sendable_modseq (const CfView *view)
{
  if (view->snapshot == NULL || cf_view_has_news (view, TRUE))
    return view->told_modseq;
  return cf_snapshot_get_highest_modseq (view->snapshot);
}

/* ---- Advancing --------------------------------------------------------------------------------------- */

static void
view_news_expunged (const CfIndexRow *row, gpointer user_data)
{
  ViewNews *news = user_data;
  ViewGhost ghost = { *row, news->before };

  if (row->uid >= news->view->bound)
    return;
  cf_keywords_ref ((CfKeywords *) row->keywords);
  g_array_append_val (news->ghosts, ghost);
  cf_uid_set_add (news->expunged, row->uid);
}

static void
view_news_changed (const CfIndexRow *row, gpointer user_data)
{
  ViewNews *news = user_data;

  if (row->uid < news->view->bound)
    cf_uid_set_add (news->changed, row->uid);
}

/* What happened between a demoted view's state and @snapshot. */
static void
view_news_since_demotion (ViewNews *news, CfSnapshot *snapshot)
{
  const CfView *view = news->view;
  const CfIndexRow *row;
  CfSnapshotIter iter;

  for (gsize i = 0; i < cf_uid_set_get_n_ranges (view->uids); i++) {
    CfUidRange range = cf_uid_set_get_range (view->uids, i);
    guint32 rank = cf_snapshot_rank (snapshot, range.first);
    guint64 left = cf_snapshot_rank (snapshot, range.last + 1) - rank;

    if (left == (guint64) range.last - range.first + 1)
      continue;
    cf_snapshot_iter_init (&iter, snapshot, rank);
    row = cf_snapshot_iter_next (&iter);
    for (guint32 uid = range.first; uid <= range.last; uid++) {
      CfIndexRow gone = { .struct_size = sizeof gone, .uid = uid };

      if (row != NULL && row->uid == uid)
        row = cf_snapshot_iter_next (&iter);
      else
        view_news_expunged (&gone, news);
    }
  }

  cf_snapshot_iter_init (&iter, snapshot, 0);
  while ((row = cf_snapshot_iter_next_changed (&iter, news->before)) != NULL && row->uid < view->bound)
    cf_uid_set_add (news->changed, row->uid);
}

/* Both are in order of UID, and have none in common. */
static GArray *
view_merge_ghosts (GArray *a, GArray *b)
{
  GArray *merged = view_ghosts_new (a->len + b->len);

  for (guint i = 0, j = 0; i < a->len || j < b->len;) {
    gboolean from_a
        = j == b->len
          || (i < a->len
              && g_array_index (a, ViewGhost, i).row.uid < g_array_index (b, ViewGhost, j).row.uid);

    g_array_append_vals (merged,
                         from_a ? &g_array_index (a, ViewGhost, i++) : &g_array_index (b, ViewGhost, j++), 1);
  }
  /* The references to keywords went with the structs. */
  g_array_set_clear_func (a, NULL);
  g_array_set_clear_func (b, NULL);
  return merged;
}

static void
view_take_ghosts (CfView *view, GArray *found)
{
  GArray *before = view->ghosts;

  if (found->len == 0) {
    g_array_unref (found);
    return;
  }
  if (before == NULL) {
    view->ghosts = found;
    return;
  }
  view->ghosts = view_merge_ghosts (before, found);
  g_array_unref (before);
  g_array_unref (found);
}

static void
view_take_dirty (CfView *view, const CfUidSet *changed, const CfUidSet *expunged)
{
  if (view->dirty == NULL)
    view->dirty = cf_uid_set_new ();
  cf_uid_set_add_set (view->dirty, changed);
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (expunged); i++) {
    CfUidRange range = cf_uid_set_get_range (expunged, i);

    cf_uid_set_remove_range (view->dirty, range.first, range.last);
  }
  if (cf_uid_set_is_empty (view->dirty))
    g_clear_pointer (&view->dirty, cf_uid_set_free);
}

void
cf_view_advance (CfView *view, CfSnapshot *snapshot)
{
  static const CfSnapshotDiffFuncs funcs = { view_news_expunged, view_news_changed, NULL };
  g_autoptr (CfUidSet) expunged = NULL, changed = NULL;
  guint64 before = cf_view_get_modseq (view);
  ViewNews news;

  if (view->snapshot == snapshot || cf_snapshot_get_highest_modseq (snapshot) < before)
    return;

  expunged = cf_uid_set_new ();
  changed = cf_uid_set_new ();
  news = (ViewNews){ view, before, view_ghosts_new (0), expunged, changed };
  if (view->snapshot != NULL)
    cf_snapshot_diff (view->snapshot, snapshot, &funcs, &news);
  else
    view_news_since_demotion (&news, snapshot);

  view_take_ghosts (view, news.ghosts);
  view_take_dirty (view, changed, expunged);
  cf_snapshot_unref (view->snapshot);
  view->snapshot = cf_snapshot_ref (snapshot);
  g_clear_pointer (&view->uids, cf_uid_set_free);
}

/* ---- Telling ----------------------------------------------------------------------------------------- */

static gboolean
view_sync_ghosts (CfView *view, CfViewSink *sink)
{
  guint n = view_n_ghosts (view), told = 0;
  gboolean go_on = TRUE;

  /* Those below it have been told by then: its number is its rank among what remains. */
  while (go_on && told < n) {
    guint32 uid = view_ghost (view, told++)->row.uid;

    go_on = sink->expunged (sink, cf_snapshot_rank (view->snapshot, uid) + 1, uid);
  }
  if (told == n)
    g_clear_pointer (&view->ghosts, g_array_unref);
  else
    g_array_remove_range (view->ghosts, 0, told);
  return go_on;
}

static gboolean
view_sync_arrivals (CfView *view, CfViewSink *sink)
{
  gboolean arrived = view_has_arrivals (view);

  view->bound = cf_snapshot_get_uid_next (view->snapshot);
  return !arrived || sink->exists (sink, cf_view_get_exists (view), cf_view_get_n_recent (view));
}

static gboolean
view_sync_dirty (CfView *view, CfViewSink *sink)
{
  gboolean go_on = TRUE;
  CfUidIter iter = { 0 };
  guint32 uid = 0;

  while (go_on && cf_uid_set_next (view->dirty, &iter, &uid))
    go_on = sink->changed (sink, cf_view_lookup_seq (view, uid), cf_view_lookup_row (view, uid));
  cf_uid_set_remove_range (view->dirty, 0, uid);
  if (cf_uid_set_is_empty (view->dirty))
    g_clear_pointer (&view->dirty, cf_uid_set_free);
  return go_on;
}

guint32
cf_view_get_bound (const CfView *view)
{
  return view->bound;
}

guint64
cf_view_get_modseq (const CfView *view)
{
  return view->snapshot != NULL ? cf_snapshot_get_highest_modseq (view->snapshot) : view->modseq;
}

gboolean
cf_view_sync (CfView *view, guint news, CfViewSink *sink)
{
  g_return_val_if_fail (view->snapshot != NULL, TRUE);

  if ((news & CF_VIEW_EXPUNGED) != 0 && view->ghosts != NULL && !view_sync_ghosts (view, sink))
    return FALSE;
  if ((news & CF_VIEW_ARRIVED) != 0 && !view_sync_arrivals (view, sink))
    return FALSE;
  if ((news & CF_VIEW_CHANGED) != 0 && view->dirty != NULL && !view_sync_dirty (view, sink))
    return FALSE;
  if (cf_view_has_news (view, FALSE))
    return TRUE; /* what is withheld may be older than all that was told */

  view->told_modseq = cf_snapshot_get_highest_modseq (view->snapshot);
  for (guint i = 0; i < view_n_ghosts (view); i++)
    view->told_modseq = MIN (view->told_modseq, view_ghost (view, i)->before);
  return TRUE;
}

CfUidSet *
cf_view_dup_dirty (const CfView *view)
{
  return view->dirty != NULL ? cf_uid_set_copy (view->dirty) : NULL;
}

void
cf_view_forget_dirty (CfView *view, guint32 uid, guint64 modseq)
{
  const CfIndexRow *row;

  if (view->dirty == NULL || view->snapshot == NULL)
    return;
  row = cf_snapshot_lookup_uid (view->snapshot, uid, NULL);
  if (row == NULL || row->modseq > modseq)
    return;
  cf_uid_set_remove_range (view->dirty, uid, uid);
  if (cf_uid_set_is_empty (view->dirty))
    g_clear_pointer (&view->dirty, cf_uid_set_free);
}

/* ---- Demotion ---------------------------------------------------------------------------------------- */

void
cf_view_demote (CfView *view)
{
  if (view->snapshot == NULL)
    return;
  if (!cf_view_has_news (view, TRUE))
    view->told_modseq = cf_snapshot_get_highest_modseq (view->snapshot);
  view->modseq = cf_snapshot_get_highest_modseq (view->snapshot);
  view->uids = cf_uid_set_new ();
  cf_snapshot_add_uids (view->snapshot, view->bound, view->uids);
  g_clear_pointer (&view->snapshot, cf_snapshot_unref);
}

gboolean
cf_view_is_demoted (const CfView *view)
{
  return view->snapshot == NULL;
}

/* A set's octets: the ranges, and its array's own. */
static gsize
view_set_size (const CfUidSet *set)
{
  return set != NULL ? cf_uid_set_get_n_ranges (set) * sizeof (CfUidRange) + 48 : 0;
}

gsize
cf_view_get_size (const CfView *view)
{
  return sizeof *view + view_n_ghosts (view) * sizeof (ViewGhost) + view_set_size (view->dirty)
         + view_set_size (view->recent) + view_set_size (view->uids);
}
