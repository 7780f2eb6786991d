/* core/net/loop.c - the net itself: workers, the sweep, drain and stop.
 *
 * Workers take one event at a time from the shared epoll instance and serve it to its end. Everything that is
 * not a connection (accepting, deadlines, signals) is the main thread's: it has time, and accepting there
 * means that a listener is closed by the thread that uses it, and that clients are accepted while all workers
 * are in the store.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <glib-unix.h>

#include "net/private.h"

#define SWEEP_MS   250
#define MAX_PASSES 4 /* turns in a row for one connection before it must queue again */

static _Thread_local CfWorker *current_worker;

/* ---- Workers --------------------------------------------------------------------------------------- */

/* @conn is owned by the calling worker: gives it turns until it can be left, or is dead. */
static void
worker_serve (CfWorker *worker, CfConn *conn, guint reasons, guint32 events)
{
  int epoll_fd = worker->net->epoll_fd;
  struct epoll_event event = { .data.u64 = cf_slot_get_ref (conn) };
  guint32 interest;

  for (guint pass = 1;; pass++) {
    conn->worker = worker;
    if (!cf_turn_make (conn, reasons, events, pass > 1, &interest)) {
      cf_conn_destroy (conn);
      return;
    }
    conn->worker = NULL;

    event.events = interest | EPOLLONESHOT;
    epoll_ctl (epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
    if (cf_slot_leave (conn))
      return;
    if (pass == MAX_PASSES) {
      cf_slot_arm_for_work (conn);
      return;
    }
    reasons = cf_slot_take_reasons (conn);
    events = 0;
  }
}

static void
worker_serve_ready (CfWorker *worker)
{
  CfConn *conn;
  eventfd_t one;

  if (eventfd_read (worker->net->ready_fd, &one) < 0)
    return; /* another worker was faster */
  conn = cf_slot_pop_ready (worker->net);
  if (conn != NULL)
    worker_serve (worker, conn, cf_slot_take_reasons (conn), 0);
}

static void
worker_answer_probe (CfWorker *worker)
{
  eventfd_t one;

  if (eventfd_read (worker->net->probe_fd, &one) == 0)
    atomic_store (&worker->net->probe_waits, FALSE);
}

static void
worker_serve_event (CfWorker *worker, const struct epoll_event *event)
{
  CfConn *conn = cf_slot_get (worker->net, (guint32) event->data.u64);
  guint reasons;

  if (conn != NULL && cf_slot_take (conn, event->data.u64, &reasons))
    worker_serve (worker, conn, reasons, event->events);
}

static gpointer
worker_main (gpointer data)
{
  CfWorker *worker = data;
  CfNetConfig *config = &worker->net->config;
  struct epoll_event event;

  current_worker = worker;
  if (config->worker_start != NULL)
    worker->data = config->worker_start (worker->index, config->user_data);

  while (!atomic_load (&worker->net->exiting)) {
    if (epoll_wait (worker->net->epoll_fd, &event, 1, -1) != 1)
      continue;
    if (event.data.u64 == CF_EVENT_READY)
      worker_serve_ready (worker);
    else if (event.data.u64 == CF_EVENT_PROBE)
      worker_answer_probe (worker);
    else if (event.data.u64 != CF_EVENT_EXIT)
      worker_serve_event (worker, &event);
  }

  if (config->worker_stop != NULL)
    config->worker_stop (worker->index, worker->data, config->user_data);
  for (guint i = 0; i < G_N_ELEMENTS (worker->spare); i++)
    g_clear_pointer (&worker->spare[i], g_free);
  current_worker = NULL;
  return NULL;
}

CfWorker *
cf_net_get_worker (void)
{
  return current_worker;
}

int
cf_net_get_worker_index (void)
{
  return current_worker != NULL ? (int) current_worker->index : -1;
}

gpointer
cf_net_get_worker_data (void)
{
  return current_worker != NULL ? current_worker->data : NULL;
}

guint
cf_net_get_n_workers (CfNet *net)
{
  return net->config.workers;
}

/* ---- The sweep ------------------------------------------------------------------------------------- */

static void
net_wake_all (CfNet *net, guint reason)
{
  CfConn *conn;

  for (guint32 i = 0; i < atomic_load (&net->n_slots); i++)
    if ((conn = cf_slot_get (net, i)) != NULL)
      cf_net_wake (net, cf_slot_get_ref (conn), reason);
}

static void
net_sweep_deadlines (CfNet *net)
{
  gint64 now = g_get_monotonic_time (), deadline;
  CfConnRef ref;
  CfConn *conn;

  for (guint32 i = 0; i < atomic_load (&net->n_slots); i++) {
    if ((conn = cf_slot_get (net, i)) == NULL)
      continue;
    ref = cf_slot_get_ref (conn); /* before the deadline: a newer one is not this ref's business */
    deadline = atomic_load (&conn->deadline);
    if (deadline != 0 && deadline <= now)
      cf_net_wake (net, ref, CF_WAKE_TIMEOUT);
  }
}

static void
net_kill_all (CfNet *net)
{
  atomic_store (&net->killing, TRUE);
  net_wake_all (net, CF_WAKE_KICK);
}

static gboolean
net_sweep (gpointer data)
{
  CfNet *net = data;

  net_sweep_deadlines (net);
  cf_late_sweep (net);
  if (!atomic_load (&net->draining)) {
    cf_strangers_sweep (net);
    cf_listener_resume_all (net);
    return G_SOURCE_CONTINUE;
  }
  if (!atomic_load (&net->killing) && g_get_monotonic_time () >= net->drain_deadline)
    net_kill_all (net);
  if (atomic_load (&net->n_open) == 0 && !net->drained_told) {
    net->drained_told = TRUE;
    if (net->config.drained != NULL)
      net->config.drained (net, net->config.user_data);
  }
  return G_SOURCE_CONTINUE;
}

/* ---- Life ------------------------------------------------------------------------------------------ */

static void
config_fill_defaults (CfNetConfig *config)
{
  if (config->workers == 0)
    config->workers = MAX (2 * g_get_num_processors (), 4);
  if (config->max_connections == 0)
    config->max_connections = 65536;
  if (config->input_max == 0)
    config->input_max = 64 * 1024;
  if (config->high_water == 0)
    config->high_water = 64 * 1024;
  if (config->low_water == 0)
    config->low_water = config->high_water / 4;
  if (config->handshake_ms == 0)
    config->handshake_ms = 30 * 1000;
  if (config->proxy_ms == 0)
    config->proxy_ms = 5 * 1000;
  if (config->linger_ms == 0)
    config->linger_ms = 5 * 1000;
  if (config->backlog == 0)
    config->backlog = SOMAXCONN;
  if (config->unix_mode == 0)
    config->unix_mode = 0660;
}

static gboolean
net_open_fds (CfNet *net)
{
  struct epoll_event ready = { .events = EPOLLIN, .data.u64 = CF_EVENT_READY };
  struct epoll_event ending = { .events = EPOLLIN, .data.u64 = CF_EVENT_EXIT };
  struct epoll_event probe = { .events = EPOLLIN, .data.u64 = CF_EVENT_PROBE };

  net->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  net->ready_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  net->exit_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  net->probe_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  return net->epoll_fd >= 0 && net->ready_fd >= 0 && net->exit_fd >= 0 && net->probe_fd >= 0
         && epoll_ctl (net->epoll_fd, EPOLL_CTL_ADD, net->ready_fd, &ready) == 0
         && epoll_ctl (net->epoll_fd, EPOLL_CTL_ADD, net->exit_fd, &ending) == 0
         && epoll_ctl (net->epoll_fd, EPOLL_CTL_ADD, net->probe_fd, &probe) == 0;
}

CfNet *
cf_net_new (const CfNetConfig *config, GError **error)
{
  g_autoptr (CfNet) net = g_new0 (CfNet, 1);

  if (config != NULL)
    net->config = *config;
  config_fill_defaults (&net->config);
  net->block = MAX (net->config.input_max, 64 * 1024);
  net->chunks
      = (gpointer) g_new0 (CfConn *, (cf_slot_get_max (net) + CF_SLOTS_PER_CHUNK - 1) / CF_SLOTS_PER_CHUNK);
  net->workers = g_new0 (CfWorker, net->config.workers);
  net->listeners = cf_listener_array_new ();
  net->strangers = g_array_new (FALSE, FALSE, sizeof (CfConnRef));
  net->admission = cf_admission_new ();
  pthread_mutex_init (&net->tls_mutex, NULL);

  if (!net_open_fds (net)) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot make the event loop: %s", g_strerror (errno));
    return NULL;
  }
  return g_steal_pointer (&net);
}

gboolean
cf_net_start (CfNet *net, GError **error)
{
  net->context = g_main_context_ref_thread_default ();
  for (guint i = 0; i < net->config.workers; i++) {
    CfWorker *worker = &net->workers[i];
    g_autofree char *name = g_strdup_printf ("worker-%u", i);
    g_autoptr (GError) cause = NULL;

    worker->net = net;
    worker->index = i;
    worker->thread = g_thread_try_new (name, worker_main, worker, &cause);
    if (worker->thread == NULL) {
      g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot start worker %u: %s", i, cause->message);
      cf_net_stop (net);
      return FALSE;
    }
  }
  net->started = TRUE;
  net->sweep = g_timeout_source_new (SWEEP_MS);
  g_source_set_callback (net->sweep, net_sweep, net, NULL);
  g_source_attach (net->sweep, net->context);
  cf_listener_resume_all (net);
  return TRUE;
}

void
cf_net_drain (CfNet *net, guint seconds)
{
  gint64 deadline = g_get_monotonic_time () + (gint64) seconds * G_USEC_PER_SEC;

  if (atomic_load (&net->draining)) {
    net->drain_deadline = MIN (net->drain_deadline, deadline);
    return;
  }
  net->drain_deadline = deadline;
  atomic_store (&net->draining, TRUE);
  cf_listener_close_all (net);
  net_wake_all (net, CF_WAKE_DRAIN);
}

void
cf_net_stop (CfNet *net)
{
  if (net->stopped)
    return;
  net->stopped = TRUE;
  cf_listener_close_all (net);
  if (net->sweep != NULL) {
    g_source_destroy (net->sweep);
    g_clear_pointer (&net->sweep, g_source_unref);
  }
  net_kill_all (net);
  /* Every connection gets its last turn, on a worker, where closed has the store connection it may need. */
  while (net->started && atomic_load (&net->n_open) > 0)
    g_usleep (2000);

  atomic_store (&net->exiting, TRUE);
  eventfd_write (net->exit_fd, 1);
  for (guint i = 0; i < net->config.workers; i++)
    g_clear_pointer (&net->workers[i].thread, g_thread_join);
}

static void
close_if_open (int fd)
{
  if (fd >= 0)
    close (fd);
}

void
cf_net_free (CfNet *net)
{
  if (net == NULL)
    return;
  cf_net_stop (net);
  g_ptr_array_unref (net->listeners);
  g_array_unref (net->strangers);
  cf_listener_close_handed (net);
  cf_slot_free_all (net);
  g_free (net->workers);
  g_clear_pointer (&net->tls_credentials, cf_tls_credentials_unref);
  cf_tls_clear_ticket_key (net);
  cf_admission_free (net->admission);
  pthread_mutex_destroy (&net->tls_mutex);
  g_clear_pointer (&net->context, g_main_context_unref);
  close_if_open (net->epoll_fd);
  close_if_open (net->ready_fd);
  close_if_open (net->exit_fd);
  close_if_open (net->probe_fd);
  g_free (net);
}

/* ---- Connections from outside ---------------------------------------------------------------------- */

CfConnRef
cf_net_adopt (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, gboolean proxied, GError **error)
{
  CfConn *conn = NULL;
  CfConnRef ref;

  if (atomic_load (&net->draining) || atomic_load (&net->killing))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The server is going down");
  else if (tls && !cf_net_has_tls (net))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "TLS is not available");
  else if (!g_unix_set_fd_nonblocking (fd, TRUE, NULL))
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Not a usable socket: %s", g_strerror (errno));
  else
    conn = cf_conn_new (net, fd, protocol, tls, proxied, error);

  if (conn == NULL) {
    close_if_open (fd);
    return 0;
  }
  ref = cf_slot_get_ref (conn);
  cf_slot_arm_for_work (conn); /* its first turn */
  return ref;
}

CfConnRef
cf_net_attach_fd (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, GError **error)
{
  return cf_net_adopt (net, fd, protocol, tls, FALSE, error);
}

/* ---- What others may know -------------------------------------------------------------------------- */

gboolean
cf_net_probe (CfNet *net)
{
  if (atomic_load (&net->probe_waits))
    return FALSE;
  atomic_store (&net->probe_waits, TRUE);
  eventfd_write (net->probe_fd, 1);
  return TRUE;
}

void
cf_net_get_counters (CfNet *net, CfNetCounters *out)
{
  *out = (CfNetCounters){ .open = atomic_load (&net->n_open),
                          .accepted = atomic_load (&net->n_accepted),
                          .tls_failures = atomic_load (&net->n_tls_failures),
                          .gave_way = atomic_load (&net->n_gave_way) };
  cf_admission_get_counters (net->admission, out);
  for (guint i = 0; i < net->config.workers; i++) {
    out->bytes_in += atomic_load_explicit (&net->workers[i].bytes_in, memory_order_relaxed);
    out->bytes_out += atomic_load_explicit (&net->workers[i].bytes_out, memory_order_relaxed);
  }
}

/* A consistent copy of @conn's card as the connection @ref; FALSE: that one is gone (or never still). */
static gboolean
conn_copy_card (CfConn *conn, CfConnRef ref, guint64 words[CF_CARD_WORDS])
{
  for (guint attempt = 0; attempt < 100; attempt++) {
    guint32 sequence = atomic_load (&conn->card_sequence);

    for (guint i = 0; i < CF_CARD_WORDS; i++)
      words[i] = atomic_load_explicit (&conn->words[i], memory_order_acquire);
    if (sequence % 2 == 0 && sequence == atomic_load (&conn->card_sequence))
      return cf_slot_get_ref (conn) == ref && atomic_load (&conn->word) & CF_SLOT_LIVE;
  }
  return FALSE;
}

void
cf_net_foreach (CfNet *net, CfNetForeachFunc func, gpointer user_data)
{
  union {
    CfConnCard card;
    guint64 words[CF_CARD_WORDS];
  } copy;

  for (guint32 i = 0; i < atomic_load (&net->n_slots); i++) {
    CfConn *conn = cf_slot_get (net, i);
    guint64 word = conn != NULL ? atomic_load (&conn->word) : 0;
    CfConnInfo info = { .ref = (guint64) CF_SLOT_GENERATION (word) << 32 | i };

    if (!(word & CF_SLOT_LIVE) || !conn_copy_card (conn, info.ref, copy.words) || copy.card.id == 0)
      continue;
    info.id = copy.card.id;
    info.protocol = copy.card.protocol->name;
    info.peer = copy.card.peer;
    info.label = copy.card.label;
    info.owner = copy.card.owner;
    info.tls = copy.card.tls != 0;
    info.proxy_tls = copy.card.proxy_tls != 0;
    info.since = copy.card.since;
    info.bytes_in = atomic_load_explicit (&conn->bytes_in, memory_order_relaxed);
    info.bytes_out = atomic_load_explicit (&conn->bytes_out, memory_order_relaxed);
    if (!func (&info, user_data))
      return;
  }
}
