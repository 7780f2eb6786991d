/* core/cofferctl/migrate-stores.c - the two stores of a migration, in one process (migrate.h).
 *
 * There is one registry. The modules of the first configuration are loaded into it until one has registered
 * its storage class, then those of the second, each with its own file's keys. A class that both would need
 * cannot be configured twice, so the classes differ.
 */
#include "cofferctl/migrate.h"

#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "cofferctl/engine.h"
#include "module/loader.h"
#include "module/registry.h"
#include "module/settings.h"
#include "store/service.h"
#include "system.h"

/* ---- Configuration ---- */

static gboolean G_GNUC_PRINTF (2, 3) refuse (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (CF_ERROR, CF_ERROR_CANNOT, format, args));
  va_end (args);
  return FALSE;
}

/* The server of the destination is not to run. Where it has the source's control socket, it is not known
 * whose server that is. */
static gboolean
check_no_server (const char *path, GError **error)
{
  CtlEngine engine;
  gboolean runs;
  int ignored;

  if (!ctl_engine_open (&engine, path, CTL_ENGINE_NONE, &ignored, error))
    return FALSE;
  runs = engine.connection != NULL;
  ctl_engine_close (&engine);
  return !runs || refuse (error, "A server runs with %s: stop it first", path);
}

static gboolean
check_settings (const CfSettings *from, const CfSettings *to, const char *to_path, GError **error)
{
  if (g_str_equal (from->storage_class, to->storage_class))
    return refuse (
        error,
        "Both configurations have storage class %s: migrate copies from one class to another. Stores of "
        "one class are copied by their own means, such as cofferctl backup or pg_dump",
        from->storage_class);
  if (from->user != NULL && to->user != NULL && !g_str_equal (from->user, to->user))
    return refuse (error, "The configurations have different users: %s and %s", from->user, to->user);
  return to->control_socket == NULL || g_strcmp0 (from->control_socket, to->control_socket) == 0
         || check_no_server (to_path, error);
}

/* ---- Modules ---- */

/* Storage modules are called so as a rule: the class's own is tried first, then others, then all. */
static gboolean
is_for_round (const char *name, const char *class_name, guint round)
{
  g_autofree char *own = g_strconcat ("storage-", class_name, NULL);

  return round == 0 ? g_str_equal (name, own) : round == 2 || g_str_has_prefix (name, "storage-");
}

/* Loads modules of @settings until one registers its storage class. */
static gboolean
load_class (const CfSettings *settings, MigrateStore *store, GError **error)
{
  const char *wanted = settings->storage_class, *path = cf_config_get_path (store->config);

  if (cf_registry_lookup_storage (wanted) != NULL)
    return refuse (error, "%s: storage class %s belongs to a module that the other configuration needs", path,
                   wanted);
  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; settings->modules[i] != NULL; i++) {
      g_autofree char *name = g_strdelimit (g_strdup (settings->modules[i]), "_", '-');

      if (cf_registry_lookup_module (name) != NULL || !is_for_round (name, wanted, round))
        continue;
      if (!cf_loader_load (name, error)) {
        cf_config_prefix_error (store->config, "server", "modules", error);
        return FALSE;
      }
      if (cf_registry_lookup_storage (wanted) != NULL)
        return TRUE;
    }
  }
  return refuse (error, "%s: no module of [server] modules has storage class %s", path, wanted);
}

static gboolean
load_classes (const CfSettings *settings, MigrateStore *from, MigrateStore *to, GError **error)
{
  const CfStorageClass *reads, *writes;

  cf_registry_open (from->config);
  if (!load_class (settings, from, error))
    return FALSE;
  cf_registry_set_config (to->config);
  if (!load_class (cf_settings_get (), to, error))
    return FALSE;
  cf_registry_freeze ();
  from->class_name = g_strdup (settings->storage_class);
  to->class_name = g_strdup (cf_settings_get ()->storage_class);
  reads = cf_registry_lookup_storage (from->class_name);
  writes = cf_registry_lookup_storage (to->class_name);
  if (writes->struct_size <= G_STRUCT_OFFSET (CfStorageClass, mailbox_restore)
      || writes->mailbox_restore == NULL)
    return refuse (error, "Storage class %s cannot be migrated to: it has no mailbox_restore",
                   to->class_name);
  to->keeps_parts = writes->object_put != NULL;
  cf_storage_class_fill (&from->slots, reads);
  cf_storage_class_fill (&to->slots, writes);
  return TRUE;
}

/* ---- Stores ---- */

static gboolean
open_store (MigrateStore *store, CfStoreOpenFlags flags, GError **error)
{
  store->call = (CfCall){ .struct_size = sizeof store->call, .deadline = G_MAXINT64, .trace = "migrate" };
  if (!store->slots.open (flags, &store->store, error)) {
    g_prefix_error (error, "%s: ", store->class_name);
    return FALSE;
  }
  return store->slots.connect (store->store, &store->conn, error);
}

static gboolean
open_both (const CfSettings *settings, MigrateStore *from, MigrateStore *to, GError **error)
{
  const char *user = settings->user != NULL ? settings->user : cf_settings_get ()->user;

  if (user != NULL && !cf_system_become_user (user, error))
    return FALSE;
  return open_store (from, CF_STORE_OPEN_READONLY, error) && open_store (to, CF_STORE_OPEN_CREATE, error);
}

gboolean
migrate_stores_open (const char *from_path, const char *to_path, MigrateStore *from, MigrateStore *to,
                     int *out_code, GError **error)
{
  CfSettings settings = { 0 };
  gboolean good;

  *from = *to = (MigrateStore){ 0 };
  *out_code = EX_CONFIG;
  from->config = cf_config_load (from_path, error);
  to->config = from->config != NULL ? cf_config_load (to_path, error) : NULL;
  good = to->config != NULL && cf_settings_read (from->config, &settings, error);
  if (good) {
    CfSettings other = { 0 };

    good = cf_settings_read (to->config, &other, error) && check_settings (&settings, &other, to_path, error);
    cf_settings_clear (&other);
  }
  good = good && cf_settings_load (to->config, error);
  if (good)
    cf_log_set_level (cf_settings_get ()->log_level);
  good = good && load_classes (&settings, from, to, error);
  if (good) {
    *out_code = 1;
    good = open_both (&settings, from, to, error);
  }
  cf_settings_clear (&settings);
  return good;
}

static void
close_store (MigrateStore *store)
{
  if (store->conn != NULL)
    store->slots.disconnect (store->conn);
  if (store->store != NULL)
    store->slots.close (store->store);
  g_free (store->class_name);
}

void
migrate_stores_close (MigrateStore *from, MigrateStore *to)
{
  close_store (from);
  close_store (to);
  cf_registry_close ();
  cf_settings_unload ();
  cf_config_free (from->config);
  cf_config_free (to->config);
}

gboolean
migrate_store_reconnect (MigrateStore *store, GError **error)
{
  if (store->conn != NULL)
    store->slots.disconnect (g_steal_pointer (&store->conn));
  return store->slots.connect (store->store, &store->conn, error);
}
