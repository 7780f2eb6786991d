/* core/module/config-changes.c - a second reading of the configuration, while sessions run.
 *
 * Everything is checked and collected first; only when the whole file was found good is anything changed.
 * What may change under running sessions is replaced in one piece, the rest is named so that the operator
 * knows it waits.
 */
#include "module/config.h"

#include "module/config-key.h"
#include "module/rows.h"

typedef struct {
  char *group;
  CfConfigKey key;
  gpointer base;
  CfConfigValue value;
} Change;

struct _CfConfigChanges {
  GPtrArray *changes;
};

static void
change_free (Change *change)
{
  cf_config_value_clear (&change->value);
  g_free (change->group);
  g_free (change);
}

CfConfigChanges *
cf_config_changes_new (void)
{
  CfConfigChanges *changes = g_new0 (CfConfigChanges, 1);

  changes->changes = g_ptr_array_new_with_free_func ((GDestroyNotify) change_free);
  return changes;
}

gboolean
cf_config_changes_collect (CfConfigChanges *changes, CfConfig *config, const char *group,
                           const CfConfigKey *keys, gsize row_size, guint n, gpointer base, GError **error)
{
  CfConfigValue *values = cf_config_read (config, group, keys, row_size, n, error);

  if (values == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    Change *change;
    CfConfigKey key;

    cf_row_read (keys, row_size, i, &key, sizeof key);
    if (cf_config_key_equal (&key, base, &values[i]))
      continue;
    change = g_new0 (Change, 1);
    change->group = g_strdup (group);
    change->key = key;
    change->base = base;
    change->value = values[i];
    values[i] = (CfConfigValue){ 0 };
    g_ptr_array_add (changes->changes, change);
  }
  cf_config_values_free (values, n);
  return TRUE;
}

char **
cf_config_changes_apply (CfConfigChanges *changes, char ***out_applied)
{
  g_autoptr (GStrvBuilder) waiting = g_strv_builder_new ();
  g_autoptr (GStrvBuilder) applied = g_strv_builder_new ();

  for (guint i = 0; i < changes->changes->len; i++) {
    Change *change = changes->changes->pdata[i];
    g_autofree char *name = g_strdup_printf ("%s.%s", change->group, change->key.name);

    if (change->key.reloadable)
      cf_config_key_store (&change->key, change->base, &change->value);
    g_strv_builder_add (change->key.reloadable ? applied : waiting, name);
  }
  *out_applied = g_strv_builder_end (applied);
  return g_strv_builder_end (waiting);
}

void
cf_config_changes_free (CfConfigChanges *changes)
{
  if (changes == NULL)
    return;
  g_ptr_array_unref (changes->changes);
  g_free (changes);
}
