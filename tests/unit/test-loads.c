/* tests/unit/test-loads.c - core/store/loads.c: one loads, others wait, and whoever goes keeps nobody
 * waiting. */
#include "store/loads.h"

static GArray *woken; /* of CfConnRef */

static void
note_wake (CfConnRef ref, gpointer user_data)
{
  g_array_append_val (woken, ref);
}

static CfLoads *
loads_new (void)
{
  woken = g_array_new (FALSE, FALSE, sizeof (CfConnRef));
  return cf_loads_new (note_wake, NULL);
}

static void
loads_end (CfLoads *loads)
{
  cf_loads_free (loads);
  g_array_unref (woken);
}

#define assert_woken(...)                                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    CfConnRef expected[] = { __VA_ARGS__ };                                                                  \
    g_assert_cmpmem (woken->data, woken->len * sizeof (CfConnRef), expected, sizeof expected);               \
    g_array_set_size (woken, 0);                                                                             \
  }                                                                                                          \
  G_STMT_END

static void
test_one_loads (void)
{
  CfLoads *loads = loads_new ();

  g_assert_true (cf_loads_begin (loads, 1, 7, "INBOX"));
  g_assert_true (cf_loads_begin (loads, 1, 7, "INBOX")); /* it does already */
  g_assert_false (cf_loads_begin (loads, 2, 7, "INBOX"));
  g_assert_false (cf_loads_begin (loads, 3, 7, "INBOX"));
  g_assert_false (cf_loads_begin (loads, 2, 7, "INBOX"));
  g_assert_true (cf_loads_begin (loads, 4, 8, "INBOX")); /* another account's */
  g_assert_true (cf_loads_begin (loads, 5, 7, "Sent"));
  cf_loads_end (loads, 1);
  assert_woken (2, 3);
  cf_loads_end (loads, 1); /* it does not any more */
  g_assert_cmpuint (woken->len, ==, 0);

  /* It failed: the first to ask again loads. */
  g_assert_true (cf_loads_begin (loads, 3, 7, "INBOX"));
  g_assert_false (cf_loads_begin (loads, 2, 7, "INBOX"));
  cf_loads_end (loads, 3);
  assert_woken (2);
  loads_end (loads);
}

static void
test_gone (void)
{
  CfLoads *loads = loads_new ();

  g_assert_true (cf_loads_begin (loads, 1, 7, "INBOX"));
  g_assert_false (cf_loads_begin (loads, 2, 7, "INBOX"));
  g_assert_false (cf_loads_begin (loads, 3, 7, "INBOX"));
  cf_loads_end (loads, 2); /* waits no longer */
  cf_loads_end (loads, 9); /* never did */
  g_assert_cmpuint (woken->len, ==, 0);
  g_assert_true (cf_loads_begin (loads, 2, 7, "Sent"));
  cf_loads_end (loads, 1);
  assert_woken (3);
  loads_end (loads);
}

static void
test_until (void)
{
  CfLoads *loads = loads_new ();

  cf_loads_begin (loads, 1, 7, "INBOX");
  cf_loads_begin (loads, 2, 7, "INBOX");
  g_assert_cmpint (cf_loads_get_until (loads, 2), ==, 0);
  cf_loads_go_on (loads, 1, 100);
  cf_loads_go_on (loads, 2, 200); /* is not the one that loads */
  cf_loads_go_on (loads, 3, 300);
  g_assert_cmpint (cf_loads_get_until (loads, 2), ==, 100);
  g_assert_cmpint (cf_loads_get_until (loads, 1), ==, 0); /* does not wait */
  g_assert_cmpint (cf_loads_get_until (loads, 3), ==, 0);
  loads_end (loads);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/store/loads/one-loads", test_one_loads);
  g_test_add_func ("/core/store/loads/gone", test_gone);
  g_test_add_func ("/core/store/loads/until", test_until);
  return g_test_run ();
}
