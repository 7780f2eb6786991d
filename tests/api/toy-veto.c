/* tests/api/toy-veto.c - hooks: what happens, asked before or told after.
 *
 * `veto` names the event that is refused; SIGHUP changes it. Events without a veto are counted:
 *
 *   C: a1 XNOTICES
 *   S: * XNOTICES 5 2            batches committed, sessions of users ended
 */
#include <coffer/module.h>

typedef struct {
  const char *_Atomic veto;
} ToyConfig;

static ToyConfig config;
static gint committed, logged_out; /* hooks run on any worker */

static const char *const events[] = {
  [CF_HOOK_CONNECT] = "connect",
  [CF_HOOK_LOGIN] = "login",
  [CF_HOOK_COMMAND] = "command",
  [CF_HOOK_SELECT] = "select",
  [CF_HOOK_MAILBOX_CREATE] = "create",
  [CF_HOOK_MAILBOX_DELETE] = "delete",
  [CF_HOOK_MAILBOX_RENAME] = "rename",
  [CF_HOOK_APPEND] = "append",
  [CF_HOOK_COPY] = "copy",
  [CF_HOOK_STORE] = "store",
  [CF_HOOK_EXPUNGE] = "expunge",
};

static const CfConfigKey keys[] = {
  { .name = "veto",
    .type = CF_CONFIG_CHOICE,
    .default_text = "none",
    .choices = "none;connect;login;command;select;create;delete;rename;append;copy;store;expunge",
    .help = "The event to refuse",
    .offset = G_STRUCT_OFFSET (ToyConfig, veto),
    .reloadable = TRUE },
};

/* The error is the answer: its code decides the response code, its message is the text. COMMAND comes before
 * every command; NOOP alone is meant here. */
static gboolean
veto (const CfHookInfo *info, GError **error)
{
  if (g_strcmp0 (config.veto, events[info->event]) != 0)
    return TRUE;
  if (info->event == CF_HOOK_COMMAND && g_strcmp0 (info->command, "NOOP") != 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "Vetoed: %s", events[info->event]);
  return FALSE;
}

static gboolean
count_committed (const CfHookInfo *info, GError **error)
{
  g_atomic_int_add (&committed, cf_write_batch_get_n_ops (info->batch) > 0);
  return TRUE;
}

static gboolean
count_logout (const CfHookInfo *info, GError **error)
{
  g_atomic_int_inc (&logged_out);
  return TRUE;
}

static const CfHook hooks[] = {
  { CF_HOOK_CONNECT, TRUE, veto },
  { CF_HOOK_LOGIN, TRUE, veto },
  { CF_HOOK_COMMAND, TRUE, veto },
  { CF_HOOK_SELECT, TRUE, veto },
  { CF_HOOK_MAILBOX_CREATE, TRUE, veto },
  { CF_HOOK_MAILBOX_DELETE, TRUE, veto },
  { CF_HOOK_MAILBOX_RENAME, TRUE, veto },
  { CF_HOOK_APPEND, TRUE, veto },
  { CF_HOOK_COPY, TRUE, veto },
  { CF_HOOK_STORE, TRUE, veto },
  { CF_HOOK_EXPUNGE, TRUE, veto },
  { CF_HOOK_COMMITTED, FALSE, count_committed },
  { CF_HOOK_LOGOUT, FALSE, count_logout },
};

static CfRun
cmd_xnotices (CfCommandCall *call, GError **error)
{
  cf_output_printf (cf_call_get_output (call), "* XNOTICES %d %d\r\n", g_atomic_int_get (&committed),
                    g_atomic_int_get (&logged_out));
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XNOTICES", CF_STATE_ANY, 0, cmd_xnotices },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "toy-veto", keys, &config, error)
         && cf_registrar_add_hooks (registrar, hooks, error)
         && cf_registrar_add_commands (registrar, commands, error);
}

CF_MODULE_DEFINE (toy_veto, .summary = "Refuses one event, counts others", .init = toy_init)
