/* modules/search/module.c - SEARCH and UID SEARCH (RFC 3501, 6.4.4): the command and what the module
 * registers.
 *
 * What is found is search.c's, what the keys mean keys.c's. Here the command is read and its answer written.
 */
#include <coffer/module.h>

#include "keys.h"
#include "search.h"

typedef struct {
  Search *search;
  gboolean responding;
  CfUidIter iter; /* of the response */
} Command;

static void
command_free (gpointer data)
{
  Command *self = data;

  search_free (self->search);
  g_free (self);
}

static gboolean
command_parse (CfCommandCall *call, Command *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *charset = NULL;
  g_autoptr (CfSearchNode) tree = NULL;

  if (!cf_input_space (input, error))
    return FALSE;
  if (cf_input_skip_word (input, "CHARSET")
      && (!cf_input_space (input, error) || !cf_input_astring (input, &charset, error)
          || !cf_input_space (input, error) || !cf_call_set_search_charset (call, charset, error)))
    return FALSE;
  tree = cf_call_parse_search_keys (call, input, error);
  if (tree == NULL || !cf_input_end (input, error))
    return FALSE;
  self->search = search_new (call, g_steal_pointer (&tree), error);
  return self->search != NULL;
}

/* " (MODSEQ 12)" behind the numbers, if there are any. */
static void
command_respond_modseq (CfCommandCall *call, Command *self)
{
  guint64 modseq;

  if (!search_has_modseq (self->search))
    return;
  modseq = search_get_highest_modseq (cf_call_get_session (call), search_get_uids (self->search));
  if (modseq > 0)
    cf_output_printf (cf_call_get_output (call), " (MODSEQ %" G_GUINT64_FORMAT ")", modseq);
}

/* As many numbers as the output takes. */
static CfRun
command_respond (CfCommandCall *call, Command *self)
{
  CfSession *session = cf_call_get_session (call);
  CfOutput *output = cf_call_get_output (call);
  gboolean by_uid = cf_call_is_uid (call);
  guint32 uid;

  if (!self->responding)
    cf_output_text (output, "* SEARCH");
  self->responding = TRUE;
  while (!cf_call_is_output_full (call)) {
    if (!cf_uid_set_next (search_get_uids (self->search), &self->iter, &uid)) {
      command_respond_modseq (call, self);
      cf_output_text (output, "\r\n");
      return CF_RUN_DONE;
    }
    guint32 number = by_uid ? uid : cf_session_lookup_seq (session, uid);
    if (number != 0)
      cf_output_printf (output, " %u", number);
  }
  return CF_RUN_MORE;
}

static CfRun
cmd_search (CfCommandCall *call, GError **error)
{
  Command *self = cf_call_get_state (call);
  CfRun run;

  if (self == NULL) {
    self = g_new0 (Command, 1);
    cf_call_set_state (call, self, command_free);
    if (!command_parse (call, self, error))
      return CF_RUN_ERROR;
  }
  if (!self->responding) {
    run = search_run (self->search, call, error);
    if (run != CF_RUN_DONE)
      return run;
  }
  return command_respond (call, self);
}

static const CfCommand commands[] = {
  { "SEARCH", CF_STATE_SELECTED, CF_COMMAND_SEQUENCE | CF_COMMAND_HEAVY, cmd_search },
  { "UID SEARCH", CF_STATE_SELECTED, CF_COMMAND_HEAVY, cmd_search },
};

static gboolean
search_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_commands (registrar, commands, error) && search_keys_register (registrar, error);
}

CF_MODULE_DEFINE (search, .summary = "SEARCH and UID SEARCH (RFC 3501)", .init = search_init)
