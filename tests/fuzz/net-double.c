/* tests/fuzz/net-double.c - connections in memory (net-double.h).
 *
 * The state of core/net/turn.c, without its sockets: see there for the reasons. Wakes can come from other
 * threads (the control protocol's jobs), so pending reasons have a lock, and serving waits for such a wake
 * when a connection waits for one.
 */
#include "net-double.h"

#include "control/control.h"
#include "fuzz.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOCK_START   (G_GINT64_CONSTANT (1000) * G_USEC_PER_SEC)
#define REAL_START    (G_GINT64_CONSTANT (1767225600) * G_USEC_PER_SEC) /* 2026-01-01 */
#define LOW_WATER     (NET_DOUBLE_HIGH_WATER / 4)
#define MAX_RUNS      1000000 /* of one connection without a rest */
#define MAX_IDLE_RUNS 1000    /* answering MORE, and neither taking nor sending anything */

struct _CfNet {
  GPtrArray *conns; /* borrowed */
  guint64 last_id;
  gint64 clock; /* microseconds since the start */
  gpointer worker_data;
};

struct _CfConn {
  const CfProtocol *protocol;
  gpointer session;
  CfConnRef ref;
  CfPeer peer;
  char label[128];
  guint64 owner;
  GByteArray *in;   /* sent by the client, read or not */
  gsize readable;   /* of these: read, not consumed */
  GByteArray *out;  /* written, not sent */
  GByteArray *sent; /* received by the client */
  gint64 deadline;  /* microseconds; 0: none */
  guint reasons;    /* pending */
  guint held;
  CfRun last;
  guint64 written;
  gboolean opened, closed, cut;
  gboolean client_ended, eof, hangup_told, stalled;
  gboolean tls, tls_wanted;
};

static CfNet net;
static GMutex lock; /* of what jobs' threads look at too: reasons, and what cf_net_foreach() shows */
static _Thread_local gboolean is_worker;

/* ---- Time ---- */

/* Jobs' threads wait by the clock, and so have the real one. */
gint64
g_get_monotonic_time (void)
{
  struct timespec now;

  if (is_worker)
    return CLOCK_START + net.clock;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

gint64
g_get_real_time (void)
{
  return REAL_START + net.clock;
}

void
net_double_reset (void)
{
  FUZZ_CHECK (net.conns == NULL || net.conns->len == 0, "connections are left");
  if (net.conns == NULL)
    net.conns = g_ptr_array_new ();
  net.clock = 0;
  net.last_id = 0;
  is_worker = TRUE;
}

void
net_double_pass_time (guint64 ms)
{
  net.clock += (gint64) ms * 1000;
}

/* ---- For the target ---- */

CfNet *
net_double_get (void)
{
  return &net;
}

void
net_double_set_worker_data (gpointer data)
{
  net.worker_data = data;
}

CfConn *
net_double_connect (const CfProtocol *protocol, gboolean local)
{
  CfConn *conn = g_new0 (CfConn, 1);

  conn->protocol = protocol;
  conn->ref = ++net.last_id;
  conn->peer = (CfPeer){ .text = local ? "127.0.0.1:50000" : "192.0.2.1:50000",
                         .address = local ? "127.0.0.1" : "192.0.2.1",
                         .local = local,
                         .uid = -1 };
  if (protocol == &cf_control_protocol)
    conn->peer = (CfPeer){ .text = "unix:0", .address = "unix", .local = TRUE, .uid = geteuid () };
  conn->in = g_byte_array_new ();
  conn->out = g_byte_array_new ();
  conn->sent = g_byte_array_new ();
  g_ptr_array_add (net.conns, conn);
  return conn;
}

void
net_double_set_session (CfConn *conn, gpointer session)
{
  conn->session = session;
  conn->opened = TRUE;
}

gpointer
net_double_get_session (CfConn *conn)
{
  return conn->session;
}

static void
conn_end_session (CfConn *conn)
{
  gpointer session = g_steal_pointer (&conn->session);

  if (session != NULL)
    conn->protocol->closed (conn, session);
}

/* The rest of the output is sent. */
static void
conn_close (CfConn *conn)
{
  conn_end_session (conn);
  g_mutex_lock (&lock);
  conn->closed = TRUE;
  g_mutex_unlock (&lock);
  g_byte_array_append (conn->sent, conn->out->data, conn->out->len);
  g_byte_array_set_size (conn->out, 0);
}

void
net_double_free (CfConn *conn)
{
  conn_end_session (conn);
  g_mutex_lock (&lock);
  g_ptr_array_remove (net.conns, conn);
  g_mutex_unlock (&lock);
  g_byte_array_unref (conn->in);
  g_byte_array_unref (conn->out);
  g_byte_array_unref (conn->sent);
  g_free (conn);
}

void
net_double_send (CfConn *conn, const void *data, gsize length)
{
  if (!conn->closed && !conn->client_ended)
    g_byte_array_append (conn->in, data, length);
}

void
net_double_hang_up (CfConn *conn)
{
  conn->client_ended = TRUE;
}

void
net_double_set_stalled (CfConn *conn, gboolean stalled)
{
  conn->stalled = stalled;
}

gboolean
net_double_is_open (CfConn *conn)
{
  return !conn->closed;
}

gboolean
net_double_is_cut (CfConn *conn)
{
  return conn->cut;
}

gboolean
net_double_is_waiting (CfConn *conn)
{
  return conn->last == CF_RUN_WAIT;
}

guint64
net_double_get_written (CfConn *conn)
{
  return conn->written;
}

GByteArray *
net_double_take (CfConn *conn)
{
  GByteArray *sent = conn->sent;

  conn->sent = g_byte_array_new ();
  return sent;
}

/* ---- Serving ---- */

static guint
conn_take_reasons (CfConn *conn)
{
  guint reasons;

  g_mutex_lock (&lock);
  reasons = conn->reasons | conn->held;
  conn->reasons = 0;
  g_mutex_unlock (&lock);
  if (conn->deadline != 0 && conn->deadline <= g_get_monotonic_time ()) {
    conn->deadline = 0;
    reasons |= CF_WAKE_TIMEOUT;
  }
  if (conn->last == CF_RUN_WAIT && conn->client_ended && !conn->hangup_told) {
    conn->hangup_told = TRUE;
    reasons |= CF_WAKE_HANGUP;
  }
  conn->held = cf_conn_is_output_full (conn) ? reasons & CF_WAKE_PUSH : 0;
  return reasons & ~conn->held;
}

static void
conn_flush (CfConn *conn)
{
  if (conn->stalled)
    return;
  g_byte_array_append (conn->sent, conn->out->data, conn->out->len);
  g_byte_array_set_size (conn->out, 0);
}

/* TRUE: there is something that run has not seen. */
static gboolean
conn_read (CfConn *conn)
{
  gsize readable = MIN (conn->in->len, NET_DOUBLE_INPUT_MAX);

  if (conn->last != CF_RUN_DONE || conn->eof || cf_conn_is_output_full (conn))
    return FALSE;
  if (readable > conn->readable) {
    conn->readable = readable;
    return TRUE;
  }
  conn->eof = conn->client_ended && conn->in->len == conn->readable;
  return conn->eof;
}

static void
conn_open (CfConn *conn)
{
  conn->opened = TRUE;
  conn->session = conn->protocol->opened (conn);
  if (conn->session == NULL)
    conn_close (conn);
}

static void
conn_run (CfConn *conn, guint reasons)
{
  conn->last = conn->protocol->run (conn, conn->session, reasons);
  conn_flush (conn);
  switch (conn->last) {
  case CF_RUN_ERROR:
    conn->cut = TRUE;
    g_byte_array_set_size (conn->out, 0);
    conn_close (conn);
    break;
  case CF_RUN_CLOSE:
    conn_close (conn);
    break;
  case CF_RUN_DONE:
    FUZZ_CHECK (!cf_conn_is_input_full (conn), "%s takes nothing from a full input buffer",
                conn->protocol->name);
    if (conn->eof)
      conn_close (conn);
    break;
  default:
    break;
  }
}

/* One run if there is a reason for it. */
static gboolean
conn_serve_once (CfConn *conn)
{
  gboolean news;
  guint reasons;

  if (conn->closed)
    return FALSE;
  if (!conn->opened)
    conn_open (conn);
  conn_flush (conn);
  if (conn->closed)
    return TRUE;
  if (conn->tls_wanted) {
    if (conn->out->len > 0)
      return FALSE;
    conn->tls_wanted = FALSE;
    g_mutex_lock (&lock);
    conn->tls = TRUE;
    g_mutex_unlock (&lock);
  }
  news = conn_read (conn);
  reasons = conn_take_reasons (conn);
  if (!news && reasons == 0 && (conn->last != CF_RUN_MORE || conn->out->len > LOW_WATER))
    return FALSE;
  conn_run (conn, reasons);
  return TRUE;
}

static gsize
conn_get_progress (const CfConn *conn)
{
  return conn->out->len + conn->sent->len + conn->in->len * 7 + conn->readable * 3;
}

static gboolean
conn_serve (CfConn *conn)
{
  guint runs = 0, idle = 0;
  gsize progress = conn_get_progress (conn);

  while (conn_serve_once (conn)) {
    FUZZ_CHECK (++runs < MAX_RUNS, "one command runs for ever");
    idle = conn->last == CF_RUN_MORE && conn_get_progress (conn) == progress ? idle + 1 : 0;
    FUZZ_CHECK (idle < MAX_IDLE_RUNS, "%s asks to run again and does nothing", conn->protocol->name);
    progress = conn_get_progress (conn);
  }
  return runs > 0;
}

/* Only jobs of the control protocol make a connection wait that nothing here will wake. A job may want
 * something of the main thread, which is this one. */
static gboolean
net_wait_for_job (void)
{
  gboolean waits = FALSE, woken = FALSE;

  g_mutex_lock (&lock);
  for (guint i = 0; i < net.conns->len; i++) {
    CfConn *conn = g_ptr_array_index (net.conns, i);

    waits |= conn->protocol == &cf_control_protocol && conn->last == CF_RUN_WAIT && !conn->closed;
    woken |= conn->reasons != 0 && !conn->closed;
  }
  g_mutex_unlock (&lock);
  if (waits && !woken && !g_main_context_iteration (NULL, FALSE))
    g_usleep (100);
  return waits;
}

void
net_double_serve (void)
{
  gboolean busy;

  do {
    busy = FALSE;
    for (guint i = 0; i < net.conns->len; i++)
      busy |= conn_serve (g_ptr_array_index (net.conns, i));
  } while (busy || net_wait_for_job ());
}

/* ---- In place of core/net ---- */

guint8 *
cf_conn_peek (CfConn *conn, gsize *out_length)
{
  *out_length = conn->readable;
  return conn->in->data;
}

void
cf_conn_consume (CfConn *conn, gsize length)
{
  FUZZ_CHECK (length <= conn->readable, "more is consumed than was there");
  if (length > 0)
    g_byte_array_remove_range (conn->in, 0, length);
  conn->readable -= length;
}

gboolean
cf_conn_is_input_full (CfConn *conn)
{
  return conn->readable >= NET_DOUBLE_INPUT_MAX;
}

gboolean
cf_conn_is_eof (CfConn *conn)
{
  return conn->eof;
}

void
cf_conn_write (CfConn *conn, const void *data, gsize length)
{
  if (conn->closed)
    return;
  g_byte_array_append (conn->out, data, length);
  conn->written += length;
}

void
cf_conn_write_string (CfConn *conn, const char *text)
{
  cf_conn_write (conn, text, strlen (text));
}

void
cf_conn_printf (CfConn *conn, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  cf_conn_write_string (conn, text);
}

gsize
cf_conn_get_output_length (CfConn *conn)
{
  return conn->out->len;
}

gboolean
cf_conn_is_output_full (CfConn *conn)
{
  return conn->out->len >= NET_DOUBLE_HIGH_WATER;
}

void
cf_conn_set_timeout (CfConn *conn, guint64 ms)
{
  conn->deadline = ms != 0 ? g_get_monotonic_time () + (gint64) MIN (ms, G_MAXINT32) * 1000 : 0;
}

gboolean
cf_conn_start_tls (CfConn *conn, gsize *out_discarded, GError **error)
{
  if (conn->tls || conn->tls_wanted) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "TLS is on already");
    return FALSE;
  }
  *out_discarded = conn->in->len;
  g_byte_array_set_size (conn->in, 0);
  conn->readable = 0;
  conn->tls_wanted = TRUE;
  return TRUE;
}

gboolean
cf_conn_is_tls (CfConn *conn)
{
  return conn->tls;
}

char *
cf_conn_dup_tls_description (CfConn *conn)
{
  return conn->tls ? g_strdup ("TLS1.3") : NULL;
}

GBytes *
cf_conn_dup_channel_binding (CfConn *conn, const char *type)
{
  return conn->tls && g_str_equal (type, "tls-exporter") ? g_bytes_new_static ("binding", 7) : NULL;
}

const guint8 *
cf_conn_get_peer_certificate (CfConn *conn, gsize *out_length)
{
  return NULL;
}

const CfPeer *
cf_conn_get_peer (CfConn *conn)
{
  return &conn->peer;
}

void
cf_conn_set_label (CfConn *conn, const char *label)
{
  g_mutex_lock (&lock);
  g_strlcpy (conn->label, label, sizeof conn->label);
  g_mutex_unlock (&lock);
}

void
cf_conn_set_owner (CfConn *conn, guint64 owner)
{
  g_mutex_lock (&lock);
  conn->owner = owner;
  g_mutex_unlock (&lock);
}

void
cf_conn_set_established (CfConn *conn)
{
}

/* The store in memory answers before its deadline. */
void
cf_conn_set_late (CfConn *conn, const CfConnLate *late, gpointer data)
{
}

void
cf_net_block (gint64 deadline)
{
}

void
cf_net_prolong (gint64 deadline)
{
}

gboolean
cf_net_unblock (void)
{
  return FALSE;
}

gboolean
cf_net_is_late (void)
{
  return FALSE;
}

guint64
cf_conn_get_id (CfConn *conn)
{
  return conn->ref;
}

CfConnRef
cf_conn_get_ref (CfConn *conn)
{
  return conn->ref;
}

CfNet *
cf_conn_get_net (CfConn *conn)
{
  return &net;
}

const CfProtocol *
cf_conn_get_protocol (CfConn *conn)
{
  return conn->protocol;
}

void
cf_net_wake (CfNet *self, CfConnRef ref, guint reason)
{
  g_mutex_lock (&lock);
  for (guint i = 0; i < net.conns->len; i++) {
    CfConn *conn = g_ptr_array_index (net.conns, i);

    if (conn->ref == ref)
      conn->reasons |= reason;
  }
  g_mutex_unlock (&lock);
}

gboolean
cf_net_has_tls (CfNet *self)
{
  return TRUE;
}

int
cf_net_get_worker_index (void)
{
  return is_worker ? 0 : -1;
}

gpointer
cf_net_get_worker_data (void)
{
  return is_worker ? net.worker_data : NULL;
}

guint
cf_net_get_n_workers (CfNet *self)
{
  return 1;
}

void
cf_net_get_counters (CfNet *self, CfNetCounters *out)
{
  *out = (CfNetCounters){ .open = net.conns->len, .accepted = net.last_id };
}

typedef struct {
  CfConnInfo info;
  char label[128];
  gboolean closed;
} Shown;

/* FALSE: there are no more than @i. */
static gboolean
net_show (guint i, Shown *out)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&lock);
  const CfConn *conn;

  if (i >= net.conns->len)
    return FALSE;
  conn = g_ptr_array_index (net.conns, i);
  g_strlcpy (out->label, conn->label, sizeof out->label);
  out->closed = conn->closed;
  out->info = (CfConnInfo){ .ref = conn->ref,
                            .id = conn->ref,
                            .protocol = conn->protocol->name,
                            .peer = conn->peer.text,
                            .label = out->label,
                            .owner = conn->owner,
                            .tls = conn->tls,
                            .since = REAL_START };
  return TRUE;
}

void
cf_net_foreach (CfNet *self, CfNetForeachFunc func, gpointer user_data)
{
  Shown shown;

  for (guint i = 0; net_show (i, &shown); i++)
    if (!shown.closed && !func (&shown.info, user_data))
      return;
}
