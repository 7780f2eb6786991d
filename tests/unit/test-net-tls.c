/* Tests of core/net/tls.c, with a certificate made on the spot. */
#include <errno.h>

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "net-test.h"

static char *directory, *certificate_file, *client_file;

static void
write_pem (const char *path, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key)
{
  gnutls_datum_t one = { 0 }, two = { 0 };
  g_autofree char *text = NULL;

  g_assert_cmpint (gnutls_x509_crt_export2 (certificate, GNUTLS_X509_FMT_PEM, &one), ==, 0);
  g_assert_cmpint (gnutls_x509_privkey_export2 (key, GNUTLS_X509_FMT_PEM, &two), ==, 0);
  text = g_strdup_printf ("%.*s%.*s", (int) one.size, one.data, (int) two.size, two.data);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  gnutls_free (one.data);
  gnutls_free (two.data);
}

/* A self-signed certificate and its key in one file. */
static char *
make_certificate (const char *name, const char *purpose)
{
  char *path = g_strdup_printf ("%s/%s.pem", directory, name);
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;

  gnutls_x509_privkey_init (&key);
  gnutls_x509_crt_init (&certificate);
  g_assert_cmpint (gnutls_x509_privkey_generate (key, GNUTLS_PK_ECDSA, 256, 0), ==, 0);
  gnutls_x509_crt_set_key (certificate, key);
  gnutls_x509_crt_set_version (certificate, 3);
  gnutls_x509_crt_set_serial (certificate, "\x01", 1);
  gnutls_x509_crt_set_activation_time (certificate, time (NULL) - 3600);
  gnutls_x509_crt_set_expiration_time (certificate, time (NULL) + 3600);
  gnutls_x509_crt_set_dn (certificate, name, NULL);
  gnutls_x509_crt_set_basic_constraints (certificate, 1, -1);
  gnutls_x509_crt_set_key_usage (certificate, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN);
  gnutls_x509_crt_set_key_purpose_oid (certificate, purpose, 0);
  g_assert_cmpint (gnutls_x509_crt_sign2 (certificate, certificate, key, GNUTLS_DIG_SHA256, 0), ==, 0);
  write_pem (path, certificate, key);
  gnutls_x509_crt_deinit (certificate);
  gnutls_x509_privkey_deinit (key);
  return path;
}

/* ---- A client -------------------------------------------------------------------------------------- */

typedef struct {
  int fd;
  gnutls_session_t session;
  gnutls_certificate_credentials_t credentials;
} Client;

static void
client_prepare (Client *client, int fd, const char *priorities, const char *certificate)
{
  client->fd = fd;
  gnutls_certificate_allocate_credentials (&client->credentials);
  if (certificate)
    g_assert_cmpint (gnutls_certificate_set_x509_key_file (client->credentials, certificate, certificate,
                                                           GNUTLS_X509_FMT_PEM),
                     >=, 0);
  gnutls_init (&client->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_FORCE_CLIENT_CERT);
  g_assert_cmpint (gnutls_priority_set_direct (client->session, priorities, NULL), ==, 0);
  gnutls_credentials_set (client->session, GNUTLS_CRD_CERTIFICATE, client->credentials);
  gnutls_transport_set_int (client->session, fd);
}

static int
client_shake_hands (Client *client)
{
  int result;

  do
    result = gnutls_handshake (client->session);
  while (result < 0 && !gnutls_error_is_fatal (result));
  return result;
}

static int
client_handshake (Client *client, int fd, const char *priorities, const char *certificate)
{
  client_prepare (client, fd, priorities, certificate);
  return client_shake_hands (client);
}

static void
client_clear (Client *client)
{
  gnutls_deinit (client->session);
  gnutls_certificate_free_credentials (client->credentials);
  close (client->fd);
}

static void
tls_send (Client *client, const char *text)
{
  g_assert_cmpint (gnutls_record_send (client->session, text, strlen (text)), ==, strlen (text));
}

static char *
tls_read_line (Client *client)
{
  g_autoptr (GString) line = g_string_new (NULL);
  char c;

  for (;;) {
    gssize n = gnutls_record_recv (client->session, &c, 1);

    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
      continue;
    if (n <= 0)
      return NULL;
    if (c == '\n')
      return g_string_free (g_steal_pointer (&line), FALSE);
    g_string_append_c (line, c);
  }
}

#define ASSERT_TLS_LINE(client, expected)                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *line_got = tls_read_line (client);                                                      \
    g_assert_cmpstr (line_got, ==, expected);                                                                \
  }                                                                                                          \
  G_STMT_END

static CfNet *
net_new_tls (const CfNetConfig *config, const char *client_ca)
{
  CfTlsConfig tls = { .certificate = certificate_file, .client_ca = client_ca };
  g_autoptr (GError) error = NULL;
  CfNet *net = net_new_started (config);

  g_assert_false (cf_net_has_tls (net));
  cf_net_set_tls (net, &tls, &error);
  g_assert_no_error (error);
  g_assert_true (cf_net_has_tls (net));
  return net;
}

/* ---- Tests ----------------------------------------------------------------------------------------- */

static void
assert_binding (Client *client, const char *name, gnutls_channel_binding_t type, gboolean exists)
{
  g_autofree char *request = g_strdup_printf ("BINDING %s\n", name);
  g_autoptr (GString) expected = g_string_new (NULL);
  gnutls_datum_t data = { 0 };

  tls_send (client, request);
  if (!exists) {
    ASSERT_TLS_LINE (client, "none");
    return;
  }
  g_assert_cmpint (gnutls_session_channel_binding (client->session, type, &data), ==, 0);
  for (guint i = 0; i < data.size; i++)
    g_string_append_printf (expected, "%02x", data.data[i]);
  gnutls_free (data.data);
  ASSERT_TLS_LINE (client, expected->str);
}

static void
test_implicit (gconstpointer priorities)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  gboolean is_13 = strstr (priorities, "TLS1.3") != NULL;
  Client client = { 0 };
  g_autoptr (GString) many = g_string_new (NULL);

  g_assert_cmpint (
      client_handshake (&client, client_new_pair (net, &line_protocol, TRUE, NULL), priorities, NULL), ==, 0);
  tls_send (&client, "PEER\n");
  ASSERT_TLS_LINE (&client, "unix local 1");
  assert_binding (&client, "tls-exporter", GNUTLS_CB_TLS_EXPORTER, TRUE);
  assert_binding (&client, "tls-unique", GNUTLS_CB_TLS_UNIQUE, !is_13);
  assert_binding (&client, "other", 0, FALSE);

  /* Several commands in one record, more than a turn runs: they are in GnuTLS or the buffer,
   * without an event. */
  for (guint i = 0; i < 100; i++)
    g_string_append_printf (many, "ECHO %u\n", i);
  tls_send (&client, many->str);
  for (guint i = 0; i < 100; i++) {
    g_autofree char *expected = g_strdup_printf ("ECHO %u", i);
    ASSERT_TLS_LINE (&client, expected);
  }
  tls_send (&client, "QUIT\n");
  ASSERT_TLS_LINE (&client, "bye");
  ASSERT_TLS_LINE (&client, NULL);
  client_clear (&client);
}

/* The input buffer is smaller than a record, so that octets stay inside GnuTLS and no socket event
 * tells of them. */
static void
test_pending (void)
{
  CfNetConfig config = { .input_max = 100 };
  g_autoptr (CfNet) net = net_new_tls (&config, NULL);
  Client client = { 0 };
  g_autoptr (GString) many = g_string_new (NULL);

  g_assert_cmpint (
      client_handshake (&client, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", NULL), ==, 0);
  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (many, "ECHO %u\n", i);
  tls_send (&client, many->str);
  for (guint i = 0; i < 1000; i++) {
    g_autofree char *expected = g_strdup_printf ("ECHO %u", i);
    ASSERT_TLS_LINE (&client, expected);
  }
  client_clear (&client);
}

/* Output beyond what the socket takes: records are continued where the kernel stopped. */
static void
test_big_output (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  Client client = { 0 };
  gsize got = 0;

  g_assert_cmpint (
      client_handshake (&client, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", NULL), ==, 0);
  tls_send (&client, "BIG 3000000\nECHO end\n");
  g_usleep (50000);
  while (got < 3000000) {
    static const char zero[16384];
    char buffer[16384];
    gssize n = gnutls_record_recv (client.session, buffer, MIN (sizeof buffer, 3000000 - got));

    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED) /* a session ticket came */
      continue;
    g_assert_cmpint (n, >, 0);
    g_assert_cmpmem (buffer, n, zero, n);
    got += (gsize) n;
  }
  ASSERT_TLS_LINE (&client, "ECHO end");
  client_clear (&client);
}

/* What is injected after STARTTLS in clear is not executed under TLS (CVE-2011-0411). */
static void
test_starttls_injection (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);
  Client client = { 0 };

  client_send (fd, "STARTTLS\nECHO injected\n");
  ASSERT_LINE (fd, "go");
  g_assert_cmpint (client_handshake (&client, fd, "NORMAL", NULL), ==, 0);
  tls_send (&client, "DISCARDED\nSTARTTLS\n");
  ASSERT_TLS_LINE (&client, "discarded 14");
  ASSERT_TLS_LINE (&client, "no: TLS is on already");
  client_clear (&client);
}

/* Wakes during the handshake are kept for after it. */
static void
test_starttls_holds_wakes (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  CfConnRef ref;
  int fd = client_new_pair (net, &line_protocol, FALSE, &ref);
  Client client = { 0 };

  client_send (fd, "STARTTLS\n");
  ASSERT_LINE (fd, "go");
  cf_net_wake (net, ref, CF_WAKE_PUSH);
  g_usleep (50000);
  g_assert_cmpint (n_pushes, ==, 0);
  g_assert_cmpint (client_handshake (&client, fd, "NORMAL", NULL), ==, 0);
  ASSERT_TLS_LINE (&client, "push");
  client_clear (&client);
}

static void
test_handshake_fails (void)
{
  CfNetConfig config = { .handshake_ms = 200 };
  g_autoptr (CfNet) net = net_new_tls (&config, NULL);
  CfNetCounters counters;
  Client old = { 0 };
  int fd = client_new_pair (net, &line_protocol, TRUE, NULL);

  client_send (fd, "a001 LOGIN in clear\r\n");
  while (recv (fd, (char[64]){ 0 }, 64, 0) > 0)
    ;
  close (fd);
  fd = client_new_pair (net, &line_protocol, TRUE, NULL); /* says nothing */
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  ASSERT_LINE (fd, NULL);
  close (fd);

  g_assert_cmpint (client_handshake (&old, client_new_pair (net, &line_protocol, TRUE, NULL),
                                     "NORMAL:-VERS-ALL:+VERS-TLS1.1:%COMPAT", NULL),
                   <, 0);
  client_clear (&old);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  cf_net_get_counters (net, &counters);
  g_assert_cmpuint (counters.tls_failures, ==, 3);
  g_assert_cmpint (n_opened, ==, 0);
}

/* A ticket is good for another connection, also after a reload. */
static void
test_resumption (gconstpointer priorities)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  CfTlsConfig again = { .certificate = certificate_file };
  gnutls_datum_t ticket = { 0 };
  Client first = { 0 }, second = { 0 };

  g_assert_cmpint (
      client_handshake (&first, client_new_pair (net, &line_protocol, TRUE, NULL), priorities, NULL), ==, 0);
  tls_send (&first, "ECHO ticket\n");
  ASSERT_TLS_LINE (&first, "ECHO ticket");
  g_assert_cmpint (gnutls_session_get_data2 (first.session, &ticket), ==, 0);
  g_assert_true (cf_net_set_tls (net, &again, NULL));

  client_prepare (&second, client_new_pair (net, &line_protocol, TRUE, NULL), priorities, NULL);
  g_assert_cmpint (gnutls_session_set_data (second.session, ticket.data, ticket.size), ==, 0);
  g_assert_cmpint (client_shake_hands (&second), ==, 0);
  g_assert_true (gnutls_session_is_resumed (second.session));
  tls_send (&second, "ECHO resumed\n");
  ASSERT_TLS_LINE (&second, "ECHO resumed");
  gnutls_free (ticket.data);
  client_clear (&first);
  client_clear (&second);
}

static void
test_renegotiation_refused (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  Client client = { 0 };
  int result;

  g_assert_cmpint (client_handshake (&client, client_new_pair (net, &line_protocol, TRUE, NULL),
                                     "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL),
                   ==, 0);
  do
    result = gnutls_handshake (client.session);
  while (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED);
  g_assert_cmpint (result, <, 0);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  client_clear (&client);
}

static void
test_client_certificate (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, client_file);
  Client with = { 0 }, without = { 0 }, wrong = { 0 };

  g_assert_cmpint (
      client_handshake (&with, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", client_file), ==,
      0);
  tls_send (&with, "CERTIFICATE\n");
  ASSERT_TLS_LINE (&with, "verified");
  g_assert_cmpint (
      client_handshake (&without, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", NULL), ==, 0);
  tls_send (&without, "CERTIFICATE\n");
  ASSERT_TLS_LINE (&without, "none");
  g_assert_cmpint (client_handshake (&wrong, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL",
                                     certificate_file),
                   ==, 0);
  tls_send (&wrong, "CERTIFICATE\n");
  ASSERT_TLS_LINE (&wrong, "none");
  client_clear (&with);
  client_clear (&without);
  client_clear (&wrong);
}

static void
test_reload (void)
{
  g_autoptr (CfNet) net = net_new_tls (NULL, NULL);
  CfTlsConfig bad = { .certificate = "/nonexistent/server.pem" };
  CfTlsConfig other = { .certificate = client_file };
  CfTlsConfig mixed = { .certificate = certificate_file, .key = client_file };
  CfTlsConfig wild = { .certificate = certificate_file, .priorities = "NORMAL:+NOTHING" };
  g_autoptr (GError) error = NULL;
  Client before = { 0 }, after = { 0 };
  const gnutls_datum_t *one, *two;
  unsigned int n;

  g_assert_cmpint (
      client_handshake (&before, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", NULL), ==, 0);
  g_assert_false (cf_net_set_tls (net, &bad, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (error->message, bad.certificate));
  g_clear_error (&error);
  g_assert_false (cf_net_set_tls (net, &mixed, NULL));
  g_assert_false (cf_net_set_tls (net, &wild, NULL));
  g_assert_true (cf_net_set_tls (net, &other, &error));
  g_assert_cmpint (
      client_handshake (&after, client_new_pair (net, &line_protocol, TRUE, NULL), "NORMAL", NULL), ==, 0);
  one = gnutls_certificate_get_peers (before.session, &n);
  two = gnutls_certificate_get_peers (after.session, &n);
  g_assert_false (one->size == two->size && memcmp (one->data, two->data, one->size) == 0);
  tls_send (&before, "ECHO old\n");
  ASSERT_TLS_LINE (&before, "ECHO old");
  client_clear (&before);
  client_clear (&after);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  directory = g_dir_make_tmp ("coffer-tls-XXXXXX", NULL);
  certificate_file = make_certificate ("CN=server", GNUTLS_KP_TLS_WWW_SERVER);
  client_file = make_certificate ("CN=client", GNUTLS_KP_TLS_WWW_CLIENT);
  g_test_add_data_func ("/core/net/tls/implicit/1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", test_implicit);
  g_test_add_data_func ("/core/net/tls/implicit/1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", test_implicit);
  g_test_add_data_func ("/core/net/tls/resumption/1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", test_resumption);
  g_test_add_data_func ("/core/net/tls/resumption/1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", test_resumption);
  g_test_add_func ("/core/net/tls/pending-needs-no-event", test_pending);
  g_test_add_func ("/core/net/tls/big-output", test_big_output);
  g_test_add_func ("/core/net/tls/starttls/injection-is-discarded", test_starttls_injection);
  g_test_add_func ("/core/net/tls/starttls/holds-wakes", test_starttls_holds_wakes);
  g_test_add_func ("/core/net/tls/handshake-fails", test_handshake_fails);
  g_test_add_func ("/core/net/tls/renegotiation-refused", test_renegotiation_refused);
  g_test_add_func ("/core/net/tls/client-certificate", test_client_certificate);
  g_test_add_func ("/core/net/tls/reload", test_reload);
  result = g_test_run ();
  g_unlink (certificate_file);
  g_unlink (client_file);
  g_rmdir (directory);
  g_free (certificate_file);
  g_free (client_file);
  g_free (directory);
  return result;
}
