/* core/cofferctl/trace.c - traces of the protocol. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>

#define DEFAULT_TIME "1h"

gboolean
ctl_trace_on (CtlCall *call, GError **error)
{
  const char *time = call->options.time != NULL ? call->options.time : DEFAULT_TIME;
  const char *const words[]
      = { call->options.address ? "trace-address-on" : "trace-on", call->args[0], time, NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 2)
      printf ("Tracing %s for %s, to files in %s\n", line[0], time, line[1]);
  }
  return lines != NULL;
}

gboolean
ctl_trace_off (CtlCall *call, GError **error)
{
  const char *const words[]
      = { call->options.address ? "trace-address-off" : "trace-off", call->args[0], NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  return lines != NULL;
}

gboolean
ctl_trace_list (CtlCall *call, GError **error)
{
  static const char *const words[] = { "trace-list", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 6) {
      g_autofree char *until = ctl_dup_time (line[2]);

      printf ("%s until %s, %s sessions, %s files, %s octets: %s\n", line[0], until, line[3], line[4],
              line[5], line[1]);
    }
  }
  return lines != NULL;
}
