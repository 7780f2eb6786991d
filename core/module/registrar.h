/* core/module/registrar.h - what registry.c and registrar.c share: the tables while they are filled.
 *
 * Private to these two; everybody else uses registry.h.
 */
#ifndef CF_MODULE_REGISTRAR_H
#define CF_MODULE_REGISTRAR_H

#include "module/registry.h"

G_BEGIN_DECLS

#define CF_ROW_LAST (CF_ROW_CLASS + 1)

/* The right to register in one owner's name: core's, or a module's. */
struct _CfRegistrar {
  char *owner; /* the module's name; "core" */
  gboolean core;
};

/* A registered row under the name it is found by. */
typedef struct {
  guint kind;        /* CF_ROW_... */
  guint part;        /* CfItemKind, CfParameterKind, CfClassKind; else 0 */
  const char *scope; /* a parameter's command; else "" */
  const char *name;
  gpointer row;
  const char *owner;
} CfRegistryEntry;

typedef struct {
  const char *owner;
  char *group;
  gpointer keys; /* copied */
  gsize row_size;
  guint n;
  gpointer base;
} CfRegistryConfig;

typedef struct {
  CfConfig *config; /* borrowed */
  gboolean frozen;
  CfRegistrar *core;
  GPtrArray *registrars; /* CfRegistrar, the modules' */
  GPtrArray *modules;    /* CfModuleInfo */

  GHashTable *entries;          /* CfRegistryEntry, a set */
  GPtrArray *rows[CF_ROW_LAST]; /* copies, owned, in the order of registration */
  GPtrArray *items[CF_ITEM_LIST + 1];
  GPtrArray *hooks[CF_HOOK_LAST];
  GPtrArray *vtables;                                             /* copies of classes' vtables, owned */
  GPtrArray *storage_names, *authentication, *access, *protocols; /* NULL-terminated once frozen */
  GArray *slots;                                                  /* GDestroyNotify */
  GPtrArray *configs;                                             /* CfRegistryConfig */
} CfRegistry;

/* The process's; NULL while not open. */
extern CfRegistry *cf_registry;

guint cf_registry_entry_hash (gconstpointer entry);
gboolean cf_registry_entry_equal (gconstpointer a, gconstpointer b);

/* Copies a class's vtable to the size core knows. NULL: @error says what it lacks. The caller frees. */
gpointer cf_registrar_dup_vtable (const CfClass *class, GError **error);

G_END_DECLS

#endif
