/* tests/api/taken-name.c - registers a command that toy-tables has: refused. */
#include <coffer/module.h>

static CfRun
cmd_xtoy (CfCommandCall *call, GError **error)
{
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XTOY", CF_STATE_ANY, 0, cmd_xtoy },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_commands (registrar, commands, error);
}

CF_MODULE_DEFINE (taken_name, .summary = "Refused", .init = toy_init)
