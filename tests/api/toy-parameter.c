/* tests/api/toy-parameter.c - a parameter of commands that core has (RFC 4466, 2.1).
 *
 *   C: a1 SELECT INBOX (XGREET "Alice")
 *   S: * OK Good day, Alice
 *
 * The parser reads what follows the name. It leaves a value in the call for whoever carries the command out;
 * what only this module knows of, it does itself.
 */
#include <coffer/module.h>

static gboolean
parse_greet (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autofree char *name = NULL;

  if (!cf_input_space (input, error) || !cf_input_string (input, &name, error))
    return FALSE;
  cf_output_printf (cf_call_get_output (call), "* OK Good day, %s\r\n", name);
  cf_call_set_parameter (call, "XGREET", g_steal_pointer (&name), g_free);
  return TRUE;
}

static const char *const greeting_commands[] = { "SELECT", "EXAMINE", NULL };

static const CfParameter parameters[] = {
  { greeting_commands, CF_PARAMETER_COMMAND, "XGREET", parse_greet },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error);
}

CF_MODULE_DEFINE (toy_parameter, .summary = "SELECT and EXAMINE greet", .init = toy_init)
