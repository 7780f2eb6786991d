/* core/imap/session.c - one IMAP session (session.h).
 *
 * The worker that owns the connection calls session_run(). Each call reads at most one command, or carries
 * one on by a step, and answers as core/net/net.h asks: DONE to wait for input, MORE to be called again when
 * the output has drained, WAIT until somebody wakes the session. Nothing blocks here except a command's own
 * storage calls.
 */
#include "imap/session.h"

#include "base/log.h"
#include "imap/modseq.h"
#include "imap/notify.h"
#include "imap/output.h"
#include "imap/search-result.h"
#include "imap/response.h"
#include "imap/selected.h"
#include "imap/session-private.h"
#include "module/registry.h"
#include "module/settings.h"

#include <string.h>

/* ---- Settings of the reader and the output ---- */

void
cf_session_take_settings (CfSession *session)
{
  const CfSettings *settings = cf_settings_get ();
  CfCommandReaderConfig *config = &session->reader_config;
  guint input_options = settings->accept_read_report_sent ? CF_INPUT_READ_REPORT_SENT : 0;
  guint output_options = settings->show_read_report_sent ? 0 : CF_OUTPUT_HIDE_READ_REPORT_SENT;

  config->command_max = settings->command_max;
  config->literal_max = settings->literal_max;
  config->append_limit = settings->append_limit;
  config->spool_threshold = settings->spool_threshold;
  config->spool_directory = settings->spool_dir;
  config->input_options = input_options | (session->utf8 ? CF_INPUT_UTF8 : 0);
  cf_output_set_options (session->output, output_options | (session->utf8 ? CF_OUTPUT_UTF8 : 0));
}

/* A command's literals are taken only if the command itself would be. */
static CfLiterals
session_judge_literals (const char *name, gpointer user_data, GError **error)
{
  CfSession *session = user_data;
  const CfCommand *command = cf_registry_lookup_command (name);

  if (command == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Unknown command");
    return CF_LITERALS_REFUSED;
  }
  if ((command->states & cf_session_get_state (session)) == 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "%s is not allowed in this state", name);
    return CF_LITERALS_REFUSED;
  }
  return (command->flags & CF_COMMAND_MESSAGE) != 0 ? CF_LITERALS_MESSAGE : CF_LITERALS_ORDINARY;
}

/* ---- Life ---- */

static CfSession *
session_new (CfConn *conn)
{
  CfSession *session = g_new0 (CfSession, 1);

  session->conn = conn;
  session->ref = cf_conn_get_ref (conn);
  session->identity.struct_size = sizeof session->identity;
  session->reader = cf_command_reader_new (&session->reader_config, session_judge_literals, session);
  session->output = cf_output_new (0);
  cf_session_take_settings (session);
  return session;
}

static void
session_flush_trace (CfSession *session)
{
  if (session->trace != NULL)
    cf_trace_log_flush (session->trace);
}

static void
session_write (CfSession *session, const void *octets, gsize length)
{
  cf_conn_write (session->conn, octets, length);
  if (session->trace != NULL)
    cf_trace_log_output (session->trace, octets, length);
}

void
cf_session_flush (CfSession *session)
{
  gsize length;
  const guint8 *octets = cf_output_peek (session->output, &length);

  if (length > 0)
    session_write (session, octets, length);
  cf_output_clear (session->output);
}

/* The connection's one timer is the first of what the session waits for. */
static void
session_arm (CfSession *session)
{
  gint64 now = g_get_monotonic_time ();
  gint64 at = session->autologout_at;
  gint64 retry_at = cf_notify_get_retry (session);

  if (retry_at != 0)
    at = MIN (at, retry_at);
  if (session->demote_at != 0)
    at = MIN (at, session->demote_at);
  if (session->call != NULL && session->call->wake_at != 0)
    at = MIN (at, session->call->wake_at);
  if (session->call != NULL && session->call->store_until != 0)
    at = MIN (at, session->call->store_until);
  cf_conn_set_timeout (session->conn, MAX (at - now, 1000) / 1000);
}

/* Something happened: the time until autologout begins anew. Not so before login, or a client that sends an
 * octet now and then would stay for ever. */
void
cf_session_touch (CfSession *session)
{
  const CfSettings *settings = cf_settings_get ();
  gint64 seconds = session->identity.account == 0 ? settings->login_timeout : settings->idle_timeout;

  if (session->identity.account == 0 && session->autologout_at != 0)
    return;
  session->autologout_at = g_get_monotonic_time () + seconds * G_USEC_PER_SEC;
}

void
cf_session_bye (CfSession *session, const char *code, const char *text)
{
  if (session->closing)
    return;
  cf_response_bye (session->output, code, text);
  cf_session_flush (session);
  session->closing = TRUE;
}

/* RFC 2180, 3.3: sessions on a mailbox that was deleted end. */
gboolean
cf_session_leave_if_gone (CfSession *session)
{
  if (!cf_selected_is_gone (session))
    return FALSE;
  cf_session_bye (session, NULL, "The selected mailbox has been deleted");
  return TRUE;
}

static gpointer
session_opened (CfConn *conn)
{
  CfSession *session = session_new (conn);
  g_autoptr (GError) error = NULL;
  g_autofree char *capabilities = NULL;
  CfHookInfo hook = { .struct_size = sizeof hook, .event = CF_HOOK_CONNECT, .session = session };

  cf_session_follow_trace (session);
  if (!cf_registry_run_hooks (&hook, &error)) {
    cf_session_log_error (session, NULL, error);
    cf_session_bye (session, NULL, error->message);
    cf_imap_protocol.closed (conn, session);
    return NULL;
  }
  capabilities = cf_session_dup_capabilities (session);
  cf_output_printf (session->output, "* OK [CAPABILITY %s] Coffer ready\r\n", capabilities);
  cf_session_flush (session);
  session_flush_trace (session);
  cf_session_touch (session);
  session_arm (session);
  return session;
}

gpointer
cf_session_preauthenticate (CfConn *conn, const CfIdentity *identity)
{
  CfSession *session = session_new (conn);
  g_autofree char *capabilities = NULL;

  session->identity.account = identity->account;
  session->identity.user = g_strdup (identity->user);
  session->identity.address = g_strdup (identity->address);
  session->identity.actor = g_strdup (identity->actor);
  cf_conn_set_owner (conn, identity->account);
  cf_command_reader_set_authenticated (session->reader, TRUE);
  capabilities = cf_session_dup_capabilities (session);
  cf_output_printf (session->output, "* PREAUTH [CAPABILITY %s] Coffer ready\r\n", capabilities);
  cf_session_flush (session);
  cf_session_touch (session);
  session_arm (session);
  return session;
}

static void
session_closed (CfConn *conn, gpointer data)
{
  CfSession *session = data;
  CfHookInfo hook = { .struct_size = sizeof hook, .event = CF_HOOK_LOGOUT, .session = session };

  if (session->logged_in) {
    hook.account = session->identity.account;
    cf_registry_run_hooks (&hook, NULL);
  }
  g_clear_pointer (&session->call, cf_call_free);
  g_clear_pointer (&session->notify, cf_notify_free);
  cf_selected_close (session);
  for (guint slot = 0; session->data != NULL && slot < cf_registry_get_n_session_slots (); slot++)
    if (session->data[slot] != NULL)
      cf_registry_free_session_data (slot, session->data[slot]);
  g_free (session->data);
  cf_trace_log_close (session->trace, "the session ends");
  cf_login_limit_leave (session->counted);
  cf_identity_clear (&session->identity);
  g_clear_pointer (&session->enabled_names, g_ptr_array_unref);
  cf_command_reader_free (session->reader);
  cf_output_free (session->output);
  g_free (session);
}

/* ---- Reading ---- */

static void
session_reject (CfSession *session, const char *tag, const GError *error)
{
  cf_session_log_error (session, cf_command_reader_get_name (session->reader), error);
  cf_response_error (session->output, tag, error);
  cf_session_flush (session);
}

/* A complete command has been read: makes its call, or refuses it. */
static void
session_begin (CfSession *session)
{
  cf_selected_follow_names (session);
  g_autoptr (CfInput) input = cf_command_reader_steal_input (session->reader);
  const char *tag = cf_command_reader_get_tag (session->reader);
  const char *name = cf_command_reader_get_name (session->reader);
  const CfCommand *command = cf_registry_lookup_command (name);
  g_autoptr (GError) error = NULL;
  CfHookInfo hook = { .struct_size = sizeof hook,
                      .event = CF_HOOK_COMMAND,
                      .session = session,
                      .command = name,
                      .account = session->identity.account,
                      .mailbox = session->mailbox_name };

  if (command == NULL)
    g_set_error (&error, CF_ERROR, CF_ERROR_BAD, "Unknown command");
  else if ((command->states & cf_session_get_state (session)) == 0)
    g_set_error (&error, CF_ERROR, CF_ERROR_BAD, "%s is not allowed in this state", name);
  if (error != NULL) {
    session_reject (session, tag, error);
    return;
  }
  session->call = cf_call_new (session, command, tag, g_steal_pointer (&input));
  if (!cf_registry_run_hooks (&hook, &error)) {
    cf_search_result_fail (session->call, error);
    session_reject (session, tag, error);
    g_clear_pointer (&session->call, cf_call_free);
    return;
  }
  session->demote_at = 0;
  /* What others have done until now counts, whether this client was told or not: EXPUNGE takes what has
     \Deleted by now, FETCH sets \Seen where it is missing by now. */
  if (session->view != NULL)
    cf_selected_catch_up (session, session->call);
}

static CfRead
session_feed (CfSession *session, const guint8 *data, gsize length, gsize *out_consumed, GError **error)
{
  if (session->call != NULL)
    return cf_command_reader_read_line (session->reader, data, length, session->call->wants_line,
                                        out_consumed, &session->call->line, error);
  cf_session_take_settings (session);
  return cf_command_reader_feed (session->reader, data, length, out_consumed, error);
}

/* Feeds the reader with what has arrived until there is something to carry out. MORE: there is, or more input
 * waits; DONE: wait for input. */
static CfRun
session_read (CfSession *session)
{
  for (;;) {
    g_autoptr (GError) error = NULL;
    gsize length, consumed = 0;
    guint8 *data = cf_conn_peek (session->conn, &length);

    if (length == 0)
      return CF_RUN_DONE;
    CfRead read = session_feed (session, data, length, &consumed, &error);
    /* It may have held a password. */
    if (session->identity.account == 0)
      explicit_bzero (data, consumed);
    cf_conn_consume (session->conn, consumed);
    switch (read) {
    case CF_READ_NEED_MORE:
      cf_session_touch (session); /* a message on its way is activity */
      return CF_RUN_DONE;
    case CF_READ_CONTINUE:
      session_write (session, "+ Ready for literal data\r\n", strlen ("+ Ready for literal data\r\n"));
      break;
    case CF_READ_COMPLETE:
      cf_session_touch (session);
      if (session->call == NULL)
        session_begin (session);
      return CF_RUN_MORE;
    case CF_READ_ERROR:
      /* A line that a command wanted and that is no line ends that command. */
      session_reject (
          session, session->call != NULL ? session->call->tag : cf_command_reader_get_tag (session->reader),
          error);
      g_clear_pointer (&session->call, cf_call_free);
      return CF_RUN_MORE;
    case CF_READ_FATAL:
      cf_session_log_error (session, NULL, error);
      cf_session_bye (session, NULL, error->message);
      return CF_RUN_CLOSE;
    }
  }
}

/* ---- Carrying out ---- */

static void
session_finish_ok (CfSession *session, CfCommandCall *call)
{
  if (call->ok != NULL)
    cf_output_printf (session->output, "%s OK %s\r\n", call->tag, call->ok);
  else
    cf_output_printf (session->output, "%s OK %s completed\r\n", call->tag, call->command->name);
}

static void
session_finish_error (CfSession *session, CfCommandCall *call)
{
  if (call->no != NULL)
    cf_output_printf (session->output, "%s NO %s\r\n", call->tag, call->no);
  else
    cf_response_error (session->output, call->tag, call->error);
}

static CfRun
session_start_tls (CfSession *session)
{
  g_autoptr (GError) error = NULL;
  gsize discarded = 0;

  if (!cf_conn_start_tls (session->conn, &discarded, &error)) {
    cf_session_log_error (session, "STARTTLS", error);
    return CF_RUN_CLOSE;
  }
  if (discarded > 0)
    cf_log (G_LOG_LEVEL_MESSAGE, &(CfLogContext){ .session = cf_session_get_number (session) },
            "Threw away %" G_GSIZE_FORMAT " octets that were sent in clear behind STARTTLS", discarded);
  return CF_RUN_DONE;
}

/* ---- Telling news without a command (notify.h) ---- */

static gboolean
session_has_input (CfSession *session)
{
  gsize length;

  cf_conn_peek (session->conn, &length);
  return length > 0;
}

/* A call to tell news, if there may be some and the client is not in the midst of a command. */
static gboolean
session_begin_push (CfSession *session)
{
  if (!cf_notify_has_news (session) || session->draining || !cf_command_reader_is_between (session->reader))
    return FALSE;
  session->call = cf_call_new (session, cf_registry_lookup_command ("NOTIFY"), NULL, cf_input_new (0));
  session->call->is_push = TRUE;
  return TRUE;
}

static void
session_end_push (CfSession *session)
{
  cf_notify_pause (session);
  g_clear_pointer (&session->call, cf_call_free);
}

/* The client has sent something: it is not kept waiting by news, unless it is owed the rest of a literal. */
static void
session_drop_push (CfSession *session)
{
  if (session->call == NULL || !session->call->is_push || !session_has_input (session)
      || cf_output_is_open (session->output))
    return;
  session_end_push (session);
  session->notify->look = TRUE;
}

/* News that could not be told are told later. */
static CfRun
session_finish_push (CfSession *session)
{
  const GError *error = session->call->error;

  if (error != NULL) {
    cf_session_log_error (session, "NOTIFY", error);
    session->notify->retry_at = g_get_monotonic_time () + CF_NOTIFY_RETRY_US;
  }
  cf_modseq_finish (session, session->call);
  session_end_push (session);
  cf_session_flush (session);
  return cf_session_leave_if_gone (session) ? CF_RUN_CLOSE : CF_RUN_MORE;
}

/* The command is over: pending updates, the tagged response, and what comes behind it. Updates can be more
 * than the output takes at once; the call then stays until they are told. */
static CfRun
session_finish (CfSession *session)
{
  CfCommandCall *ended = session->call;
  gboolean expunge = (ended->command->flags & CF_COMMAND_SEQUENCE) == 0 && !ended->has_numbers;
  /* What has changed since SELECT told what there is waits for the next command: before the tagged OK it
     could be about the mailbox selected before. */
  gboolean tells = session->view != NULL && !ended->has_opened && ended->result != CF_RUN_CLOSE;

  if (ended->is_push)
    return session_finish_push (session);
  cf_notify_pause (session);
  cf_modseq_settle (session, ended);
  if (tells && !cf_selected_sync (session, expunge)) {
    cf_session_flush (session);
    return CF_RUN_MORE;
  }
  cf_modseq_finish (session, ended);

  g_autoptr (CfCommandCall) call = g_steal_pointer (&session->call);
  /* What may not be told with this command, or has nothing to do with the selected mailbox, follows it. */
  if (session->notify != NULL)
    session->notify->look = TRUE;
  if (call->error != NULL) {
    cf_session_log_error (session, call->command->name, call->error);
    cf_search_result_fail (call, call->error);
    session_finish_error (session, call);
  } else {
    session_finish_ok (session, call);
  }
  cf_session_flush (session);
  if (call->result == CF_RUN_CLOSE) {
    session->closing = TRUE;
    return CF_RUN_CLOSE;
  }
  if (cf_session_leave_if_gone (session))
    return CF_RUN_CLOSE;
  return call->start_tls ? session_start_tls (session) : CF_RUN_MORE;
}

/* Under NOTIFY news need not be about the selected mailbox, whose view is then left as it is. */
static gboolean
session_is_told_of_others (CfSession *session)
{
  const CfNotify *notify = session->notify;

  return notify != NULL && cf_session_is_waiting_for_input (session) && notify->arrived == NULL
         && (cf_notify_get_tellable (session) == 0 || !cf_selected_may_have_news (session));
}

static gboolean
session_is_fresh (CfSession *session)
{
  return !cf_selected_needs_refresh (session) || cf_selected_promote (session);
}

/* In IDLE, where another session asks for what is new in this mailbox: whoever is in IDLE there is woken when
 * it has come, so that one question does for all. Until then there may be something to tell as well. */
static gboolean
session_leaves_refresh (CfSession *session)
{
  CfCommandCall *call = session->call;
  g_autoptr (CfSnapshot) snapshot = NULL;

  if (call->wants_line == 0)
    return FALSE;
  snapshot = cf_mailbox_ref_snapshot (session->mailbox);
  if (snapshot == NULL || cf_call_begin_refresh (call, session->mailbox_name))
    return FALSE;
  cf_selected_advance (session);
  return TRUE;
}

/* Before a step in a selected session: makes the view whole and as fresh as the store told us. Commands that
 * do not look at the view go on without it when the store cannot be asked. */
static CfRun
session_prepare (CfSession *session, GError **error)
{
  CfCommandCall *call = session->call;
  gboolean required = call->command->states == CF_STATE_SELECTED;
  g_autoptr (GError) local_error = NULL;
  gboolean refreshed;

  call->is_preparing = FALSE;
  if (session->view == NULL || (call->command->flags & CF_COMMAND_LAST) != 0 || call->goes_without
      || session_is_told_of_others (session) || session_is_fresh (session)
      || session_leaves_refresh (session)) {
    cf_call_end_load (call);
    return CF_RUN_DONE;
  }
  call->is_preparing = !cf_call_begin_load (call, session->mailbox_name);
  if (call->is_preparing)
    return CF_RUN_WAIT;
  /* Whoever had the right to load until now may have brought it all since this session looked. */
  if (session_is_fresh (session)) {
    cf_call_end_load (call);
    return CF_RUN_DONE;
  }
  call->is_preparing = !cf_call_enter_store (call);
  if (call->is_preparing)
    return CF_RUN_WAIT;
  refreshed = cf_selected_refresh (session, &local_error);
  cf_call_end_load (call);
  if (refreshed || !required)
    return CF_RUN_DONE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return CF_RUN_ERROR;
}

gboolean
cf_session_is_waiting_for_input (CfSession *session)
{
  const CfCommandCall *call = session->call;

  if (call == NULL)
    return TRUE;
  /* What IDLE tells can be a literal, too. */
  return !cf_output_is_open (session->output)
         && (call->is_push || (call->wants_line != 0 && call->line == NULL));
}

static CfRun
session_step (CfSession *session)
{
  CfCommandCall *call = session->call;
  CfMailbox *mailbox = session->mailbox;
  CfAccountId account = session->identity.account;

  cf_selected_follow_names (session);
  /* News that IDLE tells are not the client's activity. */
  if (call->wants_line == 0 && !call->is_push)
    cf_session_touch (session);
  if (call->is_finished)
    return session_finish (session);
  cf_conn_set_late (session->conn, &cf_session_late, session);
  call->is_queued = FALSE;
  call->result = session_prepare (session, &call->error);
  if (call->result == CF_RUN_DONE && !call->is_late)
    call->result = call->command->run (call, &call->error);
  if (call->result == CF_RUN_ERROR && call->error == NULL)
    g_set_error_literal (&call->error, CF_ERROR, CF_ERROR_SERVERBUG, "The command failed without saying why");
  cf_call_leave_store (call);
  if (call->is_late)
    return cf_session_finish_late (session, mailbox, account);
  if (call->result != CF_RUN_WAIT)
    call->store_until = 0;
  cf_session_flush (session);
  /* A literal broke off: whatever is sent now, a client would count among its octets. */
  if (session->closing)
    return CF_RUN_CLOSE;
  if (call->result == CF_RUN_MORE || call->result == CF_RUN_WAIT)
    return call->result;
  call->is_finished = TRUE;
  return session_finish (session);
}

/* ---- The protocol ---- */

static CfRun
session_timeout (CfSession *session)
{
  gint64 now = g_get_monotonic_time ();

  if (session->call != NULL && session->call->store_until != 0 && now >= session->call->store_until)
    cf_session_give_up_waiting (session);
  if (now >= session->autologout_at) {
    /* In the midst of a command the client has not read for as long: there is nobody to say it to. */
    if (!cf_session_is_waiting_for_input (session))
      return CF_RUN_ERROR;
    cf_session_bye (session, NULL, "Autologout; idle for too long");
    return CF_RUN_CLOSE;
  }
  if (session->notify != NULL && session->notify->retry_at != 0 && now >= session->notify->retry_at) {
    session->notify->look = TRUE;
    session->notify->retry_at = session->call == NULL ? 0 : now + CF_NOTIFY_RETRY_US;
  }
  if (session->demote_at != 0 && now >= session->demote_at) {
    cf_selected_demote (session);
    session->demote_at = 0;
  }
  return CF_RUN_DONE;
}

/* Microseconds after which an idle view is demoted. A client in IDLE has said that it will be silent: when
 * thousands of them come at once, they do not hold their snapshots all together. */
static gint64
session_get_view_idle (CfSession *session)
{
  if (session->call != NULL && cf_mailbox_is_crowded ())
    return 0;
  return cf_settings_get ()->view_idle * G_USEC_PER_SEC;
}

/* What to answer when nothing more can be done now. */
static CfRun
session_rest (CfSession *session)
{
  gboolean for_input = cf_session_is_waiting_for_input (session);

  if (for_input && session->draining) {
    cf_session_bye (session, NULL, "The server is going down");
    return CF_RUN_CLOSE;
  }
  if (for_input && session->view != NULL && session->demote_at == 0 && !cf_selected_is_demoted (session))
    session->demote_at = g_get_monotonic_time () + session_get_view_idle (session);
  session_arm (session);
  /* The line that a command waits for may have come with the command: no event will tell of it again. */
  if (for_input && session_has_input (session))
    return CF_RUN_MORE;
  return for_input ? CF_RUN_DONE : CF_RUN_WAIT;
}

static CfRun
session_turn (CfSession *session, guint reasons)
{
  CfRun result;

  if ((reasons & CF_WAKE_KICK) != 0)
    cf_session_bye (session, NULL, "Ended by the operator");
  if ((reasons & CF_WAKE_DRAIN) != 0)
    session->draining = TRUE;
  if ((reasons & CF_WAKE_TIMEOUT) != 0 && (result = session_timeout (session)) != CF_RUN_DONE)
    return result;
  if (session->closing)
    return CF_RUN_CLOSE;
  /* A login that waits, of a client that has gone: nobody is to wait in line behind it. */
  if ((reasons & CF_WAKE_HANGUP) != 0 && session->identity.account == 0 && !session_has_input (session))
    return CF_RUN_CLOSE;

  if (session->notify != NULL && (reasons & CF_WAKE_PUSH) != 0)
    session->notify->look = TRUE;
  session_drop_push (session);
  if (session->call != NULL && session->call->is_push) {
    if (reasons != 0 && (reasons & (CF_WAKE_PUSH | CF_WAKE_COMPLETION)) == 0
        && !cf_call_has_slept (session->call))
      return session_rest (session);
  } else if (cf_session_is_waiting_for_input (session)) {
    if (cf_session_leave_if_gone (session))
      return CF_RUN_CLOSE;
    result = session_read (session);
    if (result == CF_RUN_CLOSE || (session->call == NULL && result == CF_RUN_MORE))
      return result;
    if (session->call == NULL)
      return session_begin_push (session) ? CF_RUN_MORE : session_rest (session);
    /* A command that reads lines is also run for news and for its timer, and for nothing else. */
    if (cf_session_is_waiting_for_input (session) && (reasons & (CF_WAKE_PUSH | CF_WAKE_COMPLETION)) == 0
        && !cf_call_has_slept (session->call))
      return session_rest (session);
  }
  result = session_step (session);
  if (session->closing)
    return CF_RUN_CLOSE;
  if (result != CF_RUN_MORE)
    return session_rest (session);
  session_arm (session);
  return CF_RUN_MORE;
}

static CfRun
session_run (CfConn *conn, gpointer data, guint reasons)
{
  CfSession *session = data;
  CfRun result;

  cf_session_follow_trace (session);
  result = session_turn (session, reasons);
  session_flush_trace (session);
  return result;
}

const CfProtocol cf_imap_protocol = {
  .struct_size = sizeof cf_imap_protocol,
  .name = "imap",
  .port = 143,
  .tls_port = 993,
  .opened = session_opened,
  .run = session_run,
  .closed = session_closed,
  .refusal = "* BYE [LIMIT] Too many connections from your address\r\n",
};
