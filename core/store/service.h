/* core/store/service.h - the one store of this process: its class with the gaps filled, its connections, its
 * permits, and whether it can be asked at the moment.
 *
 * A call to the store is framed: cf_store_begin() gives the worker's connection and the CfCall with its
 * deadline, or says at once that the store is away; cf_store_end() looks at how the call ended. After a call
 * that ended UNAVAILABLE every other fails at once, until a probe, tried at most once a second by whoever
 * asks next, succeeds.
 */
#ifndef CF_STORE_SERVICE_H
#define CF_STORE_SERVICE_H

#include <coffer/module.h>

#include "net/net.h"
#include "store/loads.h"
#include "store/permits.h"

G_BEGIN_DECLS

typedef struct {
  const CfStorageClass *storage_class; /* as registered: a slot the plugin does not know is NULL */
  const char *class_name;
  CfStoreOpenFlags flags;
  guint workers;
  guint permits;       /* 0: three quarters of the workers; always fewer than workers, at least 1 */
  guint heavy_permits; /* 0: half of permits */
  guint deadline_ms;   /* of an ordinary call; cf_store_service_set_deadline() */
  CfPermitsWake wake;
  gpointer wake_data;
} CfStoreServiceConfig;

/* Opens the store. Main thread, once, before sessions exist. CF_ERROR_CANNOT: the
 * schema needs an upgrade; else the plugin's own error. */
gboolean cf_store_service_open (const CfStoreServiceConfig *config, GError **error);
/* From here on until unwatch, what other processes change reaches the mailboxes and the remembered names,
 * which exist; and @closed, on any thread, hears of accounts in which no session is to go on. Main thread. */
gboolean cf_store_service_watch (void (*closed) (CfAccountId account, gpointer user_data), gpointer user_data,
                                 GError **error);
void cf_store_service_unwatch (void);
/* Every worker has stopped. Main thread. */
void cf_store_service_close (void);
gboolean cf_store_service_is_open (void);

/* The per-worker part, made and ended by the worker's thread (CfNetConfig.worker_start, worker_stop). */
gpointer cf_store_worker_new (guint worker, gpointer user_data);
void cf_store_worker_free (guint worker, gpointer worker_data, gpointer user_data);

CfPermits *cf_store_service_get_permits (void);
CfPermits *cf_store_service_get_heavy_permits (void);
CfLoads *cf_store_service_get_loads (void);
/* Calls begun since the store was opened. Any thread. */
guint64 cf_store_service_get_n_calls (void);
/* The last call ended UNAVAILABLE, and none has succeeded since. Any thread. */
gboolean cf_store_service_is_away (void);
/* From the next call on. Main thread. */
void cf_store_service_set_deadline (guint ms);
/* Until when a call that begins now and moves @octets is to have ended; monotonic microseconds. Any thread.
 */
gint64 cf_store_service_get_deadline (guint64 octets);
/* A call has not come back by its deadline. Any thread. */
void cf_store_service_note_late (void);
/* Does the plugin itself store parts apart? (Calls never need to ask.) */
gboolean cf_store_has_object_put (void);
/* Does it want to know of logins? */
gboolean cf_store_has_note_logins (void);

/* The calling thread, no worker, asks often: it keeps its connection between calls, until it drops it. */
void cf_store_keep_connection (void);
void cf_store_drop_connection (void);

/* One framed call. */
typedef struct {
  const CfStorageClass *slots; /* every slot is set */
  CfStoreConn *conn;
  CfCall call;
  gboolean maintenance;
  gboolean done; /* by cf_store_end(): what the slot itself returned */
  char trace[32];
} CfStoreFrame;

/* The calling worker's turn at the store. @octets: how much it will move, which lengthens the deadline. On
 * other threads than workers: a connection of the frame's own, closed by cf_store_end(), unless the thread
 * keeps one.
 * CF_ERROR_UNAVAILABLE: the store is away. */
gboolean cf_store_begin (CfStoreFrame *frame, guint64 session, guint64 octets, GError **error);
/* The same for upkeep that takes as long as it takes: without a deadline, and however it ends, it says
 * nothing of whether the store is there (a backup fails when its destination is full). Not on a worker. */
gboolean cf_store_begin_maintenance (CfStoreFrame *frame, guint64 session, GError **error);
/* The slot has given a part of what it was asked for: its time begins anew (coffer/storage.h, CfCall). */
void cf_store_go_on (CfStoreFrame *frame);
/* @ok is what the slot returned, @error where it wrote, not NULL: its code says whether the store is away.
 * Returns @ok; but FALSE with CF_ERROR_UNKNOWN when the slot has succeeded after the client was told that the
 * store does not answer (net.h): the command is to end as after any failure. frame->done has the truth, for
 * what core remembers of the store. */
gboolean cf_store_end (CfStoreFrame *frame, gboolean ok, GError **error);

/* The plugin's class made whole: copies the known part of @source into @target and puts core's answer in
 * every optional slot it lacks. */
void cf_storage_class_fill (CfStorageClass *target, const CfStorageClass *source);

G_END_DECLS

#endif
