/* Tests of core/base/ip.c. */
#include "base/ip.h"

static void
test_sites (void)
{
  static const struct {
    const char *text, *site; /* site NULL: no address */
  } cases[] = {
    { "192.0.2.1", "192.0.2.1" },
    { "::ffff:192.0.2.1", "192.0.2.1" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
    { "2001:db8:1:2::", "2001:db8:1:2::/64" },
    { "::1", "::/64" },
    { "", NULL },
    { "unix", NULL },
    { "192.0.2", NULL },
    { "192.0.2.256", NULL },
    { "[::1]", NULL },
    { "fe80::1%lo", "fe80::/64" },
    { "%lo", NULL },
    { "192.0.2.1%lo", NULL },
    { "1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL },
    { "192.0.2.1:143", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = NULL;
    CfIp ip;

    if (cf_ip_parse (cases[i].text, &ip)) {
      ip = cf_ip_get_site (&ip);
      text = cf_ip_site_to_string (&ip);
    }
    g_assert_cmpstr (text, ==, cases[i].site);
  }
}

static void
test_peers (void)
{
  static const struct {
    const char *peer, *address; /* address NULL: there is none */
  } cases[] = {
    { "192.0.2.1:50000", "192.0.2.1" },
    { "[2001:db8::1]:50000", "2001:db8::1" },
    { "[fe80::1%eth0]:50000", "fe80::1" },
    { "[::ffff:192.0.2.1]:50000", "192.0.2.1" },
    { "192.0.2.1", NULL },
    { "192.0.2.10:", "192.0.2.10" },
    { "[2001:db8::1", NULL },
    { "[", NULL },
    { "[]:1", NULL },
    { "", NULL },
    { "unix", NULL },
    { "unix:/run/coffer", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = NULL;
    CfIp ip, again;

    if (cf_ip_parse_peer (cases[i].peer, &ip)) {
      text = cf_ip_to_string (&ip);
      g_assert_true (cf_ip_parse (text, &again) && cf_ip_equal (&ip, &again));
    }
    g_assert_cmpstr (text, ==, cases[i].address);
  }
}

static void
test_networks (void)
{
  static const struct {
    const char *network, *inside, *outside; /* NULL: there is none */
  } cases[] = {
    { "192.0.2.0/24", "192.0.2.255", "192.0.3.0" },
    { "192.0.2.128/25", "192.0.2.128", "192.0.2.127" },
    { "192.0.2.7", "192.0.2.7", "192.0.2.6" },
    { "0.0.0.0/0", "255.0.0.1", "::1" },
    { "192.0.2.0/24", "::ffff:192.0.2.9", "2001:db8::1" },
    { "2001:db8::/32", "2001:db8:ffff::1", "2001:db9::" },
    { "2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::" },
    { "::1", "::1", "::2" },
    { "::/0", "2001:db8::1", "0.0.0.0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *list[] = { (char *) "198.51.100.0/24", (char *) cases[i].network, NULL };
    g_autoptr (GError) error = NULL;
    g_autoptr (CfIpNetworks) networks = cf_ip_networks_parse (list, &error);
    CfIp ip;

    g_assert_no_error (error);
    g_assert_true (cf_ip_parse (cases[i].inside, &ip));
    g_assert_true (cf_ip_networks_contain (networks, &ip));
    g_assert_true (cf_ip_parse (cases[i].outside, &ip));
    g_assert_false (cf_ip_networks_contain (networks, &ip));
    g_assert_false (cf_ip_networks_contain (NULL, &ip));
  }
}

static void
test_networks_rejects (void)
{
  static const char *const texts[] = { "",
                                       "/",
                                       "192.0.2.0/",
                                       "192.0.2.0/33",
                                       "192.0.2.1/24",
                                       "192.0.2.0/24/1",
                                       "192.0.2.0/-1",
                                       "192.0.2.0/+8",
                                       "192.0.2.0/ 8",
                                       "2001:db8::/129",
                                       "2001:db8::1/64",
                                       "localhost",
                                       "0.0.0.1/0", "fe80::1%lo",
                                       "::ffff:192.0.2.0/120" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    char *list[] = { (char *) "192.0.2.0/24", (char *) texts[i], NULL };
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", texts[i]);
    g_assert_null (cf_ip_networks_parse (list, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
    g_assert_nonnull (strstr (error->message, texts[i]));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/ip/sites", test_sites);
  g_test_add_func ("/core/ip/peers", test_peers);
  g_test_add_func ("/core/ip/networks", test_networks);
  g_test_add_func ("/core/ip/networks/rejects", test_networks_rejects);
  return g_test_run ();
}
