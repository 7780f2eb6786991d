/* tests/storage/kit-load.c - loading the plugin under test, through core's own loader. */
#include "kit-load.h"

#include "module/loader.h"

#include <string.h>

static CfConfig *config;
static CfStorageClass known;

/* The configuration that the settings stand for. A module's group is named after its file. */
static char *
load_compose (const char *path, const char *const *settings)
{
  g_autofree char *name = g_path_get_basename (path);
  GString *text = g_string_new (NULL);

  if (g_str_has_suffix (name, ".so"))
    name[strlen (name) - 3] = '\0';
  if (settings[0] != NULL)
    g_string_append_printf (text, "[%s]\n", name);
  for (guint i = 0; settings[i] != NULL; i++)
    g_string_append_printf (text, "%s\n", settings[i]);
  return g_string_free (text, FALSE);
}

const CfStorageClass *
kit_load_plugin (const char *path, const char *const *settings, GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *text = load_compose (path, settings);
  const CfStorageClass *slots;
  const char *const *names;

  config = cf_config_parse ("command line", text, error);
  if (config == NULL)
    return NULL;
  cf_registry_open (config);
  if (!cf_loader_load_file (absolute, error) || !cf_config_check_unclaimed (config, error))
    return NULL;
  cf_registry_freeze ();

  names = cf_registry_get_storage_names ();
  if (g_strv_length ((char **) names) != 1) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s registers %u storage classes instead of one", path,
                 g_strv_length ((char **) names));
    return NULL;
  }
  slots = cf_registry_lookup_storage (names[0]);
  memcpy (&known, slots, MIN (slots->struct_size, sizeof known));
  return &known;
}

void
kit_unload_plugins (void)
{
  cf_registry_close ();
  g_clear_pointer (&config, cf_config_free);
}
