/* core/module/registry.c - the frozen tables and their look-ups.
 *
 * One hash table finds every named row; its key is (kind of row, part of the kind, scope, name), so that
 * "FETCH" the item, "FETCH" the command and a parameter of FETCH do not meet. registrar.c fills it.
 */
#include "module/registry.h"

#include "base/log.h"
#include "module/registrar.h"
#include "module/rows.h"

#include <string.h>

CfRegistry *cf_registry;

guint
cf_registry_entry_hash (gconstpointer data)
{
  const CfRegistryEntry *entry = data;

  return g_str_hash (entry->name) ^ (g_str_hash (entry->scope) * 31) ^ (entry->kind << 8) ^ entry->part;
}

gboolean
cf_registry_entry_equal (gconstpointer a_data, gconstpointer b_data)
{
  const CfRegistryEntry *a = a_data, *b = b_data;

  return a->kind == b->kind && a->part == b->part && strcmp (a->name, b->name) == 0
         && strcmp (a->scope, b->scope) == 0;
}

/* ---- Life -------------------------------------------------------------------------------------------- */

static CfRegistrar *
registrar_new (const char *owner, gboolean core)
{
  CfRegistrar *registrar = g_new0 (CfRegistrar, 1);

  registrar->owner = g_strdup (owner);
  registrar->core = core;
  return registrar;
}

static void
registrar_free (CfRegistrar *registrar)
{
  g_free (registrar->owner);
  g_free (registrar);
}

static void
module_free (CfModuleInfo *module)
{
  g_free ((gpointer) module->descriptor);
  g_free ((gpointer) module->name);
  g_free ((gpointer) module->path);
  g_free (module);
}

static void
config_free (CfRegistryConfig *config)
{
  cf_config_clear (config->keys, config->row_size, config->n, config->base);
  g_free (config->group);
  g_free (config->keys);
  g_free (config);
}

void
cf_registry_open (CfConfig *config)
{
  CfRegistry *registry = g_new0 (CfRegistry, 1);

  g_return_if_fail (cf_registry == NULL);
  registry->config = config;
  registry->core = registrar_new ("core", TRUE);
  registry->registrars = g_ptr_array_new_with_free_func ((GDestroyNotify) registrar_free);
  registry->modules = g_ptr_array_new_with_free_func ((GDestroyNotify) module_free);
  registry->entries = g_hash_table_new_full (cf_registry_entry_hash, cf_registry_entry_equal, g_free, NULL);
  for (guint i = 0; i < CF_ROW_LAST; i++)
    registry->rows[i] = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < G_N_ELEMENTS (registry->items); i++)
    registry->items[i] = g_ptr_array_new ();
  for (guint i = 0; i < CF_HOOK_LAST; i++)
    registry->hooks[i] = g_ptr_array_new ();
  registry->vtables = g_ptr_array_new_with_free_func (g_free);
  registry->storage_names = g_ptr_array_new ();
  registry->authentication = g_ptr_array_new ();
  registry->access = g_ptr_array_new ();
  registry->protocols = g_ptr_array_new ();
  registry->slots = g_array_new (FALSE, FALSE, sizeof (GDestroyNotify));
  registry->configs = g_ptr_array_new_with_free_func ((GDestroyNotify) config_free);
  cf_registry = registry;
}

void
cf_registry_set_config (CfConfig *config)
{
  cf_registry->config = config;
}

CfRegistrar *
cf_registry_get_core_registrar (void)
{
  return cf_registry->core;
}

void
cf_registry_freeze (void)
{
  if (cf_registry->frozen)
    return;
  g_ptr_array_add (cf_registry->storage_names, NULL);
  g_ptr_array_add (cf_registry->authentication, NULL);
  g_ptr_array_add (cf_registry->access, NULL);
  g_ptr_array_add (cf_registry->protocols, NULL);
  cf_registry->frozen = TRUE;
}

void
cf_registry_close (void)
{
  CfRegistry *registry = cf_registry;

  if (registry == NULL)
    return;
  for (guint i = registry->modules->len; i-- > 0;) {
    const CfModuleInfo *module = registry->modules->pdata[i];

    if (module->descriptor->shutdown != NULL)
      module->descriptor->shutdown ();
  }
  cf_registry = NULL;
  g_hash_table_unref (registry->entries);
  for (guint i = 0; i < CF_ROW_LAST; i++)
    g_ptr_array_unref (registry->rows[i]);
  for (guint i = 0; i < G_N_ELEMENTS (registry->items); i++)
    g_ptr_array_unref (registry->items[i]);
  for (guint i = 0; i < CF_HOOK_LAST; i++)
    g_ptr_array_unref (registry->hooks[i]);
  g_ptr_array_unref (registry->vtables);
  g_ptr_array_unref (registry->storage_names);
  g_ptr_array_unref (registry->authentication);
  g_ptr_array_unref (registry->access);
  g_ptr_array_unref (registry->protocols);
  g_array_unref (registry->slots);
  g_ptr_array_unref (registry->configs);
  g_ptr_array_unref (registry->modules);
  g_ptr_array_unref (registry->registrars);
  registrar_free (registry->core);
  g_free (registry);
}

/* ---- Look-ups ---------------------------------------------------------------------------------------- */

static gconstpointer
lookup (guint kind, guint part, const char *scope, const char *name)
{
  CfRegistryEntry key = { .kind = kind, .part = part, .scope = scope, .name = name };
  const CfRegistryEntry *entry = g_hash_table_lookup (cf_registry->entries, &key);

  return entry != NULL ? entry->row : NULL;
}

const CfCommand *
cf_registry_lookup_command (const char *name)
{
  return lookup (CF_ROW_COMMAND, 0, "", name);
}

guint
cf_registry_get_n_capabilities (void)
{
  return cf_registry->rows[CF_ROW_CAPABILITY]->len;
}

const CfCapability *
cf_registry_get_capability (guint i)
{
  return cf_registry->rows[CF_ROW_CAPABILITY]->pdata[i];
}

const CfParameter *
cf_registry_lookup_parameter (const char *command, CfParameterKind kind, const char *name)
{
  return lookup (CF_ROW_PARAMETER, kind, command, name);
}

const CfItem *
cf_registry_lookup_item (CfItemKind kind, const char *name)
{
  return lookup (CF_ROW_ITEM, kind, "", name);
}

guint
cf_registry_get_n_items (CfItemKind kind)
{
  return cf_registry->items[kind]->len;
}

const CfItem *
cf_registry_get_item (CfItemKind kind, guint i)
{
  return cf_registry->items[kind]->pdata[i];
}

const CfSearchKey *
cf_registry_lookup_search_key (const char *name)
{
  return lookup (CF_ROW_SEARCH_KEY, 0, "", name);
}

const CfStorageClass *
cf_registry_lookup_storage (const char *name)
{
  const CfClass *class = lookup (CF_ROW_CLASS, CF_CLASS_STORAGE, "", name);

  return class != NULL ? class->vtable : NULL;
}

const char *const *
cf_registry_get_storage_names (void)
{
  return (const char *const *) cf_registry->storage_names->pdata;
}

const CfAuthenticationClass *const *
cf_registry_get_authentication (void)
{
  return (const CfAuthenticationClass *const *) cf_registry->authentication->pdata;
}

const CfAccessClass *const *
cf_registry_get_access (void)
{
  return (const CfAccessClass *const *) cf_registry->access->pdata;
}

const CfProtocol *const *
cf_registry_get_protocols (void)
{
  return (const CfProtocol *const *) cf_registry->protocols->pdata;
}

guint
cf_registry_get_n_session_slots (void)
{
  return cf_registry->slots->len;
}

void
cf_registry_free_session_data (guint slot, gpointer data)
{
  GDestroyNotify free_data = g_array_index (cf_registry->slots, GDestroyNotify, slot);

  if (free_data != NULL && data != NULL)
    free_data (data);
}

/* ---- Hooks ------------------------------------------------------------------------------------------- */

gboolean
cf_registry_run_hooks (const CfHookInfo *info, GError **error)
{
  const GPtrArray *hooks = cf_registry->hooks[info->event];

  for (guint i = 0; i < hooks->len; i++) {
    const CfHook *hook = hooks->pdata[i];
    g_autoptr (GError) cause = NULL;

    if (hook->call (info, &cause))
      continue;
    if (cause == NULL)
      g_set_error_literal (&cause, CF_ERROR, CF_ERROR_NOPERM, "Refused");
    if (hook->may_veto) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
    cf_log (G_LOG_LEVEL_WARNING, NULL, "A hook without veto failed: %s", cause->message);
  }
  return TRUE;
}

/* ---- Configuration ----------------------------------------------------------------------------------- */

void
cf_registry_foreach_group (CfConfigGroupFunc func, gpointer user_data)
{
  for (guint i = 0; i < cf_registry->configs->len; i++) {
    const CfRegistryConfig *config = cf_registry->configs->pdata[i];
    const CfModuleInfo *module = cf_registry_lookup_module (config->owner);
    const CfConfigGroup group = {
      .name = config->group,
      .summary = module != NULL ? module->descriptor->summary : "",
      .keys = config->keys,
      .row_size = config->row_size,
      .n = config->n,
      .base = config->base,
    };

    func (&group, user_data);
  }
}

gboolean
cf_registry_collect_config (CfConfigChanges *changes, CfConfig *config, GError **error)
{
  for (guint i = 0; i < cf_registry->configs->len; i++) {
    const CfRegistryConfig *c = cf_registry->configs->pdata[i];

    if (!cf_config_changes_collect (changes, config, c->group, c->keys, c->row_size, c->n, c->base, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- Modules ----------------------------------------------------------------------------------------- */

guint
cf_registry_get_n_modules (void)
{
  return cf_registry->modules->len;
}

const CfModuleInfo *
cf_registry_get_module (guint i)
{
  return cf_registry->modules->pdata[i];
}

const CfModuleInfo *
cf_registry_lookup_module (const char *name)
{
  for (guint i = 0; i < cf_registry->modules->len; i++) {
    const CfModuleInfo *module = cf_registry->modules->pdata[i];

    if (strcmp (module->name, name) == 0)
      return module;
  }
  return NULL;
}

gboolean
cf_registry_init_module (const char *name, const char *path, const CfModuleDescriptor *descriptor,
                         GError **error)
{
  CfRegistrar *registrar = registrar_new (name, FALSE);
  g_autoptr (GError) cause = NULL;
  CfModuleInfo *module;

  g_ptr_array_add (cf_registry->registrars, registrar);
  if (!descriptor->init (registrar, &cause)) {
    if (cause == NULL)
      g_set_error (&cause, CF_ERROR, CF_ERROR_CANNOT, "module %s: its init failed without a reason (%s)",
                   name, path);
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  module = g_new0 (CfModuleInfo, 1);
  module->name = g_strdup (name);
  module->path = g_strdup (path);
  module->descriptor = g_memdup2 (descriptor, sizeof *descriptor);
  g_ptr_array_add (cf_registry->modules, module);
  return TRUE;
}
