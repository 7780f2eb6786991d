/* core/commands/cmd-idle.c - IDLE (RFC 2177).
 *
 * The session is parked and costs nothing until its mailbox has news, a line comes, or it is time for a sign
 * of life that keeps address translators from forgetting the connection.
 */
#include "commands/commands.h"
#include "commands/notify-tell.h"
#include "imap/output.h"
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
  gint64 retry_at = cf_notify_get_retry (session);

  if (retry_at != 0)
    until = MIN (until, retry_at);
  /* A literal whose rest the store did not give has set a time of its own. */
  if (call->wake_at != 0 && cf_output_is_open (cf_call_get_output (call)))
    until = MIN (until, call->wake_at);
  if (session->notify == NULL && session->view != NULL && cf_selected_needs_refresh (session))
    until = MIN (until, g_get_monotonic_time () + RETRY_US);
  call->wake_at = until != G_MAXINT64 ? until : 0;
}

/* What there is to tell: of the selected mailbox, or what the client asked for (RFC 5465, 4). TRUE: there is
 * more. */
static gboolean
idle_tell_news (CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (GError) error = NULL;
  CfRun run;

  if (session->notify == NULL)
    return session->view != NULL && !cf_selected_sync (session, TRUE);
  run = cf_notify_tell (call, TRUE, &error);
  if (run == CF_RUN_ERROR) {
    cf_session_log_error (session, "IDLE", error);
    session->notify->retry_at = g_get_monotonic_time () + CF_NOTIFY_RETRY_US;
  }
  return run == CF_RUN_MORE;
}

static CfRun
idle_tell (CfCommandCall *call, Idle *self)
{
  CfRun result = CF_RUN_WAIT;

  if (!cf_output_is_open (cf_call_get_output (call)) && g_get_monotonic_time () >= self->sign_at) {
    cf_output_text (cf_call_get_output (call), "* OK Still here\r\n");
    idle_set_sign (self);
  }
  if (idle_tell_news (call))
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
