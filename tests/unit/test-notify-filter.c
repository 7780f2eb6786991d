/* tests/unit/test-notify-filter.c - what a client wants to be told of: which groups a mailbox is in. */
#include "imap/notify-filter.h"

#define BOTH (CF_NOTIFY_MESSAGE_NEW | CF_NOTIFY_MESSAGE_EXPUNGE)

static GPtrArray *
names_new (const char *text)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_auto (GStrv) parts = g_strsplit (text, " ", -1);

  for (char **part = parts; *part != NULL; part++)
    g_ptr_array_add (names, g_strdup (*part));
  return names;
}

static void
test_places (void)
{
  static const struct {
    CfNotifyWhere where;
    const char *names; /* NULL: takes none */
    const char *name;
    gboolean subscribed, matches;
  } cases[] = {
    { CF_NOTIFY_PERSONAL, NULL, "INBOX", FALSE, TRUE }, { CF_NOTIFY_PERSONAL, NULL, "a/b", FALSE, TRUE },
    { CF_NOTIFY_SUBSCRIBED, NULL, "a", TRUE, TRUE },    { CF_NOTIFY_SUBSCRIBED, NULL, "a", FALSE, FALSE },
    { CF_NOTIFY_SUBTREE, "a", "a", FALSE, TRUE },       { CF_NOTIFY_SUBTREE, "a", "a/b", FALSE, TRUE },
    { CF_NOTIFY_SUBTREE, "a", "a/b/c", FALSE, TRUE },   { CF_NOTIFY_SUBTREE, "a", "ab", FALSE, FALSE },
    { CF_NOTIFY_SUBTREE, "a/b", "a", FALSE, FALSE },    { CF_NOTIFY_SUBTREE, "x a", "a/b", FALSE, TRUE },
    { CF_NOTIFY_SUBTREE, "*", "a", FALSE, FALSE },      { CF_NOTIFY_MAILBOXES, "a", "a", FALSE, TRUE },
    { CF_NOTIFY_MAILBOXES, "a", "a/b", FALSE, FALSE },  { CF_NOTIFY_MAILBOXES, "x a", "a", FALSE, TRUE },
    { CF_NOTIFY_MAILBOXES, "a", "A", FALSE, FALSE },    { CF_NOTIFY_MAILBOXES, "%", "a", TRUE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfNotifyFilter) filter = cf_notify_filter_new ();
    GPtrArray *names = cases[i].names != NULL ? names_new (cases[i].names) : NULL;

    g_assert_true (cf_notify_filter_add (filter, cases[i].where, names, BOTH));
    g_assert_cmpuint (cf_notify_filter_match (filter, cases[i].name, cases[i].subscribed), ==,
                      cases[i].matches ? BOTH : 0);
    g_assert_cmpuint (cf_notify_filter_get_others (filter), ==, BOTH);
    g_assert_cmpuint (cf_notify_filter_get_selected (filter), ==, 0);
  }
}

static void
test_union (void)
{
  g_autoptr (CfNotifyFilter) filter = cf_notify_filter_new ();

  cf_notify_filter_add (filter, CF_NOTIFY_MAILBOXES, names_new ("INBOX"), BOTH);
  cf_notify_filter_add (filter, CF_NOTIFY_PERSONAL, NULL, CF_NOTIFY_SUBSCRIPTION_CHANGE);
  g_assert_cmpuint (cf_notify_filter_match (filter, "INBOX", FALSE), ==,
                    BOTH | CF_NOTIFY_SUBSCRIPTION_CHANGE);
  g_assert_cmpuint (cf_notify_filter_match (filter, "a", FALSE), ==, CF_NOTIFY_SUBSCRIPTION_CHANGE);
}

static void
test_none (void)
{
  g_autoptr (CfNotifyFilter) filter = cf_notify_filter_new ();

  cf_notify_filter_add (filter, CF_NOTIFY_PERSONAL, NULL, BOTH);
  cf_notify_filter_add (filter, CF_NOTIFY_SUBSCRIBED, NULL, 0);
  cf_notify_filter_add (filter, CF_NOTIFY_SUBTREE, names_new ("Trash"), 0);
  g_assert_cmpuint (cf_notify_filter_match (filter, "a", TRUE), ==, BOTH);
  g_assert_cmpuint (cf_notify_filter_match (filter, "Trash", FALSE), ==, 0);
  g_assert_cmpuint (cf_notify_filter_match (filter, "Trash/old", TRUE), ==, 0);
}

static void
test_selected (void)
{
  g_autoptr (CfNotifyFilter) filter = cf_notify_filter_new ();

  g_assert_false (cf_notify_filter_is_delayed (filter));
  g_assert_true (cf_notify_filter_add (filter, CF_NOTIFY_SELECTED_DELAYED, NULL, BOTH));
  g_assert_true (cf_notify_filter_is_delayed (filter));
  g_assert_false (cf_notify_filter_add (filter, CF_NOTIFY_SELECTED, NULL, BOTH));
  g_assert_cmpuint (cf_notify_filter_get_selected (filter), ==, BOTH);
  g_assert_cmpuint (cf_notify_filter_get_others (filter), ==, 0);
  g_assert_cmpuint (cf_notify_filter_match (filter, "a", TRUE), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/notify-filter/places", test_places);
  g_test_add_func ("/core/notify-filter/union", test_union);
  g_test_add_func ("/core/notify-filter/none", test_none);
  g_test_add_func ("/core/notify-filter/selected", test_selected);
  return g_test_run ();
}
