/* core/module/config-key.c - one key's value: from text, into a variable, and described.
 *
 * Types are those of CfConfigType (coffer/module.h). A value is parsed whole before a variable is touched, so
 * that a bad line changes nothing.
 */
#include "module/config-key.h"

#include "module/refuse.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  char letter;
  gint64 factor;
} Unit;

static const Unit size_units[]
    = { { 'k', 1 << 10 }, { 'K', 1 << 10 }, { 'M', 1 << 20 }, { 'G', 1 << 30 }, { 0 } };
static const Unit time_units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 0 } };

static gboolean
parse_boolean (const char *text, gint64 *out, GError **error)
{
  static const char *const yes[] = { "true", "yes", "on", NULL };
  static const char *const no[] = { "false", "no", "off", NULL };

  if (!g_strv_contains (yes, text) && !g_strv_contains (no, text))
    return cf_refuse (error, "'%s' is not true or false", text);
  *out = g_strv_contains (yes, text);
  return TRUE;
}

/* Reads digits with at most one unit behind them. FALSE: not a number, or beyond gint64. */
static gboolean
parse_number (const char *text, const Unit *units, gint64 *out)
{
  gboolean negative = *text == '-';
  gint64 number = 0;

  text += negative;
  if (!g_ascii_isdigit (*text))
    return FALSE;
  for (; g_ascii_isdigit (*text); text++) {
    if (__builtin_mul_overflow (number, 10, &number) || __builtin_add_overflow (number, *text - '0', &number))
      return FALSE;
  }
  for (; *text && units->letter; units++) {
    if (*text != units->letter)
      continue;
    if (__builtin_mul_overflow (number, units->factor, &number))
      return FALSE;
    text++;
    break;
  }
  *out = negative ? -number : number;
  return *text == 0;
}

/* The shortest way to write @number: with the largest unit that divides it. */
static char *
format_number (gint64 number, const Unit *units)
{
  const Unit *best = NULL;

  for (; units->letter; units++) {
    if (number != 0 && number % units->factor == 0 && (best == NULL || units->factor > best->factor))
      best = units;
  }
  if (best == NULL)
    return g_strdup_printf ("%" G_GINT64_FORMAT, number);
  return g_strdup_printf ("%" G_GINT64_FORMAT "%c", number / best->factor, best->letter);
}

static const Unit *
key_units (const CfConfigKey *key)
{
  return key->type == CF_CONFIG_DURATION ? time_units : size_units;
}

static gboolean
key_is_bounded (const CfConfigKey *key)
{
  return key->minimum != 0 || key->maximum != 0;
}

static gboolean
parse_bounded (const CfConfigKey *key, const char *text, gint64 *out, GError **error)
{
  const Unit *units = key_units (key);
  gint64 maximum = key_is_bounded (key) ? key->maximum : G_MAXINT64;
  gint64 number;

  if (!parse_number (text, units, &number)) {
    if (key->type == CF_CONFIG_DURATION)
      return cf_refuse (error, "'%s' is not a time (a number with s, m, h or d)", text);
    return cf_refuse (error, "'%s' is not a number (k, M or G may follow)", text);
  }
  if (number < key->minimum || number > maximum) {
    g_autofree char *low = format_number (key->minimum, units);
    g_autofree char *high = format_number (maximum, units);

    if (maximum == G_MAXINT64)
      return cf_refuse (error, "%s is below %s", text, low);
    return cf_refuse (error, "%s is not between %s and %s", text, low, high);
  }
  *out = number;
  return TRUE;
}

gboolean
cf_config_parse_duration (const char *text, gint64 minimum, gint64 maximum, gint64 *out_seconds,
                          GError **error)
{
  const CfConfigKey key = { .type = CF_CONFIG_DURATION, .minimum = minimum, .maximum = maximum };

  return parse_bounded (&key, text, out_seconds, error);
}

static gboolean
parse_choice (const CfConfigKey *key, const char *text, const char **out, GError **error)
{
  g_auto (GStrv) choices = g_strsplit (key->choices != NULL ? key->choices : "", ";", -1);

  if (!g_strv_contains ((const char *const *) choices, text)) {
    g_autofree char *list = g_strjoinv (", ", choices);

    return cf_refuse (error, "'%s' is not one of %s", text, list);
  }
  *out = g_intern_string (text);
  return TRUE;
}

/* "a; b;" is two elements: blanks around them and a last ';' mean nothing. */
static gboolean
parse_list (const char *text, char ***out, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, ";", -1);
  guint n = g_strv_length (words);

  for (guint i = 0; i < n; i++)
    g_strstrip (words[i]);
  if (n > 0 && *words[n - 1] == 0)
    g_clear_pointer (&words[--n], g_free);
  for (guint i = 0; i < n; i++) {
    if (*words[i] == 0)
      return cf_refuse (error, "element %u of the list is empty", i + 1);
  }
  *out = g_steal_pointer (&words);
  return TRUE;
}

gboolean
cf_config_key_parse (const CfConfigKey *key, const char *text, const char *directory,
                     CfConfigValue *out_value, GError **error)
{
  if (text == NULL)
    text = key->default_text;
  *out_value = (CfConfigValue){ 0 };
  switch (key->type) {
  case CF_CONFIG_BOOLEAN:
    return parse_boolean (text != NULL ? text : "false", &out_value->number, error);
  case CF_CONFIG_INTEGER:
  case CF_CONFIG_DURATION:
    return parse_bounded (key, text != NULL ? text : "0", &out_value->number, error);
  case CF_CONFIG_CHOICE:
    return text == NULL || parse_choice (key, text, &out_value->choice, error);
  case CF_CONFIG_LIST:
    return parse_list (text != NULL ? text : "", &out_value->list, error);
  case CF_CONFIG_STRING:
    out_value->text = text != NULL && *text ? g_strdup (text) : NULL;
    return TRUE;
  case CF_CONFIG_FILE:
    out_value->text = text != NULL && *text ? g_canonicalize_filename (text, directory) : NULL;
    return TRUE;
  }
  return cf_refuse (error, "a type that this core does not know");
}

void
cf_config_value_clear (CfConfigValue *value)
{
  g_clear_pointer (&value->text, g_free);
  g_clear_pointer (&value->list, g_strfreev);
}

static gpointer
key_variable (const CfConfigKey *key, gconstpointer base)
{
  return (guint8 *) base + key->offset;
}

void
cf_config_key_store (const CfConfigKey *key, gpointer base, CfConfigValue *value)
{
  gpointer variable = key_variable (key, base);

  switch (key->type) {
  case CF_CONFIG_BOOLEAN:
    __atomic_store_n ((gboolean *) variable, (gboolean) value->number, __ATOMIC_RELAXED);
    break;
  case CF_CONFIG_INTEGER:
  case CF_CONFIG_DURATION:
    __atomic_store_n ((gint64 *) variable, value->number, __ATOMIC_RELAXED);
    break;
  case CF_CONFIG_CHOICE:
    __atomic_store_n ((const char **) variable, value->choice, __ATOMIC_RELEASE);
    break;
  case CF_CONFIG_LIST:
    g_strfreev (*(char ***) variable);
    *(char ***) variable = g_steal_pointer (&value->list);
    break;
  case CF_CONFIG_STRING:
  case CF_CONFIG_FILE:
    g_free (*(char **) variable);
    *(char **) variable = g_steal_pointer (&value->text);
    break;
  }
}

void
cf_config_key_clear (const CfConfigKey *key, gpointer base)
{
  CfConfigValue none = { 0 };

  cf_config_key_store (key, base, &none);
}

static gboolean
list_equal (char *const *a, char *const *b)
{
  static char *const empty[] = { NULL };

  return g_strv_equal ((const char *const *) (a != NULL ? a : empty),
                       (const char *const *) (b != NULL ? b : empty));
}

gboolean
cf_config_key_equal (const CfConfigKey *key, gconstpointer base, const CfConfigValue *value)
{
  gconstpointer variable = key_variable (key, base);

  switch (key->type) {
  case CF_CONFIG_BOOLEAN:
    return *(const gboolean *) variable == (gboolean) value->number;
  case CF_CONFIG_INTEGER:
  case CF_CONFIG_DURATION:
    return *(const gint64 *) variable == value->number;
  case CF_CONFIG_CHOICE:
    return *(const char *const *) variable == value->choice;
  case CF_CONFIG_LIST:
    return list_equal (*(char **const *) variable, value->list);
  case CF_CONFIG_STRING:
  case CF_CONFIG_FILE:
    return g_strcmp0 (*(const char *const *) variable, value->text) == 0;
  }
  return TRUE;
}

char *
cf_config_key_format (const CfConfigKey *key, gconstpointer base)
{
  gconstpointer variable = key_variable (key, base);
  const char *text = NULL;

  switch (key->type) {
  case CF_CONFIG_BOOLEAN:
    text = *(const gboolean *) variable ? "true" : "false";
    break;
  case CF_CONFIG_INTEGER:
  case CF_CONFIG_DURATION:
    return format_number (*(const gint64 *) variable, key_units (key));
  case CF_CONFIG_CHOICE:
    text = *(const char *const *) variable;
    break;
  case CF_CONFIG_LIST:
    return *(char **const *) variable != NULL ? g_strjoinv (";", *(char **const *) variable) : g_strdup ("");
  case CF_CONFIG_STRING:
  case CF_CONFIG_FILE:
    text = *(const char *const *) variable;
    break;
  }
  return g_strdup (text != NULL ? text : "");
}

gboolean
cf_config_key_can_reload (CfConfigType type, gboolean core)
{
  switch (type) {
  case CF_CONFIG_BOOLEAN:
  case CF_CONFIG_INTEGER:
  case CF_CONFIG_DURATION:
  case CF_CONFIG_CHOICE:
    return TRUE;
  case CF_CONFIG_STRING:
  case CF_CONFIG_FILE:
    return core;
  case CF_CONFIG_LIST:
    break;
  }
  return FALSE;
}

static const char *
type_name (CfConfigType type)
{
  static const char *const names[] = {
    [CF_CONFIG_BOOLEAN] = "true or false", [CF_CONFIG_INTEGER] = "number", [CF_CONFIG_DURATION] = "time",
    [CF_CONFIG_STRING] = "text",           [CF_CONFIG_FILE] = "file",      [CF_CONFIG_LIST] = "list",
    [CF_CONFIG_CHOICE] = "one of",
  };

  return (guint) type < G_N_ELEMENTS (names) ? names[type] : "unknown";
}

void
cf_config_key_dup_bounds (const CfConfigKey *key, char **out_low, char **out_high)
{
  gboolean is_number = key->type == CF_CONFIG_INTEGER || key->type == CF_CONFIG_DURATION;

  *out_low = *out_high = NULL;
  if (!is_number || !key_is_bounded (key))
    return;
  *out_low = format_number (key->minimum, key_units (key));
  if (key->maximum != G_MAXINT64)
    *out_high = format_number (key->maximum, key_units (key));
}

void
cf_config_key_describe (const CfConfigKey *key, GString *out)
{
  const char *text = key->default_text != NULL ? key->default_text : "";
  g_autofree char *low = NULL, *high = NULL;

  g_string_append_printf (out, "# %s\n# %s", key->help != NULL ? key->help : key->name,
                          type_name (key->type));
  if (key->type == CF_CONFIG_CHOICE)
    g_string_append_printf (out, " %s", key->choices);
  cf_config_key_dup_bounds (key, &low, &high);
  if (low != NULL && high == NULL)
    g_string_append_printf (out, ", at least %s", low);
  else if (low != NULL)
    g_string_append_printf (out, ", %s to %s", low, high);
  g_string_append_printf (out, "; default: %s%s\n", *text ? text : "none",
                          key->reloadable ? "; SIGHUP re-reads it" : "");
  g_string_append_printf (out, "#%s =%s%s\n\n", key->name, *text ? " " : "", text);
}
