/* Tests of core/net/loop.c: per-worker data, drain, stop, listing. */
#include "net-test.h"

static _Atomic int n_started, n_stopped, n_drained;

static gpointer
worker_start (guint worker, gpointer user_data)
{
  atomic_fetch_add (&n_started, 1);
  return GUINT_TO_POINTER (worker + 100);
}

static void
worker_stop (guint worker, gpointer worker_data, gpointer user_data)
{
  g_assert_cmpuint (GPOINTER_TO_UINT (worker_data), ==, worker + 100);
  g_assert_cmpstr (user_data, ==, "mine");
  atomic_fetch_add (&n_stopped, 1);
}

static CfRun
worker_asking_run (CfConn *conn, gpointer session, guint reasons)
{
  gsize length;

  cf_conn_peek (conn, &length);
  cf_conn_consume (conn, length);
  g_assert_cmpint (cf_net_get_worker_index (), >=, 0);
  g_assert_cmpuint (GPOINTER_TO_UINT (cf_net_get_worker_data ()), ==,
                    (guint) cf_net_get_worker_index () + 100);
  cf_conn_write_string (conn, "ok\n");
  return CF_RUN_CLOSE;
}

static void
test_workers (void)
{
  const CfProtocol protocol
      = { .name = "ask", .opened = line_opened, .run = worker_asking_run, .closed = line_closed };
  CfNetConfig config = {
    .workers = 3, .worker_start = worker_start, .worker_stop = worker_stop, .user_data = (gpointer) "mine"
  };
  CfNet *net = net_new_started (&config);
  int fd = client_new_pair (net, &protocol, FALSE, NULL);

  g_assert_cmpint (cf_net_get_worker_index (), ==, -1);
  g_assert_null (cf_net_get_worker_data ());
  client_send (fd, "x");
  ASSERT_LINE (fd, "ok");
  cf_net_free (net);
  close (fd);
  g_assert_cmpint (n_started, ==, 3);
  g_assert_cmpint (n_stopped, ==, 3);
}

static void
on_drained (CfNet *net, gpointer user_data)
{
  atomic_fetch_add (&n_drained, 1);
}

static void
test_drain (void)
{
  CfNetConfig config = { .drained = on_drained };
  g_autoptr (CfNet) net = net_new_started (&config);
  g_autoptr (GError) error = NULL;
  int idle = client_new_pair (net, &line_protocol, FALSE, NULL);
  int stuck = client_new_pair (net, &line_protocol, FALSE, NULL);
  int fds[2];

  client_send (stuck, "BIG 100000000\n");
  client_send (idle, "ECHO ready\n");
  ASSERT_LINE (idle, "ECHO ready");
  cf_net_drain (net, 1);
  ASSERT_LINE (idle, "drain");
  ASSERT_LINE (idle, NULL);
  close (idle);

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  g_assert_cmpuint (cf_net_attach_fd (net, fds[1], &line_protocol, FALSE, &error), ==, 0);
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  close (fds[0]);

  WAIT_UNTIL (atomic_load (&n_drained) == 1); /* the stuck one is cut off after the grace period */
  g_assert_cmpint (n_closed, ==, 2);
  close (stuck);
}

static void
test_stop_closes_all (void)
{
  CfNet *net = net_new_started (NULL);
  int fds[50];

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = client_new_pair (net, &line_protocol, FALSE, NULL);
    client_send (fds[i], i % 2 ? "PARK\n" : "BIG 10000000\n");
  }
  WAIT_UNTIL (n_opened == 50);
  cf_net_free (net);
  g_assert_cmpint (n_closed, ==, 50);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* ---- Listing --------------------------------------------------------------------------------------- */

static gboolean
count_labelled (const CfConnInfo *info, gpointer user_data)
{
  g_assert_cmpstr (info->protocol, ==, "line");
  g_assert_true (g_str_has_prefix (info->peer, "unix:"));
  g_assert_cmpuint (info->id, >, 0);
  g_assert_cmpint (info->since, >, 0);
  if (strcmp (info->label, "nobody") == 0)
    (*(guint *) user_data)++;
  return TRUE;
}

static gpointer
listing_thread (gpointer data)
{
  CfNet *net = data;
  guint n;

  while (!atomic_load (&net->draining))
    cf_net_foreach (net, count_labelled, &n);
  return NULL;
}

static void
test_foreach (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  g_autoptr (GThread) thread = NULL;
  CfNetCounters counters;
  int fds[10];
  guint n = 0;

  for (guint i = 0; i < 10; i++) {
    fds[i] = client_new_pair (net, &line_protocol, FALSE, NULL);
    client_send (fds[i], "ECHO ab\n");
    ASSERT_LINE (fds[i], "ECHO ab");
  }
  cf_net_foreach (net, count_labelled, &n);
  g_assert_cmpuint (n, ==, 10);
  /* Sent octets are counted after they are sent: the client can be faster. */
  WAIT_UNTIL ((cf_net_get_counters (net, &counters), counters.bytes_out == 80));
  g_assert_cmpuint (counters.open, ==, 10);
  g_assert_cmpuint (counters.accepted, ==, 10);
  g_assert_cmpuint (counters.bytes_in, ==, 80);
  for (guint i = 0; i < 10; i++)
    close (fds[i]);

  thread = g_thread_new ("listing", listing_thread, net);
  for (guint i = 0; i < 300; i++) {
    int fd = client_new_pair (net, &line_protocol, FALSE, NULL);

    client_send (fd, "QUIT\n");
    ASSERT_LINE (fd, "bye");
    close (fd);
  }
  cf_net_drain (net, 0);
  g_thread_join (g_steal_pointer (&thread));
}

/* Waits until a worker has taken the probe up; FALSE: none does. */
static gboolean
probe_within (CfNet *net, guint milliseconds)
{
  for (guint i = 0; i < milliseconds; i++) {
    if (cf_net_probe (net))
      return TRUE;
    g_usleep (1000);
  }
  return FALSE;
}

static void
test_probe (void)
{
  CfNetConfig config = { .workers = 2 };
  CfNet *net = net_new_started (&config);
  int fds[2];

  g_assert_true (cf_net_probe (net));
  g_assert_true (probe_within (net, 5000));
  for (guint i = 0; i < 2; i++) {
    fds[i] = client_new_pair (net, &line_protocol, FALSE, NULL);
    client_send (fds[i], "HOLD\n");
    while (atomic_load (&n_held) <= (int) i)
      g_usleep (1000);
    if (i == 0)
      g_assert_true (probe_within (net, 5000)); /* the other worker is free */
  }
  (void) probe_within (net, 100); /* that of before may have been taken up in time */
  g_assert_false (probe_within (net, 100));
  atomic_store (&released, TRUE);
  g_assert_true (probe_within (net, 5000));
  cf_net_free (net);
  close (fds[0]);
  close (fds[1]);
}

/* ---- Calls that block too long ---- */

static _Atomic int n_lent, n_told;
static _Atomic gboolean may_lend, is_prolonged;

static gboolean
late_lend (CfConn *conn, gpointer data)
{
  atomic_fetch_add (&n_lent, 1);
  return atomic_load (&may_lend);
}

static void
late_tell (CfConn *conn, gpointer data)
{
  g_assert_cmpint (cf_net_get_worker_index (), ==, -1);
  atomic_fetch_add (&n_told, 1);
  cf_conn_write_string (conn, data);
}

/* Blocks as long as its line says, in microseconds, with a deadline of 1 ms, or of 100 ms that is prolonged,
 * and says what came of it. */
static CfRun
late_run (CfConn *conn, gpointer session, guint reasons)
{
  static const CfConnLate late = { late_lend, late_tell };
  gsize length;
  guint8 *line = cf_conn_peek (conn, &length);
  gint64 blocks = length > 0 ? g_ascii_strtoll ((const char *) line, NULL, 10) : 0;
  gint64 end = g_get_monotonic_time () + 10 * G_USEC_PER_SEC;

  if (length == 0)
    return CF_RUN_DONE;
  cf_conn_consume (conn, length);
  cf_conn_set_late (conn, &late, (gpointer) "late\n");
  cf_net_block (g_get_monotonic_time () + (atomic_load (&is_prolonged) ? 100000 : 1000));
  if (atomic_load (&is_prolonged))
    cf_net_prolong (end);
  if (blocks < 0) /* until told */
    while (atomic_load (&n_told) == 0 && g_get_monotonic_time () < end)
      g_usleep (1000);
  else
    g_usleep ((gulong) blocks);
  cf_conn_write_string (conn, cf_net_unblock () ? "told\n" : "in time\n");
  cf_conn_write_string (conn, cf_net_is_late () ? "is late\n" : "is not\n");
  if (atomic_load (&is_prolonged))
    return CF_RUN_DONE;
  cf_net_block (g_get_monotonic_time () - 1); /* once told, never again */
  g_assert_false (cf_net_unblock ());
  return CF_RUN_DONE;
}

static void
test_late (void)
{
  const CfProtocol protocol
      = { .name = "late", .opened = line_opened, .run = late_run, .closed = line_closed };
  CfNetConfig config = { .workers = 2 };
  g_autoptr (CfNet) net = net_new_started (&config);
  int fd = client_new_pair (net, &protocol, FALSE, NULL);

  atomic_store (&may_lend, TRUE);
  client_send (fd, "-1\n");
  WAIT_UNTIL (n_told == 1);
  ASSERT_LINE (fd, "late");
  ASSERT_LINE (fd, "told");
  ASSERT_LINE (fd, "is late");
  g_assert_cmpint (n_told, ==, 1);

  atomic_store (&may_lend, FALSE);
  client_send (fd, "400000\n"); /* longer than the sweep takes */
  WAIT_UNTIL (n_lent == 3);
  ASSERT_LINE (fd, "in time");
  ASSERT_LINE (fd, "is not");
  g_assert_cmpint (n_told, ==, 1);
  g_assert_cmpint (n_lent, ==, 3);

  atomic_store (&may_lend, TRUE);
  atomic_store (&is_prolonged, TRUE);
  client_send (fd, "700000\n");
  ASSERT_LINE (fd, "in time");
  ASSERT_LINE (fd, "is not");
  g_assert_cmpint (n_told, ==, 1);
  close (fd);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/net/loop/workers/have-their-data", test_workers);
  g_test_add_func ("/core/net/loop/late/is-told-once", test_late);
  g_test_add_func ("/core/net/loop/drain", test_drain);
  g_test_add_func ("/core/net/loop/stop-closes-all", test_stop_closes_all);
  g_test_add_func ("/core/net/loop/foreach", test_foreach);
  g_test_add_func ("/core/net/loop/probe", test_probe);
  return g_test_run ();
}
