/* core/control/job.c - long work of the control protocol (job.h).
 *
 * The thread and the connection share a text, the lines to be sent, and the latest progress, under one short
 * lock. Of progress only the latest is kept, and it is sent when the client has taken what went before: a
 * client that does not read costs nothing. Each of the two has a reference; the thread is never joined.
 */
#include "control/job.h"

#include "control/control.h"
#include "control/wire.h"

#define PROGRESS_US (G_USEC_PER_SEC / 5)

struct _CfControlJob {
  gatomicrefcount ref_count;
  CfNet *net;
  CfConnRef ref;
  guint64 session;
  CfControlWork work;
  char *argument;
  gint stop;        /* atomic */
  gboolean carried; /* the work's own: it does not stop */
  gint64 reported;  /* the work's own: when it last told of its progress; monotonic microseconds */

  GMutex lock; /* of all below */
  GString *lines;
  gboolean has_progress, ended;
  guint64 done, total;
  GError *error;
};

/* Jobs whose thread runs. */
static struct {
  GMutex lock;
  GCond changed;
  guint n, carried;
} running;

static void
job_unref (CfControlJob *job)
{
  if (!g_atomic_ref_count_dec (&job->ref_count))
    return;
  g_clear_error (&job->error);
  g_string_free (job->lines, TRUE);
  g_mutex_clear (&job->lock);
  g_free (job->argument);
  g_free (job);
}

static void
running_add (gint n, gint carried)
{
  g_mutex_lock (&running.lock);
  running.n += (guint) n;
  running.carried += (guint) carried;
  g_cond_broadcast (&running.changed);
  g_mutex_unlock (&running.lock);
}

void
cf_control_jobs_wait (void)
{
  g_mutex_lock (&running.lock);
  while (running.n > 0)
    g_cond_wait (&running.changed, &running.lock);
  g_mutex_unlock (&running.lock);
}

void
cf_control_jobs_wait_stopped (void)
{
  g_mutex_lock (&running.lock);
  while (running.n > running.carried)
    g_cond_wait (&running.changed, &running.lock);
  g_mutex_unlock (&running.lock);
}

static void
job_wake (CfControlJob *job)
{
  cf_net_wake (job->net, job->ref, CF_WAKE_COMPLETION);
}

static gpointer
job_run (gpointer data)
{
  CfControlJob *job = data;
  g_autoptr (GError) error = NULL;
  gboolean carried;

  if (!job->work (job, job->argument, &error) && error == NULL)
    g_set_error_literal (&error, CF_ERROR, CF_ERROR_SERVERBUG, "The work failed without saying why");
  g_mutex_lock (&job->lock);
  job->error = g_steal_pointer (&error);
  job->ended = TRUE;
  g_mutex_unlock (&job->lock);
  job_wake (job);
  carried = job->carried;
  job_unref (job);
  running_add (-1, carried ? -1 : 0);
  return NULL;
}

/* ---- For the connection's owner ---- */

CfControlJob *
cf_control_job_start (CfConn *conn, CfControlWork work, const char *argument, GError **error)
{
  CfControlJob *job = g_new0 (CfControlJob, 1);
  g_autoptr (GError) cause = NULL;
  GThread *thread;

  g_atomic_ref_count_init (&job->ref_count);
  job->net = cf_conn_get_net (conn);
  job->ref = cf_conn_get_ref (conn);
  job->session = cf_conn_get_id (conn);
  job->work = work;
  job->argument = g_strdup (argument);
  job->lines = g_string_new (NULL);
  g_mutex_init (&job->lock);
  g_atomic_ref_count_inc (&job->ref_count);
  running_add (1, 0);
  thread = g_thread_try_new ("control", job_run, job, &cause);
  if (thread != NULL) {
    g_thread_unref (thread);
    return job;
  }
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot make a thread: %s", cause->message);
  running_add (-1, 0);
  job_unref (job);
  job_unref (job);
  return NULL;
}

/* With the lock held. */
static void
job_write_progress (CfControlJob *job, CfConn *conn)
{
  if (job->has_progress && cf_conn_get_output_length (conn) == 0)
    cf_conn_printf (conn, "* progress %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", job->done, job->total);
  job->has_progress = FALSE;
}

gboolean
cf_control_job_take (CfControlJob *job, CfConn *conn, GError **out_error)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&job->lock);

  job_write_progress (job, conn);
  cf_conn_write (conn, job->lines->str, job->lines->len);
  g_string_truncate (job->lines, 0);
  if (job->ended)
    *out_error = g_steal_pointer (&job->error);
  return job->ended;
}

void
cf_control_job_stop (CfControlJob *job)
{
  g_atomic_int_set (&job->stop, TRUE);
}

void
cf_control_job_leave (CfControlJob *job)
{
  if (job == NULL)
    return;
  cf_control_job_stop (job);
  job_unref (job);
}

/* ---- For the work ---- */

CfNet *
cf_control_job_get_net (CfControlJob *job)
{
  return job->net;
}

guint64
cf_control_job_get_session (CfControlJob *job)
{
  return job->session;
}

gboolean
cf_control_job_is_stopped (CfControlJob *job)
{
  return g_atomic_int_get (&job->stop);
}

void
cf_control_job_carry_through (CfControlJob *job)
{
  job->carried = TRUE;
  running_add (0, 1);
}

void
cf_control_job_reply (CfControlJob *job, ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, job);
  line = cf_control_format_data (args);
  va_end (args);
  g_mutex_lock (&job->lock);
  g_string_append (job->lines, line);
  g_mutex_unlock (&job->lock);
  job_wake (job);
}

gboolean
cf_control_job_progress (guint64 done, guint64 total, gpointer user_data)
{
  CfControlJob *job = user_data;
  gint64 now = g_get_monotonic_time ();

  if (now >= job->reported + PROGRESS_US) {
    job->reported = now;
    g_mutex_lock (&job->lock);
    job->has_progress = TRUE;
    job->done = done;
    job->total = total;
    g_mutex_unlock (&job->lock);
    job_wake (job);
  }
  return !cf_control_job_is_stopped (job);
}
