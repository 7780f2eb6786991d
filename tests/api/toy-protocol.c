/* tests/api/toy-protocol.c - a protocol of its own: each line comes back, and "quit" ends the connection.
 *
 *   listen = echo://127.0.0.1:7777
 *
 * What a step needs to know between calls is its session; here, how many lines there were.
 */
#include <coffer/module.h>

#include <string.h>

typedef struct {
  guint lines;
} EchoSession;

static gpointer
echo_opened (CfConn *conn)
{
  cf_conn_set_timeout (conn, 60 * 1000);
  cf_conn_printf (conn, "echo to %s\r\n", cf_conn_get_peer (conn)->address);
  return g_new0 (EchoSession, 1);
}

/* One line a call, so that a client that sends many does not keep the worker. */
static CfRun
echo_run (CfConn *conn, gpointer data, guint reasons)
{
  EchoSession *session = data;
  gsize length;
  const guint8 *input = cf_conn_peek (conn, &length);
  const guint8 *end = length > 0 ? memchr (input, '\n', length) : NULL;

  if ((reasons & (CF_WAKE_DRAIN | CF_WAKE_KICK | CF_WAKE_TIMEOUT)) != 0) {
    cf_conn_write_string (conn, "bye\r\n");
    return CF_RUN_CLOSE;
  }
  if (end == NULL && !cf_conn_is_input_full (conn))
    return CF_RUN_DONE;

  gsize n = end != NULL ? (gsize) (end - input) + 1 : length;
  gboolean quit = n >= 4 && memcmp (input, "quit", 4) == 0;
  cf_conn_printf (conn, "%u ", ++session->lines);
  cf_conn_write (conn, input, n);
  cf_conn_consume (conn, n);
  if (quit)
    return CF_RUN_CLOSE;
  return n < length ? CF_RUN_MORE : CF_RUN_DONE;
}

static void
echo_closed (CfConn *conn, gpointer data)
{
  g_free (data);
}

static const CfProtocol echo = {
  .struct_size = sizeof (CfProtocol),
  .name = "echo",
  .opened = echo_opened,
  .run = echo_run,
  .closed = echo_closed,
};

static const CfClass classes[] = {
  { CF_CLASS_PROTOCOL, "echo", &echo },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_classes (registrar, classes, error);
}

CF_MODULE_DEFINE (toy_protocol, .summary = "Sends lines back", .init = toy_init)
