/* tests/unit/test-store-condition.c - for which messages a MODSEQ that is too high says nothing. */
#include "commands/store-condition.h"

static CfSnapshot *
snapshot_of (guint64 modseq, guint16 flags, const char *keywords)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (NULL, 0);
  CfIndexSink *sink = cf_snapshot_report_get_sink (report);
  g_autoptr (CfKeywords) set = cf_keywords_from_string (keywords);
  g_autoptr (GError) error = NULL;
  CfMailboxInfo info = { .struct_size = sizeof info,
                         .id = 3,
                         .name = "Box",
                         .uid_validity = 7,
                         .uid_next = 5,
                         .highest_modseq = modseq,
                         .recent_uid = 1 };
  CfIndexRow row = {
    .struct_size = sizeof row, .uid = 4, .flags = flags, .modseq = modseq, .content = 1, .keywords = set
  };
  CfSnapshot *snapshot;

  sink->mailbox (sink, &info);
  sink->row (sink, &row);
  snapshot = cf_snapshot_apply (NULL, report, &error);
  g_assert_no_error (error);
  return snapshot;
}

/* The message had MODSEQ 10, and has 20 by now. */
static const struct {
  const char *name;
  guint16 flags_told, flags_now;
  const char *keywords_told, *keywords_now;
  CfStoreMode mode;
  guint16 flags;
  const char *keywords;
  guint64 since;
  gboolean told, expected;
} cases[] = {
  { "another-flag", 0, CF_FLAG_DELETED, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 10, TRUE, TRUE },
  { "the-flag", 0, CF_FLAG_SEEN, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 10, TRUE, FALSE },
  { "one-of-two", 0, CF_FLAG_SEEN, "", "", CF_STORE_REMOVE, CF_FLAG_SEEN | CF_FLAG_DRAFT, "", 10, TRUE,
    FALSE },
  { "another-keyword", 0, 0, "", "a", CF_STORE_ADD, 0, "b", 10, TRUE, TRUE },
  { "the-keyword", 0, 0, "", "a", CF_STORE_ADD, 0, "A", 10, TRUE, FALSE },
  { "removing", 0, CF_FLAG_SEEN, "a", "a", CF_STORE_REMOVE, 0, "a", 10, TRUE, TRUE },
  { "replacing", 0, CF_FLAG_DELETED, "", "", CF_STORE_REPLACE, CF_FLAG_SEEN, "", 10, TRUE, FALSE },
  { "older-than-told", 0, CF_FLAG_DELETED, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 9, TRUE, FALSE },
  { "told-already", 0, CF_FLAG_DELETED, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 10, FALSE, FALSE },
  { "passes-anyway", 0, CF_FLAG_DELETED, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 20, TRUE, FALSE },
  { "zero/system-flag", 0, 0, "", "", CF_STORE_ADD, CF_FLAG_SEEN, "", 0, TRUE, FALSE },
  { "zero/keyword-there", 0, 0, "", "a", CF_STORE_ADD, 0, "a", 0, FALSE, FALSE },
  { "zero/keyword-not-there", 0, 0, "a", "b", CF_STORE_ADD, 0, "a", 0, FALSE, TRUE },
  { "zero/one-of-two", 0, 0, "", "b", CF_STORE_ADD, 0, "a b", 0, FALSE, FALSE },
  { "zero/replacing", 0, 0, "", "", CF_STORE_REPLACE, 0, "a", 0, FALSE, FALSE },
};

static void
test_case (gconstpointer data)
{
  const guint i = GPOINTER_TO_UINT (data);
  g_autoptr (CfSnapshot) told = snapshot_of (10, cases[i].flags_told, cases[i].keywords_told);
  g_autoptr (CfSnapshot) now = snapshot_of (20, cases[i].flags_now, cases[i].keywords_now);
  g_autoptr (CfView) view = cf_view_new (now);
  g_autoptr (CfKeywords) keywords = cf_keywords_from_string (cases[i].keywords);
  g_autoptr (CfUidSet) uids = cf_uid_set_new (), found = NULL;
  CfWriteOp op = { .struct_size = sizeof op,
                   .kind = CF_WRITE_STORE,
                   .uids = uids,
                   .mode = cases[i].mode,
                   .flags = cases[i].flags,
                   .keywords = keywords,
                   .unchanged_since = cases[i].since };

  cf_uid_set_add_range (uids, 1, 9);
  found = cf_store_condition_find_unaffected (&op, view, cases[i].told ? told : NULL);
  g_assert_cmpint (found != NULL, ==, cases[i].expected);
  if (found != NULL) {
    g_assert_cmpuint (cf_uid_set_get_count (found), ==, 1);
    g_assert_true (cf_uid_set_contains (found, 4));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/core/store-condition/", cases[i].name, NULL);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_case);
  }
  return g_test_run ();
}
