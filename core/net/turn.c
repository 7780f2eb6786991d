/* core/net/turn.c - what a worker does with a connection it owns.
 *
 * A turn is everything a worker does between taking a connection and arming it again. It steps through the
 * phases until one says what to be armed for, or that the connection is dead:
 *
 *   NEW -> (PROXY) -> (HANDSHAKE) -> OPEN -> CLOSING -> LINGER -> dead
 *                          ^-- STARTTLS --'
 *
 * Reading stops when the protocol has more to say (MORE), waits (WAIT), or its output is not being taken, so
 * a client that does not read costs its buffer and nothing else. A turn makes a bounded number of runs, then
 * goes to the end of epoll's queue by being armed for output.
 */
#include <errno.h>
#include <sys/socket.h>

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

/* The word's TIMEOUT says that the deadline had passed when the sweep looked; it may have
 * been moved since. */
static gboolean
turn_take_timeout (CfConn *conn)
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
turn_flush (CfConn *conn, Turn *turn)
{
  gsize length;

  while ((length = cf_buffer_get_length (&conn->out)) > 0) {
    const guint8 *data = conn->out.data + conn->out.start;
    gssize n = conn->tls != NULL ? cf_tls_send (conn->tls, data, length)
                                 : send (conn->fd, data, length, MSG_NOSIGNAL);

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

void
cf_turn_send (CfConn *conn)
{
  Turn turn = { 0 };

  turn_flush (conn, &turn);
}

/* Reads once, up to the bound on input. FALSE: the connection is broken. *@out_news: there is something that
 * run has not seen. */
static gboolean
turn_read (CfConn *conn, Turn *turn, gboolean *out_news)
{
  gsize room = conn->net->config.input_max - cf_buffer_get_length (&conn->in), length = 0;
  guint8 *data = cf_buffer_reserve (&conn->in, conn->worker, room);
  gssize n;

  /* A TLS record gives at most 16 KB; what GnuTLS has decrypted already costs no system call. */
  do {
    n = conn->tls != NULL ? cf_tls_recv (conn->tls, data + length, room - length)
                          : recv (conn->fd, data, room, 0);
    if (n > 0)
      length += (gsize) n;
  } while (n > 0 && length < room && conn->tls != NULL && cf_tls_get_pending (conn->tls) > 0);

  turn->may_read = FALSE;
  conn->more_input = length == room || (conn->tls != NULL && cf_tls_get_pending (conn->tls) > 0);
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
turn_wants_input (CfConn *conn)
{
  return conn->last == CF_RUN_DONE && !conn->eof && !conn->tls_wanted && !cf_conn_is_output_full (conn)
         && !cf_conn_is_input_full (conn);
}

/* ---- Phases ---------------------------------------------------------------------------------------- */

static Step
turn_begin_close (CfConn *conn)
{
  conn->phase = CF_PHASE_CLOSING;
  cf_conn_end_session (conn);
  cf_buffer_clear (&conn->in, conn->worker);
  cf_conn_set_timeout (conn, conn->net->config.linger_ms);
  return STEP_AGAIN;
}

static Step
turn_begin_open (CfConn *conn)
{
  conn->phase = CF_PHASE_OPEN;
  conn->last = CF_RUN_DONE;
  conn->more_input = TRUE;
  if (conn->session == NULL)
    conn->session = conn->card.protocol->opened (conn);
  return conn->session != NULL ? STEP_AGAIN : turn_begin_close (conn);
}

static Step
turn_begin_handshake (CfConn *conn)
{
  conn->tls_wanted = FALSE;
  conn->tls = cf_tls_new (conn->net, conn->fd);
  if (conn->tls == NULL) {
    g_warning ("[%" G_GUINT64_FORMAT "] TLS cannot be started", conn->card.id);
    return STEP_DEAD;
  }
  conn->own_deadline = atomic_load (&conn->deadline) == 0;
  if (conn->own_deadline)
    cf_conn_set_timeout (conn, conn->net->config.handshake_ms);
  conn->phase = CF_PHASE_HANDSHAKE;
  return STEP_AGAIN;
}

/* Who it is is known. */
static Step
turn_admit (CfConn *conn)
{
  if (cf_admission_enter (conn))
    return conn->implicit_tls ? turn_begin_handshake (conn) : turn_begin_open (conn);
  cf_admission_refuse (conn);
  return STEP_DEAD;
}

static Step
phase_new (CfConn *conn, Turn *turn)
{
  if (!conn->proxied)
    return turn_admit (conn);
  if (cf_proxy_begin (conn) == CF_PROXY_STEP_DEAD)
    return STEP_DEAD;
  cf_conn_set_timeout (conn, conn->net->config.proxy_ms);
  conn->phase = CF_PHASE_PROXY;
  return STEP_AGAIN;
}

static Step
phase_proxy (CfConn *conn, Turn *turn)
{
  conn->held |= turn->reasons & ~(guint) (CF_WAKE_TIMEOUT | CF_WAKE_KICK);
  if (turn->reasons & CF_WAKE_TIMEOUT)
    cf_proxy_time_out (conn);
  if (turn->reasons & (CF_WAKE_TIMEOUT | CF_WAKE_KICK))
    return STEP_DEAD;
  turn->reasons = 0;
  switch (cf_proxy_read (conn)) {
  case CF_PROXY_STEP_READ:
    turn->interest = EPOLLIN;
    return STEP_ARM;
  case CF_PROXY_STEP_DONE:
    cf_conn_set_timeout (conn, 0);
    return turn_admit (conn);
  case CF_PROXY_STEP_DEAD:
    break;
  }
  return STEP_DEAD;
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
  return turn_begin_open (conn);
}

/* The reasons that run is to see now. News for a client that is not reading waits. */
static guint
turn_take_reasons (CfConn *conn, Turn *turn)
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
turn_arm (CfConn *conn, Turn *turn)
{
  gboolean wants_input = turn_wants_input (conn);

  if (cf_buffer_get_length (&conn->out) > 0)
    turn->interest |= EPOLLOUT;
  if (wants_input)
    turn->interest |= EPOLLIN;
  if (wants_input && (conn->more_input || (conn->tls != NULL && cf_tls_wants_write (conn->tls))))
    turn->interest |= EPOLLOUT;
  if (conn->last == CF_RUN_MORE || conn->held)
    turn->interest |= EPOLLOUT;
  if (conn->last == CF_RUN_WAIT && !conn->hangup_told)
    turn->interest |= EPOLLRDHUP;
  return STEP_ARM;
}

static Step
turn_run (CfConn *conn, Turn *turn, guint reasons)
{
  turn->runs++;
  conn->last = conn->card.protocol->run (conn, conn->session, reasons);
  cf_conn_set_late (conn, NULL, NULL);
  switch (conn->last) {
  case CF_RUN_ERROR:
    return STEP_DEAD;
  case CF_RUN_CLOSE:
    return turn_begin_close (conn);
  case CF_RUN_DONE:
    if (conn->eof)
      return turn_begin_close (conn);
    if (cf_conn_is_input_full (conn)) {
      g_warning ("[%" G_GUINT64_FORMAT "] Closed: %s takes nothing from a full input buffer", conn->card.id,
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
  gboolean news = FALSE, first;
  guint reasons;

  if (!turn_flush (conn, turn))
    return STEP_DEAD;
  if (conn->last == CF_RUN_WAIT && turn->events & (EPOLLHUP | EPOLLERR))
    return STEP_DEAD; /* gone altogether; armed again it would only fire again */
  if (conn->tls_wanted) {
    if (cf_buffer_get_length (&conn->out) == 0)
      return turn_begin_handshake (conn);
    conn->held |= turn->reasons;
    if (turn->reasons & (CF_WAKE_TIMEOUT | CF_WAKE_KICK))
      return STEP_DEAD;
    turn->reasons = 0;
    turn->interest = EPOLLOUT;
    return STEP_ARM;
  }
  if (turn->runs >= TURN_MAX_RUNS || (turn->runs > 0 && turn->sent >= TURN_MAX_SENT))
    return turn_arm (conn, turn);

  first = conn->tls == NULL && !conn->proxied && atomic_load (&conn->bytes_in) == 0;
  if (turn_wants_input (conn) && (turn->may_read || conn->more_input) && !turn_read (conn, turn, &news))
    return STEP_DEAD;
  if (first && news && cf_proxy_is_misdirected (conn))
    return STEP_DEAD;
  reasons = turn_take_reasons (conn, turn);
  if (news || reasons
      || (conn->last == CF_RUN_MORE && cf_conn_get_output_length (conn) <= conn->net->config.low_water))
    return turn_run (conn, turn, reasons);
  return turn_arm (conn, turn);
}

static Step
phase_closing (CfConn *conn, Turn *turn)
{
  int bye;

  if (turn->reasons & CF_WAKE_TIMEOUT || !turn_flush (conn, turn))
    return STEP_DEAD;
  turn->interest = EPOLLOUT;
  if (cf_buffer_get_length (&conn->out) > 0)
    return STEP_ARM;

  bye = conn->tls != NULL ? cf_tls_bye (conn->tls) : 1;
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
cf_turn_make (CfConn *conn, guint reasons, guint32 events, gboolean again, guint32 *out_interest)
{
  static Step (*const phases[]) (CfConn *, Turn *) = {
    [CF_PHASE_NEW] = phase_new,   [CF_PHASE_PROXY] = phase_proxy,     [CF_PHASE_HANDSHAKE] = phase_handshake,
    [CF_PHASE_OPEN] = phase_open, [CF_PHASE_CLOSING] = phase_closing, [CF_PHASE_LINGER] = phase_linger,
  };
  Turn turn = { .reasons = reasons & ~CF_WAKE_GIVE_WAY,
                .events = events,
                .may_read = again || events & EVENTS_INPUT };
  Step step;

  if (atomic_load (&conn->net->killing))
    return FALSE;
  if (reasons & CF_WAKE_GIVE_WAY && !atomic_load (&conn->established)) {
    atomic_fetch_add (&conn->net->n_gave_way, 1);
    return FALSE; /* a word of farewell would have to wait for a client that may not take it */
  }
  if (atomic_load (&conn->net->draining) && !conn->drain_told) {
    conn->drain_told = TRUE;
    turn.reasons |= CF_WAKE_DRAIN;
  }
  if (turn.reasons & CF_WAKE_TIMEOUT && !turn_take_timeout (conn))
    turn.reasons &= ~(guint) CF_WAKE_TIMEOUT;

  do
    step = phases[conn->phase](conn, &turn);
  while (step == STEP_AGAIN);

  cf_buffer_settle (&conn->in, conn->worker);
  cf_buffer_settle (&conn->out, conn->worker);
  *out_interest = turn.interest;
  return step == STEP_ARM;
}
