/* core/imap/trace.c - which traces run (trace.h).
 *
 * A table under one lock; sessions come to it only when the serial has changed since they last looked. One
 * timer of the main context, while any trace runs, ends those whose time is over.
 */
#include "imap/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/ip.h"
#include "imap/trace-private.h"
#include "module/settings.h"

#define SESSIONS_MAX 256 /* of one trace at a time; each holds a descriptor */

static struct {
  GMutex lock;
  GPtrArray *traces; /* CfTrace */
  CfTraceChangedFunc changed;
  gpointer changed_data;
  guint timer;
} table;

static gint serial;

/* ---- A trace ----------------------------------------------------------------------------------------- */

void
cf_trace_unref (CfTrace *trace)
{
  if (!g_atomic_ref_count_dec (&trace->refs))
    return;
  close (trace->dir_fd);
  g_free (trace->target);
  g_free (trace);
}

static CfTrace *
trace_new (CfTraceKind kind, const char *target, GError **error)
{
  const char *directory = cf_settings_get ()->trace_dir;
  CfTrace *trace;
  int fd;

  if (directory == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT,
                         "[server] trace_dir is not set: there is no directory for traces");
    return NULL;
  }
  fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || faccessat (fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The server cannot write in %s: %s", directory,
                 g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  trace = g_new0 (CfTrace, 1);
  g_atomic_ref_count_init (&trace->refs);
  trace->kind = kind;
  trace->target = g_strdup (target);
  trace->dir_fd = fd;
  return trace;
}

/* ---- The table; with its lock held -------------------------------------------------------------------- */

static gint
table_find (CfTraceKind kind, const char *target)
{
  for (guint i = 0; i < table.traces->len; i++) {
    const CfTrace *trace = g_ptr_array_index (table.traces, i);

    if (trace->kind == kind && strcmp (trace->target, target) == 0)
      return (gint) i;
  }
  return -1;
}

/* Takes it out; the caller's reference. */
static CfTrace *
table_end (guint i)
{
  CfTrace *trace = g_ptr_array_steal_index (table.traces, i);

  g_atomic_int_set (&trace->ended, TRUE);
  g_atomic_int_inc (&serial);
  return trace;
}

/* ---- Ends --------------------------------------------------------------------------------------------- */

/* Without the lock, as sessions come here when they are woken. */
static void
tell_and_unref (CfTrace *trace)
{
  table.changed (trace->kind, trace->target, table.changed_data);
  cf_trace_unref (trace);
}

static gboolean
expire (gpointer data)
{
  g_autoptr (GPtrArray) ended = g_ptr_array_new ();
  gint64 now = g_get_real_time ();
  gboolean more;

  g_mutex_lock (&table.lock);
  for (guint i = table.traces->len; i-- > 0;)
    if (((CfTrace *) g_ptr_array_index (table.traces, i))->until <= now)
      g_ptr_array_add (ended, table_end (i));
  more = table.traces->len > 0;
  if (!more)
    table.timer = 0;
  g_mutex_unlock (&table.lock);
  for (guint i = 0; i < ended->len; i++) {
    CfTrace *trace = g_ptr_array_index (ended, i);

    g_message ("The time of the trace of %s is over", trace->target);
    tell_and_unref (trace);
  }
  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void
cf_trace_give_up (CfTrace *trace, const char *reason)
{
  CfTrace *ended = NULL;
  gint i;

  g_mutex_lock (&table.lock);
  i = table_find (trace->kind, trace->target);
  if (i >= 0 && g_ptr_array_index (table.traces, i) == trace)
    ended = table_end ((guint) i);
  g_mutex_unlock (&table.lock);
  if (ended == NULL)
    return; /* it has ended already */
  g_warning ("The trace of %s ends: %s", trace->target, reason);
  tell_and_unref (ended);
}

/* ---- The interface ------------------------------------------------------------------------------------ */

void
cf_trace_init (CfTraceChangedFunc changed, gpointer user_data)
{
  table.traces = g_ptr_array_new ();
  table.changed = changed;
  table.changed_data = user_data;
}

void
cf_trace_shutdown (void)
{
  if (table.traces == NULL)
    return;
  if (table.timer != 0)
    g_source_remove (table.timer);
  table.timer = 0;
  while (table.traces->len > 0)
    cf_trace_unref (table_end (table.traces->len - 1));
  g_clear_pointer (&table.traces, g_ptr_array_unref);
}

/* On the main thread, whose context the timer is of; so it is added once however many traces begin at once.
 */
static gboolean
start_timer (gpointer data)
{
  g_mutex_lock (&table.lock);
  if (table.timer == 0 && table.traces != NULL && table.traces->len > 0)
    table.timer = g_timeout_add_seconds (1, expire, NULL);
  g_mutex_unlock (&table.lock);
  return G_SOURCE_REMOVE;
}

gboolean
cf_trace_start (CfTraceKind kind, const char *target, guint seconds, GError **error)
{
  CfTrace *trace = trace_new (kind, target, error);
  gint running;

  if (trace == NULL)
    return FALSE;
  trace->until = g_get_real_time () + seconds * G_USEC_PER_SEC;
  g_mutex_lock (&table.lock);
  running = table_find (kind, target);
  if (running >= 0) {
    ((CfTrace *) g_ptr_array_index (table.traces, running))->until = trace->until;
  } else {
    g_ptr_array_add (table.traces, trace);
    g_atomic_int_inc (&serial);
  }
  g_mutex_unlock (&table.lock);
  if (running >= 0) {
    cf_trace_unref (trace);
    return TRUE;
  }
  g_idle_add (start_timer, NULL);
  table.changed (kind, target, table.changed_data);
  return TRUE;
}

gboolean
cf_trace_stop (CfTraceKind kind, const char *target, GError **error)
{
  CfTrace *ended = NULL;
  gint i;

  g_mutex_lock (&table.lock);
  i = table_find (kind, target);
  if (i >= 0)
    ended = table_end ((guint) i);
  g_mutex_unlock (&table.lock);
  if (ended == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no trace of '%s'", target);
    return FALSE;
  }
  tell_and_unref (ended);
  return TRUE;
}

void
cf_trace_foreach (void (*func) (const CfTraceInfo *info, gpointer user_data), gpointer user_data)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&table.lock);

  for (guint i = 0; i < table.traces->len; i++) {
    CfTrace *trace = g_ptr_array_index (table.traces, i);
    CfTraceInfo info = { .kind = trace->kind,
                         .target = trace->target,
                         .until = trace->until,
                         .sessions = (guint) g_atomic_int_get (&trace->sessions),
                         .files = (guint) g_atomic_int_get (&trace->files),
                         .octets = __atomic_load_n (&trace->octets, __ATOMIC_RELAXED) };

    func (&info, user_data);
  }
}

guint
cf_trace_get_serial (void)
{
  return (guint) g_atomic_int_get (&serial);
}

/* A connection's address as traces know it: without a zone. */
static char *
dup_target (const char *address)
{
  CfIp ip;

  return cf_ip_parse (address, &ip) ? cf_ip_to_string (&ip) : g_strdup (address);
}

CfTrace *
cf_trace_lookup (const char *address, const char *user)
{
  g_autofree char *target = dup_target (address);
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&table.lock);
  gint i = -1;
  CfTrace *trace;

  if (user != NULL)
    i = table_find (CF_TRACE_ACCOUNT, user);
  if (i < 0)
    i = table_find (CF_TRACE_ADDRESS, target);
  if (i < 0)
    return NULL;
  trace = g_ptr_array_index (table.traces, i);
  if (g_atomic_int_get (&trace->sessions) >= SESSIONS_MAX)
    return NULL;
  g_atomic_int_inc (&trace->sessions);
  g_atomic_ref_count_inc (&trace->refs);
  return trace;
}
