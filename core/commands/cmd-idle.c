/* core/commands/cmd-idle.c - IDLE (RFC 2177).
 *
 * The session is parked and costs nothing until its mailbox has news, a line comes, or it is time for a sign
 * of life that keeps address translators from forgetting the connection.
 */
#include "commands/commands.h"
#include "imap/selected.h"
#include "module/settings.h"

#define MAX_LINE 1000 /* octets; "DONE" is all that is expected */
/* After how long news that the store did not tell are asked for again. */
#define RETRY_US (2 * G_USEC_PER_SEC)

typedef struct {
  gint64 sign_at; /* when a sign of life is due; monotonic microseconds */
} Idle;

static void
idle_set_sign (Idle *self)
{
  gint64 seconds = cf_settings_get ()->idle_keepalive;

  self->sign_at = seconds > 0 ? g_get_monotonic_time () + seconds * G_USEC_PER_SEC : G_MAXINT64;
}

/* Nobody will ask for this client: should there be news that could not be had now, it comes back for them. */
static void
idle_arm (CfCommandCall *call, const Idle *self)
{
  CfSession *session = cf_call_get_session (call);
  gint64 until = self->sign_at;

  if (session->view != NULL && cf_selected_needs_refresh (session))
    until = MIN (until, g_get_monotonic_time () + RETRY_US);
  call->wake_at = until != G_MAXINT64 ? until : 0;
}

static CfRun
idle_tell (CfCommandCall *call, Idle *self)
{
  CfSession *session = cf_call_get_session (call);
  CfRun result = CF_RUN_WAIT;

  if (g_get_monotonic_time () >= self->sign_at) {
    cf_output_text (cf_call_get_output (call), "* OK Still here\r\n");
    idle_set_sign (self);
  }
  if (session->view != NULL && !cf_selected_sync (session, TRUE))
    result = CF_RUN_MORE;
  idle_arm (call, self);
  return result;
}

CfRun
cmd_idle (CfCommandCall *call, GError **error)
{
  g_autofree char *line = NULL;
  Idle *self = cf_call_get_state (call);

  if (self == NULL) {
    if (!cf_input_end (cf_call_get_input (call), error))
      return CF_RUN_ERROR;
    self = g_new0 (Idle, 1);
    cf_call_set_state (call, self, g_free);
    cf_output_text (cf_call_get_output (call), "+ idling\r\n");
    idle_set_sign (self);
  }
  line = cf_call_read_line (call, MAX_LINE);
  if (line == NULL)
    return idle_tell (call, self);
  if (g_ascii_strcasecmp (line, "DONE") == 0)
    return CF_RUN_DONE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected DONE");
  return CF_RUN_ERROR;
}
