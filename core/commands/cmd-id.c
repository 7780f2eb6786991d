/* core/commands/cmd-id.c - ID (RFC 2971).
 *
 * What the client says of itself goes to the log, where it helps to explain a session; nothing depends on it.
 */
#include "base/log.h"
#include "commands/commands.h"

#define MAX_PAIRS 30 /* RFC 2971, 3.3 */

static gboolean
id_read_pair (CfInput *input, GString *text, GError **error)
{
  g_autofree char *field = NULL;
  g_autofree char *value = NULL;

  if (!cf_input_string (input, &field, error) || !cf_input_space (input, error)
      || !cf_input_nstring (input, &value, error))
    return FALSE;
  if (strlen (field) > 30 || (value != NULL && strlen (value) > 1024)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "An ID field or value is too long");
    return FALSE;
  }
  g_string_append_printf (text, "%s%s=\"%s\"", text->len > 0 ? " " : "", field, value != NULL ? value : "");
  return TRUE;
}

static gboolean
id_read (CfInput *input, GString *text, GError **error)
{
  guint n = 0;

  if (cf_input_skip_word (input, "NIL"))
    return TRUE;
  if (!cf_input_expect (input, '(', error))
    return FALSE;
  if (cf_input_skip (input, ')'))
    return TRUE;
  do {
    if (++n > MAX_PAIRS) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "More than 30 fields in ID");
      return FALSE;
    }
    if (!id_read_pair (input, text, error))
      return FALSE;
  } while (cf_input_skip (input, ' '));
  return cf_input_expect (input, ')', error);
}

CfRun
cmd_id (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  const CfIdentity *identity = cf_session_get_identity (session);
  CfInput *input = cf_call_get_input (call);
  g_autoptr (GString) text = g_string_new (NULL);

  if (!cf_input_space (input, error) || !id_read (input, text, error) || !cf_input_end (input, error))
    return CF_RUN_ERROR;
  cf_log (G_LOG_LEVEL_DEBUG,
          &(CfLogContext){ .session = cf_session_get_number (session),
                           .user = identity != NULL ? identity->user : NULL },
          "client says: %s", text->str);
  cf_output_text (cf_call_get_output (call), "* ID (\"name\" \"Coffer\" \"version\" \"" CF_VERSION "\")\r\n");
  return CF_RUN_DONE;
}
