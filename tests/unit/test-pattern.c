/* tests/unit/test-pattern.c - core/commands/pattern.c: LIST's wildcards. */
#include "commands/pattern.h"

#include <string.h>

static void
test_table (void)
{
  static const struct {
    const char *pattern, *name;
    gboolean matches;
  } cases[] = {
    { "INBOX", "INBOX", TRUE },
    { "INBOX", "INBOX/a", FALSE },
    { "", "", TRUE },
    { "", "a", FALSE },
    { "*", "", TRUE },
    { "*", "a/b/c", TRUE },
    { "%", "a", TRUE },
    { "%", "a/b", FALSE },
    { "a/%", "a/b", TRUE },
    { "a/%", "a/", TRUE },
    { "a/%", "a/b/c", FALSE },
    { "a/%/c", "a/b/c", TRUE },
    { "%/%", "a/b", TRUE },
    { "%/%", "a", FALSE },
    { "a*c", "a/b/c", TRUE },
    { "a%c", "abbc", TRUE },
    { "a%c", "a/c", FALSE },
    { "*b", "a/b", TRUE },
    { "*%", "a/b", TRUE },
    { "%*", "a/b", TRUE },
    { "a**b", "ab", TRUE },
    { "A", "a", FALSE },
    { "\xc3\xa9%", "\xc3\xa9t\xc3\xa9", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_test_message ("%s ~ %s", cases[i].pattern, cases[i].name);
    g_assert_cmpint (cf_pattern_matches (cases[i].pattern, cases[i].name), ==, cases[i].matches);
  }
}

/* A backtracking matcher would not come back from this. */
static void
test_hostile (void)
{
  g_autoptr (GString) pattern = g_string_new (NULL);
  g_autofree char *name = g_strnfill (1000, 'a');

  for (guint i = 0; i < 400; i++)
    g_string_append (pattern, "*a");
  g_string_append_c (pattern, 'b');
  g_assert_false (cf_pattern_matches (pattern->str, name));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/pattern/table", test_table);
  g_test_add_func ("/core/pattern/many-wildcards", test_hostile);
  return g_test_run ();
}
