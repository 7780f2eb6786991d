/* core/cofferctl/maintenance.c - check, backup, restored and collect: the store's upkeep. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>

#include "cofferctl/progress.h"

/* What a long request says while it goes on. */
typedef struct {
  CtlProgress progress;
  guint64 number; /* of the line that gives the outcome; 0: there was none */
} Report;

static guint64
parse_number (const char *text)
{
  return g_ascii_strtoull (text, NULL, 10);
}

static void
take_line (char **words, gpointer user_data)
{
  Report *report = user_data;
  guint n = g_strv_length (words);

  if (n >= 3 && g_str_equal (words[0], "progress")) {
    ctl_progress_set (&report->progress, parse_number (words[1]), parse_number (words[2]));
  } else if (n >= 2 && g_str_equal (words[0], "finding")) {
    ctl_progress_clear (&report->progress);
    printf ("%s\n", g_strdelimit (words[1], "\r\n", ' '));
    fflush (stdout);
  } else if (n >= 2) {
    report->number = parse_number (words[1]);
  }
}

static gboolean
request (CtlCall *call, const char *const *words, guint64 *out_number, GError **error)
{
  Report report = { 0 };
  gboolean good;

  ctl_progress_start (&report.progress, 0);
  good = ctl_connection_request_each (call->connection, words, take_line, &report, error);
  ctl_progress_clear (&report.progress);
  *out_number = report.number;
  return good;
}

gboolean
ctl_check (CtlCall *call, GError **error)
{
  guint64 n;

  if (!request (call, (const char *const[]){ "check", NULL }, &n, error))
    return FALSE;
  if (n == 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_NO, "The store has faults: %" G_GUINT64_FORMAT, n);
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
