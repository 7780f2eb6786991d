/* core/store/login-audit.c - the thread that tells the store of logins (login-audit.h).
 *
 * A thread of its own, as upkeep's may be in a collection for long when somebody logs in. It has a connection
 * of its own while it lives: a busy server would make one every second. How its calls end says nothing of
 * whether the store is there for others.
 */
#include "store/login-audit.h"

#include "store/service.h"

#define WAITING_MAX 20000
#define BATCH_MAX   1000             /* records in one call */
#define GATHER_US   (G_USEC_PER_SEC) /* from a record to the call; and between two tries */
#define END_US      (2 * G_USEC_PER_SEC)

static struct {
  CfLoginQueue *queue; /* NULL: nobody wants to know */
  GThread *thread;
  /* The thread's own. */
  gboolean is_failing, is_dropping; /* now, and the log says so */
  guint64 dropped;                  /* of the queue's counter, what the log knows of */
} audit;

void
cf_login_audit_note (CfLoginRecord *record)
{
  if (audit.queue == NULL)
    return;
  record->at = g_get_real_time () / G_USEC_PER_SEC;
  cf_login_queue_push (audit.queue, record);
}

void
cf_login_audit_get_counters (CfLoginQueueCounters *out)
{
  *out = (CfLoginQueueCounters){ 0 };
  if (audit.queue != NULL)
    cf_login_queue_get_counters (audit.queue, out);
}

/* One call. @until: monotonic microseconds. */
static gboolean
audit_call (GPtrArray *records, gint64 until, GError **error)
{
  CfStoreFrame frame;

  if (!cf_store_begin_maintenance (&frame, 0, error))
    return FALSE;
  frame.call.deadline = MIN (cf_store_service_get_deadline (0), until);
  return cf_store_end (&frame,
                       frame.slots->note_logins (frame.conn, &frame.call, records->len,
                                                 (const CfLoginRecord *const *) records->pdata, error),
                       error);
}

/* How many were dropped that the log does not know of yet. */
static guint64
audit_count_dropped (void)
{
  CfLoginQueueCounters counters;

  cf_login_queue_get_counters (audit.queue, &counters);
  return counters.dropped - audit.dropped;
}

/* A call has failed. Said once of each time that they do. */
static void
audit_fail (const GError *error)
{
  if (!audit.is_failing)
    g_warning ("Logins cannot be noted now: %s", error->message);
  if (!audit.is_dropping && audit_count_dropped () > 0)
    g_warning ("More logins wait to be noted than there is room for: the oldest are dropped");
  audit.is_failing = TRUE;
  audit.is_dropping = audit_count_dropped () > 0;
}

/* A call has succeeded. */
static void
audit_succeed (void)
{
  guint64 dropped = audit_count_dropped ();

  if (dropped > 0)
    g_warning ("%" G_GUINT64_FORMAT " logins were not noted", dropped);
  if (audit.is_failing)
    g_message ("Logins are noted again");
  audit.dropped += dropped;
  audit.is_failing = audit.is_dropping = FALSE;
}

/* FALSE: it failed, or what there is still has come meanwhile: others will join it. */
static gboolean
audit_write_batch (gint64 until)
{
  GPtrArray *records = cf_login_queue_take (audit.queue, BATCH_MAX);
  gboolean is_full = records->len == BATCH_MAX;
  g_autoptr (GError) error = NULL;

  if (records->len > 0 && !audit_call (records, until, &error)) {
    cf_login_queue_give_back (audit.queue, records);
    audit_fail (error);
    return FALSE;
  }
  if (records->len > 0)
    audit_succeed ();
  g_ptr_array_unref (records);
  return is_full;
}

static void
audit_write (gint64 until)
{
  while (audit_write_batch (until)) {
  }
}

static gpointer
audit_run (gpointer data)
{
  cf_store_keep_connection ();
  while (cf_login_queue_wait (audit.queue, GATHER_US))
    audit_write (G_MAXINT64);
  audit_write (g_get_monotonic_time () + END_US);
  cf_store_drop_connection ();
  return NULL;
}

void
cf_login_audit_start (void)
{
  if (!cf_store_has_note_logins ())
    return;
  audit.is_failing = audit.is_dropping = FALSE;
  audit.dropped = 0;
  audit.queue = cf_login_queue_new (WAITING_MAX);
  audit.thread = g_thread_new ("login-audit", audit_run, NULL);
}

void
cf_login_audit_stop (void)
{
  CfLoginQueueCounters counters;
  guint64 lost;

  if (audit.thread == NULL)
    return;
  cf_login_queue_close (audit.queue);
  g_thread_join (g_steal_pointer (&audit.thread));
  cf_login_queue_get_counters (audit.queue, &counters);
  lost = counters.waiting + audit_count_dropped ();
  if (lost > 0)
    g_warning ("%" G_GUINT64_FORMAT
               " logins were not noted: the server ends while the store cannot take them",
               lost);
  g_clear_pointer (&audit.queue, cf_login_queue_free);
}
