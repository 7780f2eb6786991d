/* tests/unit/net-test.h - what the tests of core/net share: a line protocol that does what the lines say, and
 * blocking client sockets.
 *
 *   ECHO text      the line comes back
 *   BIG n          n octets, in steps, answering MORE in between
 *   PARK           WAIT until a completion, then "resumed"
 *   HOLD           keeps its worker (n_held counts them) until released
 *   TIMEOUT ms     sets the timeout; "timeout" when it comes
 *   LOGIN          the connection is established
 *   STARTTLS       "go", then TLS; "discarded n" is told by DISCARDED
 *   BINDING type   the channel binding data in hexadecimal
 *   QUIT           "bye" and the end
 *
 * Pushes are told as "push", a drain as "drain" and the end, a kick as "kick" and the end.
 */
#ifndef CF_NET_TEST_H
#define CF_NET_TEST_H

#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/private.h"

typedef struct {
  _Atomic int owners; /* how many workers are inside */
  gsize big;          /* octets of BIG still to write */
  gboolean parked;
  gsize discarded;
} LineSession;

static _Atomic int n_opened, n_closed, n_pushes, n_hangups, n_held;
static _Atomic CfConnRef last_ref;
static _Atomic gboolean released;
static _Atomic gsize max_output;

static G_GNUC_UNUSED gpointer
line_opened (CfConn *conn)
{
  g_assert_cmpint (cf_net_get_worker_index (), >=, 0);
  atomic_fetch_add (&n_opened, 1);
  atomic_store (&last_ref, cf_conn_get_ref (conn));
  cf_conn_set_label (conn, "nobody");
  return g_new0 (LineSession, 1);
}

static void
line_closed (CfConn *conn, gpointer data)
{
  LineSession *session = data;

  g_assert_cmpint (atomic_fetch_add (&session->owners, 1), ==, 0);
  atomic_fetch_add (&n_closed, 1);
  g_free (session);
}

static CfRun
line_write_big (CfConn *conn, LineSession *session)
{
  static const char block[4096];

  while (session->big > 0 && !cf_conn_is_output_full (conn)) {
    gsize n = MIN (session->big, sizeof block);

    cf_conn_write (conn, block, n);
    session->big -= n;
  }
  if (cf_conn_get_output_length (conn) > atomic_load (&max_output))
    atomic_store (&max_output, cf_conn_get_output_length (conn));
  return session->big > 0 ? CF_RUN_MORE : CF_RUN_DONE;
}

static CfRun
line_execute (CfConn *conn, LineSession *session, const char *line)
{
  g_autoptr (GError) error = NULL;

  if (g_str_has_prefix (line, "ECHO ")) {
    cf_conn_printf (conn, "%s\n", line);
  } else if (g_str_has_prefix (line, "BIG ")) {
    session->big = (gsize) g_ascii_strtoull (line + 4, NULL, 10);
    return line_write_big (conn, session);
  } else if (strcmp (line, "PARK") == 0) {
    session->parked = TRUE;
    return CF_RUN_WAIT;
  } else if (strcmp (line, "HOLD") == 0) {
    atomic_fetch_add (&n_held, 1);
    while (!atomic_load (&released))
      g_usleep (1000);
  } else if (g_str_has_prefix (line, "TIMEOUT ")) {
    cf_conn_set_timeout (conn, g_ascii_strtoull (line + 8, NULL, 10));
  } else if (strcmp (line, "LOGIN") == 0) {
    cf_conn_set_established (conn);
    cf_conn_write_string (conn, "hello\n");
  } else if (strcmp (line, "STARTTLS") == 0) {
    if (cf_conn_start_tls (conn, &session->discarded, &error))
      cf_conn_write_string (conn, "go\n");
    else
      cf_conn_printf (conn, "no: %s\n", error->message);
  } else if (strcmp (line, "DISCARDED") == 0) {
    cf_conn_printf (conn, "discarded %zu\n", session->discarded);
  } else if (g_str_has_prefix (line, "BINDING ")) {
    g_autoptr (GBytes) data = cf_conn_dup_channel_binding (conn, line + 8);
    gsize length = 0;
    const guint8 *octets = data ? g_bytes_get_data (data, &length) : NULL;

    for (gsize i = 0; i < length; i++)
      cf_conn_printf (conn, "%02x", octets[i]);
    cf_conn_write_string (conn, octets ? "\n" : "none\n");
  } else if (strcmp (line, "CERTIFICATE") == 0) {
    gsize length = 0;

    cf_conn_printf (conn, "%s\n", cf_conn_get_peer_certificate (conn, &length) ? "verified" : "none");
  } else if (strcmp (line, "PEER") == 0) {
    const CfPeer *peer = cf_conn_get_peer (conn);

    cf_conn_printf (conn, "%s %s %d\n", peer->address, peer->local ? "local" : "remote",
                    cf_conn_is_tls (conn));
  } else if (strcmp (line, "QUIT") == 0) {
    cf_conn_write_string (conn, "bye\n");
    return CF_RUN_CLOSE;
  }
  return CF_RUN_DONE;
}

static CfRun
line_step (CfConn *conn, LineSession *session, guint reasons)
{
  g_autofree char *line = NULL;
  guint8 *data, *end;
  gsize length;

  if (reasons & (CF_WAKE_KICK | CF_WAKE_DRAIN)) {
    cf_conn_write_string (conn, reasons & CF_WAKE_KICK ? "kick\n" : "drain\n");
    return CF_RUN_CLOSE;
  }
  if (reasons & CF_WAKE_TIMEOUT)
    cf_conn_write_string (conn, "timeout\n");
  if (reasons & CF_WAKE_HANGUP)
    atomic_fetch_add (&n_hangups, 1);
  if (reasons & CF_WAKE_PUSH) {
    atomic_fetch_add (&n_pushes, 1);
    if (!session->parked && session->big == 0)
      cf_conn_write_string (conn, "push\n");
  }
  if (session->parked && !(reasons & CF_WAKE_COMPLETION))
    return CF_RUN_WAIT;
  if (session->parked)
    cf_conn_write_string (conn, "resumed\n");
  session->parked = FALSE;
  if (session->big > 0)
    return line_write_big (conn, session);

  data = cf_conn_peek (conn, &length);
  end = length ? memchr (data, '\n', length) : NULL;
  if (!end)
    return CF_RUN_DONE;
  line = g_strndup ((const char *) data, (gsize) (end - data));
  cf_conn_consume (conn, strlen (line) + 1);
  return line_execute (conn, session, line);
}

static G_GNUC_UNUSED CfRun
line_run (CfConn *conn, gpointer user_data, guint reasons)
{
  LineSession *session = user_data;
  const guint8 *data;
  gsize length;
  CfRun result;

  g_assert_cmpint (atomic_fetch_add (&session->owners, 1), ==, 0);
  result = line_step (conn, session, reasons);
  data = cf_conn_peek (conn, &length);
  if (result == CF_RUN_DONE && length > 0 && memchr (data, '\n', length))
    result = CF_RUN_MORE;
  g_assert_cmpint (atomic_fetch_sub (&session->owners, 1), ==, 1);
  return result;
}

static G_GNUC_UNUSED const CfProtocol line_protocol
    = { .name = "line", .opened = line_opened, .run = line_run, .closed = line_closed };
static G_GNUC_UNUSED const CfProtocol *const line_protocols[] = { &line_protocol, NULL };

static G_GNUC_UNUSED CfNet *
net_new_started (const CfNetConfig *config)
{
  g_autoptr (GError) error = NULL;
  CfNet *net = cf_net_new (config, &error);

  g_assert_no_error (error);
  cf_net_start (net, &error);
  g_assert_no_error (error);
  atomic_store (&n_opened, 0);
  atomic_store (&n_closed, 0);
  atomic_store (&n_pushes, 0);
  atomic_store (&n_hangups, 0);
  atomic_store (&max_output, 0);
  atomic_store (&last_ref, 0);
  return net;
}

/* Warnings are fatal in tests, except where one is expected: there they are counted. */
static _Atomic gboolean warnings_expected;
static _Atomic int n_warnings;

static G_GNUC_UNUSED GLogWriterOutput
log_counting (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (!(level & G_LOG_LEVEL_WARNING) || !atomic_load (&warnings_expected))
    return g_log_writer_default (level, fields, n_fields, user_data);
  atomic_fetch_add (&n_warnings, 1);
  return G_LOG_WRITER_HANDLED;
}

/* Iterates the main context until @condition. */
#define WAIT_UNTIL(condition)                                                                                \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    gint64 give_up = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;                                          \
    while (!(condition)) {                                                                                   \
      g_assert_cmpint (g_get_monotonic_time (), <, give_up);                                                 \
      if (!g_main_context_iteration (NULL, FALSE))                                                           \
        g_usleep (1000);                                                                                     \
    }                                                                                                        \
  }                                                                                                          \
  G_STMT_END

static G_GNUC_UNUSED void
client_set_patience (int fd)
{
  struct timeval patience = { .tv_sec = 20 };

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), ==, 0);
}

/* The client's end of a socket pair whose other end @net serves. */
static G_GNUC_UNUSED int
client_new_pair (CfNet *net, const CfProtocol *protocol, gboolean tls, CfConnRef *out_ref)
{
  g_autoptr (GError) error = NULL;
  CfConnRef ref;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  ref = cf_net_attach_fd (net, fds[1], protocol, tls, &error);
  g_assert_no_error (error);
  client_set_patience (fds[0]);
  if (out_ref)
    *out_ref = ref;
  return fds[0];
}

static G_GNUC_UNUSED void
client_send (int fd, const char *text)
{
  g_assert_cmpint (send (fd, text, strlen (text), MSG_NOSIGNAL), ==, strlen (text));
}

/* The next line, without its end; NULL at the end. The caller frees. */
static G_GNUC_UNUSED char *
client_read_line (int fd)
{
  g_autoptr (GString) line = g_string_new (NULL);
  char c;

  for (;;) {
    gssize n = recv (fd, &c, 1, 0);

    if (n <= 0)
      return NULL;
    if (c == '\n')
      return g_string_free (g_steal_pointer (&line), FALSE);
    g_string_append_c (line, c);
  }
}

#define ASSERT_LINE(fd, expected)                                                                            \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    g_autofree char *line_got = client_read_line (fd);                                                       \
    g_assert_cmpstr (line_got, ==, expected);                                                                \
  }                                                                                                          \
  G_STMT_END

#endif
