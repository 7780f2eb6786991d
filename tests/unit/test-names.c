/* tests/unit/test-names.c - core/store/names.c. */
#include "store/names.h"

static void
test_names (void)
{
  CfMailboxId id;

  g_assert_false (cf_names_lookup (1, "INBOX", &id));
  cf_names_remember (1, "INBOX", 7);
  cf_names_remember (2, "INBOX", 8);
  cf_names_remember (1, "a", 9);
  g_assert_true (cf_names_lookup (1, "INBOX", &id));
  g_assert_cmpuint (id, ==, 7);
  g_assert_true (cf_names_lookup (2, "INBOX", &id));
  g_assert_cmpuint (id, ==, 8);

  cf_names_remember (1, "a", 10);
  g_assert_true (cf_names_lookup (1, "a", &id));
  g_assert_cmpuint (id, ==, 10);
  cf_names_forget (1, "a");
  g_assert_false (cf_names_lookup (1, "a", &id));
  cf_names_forget_account (1);
  g_assert_false (cf_names_lookup (1, "INBOX", &id));
  g_assert_true (cf_names_lookup (2, "INBOX", &id));
  cf_names_forget (3, "x");
  cf_names_forget_account (3);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/names/remember-and-forget", test_names);
  return g_test_run ();
}
