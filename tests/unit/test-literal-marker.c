/* tests/unit/test-literal-marker.c - what is a marker at a line's end, and what only looks like one. */
#include "imap/literal-marker.h"

/* @kind: "s" synchronising, "n" not, with "8" for a literal8; NULL: no marker. */
static const struct {
  const char *line;
  gboolean is_cut;
  const char *kind;
  gsize text_length;
  guint64 length;
} rows[] = {
  { "{0}", FALSE, "s", 0, 0 },
  { "a {12}", FALSE, "s", 2, 12 },
  { "a {12+}", FALSE, "n", 2, 12 },
  { "a ~{12}", FALSE, "s8", 2, 12 },
  { "~{12+}", FALSE, "n8", 0, 12 },
  { "a~~{1}", FALSE, "s8", 2, 1 },
  { "{1}{2}", FALSE, "s", 3, 2 },
  { "{{1}", FALSE, "s", 1, 1 },
  { "{007}", FALSE, "s", 0, 7 },
  { "{18446744073709551615}", FALSE, "s", 0, G_MAXUINT64 },
  { "{18446744073709551616+}", FALSE, "n", 0, G_MAXUINT64 },
  { "45678901234567890123456789012345}", TRUE, "s", 0, G_MAXUINT64 },
  { "4567890123456789012345678901234+}", TRUE, "n", 0, G_MAXUINT64 },
  { "xx {5+}", TRUE, "n", 3, 5 },
  { "", FALSE, NULL, 0, 0 },
  { "}", FALSE, NULL, 0, 0 },
  { "}", TRUE, NULL, 0, 0 },
  { "+}", TRUE, NULL, 0, 0 },
  { "{}", FALSE, NULL, 0, 0 },
  { "{+}", FALSE, NULL, 0, 0 },
  { "{+1}", FALSE, NULL, 0, 0 },
  { "{-1}", FALSE, NULL, 0, 0 },
  { "{1-}", FALSE, NULL, 0, 0 },
  { "{1++}", FALSE, NULL, 0, 0 },
  { "{ 1}", FALSE, NULL, 0, 0 },
  { "{1} ", FALSE, NULL, 0, 0 },
  { "\"{1}\"", FALSE, NULL, 0, 0 },
  { "1}", FALSE, NULL, 0, 0 },
  { "{a}", FALSE, NULL, 0, 0 },
};

static void
test_rows (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GString) line = g_string_new (rows[i].line);
    CfLiteralMarker marker = cf_literal_marker_parse (line, rows[i].is_cut);

    g_test_message ("%s", rows[i].line);
    g_assert_cmpint (marker.is_there, ==, rows[i].kind != NULL);
    g_assert_cmpuint (marker.text_length, ==, rows[i].kind != NULL ? rows[i].text_length : line->len);
    if (rows[i].kind == NULL)
      continue;
    g_assert_cmpuint (marker.length, ==, rows[i].length);
    g_assert_cmpint (marker.is_synchronising, ==, rows[i].kind[0] == 's');
    g_assert_cmpint (marker.literal8, ==, rows[i].kind[1] == '8');
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/literal-marker/rows", test_rows);
  return g_test_run ();
}
