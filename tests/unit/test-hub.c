/* tests/unit/test-hub.c - the watch hub: who hears of what, what is shared, and what it may cost. */
#include "mailbox/hub.h"
#include "mailbox/mailbox-private.h"

static GString *woken; /* what was woken, in order: "5 6 " */

static void
wake (CfConnRef ref, guint reason, gpointer user_data)
{
  g_assert_cmpuint (reason, ==, CF_WAKE_PUSH);
  g_string_append_printf (woken, "%u ", (guint) ref);
}

static void
assert_woken (const char *expected)
{
  g_assert_cmpstr (woken->str, ==, expected);
  g_string_truncate (woken, 0);
}

typedef struct {
  CfHubWatcher *a, *b;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  woken = g_string_new (NULL);
  cf_mailbox_init (1 << 20, wake, NULL);
  fixture->a = cf_hub_watch (1, 5);
  fixture->b = cf_hub_watch (1, 6);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  cf_hub_unwatch (fixture->a);
  cf_hub_unwatch (fixture->b);
  g_assert_cmpuint (cf_hub_get_size (1), ==, 0);
  cf_mailbox_shutdown ();
  g_string_free (woken, TRUE);
}

/* "3:1 4:7": mailboxes and kinds. */
static void
assert_news (CfHubWatcher *watcher, const char *expected)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean overflow;
  g_autoptr (GArray) news = cf_hub_take (watcher, &overflow);

  g_assert_false (overflow);
  for (guint i = 0; news != NULL && i < news->len; i++) {
    const CfNews *one = &g_array_index (news, CfNews, i);

    g_string_append_printf (text, "%s%u:%u", i > 0 ? " " : "", (guint) one->mailbox, one->kinds);
  }
  g_assert_cmpstr (text->str, ==, expected);
}

static void
test_news (Fixture *fixture, gconstpointer data)
{
  g_assert_false (cf_hub_has_news (fixture->a));
  cf_hub_note (1, 4, CF_NEWS_ARRIVED, 0);
  cf_hub_note (1, 3, CF_NEWS_FLAGS, 5);
  cf_hub_note (1, 4, CF_NEWS_EXPUNGED, 0);
  cf_hub_note (2, 4, CF_NEWS_ALL, 0); /* another account's */
  cf_hub_note (1, 9, 0, 0);           /* nothing */
  assert_woken ("5 6 6 5 6 ");
  g_assert_true (cf_hub_has_news (fixture->a));
  assert_news (fixture->a, "4:3");
  g_assert_false (cf_hub_has_news (fixture->a));
  assert_news (fixture->a, "");
  assert_news (fixture->b, "3:4 4:3");
}

static void
test_elsewhere (Fixture *fixture, gconstpointer data)
{
  CfHubWatcher *stranger = cf_hub_watch (2, 7);

  cf_hub_note_elsewhere (1, 3);
  assert_woken ("5 6 ");
  assert_news (fixture->a, "3:7");
  cf_hub_note_elsewhere (1, 0);
  assert_woken ("5 6 ");
  g_assert_true (cf_hub_has_news (fixture->a));
  g_assert_false (cf_hub_has_news (stranger));
  cf_hub_note_elsewhere (0, 0);
  g_assert_true (cf_hub_has_news (stranger));
  cf_hub_unwatch (stranger);
}

/* A session that does not take its news keeps a bounded number of them. */
static void
test_overflow (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GArray) news = NULL;
  gboolean overflow;
  gsize size;

  for (guint i = 1; i <= CF_HUB_PENDING_MAX; i++)
    cf_hub_note (1, i, CF_NEWS_ARRIVED, 6);
  size = cf_hub_get_size (1);
  news = cf_hub_take (fixture->a, &overflow);
  g_assert_false (overflow);
  g_assert_cmpuint (news->len, ==, CF_HUB_PENDING_MAX);
  g_clear_pointer (&news, g_array_unref);

  for (guint i = 1; i <= 20 * CF_HUB_PENDING_MAX; i++)
    cf_hub_note (1, i, CF_NEWS_ARRIVED, 6);
  news = cf_hub_take (fixture->a, &overflow);
  g_assert_true (overflow);
  g_assert_null (news);
  g_assert_cmpuint (cf_hub_get_size (1), <, size + CF_HUB_COUNTS_MAX * 200);
  news = cf_hub_take (fixture->a, &overflow);
  g_assert_false (overflow);
}

/* A watcher costs the same whatever the account holds, until something changes. */
static void
test_size (Fixture *fixture, gconstpointer data)
{
  gsize before = cf_hub_get_size (1);
  CfHubWatcher *many[100];

  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    many[i] = cf_hub_watch (1, 100 + i);
  g_assert_cmpuint (cf_hub_get_size (1) - before, <=, G_N_ELEMENTS (many) * 128);
  before = cf_hub_get_size (1);
  cf_hub_note (1, 3, CF_NEWS_ARRIVED, 0);
  g_assert_cmpuint (cf_hub_get_size (1) - before, <=, G_N_ELEMENTS (many) * 32 + 512);
  for (guint i = 0; i < G_N_ELEMENTS (many); i++)
    cf_hub_unwatch (many[i]);
}

static void
test_counts (Fixture *fixture, gconstpointer data)
{
  CfMailboxStatus counts = { .struct_size = sizeof counts, .id = 3, .messages = 8 }, found;
  guint64 serial = cf_hub_get_serial (fixture->a);

  g_assert_false (cf_hub_lookup_counts (fixture->a, 3, &found));
  cf_hub_put_counts (fixture->a, &counts, serial);
  g_assert_true (cf_hub_lookup_counts (fixture->b, 3, &found));
  g_assert_cmpuint (found.messages, ==, 8);
  cf_hub_note (1, 4, CF_NEWS_ARRIVED, 0); /* another mailbox */
  g_assert_true (cf_hub_lookup_counts (fixture->b, 3, &found));

  serial = cf_hub_get_serial (fixture->a);
  cf_hub_note (1, 3, CF_NEWS_ARRIVED, 0);
  g_assert_false (cf_hub_lookup_counts (fixture->b, 3, &found));
  cf_hub_put_counts (fixture->a, &counts, serial); /* was asked for before */
  g_assert_false (cf_hub_lookup_counts (fixture->b, 3, &found));
  cf_hub_put_counts (fixture->a, &counts, cf_hub_get_serial (fixture->a));
  g_assert_true (cf_hub_lookup_counts (fixture->b, 3, &found));
  cf_hub_note_elsewhere (1, 0);
  g_assert_false (cf_hub_lookup_counts (fixture->b, 3, &found));
}

static CfAccountTree *
tree_new (void)
{
  CfAccountTree *tree = cf_account_tree_new ();

  cf_account_tree_seal (tree);
  return tree;
}

/* One asks for all. */
static void
test_load (Fixture *fixture, gconstpointer data)
{
  CfAccountTree *first = tree_new (), *second = tree_new ();
  g_autoptr (CfAccountTree) a = NULL, b = NULL, before = NULL;
  gboolean scan;

  g_assert_false (cf_hub_take_tree (fixture->a, &a, &before, &scan));
  g_assert_true (cf_hub_begin_load (fixture->a));
  g_assert_false (cf_hub_begin_load (fixture->b));
  g_assert_true (cf_hub_begin_load (fixture->a));
  cf_hub_put_tree (fixture->a, first);
  cf_hub_end_load (fixture->a);
  assert_woken ("6 ");
  g_assert_true (cf_hub_take_tree (fixture->a, &a, &before, &scan));
  g_assert_null (before);
  g_assert_true (cf_hub_take_tree (fixture->b, &b, &before, &scan));
  g_assert_null (before);
  g_assert_true (a == b);

  cf_hub_note_tree (1, 5);
  assert_woken ("6 ");
  g_assert_true (cf_hub_has_news (fixture->a));
  g_clear_pointer (&b, cf_account_tree_unref);
  g_assert_false (cf_hub_take_tree (fixture->b, &b, &before, &scan));
  g_assert_true (cf_hub_begin_load (fixture->b));
  cf_hub_put_tree (fixture->b, second);
  cf_hub_end_load (fixture->b);
  g_assert_true (cf_hub_take_tree (fixture->b, &b, &before, &scan));
  g_assert_true (b == second);
  g_assert_true (before == first);
  g_assert_false (scan);
}

/* Names that changed while they were asked for are asked for again. */
static void
test_load_crossed (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfAccountTree) tree = NULL, before = NULL;
  gboolean scan;

  cf_hub_begin_load (fixture->a);
  cf_hub_note_tree (1, 0);
  cf_hub_put_tree (fixture->a, tree_new ());
  cf_hub_end_load (fixture->a);
  g_assert_false (cf_hub_take_tree (fixture->a, &tree, &before, &scan));
}

/* Who loads and goes leaves it to the next. */
static void
test_loader_goes (Fixture *fixture, gconstpointer data)
{
  CfHubWatcher *loader = cf_hub_watch (1, 7);

  g_assert_true (cf_hub_begin_load (loader));
  g_assert_false (cf_hub_begin_load (fixture->a));
  cf_hub_unwatch (loader);
  assert_woken ("5 ");
  g_assert_true (cf_hub_has_news (fixture->a));
  g_assert_true (cf_hub_begin_load (fixture->a));
}

/* Names that everybody else has left behind are not kept for one. */
static void
test_left_behind (Fixture *fixture, gconstpointer data)
{
  gboolean scan, overflow;

  for (guint i = 0; i <= CF_HUB_TREES_MAX + 2; i++) {
    g_autoptr (CfAccountTree) tree = NULL, before = NULL;

    cf_hub_note_tree (1, 0);
    g_assert_true (cf_hub_begin_load (fixture->a));
    cf_hub_put_tree (fixture->a, tree_new ());
    cf_hub_end_load (fixture->a);
    g_assert_true (cf_hub_take_tree (fixture->a, &tree, &before, &scan));
    if (i == 0) {
      g_autoptr (CfAccountTree) first = NULL, none = NULL;

      g_assert_true (cf_hub_take_tree (fixture->b, &first, &none, &scan));
    }
  }
  g_assert_null (cf_hub_take (fixture->a, &overflow));
  g_assert_false (overflow);
  g_assert_null (cf_hub_take (fixture->b, &overflow));
  g_assert_true (overflow);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add ("/core/hub/" path, Fixture, NULL, set_up, function, tear_down)
  ADD ("news", test_news);
  ADD ("elsewhere", test_elsewhere);
  ADD ("overflow", test_overflow);
  ADD ("size", test_size);
  ADD ("counts", test_counts);
  ADD ("load", test_load);
  ADD ("load/crossed", test_load_crossed);
  ADD ("load/loader-goes", test_loader_goes);
  ADD ("left-behind", test_left_behind);
#undef ADD
  return g_test_run ();
}
