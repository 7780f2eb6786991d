/* tests/unit/test-snapshot.c - snapshots against a plain array; reports that are late, repeated, or wrong. */
#include "mailbox/snapshot-private.h"
#include "mailbox-model.h"

static void
assert_same (const CfSnapshot *snapshot, const Model *model)
{
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  guint32 rank = 0;
  CfSnapshotIter iter;

  g_assert_cmpuint (cf_snapshot_get_n (snapshot), ==, model_count (model));
  g_assert_cmpuint (cf_snapshot_get_uid_next (snapshot), ==, model->uid_next);
  g_assert_cmpuint (cf_snapshot_get_highest_modseq (snapshot), ==, model->modseq);
  cf_snapshot_iter_init (&iter, snapshot, 0);
  cf_snapshot_add_uids (snapshot, G_MAXUINT32, uids);
  g_assert_cmpuint (cf_uid_set_get_count (uids), ==, model_count (model));
  for (guint i = 0; i < model->rows->len; i++) {
    const ModelRow *expected = model_row (model, i);
    const CfIndexRow *row;
    guint32 found = G_MAXUINT32;

    g_assert_cmpuint (cf_snapshot_rank (snapshot, expected->uid), ==, rank);
    row = cf_snapshot_lookup_uid (snapshot, expected->uid, &found);
    g_assert_cmpint (cf_uid_set_contains (uids, expected->uid), ==, expected->expunged == 0);
    if (expected->expunged != 0) {
      g_assert_null (row);
      continue;
    }
    g_assert_cmpuint (found, ==, rank);
    g_assert_true (row == cf_snapshot_get_row (snapshot, rank));
    g_assert_true (row == cf_snapshot_iter_next (&iter));
    g_assert_cmpuint (row->modseq, ==, expected->modseq);
    g_assert_cmpuint (row->flags, ==, expected->flags);
    g_assert_cmpint (cf_keywords_contains (row->keywords, "$work"), ==, row->uid % 3 == 0);
    rank++;
  }
  g_assert_null (cf_snapshot_iter_next (&iter));
  g_assert_null (cf_snapshot_get_row (snapshot, rank));
  g_assert_cmpuint (cf_snapshot_rank (snapshot, G_MAXUINT32), ==, rank);
}

static CfSnapshot *
load (const Model *model)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (NULL, 0);
  g_autoptr (GError) error = NULL;
  CfSnapshot *snapshot;

  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  snapshot = cf_snapshot_apply (NULL, report, &error);
  g_assert_no_error (error);
  return snapshot;
}

/* A report of what @model has now. */
static CfSnapshotReport *
report_of (const Model *model, CfSnapshot *base, gboolean reset)
{
  CfSnapshotReport *report = cf_snapshot_report_new (base, model->id);

  model_report (model, cf_snapshot_report_get_since (report), reset, cf_snapshot_report_get_sink (report));
  return report;
}

static CfSnapshot *
apply (CfSnapshot *current, CfSnapshotReport *report)
{
  g_autoptr (GError) error = NULL;
  CfSnapshot *snapshot = cf_snapshot_apply (current, report, &error);

  g_assert_no_error (error);
  return snapshot;
}

/* ---- Differences ------------------------------------------------------------------------------------- */

typedef struct {
  GHashTable *uids; /* uid: modseq */
  const CfSnapshot *next;
  guint calls;
  guint32 last;
} Replay;

static void
replay_order (Replay *replay, guint32 uid)
{
  g_assert_cmpuint (uid, >, replay->last);
  replay->last = uid;
  replay->calls++;
}

static void
replay_expunged (const CfIndexRow *row, gpointer user_data)
{
  Replay *replay = user_data;

  replay_order (replay, row->uid);
  g_assert_true (g_hash_table_remove (replay->uids, GUINT_TO_POINTER (row->uid)));
}

static void
replay_changed (const CfIndexRow *row, gpointer user_data)
{
  Replay *replay = user_data;

  replay_order (replay, row->uid);
  g_assert_true (g_hash_table_contains (replay->uids, GUINT_TO_POINTER (row->uid)));
  g_hash_table_insert (replay->uids, GUINT_TO_POINTER (row->uid), GSIZE_TO_POINTER (row->modseq));
}

static void
replay_added (const CfIndexRow *row, gpointer user_data)
{
  Replay *replay = user_data;

  replay_order (replay, row->uid);
  g_assert_true (
      g_hash_table_insert (replay->uids, GUINT_TO_POINTER (row->uid), GSIZE_TO_POINTER (row->modseq)));
}

/* The difference leads from the one to the other; returns how many rows it has. */
static guint
assert_diff (const CfSnapshot *from, const CfSnapshot *to)
{
  static const CfSnapshotDiffFuncs funcs = { replay_expunged, replay_changed, replay_added };
  g_autoptr (GHashTable) uids = g_hash_table_new (NULL, NULL);
  Replay replay = { uids, to, 0, 0 };

  for (guint32 i = 0; i < cf_snapshot_get_n (from); i++)
    g_hash_table_insert (uids, GUINT_TO_POINTER (cf_snapshot_get_row (from, i)->uid),
                         GSIZE_TO_POINTER (cf_snapshot_get_row (from, i)->modseq));
  cf_snapshot_diff (from, to, &funcs, &replay);
  g_assert_cmpuint (g_hash_table_size (uids), ==, cf_snapshot_get_n (to));
  for (guint32 i = 0; i < cf_snapshot_get_n (to); i++) {
    const CfIndexRow *row = cf_snapshot_get_row (to, i);

    g_assert_cmpuint (GPOINTER_TO_SIZE (g_hash_table_lookup (uids, GUINT_TO_POINTER (row->uid))), ==,
                      row->modseq);
  }
  return replay.calls;
}

static void
test_empty (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) snapshot = load (model), next = NULL;
  g_autoptr (CfSnapshotReport) report = NULL;

  assert_same (snapshot, model);
  model_append (model, 0, 0);
  report = report_of (model, snapshot, FALSE);
  next = apply (snapshot, report);
  assert_same (next, model);
  g_assert_cmpuint (assert_diff (snapshot, next), ==, 1);
}

/* Reports come late, twice, in any order; the newest snapshot is always what the newest of them said. */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);

  for (guint round = 0; round < 20; round++) {
    g_autoptr (Model) model = model_new (3);
    g_autoptr (CfSnapshot) current = NULL, oldest = NULL;
    g_autoptr (CfSnapshotReport) late = NULL;

    for (guint i = g_rand_int_range (rand, 0, 1500); i > 0; i--)
      model_append (model, i % 7 == 0, 0);
    current = load (model);
    oldest = cf_snapshot_ref (current);
    assert_same (current, model);

    for (guint step = 0; step < 40; step++) {
      g_autoptr (CfSnapshot) before = cf_snapshot_ref (current), again = NULL;
      g_autoptr (CfSnapshotReport) report = NULL;
      CfSnapshot *base = g_rand_int_range (rand, 0, 3) == 0 ? oldest : current;

      for (guint n = g_rand_int_range (rand, 0, 30); n > 0; n--)
        model_step (model, rand);
      if (late == NULL)
        late = report_of (model, current, FALSE);
      model_step (model, rand);
      report = report_of (model, base, g_rand_int_range (rand, 0, 10) == 0);
      cf_snapshot_unref (current);
      current = apply (g_rand_int_range (rand, 0, 5) == 0 ? NULL : before, report);
      assert_same (current, model);
      again = apply (current, report);
      g_assert_true (again == current);
      if (step % 5 == 4) {
        g_autoptr (CfSnapshot) same = apply (current, late);

        g_assert_true (same == current);
        g_clear_pointer (&late, cf_snapshot_report_free);
      }
      assert_diff (before, current);
      assert_diff (oldest, current);
    }
  }
}

/* One change in a large mailbox copies one chunk, and the difference looks at no other. */
static void
test_sharing (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) snapshot = NULL, next = NULL;
  g_autoptr (CfSnapshotReport) report = NULL;
  guint shared = 0;

  for (guint i = 0; i < 100 * CF_SNAPSHOT_CHUNK_MAX; i++)
    model_append (model, 0, 0);
  snapshot = load (model);
  g_assert_cmpuint (snapshot->n_chunks, ==, 100);
  model_store (model, 5000, CF_FLAG_SEEN);
  report = report_of (model, snapshot, FALSE);
  next = apply (snapshot, report);
  for (guint i = 0; i < 100; i++)
    shared += snapshot->chunks[i].chunk == next->chunks[i].chunk;
  g_assert_cmpuint (shared, ==, 99);
  g_assert_cmpuint (assert_diff (snapshot, next), ==, 1);
}

/* Expunging most messages does not leave a crumb of a chunk for each that stays. */
static void
test_crumbs (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) current = NULL;

  for (guint i = 0; i < 40 * CF_SNAPSHOT_CHUNK_MAX; i++)
    model_append (model, 0, 0);
  current = load (model);
  for (guint round = 0; round < 16; round++) {
    g_autoptr (CfSnapshotReport) report = NULL;
    g_autoptr (CfSnapshot) before = g_steal_pointer (&current);

    for (guint i = round; i < model->rows->len; i += 16)
      if (i % 512 != 0)
        model_expunge (model, i);
    report = report_of (model, before, FALSE);
    current = apply (before, report);
  }
  assert_same (current, model);
  g_assert_cmpuint (cf_snapshot_get_n (current), ==, 20);
  g_assert_cmpuint (current->n_chunks, ==, 1);
}

/* A small chunk that nothing happens to joins the one behind it when that is rebuilt. */
static void
test_crumb_before (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) current = NULL;

  for (guint i = 0; i < 3 * CF_SNAPSHOT_CHUNK_MAX; i++)
    model_append (model, 0, 0);
  current = load (model);
  for (guint chunk = 1; chunk < 3; chunk++) {
    g_autoptr (CfSnapshotReport) report = NULL;
    g_autoptr (CfSnapshot) before = g_steal_pointer (&current);

    for (guint i = 10; i < CF_SNAPSHOT_CHUNK_MAX; i++)
      model_expunge (model, chunk * CF_SNAPSHOT_CHUNK_MAX + i);
    report = report_of (model, before, FALSE);
    current = apply (before, report);
  }
  assert_same (current, model);
  g_assert_cmpuint (current->n_chunks, ==, 2);
}

static void
test_iter_changed (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) snapshot = NULL;
  CfSnapshotIter iter;
  guint64 before;

  for (guint i = 0; i < 1000; i++)
    model_append (model, 0, 0);
  before = model->modseq;
  model_store (model, 10, 1);
  model_store (model, 900, 1);
  snapshot = load (model);
  cf_snapshot_iter_init (&iter, snapshot, 0);
  g_assert_cmpuint (cf_snapshot_iter_next_changed (&iter, before)->uid, ==, 11);
  g_assert_cmpuint (cf_snapshot_iter_next_changed (&iter, before)->uid, ==, 901);
  g_assert_null (cf_snapshot_iter_next_changed (&iter, before));
}

/* ---- What a plugin can get wrong --------------------------------------------------------------------- */

/* Calls of a sink: m uid_next modseq; r uid modseq; x uid; R reset; M another mailbox's id; V another
 * UIDVALIDITY. The base has UIDs 1, 2, 4 and UIDNEXT 5 at MODSEQ 10. */
static const struct {
  const char *calls;
  gint code; /* -1: accepted */
} reports[] = {
  { "m 5 11", -1 },
  { "m 6 11 r 5 11", -1 },
  { "m 6 11 x 1 r 5 11", -1 },
  { "m 6 11 x 3 r 5 11", -1 },     /* long gone */
  { "m 5 11 R r 1 5 r 4 11", -1 }, /* reset */
  { "m 9 20 x 1 x 2 r 4 20 r 8 15", -1 },
  { "", CF_ERROR_CORRUPTION },
  { "r 5 11", CF_ERROR_CORRUPTION },
  { "r 5 11 m 6 11", CF_ERROR_CORRUPTION },
  { "m 6 11 m 6 11", CF_ERROR_CORRUPTION },
  { "m 0 11", CF_ERROR_CORRUPTION },
  { "m 5 0", CF_ERROR_CORRUPTION },
  { "m 6 11 r 6 11", CF_ERROR_CORRUPTION },
  { "m 6 11 r 5 12", CF_ERROR_CORRUPTION },
  { "m 6 11 r 5 0", CF_ERROR_CORRUPTION },
  { "m 6 11 r 0 11", CF_ERROR_CORRUPTION },
  { "m 7 11 r 6 11 r 5 11", CF_ERROR_CORRUPTION },
  { "m 7 11 r 6 11 r 6 11", CF_ERROR_CORRUPTION },
  { "m 6 11 r 3 11", CF_ERROR_CORRUPTION },         /* came back */
  { "m 6 11 R r 1 5 r 3 11", CF_ERROR_CORRUPTION }, /* also after a reset */
  { "m 6 11 r 5 11 R", CF_ERROR_CORRUPTION },
  { "m 6 11 x 6", CF_ERROR_CORRUPTION },
  { "m 6 11 x 4 r 4 11", CF_ERROR_CORRUPTION },
  { "m 4 11", CF_ERROR_CORRUPTION }, /* UIDNEXT fell */
  { "m 5 9", CF_ERROR_UNAVAILABLE }, /* the store went back */
  { "V 5 11", CF_ERROR_UNAVAILABLE },
};

static guint64
next_number (char ***at)
{
  return g_ascii_strtoull (*++*at, NULL, 10);
}

static void
make_calls (const char *calls, CfIndexSink *sink)
{
  g_auto (GStrv) words = g_strsplit (calls, " ", -1);

  for (char **at = words; *at != NULL; at++) {
    char verb = **at;

    if (verb == 'm' || verb == 'V') {
      CfMailboxInfo info = { .struct_size = sizeof info, .id = 3, .uid_validity = verb == 'V' ? 8 : 7 };

      info.uid_next = next_number (&at);
      info.highest_modseq = next_number (&at);
      sink->mailbox (sink, &info);
    } else if (verb == 'r') {
      CfIndexRow row = { .struct_size = sizeof row };

      row.uid = next_number (&at);
      row.modseq = next_number (&at);
      sink->row (sink, &row);
    } else if (verb == 'x') {
      g_autoptr (CfUidSet) uids = cf_uid_set_new ();

      cf_uid_set_add (uids, next_number (&at));
      sink->expunged (sink, uids);
    } else if (verb == 'R') {
      sink->reset (sink);
    }
  }
}

static CfSnapshot *
make_base (void)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (NULL, 0);

  make_calls ("m 5 10 r 1 2 r 2 3 r 4 10", cf_snapshot_report_get_sink (report));
  return apply (NULL, report);
}

static void
test_malformed (void)
{
  g_autoptr (CfSnapshot) base = make_base ();

  for (gsize i = 0; i < G_N_ELEMENTS (reports); i++) {
    g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (base, 3);
    g_autoptr (CfSnapshot) next = NULL;
    g_autoptr (GError) error = NULL;

    make_calls (reports[i].calls, cf_snapshot_report_get_sink (report));
    next = cf_snapshot_apply (base, report, &error);
    if (reports[i].code == -1)
      g_assert_no_error (error);
    else
      g_assert_error (error, CF_ERROR, reports[i].code);
    g_assert_true ((next == NULL) == (error != NULL));
  }
}

static void
test_short_structs (void)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (NULL, 0);
  g_autoptr (GError) error = NULL;
  CfIndexSink *sink = cf_snapshot_report_get_sink (report);
  CfIndexRow row = { .struct_size = 8, .uid = 1, .modseq = 1 };

  make_calls ("m 5 10", sink);
  sink->row (sink, &row);
  g_assert_null (cf_snapshot_apply (NULL, report, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CORRUPTION);
}

/* The name asked for belongs to another mailbox now: since_of makes the store report all of it. */
static void
test_since_of (void)
{
  g_autoptr (CfSnapshot) base = make_base (), other = NULL;
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (base, 99);

  g_assert_cmpuint (cf_snapshot_report_get_since (report), ==, 10);
  make_calls ("m 3 4 r 2 4", cf_snapshot_report_get_sink (report));
  g_assert_cmpuint (cf_snapshot_report_get_since (report), ==, 0);
  other = apply (NULL, report);
  g_assert_cmpuint (cf_snapshot_get_n (other), ==, 1);
}

static void
test_lower_since (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) base = NULL, next = NULL;
  g_autoptr (CfSnapshotReport) report = NULL;

  for (guint i = 0; i < 10; i++)
    model_append (model, 0, 0);
  model_expunge (model, 2);
  base = load (model);
  model_expunge (model, 5);
  report = cf_snapshot_report_new (base, 3);
  cf_snapshot_report_lower_since (report, 11);
  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  g_assert_cmpuint (cf_uid_set_get_count (cf_snapshot_report_get_expunged (report)), ==, 2);
  next = apply (base, report);
  assert_same (next, model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/snapshot/empty", test_empty);
  g_test_add_func ("/core/snapshot/random/same-as-array", test_random);
  g_test_add_func ("/core/snapshot/change/copies-one-chunk", test_sharing);
  g_test_add_func ("/core/snapshot/expunge/joins-chunks", test_crumbs);
  g_test_add_func ("/core/snapshot/expunge/joins-chunk-before", test_crumb_before);
  g_test_add_func ("/core/snapshot/iter-changed", test_iter_changed);
  g_test_add_func ("/core/snapshot/report/malformed", test_malformed);
  g_test_add_func ("/core/snapshot/report/short-structs", test_short_structs);
  g_test_add_func ("/core/snapshot/report/since-of-another", test_since_of);
  g_test_add_func ("/core/snapshot/report/lower-since", test_lower_since);
  return g_test_run ();
}
