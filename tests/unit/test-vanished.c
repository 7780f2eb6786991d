/* tests/unit/test-vanished.c - which messages that a client knows are gone, against a plain array. */
#include "mailbox/vanished.h"
#include "mailbox-model.h"

static CfSnapshot *
snapshot_of (const Model *model, CfSnapshot *before)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (before, model->id);
  g_autoptr (GError) error = NULL;
  CfSnapshot *snapshot;

  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  snapshot = cf_snapshot_apply (before, report, &error);
  g_assert_no_error (error);
  return snapshot;
}

static CfUidSet *
set_of (const char *text)
{
  g_autoptr (GError) error = NULL;
  CfUidSet *set = cf_uid_set_from_string (text, &error);

  g_assert_no_error (error);
  return set;
}

/* @n messages from UID 1 on, of which those of @gone are expunged; without ghosts. */
static CfView *
view_without (guint n, const char *gone)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfUidSet) set = set_of (gone);
  g_autoptr (CfSnapshot) snapshot = NULL;

  for (guint i = 0; i < n; i++)
    model_append (model, 0, 0);
  for (guint i = 0; i < n; i++)
    if (cf_uid_set_contains (set, i + 1))
      model_expunge (model, i);
  snapshot = snapshot_of (model, NULL);
  return cf_view_new (snapshot);
}

static void
test_match (void)
{
  static const struct {
    const char *seqs, *uids;
    guint32 expected;
  } cases[] = {
    { "1", "1", 1 },
    { "1:5", "1:5", 2 },     /* 3 has gone: message 3 has UID 4 */
    { "1,4", "1,5", 5 },     /* 1 2 4 5 6 | 8 9 10: message 4 has UID 5 */
    { "1,4,6", "1,5,7", 5 }, /* 7 has gone */
    { "1,4,6", "1,5,8", 8 },
    { "1:8", "1:2,4:6,8:10", 10 },
    { "1:9", "1:2,4:6,8:11", 10 },
    { "3:5", "3:5", 0 },
    { "3", "3", 0 },
    { "9:4294967295", "9:4294967295", 0 },
    { "1:4294967295", "1:4294967295", 2 },
    { "1:2,3:8", "1,2,4:5,6,8:10", 10 },
  };
  g_autoptr (CfView) view = view_without (10, "3,7");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfUidSet) seqs = set_of (cases[i].seqs), uids = set_of (cases[i].uids);

    g_test_message ("%s = %s", cases[i].seqs, cases[i].uids);
    g_assert_cmpuint (cf_vanished_match (view, seqs, uids), ==, cases[i].expected);
  }
}

static void
test_match_empty (void)
{
  g_autoptr (CfView) view = view_without (0, "");
  g_autoptr (CfUidSet) one = set_of ("1");

  g_assert_cmpuint (cf_vanished_match (view, one, one), ==, 0);
}

static void
test_find (void)
{
  static const struct {
    const char *known, *expunged; /* NULL: not remembered */
    guint32 above;
    const char *expected;
  } cases[] = {
    { "1:10", "3,7", 0, "3,7" },
    { "1:10", "7", 0, "7" },
    { "1:10", NULL, 0, "3,7" },
    { "1:4294967295", NULL, 0, "3,7" }, /* not what was never given out */
    { "4:10", "3,7", 0, "7" },
    { "1:10", "3,7", 3, "7" },
    { "1:10", NULL, 7, "" },
    { "1:10", "3,7", 4294967295, "" },
    { "1:2,8:10", "3,7", 0, "" },
    { "1:10", "2:4,7:9", 0, "3,7" }, /* the store knows more than the view, where they are still there */
    { "11:20", NULL, 0, "" },
  };
  g_autoptr (CfView) view = view_without (10, "3,7");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfUidSet) known = set_of (cases[i].known);
    g_autoptr (CfUidSet) expunged = cases[i].expunged != NULL ? set_of (cases[i].expunged) : NULL;
    g_autoptr (CfUidSet) found = cf_vanished_find (view, known, expunged, cases[i].above);
    g_autofree char *text = cf_uid_set_to_string (found);

    g_assert_cmpstr (text, ==, cases[i].expected);
  }
}

/* What has gone and was not announced yet is in the view. */
static void
test_find_ghosts (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) first = NULL, second = NULL, third = NULL;
  g_autoptr (CfUidSet) all = set_of ("1:4294967295"), found = NULL;
  g_autoptr (CfView) view = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; i < 5; i++)
    model_append (model, 0, 0);
  model_expunge (model, 0);
  first = snapshot_of (model, NULL);
  view = cf_view_new (first);
  model_expunge (model, 2);
  model_expunge (model, 3);
  second = snapshot_of (model, first);
  cf_view_advance (view, second);
  found = cf_vanished_find (view, all, NULL, 0);
  text = cf_uid_set_to_string (found);
  g_assert_cmpstr (text, ==, "1");
}

/* Known UIDs, MODSEQ and mailbox at random; exact where the store remembers, all that is missing where not.
 */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int ());

  for (guint round = 0; round < 200; round++) {
    g_autoptr (Model) model = model_new (3);
    g_autoptr (CfSnapshot) snapshot = NULL;
    g_autoptr (CfUidSet) known = cf_uid_set_new (), expunged = cf_uid_set_new ();
    g_autoptr (CfUidSet) exact = NULL, all = NULL, changed = NULL;
    g_autoptr (CfView) view = NULL;
    guint64 since;

    for (guint i = g_rand_int_range (rand, 1, 1500); i > 0; i--)
      model_step (model, rand);
    for (guint32 uid = 1; uid < model->uid_next + 10; uid++)
      if (g_rand_boolean (rand))
        cf_uid_set_add (known, uid);
    since = g_rand_int_range (rand, 1, (gint) model->modseq + 1);
    for (guint i = 0; i < model->rows->len; i++)
      if (model_row (model, i)->expunged > since)
        cf_uid_set_add (expunged, model_row (model, i)->uid);
    snapshot = snapshot_of (model, NULL);
    view = cf_view_new (snapshot);
    exact = cf_vanished_find (view, known, expunged, 0);
    all = cf_vanished_find (view, known, NULL, 0);
    changed = cf_view_dup_changed (view, since);
    for (guint32 uid = 1; uid < model->uid_next + 10; uid++) {
      const ModelRow *row = model_lookup (model, uid);
      gboolean is_known = cf_uid_set_contains (known, uid);
      gboolean is_there = row != NULL && row->expunged == 0;

      g_assert_cmpint (cf_uid_set_contains (exact, uid), ==,
                       is_known && row != NULL && row->expunged > since);
      g_assert_cmpint (cf_uid_set_contains (all, uid), ==, is_known && !is_there && uid < model->uid_next);
      g_assert_cmpint (cf_uid_set_contains (changed, uid), ==, is_there && row->modseq > since);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/vanished/match/table", test_match);
  g_test_add_func ("/core/vanished/match/empty-mailbox", test_match_empty);
  g_test_add_func ("/core/vanished/find/table", test_find);
  g_test_add_func ("/core/vanished/find/not-ghosts", test_find_ghosts);
  g_test_add_func ("/core/vanished/find/random", test_random);
  return g_test_run ();
}
