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
  gboolean is_failing; /* said of the present failure */
  guint64 dropped;     /* of the counter, said */
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

/* Once for each time that something is wrong, and for its end. */
static void
audit_tell (const GError *error)
{
  CfLoginQueueCounters counters;

  cf_login_queue_get_counters (audit.queue, &counters);
  if (error != NULL && !audit.is_failing)
    g_warning ("Logins cannot be noted now: %s", error->message);
  if (counters.dropped != audit.dropped && error == NULL) {
    g_warning ("%" G_GUINT64_FORMAT " logins were not noted, the oldest of those that waited",
               counters.dropped - audit.dropped);
    audit.dropped = counters.dropped;
  } else if (error == NULL && audit.is_failing) {
    g_message ("Logins are noted again");
  }
  audit.is_failing = error != NULL;
}

/* Until there are none left, or one call fails. */
static void
audit_write (gint64 until)
{
  g_autoptr (GError) error = NULL;
  GPtrArray *records;

  while ((records = cf_login_queue_take (audit.queue, BATCH_MAX))->len > 0) {
    if (!audit_call (records, until, &error)) {
      cf_login_queue_give_back (audit.queue, records);
      audit_tell (error);
      return;
    }
    g_ptr_array_unref (records);
    audit_tell (NULL);
  }
  g_ptr_array_unref (records);
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
  audit.is_failing = FALSE;
  audit.dropped = 0;
  audit.queue = cf_login_queue_new (WAITING_MAX);
  audit.thread = g_thread_new ("login-audit", audit_run, NULL);
}

void
cf_login_audit_stop (void)
{
  CfLoginQueueCounters counters;

  if (audit.thread == NULL)
    return;
  cf_login_queue_close (audit.queue);
  g_thread_join (g_steal_pointer (&audit.thread));
  cf_login_queue_get_counters (audit.queue, &counters);
  if (counters.waiting > 0)
    g_warning ("%" G_GUINT64_FORMAT
               " logins were not noted: the server ends while the store cannot take them",
               counters.waiting);
  g_clear_pointer (&audit.queue, cf_login_queue_free);
}
