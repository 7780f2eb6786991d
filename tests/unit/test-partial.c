/* tests/unit/test-partial.c - ranges counted from either end: reading them, and the members they name. */
#include "imap/input.h"

typedef struct {
  const char *text;
  gboolean from_end;
  guint32 first, last; /* 0: refused */
  const char *members; /* of 2:4,7,9:12 */
} Row;

static const Row rows[] = {
  { "1:1", FALSE, 1, 1, "2" },
  { "2:5", FALSE, 2, 5, "3:4,7,9" },
  { "5:2", FALSE, 5, 2, "3:4,7,9" },
  { "4:4", FALSE, 4, 4, "7" },
  { "1:8", FALSE, 1, 8, "2:4,7,9:12" },
  { "8:4294967295", FALSE, 8, G_MAXUINT32, "12" },
  { "9:10", FALSE, 9, 10, "" },
  { "-1:-1", TRUE, 1, 1, "12" },
  { "-2:-5", TRUE, 2, 5, "7,9:11" },
  { "-5:-2", TRUE, 5, 2, "7,9:11" },
  { "-8:-100", TRUE, 8, 100, "2" },
  { "-1:-4294967295", TRUE, 1, G_MAXUINT32, "2:4,7,9:12" },
  { "-9:-9", TRUE, 9, 9, "" },
  { "" },
  { "1" },
  { "-1" },
  { "0:1" },
  { "1:0" },
  { "-0:-1" },
  { "1:*" },
  { "*:1" },
  { "1:-1" },
  { "-1:1" },
  { "1,2" },
  { "--1:-1" },
  { "1:4294967296" },
};

static void
test_rows (void)
{
  g_autoptr (CfUidSet) set = cf_uid_set_from_string ("2:4,7,9:12", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    const Row *row = &rows[i];
    g_autoptr (CfInput) input = cf_input_new_text (row->text, 0);
    g_autoptr (GError) error = NULL;
    CfPartial partial;

    g_test_message ("%s", row->text);
    if (!cf_input_partial (input, &partial, &error)) {
      g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
      g_assert_cmpuint (row->first, ==, 0);
      g_assert_cmpuint (cf_input_mark (input).at, ==, 0);
      continue;
    }
    g_assert_true (cf_input_is_end (input));
    g_assert_cmpint (partial.from_end, ==, row->from_end);
    g_assert_cmpuint (partial.first, ==, row->first);
    g_assert_cmpuint (partial.last, ==, row->last);
    g_autoptr (CfUidSet) part = cf_partial_apply (&partial, set);
    g_autofree char *members = cf_uid_set_to_string (part);
    g_assert_cmpstr (members, ==, row->members);
  }
}

/* Against members counted one by one. */
static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);

  for (guint round = 0; round < 2000; round++) {
    g_autoptr (CfUidSet) set = cf_uid_set_new ();
    g_autoptr (CfUidSet) expected = cf_uid_set_new ();
    CfPartial partial = { g_rand_boolean (rand), (guint32) g_rand_int_range (rand, 1, 40),
                          (guint32) g_rand_int_range (rand, 1, 40) };
    guint low = MIN (partial.first, partial.last), high = MAX (partial.first, partial.last), i = 0;
    CfUidIter iter = { 0 };
    guint32 uid;

    for (gint n = g_rand_int_range (rand, 0, 30); n > 0; n--)
      cf_uid_set_add (set, (guint32) g_rand_int_range (rand, 1, 60));
    while (cf_uid_set_next (set, &iter, &uid)) {
      guint place = partial.from_end ? (guint) cf_uid_set_get_count (set) - i : i + 1;

      i++;
      if (place >= low && place <= high)
        cf_uid_set_add (expected, uid);
    }
    g_autoptr (CfUidSet) part = cf_partial_apply (&partial, set);
    g_autofree char *members = cf_uid_set_to_string (part);
    g_autofree char *wanted = cf_uid_set_to_string (expected);
    g_assert_cmpstr (members, ==, wanted);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/partial/rows", test_rows);
  g_test_add_func ("/core/partial/random", test_random);
  return g_test_run ();
}
