/* core/cofferctl/operator.c - who, kick and stats: looking at the running server. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>

/* "2026-03-01 12:00:00", local time, of @text: microseconds since the epoch. The caller frees. */
static char *
dup_time (const char *text)
{
  g_autoptr (GDateTime) time
      = g_date_time_new_from_unix_local (g_ascii_strtoll (text, NULL, 10) / G_USEC_PER_SEC);

  return time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S") : g_strdup ("-");
}

gboolean
ctl_who (CtlCall *call, GError **error)
{
  static const char *const words[] = { "who", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 8) {
      g_autofree char *since = dup_time (line[3]);
      const char *user = line[7][0] != '\0' ? line[7] : "-";

      /* The user last: it alone may hold spaces. */
      printf ("#%-6s %-7s %-5s %s %10s in %10s out  %-22s %s\n", line[0], line[1], line[2], since, line[4],
              line[5], line[6], user);
    }
  }
  return lines != NULL;
}

gboolean
ctl_kick (CtlCall *call, GError **error)
{
  const char *const words[] = { "kick", call->args[0], NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 2)
      printf ("%s session%s told to end\n", line[1], g_str_equal (line[1], "1") ? "" : "s");
  }
  return lines != NULL;
}

gboolean
ctl_stats (CtlCall *call, GError **error)
{
  static const char *const words[] = { "stats", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 2)
      printf ("%s %s\n", line[0], line[1]);
  }
  return lines != NULL;
}
