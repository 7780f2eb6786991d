/* tests/unit/test-facts-cache.c - core/mime/facts-cache.c: bounded, and the longest unused goes first. */
#include "mime/facts-cache.h"
#include "mime/mime.h"

static CfFacts *
facts_new (const char *text)
{
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);

  return cf_facts_scan (source, NULL);
}

static gboolean
is_cached (CfContentId content)
{
  g_autoptr (CfFacts) facts = cf_facts_cache_lookup (content);

  return facts != NULL;
}

static void
test_lru (void)
{
  g_autoptr (CfFacts) facts = facts_new ("Subject: a\r\n\r\nb\r\n");
  gsize cost = 512 + 2 * g_bytes_get_size (cf_facts_get_encoded (facts));

  cf_facts_cache_init (2 * cost + cost / 2);
  cf_facts_cache_insert (1, facts);
  cf_facts_cache_insert (2, facts);
  cf_facts_cache_insert (2, facts);
  g_assert_true (is_cached (1));
  cf_facts_cache_insert (3, facts);
  g_assert_true (is_cached (1));
  g_assert_false (is_cached (2));
  g_assert_true (is_cached (3));
  cf_facts_cache_shutdown ();
}

static void
test_clear (void)
{
  g_autoptr (CfFacts) facts = facts_new ("Subject: a\r\n\r\nb\r\n");
  gsize cost = 512 + 2 * g_bytes_get_size (cf_facts_get_encoded (facts));

  cf_facts_cache_init (2 * cost + cost / 2);
  cf_facts_cache_insert (1, facts);
  cf_facts_cache_insert (2, facts);
  cf_facts_cache_clear ();
  g_assert_false (is_cached (1));
  g_assert_false (is_cached (2));
  /* All of the room is there again. */
  cf_facts_cache_insert (2, facts);
  cf_facts_cache_insert (3, facts);
  g_assert_true (is_cached (2));
  g_assert_true (is_cached (3));
  cf_facts_cache_shutdown ();
}

static void
test_off (void)
{
  g_autoptr (CfFacts) facts = facts_new ("");

  cf_facts_cache_init (0);
  cf_facts_cache_insert (1, facts);
  cf_facts_cache_clear ();
  g_assert_false (is_cached (1));
  cf_facts_cache_shutdown ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/facts-cache/least-recently-used-goes", test_lru);
  g_test_add_func ("/core/facts-cache/clear", test_clear);
  g_test_add_func ("/core/facts-cache/off", test_off);
  return g_test_run ();
}
