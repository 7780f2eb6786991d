/* core/imap/modseq.c - MODSEQs in a session (modseq.h). */
#include "imap/modseq.h"

#include "imap/output.h"
#include "imap/response.h"

gboolean
cf_input_modseq (CfInput *input, gboolean allow_zero, guint64 *out_modseq, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  guint64 modseq;

  if (!cf_input_number64 (input, &modseq, error))
    return FALSE;
  if (modseq <= G_MAXINT64 && (modseq > 0 || allow_zero)) {
    *out_modseq = modseq;
    return TRUE;
  }
  cf_input_reset (input, mark);
  g_set_error (error, CF_ERROR, CF_ERROR_BAD, "A mod-sequence is between %d and 2^63 - 1",
               allow_zero ? 0 : 1);
  return FALSE;
}

void
cf_call_enable_condstore (CfCommandCall *call)
{
  call->enables_condstore = TRUE;
}

void
cf_session_enable_qresync (CfSession *session)
{
  session->modseq.qresync = TRUE;
}

gboolean
cf_session_has_qresync (CfSession *session)
{
  return session->modseq.qresync;
}

gboolean
cf_session_tells_modseq (CfSession *session)
{
  return session->modseq.condstore || (session->call != NULL && session->call->enables_condstore);
}

void
cf_modseq_told (CfSession *session, guint64 modseq)
{
  session->modseq.told = MAX (session->modseq.told, modseq);
}

void
cf_modseq_write_opened (CfSession *session)
{
  session->modseq.kept = cf_view_get_sendable_modseq (session->view);
  session->modseq.told = 0;
  session->modseq.vanished = FALSE;
  cf_output_printf (session->output, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] Highest mod-sequence\r\n",
                    session->modseq.kept);
}

gboolean
cf_modseq_write_vanished (CfSession *session, gboolean earlier, const CfUidSet *uids, gsize *range)
{
  gsize n = cf_uid_set_get_n_ranges (uids), end = MIN (n, *range + CF_VANISHED_RANGES_MAX);

  if (*range == n)
    return FALSE;
  cf_output_text (session->output, earlier ? "* VANISHED (EARLIER)" : "* VANISHED");
  for (char before = ' '; *range < end; (*range)++, before = ',') {
    CfUidRange part = cf_uid_set_get_range (uids, *range);

    cf_output_printf (session->output, "%c%u", before, part.first);
    if (part.last > part.first)
      cf_output_printf (session->output, ":%u", part.last);
  }
  cf_output_text (session->output, "\r\n");
  session->modseq.vanished |= !earlier;
  return *range < n;
}

void
cf_modseq_settle (CfSession *session, CfCommandCall *call)
{
  if (!call->enables_condstore || session->modseq.condstore)
    return;
  if (call->error != NULL && cf_response_is_bad (call->error)) {
    call->enables_condstore = FALSE;
    return;
  }
  session->modseq.condstore = TRUE;
  /* The first such command, with a mailbox selected before it (3.1). */
  call->wants_highest = !call->has_opened;
}

/* What the client would take for HIGHESTMODSEQ if it is told nothing. */
static guint64
modseq_get_believed (const CfSession *session)
{
  return MAX (session->modseq.kept, session->modseq.told);
}

void
cf_modseq_finish (CfSession *session, CfCommandCall *call)
{
  CfModseqState *state = &session->modseq;
  guint64 sendable, believed;

  if (session->view == NULL || !state->condstore)
    return;
  sendable = cf_view_get_sendable_modseq (session->view);
  believed = modseq_get_believed (session);
  /* What SELECT has told is told; what came afterwards comes with the next command. */
  if (call->has_opened)
    sendable = believed;

  if (call->ends_with_modseq && call->error == NULL && state->qresync) {
    cf_call_set_ok (call, "[HIGHESTMODSEQ %" G_GUINT64_FORMAT "] %s completed", sendable,
                    call->command->name);
  } else if (call->wants_highest || believed > sendable
             || (state->qresync && state->vanished && believed < sendable)) {
    cf_output_printf (session->output, "* OK [HIGHESTMODSEQ %" G_GUINT64_FORMAT "] %s\r\n", sendable,
                      believed > sendable ? "There are changes to be told later" : "Highest mod-sequence");
  } else {
    sendable = believed;
  }
  state->kept = sendable;
  state->told = 0;
  state->vanished = FALSE;
}
