/* core/imap/session-trace.c - a session and its trace (session.h, trace.h): when there is one, and what it is
 * told. */
#include "imap/output.h"
#include "imap/session.h"
#include "module/registry.h"

static void
trace_input (CfReaderEvent event, const char *text, guint64 length, gpointer user_data)
{
  CfSession *session = user_data;
  const char *name = cf_command_reader_get_name (session->reader);
  const CfCommand *command = NULL;

  switch (event) {
  case CF_READER_COMMAND:
    if (name != NULL)
      command = cf_registry_lookup_command (name);
    cf_trace_log_command (session->trace, command != NULL ? name : NULL,
                          command != NULL && (command->flags & CF_COMMAND_QUIET_LOG) != 0,
                          cf_command_reader_get_tag (session->reader), text, (gsize) length);
    break;
  case CF_READER_LINE:
    cf_trace_log_line (session->trace, text, (gsize) length);
    break;
  case CF_READER_LITERAL:
    cf_trace_log_literal (session->trace, length);
    break;
  case CF_READER_CONTINUATION:
    cf_trace_log_continuation (session->trace, text, (gsize) length);
    break;
  case CF_READER_REFUSED:
    cf_trace_log_refused (session->trace);
    break;
  }
}

void
cf_session_follow_trace (CfSession *session)
{
  const CfPeer *peer = cf_conn_get_peer (session->conn);
  guint serial = cf_trace_get_serial ();

  if (session->trace_serial == serial)
    return;
  if (session->trace != NULL && cf_trace_log_is_wanted (session->trace)) {
    session->trace_serial = serial;
    return;
  }
  cf_trace_log_close (g_steal_pointer (&session->trace), "it was switched off");
  cf_command_reader_set_trace (session->reader, NULL, NULL);
  /* What is left of a literal would be taken for responses, and shown: a later turn looks again. */
  if (cf_output_is_open (session->output))
    return;
  session->trace_serial = serial;
  session->trace = cf_trace_log_open (cf_session_get_number (session), peer->text, peer->address,
                                      session->identity.account != 0 ? session->identity.user : NULL);
  if (session->trace != NULL && session->call != NULL)
    cf_trace_log_set_tag (session->trace, session->call->tag);
  if (session->trace != NULL)
    cf_command_reader_set_trace (session->reader, trace_input, session);
}
