/* core/commands/qresync.c - what QRESYNC adds to commands: the parameters of SELECT and UID FETCH (RFC
 * 7162, 3.2.5, 3.2.6). What becomes of them is resync.h's.
 */
#include "commands/commands.h"
#include "commands/resync.h"
#include "imap/modseq.h"

static gboolean
check_enabled (CfCommandCall *call, GError **error)
{
  if (cf_session_has_qresync (cf_call_get_session (call)))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Only after ENABLE QRESYNC");
  return FALSE;
}

/* ---- Sets without "*" ---- */

static gboolean
read_range (CfInput *input, CfUidRange *out_range, GError **error)
{
  if (!cf_input_number (input, &out_range->first, error))
    return FALSE;
  out_range->last = out_range->first;
  if (cf_input_skip (input, ':') && !cf_input_number (input, &out_range->last, error))
    return FALSE;
  if (out_range->first != 0 && out_range->last != 0)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "0 is no message");
  return FALSE;
}

/* A sequence-set of numbers in ascending order. */
static gboolean
read_ascending_set (CfInput *input, CfUidSet **out_set, GError **error)
{
  g_autoptr (CfUidSet) set = cf_uid_set_new ();
  guint32 last = 0;

  do {
    CfUidRange range;

    if (!read_range (input, &range, error))
      return FALSE;
    if (range.first <= last || range.last < range.first) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected numbers in ascending order");
      return FALSE;
    }
    cf_uid_set_add_range (set, range.first, range.last);
    last = range.last;
  } while (cf_input_skip (input, ','));
  *out_set = g_steal_pointer (&set);
  return TRUE;
}

/* known-uids, in any order. */
static gboolean
read_known_uids (CfInput *input, CfUidSet **out_set, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  CfUidRange range;

  /* "*" is not allowed, and cf_input_sequence_set() would take it. */
  do {
    if (!read_range (input, &range, error))
      return FALSE;
  } while (cf_input_skip (input, ','));
  cf_input_reset (input, mark);
  return cf_input_sequence_set (input, 0, out_set, error);
}

/* ---- SELECT (QRESYNC (uidvalidity modseq [known-uids] [(seqs uids)])) ---- */

static gboolean
read_match (CfInput *input, CfResync *resync, GError **error)
{
  if (!cf_input_expect (input, '(', error) || !read_ascending_set (input, &resync->match_seqs, error)
      || !cf_input_space (input, error) || !read_ascending_set (input, &resync->match_uids, error)
      || !cf_input_expect (input, ')', error))
    return FALSE;
  if (cf_uid_set_get_count (resync->match_seqs) == cf_uid_set_get_count (resync->match_uids))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected as many UIDs as message numbers");
  return FALSE;
}

static gboolean
read_resync (CfInput *input, CfResync *resync, GError **error)
{
  if (!cf_input_space (input, error) || !cf_input_expect (input, '(', error)
      || !cf_input_number (input, &resync->query.uid_validity, error))
    return FALSE;
  if (resync->query.uid_validity == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "0 is no UIDVALIDITY");
    return FALSE;
  }
  if (!cf_input_space (input, error) || !cf_input_modseq (input, FALSE, &resync->query.modseq, error))
    return FALSE;
  if (cf_input_skip (input, ' ')) {
    if (cf_input_peek (input) != '(') {
      if (!read_known_uids (input, &resync->known, error))
        return FALSE;
      if (cf_input_skip (input, ' ') && !read_match (input, resync, error))
        return FALSE;
    } else if (!read_match (input, resync, error)) {
      return FALSE;
    }
  }
  return cf_input_expect (input, ')', error);
}

static gboolean
qresync_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  CfResync *resync;

  if (!check_enabled (call, error))
    return FALSE;
  resync = g_new0 (CfResync, 1);
  cf_call_set_parameter (call, "QRESYNC", resync, cf_resync_free);
  return read_resync (input, resync, error);
}

/* ---- UID FETCH (CHANGEDSINCE n VANISHED) ---- */

static gboolean
vanished_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  if (!check_enabled (call, error))
    return FALSE;
  cf_call_set_parameter (call, "VANISHED", NULL, NULL);
  return TRUE;
}

static const char *const select_commands[] = { "SELECT", "EXAMINE", NULL };
static const char *const fetch_commands[] = { "UID FETCH", NULL };

static const CfParameter parameters[] = {
  { select_commands, CF_PARAMETER_COMMAND, "QRESYNC", qresync_parse },
  { fetch_commands, CF_PARAMETER_COMMAND, "VANISHED", vanished_parse },
};

/* ---- The capability ---- */

static gboolean
qresync_enable (CfSession *session)
{
  cf_call_enable_condstore (session->call);
  cf_session_enable_qresync (session);
  return TRUE;
}

static const CfCapability capabilities[] = {
  { "QRESYNC", CF_STATE_LOGGED_IN, NULL, qresync_enable },
};

gboolean
cf_qresync_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error);
}
