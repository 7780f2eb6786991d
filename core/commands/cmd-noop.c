/* core/commands/cmd-noop.c - NOOP and CHECK (RFC 3501, 6.1.2, 6.4.1).
 *
 * Updates are sent at the end of every command; there is nothing else to do. CHECK has no housekeeping to
 * start: what was acknowledged is durable already.
 */
#include "commands/commands.h"

CfRun
cmd_noop (CfCommandCall *call, GError **error)
{
  return cf_input_end (cf_call_get_input (call), error) ? CF_RUN_DONE : CF_RUN_ERROR;
}
