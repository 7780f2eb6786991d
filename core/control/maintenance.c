/* core/control/maintenance.c - check, backup, restored and collect: the store's upkeep on request
 * (control.h).
 *
 * Each runs as a job (job.h), with a connection to the store of its own, beside the sessions. What can be
 * stopped at any time without harm, a check, a backup, a collection between two steps, is stopped when nobody
 * waits for it any more; restored is carried through.
 */
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "control/private.h"
#include "mailbox/mailbox.h"
#include "mime/facts-cache.h"
#include "module/settings.h"
#include "store/names.h"
#include "store/upkeep.h"

/* A store that is broken throughout must not fill the memory with complaints. */
#define FINDINGS_MAX 10000

#define COLLECT_PAUSE_US (50 * 1000) /* in which others can write */
#define CHECK_NICE       10

static void
log_done (CfControlJob *job, const char *what)
{
  cf_log (G_LOG_LEVEL_MESSAGE, &(CfLogContext){ .session = cf_control_job_get_session (job) }, "%s", what);
}

static void
reply_number (CfControlJob *job, const char *name, guint64 value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  cf_control_job_reply (job, name, text, NULL);
}

/* ---- Check ---- */

typedef struct {
  CfControlJob *job;
  guint64 n;
} Findings;

static void
receive_finding (const char *text, gpointer user_data)
{
  Findings *findings = user_data;
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  findings->n++;
  if (findings->n <= FINDINGS_MAX)
    cf_control_job_reply (findings->job, "finding", valid, NULL);
}

static gboolean
check_progress (guint64 done, guint64 total, gpointer user_data)
{
  return cf_control_job_progress (done, total, ((Findings *) user_data)->job);
}

/* Whoever serves comes first, on the processor and, where the kernel's scheduler of the disk heeds it, there.
 * Of this thread alone; it is not undone, as the thread ends with the job. */
static void
step_back (void)
{
  (void) setpriority (PRIO_PROCESS, (id_t) gettid (), CHECK_NICE);
  (void) syscall (SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT);
}

/* @argument: an account's number; NULL: all. */
static gboolean
work_check (CfControlJob *job, const char *argument, GError **error)
{
  CfAccountId account = argument != NULL ? g_ascii_strtoull (argument, NULL, 10) : 0;
  g_autofree char *summary = NULL;
  Findings findings = { job, 0 };
  CfStoreFrame frame;
  gboolean ok;

  step_back ();
  if (!cf_store_begin_maintenance (&frame, cf_control_job_get_session (job), error))
    return FALSE;
  if (account != 0)
    ok = frame.slots->check_account (frame.conn, &frame.call, account, receive_finding, check_progress,
                                     &findings, error);
  else
    ok = frame.slots->check (frame.conn, &frame.call, receive_finding, check_progress, &findings, error);
  if (!cf_store_end (&frame, ok, error))
    return FALSE;
  reply_number (job, "findings", findings.n);
  summary = g_strdup_printf ("Store checked, %" G_GUINT64_FORMAT " findings", findings.n);
  log_done (job, summary);
  return TRUE;
}

/* ---- Backup ---- */

static gboolean
work_backup (CfControlJob *job, const char *path, GError **error)
{
  CfStoreFrame frame;

  if (!cf_store_begin_maintenance (&frame, cf_control_job_get_session (job), error))
    return FALSE;
  if (cf_store_end (&frame,
                    frame.slots->backup (frame.conn, &frame.call, path, cf_control_job_progress, job, error),
                    error)) {
    log_done (job, "Store backed up");
    return TRUE;
  }
  /* Who is asked may write where the server may not. */
  if (!g_error_matches (*error, CF_ERROR, CF_ERROR_NOT_SUPPORTED))
    g_prefix_error (error, "The server cannot write the backup: ");
  return FALSE;
}

/* ---- Restored ---- */

/* The store first: whoever logs in again at once is to find the new UIDVALIDITYs. */
static gboolean
work_restored (CfControlJob *job, const char *argument, GError **error)
{
  CfStoreFrame frame;

  cf_control_job_carry_through (job);
  if (!cf_store_begin_maintenance (&frame, cf_control_job_get_session (job), error))
    return FALSE;
  if (!cf_store_end (&frame, frame.slots->restored (frame.conn, &frame.call, error), error))
    return FALSE;
  cf_mailbox_set_all_gone ();
  cf_names_forget_all ();
  cf_facts_cache_clear ();
  reply_number (job, "sessions", cf_control_kick_all (cf_control_job_get_net (job)));
  log_done (job, "Store renewed after a restore: every mailbox has a new UIDVALIDITY");
  return TRUE;
}

/* ---- Collect ---- */

static gboolean
work_collect (CfControlJob *job, const char *argument, GError **error)
{
  gboolean more = TRUE;
  guint64 freed = 0;

  while (more && !cf_control_job_is_stopped (job)) {
    if (!cf_upkeep_collect (&freed, &more, error))
      return FALSE;
    if (more)
      g_usleep (COLLECT_PAUSE_US);
  }
  reply_number (job, "freed", freed);
  if (!more)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The collection was stopped");
  return FALSE;
}

/* ---- The requests ---- */

static gboolean
start (CfControl *control, CfControlWork work, const char *argument, GError **error)
{
  control->job = cf_control_job_start (control->conn, work, argument, error);
  return control->job != NULL;
}

/* Data lines: "finding" and a text, for each of the first 10,000; "findings" and how many there were.
 * Progress counts octets. */
gboolean
cf_control_check (CfControl *control, char **args, GError **error)
{
  return start (control, work_check, NULL, error);
}

/* NAME. Data lines as cf_control_check(). */
gboolean
cf_control_check_account (CfControl *control, char **args, GError **error)
{
  CfAccountId account = cf_control_find_account (control, args[0], error);
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, account);

  return account != 0 && start (control, work_check, number, error);
}

gboolean
cf_control_backup (CfControl *control, char **args, GError **error)
{
  const char *path = args[0];

  if (!g_path_is_absolute (path)) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "'%s' is not an absolute path", path);
    return FALSE;
  }
  /* The store refuses as well; this says so alike for all of them. */
  if (g_file_test (path, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK)) {
    g_set_error (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "%s is there already", path);
    return FALSE;
  }
  return start (control, work_backup, path, error);
}

/* The data line: "sessions" and how many have been told to end. */
gboolean
cf_control_restored (CfControl *control, char **args, GError **error)
{
  return start (control, work_restored, NULL, error);
}

/* The data line: "freed" and how many pieces of content were. */
gboolean
cf_control_collect (CfControl *control, char **args, GError **error)
{
  return start (control, work_collect, NULL, error);
}
