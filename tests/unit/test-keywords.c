/* tests/unit/test-keywords.c - interned sets of keywords. */
#include <coffer/types.h>

static const struct {
  const char *in, *out;
} texts[] = {
  { "", "" },
  { "  ", "" },
  { "b a", "a b" },
  { "$Forwarded \\read-report-sent $MDNSent", "$Forwarded $MDNSent \\read-report-sent" },
  { "x y x z  x ", "x y z" },
};

static void
test_text (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (CfKeywords) set = cf_keywords_from_string (texts[i].in);
    g_autofree char *out = cf_keywords_to_string (set);

    g_assert_cmpstr (out, ==, texts[i].out);
  }
}

static void
test_case (void)
{
  const char *names[] = { "Junk", "junk", "Alpha" };
  g_autoptr (CfKeywords) first = cf_keywords_new (names, 3);
  g_autoptr (CfKeywords) second = cf_keywords_from_string ("ALPHA JUNK");

  g_assert_cmpuint (cf_keywords_get_n (first), ==, 2);
  g_assert_true (first == second);
  g_assert_cmpstr (cf_keywords_get (second, 0), ==, "Alpha");
  g_assert_true (cf_keywords_contains (first, "jUNK"));
  g_assert_false (cf_keywords_contains (first, "jun"));
}

static void
test_empty (void)
{
  const char *names[] = { "" };

  g_assert_null (cf_keywords_new (NULL, 0));
  g_assert_null (cf_keywords_new (names, 1));
  g_assert_null (cf_keywords_union (NULL, NULL));
  g_assert_null (cf_keywords_minus (NULL, NULL));
  g_assert_cmpuint (cf_keywords_get_n (NULL), ==, 0);
  g_assert_false (cf_keywords_contains (NULL, "a"));
  g_assert_null (cf_keywords_ref (NULL));
  cf_keywords_unref (NULL);
}

static void
test_algebra (void)
{
  g_autoptr (CfKeywords) a = cf_keywords_from_string ("a c e");
  g_autoptr (CfKeywords) b = cf_keywords_from_string ("B C");
  g_autoptr (CfKeywords) both = cf_keywords_union (a, b);
  g_autoptr (CfKeywords) left = cf_keywords_minus (both, b);
  g_autoptr (CfKeywords) same = cf_keywords_union (both, a);
  g_autoptr (CfKeywords) nothing = cf_keywords_minus (a, both);
  g_autofree char *text = cf_keywords_to_string (both);
  g_autofree char *text_left = cf_keywords_to_string (left);

  g_assert_cmpstr (text, ==, "a B c e");
  g_assert_cmpstr (text_left, ==, "a e");
  g_assert_true (same == both);
  g_assert_null (nothing);
}

/* Threads intern and drop the same few sets; the last reference races with look-ups all the time. */
static gpointer
race (gpointer data)
{
  for (guint i = 0; i < 20000; i++) {
    g_autoptr (CfKeywords) a = cf_keywords_from_string (i % 3 == 0 ? "one" : "one two");
    g_autoptr (CfKeywords) b = cf_keywords_from_string (i % 3 == 0 ? "ONE" : "TWO ONE");

    if (a != b || !cf_keywords_contains (a, "one"))
      return GINT_TO_POINTER (1);
  }
  return NULL;
}

static void
test_race (void)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("race", race, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_null (g_thread_join (threads[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/keywords/text", test_text);
  g_test_add_func ("/core/keywords/case/first-given-stays", test_case);
  g_test_add_func ("/core/keywords/empty", test_empty);
  g_test_add_func ("/core/keywords/algebra", test_algebra);
  g_test_add_func ("/core/keywords/race", test_race);
  return g_test_run ();
}
