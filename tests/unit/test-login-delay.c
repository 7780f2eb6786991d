/* tests/unit/test-login-delay.c - what failed logins cost, by an injected clock. */
#include "imap/login-delay.h"

static gint64 test_time;

static gint64
test_clock (void)
{
  return test_time;
}

static CfLoginDelay *
delay_new (void)
{
  CfLoginDelayConfig config = CF_LOGIN_DELAY_CONFIG_DEFAULT;

  config.clock = test_clock;
  test_time = 1000;
  return cf_login_delay_new (&config);
}

static guint
admit (CfLoginDelay *delay, const char *name, const char *peer)
{
  g_autoptr (GError) error = NULL;
  guint wait = G_MAXUINT;

  if (!cf_login_delay_admit (delay, name, peer, &wait, &error)) {
    g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
    return G_MAXUINT;
  }
  g_assert_no_error (error);
  return wait;
}

/* A client that tries, waits for the answer, and tries again. */
static void
test_growth (void)
{
  const guint waits[] = { 0, 1000, 2000, 4000, 8000, 15000, 15000 };
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (waits); i++) {
    guint wait;

    g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, 0);
    wait = cf_login_delay_charge (delay, "alice", "192.0.2.1");
    g_assert_cmpuint (wait, ==, waits[i]);
    test_time += (gint64) wait * 1000;
  }
}

/* Many guesses side by side, as many as one likes: the doubling ends at the maximum and stays there. */
static void
test_many (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 100; i++) {
    guint wait = cf_login_delay_charge (delay, "alice", "192.0.2.1");

    if (i >= 5)
      g_assert_cmpuint (wait, ==, 15000);
  }
}

static void
test_neighbours (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 10; i++)
    cf_login_delay_charge (delay, "alice", "192.0.2.1");
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), >, 0);
  g_assert_cmpuint (admit (delay, "bob", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.2"), ==, 0);
  g_assert_cmpuint (cf_login_delay_charge (delay, "bob", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.2"), ==, 0);
}

static void
test_clear (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 3; i++)
    cf_login_delay_charge (delay, "alice", "192.0.2.1");
  cf_login_delay_clear (delay, "bob", "192.0.2.1");
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), >, 0);
  cf_login_delay_clear (delay, "alice", "192.0.2.1");
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 0);
}

static void
test_fade (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 3; i++)
    cf_login_delay_charge (delay, "alice", "192.0.2.1");
  /* Two of three are forgotten: the next is the second. */
  test_time += 150 * G_USEC_PER_SEC;
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 1000);
  /* A long time later nothing is left, and what follows does not fade faster for it. */
  test_time += 86400 * (gint64) G_USEC_PER_SEC + 30 * G_USEC_PER_SEC;
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 0);
  test_time += 59 * G_USEC_PER_SEC;
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 1000);
}

/* Attempts side by side are made one after another; more than a few do not even wait. */
static void
test_parallel (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();
  const guint waits[] = { 2000, 4000, 6000, 8000 };

  for (guint i = 0; i < 3; i++)
    cf_login_delay_charge (delay, "alice", "192.0.2.1");
  for (gsize i = 0; i < G_N_ELEMENTS (waits); i++)
    g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, waits[i]);
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, G_MAXUINT);
  test_time += 4 * G_USEC_PER_SEC;
  g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, 6000);
}

/* A burst before the first failure was known goes through, and is paid for. */
static void
test_burst (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 100; i++)
    g_assert_cmpuint (admit (delay, "alice", "192.0.2.1"), ==, 0);
  for (guint i = 0; i < 100; i++)
    cf_login_delay_charge (delay, "alice", "192.0.2.1");
  test_time += 80 * 60 * (gint64) G_USEC_PER_SEC;
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 15000);
}

static void
test_ceiling (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  for (guint i = 0; i < 1000; i++) {
    g_autofree char *name = g_strdup_printf ("user%u", i);

    g_assert_cmpuint (cf_login_delay_charge (delay, i % 2 ? name : NULL, "192.0.2.1"), ==, 0);
  }
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.1"), ==, 15000);
  g_assert_cmpuint (cf_login_delay_charge (delay, NULL, "::ffff:192.0.2.1"), ==, 15000);
  g_assert_cmpuint (admit (delay, "bob", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "192.0.2.2"), ==, 0);
  test_time += 60 * G_USEC_PER_SEC;
  g_assert_cmpuint (cf_login_delay_charge (delay, "carol", "192.0.2.1"), ==, 0);
}

static void
test_ipv6 (void)
{
  g_autoptr (CfLoginDelay) delay = delay_new ();

  cf_login_delay_charge (delay, "alice", "2001:db8:1:2::1");
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "2001:db8:1:2:ffff::9"), ==, 1000);
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "2001:db8:1:3::1"), ==, 0);
  cf_login_delay_charge (delay, "alice", "unix");
  g_assert_cmpuint (cf_login_delay_charge (delay, "alice", "unix"), ==, 1000);
}

static void
test_bounded (void)
{
  CfLoginDelayConfig config = { 15000, 60, 0, 2, test_clock };
  g_autoptr (CfLoginDelay) delay = cf_login_delay_new (&config);

  for (guint i = 0; i < 2; i++) {
    cf_login_delay_charge (delay, "a", "192.0.2.1");
    cf_login_delay_charge (delay, "b", "192.0.2.1");
  }
  g_assert_cmpuint (admit (delay, "a", "192.0.2.1"), >, 0);
  cf_login_delay_charge (delay, "c", "192.0.2.1");
  g_assert_cmpuint (admit (delay, "b", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (admit (delay, "a", "192.0.2.1"), >, 0);
}

static void
test_off (void)
{
  CfLoginDelayConfig config = { 0, 60, 1, 2, test_clock };
  g_autoptr (CfLoginDelay) delay = cf_login_delay_new (&config);

  for (guint i = 0; i < 5; i++)
    g_assert_cmpuint (cf_login_delay_charge (delay, "a", "192.0.2.1"), ==, 0);
  g_assert_cmpuint (admit (delay, "a", "192.0.2.1"), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/login-delay/growth", test_growth);
  g_test_add_func ("/core/login-delay/growth-ends", test_many);
  g_test_add_func ("/core/login-delay/neighbours-do-not-wait", test_neighbours);
  g_test_add_func ("/core/login-delay/clear", test_clear);
  g_test_add_func ("/core/login-delay/fade", test_fade);
  g_test_add_func ("/core/login-delay/parallel", test_parallel);
  g_test_add_func ("/core/login-delay/burst", test_burst);
  g_test_add_func ("/core/login-delay/ceiling", test_ceiling);
  g_test_add_func ("/core/login-delay/ipv6", test_ipv6);
  g_test_add_func ("/core/login-delay/bounded", test_bounded);
  g_test_add_func ("/core/login-delay/off", test_off);
  return g_test_run ();
}
