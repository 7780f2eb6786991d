/* tests/unit/test-uid-set.c - sets of UIDs, against a table of texts and against a bitmap. */
#include <coffer/types.h>

static const struct {
  const char *in, *out; /* out NULL: refused */
} texts[] = {
  { "", "" },
  { "1", "1" },
  { "1:3,7,9:12", "1:3,7,9:12" },
  { "9:12,7,1:3", "1:3,7,9:12" },
  { "3:1", "1:3" },
  { "1,2,3", "1:3" },
  { "1:5,3:9", "1:9" },
  { "4294967295", "4294967295" },
  { "1:4294967295,5", "1:4294967295" },
  { "4294967294,4294967295", "4294967294:4294967295" },
  { "4294967296", NULL },
  { "0", NULL },
  { "0:3", NULL },
  { "01", NULL },
  { "*", NULL },
  { "1:", NULL },
  { ":1", NULL },
  { "1,", NULL },
  { ",1", NULL },
  { "1 2", NULL },
  { "1:2:3", NULL },
  { "-1", NULL },
};

static void
test_text (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CfUidSet) set = cf_uid_set_from_string (texts[i].in, &error);
    g_autofree char *out = NULL;

    if (texts[i].out == NULL) {
      g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
      g_assert_null (set);
      continue;
    }
    g_assert_no_error (error);
    out = cf_uid_set_to_string (set);
    g_assert_cmpstr (out, ==, texts[i].out);
  }
}

static void
test_limits (void)
{
  g_autoptr (CfUidSet) set = cf_uid_set_new ();
  CfUidIter it = { 0 };
  guint32 uid;

  g_assert_true (cf_uid_set_is_empty (set));
  cf_uid_set_add (set, 0);
  cf_uid_set_add_range (set, 5, 4);
  g_assert_true (cf_uid_set_is_empty (set));
  cf_uid_set_add_range (set, 0, G_MAXUINT32);
  g_assert_cmpuint (cf_uid_set_get_count (set), ==, G_MAXUINT32);
  g_assert_false (cf_uid_set_contains (set, 0));
  cf_uid_set_remove_range (set, 3, G_MAXUINT32 - 1);
  g_assert_cmpuint (cf_uid_set_get_n_ranges (set), ==, 2);
  g_assert_cmpuint (cf_uid_set_get_count (set), ==, 3);
  for (guint i = 0; i < 3; i++) {
    g_assert_true (cf_uid_set_next (set, &it, &uid));
    g_assert_cmpuint (uid, ==, i < 2 ? i + 1 : G_MAXUINT32);
  }
  g_assert_false (cf_uid_set_next (set, &it, &uid));
  cf_uid_set_remove_range (set, 0, G_MAXUINT32);
  g_assert_true (cf_uid_set_is_empty (set));
}

#define SPACE 200

static void
assert_same (const CfUidSet *set, const guint8 *map)
{
  guint64 count = 0;
  guint32 uid, expected = 0;
  CfUidIter it = { 0 };

  for (guint i = 0; i < SPACE; i++) {
    g_assert_cmpint (cf_uid_set_contains (set, i), ==, map[i]);
    count += map[i];
  }
  g_assert_cmpuint (cf_uid_set_get_count (set), ==, count);
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (set); i++) {
    CfUidRange range = cf_uid_set_get_range (set, i);

    g_assert_cmpuint (range.first, <=, range.last);
    if (i > 0)
      g_assert_cmpuint (range.first, >, cf_uid_set_get_range (set, i - 1).last + 1);
  }
  while (cf_uid_set_next (set, &it, &uid)) {
    for (expected++; !map[expected];)
      expected++;
    g_assert_cmpuint (uid, ==, expected);
    count--;
  }
  g_assert_cmpuint (count, ==, 0);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint round = 0; round < 300; round++) {
    g_autoptr (CfUidSet) set = cf_uid_set_new (), other = cf_uid_set_new ();
    guint8 map[SPACE] = { 0 }, map_other[SPACE] = { 0 };

    for (guint step = 0; step < 40; step++) {
      guint32 first = g_rand_int_range (rand, 1, SPACE - 20), last = first + g_rand_int_range (rand, 0, 20);
      gboolean add = g_rand_int_range (rand, 0, 3) > 0;

      (add ? cf_uid_set_add_range : cf_uid_set_remove_range) (set, first, last);
      for (guint i = first; i <= last; i++)
        map[i] = add;
      cf_uid_set_add (other, first);
      map_other[first] = 1;
      assert_same (set, map);
    }
    assert_same (other, map_other);

    g_autoptr (CfUidSet) both = cf_uid_set_intersect (set, other);
    g_autoptr (CfUidSet) either = cf_uid_set_copy (set);
    guint8 map_both[SPACE], map_either[SPACE];

    cf_uid_set_add_set (either, other);
    for (guint i = 0; i < SPACE; i++) {
      map_both[i] = map[i] && map_other[i];
      map_either[i] = map[i] || map_other[i];
    }
    assert_same (both, map_both);
    assert_same (either, map_either);

    g_autofree char *text = cf_uid_set_to_string (either);
    g_autoptr (CfUidSet) again = cf_uid_set_from_string (text, NULL);

    assert_same (again, map_either);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/uid-set/text", test_text);
  g_test_add_func ("/core/uid-set/limits", test_limits);
  g_test_add_func ("/core/uid-set/random/same-as-bitmap", test_random);
  return g_test_run ();
}
