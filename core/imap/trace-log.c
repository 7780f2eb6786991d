/* core/imap/trace-log.c - one session's trace, in its file (trace.h).
 *
 *   2026-03-01T12:00:00.123456Z C a1 LOGIN <12 octets>
 *   2026-03-01T12:00:00.125871Z S a1 OK [CAPABILITY IMAP4rev1 ...] Logged in
 *
 * C is what the client sent, S what it is sent, # a remark. Lines gather in memory until the session's turn
 * ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "imap/redact.h"
#include "imap/trace-private.h"
#include "module/settings.h"

#define PENDING_MAX (64 * 1024)

struct _CfTraceLog {
  CfTrace *trace;
  int fd;
  guint64 octets;   /* in the file */
  gboolean is_over; /* the file is full, or cannot be written: nothing more is */
  GString *pending; /* lines */
  CfRedactCommand command;
  CfRedactOutput *output;
};

/* ---- Lines ------------------------------------------------------------------------------------------- */

/* Begins a line from (or to) @who. */
static void
log_begin (CfTraceLog *log, char who)
{
  gint64 now = g_get_real_time ();
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (now / G_USEC_PER_SEC);
  g_autofree char *text = g_date_time_format (date, "%Y-%m-%dT%H:%M:%S");

  g_string_append_printf (log->pending, "%s.%06uZ %c ", text, (guint) (now % G_USEC_PER_SEC), who);
}

static void
log_end (CfTraceLog *log)
{
  g_string_append_c (log->pending, '\n');
  if (log->pending->len >= PENDING_MAX)
    cf_trace_log_flush (log);
}

static void log_remark (CfTraceLog *log, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
log_remark (CfTraceLog *log, const char *format, ...)
{
  va_list args;

  log_begin (log, '#');
  va_start (args, format);
  g_string_append_vprintf (log->pending, format, args);
  va_end (args);
  log_end (log);
}

static void
receive_output (const GString *line, gpointer user_data)
{
  CfTraceLog *log = user_data;

  log_begin (log, 'S');
  g_string_append_len (log->pending, line->str, (gssize) line->len);
  log_end (log);
}

/* ---- The file ---------------------------------------------------------------------------------------- */

/* "ann%40example.org-17-20260301T120000.trace": nothing in it but letters, digits and "%-._". */
static char *
dup_file_name (const CfTrace *trace, guint64 number)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format (now, "%Y%m%dT%H%M%S");
  g_autofree char *who = g_uri_escape_string (trace->target, NULL, FALSE);

  /* A name has up to 255 octets. */
  who[MIN (strlen (who), 180)] = '\0';
  if (*who == '.')
    *who = '_';
  return g_strdup_printf ("%s-%" G_GUINT64_FORMAT "-%s.trace", who, number, time);
}

/* A file that is there already. In a directory where others may write it can be another's, or a FIFO, which
 * would hold the worker. -1 with errno. */
static int
open_own_file (int dir_fd, const char *name)
{
  int fd = openat (dir_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_APPEND | O_NONBLOCK);
  struct stat info;

  if (fd < 0 || (fstat (fd, &info) == 0 && S_ISREG (info.st_mode) && info.st_uid == geteuid ()))
    return fd;
  close (fd);
  errno = EEXIST;
  return -1;
}

/* -1: it cannot be made, and that is in the log. */
static int
open_file (CfTrace *trace, guint64 number)
{
  g_autofree char *name = dup_file_name (trace, number);
  g_autofree char *reason = NULL;
  int fd
      = openat (trace->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_APPEND, 0600);

  /* Switched off and on again within a second. */
  if (fd < 0 && errno == EEXIST)
    fd = open_own_file (trace->dir_fd, name);
  if (fd >= 0)
    return fd;
  reason = g_strdup_printf ("cannot make %s: %s", name, g_strerror (errno));
  cf_trace_give_up (trace, reason);
  return -1;
}

CfTraceLog *
cf_trace_log_open (guint64 number, const char *peer, const char *address, const char *user)
{
  CfTrace *trace = cf_trace_lookup (address, user);
  CfTraceLog *log;
  int fd;

  if (trace == NULL)
    return NULL;
  fd = open_file (trace, number);
  if (fd < 0) {
    g_atomic_int_add (&trace->sessions, -1);
    cf_trace_unref (trace);
    return NULL;
  }
  g_atomic_int_inc (&trace->files);
  log = g_new0 (CfTraceLog, 1);
  log->trace = trace;
  log->fd = fd;
  log->pending = g_string_new (NULL);
  log->output = cf_redact_output_new (receive_output, log);
  log_remark (log, "The trace of session %" G_GUINT64_FORMAT " begins: %s, %s", number, peer,
              user != NULL ? user : "not logged in");
  return log;
}

gboolean
cf_trace_log_is_wanted (const CfTraceLog *log)
{
  return !g_atomic_int_get (&log->trace->ended);
}

static gboolean
write_all (int fd, const char *text, gsize length)
{
  while (length > 0) {
    gssize n = write (fd, text, length);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    text += n;
    length -= (gsize) n;
  }
  return TRUE;
}

/* Nothing more is written, whatever is added. */
static void
log_finish (CfTraceLog *log, const char *remark)
{
  g_string_truncate (log->pending, 0);
  log->is_over = TRUE;
  if (remark != NULL)
    (void) !write (log->fd, remark, strlen (remark));
}

void
cf_trace_log_flush (CfTraceLog *log)
{
  const CfSettings *settings = cf_settings_get ();
  gsize length = log->pending->len;
  guint64 total;

  if (length == 0)
    return;
  if (log->is_over) {
    g_string_truncate (log->pending, 0);
    return;
  }
  if (log->octets + length > (guint64) settings->trace_file_max) {
    log_finish (log, "# trace_file_max is reached\n");
    return;
  }
  total = __atomic_add_fetch (&log->trace->octets, length, __ATOMIC_RELAXED);
  if (total > (guint64) settings->trace_total_max) {
    log_finish (log, "# trace_total_max is reached\n");
    cf_trace_give_up (log->trace, "it has trace_total_max octets");
    return;
  }
  log->octets += length;
  if (!write_all (log->fd, log->pending->str, length)) {
    g_autofree char *reason = g_strdup_printf ("its file cannot be written: %s", g_strerror (errno));

    log_finish (log, NULL);
    cf_trace_give_up (log->trace, reason);
    return;
  }
  g_string_truncate (log->pending, 0);
}

void
cf_trace_log_close (CfTraceLog *log, const char *reason)
{
  if (log == NULL)
    return;
  log_remark (log, "The trace ends: %s", reason);
  cf_trace_log_flush (log);
  close (log->fd);
  g_atomic_int_add (&log->trace->sessions, -1);
  cf_trace_unref (log->trace);
  cf_redact_output_free (log->output);
  g_string_free (log->pending, TRUE);
  g_free (log);
}

/* ---- What was read, and what is sent ------------------------------------------------------------------- */

void
cf_trace_log_command (CfTraceLog *log, const char *name, gboolean secret, const char *tag, const char *line,
                      gsize length)
{
  gboolean shown;

  log_begin (log, 'C');
  shown = cf_redact_command_begin (&log->command, log->pending, name, secret, line, length);
  cf_redact_output_set_tag (log->output, shown ? tag : NULL);
  log_end (log);
}

void
cf_trace_log_line (CfTraceLog *log, const char *line, gsize length)
{
  log_begin (log, 'C');
  cf_redact_command_line (&log->command, log->pending, line, length);
  log_end (log);
}

void
cf_trace_log_literal (CfTraceLog *log, guint64 length)
{
  log_begin (log, 'C');
  cf_redact_command_literal (&log->command, log->pending, length);
  log_end (log);
}

void
cf_trace_log_continuation (CfTraceLog *log, const char *line, gsize length)
{
  log_begin (log, 'C');
  cf_redact_continuation (log->pending, line, length);
  log_end (log);
}

/* Of what it throws away the reader knows little. */
void
cf_trace_log_refused (CfTraceLog *log)
{
  log_begin (log, 'C');
  g_string_append (log->pending, "<a line that was refused>");
  log_end (log);
}

void
cf_trace_log_set_tag (CfTraceLog *log, const char *tag)
{
  cf_redact_output_set_tag (log->output, tag);
}

void
cf_trace_log_output (CfTraceLog *log, const guint8 *data, gsize length)
{
  cf_redact_output_feed (log->output, data, length);
}
