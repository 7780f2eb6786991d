/* core/commands/cmd-logout.c - LOGOUT (RFC 3501, 6.1.3). */
#include "commands/commands.h"
#include "imap/response.h"

CfRun
cmd_logout (CfCommandCall *call, GError **error)
{
  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  cf_response_bye (cf_call_get_output (call), NULL, "Logging out");
  return CF_RUN_CLOSE;
}
