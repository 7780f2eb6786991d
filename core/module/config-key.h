/* core/module/config-key.h - one key's value: from text, into a variable, and described.
 *
 * Private to the configuration's own files; everybody else uses config.h.
 */
#ifndef CF_MODULE_CONFIG_KEY_H
#define CF_MODULE_CONFIG_KEY_H

#include "module/config.h"

G_BEGIN_DECLS

/* Which member holds the value follows from the key's type. Choices are interned: a variable may be replaced
 * while another thread reads it, and the text never goes. */
typedef struct {
  gint64 number; /* BOOLEAN, INTEGER, DURATION */
  const char *choice;
  char *text; /* STRING, FILE */
  char **list;
} CfConfigValue;

/* @text NULL: the key's default. Relative files are taken from @directory. The message says
 * the reason alone. */
gboolean cf_config_key_parse (const CfConfigKey *key, const char *text, const char *directory,
                              CfConfigValue *out_value, GError **error);
void cf_config_value_clear (CfConfigValue *value);

/* Moves @value into the key's variable, whose former content is freed; numbers and choices in one piece. */
void cf_config_key_store (const CfConfigKey *key, gpointer base, CfConfigValue *value);
void cf_config_key_clear (const CfConfigKey *key, gpointer base);
gboolean cf_config_key_equal (const CfConfigKey *key, gconstpointer base, const CfConfigValue *value);

/* The least and the greatest value as a file has them, which the caller frees; NULL: there is none. */
void cf_config_key_dup_bounds (const CfConfigKey *key, char **out_low, char **out_high);
/* What stands in the variable, as it would in the file; the caller frees. "": nothing. */
char *cf_config_key_format (const CfConfigKey *key, gconstpointer base);

void cf_config_key_describe (const CfConfigKey *key, GString *out);

/* Whether a running server may replace a key of this type. STRING and FILE only where the main thread alone
 * reads them, which holds for core's own. */
gboolean cf_config_key_can_reload (CfConfigType type, gboolean core);

/* Reads the values of a table from the file and claims @group: an array of @n, the caller frees with
 * cf_config_values_free(). NULL with "FILE:LINE: reason". */
CfConfigValue *cf_config_read (CfConfig *config, const char *group, const CfConfigKey *keys, gsize row_size,
                               guint n, GError **error);
void cf_config_values_free (CfConfigValue *values, guint n);

G_END_DECLS

#endif
