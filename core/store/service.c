/* core/store/service.c - the one store of this process (service.h).
 *
 * The breaker is two words: until when the store counts as away, and who may probe. It opens when the store
 * cannot be asked on another connection either. Nothing here is locked while a slot runs; a worker's
 * connection is touched by its own thread alone.
 */
#include "store/service.h"

#include "mailbox/hub.h"
#include "mailbox/mailbox.h"
#include "mime/facts-cache.h"
#include "store/names.h"

/* After a failure nobody asks again before this time has passed. */
#define PROBE_INTERVAL_US (G_USEC_PER_SEC)
/* A call that moves much gets this much longer for each megabyte. */
#define US_PER_MEGABYTE (G_USEC_PER_SEC)

typedef struct {
  CfStoreConn *conn; /* NULL: not connected, or its last call was UNAVAILABLE */
} StoreWorker;

static struct {
  gboolean open;
  CfStorageClass slots;
  CfStore *store;
  CfPermits *permits, *heavy_permits;
  CfLoads *loads;
  gint deadline_ms; /* atomic */
  gboolean has_object_put, has_watch, has_note_logins, is_watching;
  void (*closed) (CfAccountId account, gpointer user_data);
  gpointer closed_data;
  gint64 away_until; /* atomic; monotonic microseconds, 0: the store is there */
  gint is_asked;     /* atomic; somebody whose call failed finds out whether it is */
  guint64 n_calls;   /* atomic; the last part of a call's trace id */
} service;

static void
service_shut (void)
{
  service.slots.close (g_steal_pointer (&service.store));
  g_clear_pointer (&service.permits, cf_permits_free);
  g_clear_pointer (&service.heavy_permits, cf_permits_free);
  g_clear_pointer (&service.loads, cf_loads_free);
}

gboolean
cf_store_service_open (const CfStoreServiceConfig *config, GError **error)
{
  guint current, wanted;

  cf_storage_class_fill (&service.slots, config->storage_class);
  service.has_object_put = config->storage_class->object_put != NULL;
  service.has_watch = config->storage_class->watch != NULL;
  service.has_note_logins = config->storage_class->note_logins != NULL;
  if (!service.slots.open (config->flags, &service.store, error))
    return FALSE;
  if (!service.slots.schema_version (service.store, &current, &wanted, error)) {
    service_shut ();
    return FALSE;
  }
  if (current != wanted) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: the schema is at version %u, this server wants %u",
                 config->class_name, current, wanted);
    service_shut ();
    return FALSE;
  }

  guint most = MAX (config->workers, 2) - 1;
  guint permits = config->permits != 0 ? config->permits : MAX (config->workers * 3 / 4, 1);
  permits = MIN (permits, most);
  guint heavy = config->heavy_permits != 0 ? MIN (config->heavy_permits, permits) : MAX (permits / 2, 1);
  service.permits = cf_permits_new (permits, (permits + 1) / 2, config->wake, config->wake_data);
  service.heavy_permits = cf_permits_new (heavy, MAX (heavy / 2, 1), config->wake, config->wake_data);
  service.loads = cf_loads_new (config->wake, config->wake_data);
  cf_store_service_set_deadline (config->deadline_ms);
  service.away_until = 0;
  service.n_calls = 0;
  service.open = TRUE;
  return TRUE;
}

/* A CfWatchFunc. A tree that changed elsewhere has names that mean something else now; where anything may
 * have happened, even ids may. */
static void
service_changed_elsewhere (CfAccountId account, CfMailboxId mailbox, guint64 modseq, gpointer user_data)
{
  if (mailbox == CF_WATCH_CLOSED) {
    service.closed (account, service.closed_data);
    return;
  }
  if (mailbox == 0 && account == 0) {
    cf_names_forget_all ();
    cf_facts_cache_clear ();
  } else if (mailbox == 0) {
    cf_names_forget_account (account);
  }
  cf_mailbox_changed_elsewhere (account, mailbox, modseq);
  cf_hub_note_elsewhere (account, mailbox);
}

gboolean
cf_store_service_watch (void (*closed) (CfAccountId account, gpointer user_data), gpointer user_data,
                        GError **error)
{
  service.closed = closed;
  service.closed_data = user_data;
  service.is_watching
      = service.has_watch && service.slots.watch (service.store, service_changed_elsewhere, NULL, error);
  return service.is_watching || !service.has_watch;
}

void
cf_store_service_unwatch (void)
{
  if (service.is_watching)
    service.slots.unwatch (service.store);
  service.is_watching = FALSE;
}

void
cf_store_service_close (void)
{
  if (!service.open)
    return;
  service.open = FALSE;
  service_shut ();
}

gboolean
cf_store_service_is_open (void)
{
  return service.open;
}

gpointer
cf_store_worker_new (guint worker, gpointer user_data)
{
  return g_new0 (StoreWorker, 1);
}

void
cf_store_worker_free (guint worker, gpointer worker_data, gpointer user_data)
{
  StoreWorker *self = worker_data;

  if (self->conn != NULL)
    service.slots.disconnect (self->conn);
  g_free (self);
}

/* What a thread that is no worker keeps. */
static __thread StoreWorker *kept;

void
cf_store_keep_connection (void)
{
  kept = cf_store_worker_new (0, NULL);
}

void
cf_store_drop_connection (void)
{
  cf_store_worker_free (0, g_steal_pointer (&kept), NULL);
}

/* Who keeps a connection on the calling thread; NULL: nobody. */
static StoreWorker *
service_get_worker (void)
{
  return kept != NULL ? kept : cf_net_get_worker_data ();
}

CfPermits *
cf_store_service_get_permits (void)
{
  return service.permits;
}

CfPermits *
cf_store_service_get_heavy_permits (void)
{
  return service.heavy_permits;
}

CfLoads *
cf_store_service_get_loads (void)
{
  return service.loads;
}

gboolean
cf_store_has_object_put (void)
{
  return service.has_object_put;
}

gboolean
cf_store_has_note_logins (void)
{
  return service.has_note_logins;
}

guint64
cf_store_service_get_n_calls (void)
{
  return __atomic_load_n (&service.n_calls, __ATOMIC_RELAXED);
}

gboolean
cf_store_service_is_away (void)
{
  return __atomic_load_n (&service.away_until, __ATOMIC_ACQUIRE) != 0;
}

void
cf_store_service_set_deadline (guint ms)
{
  g_atomic_int_set (&service.deadline_ms, (gint) ms);
}

gint64
cf_store_service_get_deadline (guint64 octets)
{
  return g_get_monotonic_time () + g_atomic_int_get (&service.deadline_ms) * G_GINT64_CONSTANT (1000)
         + (gint64) (octets / (1024 * 1024)) * US_PER_MEGABYTE;
}

static void
service_set_away (void)
{
  gint64 was = __atomic_exchange_n (&service.away_until, g_get_monotonic_time () + PROBE_INTERVAL_US,
                                    __ATOMIC_ACQ_REL);

  if (was == 0)
    g_warning ("The store is away; commands that need it fail until it answers again");
}

void
cf_store_service_note_late (void)
{
  service_set_away ();
}

/* TRUE when the store counts as there, or this caller is the one to try it now. */
static gboolean
service_may_ask (gboolean *out_probe)
{
  gint64 until = __atomic_load_n (&service.away_until, __ATOMIC_ACQUIRE);
  gint64 now = g_get_monotonic_time ();

  *out_probe = until != 0;
  if (until == 0)
    return TRUE;
  return now >= until
         && __atomic_compare_exchange_n (&service.away_until, &until, now + PROBE_INTERVAL_US, FALSE,
                                         __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static gboolean
frame_connect (CfStoreFrame *frame, StoreWorker *worker, GError **error)
{
  if (worker != NULL && worker->conn == NULL && !service.slots.connect (service.store, &worker->conn, error))
    return FALSE;
  if (worker != NULL) {
    frame->conn = worker->conn;
    return TRUE;
  }
  return service.slots.connect (service.store, &frame->conn, error);
}

static gboolean
frame_begin (CfStoreFrame *frame, guint64 session, guint64 octets, gboolean maintenance, GError **error)
{
  guint64 number = __atomic_add_fetch (&service.n_calls, 1, __ATOMIC_RELAXED);
  gboolean probe;

  frame->slots = &service.slots;
  frame->conn = NULL;
  frame->maintenance = maintenance;
  frame->done = FALSE;
  if (cf_net_is_late ()) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The command was given up");
    return FALSE;
  }
  if (!service_may_ask (&probe)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The message store is not available now");
    return FALSE;
  }
  g_snprintf (frame->trace, sizeof frame->trace, "%" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT, session, number);
  frame->call = (CfCall){
    .struct_size = sizeof frame->call,
    .deadline = cf_store_service_get_deadline (octets),
    .session = session,
    .trace = frame->trace,
  };
  cf_net_block (frame->call.deadline);
  if (!frame_connect (frame, service_get_worker (), error))
    return cf_store_end (frame, FALSE, error);
  if (!probe)
    return TRUE;
  if (!service.slots.probe (frame->conn, &frame->call, error))
    return cf_store_end (frame, FALSE, error);
  if (__atomic_exchange_n (&service.away_until, 0, __ATOMIC_ACQ_REL) != 0)
    g_info ("The store is there again");
  return TRUE;
}

gboolean
cf_store_begin (CfStoreFrame *frame, guint64 session, guint64 octets, GError **error)
{
  return frame_begin (frame, session, octets, FALSE, error);
}

gboolean
cf_store_begin_maintenance (CfStoreFrame *frame, guint64 session, GError **error)
{
  if (!frame_begin (frame, session, 0, TRUE, error))
    return FALSE;
  frame->call.deadline = G_MAXINT64;
  return TRUE;
}

void
cf_store_go_on (CfStoreFrame *frame)
{
  if (frame->call.deadline == G_MAXINT64)
    return;
  frame->call.deadline = cf_store_service_get_deadline (0);
  cf_net_prolong (frame->call.deadline);
}

static void
frame_disconnect (CfStoreFrame *frame, StoreWorker *worker)
{
  if (frame->conn != NULL)
    service.slots.disconnect (g_steal_pointer (&frame->conn));
  if (worker != NULL)
    worker->conn = NULL;
}

/* A call has failed on its connection, which may be all that is lost. Whoever comes first finds out, in what
 * is left of the call's time; others are not to wait for it. FALSE: the store is away. */
static gboolean
service_is_there (CfStoreFrame *frame, StoreWorker *worker)
{
  g_autoptr (GError) error = NULL;
  gboolean is_there;

  if (frame->conn == NULL || cf_store_service_is_away () || g_get_monotonic_time () >= frame->call.deadline)
    return FALSE;
  frame_disconnect (frame, worker);
  if (!g_atomic_int_compare_and_exchange (&service.is_asked, FALSE, TRUE))
    return TRUE;
  is_there = frame_connect (frame, worker, &error) && service.slots.probe (frame->conn, &frame->call, &error);
  g_atomic_int_set (&service.is_asked, FALSE);
  if (!is_there || worker == NULL)
    frame_disconnect (frame, worker);
  return is_there;
}

gboolean
cf_store_end (CfStoreFrame *frame, gboolean ok, GError **error)
{
  StoreWorker *worker = service_get_worker ();
  gboolean lost = !ok
                  && (g_error_matches (*error, CF_ERROR, CF_ERROR_UNAVAILABLE)
                      || g_error_matches (*error, CF_ERROR, CF_ERROR_UNKNOWN));
  gboolean late;

  frame->done = ok;
  if (lost && (frame->maintenance || !service_is_there (frame, worker))) {
    frame_disconnect (frame, worker);
    if (!frame->maintenance)
      service_set_away ();
  } else if (worker == NULL) {
    frame_disconnect (frame, worker);
  }
  late = cf_net_unblock ();
  if (!ok || !late)
    return ok;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNKNOWN, "The store answered too late");
  return FALSE;
}
