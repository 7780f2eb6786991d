/* Tests of core/net/listener.c, endpoint.c and activation.c. */
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <glib/gstdio.h>

#include "net-test.h"

static const CfProtocol imap = { .name = "imap", .port = 143, .tls_port = 993 };
static const CfProtocol control = { .name = "control" };
static const CfProtocol *const protocols[] = { &imap, &control, NULL };

/* ---- Texts ----------------------------------------------------------------------------------------- */

static void
test_address_accepts (void)
{
  static const struct {
    const char *text, *host, *path;
    const CfProtocol *protocol;
    gboolean tls;
    guint port;
    gboolean proxied;
  } cases[] = {
    { "imap://127.0.0.1:1143", "127.0.0.1", NULL, &imap, FALSE, 1143 },
    { "imap://127.0.0.1:1143/", "127.0.0.1", NULL, &imap, FALSE, 1143 },
    { "imaps://[::1]:1993", "::1", NULL, &imap, TRUE, 1993 },
    { "imaps://[::]", "::", NULL, &imap, TRUE, 993 },
    { "imap://mail.example", "mail.example", NULL, &imap, FALSE, 143 },
    { "imap://:0", NULL, NULL, &imap, FALSE, 0 },
    { "unix:/run/control", NULL, "/run/control", &control, FALSE, 0 },
    { "imap+unix:/run/i:map", NULL, "/run/i:map", &imap, FALSE, 0 },
    { "imap+proxy://127.0.0.1", "127.0.0.1", NULL, &imap, FALSE, 143, TRUE },
    { "imaps+proxy://[::1]:1993", "::1", NULL, &imap, TRUE, 1993, TRUE },
    { "imap+proxy+unix:/run/imap", NULL, "/run/imap", &imap, FALSE, 0, TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_auto (CfEndpoint) address = { 0 };
    g_autoptr (GError) error = NULL;

    cf_endpoint_parse (cases[i].text, protocols, &address, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (address.host, ==, cases[i].host);
    g_assert_cmpstr (address.path, ==, cases[i].path);
    g_assert_true (address.protocol == cases[i].protocol);
    g_assert_cmpint (address.tls, ==, cases[i].tls);
    g_assert_cmpuint (address.port, ==, cases[i].port);
    g_assert_cmpint (address.proxied, ==, cases[i].proxied);
  }
}

static void
test_address_rejects (void)
{
  static const char *const texts[] = {
    "",
    "imap",
    "imap:127.0.0.1:143",
    "127.0.0.1:143",
    "pop://127.0.0.1:110",
    "imap://127.0.0.1:65536",
    "imap://127.0.0.1:",
    "imap://127.0.0.1:x",
    "imap://[::1",
    "imap://::1",
    "imap://[::1]143",
    "imap://host/path",
    "unix:relative",
    "imaps+unix:/x",
    "+unix:/x",
    "control://127.0.0.1",
    "imap://a b:143",
    "imapss://127.0.0.1:1",
    "imap://u@host:1",
    "imap+proxy:/x",
    "imap+unix+proxy:/x",
    "+proxy://127.0.0.1:1",
    "proxy://127.0.0.1:1",
    "imap+proxys://127.0.0.1:1",
    "imap+proxy+proxy://127.0.0.1:1",
  };
  g_autofree char *long_path = g_strnfill (200, 'x'), *long_text = g_strconcat ("unix:/", long_path, NULL);

  for (guint i = 0; i <= G_N_ELEMENTS (texts); i++) {
    g_auto (CfEndpoint) address = { 0 };
    g_autoptr (GError) error = NULL;
    const char *text = i < G_N_ELEMENTS (texts) ? texts[i] : long_text;

    g_test_message ("%s", text);
    g_assert_false (cf_endpoint_parse (text, protocols, &address, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  }
}

static void
test_activation_parse (void)
{
  g_assert_cmpuint (cf_activation_parse ("42", "2", 42), ==, 2);
  g_assert_cmpuint (cf_activation_parse ("42", "0", 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse ("41", "2", 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse (NULL, "2", 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse ("42", NULL, 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse ("42", "-1", 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse ("42", "99999999", 42), ==, 0);
  g_assert_cmpuint (cf_activation_parse ("42x", "2", 42), ==, 0);
}

/* ---- Sockets --------------------------------------------------------------------------------------- */

/* Connects to what cf_net_dup_addresses() said; -1 when refused. */
static int
client_connect (const char *text)
{
  const CfProtocol *const any[] = { &line_protocol, NULL };
  g_auto (CfEndpoint) address = { 0 };
  g_autoptr (GArray) targets = NULL;
  CfSockaddr *target;
  int fd;

  g_assert_true (cf_endpoint_parse (text, any, &address, NULL));
  targets = cf_endpoint_resolve (&address, NULL);
  target = &g_array_index (targets, CfSockaddr, 0);
  fd = socket (target->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  client_set_patience (fd);
  if (connect (fd, (struct sockaddr *) &target->storage, target->length) == 0)
    return fd;
  close (fd);
  return -1;
}

static CfNet *
net_new_listening (const CfNetConfig *config, const char *text)
{
  g_autoptr (GError) error = NULL;
  CfNet *net = cf_net_new (config, &error);

  g_assert_no_error (error);
  cf_net_listen (net, text, line_protocols, &error);
  g_assert_no_error (error);
  cf_net_start (net, &error);
  g_assert_no_error (error);
  atomic_store (&n_opened, 0);
  atomic_store (&n_closed, 0);
  return net;
}

static void
test_tcp (gconstpointer data)
{
  g_autoptr (CfNet) net = NULL;
  g_auto (GStrv) addresses = NULL;
  g_autofree char *expected
      = g_strdup_printf ("%s local 0", strchr ((const char *) data, '[') ? "::1" : "127.0.0.1");
  int fd;

  net = net_new_listening (NULL, data);
  addresses = cf_net_dup_addresses (net);
  g_assert_cmpuint (g_strv_length (addresses), >=, 1);
  g_assert_false (g_str_has_suffix (addresses[0], ":0"));
  fd = client_connect (addresses[0]);
  g_assert_cmpint (fd, >=, 0);
  WAIT_UNTIL (n_opened == 1);
  client_send (fd, "ECHO over TCP\nPEER\nQUIT\n");
  ASSERT_LINE (fd, "ECHO over TCP");
  ASSERT_LINE (fd, expected);
  ASSERT_LINE (fd, "bye");
  ASSERT_LINE (fd, NULL);
  close (fd);
  cf_net_drain (net, 0);
  g_assert_cmpint (client_connect (addresses[0]), ==, -1);
}

static void
test_address_in_use (void)
{
  g_autoptr (CfNet) net = net_new_listening (NULL, "line://127.0.0.1:0");
  g_auto (GStrv) addresses = cf_net_dup_addresses (net);
  g_autoptr (CfNet) other = cf_net_new (NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (cf_net_listen (other, addresses[0], line_protocols, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, addresses[0]));
  g_clear_error (&error);
  g_assert_false (cf_net_listen (other, "lines://127.0.0.1:0", line_protocols, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE); /* no certificate */
}

static void
test_unix (void)
{
  g_autofree char *dir = g_dir_make_tmp ("coffer-net-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "socket", NULL);
  g_autofree char *text = g_strconcat ("line+unix:", path, NULL);
  CfNetConfig config = { .unix_mode = 0600 };
  g_autoptr (CfNet) other = cf_net_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  struct sockaddr_un sun = { .sun_family = AF_UNIX };
  struct stat info;
  CfNet *net;
  int fd, stale;

  /* Left behind: bound and closed, nobody answers. */
  g_strlcpy (sun.sun_path, path, sizeof sun.sun_path);
  stale = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (bind (stale, (struct sockaddr *) &sun, sizeof sun), ==, 0);
  close (stale);

  net = net_new_listening (&config, text);
  g_assert_cmpint (stat (path, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 0777, ==, 0600);
  fd = client_connect (text);
  WAIT_UNTIL (n_opened == 1);
  client_send (fd, "PEER\n");
  ASSERT_LINE (fd, "unix local 0");

  g_assert_false (cf_net_listen (other, text, line_protocols, &error)); /* somebody answers */
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  close (fd);
  cf_net_free (net);
  g_assert_cmpint (g_access (path, F_OK), !=, 0);

  g_assert_true (g_file_set_contents (path, "precious", -1, NULL));
  g_assert_false (cf_net_listen (other, text, line_protocols, &error)); /* not a socket */
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (dir), ==, 0);
}

static int
listening_socket (char **out_text)
{
  struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof sin;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &sin, sizeof sin), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &sin, &length), ==, 0);
  *out_text = g_strdup_printf ("line://127.0.0.1:%u", ntohs (sin.sin_port));
  return fd;
}

/* What the service manager holds can be served in no other way: binding it again would fail. */
static void
test_activation (void)
{
  g_autofree char *text = NULL, *unused_text = NULL;
  g_autoptr (CfNet) net = cf_net_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  int handed = listening_socket (&text), unused = listening_socket (&unused_text), fd;

  cf_listener_offer_fd (net, unused);
  cf_listener_offer_fd (net, handed);
  cf_net_listen (net, text, line_protocols, &error);
  g_assert_no_error (error);
  atomic_store (&n_warnings, 0);
  atomic_store (&warnings_expected, TRUE);
  cf_net_listen_check_activation (net);
  atomic_store (&warnings_expected, FALSE);
  g_assert_cmpint (n_warnings, ==, 1);
  g_assert_cmpint (client_connect (unused_text), ==, -1);

  cf_net_start (net, &error);
  g_assert_no_error (error);
  atomic_store (&n_opened, 0);
  fd = client_connect (text);
  WAIT_UNTIL (n_opened == 1);
  close (fd);
}

static guint64
cpu_time_used (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (guint64) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC
         + (guint64) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Without descriptors accepting pauses, says so once, does not spin, and goes on when there
 * are some again. */
static void
test_out_of_descriptors (void)
{
  g_autoptr (CfNet) net = net_new_listening (NULL, "line://127.0.0.1:0");
  g_auto (GStrv) addresses = cf_net_dup_addresses (net);
  struct rlimit limit, none;
  guint64 used;
  int fd;

  fd = client_connect (addresses[0]);
  g_assert_cmpint (fd, >=, 0);
  getrlimit (RLIMIT_NOFILE, &limit);
  none = limit;
  none.rlim_cur = (rlim_t) dup (fd); /* the first free one */
  close ((int) none.rlim_cur);
  atomic_store (&n_warnings, 0);
  atomic_store (&warnings_expected, TRUE);
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &none), ==, 0);
  used = cpu_time_used ();
  for (gint64 end = g_get_monotonic_time () + 700000; g_get_monotonic_time () < end; g_usleep (5000))
    g_main_context_iteration (NULL, FALSE);
  used = cpu_time_used () - used;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  g_assert_cmpint (n_opened, ==, 0);
  g_assert_cmpint (n_warnings, ==, 1);
  g_assert_cmpuint (used, <, 350000);
  WAIT_UNTIL (n_opened == 1);
  atomic_store (&warnings_expected, FALSE);
  close (fd);
}

/* The newcomer takes the place of the oldest that is not established; if all are, it waits. */
static void
test_full (void)
{
  CfNetConfig config = { .max_connections = 3 };
  g_autoptr (CfNet) net = NULL;
  g_auto (GStrv) addresses = NULL;
  int fds[5];

  atomic_store (&warnings_expected, TRUE);
  net = net_new_listening (&config, "line://127.0.0.1:0");
  addresses = cf_net_dup_addresses (net);
  for (guint i = 0; i < 4; i++) {
    fds[i] = client_connect (addresses[0]);
    g_assert_cmpint (fds[i], >=, 0);
    WAIT_UNTIL (n_opened == (int) i + 1);
    if (i == 1)
      continue;
    client_send (fds[i], "LOGIN\n");
    ASSERT_LINE (fds[i], "hello");
  }
  ASSERT_LINE (fds[1], NULL); /* it has given way */
  fds[4] = client_connect (addresses[0]);
  client_send (fds[4], "ECHO at last\n");
  for (gint64 end = g_get_monotonic_time () + 600000; g_get_monotonic_time () < end; g_usleep (5000))
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (n_opened, ==, 4);
  close (fds[2]);
  WAIT_UNTIL (n_opened == 5);
  ASSERT_LINE (fds[4], "ECHO at last");
  atomic_store (&warnings_expected, FALSE);
  close (fds[0]);
  close (fds[1]);
  close (fds[3]);
  close (fds[4]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (log_counting, NULL, NULL);
  g_test_add_func ("/core/net/endpoint/accepts", test_address_accepts);
  g_test_add_func ("/core/net/endpoint/rejects", test_address_rejects);
  g_test_add_func ("/core/net/activation/parse", test_activation_parse);
  g_test_add_data_func ("/core/net/listener/tcp4-port-0", "line://127.0.0.1:0", test_tcp);
  g_test_add_data_func ("/core/net/listener/tcp6-port-0", "line://[::1]:0", test_tcp);
  g_test_add_func ("/core/net/listener/in-use", test_address_in_use);
  g_test_add_func ("/core/net/listener/unix", test_unix);
  g_test_add_func ("/core/net/listener/activation", test_activation);
  g_test_add_func ("/core/net/listener/full", test_full);
  g_test_add_func ("/core/net/listener/out-of-descriptors", test_out_of_descriptors);
  return g_test_run ();
}
