/* tests/api/toy-command.c - commands: arguments, a response, work in steps, data of the session.
 *
 *   C: a1 XECHO "some text"        S: * XECHO 1 "some text"     the number counts this session's echoes
 *   C: a2 XCOUNTDOWN 3             S: * XCOUNTDOWN 3, 2, 1       one line a step
 */
#include <coffer/module.h>

static guint slot;

static CfRun
cmd_xecho (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfInput *input = cf_call_get_input (call);
  CfOutput *output = cf_call_get_output (call);
  g_autofree char *text = NULL;
  guint *echoes;

  if (!cf_input_space (input, error) || !cf_input_astring (input, &text, error)
      || !cf_input_end (input, error))
    return CF_RUN_ERROR;
  echoes = cf_session_get_data (session, slot);
  if (echoes == NULL) {
    echoes = g_new0 (guint, 1);
    cf_session_set_data (session, slot, echoes); /* freed with the session */
  }
  cf_output_printf (output, "* XECHO %u ", ++*echoes);
  cf_output_string (output, text);
  cf_output_text (output, "\r\n");
  cf_call_set_ok (call, "[XECHOED] As you said");
  return CF_RUN_DONE;
}

/* What is left to do between steps is the call's state. A step ends when the client should read first. */
static CfRun
cmd_xcountdown (CfCommandCall *call, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  guint32 *left = cf_call_get_state (call);

  if (left == NULL) {
    left = g_new0 (guint32, 1);
    cf_call_set_state (call, left, g_free);
    if (!cf_input_space (input, error) || !cf_input_number (input, left, error)
        || !cf_input_end (input, error))
      return CF_RUN_ERROR;
  }
  if (*left == 0)
    return CF_RUN_DONE;
  cf_output_printf (cf_call_get_output (call), "* XCOUNTDOWN %u\r\n", (*left)--);
  return CF_RUN_MORE;
}

static const CfCommand commands[] = {
  { "XECHO", CF_STATE_ANY, 0, cmd_xecho },
  { "XCOUNTDOWN", CF_STATE_LOGGED_IN, 0, cmd_xcountdown },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  slot = cf_registrar_add_session_slot (registrar, g_free);
  return cf_registrar_add_commands (registrar, commands, error);
}

CF_MODULE_DEFINE (toy_command, .summary = "Two commands", .init = toy_init)
