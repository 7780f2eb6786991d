/* core/cofferctl/schema.c - upgrading the store's schema. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>

#include "cofferctl/progress.h"
#include "server.h"

static void
print_text (const char *text, gpointer user_data)
{
  fputs (text, stdout);
}

static gboolean
show_progress (guint64 done, guint64 total, gpointer user_data)
{
  ctl_progress_set (user_data, done, total);
  return TRUE;
}

gboolean
ctl_schema_upgrade (CtlCall *call, GError **error)
{
  CtlProgress progress;
  const CfSchemaReport report = { print_text, show_progress, &progress };
  guint from, to;
  gboolean good;

  ctl_progress_start (&progress, 0);
  good = cf_server_upgrade_schema (call->config, call->options.dry_run, &report, &from, &to, error);
  ctl_progress_clear (&progress);
  if (!good)
    return FALSE;
  if (from == to)
    printf ("The schema is at version %u already\n", to);
  else if (!call->options.dry_run)
    printf ("The schema was at version %u and is at version %u now\n", from, to);
  return TRUE;
}
