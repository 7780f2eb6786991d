/* core/module/registrar.c - taking rows in: what a row must have, and whose name it is.
 *
 * Every refusal happens here, while the server starts, and says which module and which row; after that the
 * tables can be trusted. Rows are copied at the size core knows.
 */
#include "module/registrar.h"

#include "module/config-key.h"
#include "module/rows.h"

#include <string.h>

/* What the checks below say; NULL: the row is good. */
typedef const char *(*RowCheck) (gconstpointer row);

static gboolean
is_name (const char *text, const char *extra)
{
  if (text == NULL || !*text)
    return FALSE;
  for (; *text; text++) {
    if (!g_ascii_isupper (*text) && !g_ascii_isdigit (*text) && strchr (extra, *text) == NULL)
      return FALSE;
  }
  return TRUE;
}

static const char *
check_command (gconstpointer row)
{
  const CfCommand *command = row;

  if (!is_name (command->name, " .-_"))
    return "its name is not in upper case";
  if (!(command->states & CF_STATE_ANY) || (command->states & ~CF_STATE_ANY))
    return "it has no state to run in";
  return command->run != NULL ? NULL : "it lacks run";
}

static const char *
check_capability (gconstpointer row)
{
  const CfCapability *capability = row;

  if (capability->text == NULL || !*capability->text)
    return "it lacks its text";
  for (const char *c = capability->text; *c; c++) {
    if (!g_ascii_isgraph (*c) || strchr ("(){%*\"\\]", *c) != NULL)
      return "its text is no atom";
  }
  return capability->states & CF_STATE_ANY ? NULL : "it has no state to be shown in";
}

static const char *
check_parameter (gconstpointer row)
{
  const CfParameter *parameter = row;

  if (!is_name (parameter->name, ".-_"))
    return "its name is not in upper case";
  if (parameter->commands == NULL || parameter->commands[0] == NULL)
    return "it names no command";
  if ((guint) parameter->kind > CF_PARAMETER_SELECT)
    return "its kind is unknown";
  return parameter->parse != NULL ? NULL : "it lacks parse";
}

static const char *
check_item (gconstpointer row)
{
  const CfItem *item = row;

  if ((guint) item->kind > CF_ITEM_LIST)
    return "its kind is unknown";
  /* LIST's are mailbox attributes too: "\\HasChildren". */
  if (item->kind == CF_ITEM_LIST ? item->name == NULL || !*item->name : !is_name (item->name, ".-_"))
    return "its name is not in upper case";
  if (item->kind == CF_ITEM_FETCH && item->emit == NULL && item->span == NULL)
    return "it lacks emit or span";
  if (item->kind == CF_ITEM_STATUS && item->emit_status == NULL)
    return "it lacks emit_status";
  if (item->kind == CF_ITEM_LIST && item->emit_list == NULL)
    return "it lacks emit_list";
  return NULL;
}

static const char *
check_search_key (gconstpointer row)
{
  const CfSearchKey *key = row;

  if (!is_name (key->name, ".-_"))
    return "its name is not in upper case";
  return key->parse != NULL ? NULL : "it lacks parse";
}

static const char *
check_hook (gconstpointer row)
{
  const CfHook *hook = row;

  if ((guint) hook->event >= CF_HOOK_LAST)
    return "its event is unknown";
  if (hook->may_veto && (hook->event == CF_HOOK_COMMITTED || hook->event == CF_HOOK_LOGOUT))
    return "its event allows no veto";
  return hook->call != NULL ? NULL : "it lacks call";
}

static const char *
check_class (gconstpointer row)
{
  const CfClass *class = row;

  if (class->name == NULL || !*class->name)
    return "it lacks its name";
  if ((guint) class->kind > CF_CLASS_PROTOCOL)
    return "its kind is unknown";
  return class->vtable != NULL ? NULL : "it lacks its vtable";
}

static const struct {
  const char *what; /* as messages name it */
  gsize size;
  RowCheck check;
  gsize name_offset; /* of the row's name; of nothing, for hooks */
} kinds[CF_ROW_LAST] = {
  [CF_ROW_COMMAND] = { "command", sizeof (CfCommand), check_command, G_STRUCT_OFFSET (CfCommand, name) },
  [CF_ROW_CAPABILITY]
  = { "capability", sizeof (CfCapability), check_capability, G_STRUCT_OFFSET (CfCapability, text) },
  [CF_ROW_PARAMETER]
  = { "parameter", sizeof (CfParameter), check_parameter, G_STRUCT_OFFSET (CfParameter, name) },
  [CF_ROW_ITEM] = { "item", sizeof (CfItem), check_item, G_STRUCT_OFFSET (CfItem, name) },
  [CF_ROW_SEARCH_KEY]
  = { "search key", sizeof (CfSearchKey), check_search_key, G_STRUCT_OFFSET (CfSearchKey, name) },
  [CF_ROW_HOOK] = { "hook", sizeof (CfHook), check_hook, 0 },
  [CF_ROW_CLASS] = { "class", sizeof (CfClass), check_class, G_STRUCT_OFFSET (CfClass, name) },
};

static const char *
row_name (guint kind, gconstpointer row)
{
  const char *name;

  if (kind == CF_ROW_HOOK)
    return "";
  name = *(const char *const *) ((const guint8 *) row + kinds[kind].name_offset);
  return name != NULL ? name : "";
}

static gboolean refuse (const CfRegistrar *registrar, GError **error, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

static gboolean
refuse (const CfRegistrar *registrar, GError **error, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list args;

  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "module %s: %s", registrar->owner, reason);
  return FALSE;
}

/* Enters @row under a name. FALSE: somebody has it. */
static gboolean
enter (CfRegistrar *registrar, guint kind, guint part, const char *scope, const char *name, gpointer row,
       GError **error)
{
  CfRegistryEntry key = { .kind = kind, .part = part, .scope = scope, .name = name, .row = row };
  const CfRegistryEntry *earlier = g_hash_table_lookup (cf_registry->entries, &key);

  if (earlier != NULL)
    return refuse (registrar, error, "%s %s%s%s is registered by module %s already", kinds[kind].what, scope,
                   *scope ? " " : "", name, earlier->owner);
  key.owner = registrar->owner;
  g_hash_table_add (cf_registry->entries, g_memdup2 (&key, sizeof key));
  return TRUE;
}

static gboolean
enter_parameter (CfRegistrar *registrar, CfParameter *parameter, GError **error)
{
  for (guint i = 0; parameter->commands[i]; i++) {
    if (!enter (registrar, CF_ROW_PARAMETER, parameter->kind, parameter->commands[i], parameter->name,
                parameter, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
enter_class (CfRegistrar *registrar, CfClass *class, GError **error)
{
  g_autoptr (GError) reason = NULL;
  gpointer vtable;

  if (!enter (registrar, CF_ROW_CLASS, class->kind, "", class->name, class, error))
    return FALSE;
  vtable = cf_registrar_dup_vtable (class, &reason);
  if (vtable == NULL)
    return refuse (registrar, error, "class %s: %s", class->name, reason->message);
  g_ptr_array_add (cf_registry->vtables, vtable);
  class->vtable = vtable;
  if (class->kind == CF_CLASS_STORAGE)
    g_ptr_array_add (cf_registry->storage_names, (gpointer) class->name);
  else if (class->kind == CF_CLASS_AUTHENTICATION)
    g_ptr_array_add (cf_registry->authentication, vtable);
  else if (class->kind == CF_CLASS_PROTOCOL)
    g_ptr_array_add (cf_registry->protocols, vtable);
  else
    g_ptr_array_add (cf_registry->access, vtable);
  return TRUE;
}

/* @row is a good one of the registry's own. */
static gboolean
enter_row (CfRegistrar *registrar, guint kind, gpointer row, GError **error)
{
  CfItem *item = row;
  CfHook *hook = row;

  switch (kind) {
  case CF_ROW_PARAMETER:
    return enter_parameter (registrar, row, error);
  case CF_ROW_CLASS:
    return enter_class (registrar, row, error);
  case CF_ROW_ITEM:
    g_ptr_array_add (cf_registry->items[item->kind], item);
    return enter (registrar, kind, item->kind, "", item->name, row, error);
  case CF_ROW_HOOK:
    g_ptr_array_add (cf_registry->hooks[hook->event], hook);
    return TRUE;
  default:
    return enter (registrar, kind, 0, "", row_name (kind, row), row, error);
  }
}

static gboolean
is_zero (const guint8 *octets, gsize length)
{
  for (gsize i = 0; i < length; i++) {
    if (octets[i])
      return FALSE;
  }
  return TRUE;
}

gboolean
cf_registrar_add (CfRegistrar *registrar, guint kind, gconstpointer rows, gsize row_size, guint n,
                  GError **error)
{
  if (cf_registry->frozen)
    return refuse (registrar, error, "tables are registered while init runs, not later");
  if (kind >= CF_ROW_LAST || row_size == 0)
    return refuse (registrar, error, "a table of kind %u, which this core does not know", kind);

  for (guint i = 0; i < n; i++) {
    gpointer row = cf_row_dup (rows, row_size, i, kinds[kind].size);
    const char *reason;

    g_ptr_array_add (cf_registry->rows[kind], row);
    if (is_zero (row, kinds[kind].size))
      return refuse (registrar, error, "row %u of its %s table is empty; tables have no end mark", i + 1,
                     kinds[kind].what);
    reason = kinds[kind].check (row);
    if (reason != NULL)
      return refuse (registrar, error, "%s %s%s(row %u): %s", kinds[kind].what, row_name (kind, row),
                     *row_name (kind, row) ? " " : "", i + 1, reason);
    if (!enter_row (registrar, kind, row, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- Configuration ----------------------------------------------------------------------------------- */

static const char *
check_key (const CfRegistrar *registrar, const CfConfigKey *key)
{
  if (key->name == NULL || !*key->name)
    return "it lacks its name";
  if ((guint) key->type > CF_CONFIG_CHOICE)
    return "its type is unknown";
  if (key->type == CF_CONFIG_CHOICE && key->choices == NULL)
    return "it lacks its choices";
  if (key->minimum > key->maximum)
    return "its minimum is above its maximum";
  if (key->reloadable && !cf_config_key_can_reload (key->type, registrar->core))
    return "its type cannot be reloaded";
  return NULL;
}

static gboolean
check_keys (const CfRegistrar *registrar, const char *group, const CfConfigKey *keys, gsize row_size, guint n,
            GError **error)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < n; i++) {
    CfConfigKey key;
    const char *reason;

    cf_row_read (keys, row_size, i, &key, sizeof key);
    reason = check_key (registrar, &key);
    if (reason == NULL && !g_hash_table_add (names, (gpointer) key.name))
      reason = "it is there twice";
    if (reason != NULL)
      return refuse (registrar, error, "key [%s] %s (row %u): %s", group, key.name != NULL ? key.name : "",
                     i + 1, reason);
  }
  return TRUE;
}

gboolean
cf_registrar_add_config_rows (CfRegistrar *registrar, const char *group, const CfConfigKey *keys,
                              gsize row_size, guint n, gpointer base, GError **error)
{
  CfRegistryConfig *config;

  if (cf_registry->frozen)
    return refuse (registrar, error, "keys are registered while init runs, not later");
  if (!registrar->core && strcmp (group, registrar->owner) != 0)
    return refuse (registrar, error, "its group is [%s], not [%s]", registrar->owner, group);
  for (guint i = 0; i < cf_registry->configs->len; i++) {
    config = cf_registry->configs->pdata[i];
    if (strcmp (config->group, group) == 0)
      return refuse (registrar, error, "group [%s] is registered by module %s already", group, config->owner);
  }
  if (!check_keys (registrar, group, keys, row_size, n, error)
      || !cf_config_apply (cf_registry->config, group, keys, row_size, n, base, error))
    return FALSE;

  config = g_new0 (CfRegistryConfig, 1);
  config->owner = registrar->owner;
  config->group = g_strdup (group);
  config->keys = g_memdup2 (keys, row_size * n);
  config->row_size = row_size;
  config->n = n;
  config->base = base;
  g_ptr_array_add (cf_registry->configs, config);
  return TRUE;
}

guint
cf_registrar_add_session_slot (CfRegistrar *registrar, GDestroyNotify free_data)
{
  if (cf_registry->frozen) {
    g_critical ("Module %s: session slots are registered while init runs, not later", registrar->owner);
    return G_MAXUINT;
  }
  g_array_append_val (cf_registry->slots, free_data);
  return cf_registry->slots->len - 1;
}

const CfStorageClass *
cf_registrar_lookup_storage (CfRegistrar *registrar, const char *name)
{
  return cf_registry_lookup_storage (name);
}
