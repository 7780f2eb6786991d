/* core/commands/cmd-starttls.c - STARTTLS (RFC 3501, 6.2.1).
 *
 * The handshake starts when the tagged OK has been sent; what was read in clear behind the command is thrown
 * away there (cf_conn_start_tls()).
 */
#include "commands/commands.h"
#include "imap/session.h"

CfRun
cmd_starttls (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);

  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  if (cf_session_is_tls (session) || cf_conn_get_peer (session->conn)->proxy_tls) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "TLS is on already");
    return CF_RUN_ERROR;
  }
  if (!cf_net_has_tls (cf_conn_get_net (session->conn))) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "TLS is not available");
    return CF_RUN_ERROR;
  }
  call->start_tls = TRUE;
  cf_call_set_ok (call, "Begin TLS negotiation now");
  return CF_RUN_DONE;
}
