/* core/module/registry.h - the tables that core and the modules have registered.
 *
 * There is one registry in a process. It is opened empty, filled by core and by the loader through a
 * CfRegistrar (coffer/module.h), and frozen; from then on it never changes, so that every look-up below may
 * be made by any thread without a lock. The rows given out are the registry's own copies at the size this
 * core knows: what a module built earlier did not have is zero. They, and all strings, live until
 * cf_registry_close().
 *
 * Names are compared octet by octet and are upper case in the tables; the caller passes upper case.
 */
#ifndef CF_MODULE_REGISTRY_H
#define CF_MODULE_REGISTRY_H

#include <coffer/module.h>
#include "module/config.h"
#include "net/net.h"

G_BEGIN_DECLS

/* ---- Life: main thread ------------------------------------------------------------------------------- */

/* Opens the registry, empty. @config answers cf_registrar_add_config() and must outlive the registry; NULL:
 * every key has its default. */
void cf_registry_open (CfConfig *config);
/* From here on @config answers, until the registry is frozen: of modules loaded earlier nothing changes. For
 * who opens the stores of two configurations. */
void cf_registry_set_config (CfConfig *config);
/* The registrar for core's own tables. Borrowed. */
CfRegistrar *cf_registry_get_core_registrar (void);
/* Closes the door: every later registration fails. */
void cf_registry_freeze (void);
/* Calls the modules' shutdown in reverse load order, and frees everything. The shared objects stay mapped: a
 * library's destructors and thread-local data may still refer to them. Does nothing when not open. */
void cf_registry_close (void);

/* ---- Look-ups: any thread, once frozen ----------------------------------------------------------------- */

/* "NOOP", "UID FETCH"; NULL: no such command. */
const CfCommand *cf_registry_lookup_command (const char *name);

/* Capabilities in the order of registration. */
guint cf_registry_get_n_capabilities (void);
const CfCapability *cf_registry_get_capability (guint i);

/* What @command takes as @name; NULL: nothing of that kind. */
const CfParameter *cf_registry_lookup_parameter (const char *command, CfParameterKind kind, const char *name);

/* The item by the name before "[" or "<"; NULL: no such item. */
const CfItem *cf_registry_lookup_item (CfItemKind kind, const char *name);
guint cf_registry_get_n_items (CfItemKind kind);
const CfItem *cf_registry_get_item (CfItemKind kind, guint i);

const CfSearchKey *cf_registry_lookup_search_key (const char *name);

/* Asks the hooks of @info->event in load order. FALSE: one of them vetoed, @error is set. A failure of a hook
 * that may not veto is logged and changes nothing. Costs one comparison when there is no hook. */
gboolean cf_registry_run_hooks (const CfHookInfo *info, GError **error);

/* The storage class that a module registered under @name; optional slots may be NULL here (core/store fills
 * them). NULL: not loaded. */
const CfStorageClass *cf_registry_lookup_storage (const char *name);
/* The names of all storage classes, NULL-terminated; borrowed. */
const char *const *cf_registry_get_storage_names (void);

/* NULL-terminated arrays in load order; borrowed. */
const CfAuthenticationClass *const *cf_registry_get_authentication (void);
const CfAccessClass *const *cf_registry_get_access (void);
const CfProtocol *const *cf_registry_get_protocols (void);

/* A session keeps one pointer for each slot and frees those that are
 * set with cf_registry_free_session_data(). */
guint cf_registry_get_n_session_slots (void);
void cf_registry_free_session_data (guint slot, gpointer data);

/* ---- Configuration: main thread ------------------------------------------------------------------------ */

/* Calls @func for each group that a module registered. */
void cf_registry_foreach_group (CfConfigGroupFunc func, gpointer user_data);
/* A second reading: adds to @changes what @config would change for the modules. */
gboolean cf_registry_collect_config (CfConfigChanges *changes, CfConfig *config, GError **error);

/* ---- Modules ------------------------------------------------------------------------------------------- */

typedef struct {
  const CfModuleDescriptor *descriptor; /* at the size this core knows */
  const char *name;                     /* the file's name without ".so": "storage-sqlite" */
  const char *path;                     /* absolute */
} CfModuleInfo;

/* Loaded modules, in load order. */
guint cf_registry_get_n_modules (void);
const CfModuleInfo *cf_registry_get_module (guint i);
/* The loader's: "storage-sqlite"; NULL: not loaded. */
const CfModuleInfo *cf_registry_lookup_module (const char *name);
/* The loader's: enters a module whose descriptor was found good, and calls its init. Strings are copied;
 * @descriptor is at the size this core knows, its strings live on with the shared object. */
gboolean cf_registry_init_module (const char *name, const char *path, const CfModuleDescriptor *descriptor,
                                  GError **error);

G_END_DECLS

#endif
