/* core/cofferctl/maintenance.c - check, backup, restored and collect: the store's upkeep. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>
#include <sysexits.h>

#include "cofferctl/json.h"
#include "cofferctl/progress.h"

/* What a long request says while it goes on. */
typedef struct {
  CtlProgress progress;
  guint64 number;  /* of the line that gives the outcome; 0: there was none */
  gboolean octets; /* are what progress counts */
  GString *faults; /* as JSON; NULL: they are printed as they come */
} Report;

static guint64
parse_number (const char *text)
{
  return g_ascii_strtoull (text, NULL, 10);
}

static void
take_fault (Report *report, char *text)
{
  if (report->faults != NULL) {
    ctl_json_separate (report->faults);
    ctl_json_string (report->faults, text);
    return;
  }
  ctl_progress_clear (&report->progress);
  printf ("%s\n", g_strdelimit (text, "\r\n", ' '));
  fflush (stdout);
}

static void
take_line (char **words, gpointer user_data)
{
  Report *report = user_data;
  guint n = g_strv_length (words);

  if (n >= 3 && g_str_equal (words[0], "progress")) {
    if (report->octets)
      ctl_progress_set_octets (&report->progress, parse_number (words[1]), parse_number (words[2]));
    else
      ctl_progress_set (&report->progress, parse_number (words[1]), parse_number (words[2]));
  } else if (n >= 2 && g_str_equal (words[0], "finding")) {
    take_fault (report, words[1]);
  } else if (n >= 2) {
    report->number = parse_number (words[1]);
  }
}

static gboolean
request_report (CtlCall *call, const char *const *words, Report *report, GError **error)
{
  gboolean good;

  ctl_progress_start (&report->progress, 0);
  good = ctl_connection_request_each (call->connection, words, take_line, report, error);
  ctl_progress_clear (&report->progress);
  return good;
}

static gboolean
request (CtlCall *call, const char *const *words, guint64 *out_number, GError **error)
{
  Report report = { 0 };
  gboolean good = request_report (call, words, &report, error);

  *out_number = report.number;
  return good;
}

gboolean
ctl_check (CtlCall *call, GError **error)
{
  const char *account = call->options.account;
  const char *const words[] = { account != NULL ? "check-account" : "check", account, NULL };
  g_autoptr (GString) faults = g_string_new ("[");
  Report report = { .octets = TRUE, .faults = call->options.json ? faults : NULL };

  if (!request_report (call, words, &report, error))
    return FALSE;
  if (call->options.json)
    printf ("{\"faults\":%s],\"number\":%" G_GUINT64_FORMAT "}\n", faults->str, report.number);
  if (report.number == 0)
    return TRUE;
  call->code = EX_DATAERR;
  g_set_error (error, CF_ERROR, CF_ERROR_NO, "The store has faults: %" G_GUINT64_FORMAT, report.number);
  return FALSE;
}

gboolean
ctl_backup (CtlCall *call, GError **error)
{
  /* The server's working directory is another. */
  g_autofree char *path = g_canonicalize_filename (call->args[0], NULL);
  guint64 n;

  if (g_utf8_validate (path, -1, NULL))
    return request (call, (const char *const[]){ "backup", path, NULL }, &n, error);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "The path of the working directory is not UTF-8");
  return FALSE;
}

gboolean
ctl_restored (CtlCall *call, GError **error)
{
  guint64 n;

  if (!request (call, (const char *const[]){ "restored", NULL }, &n, error))
    return FALSE;
  printf ("Every mailbox has a new UIDVALIDITY; sessions told to end: %" G_GUINT64_FORMAT "\n", n);
  return TRUE;
}

gboolean
ctl_collect (CtlCall *call, GError **error)
{
  guint64 n;

  if (!request (call, (const char *const[]){ "collect", NULL }, &n, error))
    return FALSE;
  printf ("%" G_GUINT64_FORMAT " freed\n", n);
  return TRUE;
}
