/* tests/fuzz/server-double.c - the whole server in one thread (server-double.h). */
#include "server-double.h"

#include "commands/commands.h"
#include "commands/login.h"
#include "control/control.h"
#include "fuzz.h"
#include "imap/login-limit.h"
#include "imap/session.h"
#include "imap/trace.h"
#include "mime/facts-cache.h"
#include "module/registry.h"
#include "module/settings.h"
#include "store/names.h"
#include "store/service.h"

#include <string.h>

extern const CfModuleDescriptor coffer_module_auth, coffer_module_search, coffer_module_storage_memory;

/* Limits that small inputs reach. */
static const char config_text[] = "log_level = error\n"
                                  "connections_per_account = 4\n"
                                  "[imap]\n"
                                  "command_max = 8k\n"
                                  "literal_max = 4k\n"
                                  "append_limit = 32k\n"
                                  "spool_threshold = 2k\n"
                                  "keywords_per_message = 8\n"
                                  "utf8_accept = true\n"
                                  "[storage]\n"
                                  "class = memory\n"
                                  "object_threshold = 256\n"
                                  "facts_cache = 64k\n"
                                  "snapshot_cache = 64k\n"
                                  "create_mailboxes = Sent \\Sent;Trash \\Trash\n"
                                  "[auth]\n"
                                  "iterations = 4096\n";

static CfConfig *config;
static CfStoreServiceConfig store_config;
static gpointer worker_data;
static GBytes *credential; /* of SERVER_PASSWORD */
static char *credential_kind;

static void
check (gboolean good, const GError *error)
{
  FUZZ_CHECK (good, "%s", error != NULL ? error->message : "");
}

/* ---- Tables ---- */

static void
init_module (const char *name, const CfModuleDescriptor *descriptor)
{
  g_autoptr (GError) error = NULL;

  check (cf_registry_init_module (name, "linked", descriptor, &error), error);
}

static void
register_protocols (void)
{
  static const CfClass protocols[] = {
    { CF_CLASS_PROTOCOL, "imap", &cf_imap_protocol },
    { CF_CLASS_PROTOCOL, "control", &cf_control_protocol },
  };
  g_autoptr (GError) error = NULL;

  check (cf_registrar_add_classes (cf_registry_get_core_registrar (), protocols, &error), error);
}

static void
derive_credential (void)
{
  const CfAuthenticationClass *class = cf_registry_get_authentication ()[0];
  g_autoptr (GError) error = NULL;

  check (class->derive_credential (SERVER_USER_ANN, SERVER_PASSWORD, &credential_kind, &credential, &error),
         error);
}

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

static void
register_hook (gboolean (*command) (const CfHookInfo *info, GError **error))
{
  const CfHook hooks[] = { { CF_HOOK_COMMAND, FALSE, command } };
  g_autoptr (GError) error = NULL;

  if (command != NULL)
    check (cf_registrar_add_hooks (cf_registry_get_core_registrar (), hooks, &error), error);
}

void
server_double_init (gboolean (*command) (const CfHookInfo *info, GError **error), const char *trace_dir)
{
  g_autofree char *text
      = g_strdup_printf ("[server]\ntrace_dir = %s\n%s", trace_dir != NULL ? trace_dir : "", config_text);
  g_autoptr (GError) error = NULL;

  fuzz_log_init ();
  config = cf_config_parse ("/fuzz.conf", text, &error);
  check (config != NULL, error);
  check (cf_settings_load (config, &error), error);
  cf_registry_open (config);
  check (cf_commands_register (cf_registry_get_core_registrar (), &error), error);
  register_protocols ();
  register_hook (command);
  init_module ("auth", &coffer_module_auth);
  init_module ("search", &coffer_module_search);
  init_module ("storage-memory", &coffer_module_storage_memory);
  cf_registry_freeze ();
  check (cf_config_check_unclaimed (config, &error), error);
  derive_credential ();
  store_config = (CfStoreServiceConfig){
    .storage_class = cf_registry_lookup_storage ("memory"),
    .class_name = "memory",
    .flags = CF_STORE_OPEN_CREATE,
    .workers = 2,
    .permits = 1,
    .heavy_permits = 1,
    .deadline_ms = 10000,
    .wake = wake_with_permit,
    .wake_data = net_double_get (),
  };
}

/* ---- A run ---- */

static void
add_account (const char *name)
{
  CfAccountChange change = {
    .struct_size = sizeof change, .disabled = -1, .credential_kind = credential_kind, .credential = credential
  };
  g_autoptr (GError) error = NULL;
  CfStoreFrame frame;
  CfAccountId id;

  check (cf_store_begin (&frame, 0, 0, &error), error);
  check (frame.slots->account_create (frame.conn, &frame.call, name, &id, &error), error);
  check (frame.slots->account_update (frame.conn, &frame.call, id, &change, &error), error);
  cf_store_end (&frame, TRUE, &error);
}

void
server_double_start (void)
{
  g_autoptr (GError) error = NULL;

  net_double_reset ();
  check (cf_store_service_open (&store_config, &error), error);
  worker_data = cf_store_worker_new (0, NULL);
  net_double_set_worker_data (worker_data);
  cf_mailbox_init ((gsize) cf_settings_get ()->snapshot_cache, wake, net_double_get ());
  cf_facts_cache_init ((gsize) cf_settings_get ()->facts_cache);
  cf_login_init ();
  cf_login_limit_init ();
  cf_trace_init (cf_control_trace_changed, net_double_get ());
  add_account (SERVER_USER_ANN);
  add_account (SERVER_USER_BOB);
}

void
server_double_stop (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    continue; /* what was left for the main thread */
  cf_trace_shutdown ();
  cf_login_limit_shutdown ();
  cf_login_shutdown ();
  cf_facts_cache_shutdown ();
  cf_mailbox_shutdown ();
  cf_names_forget_all ();
  cf_store_worker_free (0, worker_data, NULL);
  net_double_set_worker_data (NULL);
  cf_store_service_close ();
}

/* ---- Clients ---- */

typedef struct {
  CfAccountSink sink;
  CfAccountId id;
} Lookup;

static void
receive_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  ((Lookup *) sink)->id = info->id;
}

static void
receive_address (CfAccountSink *sink, const char *address)
{
}

static void
receive_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

CfConn *
server_double_log_in (const char *user)
{
  Lookup lookup = { { sizeof lookup.sink, receive_account, receive_address, receive_credential }, 0 };
  CfConn *conn = net_double_connect (&cf_imap_protocol, TRUE);
  CfIdentity identity = { .struct_size = sizeof identity };
  g_autoptr (GError) error = NULL;
  CfStoreFrame frame;

  check (cf_store_begin (&frame, 0, 0, &error), error);
  check (frame.slots->account_lookup (frame.conn, &frame.call, user, &lookup.sink, &error), error);
  cf_store_end (&frame, TRUE, &error);
  identity.account = lookup.id;
  identity.user = identity.address = (char *) user;
  net_double_set_session (conn, cf_session_preauthenticate (conn, &identity));
  return conn;
}
