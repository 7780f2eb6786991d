/* core/cofferctl/config.c - the configuration in force, and having it read again. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>
#include <string.h>

#include "module/config.h"
#include "server.h"

typedef struct {
  gboolean changed; /* only these */
  char *group;      /* the last that was shown */
} Shown;

static void
show_key (Shown *shown, const char *group, const char *key, gboolean is_default, const char *value)
{
  if (is_default && shown->changed)
    return;
  if (g_strcmp0 (shown->group, group) != 0) {
    printf ("%s[%s]\n", shown->group != NULL ? "\n" : "", group);
    g_free (shown->group);
    shown->group = g_strdup (group);
  }
  printf ("%s =%s%s\n", key, *value != '\0' ? " " : "", value);
}

static void
show_group (const CfConfigGroup *group, gpointer user_data)
{
  for (guint i = 0; i < group->n; i++) {
    gboolean is_default;
    g_autofree char *value = cf_config_group_dup_value (group, i, &is_default);

    show_key (user_data, group->name, cf_config_group_get_key (group, i).name, is_default, value);
  }
}

static void
take_line (char **words, gpointer user_data)
{
  if (g_strv_length (words) >= 4)
    show_key (user_data, words[0], words[1], strcmp (words[2], "default") == 0, words[3]);
}

gboolean
ctl_config (CtlCall *call, GError **error)
{
  static const char *const words[] = { "config", NULL };
  Shown shown = { .changed = call->options.changed };
  gboolean good;

  if (call->connection != NULL)
    good = ctl_connection_request_each (call->connection, words, take_line, &shown, error);
  else
    good = cf_server_foreach_config_group (call->config, show_group, &shown, error);
  g_free (shown.group);
  return good;
}

gboolean
ctl_config_reload (CtlCall *call, GError **error)
{
  static const char *const words[] = { "config-reload", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 2)
      printf ("%-7s %s\n", line[0], line[1]);
  }
  return lines != NULL;
}
