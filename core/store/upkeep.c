/* core/store/upkeep.c - the thread that frees what nothing refers to (upkeep.h).
 *
 * A thread of its own, as a call may block for long and no session waits for it. The store bounds the work of
 * one call; between calls this thread lets others in.
 */
#include "store/upkeep.h"

#include "module/settings.h"
#include "store/service.h"

#define PAUSE_US (50 * 1000)           /* between two calls that each had more to do */
#define LOOK_US  (10 * G_USEC_PER_SEC) /* how often a changed interval is noticed */

static struct {
  GThread *thread;
  GMutex lock;
  GCond cond;
  gboolean stop;
} upkeep;

/* Sleeps. TRUE: it is time to end. */
static gboolean
upkeep_wait (gint64 us)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&upkeep.lock);
  gint64 until = g_get_monotonic_time () + us;

  while (!upkeep.stop && g_cond_wait_until (&upkeep.cond, &upkeep.lock, until)) {
  }
  return upkeep.stop;
}

gboolean
cf_upkeep_collect (guint64 *freed, gboolean *out_more, GError **error)
{
  g_autoptr (GError) local = NULL;
  CfStoreFrame frame;
  guint64 n = 0;

  *out_more = FALSE;
  if (!cf_store_begin (&frame, 0, 0, error))
    return FALSE;
  if (!cf_store_end (&frame,
                     frame.slots->collect (frame.conn, &frame.call,
                                           (guint64) cf_settings_get ()->collect_grace, &n, out_more, &local),
                     &local)) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  *freed += n;
  return TRUE;
}

/* Until nothing is left to free, or it is time to end: TRUE. */
static gboolean
upkeep_collect_all (void)
{
  g_autoptr (GError) error = NULL;
  gboolean more = TRUE, end = FALSE;
  guint64 freed = 0;

  while (more && !end && cf_upkeep_collect (&freed, &more, &error))
    end = more && upkeep_wait (PAUSE_US);
  if (error != NULL)
    g_warning ("Unused content could not be freed: %s", error->message);
  if (freed > 0)
    g_info ("Freed %" G_GUINT64_FORMAT " pieces of unused content", freed);
  return end;
}

static gpointer
upkeep_run (gpointer data)
{
  gint64 last = g_get_monotonic_time ();

  while (!upkeep_wait (LOOK_US)) {
    gint64 interval = cf_settings_get ()->collect_interval;

    if (interval == 0 || g_get_monotonic_time () < last + interval * G_USEC_PER_SEC)
      continue;
    if (upkeep_collect_all ())
      return NULL;
    last = g_get_monotonic_time ();
  }
  return NULL;
}

void
cf_upkeep_start (void)
{
  upkeep.stop = FALSE;
  upkeep.thread = g_thread_new ("upkeep", upkeep_run, NULL);
}

void
cf_upkeep_stop (void)
{
  if (upkeep.thread == NULL)
    return;
  g_mutex_lock (&upkeep.lock);
  upkeep.stop = TRUE;
  g_cond_signal (&upkeep.cond);
  g_mutex_unlock (&upkeep.lock);
  g_thread_join (g_steal_pointer (&upkeep.thread));
}
