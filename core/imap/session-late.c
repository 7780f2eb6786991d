/* core/imap/session-late.c - a session and a store that does not answer (session.h).
 *
 * A command that waits for its turn at the store is given up when its time is over. Of one that is inside the
 * store, the client is told that it is over, by the main thread; what the store says when it comes back at
 * last is logged, and the session goes on.
 */
#include "imap/modseq.h"
#include "imap/output.h"
#include "imap/search-result.h"
#include "imap/selected.h"
#include "imap/session-private.h"
#include "imap/trace.h"
#include "store/service.h"

#define LATE_RESPONSE "%s NO [UNAVAILABLE] The store did not answer in time\r\n"

/* A command has waited long enough for its turn at the store. It is over; but one that can do without goes on
 * with the view as it is. */
void
cf_session_give_up_waiting (CfSession *session)
{
  CfCommandCall *call = session->call;
  gint64 until = cf_loads_get_until (cf_store_service_get_loads (), session->ref);

  /* The mailbox that another session is loading goes on coming. */
  if (until > g_get_monotonic_time ()) {
    call->store_until = until;
    return;
  }
  call->store_until = 0;
  if (cf_session_is_waiting_for_input (session))
    return; /* IDLE keeps its place, as nobody waits for an answer */
  call->goes_without = call->is_preparing && call->command->states != CF_STATE_SELECTED;
  if (call->goes_without)
    return;
  cf_call_give_up (call);
  call->result = CF_RUN_ERROR;
  call->is_finished = TRUE;
  g_set_error_literal (&call->error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
}

/* Nothing is to be said in the midst of a literal, nor in IDLE before DONE has come: who is told there that
 * the command is over sends DONE all the same, and that would be taken for a command. */
static gboolean
session_lend (CfConn *conn, gpointer data)
{
  CfSession *session = data;

  if (cf_output_is_open (session->output) || cf_session_is_waiting_for_input (session))
    return FALSE;
  cf_session_flush (session);
  return TRUE;
}

/* On the main thread, while the session's worker is inside the store. */
static void
session_tell_late (CfConn *conn, gpointer data)
{
  CfSession *session = data;

  cf_conn_printf (conn, LATE_RESPONSE, session->call->tag);
  session->call->is_late = TRUE;
  cf_store_service_note_late ();
}

const CfConnLate cf_session_late = { session_lend, session_tell_late };

/* What the main thread told: the trace is the owner's alone. */
static void
session_trace_late (CfSession *session, const char *tag)
{
  g_autofree char *told = g_strdup_printf (LATE_RESPONSE, tag);

  if (session->trace != NULL)
    cf_trace_log_output (session->trace, (const guint8 *) told, strlen (told));
}

/* The store has come back, and the command, which has seen its call fail, as well. Its response was sent long
 * ago, so EXPUNGE may not be told now (RFC 3501, 7.4.1): the next command does that. */
CfRun
cf_session_finish_late (CfSession *session, CfMailbox *mailbox, CfAccountId account)
{
  g_autoptr (CfCommandCall) call = g_steal_pointer (&session->call);

  session_trace_late (session, call->tag);
  if (call->error == NULL) /* it failed in something that it can do without */
    g_set_error_literal (&call->error, CF_ERROR, CF_ERROR_UNKNOWN, "The store answered too late");
  cf_session_log_error (session, call->command->name, call->error);
  cf_search_result_fail (call, call->error);
  cf_modseq_settle (session, call);
  cf_session_flush (session);
  /* The client believes that nothing has changed. */
  if (call->result != CF_RUN_ERROR && (session->mailbox != mailbox || session->identity.account != account))
    cf_session_bye (session, "UNAVAILABLE", "The store answered too late");
  return session->closing || cf_session_leave_if_gone (session) ? CF_RUN_CLOSE : CF_RUN_MORE;
}
