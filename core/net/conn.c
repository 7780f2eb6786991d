/* core/net/conn.c - a connection: how it begins and ends, and what its protocol can ask of it.
 *
 * What happens to it in between is in turn.c. All of this is for the connection's owner; only the card, which
 * cf_net_foreach() shows, is read by others.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "net/private.h"

/* ---- Birth and death ------------------------------------------------------------------------------- */

static void
conn_learn_peer (CfConn *conn, CfConnCard *card)
{
  CfSockaddr address = { .length = sizeof address.storage };
  struct ucred credentials = { 0 };
  socklen_t length = sizeof credentials;
  g_autofree char *text = NULL;

  conn->peer = (CfPeer){ .text = conn->card.peer, .uid = -1 };
  if (getpeername (conn->fd, (struct sockaddr *) &address.storage, &address.length) < 0)
    address.storage.ss_family = AF_UNSPEC;
  conn->peer.local = cf_sockaddr_is_local (&address);

  if (address.storage.ss_family == AF_UNIX) {
    if (getsockopt (conn->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0)
      conn->peer.uid = credentials.uid;
    g_snprintf (card->peer, sizeof card->peer, "unix:%" G_GINT64_FORMAT, conn->peer.uid);
    conn->peer.address = g_strdup ("unix");
    return;
  }
  conn->peer.address = cf_sockaddr_to_string (&address, FALSE);
  text = cf_sockaddr_to_string (&address, TRUE);
  g_strlcpy (card->peer, text, sizeof card->peer);
}

/* Others may be copying the card: they see that it changed under them by the sequence count. */
static void
conn_publish (CfConn *conn, const CfConnCard *card)
{
  guint64 words[CF_CARD_WORDS];

  memcpy (words, card, sizeof words);
  atomic_fetch_add (&conn->card_sequence, 1);
  for (guint i = 0; i < CF_CARD_WORDS; i++)
    atomic_store_explicit (&conn->words[i], words[i], memory_order_release);
  atomic_fetch_add (&conn->card_sequence, 1);
}

static void
conn_init (CfConn *conn, int fd, const CfProtocol *protocol, gboolean tls, gboolean proxied)
{
  CfConnCard card = { .id = atomic_fetch_add (&conn->net->last_id, 1) + 1,
                      .since = g_get_real_time (),
                      .protocol = protocol };

  conn->fd = fd;
  conn->phase = CF_PHASE_NEW;
  conn->last = CF_RUN_DONE;
  conn->held = 0;
  conn->implicit_tls = tls != FALSE;
  conn->proxied = proxied != FALSE;
  conn->tls_wanted = conn->own_deadline = conn->eof = conn->more_input = FALSE;
  conn->drain_told = conn->hangup_told = FALSE;
  atomic_store (&conn->deadline, 0);
  atomic_store (&conn->established, FALSE);
  atomic_store (&conn->bytes_in, 0);
  atomic_store (&conn->bytes_out, 0);
  conn_learn_peer (conn, &card);
  conn_publish (conn, &card);
}

/* What a proxy has said of the client; @address NULL: it came to it over a unix socket. */
void
cf_conn_set_peer (CfConn *conn, const CfSockaddr *address, gboolean proxy_tls)
{
  g_autofree char *text = address != NULL ? cf_sockaddr_to_string (address, TRUE) : g_strdup ("unix");
  CfConnCard card = conn->card;

  g_free ((char *) conn->peer.proxy);
  conn->peer.proxy = conn->peer.address;
  conn->peer.address = address != NULL ? cf_sockaddr_to_string (address, FALSE) : g_strdup ("unix");
  conn->peer.proxy_tls = proxy_tls;
  conn->peer.local = FALSE;
  conn->peer.uid = -1;
  card.proxy_tls = proxy_tls != FALSE;
  memset (card.peer, 0, sizeof card.peer);
  g_strlcpy (card.peer, text, sizeof card.peer);
  conn_publish (conn, &card);
}

/* A connection on @fd, which is taken over on success; owned by the caller, in epoll but not armed. */
CfConn *
cf_conn_new (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, gboolean proxied, GError **error)
{
  CfConn *conn = cf_slot_acquire (net);
  struct epoll_event event = { .events = EPOLLONESHOT };
  int saved;

  if (conn == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "Too many connections");
    return NULL;
  }
  conn_init (conn, fd, protocol, tls, proxied);
  event.data.u64 = cf_slot_get_ref (conn);
  if (epoll_ctl (net->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
    saved = errno;
    conn->fd = -1;
    g_free ((char *) g_steal_pointer (&conn->peer.address));
    cf_slot_release (conn);
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "epoll: %s", g_strerror (saved));
    return NULL;
  }
  atomic_fetch_add (&net->n_accepted, 1);
  atomic_fetch_add (&net->n_open, 1);
  return conn;
}

/* Tells the protocol, if it knows the connection. */
void
cf_conn_end_session (CfConn *conn)
{
  gpointer session = g_steal_pointer (&conn->session);

  if (session != NULL)
    conn->card.protocol->closed (conn, session);
}

/* For the owner. */
void
cf_conn_destroy (CfConn *conn)
{
  CfNet *net = conn->net;

  cf_conn_end_session (conn);
  cf_admission_leave (conn);
  g_clear_pointer (&conn->tls, cf_tls_free);
  cf_buffer_clear (&conn->in, conn->worker);
  cf_buffer_clear (&conn->out, conn->worker);
  epoll_ctl (net->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
  close (conn->fd);
  conn->fd = -1;
  g_free ((char *) g_steal_pointer (&conn->peer.address));
  g_free ((char *) g_steal_pointer (&conn->peer.proxy));
  conn->worker = NULL;
  atomic_store (&conn->deadline, 0); /* nothing for the sweep in a free slot */
  cf_slot_release (conn);
  atomic_fetch_sub (&net->n_open, 1);
}

/* ---- For protocols --------------------------------------------------------------------------------- */

guint8 *
cf_conn_peek (CfConn *conn, gsize *out_length)
{
  *out_length = cf_buffer_get_length (&conn->in);
  return conn->in.data + conn->in.start;
}

void
cf_conn_consume (CfConn *conn, gsize length)
{
  conn->in.start += MIN (length, cf_buffer_get_length (&conn->in));
}

gboolean
cf_conn_is_input_full (CfConn *conn)
{
  return cf_buffer_get_length (&conn->in) >= conn->net->config.input_max;
}

gboolean
cf_conn_is_eof (CfConn *conn)
{
  return conn->eof;
}

void
cf_conn_write (CfConn *conn, const void *data, gsize length)
{
  if (length == 0 || conn->phase != CF_PHASE_OPEN)
    return;
  memcpy (cf_buffer_reserve (&conn->out, conn->worker, length), data, length);
  conn->out.end += length;
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
  return cf_buffer_get_length (&conn->out);
}

gboolean
cf_conn_is_output_full (CfConn *conn)
{
  return cf_buffer_get_length (&conn->out) >= conn->net->config.high_water;
}

void
cf_conn_set_timeout (CfConn *conn, guint64 ms)
{
  gint64 us = (gint64) MIN (ms, G_MAXINT64 / 4000) * 1000;

  atomic_store (&conn->deadline, ms ? g_get_monotonic_time () + us : 0);
}

gboolean
cf_conn_start_tls (CfConn *conn, gsize *out_discarded, GError **error)
{
  if (conn->tls != NULL || conn->tls_wanted) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "TLS is on already");
    return FALSE;
  }
  if (!cf_net_has_tls (conn->net)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "TLS is not available");
    return FALSE;
  }
  if (out_discarded != NULL)
    *out_discarded = cf_buffer_get_length (&conn->in);
  conn->in.start = conn->in.end = 0;
  conn->tls_wanted = TRUE;
  return TRUE;
}

const CfPeer *
cf_conn_get_peer (CfConn *conn)
{
  return &conn->peer;
}

void
cf_conn_set_label (CfConn *conn, const char *label)
{
  CfConnCard card = conn->card;
  const char *end;

  memset (card.label, 0, sizeof card.label);
  g_strlcpy (card.label, label, sizeof card.label);
  if (!g_utf8_validate (card.label, -1, &end))
    memset (card.label + (end - card.label), 0, sizeof card.label - (gsize) (end - card.label));
  conn_publish (conn, &card);
}

void
cf_conn_set_owner (CfConn *conn, guint64 owner)
{
  CfConnCard card = conn->card;

  card.owner = owner;
  conn_publish (conn, &card);
}

void
cf_conn_set_established (CfConn *conn)
{
  atomic_store (&conn->established, TRUE);
}

guint64
cf_conn_get_id (CfConn *conn)
{
  return conn->card.id;
}

CfConnRef
cf_conn_get_ref (CfConn *conn)
{
  return cf_slot_get_ref (conn);
}

CfNet *
cf_conn_get_net (CfConn *conn)
{
  return conn->net;
}

const CfProtocol *
cf_conn_get_protocol (CfConn *conn)
{
  return conn->card.protocol;
}
