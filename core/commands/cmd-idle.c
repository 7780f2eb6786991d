/* core/commands/cmd-idle.c - IDLE (RFC 2177).
 *
 * The session is parked and costs nothing until its mailbox has news, a line comes, or it is time for a sign
 * of life that keeps address translators from forgetting the connection.
 */
#include "commands/commands.h"
#include "imap/selected.h"
#include "module/settings.h"

#define MAX_LINE 1000 /* octets; "DONE" is all that is expected */

static void
idle_arm_keepalive (CfCommandCall *call)
{
  gint64 seconds = cf_settings_get ()->idle_keepalive;

  if (seconds > 0)
    cf_call_sleep (call, seconds * 1000);
}

static CfRun
idle_tell (CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);

  if (cf_call_has_slept (call)) {
    cf_output_text (cf_call_get_output (call), "* OK Still here\r\n");
    idle_arm_keepalive (call);
  }
  if (session->view == NULL)
    return CF_RUN_WAIT;
  return cf_selected_sync (session, TRUE) ? CF_RUN_WAIT : CF_RUN_MORE;
}

CfRun
cmd_idle (CfCommandCall *call, GError **error)
{
  g_autofree char *line = NULL;

  if (cf_call_get_state (call) == NULL) {
    if (!cf_input_end (cf_call_get_input (call), error))
      return CF_RUN_ERROR;
    cf_call_set_state (call, call, NULL);
    cf_output_text (cf_call_get_output (call), "+ idling\r\n");
    idle_arm_keepalive (call);
  }
  line = cf_call_read_line (call, MAX_LINE);
  if (line == NULL)
    return idle_tell (call);
  if (g_ascii_strcasecmp (line, "DONE") == 0)
    return CF_RUN_DONE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected DONE");
  return CF_RUN_ERROR;
}
