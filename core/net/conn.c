/* core/net/conn.c - one connection: its phases, and what happens in a turn.
 *
 * A turn is everything a worker does between taking a connection and arming it again. It steps through the
 * phases until one says what to be armed for, or that the connection is dead:
 *
 *   NEW -> (HANDSHAKE) -> OPEN -> CLOSING -> LINGER -> dead
 *               ^-- STARTTLS --'
 *
 * Reading stops when the protocol has more to say (MORE), waits (WAIT), or its output is not being taken, so
 * a client that does not read costs its buffer and nothing else. A turn makes a bounded number of runs, then
 * goes to the end of epoll's queue by being armed for output.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "net/private.h"

#define TURN_MAX_RUNS 16
#define TURN_MAX_SENT (256 * 1024)
#define EVENTS_INPUT  (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP)

typedef enum {
  STEP_AGAIN, /* another phase, or the same once more */
  STEP_ARM,   /* the turn ends; turn->interest is set */
  STEP_DEAD,
} Step;

typedef struct {
  guint reasons;
  guint32 events;
  guint32 interest;
  gboolean may_read; /* the socket may have input */
  guint runs;
  gsize sent;
} Turn;

/* ---- Deadlines ------------------------------------------------------------------------------------- */

void
cf_conn_set_timeout (CfConn *conn, guint64 ms)
{
  gint64 us = (gint64) MIN (ms, G_MAXINT64 / 4000) * 1000;

  atomic_store (&conn->deadline, ms ? g_get_monotonic_time () + us : 0);
}

/* The word's TIMEOUT says that the deadline had passed when the sweep looked; it may have been moved since.
 */
static gboolean
conn_take_timeout (CfConn *conn)
{
  gint64 deadline = atomic_load (&conn->deadline);

  if (deadline == 0 || deadline > g_get_monotonic_time ())
    return FALSE;
  atomic_store (&conn->deadline, 0);
  return TRUE;
}

/* ---- Octets ---------------------------------------------------------------------------------------- */

static void
add_relaxed (_Atomic guint64 *counter, guint64 n)
{
  atomic_store_explicit (counter, atomic_load_explicit (counter, memory_order_relaxed) + n,
                         memory_order_relaxed);
}

static gboolean
errno_is_again (void)
{
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Sends what the kernel takes. FALSE: the connection is broken. */
static gboolean
conn_flush (CfConn *conn, Turn *turn)
{
  gsize length;

  while ((length = cf_buffer_get_length (&conn->out)) > 0) {
    const guint8 *data = conn->out.data + conn->out.start;
    gssize n
        = conn->tls ? cf_tls_send (conn->tls, data, length) : send (conn->fd, data, length, MSG_NOSIGNAL);

    if (n < 0)
      return errno_is_again ();
    conn->out.start += (gsize) n;
    turn->sent += (gsize) n;
    add_relaxed (&conn->bytes_out, (guint64) n);
    add_relaxed (&conn->worker->bytes_out, (guint64) n);
  }
  conn->out.start = conn->out.end = 0;
  return TRUE;
}

/* Reads once, up to the bound on input. FALSE: the connection is broken. *@out_news: there is something that
 * run has not seen. */
static gboolean
conn_read (CfConn *conn, Turn *turn, gboolean *out_news)
{
  gsize room = conn->net->config.input_max - cf_buffer_get_length (&conn->in), length = 0;
  guint8 *data = cf_buffer_reserve (&conn->in, conn->worker, room);
  gssize n;

  /* A TLS record gives at most 16 KB; what GnuTLS has decrypted already costs no system call. */
  do {
    n = conn->tls ? cf_tls_recv (conn->tls, data + length, room - length) : recv (conn->fd, data, room, 0);
    if (n > 0)
      length += (gsize) n;
  } while (n > 0 && length < room && conn->tls && cf_tls_get_pending (conn->tls) > 0);

  turn->may_read = FALSE;
  conn->more_input = length == room || (conn->tls && cf_tls_get_pending (conn->tls) > 0);
  if (n < 0 && !errno_is_again ())
    return FALSE;
  if (n == 0)
    conn->eof = TRUE;
  conn->in.end += length;
  add_relaxed (&conn->bytes_in, length);
  add_relaxed (&conn->worker->bytes_in, length);
  *out_news = length > 0 || n == 0;
  return TRUE;
}

static gboolean
conn_wants_input (CfConn *conn)
{
  return conn->last == CF_RUN_DONE && !conn->eof && !conn->tls_wanted && !cf_conn_is_output_full (conn)
         && !cf_conn_is_input_full (conn);
}

/* ---- Phases ---------------------------------------------------------------------------------------- */

static void
conn_end_session (CfConn *conn)
{
  gpointer session = g_steal_pointer (&conn->session);

  if (session)
    conn->card.protocol->closed (conn, session);
}

static Step
conn_begin_close (CfConn *conn)
{
  conn->phase = CF_PHASE_CLOSING;
  conn_end_session (conn);
  cf_buffer_clear (&conn->in, conn->worker);
  cf_conn_set_timeout (conn, conn->net->config.linger_ms);
  return STEP_AGAIN;
}

static Step
conn_begin_open (CfConn *conn)
{
  conn->phase = CF_PHASE_OPEN;
  conn->last = CF_RUN_DONE;
  conn->more_input = TRUE;
  if (!conn->session)
    conn->session = conn->card.protocol->opened (conn);
  return conn->session ? STEP_AGAIN : conn_begin_close (conn);
}

static Step
conn_begin_handshake (CfConn *conn)
{
  conn->tls_wanted = FALSE;
  conn->tls = cf_tls_new (conn->net, conn->fd);
  if (!conn->tls) {
    g_warning ("[%" G_GUINT64_FORMAT "] TLS cannot be started", conn->card.id);
    return STEP_DEAD;
  }
  conn->own_deadline = atomic_load (&conn->deadline) == 0;
  if (conn->own_deadline)
    cf_conn_set_timeout (conn, conn->net->config.handshake_ms);
  conn->phase = CF_PHASE_HANDSHAKE;
  return STEP_AGAIN;
}

static Step
phase_new (CfConn *conn, Turn *turn)
{
  return conn->implicit_tls ? conn_begin_handshake (conn) : conn_begin_open (conn);
}

static Step
phase_handshake (CfConn *conn, Turn *turn)
{
  const char *cause = "time is over";
  int result = turn->reasons & (CF_WAKE_TIMEOUT | CF_WAKE_KICK) ? -1 : cf_tls_handshake (conn->tls, &cause);

  conn->held |= turn->reasons;
  turn->reasons = 0;
  if (result == 0) {
    turn->interest = cf_tls_wants_write (conn->tls) ? EPOLLOUT : EPOLLIN;
    return STEP_ARM;
  }
  if (result < 0) {
    atomic_fetch_add (&conn->net->n_tls_failures, 1);
    g_info ("[%" G_GUINT64_FORMAT "] TLS handshake with %s failed: %s", conn->card.id, conn->peer.text,
            cause);
    return STEP_DEAD;
  }

  atomic_store (&conn->words[G_STRUCT_OFFSET (CfConnCard, tls) / sizeof (guint64)], TRUE);
  if (conn->own_deadline)
    cf_conn_set_timeout (conn, 0);
  turn->reasons = conn->held;
  conn->held = 0;
  turn->may_read = TRUE;
  return conn_begin_open (conn);
}

/* The reasons that run is to see now. News for a client that is not reading waits. */
static guint
conn_take_reasons (CfConn *conn, Turn *turn)
{
  guint reasons = turn->reasons | conn->held;

  if (conn->last == CF_RUN_WAIT && turn->events & EPOLLRDHUP && !conn->hangup_told) {
    conn->hangup_told = TRUE;
    reasons |= CF_WAKE_HANGUP;
  }
  conn->held = cf_conn_is_output_full (conn) ? reasons & CF_WAKE_PUSH : 0;
  turn->reasons = 0;
  return reasons & ~conn->held;
}

static Step
conn_arm (CfConn *conn, Turn *turn)
{
  gboolean wants_input = conn_wants_input (conn);

  if (cf_buffer_get_length (&conn->out) > 0)
    turn->interest |= EPOLLOUT;
  if (wants_input)
    turn->interest |= EPOLLIN;
  if (wants_input && (conn->more_input || (conn->tls && cf_tls_wants_write (conn->tls))))
    turn->interest |= EPOLLOUT;
  if (conn->last == CF_RUN_MORE || conn->held)
    turn->interest |= EPOLLOUT;
  if (conn->last == CF_RUN_WAIT && !conn->hangup_told)
    turn->interest |= EPOLLRDHUP;
  return STEP_ARM;
}

static Step
conn_run (CfConn *conn, Turn *turn, guint reasons)
{
  turn->runs++;
  conn->last = conn->card.protocol->run (conn, conn->session, reasons);
  switch (conn->last) {
  case CF_RUN_ERROR:
    return STEP_DEAD;
  case CF_RUN_CLOSE:
    return conn_begin_close (conn);
  case CF_RUN_DONE:
    if (conn->eof)
      return conn_begin_close (conn);
    if (cf_conn_is_input_full (conn)) {
      g_warning ("[%" G_GUINT64_FORMAT "] closed: %s takes nothing from a full input buffer", conn->card.id,
                 conn->card.protocol->name);
      return STEP_DEAD;
    }
    return STEP_AGAIN;
  case CF_RUN_MORE:
  case CF_RUN_WAIT:
    break;
  }
  return STEP_AGAIN;
}

static Step
phase_open (CfConn *conn, Turn *turn)
{
  gboolean news = FALSE;
  guint reasons;

  if (!conn_flush (conn, turn))
    return STEP_DEAD;
  if (conn->last == CF_RUN_WAIT && turn->events & (EPOLLHUP | EPOLLERR))
    return STEP_DEAD; /* gone altogether; armed again it would only fire again */
  if (conn->tls_wanted) {
    if (cf_buffer_get_length (&conn->out) == 0)
      return conn_begin_handshake (conn);
    conn->held |= turn->reasons;
    if (turn->reasons & (CF_WAKE_TIMEOUT | CF_WAKE_KICK))
      return STEP_DEAD;
    turn->reasons = 0;
    turn->interest = EPOLLOUT;
    return STEP_ARM;
  }
  if (turn->runs >= TURN_MAX_RUNS || (turn->runs > 0 && turn->sent >= TURN_MAX_SENT))
    return conn_arm (conn, turn);

  if (conn_wants_input (conn) && (turn->may_read || conn->more_input) && !conn_read (conn, turn, &news))
    return STEP_DEAD;
  reasons = conn_take_reasons (conn, turn);
  if (news || reasons
      || (conn->last == CF_RUN_MORE && cf_conn_get_output_length (conn) <= conn->net->config.low_water))
    return conn_run (conn, turn, reasons);
  return conn_arm (conn, turn);
}

static Step
phase_closing (CfConn *conn, Turn *turn)
{
  int bye;

  if (turn->reasons & CF_WAKE_TIMEOUT || !conn_flush (conn, turn))
    return STEP_DEAD;
  turn->interest = EPOLLOUT;
  if (cf_buffer_get_length (&conn->out) > 0)
    return STEP_ARM;

  bye = conn->tls ? cf_tls_bye (conn->tls) : 1;
  if (bye == 0)
    return STEP_ARM;
  if (bye < 0 || conn->eof || shutdown (conn->fd, SHUT_WR) < 0)
    return STEP_DEAD;
  conn->phase = CF_PHASE_LINGER;
  turn->may_read = TRUE;
  return STEP_AGAIN;
}

/* Closing a TCP socket with unread input sends a reset, which can destroy the BYE on its way. */
static Step
phase_linger (CfConn *conn, Turn *turn)
{
  char waste[4096];
  gssize n = -1;

  if (turn->reasons & (CF_WAKE_TIMEOUT | CF_WAKE_KICK))
    return STEP_DEAD;
  for (guint i = 0; i < TURN_MAX_RUNS; i++) {
    n = recv (conn->fd, waste, sizeof waste, 0);
    if (n == 0 || (n < 0 && !errno_is_again ()))
      return STEP_DEAD;
    if (n < 0)
      break;
  }
  turn->interest = EPOLLIN;
  return STEP_ARM;
}

/* One turn, after an event (@events), or @again because something happened while the last one went on. FALSE:
 * the caller destroys the connection; else it arms it for *@out_interest. */
gboolean
cf_conn_turn (CfConn *conn, guint reasons, guint32 events, gboolean again, guint32 *out_interest)
{
  static Step (*const phases[]) (CfConn *, Turn *) = {
    [CF_PHASE_NEW] = phase_new,         [CF_PHASE_HANDSHAKE] = phase_handshake, [CF_PHASE_OPEN] = phase_open,
    [CF_PHASE_CLOSING] = phase_closing, [CF_PHASE_LINGER] = phase_linger,
  };
  Turn turn = { .reasons = reasons, .events = events, .may_read = again || events & EVENTS_INPUT };
  Step step;

  if (atomic_load (&conn->net->killing))
    return FALSE;
  if (atomic_load (&conn->net->draining) && !conn->drain_told) {
    conn->drain_told = TRUE;
    turn.reasons |= CF_WAKE_DRAIN;
  }
  if (turn.reasons & CF_WAKE_TIMEOUT && !conn_take_timeout (conn))
    turn.reasons &= ~(guint) CF_WAKE_TIMEOUT;

  do
    step = phases[conn->phase](conn, &turn);
  while (step == STEP_AGAIN);

  cf_buffer_settle (&conn->in, conn->worker);
  cf_buffer_settle (&conn->out, conn->worker);
  *out_interest = turn.interest;
  return step == STEP_ARM;
}

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
conn_init (CfConn *conn, int fd, const CfProtocol *protocol, gboolean tls)
{
  CfConnCard card = { .id = atomic_fetch_add (&conn->net->last_id, 1) + 1,
                      .since = g_get_real_time (),
                      .protocol = protocol };

  conn->fd = fd;
  conn->phase = CF_PHASE_NEW;
  conn->last = CF_RUN_DONE;
  conn->held = 0;
  conn->implicit_tls = tls != FALSE;
  conn->tls_wanted = conn->own_deadline = conn->eof = conn->more_input = FALSE;
  conn->drain_told = conn->hangup_told = FALSE;
  atomic_store (&conn->deadline, 0);
  atomic_store (&conn->bytes_in, 0);
  atomic_store (&conn->bytes_out, 0);
  conn_learn_peer (conn, &card);
  conn_publish (conn, &card);
}

/* A connection on @fd, which is taken over on success; owned by the caller, in epoll but not armed. */
CfConn *
cf_conn_new (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, GError **error)
{
  CfConn *conn = cf_slot_acquire (net);
  struct epoll_event event = { .events = EPOLLONESHOT };
  int saved;

  if (!conn) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "Too many connections");
    return NULL;
  }
  conn_init (conn, fd, protocol, tls);
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

/* For the owner. */
void
cf_conn_destroy (CfConn *conn)
{
  CfNet *net = conn->net;

  conn_end_session (conn);
  g_clear_pointer (&conn->tls, cf_tls_free);
  cf_buffer_clear (&conn->in, conn->worker);
  cf_buffer_clear (&conn->out, conn->worker);
  epoll_ctl (net->epoll_fd, EPOLL_CTL_DEL, conn->fd, NULL);
  close (conn->fd);
  conn->fd = -1;
  g_free ((char *) g_steal_pointer (&conn->peer.address));
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

gboolean
cf_conn_start_tls (CfConn *conn, gsize *out_discarded, GError **error)
{
  if (conn->tls || conn->tls_wanted) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "TLS is active already");
    return FALSE;
  }
  if (!cf_net_has_tls (conn->net)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "TLS is not available");
    return FALSE;
  }
  if (out_discarded)
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
