/* Tests of core/net/slot.c: no wake is lost, nobody is two owners, a stale ref names nothing. */
#include "net-test.h"

/* ---- A push storm ---------------------------------------------------------------------------------- */

#define STORM_THREADS 4
#define STORM_WAKES   5000
#define STORM_CONNS   4

/* A protocol that must see every change of a shared counter, as a mailbox's session must. */
typedef struct {
  _Atomic int owners;
} StormSession;

static _Atomic guint64 storm_changes;           /* raised before each wake */
static _Atomic guint64 storm_seen[STORM_CONNS]; /* the newest change that each connection has looked at */

static gpointer
storm_opened (CfConn *conn)
{
  return g_new0 (StormSession, 1);
}

static CfRun
storm_run (CfConn *conn, gpointer data, guint reasons)
{
  StormSession *session = data;
  gsize length;
  const guint8 *input;

  g_assert_cmpint (atomic_fetch_add (&session->owners, 1), ==, 0);
  input = cf_conn_peek (conn, &length);
  cf_conn_write (conn, input, length);
  cf_conn_consume (conn, length);
  if (reasons & CF_WAKE_PUSH)
    atomic_store (&storm_seen[(guint32) cf_conn_get_ref (conn)], atomic_load (&storm_changes));
  g_assert_cmpint (atomic_fetch_sub (&session->owners, 1), ==, 1);
  return CF_RUN_DONE;
}

static void
storm_closed (CfConn *conn, gpointer data)
{
  g_assert_cmpint (atomic_load (&((StormSession *) data)->owners), ==, 0);
  g_free (data);
}

static const CfProtocol storm_protocol
    = { .name = "storm", .opened = storm_opened, .run = storm_run, .closed = storm_closed };

typedef struct {
  CfNet *net;
  CfConnRef refs[STORM_CONNS];
} Storm;

static gpointer
storm_thread (gpointer data)
{
  Storm *storm = data;

  for (guint i = 0; i < STORM_WAKES; i++) {
    atomic_fetch_add (&storm_changes, 1);
    for (guint c = 0; c < STORM_CONNS; c++)
      cf_net_wake (storm->net, storm->refs[c], CF_WAKE_PUSH);
    if (i % 64 == 0)
      g_usleep (50);
  }
  return NULL;
}

static gpointer
storm_client (gpointer data)
{
  int fd = GPOINTER_TO_INT (data);

  for (guint i = 0; i < 2000; i++) {
    guint32 value = i, back = 0;

    g_assert_cmpint (send (fd, &value, sizeof value, MSG_NOSIGNAL), ==, sizeof value);
    g_assert_cmpint (recv (fd, &back, sizeof back, MSG_WAITALL), ==, sizeof back);
    g_assert_cmpuint (back, ==, value);
  }
  return NULL;
}

static void
test_push_storm (void)
{
  CfNetConfig config = { .workers = 4 };
  g_autoptr (CfNet) net = net_new_started (&config);
  Storm storm = { .net = net };
  GThread *threads[STORM_THREADS], *clients[STORM_CONNS];
  int fds[STORM_CONNS];

  for (guint c = 0; c < STORM_CONNS; c++)
    fds[c] = client_new_pair (net, &storm_protocol, FALSE, &storm.refs[c]);
  for (guint c = 0; c < STORM_CONNS; c++)
    clients[c] = g_thread_new ("client", storm_client, GINT_TO_POINTER (fds[c]));
  for (guint t = 0; t < STORM_THREADS; t++)
    threads[t] = g_thread_new ("storm", storm_thread, &storm);
  for (guint t = 0; t < STORM_THREADS; t++)
    g_thread_join (threads[t]);
  for (guint c = 0; c < STORM_CONNS; c++)
    g_thread_join (clients[c]);

  g_assert_cmpuint (storm_changes, ==, STORM_THREADS * STORM_WAKES);
  for (guint c = 0; c < STORM_CONNS; c++) {
    WAIT_UNTIL (atomic_load (&storm_seen[c]) == STORM_THREADS * STORM_WAKES);
    close (fds[c]);
  }
}

/* ---- Refs ------------------------------------------------------------------------------------------ */

static void
test_stale_ref (void)
{
  g_autoptr (CfNet) net = net_new_started (NULL);
  CfConnRef first, second;
  int fd = client_new_pair (net, &line_protocol, FALSE, &first);

  close (fd);
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  cf_net_wake (net, first, CF_WAKE_KICK);

  fd = client_new_pair (net, &line_protocol, FALSE, &second);
  g_assert_cmpuint ((guint32) first, ==, (guint32) second); /* the same slot again */
  g_assert_cmpuint (first, !=, second);
  cf_net_wake (net, first, CF_WAKE_KICK);
  client_send (fd, "ECHO alive\n");
  ASSERT_LINE (fd, "ECHO alive");
  cf_net_wake (net, 0, CF_WAKE_KICK);
  cf_net_wake (net, G_MAXUINT64, CF_WAKE_KICK);
  cf_net_wake (net, (guint64) 1 << 32 | 60000, CF_WAKE_KICK);
  client_send (fd, "ECHO still\n");
  ASSERT_LINE (fd, "ECHO still");
  cf_net_wake (net, second, CF_WAKE_KICK);
  ASSERT_LINE (fd, "kick");
  close (fd);
}

/* Wakes race against connections that come and go in the same slots. */
static gpointer
churn_thread (gpointer data)
{
  CfNet *net = data;

  while (!atomic_load (&net->draining)) {
    cf_net_wake (net, atomic_load (&last_ref), CF_WAKE_PUSH);
    cf_net_wake (net, atomic_load (&last_ref), CF_WAKE_COMPLETION);
    g_usleep (10);
  }
  return NULL;
}

static void
test_churn (void)
{
  CfNetConfig config = { .workers = 4 };
  g_autoptr (CfNet) net = net_new_started (&config);
  GThread *threads[2];

  for (guint t = 0; t < 2; t++)
    threads[t] = g_thread_new ("churn", churn_thread, net);
  for (guint i = 0; i < 1000; i++) {
    int fd = client_new_pair (net, &line_protocol, FALSE, NULL);

    if (i % 3 == 0)
      client_send (fd, "QUIT\n");
    else if (i % 3 == 1)
      client_send (fd, "PARK\nECHO x\n");
    if (i % 50 == 0)
      g_usleep (1000);
    close (fd);
  }
  WAIT_UNTIL (atomic_load (&net->n_open) == 0);
  cf_net_drain (net, 0);
  for (guint t = 0; t < 2; t++)
    g_thread_join (threads[t]);
  g_assert_cmpint (n_opened, ==, n_closed);
}

static void
test_limit (void)
{
  CfNetConfig config = { .max_connections = 3 };
  g_autoptr (CfNet) net = net_new_started (&config);
  g_autoptr (GError) error = NULL;
  int clients[3], fds[2];

  for (guint i = 0; i < 3; i++)
    clients[i] = client_new_pair (net, &line_protocol, FALSE, NULL);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  g_assert_cmpuint (cf_net_attach_fd (net, fds[1], &line_protocol, FALSE, &error), ==, 0);
  g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
  ASSERT_LINE (fds[0], NULL); /* it was closed */
  close (fds[0]);
  close (clients[1]);
  WAIT_UNTIL (atomic_load (&net->n_open) == 2);
  clients[1] = client_new_pair (net, &line_protocol, FALSE, NULL);
  for (guint i = 0; i < 3; i++) {
    client_send (clients[i], "ECHO here\n");
    ASSERT_LINE (clients[i], "ECHO here");
    close (clients[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/net/slot/push-storm/loses-none", test_push_storm);
  g_test_add_func ("/core/net/slot/ref/stale-does-nothing", test_stale_ref);
  g_test_add_func ("/core/net/slot/ref/survives-churn", test_churn);
  g_test_add_func ("/core/net/slot/limit", test_limit);
  return g_test_run ();
}
