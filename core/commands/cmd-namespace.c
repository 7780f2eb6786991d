/* core/commands/cmd-namespace.c - NAMESPACE (RFC 2342): one personal namespace without a prefix. */
#include "commands/commands.h"

CfRun
cmd_namespace (CfCommandCall *call, GError **error)
{
  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  cf_output_text (cf_call_get_output (call), "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
  return CF_RUN_DONE;
}
