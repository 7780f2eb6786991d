/* core/commands/cmd-capability.c - CAPABILITY (RFC 3501, 6.1.1). */
#include "commands/commands.h"
#include "imap/session.h"

CfRun
cmd_capability (CfCommandCall *call, GError **error)
{
  g_autofree char *capabilities = NULL;

  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  capabilities = cf_session_dup_capabilities (cf_call_get_session (call));
  cf_output_printf (cf_call_get_output (call), "* CAPABILITY %s\r\n", capabilities);
  return CF_RUN_DONE;
}
