/* tests/unit/test-search-fold.c - comparing text without regard to case, whole and in slices. */
#include "fold.h"

#include <string.h>

static void
test_equal (void)
{
  static const struct {
    const char *a, *b;
  } equal[] = {
    { "Hello", "hELLO" },
    { "\303\211t\303\251", "E\314\201te\314\201" },             /* composed and decomposed accents */
    { "GROSS", "Gro\303\237" },                                 /* sharp s */
    { "\316\243\316\221\316\243", "\317\203\316\261\317\202" }, /* Greek, final sigma */
    { "\357\274\241", "a" },                                    /* fullwidth A */
    { "\342\204\241", "tel" },                                  /* the sign TEL */
    { "\320\220\320\221", "\320\260\320\261" },                 /* Cyrillic */
    { "", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (equal); i++) {
    g_autofree char *a = search_fold (equal[i].a, -1);
    g_autofree char *b = search_fold (equal[i].b, -1);

    g_assert_cmpstr (a, ==, b);
  }
}

static gboolean
stream_finds (const char *text, gsize slice, const char *needle)
{
  g_autofree char *folded = search_fold (needle, -1);
  SearchNeedle needles[] = { { folded, strlen (folded) } };
  g_autoptr (SearchStream) stream = search_stream_new (needles, 1);
  gsize length = strlen (text), at = 0;

  /* Whole characters, at least one. */
  while (at < length) {
    gsize end = MIN (at + slice, length);

    while (end < length && ((guchar) text[end] & 0xc0) == 0x80)
      end++;
    search_stream_feed (stream, text + at, end - at);
    at = end;
  }
  search_stream_end_run (stream);
  g_assert_cmpint (search_stream_has_found (stream, 0), ==, search_stream_has_found_all (stream));
  return search_stream_has_found (stream, 0);
}

/* Where the text is cut does not show: not within the needle, nor between a character and its accent. */
static void
test_slices (void)
{
  static const struct {
    const char *text, *needle;
    gboolean found;
  } cases[] = {
    { "one two three", "two", TRUE },
    { "one two three", "three", TRUE },
    { "one two three", "ONE", TRUE },
    { "one two three", "four", FALSE },
    { "caf\303\251 au lait", "CAFE\314\201 AU", TRUE },
    { "cafe\314\201 au lait", "caf\303\251 au", TRUE },
    { "a\314\243\314\201b", "a\314\201\314\243b", TRUE }, /* marks in either order */
    { "xx stra\303\237e yy", "STRASSE", TRUE },
    { "aaaaaaab", "aaab", TRUE },
    { "x", "x", TRUE },
    { "", "x", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize slice = 1; slice <= 16; slice++)
      g_assert_cmpint (stream_finds (cases[i].text, slice, cases[i].needle), ==, cases[i].found);
}

static void
test_runs (void)
{
  SearchNeedle needles[] = { { "ab", 2 }, { "cd", 2 } };
  g_autoptr (SearchStream) stream = search_stream_new (needles, 2);

  search_stream_feed (stream, "xa", 2);
  search_stream_end_run (stream);
  search_stream_feed (stream, "bc", 2);
  search_stream_feed (stream, "d", 1);
  search_stream_end_run (stream);
  g_assert_false (search_stream_has_found (stream, 0));
  g_assert_true (search_stream_has_found (stream, 1));
  g_assert_false (search_stream_has_found_all (stream));
  search_stream_feed (stream, "AB", 2);
  search_stream_end_run (stream);
  g_assert_true (search_stream_has_found_all (stream));
}

/* An endless run of combining characters is not kept for ever, and what follows is found. */
static void
test_marks (void)
{
  SearchNeedle needles[] = { { "ab", 2 } };
  g_autoptr (SearchStream) stream = search_stream_new (needles, 1);

  for (guint i = 0; i < 10000; i++)
    search_stream_feed (stream, "\314\201", 2);
  search_stream_feed (stream, "ab", 2);
  search_stream_end_run (stream);
  g_assert_true (search_stream_has_found (stream, 0));
}

/* Nor does it take for ever when they come at once, in the wrong order; a voiced mark is one of them. */
static void
test_many_marks (void)
{
  g_autoptr (GString) text = g_string_new ("a");
  g_autofree char *folded = NULL;

  for (guint i = 0; i < 200000; i++)
    g_string_append (text, "\314\201\314\243\357\276\236"); /* U+0301 U+0323 U+FF9E */
  g_string_append (text, "B");
  folded = search_fold (text->str, (gssize) text->len);
  g_assert_true (g_str_has_suffix (folded, "b"));
}

/* Wherever a long text is cut for it. */
static void
test_long (void)
{
  for (guint offset = 0; offset < 8; offset++) {
    g_autoptr (GString) a = g_string_new (NULL);
    g_autoptr (GString) b = g_string_new (NULL);
    g_autofree char *folded_a = NULL, *folded_b = NULL;

    for (guint i = 0; i < offset; i++) {
      g_string_append_c (a, 'x');
      g_string_append_c (b, 'X');
    }
    for (guint i = 0; i < 3000; i++) {
      g_string_append (a, "\341\273\207");             /* U+1EC7 */
      g_string_append (b, "E\314\202\314\243");        /* its parts, not in order */
      g_string_append (a, "\343\202\254");             /* U+30AC */
      g_string_append (b, "\357\275\266\357\276\236"); /* of half width, U+FF76 U+FF9E */
    }
    folded_a = search_fold (a->str, -1);
    folded_b = search_fold (b->str, -1);
    g_assert_cmpstr (folded_a, ==, folded_b);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/search/fold/equal", test_equal);
  g_test_add_func ("/search/fold/stream/slices", test_slices);
  g_test_add_func ("/search/fold/stream/runs", test_runs);
  g_test_add_func ("/search/fold/stream/marks", test_marks);
  g_test_add_func ("/search/fold/many-marks", test_many_marks);
  g_test_add_func ("/search/fold/long", test_long);
  return g_test_run ();
}
