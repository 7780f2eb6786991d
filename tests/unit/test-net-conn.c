/* Tests of core/net/conn.c: turns, bounds, deadlines, ends. */
#include "net-test.h"

static void
test_echo (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);

  client_send (fd, "ECHO one\nECHO two\nECH");
  ASSERT_LINE (fd, "ECHO one");
  ASSERT_LINE (fd, "ECHO two");
  client_send (fd, "O three\nPEER\n");
  ASSERT_LINE (fd, "ECHO three");
  ASSERT_LINE (fd, "unix local 0");
  client_send (fd, "QUIT\nECHO ignored\n");
  ASSERT_LINE (fd, "bye");
  ASSERT_LINE (fd, NULL);
  close (fd);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  g_assert_cmpint (n_opened, ==, 1);
  g_assert_cmpint (n_closed, ==, 1);
}

/* More commands in one segment than a turn runs: the rest must not wait for another event. */
static void
test_pipeline (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "ECHO %u\n", i);
  client_send (fd, text->str);
  for (guint i = 0; i < 1000; i++) {
    g_autofree char *expected = g_strdup_printf ("ECHO %u", i);
    ASSERT_LINE (fd, expected);
  }
  close (fd);
}

/* The commands of a client that has shut its sending side are all answered. */
static void
test_half_close (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);

  client_send (fd, "BIG 300000\nECHO last\nincomplete");
  shutdown (fd, SHUT_WR);
  for (guint i = 0; i < 300000; i++) {
    char c;
    g_assert_cmpint (recv (fd, &c, 1, 0), ==, 1);
  }
  ASSERT_LINE (fd, "ECHO last");
  ASSERT_LINE (fd, NULL);
  close (fd);
}

static void
test_slow_reader (void)
{
  CfNetConfig config = { .high_water = 32 * 1024 };
  g_autoptr (CfNet) net = net_new_started (&config);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);
  gsize total = 4 * 1024 * 1024, got = 0;
  char buffer[16384];
  guint64 sent;

  client_send (fd, "BIG 4194304\nECHO end\n");
  WAIT_UNTIL (atomic_load (&max_output) > 0);
  g_usleep (50000);
  sent = atomic_load (&net->workers[0].bytes_out);
  for (guint i = 1; i < net->config.workers; i++)
    sent += atomic_load (&net->workers[i].bytes_out);
  g_assert_cmpuint (sent, <, total);
  while (got < total) {
    gssize n = recv (fd, buffer, MIN (sizeof buffer, total - got), 0);

    g_assert_cmpint (n, >, 0);
    got += (gsize) n;
    if (got % 7 == 0)
      g_usleep (100);
  }
  ASSERT_LINE (fd, "ECHO end");
  g_assert_cmpuint (max_output, <, 32 * 1024 + 4096);
  close (fd);
}

/* Answers everything it is given at once, whether or not anybody reads. */
static CfRun
gulp_run (CfConn *conn, gpointer session, guint reasons)
{
  gsize length;
  const guint8 *input = cf_conn_peek (conn, &length);

  cf_conn_write (conn, input, length);
  cf_conn_consume (conn, length);
  return CF_RUN_DONE;
}

static const CfProtocol gulp_protocol
    = { .name = "gulp", .opened = line_opened, .run = gulp_run, .closed = line_closed };

/* A client that does not read is read from only up to the bounds. */
static void
test_unread_output_stops_input (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &gulp_protocol, FALSE, NULL);
  char block[2048];
  gsize sent = 0;
  gint64 since = g_get_monotonic_time ();

  memset (block, 'x', sizeof block);
  memcpy (block, "ECHO ", 5);
  block[sizeof block - 1] = '\n';
  while (g_get_monotonic_time () - since < 300000) {
    gssize n = send (fd, block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n > 0) {
      sent += (gsize) n;
      since = g_get_monotonic_time ();
    } else {
      g_usleep (1000);
    }
    g_assert_cmpuint (sent, <, 16 * 1024 * 1024);
  }
  close (fd);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
}

static void
test_wait (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  CfConnRef ref;
  int fd = client_new_pair (net, &line_protocol, FALSE, &ref);
  char c;

  client_send (fd, "PARK\nECHO after\n");
  g_usleep (20000);
  cf_net_wake (net, ref, CF_WAKE_PUSH);
  WAIT_UNTIL (atomic_load (&n_pushes) == 1);
  g_assert_cmpint (recv (fd, &c, 1, MSG_DONTWAIT), <, 0);
  cf_net_wake (net, ref, CF_WAKE_COMPLETION);
  ASSERT_LINE (fd, "resumed");
  ASSERT_LINE (fd, "ECHO after");

  client_send (fd, "PARK\n");
  shutdown (fd, SHUT_WR);
  WAIT_UNTIL (atomic_load (&n_hangups) == 1);
  g_assert_cmpint (n_closed, ==, 0);
  cf_net_wake (net, ref, CF_WAKE_COMPLETION);
  ASSERT_LINE (fd, "resumed");
  ASSERT_LINE (fd, NULL);
  close (fd);
}

static void
test_wait_notices_hangup (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);

  client_send (fd, "PARK\n");
  WAIT_UNTIL (atomic_load (&n_opened) == 1);
  g_usleep (20000);
  close (fd);
  WAIT_UNTIL (atomic_load (&n_closed) == 1);
}

static void
test_timeout (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);
  char c;

  client_send (fd, "TIMEOUT 300\n");
  g_usleep (20000);
  g_assert_cmpint (recv (fd, &c, 1, MSG_DONTWAIT), <, 0);
  for (gint64 end = g_get_monotonic_time () + 1500000; g_get_monotonic_time () < end; g_usleep (1000))
    g_main_context_iteration (NULL, FALSE);
  client_send (fd, "ECHO once\n");
  ASSERT_LINE (fd, "timeout");
  ASSERT_LINE (fd, "ECHO once");
  close (fd);
}

/* A kick reaches a connection whose socket takes no output, and is not held up by it for longer
 * than it lingers. */
static void
test_kick_stuck (void)
{
  CfNetConfig config = { .linger_ms = 100 };
  g_autoptr (CfNet) net = net_new_started (&config);
  CfConnRef ref;
  int fd = client_new_pair (net, &line_protocol, FALSE, &ref);

  client_send (fd, "BIG 100000000\n");
  g_usleep (50000);
  cf_net_wake (net, ref, CF_WAKE_KICK);
  WAIT_UNTIL (atomic_load (&n_closed) == 1);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  close (fd);
}

/* A completion reaches a connection whose socket takes no output: what it was granted must not be held up. */
static void
test_completion_stuck (void)
{
  CfNetConfig config = { .high_water = 16 * 1024 * 1024, .low_water = 16 * 1024 * 1024 };
  g_autoptr (CfNet) net = net_new_started (&config);
  CfConnRef ref;
  int fd = client_new_pair (net, &line_protocol, FALSE, &ref);

  client_send (fd, "BIG 1000000\nPARK\nPARK\n");
  g_usleep (50000);
  cf_net_wake (net, ref, CF_WAKE_COMPLETION | CF_WAKE_PUSH);
  WAIT_UNTIL (atomic_load (&n_pushes) == 1);
  close (fd);
  WAIT_UNTIL (atomic_load (&n_closed) == 1);
}

static void
test_full_input_closes (void)
{
  CfNetConfig config = { .input_max = 1000 };
  g_autoptr (CfNet) net = net_new_started (&config);
  int fd = client_new_pair (net, &line_protocol, FALSE, NULL);
  g_autofree char *text = g_strnfill (1000, 'x');

  atomic_store (&warnings_expected, TRUE);
  client_send (fd, text);
  ASSERT_LINE (fd, NULL);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  atomic_store (&warnings_expected, FALSE);
  g_assert_cmpint (n_warnings, ==, 1);
  close (fd);
}

/* Looks at the buffers between two turns, as a waker would be the owner there. */
static void
assert_kept (CfConn *conn, CfConnRef ref, gsize in_capacity)
{
  guint reasons;

  WAIT_UNTIL (cf_slot_take (conn, ref, &reasons));
  g_assert_cmpuint (conn->in.capacity, ==, in_capacity);
  g_assert_cmpuint (conn->out.capacity, ==, 0);
  cf_slot_arm_for_work (conn);
}

static void
test_idle_keeps_nothing (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  CfConnRef ref;
  int fd = client_new_pair (net, &line_protocol, FALSE, &ref);
  CfConn *conn = cf_slot_get (net, (guint32) ref);

  g_assert_cmpuint (sizeof (CfConn), <=, 512);
  client_send (fd, "ECHO whole\nECHO par");
  ASSERT_LINE (fd, "ECHO whole");
  assert_kept (conn, ref, strlen ("ECHO par"));
  client_send (fd, "t\n");
  ASSERT_LINE (fd, "ECHO part");
  assert_kept (conn, ref, 0);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (log_counting, NULL, NULL);
  g_test_add_func ("/core/net/conn/echo", test_echo);
  g_test_add_func ("/core/net/conn/pipeline-is-served-without-events", test_pipeline);
  g_test_add_func ("/core/net/conn/half-close-is-answered", test_half_close);
  g_test_add_func ("/core/net/conn/more/slow-reader-costs-high-water", test_slow_reader);
  g_test_add_func ("/core/net/conn/unread-output-stops-input", test_unread_output_stops_input);
  g_test_add_func ("/core/net/conn/wait/completion", test_wait);
  g_test_add_func ("/core/net/conn/wait/notices-hangup", test_wait_notices_hangup);
  g_test_add_func ("/core/net/conn/timeout-comes-once", test_timeout);
  g_test_add_func ("/core/net/conn/kick-reaches-stuck", test_kick_stuck);
  g_test_add_func ("/core/net/conn/completion-reaches-stuck", test_completion_stuck);
  g_test_add_func ("/core/net/conn/full-input-closes", test_full_input_closes);
  g_test_add_func ("/core/net/conn/idle-keeps-nothing", test_idle_keeps_nothing);
  return g_test_run ();
}
