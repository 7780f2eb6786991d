/* core/imap/search-result.c - "$", the messages that the last SEARCH with SAVE found (search-result.h). */
#include "imap/search-result.h"

#include "module/registry.h"

void
cf_search_result_clear (CfSession *session)
{
  g_clear_pointer (&session->saved, cf_uid_set_free);
}

gboolean
cf_session_save_search (CfSession *session, CfUidSet *uids, GError **error)
{
  cf_search_result_clear (session);
  if (cf_uid_set_get_n_ranges (uids) > CF_SEARCH_RESULT_RANGES_MAX) {
    cf_uid_set_free (uids);
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NOTSAVED, "The result is too large to be kept");
    return FALSE;
  }
  session->saved = uids;
  return TRUE;
}

CfUidSet *
cf_search_result_dup (CfSession *session)
{
  gboolean ghosts = cf_view_has_ghosts (session->view);
  CfUidSet *present = cf_uid_set_new ();
  CfUidIter iter = { 0 };
  guint32 uid;

  while (session->saved != NULL && cf_uid_set_next (session->saved, &iter, &uid))
    if (cf_view_lookup_seq (session->view, uid) != 0 && !(ghosts && cf_view_is_ghost (session->view, uid)))
      cf_uid_set_add (present, uid);
  return present;
}

/* Whether the arguments begin with RETURN (... SAVE ...). The command may have failed before they were read.
 */
static gboolean
result_is_to_be_saved (CfInput *input)
{
  if (!cf_input_skip (input, ' ') || !cf_input_skip_word (input, "RETURN") || !cf_input_skip (input, ' ')
      || !cf_input_skip (input, '('))
    return FALSE;
  do {
    g_autofree char *word = cf_input_take (input, CF_INPUT_ATOM);

    if (word != NULL && g_ascii_strcasecmp (word, "SAVE") == 0)
      return TRUE;
  } while (cf_input_skip (input, ' '));
  return FALSE;
}

void
cf_search_result_fail (CfCommandCall *call, const GError *error)
{
  if (call->session->saved == NULL || g_error_matches (error, CF_ERROR, CF_ERROR_BAD)
      || g_error_matches (error, CF_ERROR, CF_ERROR_CLIENTBUG)
      || cf_registry_lookup_parameter (call->command->name, CF_PARAMETER_RETURN, "SAVE") == NULL)
    return;
  cf_input_reset (call->input, call->arguments);
  if (result_is_to_be_saved (call->input))
    cf_search_result_clear (call->session);
}
