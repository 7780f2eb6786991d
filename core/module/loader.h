/* core/module/loader.h - finding, checking and starting modules.
 *
 * A module is looked for by name in each directory of the environment's COFFER_MODULE_PATH (separated by
 * colons), or in the installation's module directory when that is not set: as NAME.so, or as NAME/NAME.so,
 * which is how a build tree lays them out. In names '_' and '-' are the same.
 *
 * A refusal names the file. It is CF_ERROR_NONEXISTENT when a module that this one requires is not loaded,
 * else CF_ERROR_CANNOT or what the module's init said; after the last the registry is good for
 * cf_registry_close() alone. Main thread.
 */
#ifndef CF_MODULE_LOADER_H
#define CF_MODULE_LOADER_H

#include "module/registry.h"

G_BEGIN_DECLS

/* Loads the module @name into the open registry. */
gboolean cf_loader_load (const char *name, GError **error);
/* Loads the shared object at @path, whose module is named after it. */
gboolean cf_loader_load_file (const char *path, GError **error);
/* Loads every module that is there, those that others require first. */
gboolean cf_loader_load_all (GError **error);

/* From now on a module is loaded whoever may write to it: for a build that asks what it has built for its
 * keys, in a tree that may belong to anybody. Never in a server. */
void cf_loader_trust_all (void);

/* The names of all modules in the module path, sorted. NULL-terminated, the caller frees. */
char **cf_loader_dup_names (void);

G_END_DECLS

#endif
