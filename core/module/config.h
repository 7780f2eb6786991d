/* core/module/config.h - the configuration file: a strict reader, and the keys that claim its lines.
 *
 * The file has groups of keys:
 *
 *   # a comment, on a line of its own
 *   [server]
 *   listen = imap://127.0.0.1:1143;imaps://[::]
 *
 * Nothing in it is ever passed over in silence: a line that is not one of these, a group or a key that nobody
 * has registered, a key given twice and a value that does not fit are errors that name file and line. The
 * message is "FILE:LINE: reason", always CF_ERROR_CANNOT. GKeyFile, which this resembles, knows no lines and
 * keeps the last of two equal keys without a word.
 *
 * Main thread only.
 */
#ifndef CF_MODULE_CONFIG_H
#define CF_MODULE_CONFIG_H

#include <coffer/module.h>

G_BEGIN_DECLS

typedef struct _CfConfig CfConfig;

/* Reads @path. NULL with @error: the file cannot be read, or is not well formed. */
CfConfig *cf_config_load (const char *path, GError **error);
/* The same from text; @path stands in messages and is what relative files are relative to. */
CfConfig *cf_config_parse (const char *path, const char *text, GError **error);
void cf_config_free (CfConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfConfig, cf_config_free)

const char *cf_config_get_path (const CfConfig *config);

/* Fills the variables of @keys (row size @row_size) in @base from @group and claims the group. Strings
 * and lists that were there are freed first, so @base is zero or was filled before. All or nothing.
 * @config NULL: defaults. */
gboolean cf_config_apply (CfConfig *config, const char *group, const CfConfigKey *keys, gsize row_size,
                          guint n, gpointer base, GError **error);

/* After the last cf_config_apply(): a group that nobody claimed is an error. */
gboolean cf_config_check_unclaimed (CfConfig *config, GError **error);
/* Claims @group without reading it: its owner is not there to do so, but will be after a restart. */
void cf_config_claim (CfConfig *config, const char *group);

/* Puts "FILE:LINE: " of a key before the message of *@error, for what only a later step finds wrong with its
 * value. A message that names the file already stays as it is. @config NULL: nothing is done. */
void cf_config_prefix_error (const CfConfig *config, const char *group, const char *key, GError **error);

/* A second reading of the file, after SIGHUP. Checks the values of @keys in @config and collects in @changes,
 * for each key whose value differs from the one in @base, what is to be done; nothing is changed yet. */
typedef struct _CfConfigChanges CfConfigChanges;
CfConfigChanges *cf_config_changes_new (void);
gboolean cf_config_changes_collect (CfConfigChanges *changes, CfConfig *config, const char *group,
                                    const CfConfigKey *keys, gsize row_size, guint n, gpointer base,
                                    GError **error);
/* Replaces the variables of reloadable keys, atomically each, while sessions run. *@out_applied are their
 * names, the caller's as well. Returns the names
 * ("server.workers") of changed keys that wait for a restart: NULL-terminated, the caller frees. */
char **cf_config_changes_apply (CfConfigChanges *changes, char ***out_applied);
void cf_config_changes_free (CfConfigChanges *changes);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfConfigChanges, cf_config_changes_free)

/* @text as a value of the type DURATION: seconds. */
gboolean cf_config_parse_duration (const char *text, gint64 minimum, gint64 maximum, gint64 *out_seconds,
                                   GError **error);

/* Frees the strings and lists of @keys in @base. */
void cf_config_clear (const CfConfigKey *keys, gsize row_size, guint n, gpointer base);

/* A group and its keys, as core or a module has registered them; borrowed. */
typedef struct {
  const char *name;
  const char *summary; /* the module's; NULL: core's group */
  const CfConfigKey *keys;
  gsize row_size;
  guint n;
  gconstpointer base; /* of the keys' variables */
} CfConfigGroup;

typedef void (*CfConfigGroupFunc) (const CfConfigGroup *group, gpointer user_data);

/* The key in row @i. */
CfConfigKey cf_config_group_get_key (const CfConfigGroup *group, guint i);

/* What the key in row @i is set to, as it would stand in the file, without its secrets; the caller frees. ""
 * where it is nothing. *@out_is_default: that is what it is without a file. Main thread. */
char *cf_config_group_dup_value (const CfConfigGroup *group, guint i, gboolean *out_is_default);

/* Appends @keys as lines of a configuration file, commented out, each with help, type, default and range. The
 * group's line is the caller's. */
void cf_config_describe (GString *out, const CfConfigKey *keys, gsize row_size, guint n);

G_END_DECLS

#endif
