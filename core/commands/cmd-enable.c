/* core/commands/cmd-enable.c - ENABLE (RFC 5161). What can be enabled,
 * capabilities say (CfCapability.enable). */
#include "commands/commands.h"
#include "imap/session.h"
#include "module/registry.h"

static const CfCapability *
enable_lookup (const char *name)
{
  for (guint i = 0; i < cf_registry_get_n_capabilities (); i++) {
    const CfCapability *row = cf_registry_get_capability (i);

    if (row->enable != NULL && g_ascii_strcasecmp (row->text, name) == 0)
      return row;
  }
  return NULL;
}

CfRun
cmd_enable (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfInput *input = cf_call_get_input (call);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) enabled = g_string_new (NULL);

  do {
    char *name;

    if (!cf_input_space (input, error) || !cf_input_atom (input, &name, error))
      return CF_RUN_ERROR;
    g_ptr_array_add (names, name);
  } while (!cf_input_is_end (input));

  for (guint i = 0; i < names->len; i++) {
    const CfCapability *row = enable_lookup (g_ptr_array_index (names, i));

    /* What is unknown, cannot be enabled, or is enabled already is passed over (RFC 5161, 3.1). */
    if (row == NULL || cf_session_is_enabled (session, row->text) || !row->enable (session))
      continue;
    cf_session_enable (session, row->text);
    g_string_append_printf (enabled, " %s", row->text);
  }

  cf_output_printf (cf_call_get_output (call), "* ENABLED%s\r\n", enabled->str);
  return CF_RUN_DONE;
}
