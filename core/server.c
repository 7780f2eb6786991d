/* core/server.c - the server as a whole (server.h).
 *
 * The order is the idea: everything that can be found wrong is found before a socket is opened; sockets are
 * bound while the process may still be root; the store is opened as the user who serves; clients come last.
 */
#include "server.h"

#include "base/log.h"
#include "commands/commands.h"
#include "commands/login.h"
#include "control/control.h"
#include "imap/login-limit.h"
#include "imap/session.h"
#include "mime/facts-cache.h"
#include "module/loader.h"
#include "module/registry.h"
#include "module/settings.h"
#include "net/net.h"
#include "server-checks.h"
#include "store/login-audit.h"
#include "store/service.h"
#include "store/upkeep.h"
#include "system.h"

#include <errno.h>
#include <sys/stat.h>

struct _CfServer {
  CfConfig *config;
  CfNet *net;
  void (*drained) (gpointer user_data);
  gpointer drained_data;
  gint64 close_by; /* monotonic microseconds; 0: it is not being drained */
};

/* ---- Tables ------------------------------------------------------------------------------------------ */

/* Core's own commands, items, capabilities and protocols, through the door that modules use: one function for
 * each area. */
static gboolean
register_protocols (CfRegistrar *registrar, GError **error)
{
  static const CfClass protocols[] = {
    { CF_CLASS_PROTOCOL, "imap", &cf_imap_protocol },
    { CF_CLASS_PROTOCOL, "control", &cf_control_protocol },
  };

  return cf_registrar_add_classes (registrar, protocols, error);
}

static gboolean (*const core_tables[]) (CfRegistrar *registrar, GError **error) = {
  cf_commands_register,
  register_protocols,
  NULL,
};

static gboolean
register_core (GError **error)
{
  for (guint i = 0; core_tables[i]; i++) {
    if (!core_tables[i](cf_registry_get_core_registrar (), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
load_modules (CfConfig *config, GError **error)
{
  const CfSettings *settings = cf_settings_get ();

  for (guint i = 0; settings->modules[i]; i++) {
    if (!cf_loader_load (settings->modules[i], error)) {
      cf_config_prefix_error (config, "server", "modules", error);
      return FALSE;
    }
  }
  return TRUE;
}

/* @config NULL: defaults, and every module that is found. */
static gboolean
fill_tables (CfConfig *config, GError **error)
{
  if (!cf_settings_load (config, error))
    return FALSE;
  cf_log_set_level (cf_settings_get ()->log_level);
  cf_registry_open (config);
  if (!register_core (error) || !(config != NULL ? load_modules (config, error) : cf_loader_load_all (error)))
    return FALSE;
  cf_registry_freeze ();
  return cf_config_check_unclaimed (config, error);
}

static void
clear_tables (void)
{
  cf_registry_close ();
  cf_settings_unload ();
}

gboolean
cf_server_foreach_config_group (const char *config_path, CfConfigGroupFunc func, gpointer user_data,
                                GError **error)
{
  g_autoptr (CfConfig) config = NULL;
  gboolean good;

  if (config_path != NULL && (config = cf_config_load (config_path, error)) == NULL)
    return FALSE;
  good = fill_tables (config, error);
  if (good) {
    cf_settings_foreach_group (func, user_data);
    cf_registry_foreach_group (func, user_data);
  }
  clear_tables ();
  return good;
}

/* A module's group is commented out too, as a file may not hold the group of a module that it does not load.
 */
static void
describe_group (const CfConfigGroup *group, gpointer user_data)
{
  GString *out = user_data;

  g_string_append_printf (out, "%s[%s]\n\n", group->summary != NULL ? "#" : "", group->name);
  cf_config_describe (out, group->keys, group->row_size, group->n);
}

char *
cf_server_describe_config (const char *config_path, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!cf_server_foreach_config_group (config_path, describe_group, text, error))
    return NULL;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* ---- The server -------------------------------------------------------------------------------------- */

/* For calls of the store that are about to return: beyond the time to drain, and once sessions have ended,
 * for those that nobody waits for any more. */
#define END_GRACE_US     (2 * G_USEC_PER_SEC)
#define STOPPED_GRACE_US (5 * G_USEC_PER_SEC)

static void
net_drained (CfNet *net, gpointer user_data)
{
  CfServer *server = user_data;

  cf_system_end_by (g_get_monotonic_time () + STOPPED_GRACE_US);
  server->drained (server->drained_data);
}

/* Each client is an open file, and the store, spooled literals and listeners need some too. */
static guint
get_max_connections (const CfSettings *settings)
{
  guint64 files = cf_system_raise_file_limit ();
  guint64 others = MIN (MAX (files / 16, 64), files / 2);

  return (guint) MIN ((guint64) settings->max_connections, files - others);
}

static CfNet *
new_net (CfServer *server, GError **error)
{
  const CfSettings *settings = cf_settings_get ();
  const CfNetConfig config = {
    .workers = (guint) settings->workers,
    .max_connections = get_max_connections (settings),
    .operator_protocol = cf_control_protocol.name,
    .worker_start = cf_store_worker_new,
    .worker_stop = cf_store_worker_free,
    .drained = net_drained,
    .user_data = server,
  };

  return cf_net_new (&config, error);
}

CfServer *
cf_server_new (const char *config_path, GError **error)
{
  g_autoptr (CfServer) server = g_new0 (CfServer, 1);
  const CfSettings *settings = cf_settings_get ();

  server->config = cf_config_load (config_path, error);
  if (server->config == NULL || !fill_tables (server->config, error))
    return NULL;
  if (!cf_server_check_user (settings, server->config, error)
      || !cf_server_check_storage (settings, server->config, error)
      || !cf_server_check_listen (settings, server->config, error)
      || !cf_server_check_create_mailboxes (server->config, error)
      || !cf_server_check_spool (settings, server->config, error))
    return NULL;
  server->net = new_net (server, error);
  if (server->net == NULL || !cf_server_set_limits (server->net, settings, server->config, error)
      || !cf_server_set_tls (server->net, settings, server->config, error))
    return NULL;
  return g_steal_pointer (&server);
}

/* Nobody is accepted before the server starts, and the protocol looks at who it is; the mode saves others
 * from finding that out. A socket that the service manager made may be another's: then its mode will do. */
static gboolean
close_to_others (const char *path)
{
  struct stat info;

  if (chmod (path, 0600) == 0)
    return cf_settings_get ()->user == NULL || cf_system_give_file (path, cf_settings_get ()->user);
  return errno == EPERM && stat (path, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static gboolean
listen_for_control (CfServer *server, const char *path, GError **error)
{
  g_autofree char *text = g_strconcat ("unix:", path, NULL);

  if (!cf_net_listen (server->net, text, cf_registry_get_protocols (), error))
    return FALSE;
  if (close_to_others (path))
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
listen_all (CfServer *server, GError **error)
{
  const CfSettings *settings = cf_settings_get ();
  const CfProtocol *const *protocols = cf_registry_get_protocols ();

  for (guint i = 0; settings->listen[i]; i++) {
    if (!cf_net_listen (server->net, settings->listen[i], protocols, error))
      return FALSE;
  }
  if (settings->control_socket != NULL && !listen_for_control (server, settings->control_socket, error))
    return FALSE;
  cf_net_listen_check_activation (server->net);
  return TRUE;
}

/* ---- The store --------------------------------------------------------------------------------------- */

static void
wake (CfConnRef ref, guint reason, gpointer user_data)
{
  cf_net_wake (user_data, ref, reason);
}

static void
wake_with_permit (CfConnRef ref, gpointer user_data)
{
  cf_net_wake (user_data, ref, CF_WAKE_COMPLETION);
}

/* Disabled or deleted by way of another server. */
static void
account_closed (CfAccountId account, gpointer user_data)
{
  guint n = cf_control_kick_account (user_data, account);

  if (n > 0)
    g_message ("Told %u sessions to end, as their account was closed elsewhere", n);
}

static gboolean
open_store (CfServer *server, GError **error)
{
  const CfSettings *settings = cf_settings_get ();
  const CfStoreServiceConfig config = {
    .storage_class = cf_registry_lookup_storage (settings->storage_class),
    .class_name = settings->storage_class,
    .flags = CF_STORE_OPEN_CREATE,
    .workers = cf_net_get_n_workers (server->net),
    .permits = (guint) settings->store_permits,
    .heavy_permits = (guint) settings->heavy_permits,
    .deadline_ms = (guint) settings->store_deadline * 1000,
    .wake = wake_with_permit,
    .wake_data = server->net,
  };

  if (!cf_store_service_open (&config, error))
    return FALSE;
  cf_mailbox_init ((gsize) settings->snapshot_cache, wake, server->net);
  cf_facts_cache_init ((gsize) settings->facts_cache);
  cf_login_init ();
  cf_login_limit_init ();
  cf_trace_init (cf_control_trace_changed, server->net);
  if (!cf_store_service_watch (account_closed, server->net, error))
    return FALSE;
  cf_upkeep_start ();
  cf_login_audit_start ();
  return TRUE;
}

/* Waits for calls of the store that were told to end. Every session has ended. */
static void
stop_calls (void)
{
  cf_control_jobs_wait_stopped ();
  if (!cf_store_service_is_open ())
    return;
  cf_upkeep_stop ();
  cf_login_audit_stop ();
  cf_store_service_unwatch (); /* a thread of the store's may be telling what changed elsewhere */
}

static void
close_store (void)
{
  if (!cf_store_service_is_open ())
    return;
  cf_trace_shutdown ();
  cf_login_limit_shutdown ();
  cf_login_shutdown ();
  cf_facts_cache_shutdown ();
  cf_mailbox_shutdown ();
  cf_store_service_close ();
}

/* ---- The schema -------------------------------------------------------------------------------------- */

static gboolean
upgrade_schema (const CfStorageClass *slots, CfStore *store, gboolean dry_run, const CfSchemaReport *report,
                guint *out_from, guint *out_to, GError **error)
{
  guint wanted, ignored;

  if (!slots->schema_version (store, out_from, &wanted, error))
    return FALSE;
  *out_to = wanted;
  if (*out_from == wanted)
    return TRUE;
  if (dry_run)
    return slots->schema_describe (store, report->print, report->user_data, error);
  return slots->schema_upgrade (store, report->progress, report->user_data, error)
         && slots->schema_version (store, out_to, &ignored, error);
}

gboolean
cf_server_upgrade_schema (const char *config_path, gboolean dry_run, const CfSchemaReport *report,
                          guint *out_from, guint *out_to, GError **error)
{
  const CfSettings *settings = cf_settings_get ();
  g_autoptr (CfServer) server = cf_server_new (config_path, error);
  CfStorageClass slots;
  CfStore *store;
  gboolean good;

  if (server == NULL || (settings->user != NULL && !cf_system_become_user (settings->user, error)))
    return FALSE;
  cf_storage_class_fill (&slots, cf_registry_lookup_storage (settings->storage_class));
  if (!slots.open (CF_STORE_OPEN_UPGRADE, &store, error))
    return FALSE;
  good = upgrade_schema (&slots, store, dry_run, report, out_from, out_to, error);
  slots.close (store);
  return good;
}

/* ---- Starting ---------------------------------------------------------------------------------------- */

gboolean
cf_server_start (CfServer *server, GError **error)
{
  const CfSettings *settings = cf_settings_get ();

  if (get_max_connections (settings) < settings->max_connections)
    g_message ("max_connections is %" G_GINT64_FORMAT
               ", but the limit of open files allows %u clients at a time",
               settings->max_connections, get_max_connections (settings));
  if (!listen_all (server, error))
    return FALSE;
  if (settings->user != NULL && !cf_system_become_user (settings->user, error))
    return FALSE;
  return open_store (server, error) && cf_net_start (server->net, error);
}

gboolean
cf_server_start_private (CfServer *server, GError **error)
{
  const CfSettings *settings = cf_settings_get ();

  if (settings->user != NULL && !cf_system_become_user (settings->user, error))
    return FALSE;
  return open_store (server, error) && cf_net_start (server->net, error);
}

gboolean
cf_server_attach_control (CfServer *server, int fd, GError **error)
{
  return cf_net_attach_fd (server->net, fd, &cf_control_protocol, FALSE, error) != 0;
}

char **
cf_server_dup_addresses (CfServer *server)
{
  return cf_net_dup_addresses (server->net);
}

gboolean
cf_server_probe (CfServer *server)
{
  return cf_net_probe (server->net);
}

/* ---- Reload ------------------------------------------------------------------------------------------ */

/* Groups of modules that a restart would load are not unknown. */
static void
claim_modules_to_come (const CfSettings *fresh, CfConfig *config)
{
  for (guint i = 0; fresh->modules[i]; i++) {
    g_autofree char *group = g_strdelimit (g_strdup (fresh->modules[i]), "_", '-');

    if (cf_registry_lookup_module (group) == NULL)
      cf_config_claim (config, group);
  }
}

static void
apply_changes (CfConfigChanges *changes, CfServerReload *out)
{
  out->waiting = cf_config_changes_apply (changes, &out->applied);

  cf_log_set_level (cf_settings_get ()->log_level);
  cf_store_service_set_deadline ((guint) cf_settings_get ()->store_deadline * 1000);
  if (out->waiting[0] != NULL) {
    g_autofree char *names = g_strjoinv (", ", out->waiting);

    g_warning ("Changed in the configuration, but only a restart applies it: %s", names);
  }
}

/* Everything that can fail, the certificate last: the limits behind it have been checked before. */
static gboolean
reload_checked (CfServer *server, CfConfig *config, CfSettings *fresh, CfServerReload *out, GError **error)
{
  g_autoptr (CfConfigChanges) changes = cf_config_changes_new ();

  if (!cf_settings_read (config, fresh, error) || !cf_settings_collect (changes, config, error)
      || !cf_registry_collect_config (changes, config, error))
    return FALSE;
  claim_modules_to_come (fresh, config);
  if (!cf_config_check_unclaimed (config, error) || !cf_server_check_listen (fresh, config, error)
      || !cf_server_check_all_networks (fresh, config, error)
      || !cf_server_set_tls (server->net, fresh, config, error)
      || !cf_server_set_limits (server->net, fresh, config, error))
    return FALSE;
  if (fresh->tls_certificate == NULL && cf_net_has_tls (server->net))
    g_warning ("tls_certificate was taken out of the configuration: the old one is used until a restart");
  apply_changes (changes, out);
  return TRUE;
}

gboolean
cf_server_reload (CfServer *server, CfServerReload *out, GError **error)
{
  g_autoptr (CfConfig) config = cf_config_load (cf_config_get_path (server->config), error);
  CfSettings fresh = { 0 };
  gboolean good;

  if (config == NULL)
    return FALSE;
  good = reload_checked (server, config, &fresh, out, error);
  cf_settings_clear (&fresh);
  return good;
}

/* ---- The end ----------------------------------------------------------------------------------------- */

void
cf_server_drain (CfServer *server, void (*drained) (gpointer user_data), gpointer user_data)
{
  gboolean again = server->drained != NULL;
  guint seconds = again ? 0 : (guint) cf_settings_get ()->drain_time;

  server->drained = drained;
  server->drained_data = user_data;
  server->close_by = g_get_monotonic_time () + (gint64) (seconds + CF_SERVER_CLOSE_SECONDS) * G_USEC_PER_SEC;
  cf_system_end_by (g_get_monotonic_time () + seconds * G_USEC_PER_SEC + END_GRACE_US);
  cf_net_drain (server->net, seconds);
}

void
cf_server_free (CfServer *server)
{
  if (server == NULL)
    return;
  if (server->net != NULL)
    cf_net_stop (server->net);
  stop_calls ();
  if (server->close_by != 0)
    cf_system_end_by (server->close_by);
  cf_control_jobs_wait ();
  close_store ();
  cf_net_free (server->net);
  clear_tables ();
  cf_config_free (server->config);
  g_free (server);
}
