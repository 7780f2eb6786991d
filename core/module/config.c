/* core/module/config.c - the configuration file: reading its lines, and giving them to those who claim them.
 *
 * The file is parsed whole into groups and entries that remember their lines; values are read when a table of
 * keys claims its group. What is left unclaimed at the end is an error, so a misspelt name cannot pass.
 */
#include "module/config.h"

#include "module/config-key.h"
#include "module/rows.h"

#include <string.h>

typedef struct {
  char *key, *value;
  guint line;
} Entry;

typedef struct {
  char *name;
  guint line;
  gboolean claimed;
  GPtrArray *entries;
} Group;

struct _CfConfig {
  char *path;
  char *directory;
  GPtrArray *groups;
};

static void
entry_free (Entry *entry)
{
  g_free (entry->key);
  g_free (entry->value);
  g_free (entry);
}

static void
group_free (Group *group)
{
  g_free (group->name);
  g_ptr_array_unref (group->entries);
  g_free (group);
}

static gboolean config_refuse (const CfConfig *config, guint line, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

static gboolean
config_refuse (const CfConfig *config, guint line, GError **error, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list args;

  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s:%u: %s", config->path, line, reason);
  return FALSE;
}

/* ---- Reading ----------------------------------------------------------------------------------------- */

static Group *
config_lookup_group (const CfConfig *config, const char *name)
{
  for (guint i = 0; i < config->groups->len; i++) {
    Group *group = config->groups->pdata[i];

    if (strcmp (group->name, name) == 0)
      return group;
  }
  return NULL;
}

static Entry *
group_lookup_entry (const Group *group, const char *key)
{
  for (guint i = 0; group != NULL && i < group->entries->len; i++) {
    Entry *entry = group->entries->pdata[i];

    if (strcmp (entry->key, key) == 0)
      return entry;
  }
  return NULL;
}

static gboolean
is_name (const char *text)
{
  return *text && text[strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == 0;
}

static gboolean
parse_group (CfConfig *config, char *text, guint line, GError **error)
{
  gsize length = strlen (text);
  const Group *earlier;
  Group *group;

  if (text[length - 1] != ']')
    return config_refuse (config, line, error, "a group's line ends with ']'");
  text[length - 1] = 0;
  if (!is_name (text + 1))
    return config_refuse (config, line, error, "'%s' is no name of a group", text + 1);
  earlier = config_lookup_group (config, text + 1);
  if (earlier != NULL)
    return config_refuse (config, line, error, "group [%s] is in line %u already", earlier->name,
                          earlier->line);

  group = g_new0 (Group, 1);
  group->name = g_strdup (text + 1);
  group->line = line;
  group->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  g_ptr_array_add (config->groups, group);
  return TRUE;
}

static gboolean
parse_entry (CfConfig *config, char *text, guint line, GError **error)
{
  Group *group = config->groups->len ? config->groups->pdata[config->groups->len - 1] : NULL;
  char *equals = strchr (text, '=');
  const Entry *earlier;
  Entry *entry;

  if (equals == NULL)
    return config_refuse (config, line, error, "neither '[group]' nor 'key = value' nor a comment");
  if (group == NULL)
    return config_refuse (config, line, error, "a key before the first [group]");
  *equals = 0;
  g_strchomp (text);
  if (!is_name (text))
    return config_refuse (config, line, error, "'%s' is no name of a key", text);
  earlier = group_lookup_entry (group, text);
  if (earlier != NULL)
    return config_refuse (config, line, error, "key '%s' is in line %u already", text, earlier->line);

  entry = g_new0 (Entry, 1);
  entry->key = g_strdup (text);
  entry->value = g_strdup (g_strchug (equals + 1));
  entry->line = line;
  g_ptr_array_add (group->entries, entry);
  return TRUE;
}

static gboolean
parse_line (CfConfig *config, char *text, guint line, GError **error)
{
  if (!g_utf8_validate (text, -1, NULL))
    return config_refuse (config, line, error, "not UTF-8");
  g_strstrip (text);
  for (const char *c = text; *c; c++) {
    if (g_ascii_iscntrl (*c) && *c != '\t')
      return config_refuse (config, line, error, "a control character");
  }
  if (*text == 0 || *text == '#')
    return TRUE;
  return *text == '[' ? parse_group (config, text, line, error) : parse_entry (config, text, line, error);
}

CfConfig *
cf_config_parse (const char *path, const char *text, GError **error)
{
  g_autoptr (CfConfig) config = g_new0 (CfConfig, 1);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);

  config->path = g_strdup (path);
  config->directory = g_path_get_dirname (absolute);
  config->groups = g_ptr_array_new_with_free_func ((GDestroyNotify) group_free);
  for (guint i = 0; lines[i]; i++) {
    if (!parse_line (config, lines[i], i + 1, error))
      return NULL;
  }
  return g_steal_pointer (&config);
}

CfConfig *
cf_config_load (const char *path, GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autofree char *text = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &cause)) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: %s", path,
                 g_error_matches (cause, G_FILE_ERROR, G_FILE_ERROR_NOENT) ? "there is no such file"
                                                                           : cause->message);
    return NULL;
  }
  if (strlen (text) != length) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: holds NUL octets", path);
    return NULL;
  }
  return cf_config_parse (path, text, error);
}

void
cf_config_free (CfConfig *config)
{
  if (config == NULL)
    return;
  g_free (config->path);
  g_free (config->directory);
  g_ptr_array_unref (config->groups);
  g_free (config);
}

const char *
cf_config_get_path (const CfConfig *config)
{
  return config->path;
}

/* ---- Places ------------------------------------------------------------------------------------------ */

void
cf_config_prefix_error (const CfConfig *config, const char *group, const char *key, GError **error)
{
  const Entry *entry;

  if (config == NULL || error == NULL || *error == NULL || g_str_has_prefix ((*error)->message, config->path))
    return;
  entry = group_lookup_entry (config_lookup_group (config, group), key);
  if (entry != NULL)
    g_prefix_error (error, "%s:%u: ", config->path, entry->line);
  else
    g_prefix_error (error, "%s: [%s] %s: ", config->path, group, key);
}

/* ---- Claims ------------------------------------------------------------------------------------------ */

static gboolean
table_has_key (const CfConfigKey *keys, gsize row_size, guint n, const char *name)
{
  CfConfigKey key;

  for (guint i = 0; i < n; i++) {
    cf_row_read (keys, row_size, i, &key, sizeof key);
    if (strcmp (key.name, name) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_value (const CfConfig *config, const char *group_name, const Group *group, const CfConfigKey *key,
            CfConfigValue *out_value, GError **error)
{
  const Entry *entry = group_lookup_entry (group, key->name);
  g_autoptr (GError) reason = NULL;

  if (cf_config_key_parse (key, entry != NULL ? entry->value : NULL,
                           config != NULL ? config->directory : NULL, out_value, &reason))
    return TRUE;
  if (entry != NULL)
    return config_refuse (config, entry->line, error, "%s: %s", key->name, reason->message);
  g_set_error (error, CF_ERROR, CF_ERROR_SERVERBUG, "the default of [%s] %s: %s", group_name, key->name,
               reason->message);
  return FALSE;
}

CfConfigValue *
cf_config_read (CfConfig *config, const char *group_name, const CfConfigKey *keys, gsize row_size, guint n,
                GError **error)
{
  Group *group = config != NULL ? config_lookup_group (config, group_name) : NULL;
  CfConfigValue *values;
  CfConfigKey key;

  if (group != NULL)
    group->claimed = TRUE;
  for (guint i = 0; group != NULL && i < group->entries->len; i++) {
    const Entry *entry = group->entries->pdata[i];

    if (!table_has_key (keys, row_size, n, entry->key)) {
      config_refuse (config, entry->line, error, "group [%s] has no key '%s'", group_name, entry->key);
      return NULL;
    }
  }
  values = g_new0 (CfConfigValue, n + 1);
  for (guint i = 0; i < n; i++) {
    cf_row_read (keys, row_size, i, &key, sizeof key);
    if (!read_value (config, group_name, group, &key, &values[i], error)) {
      cf_config_values_free (values, n);
      return NULL;
    }
  }
  return values;
}

void
cf_config_values_free (CfConfigValue *values, guint n)
{
  for (guint i = 0; i < n; i++)
    cf_config_value_clear (&values[i]);
  g_free (values);
}

gboolean
cf_config_apply (CfConfig *config, const char *group, const CfConfigKey *keys, gsize row_size, guint n,
                 gpointer base, GError **error)
{
  CfConfigValue *values = cf_config_read (config, group, keys, row_size, n, error);
  CfConfigKey key;

  if (values == NULL)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    cf_row_read (keys, row_size, i, &key, sizeof key);
    cf_config_key_store (&key, base, &values[i]);
  }
  cf_config_values_free (values, n);
  return TRUE;
}

void
cf_config_claim (CfConfig *config, const char *group_name)
{
  Group *group = config_lookup_group (config, group_name);

  if (group != NULL)
    group->claimed = TRUE;
}

gboolean
cf_config_check_unclaimed (CfConfig *config, GError **error)
{
  for (guint i = 0; config != NULL && i < config->groups->len; i++) {
    const Group *group = config->groups->pdata[i];

    if (!group->claimed)
      return config_refuse (config, group->line, error, "no loaded module has a group [%s]", group->name);
  }
  return TRUE;
}

void
cf_config_clear (const CfConfigKey *keys, gsize row_size, guint n, gpointer base)
{
  CfConfigKey key;

  for (guint i = 0; i < n; i++) {
    cf_row_read (keys, row_size, i, &key, sizeof key);
    cf_config_key_clear (&key, base);
  }
}

CfConfigKey
cf_config_group_get_key (const CfConfigGroup *group, guint i)
{
  CfConfigKey key;

  cf_row_read (group->keys, group->row_size, i, &key, sizeof key);
  return key;
}

#define SECRET_TEXT "(secret)"

char *
cf_config_group_dup_value (const CfConfigGroup *group, guint i, gboolean *out_is_default)
{
  CfConfigKey key = cf_config_group_get_key (group, i);
  g_autofree char *text = cf_config_key_format (&key, group->base);
  CfConfigValue value;

  *out_is_default = cf_config_key_parse (&key, NULL, NULL, &value, NULL)
                    && cf_config_key_equal (&key, group->base, &value);
  cf_config_value_clear (&value);
  return key.secret && *text != '\0' ? g_strdup (SECRET_TEXT) : g_steal_pointer (&text);
}

void
cf_config_describe (GString *out, const CfConfigKey *keys, gsize row_size, guint n)
{
  CfConfigKey key;

  for (guint i = 0; i < n; i++) {
    cf_row_read (keys, row_size, i, &key, sizeof key);
    cf_config_key_describe (&key, out);
  }
}
