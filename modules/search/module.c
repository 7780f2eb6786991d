/* modules/search/module.c - SEARCH and UID SEARCH (RFC 3501, 6.4.4; RFC 4731): the command and what the
 * module registers.
 *
 * What is found is search.c's, what the keys mean keys.c's, what is answered response.c's. Here the command
 * is read, and what it found is kept where it asks for that.
 */
#include <coffer/module.h>

#include "keys.h"
#include "response.h"
#include "save-date.h"
#include "search.h"
#include "within.h"

typedef struct {
  SearchReturn options;
  Search *search;
  SearchResponse *response; /* NULL: the search is under way */
} Command;

static void
command_free (gpointer data)
{
  Command *self = data;

  search_response_free (self->response);
  search_free (self->search);
  g_free (self);
}

/* Once a client has said that its strings are UTF-8 it cannot say that they are something else (RFC 6855,
 * 3). */
static gboolean
command_may_have_charset (CfCommandCall *call, GError **error)
{
  if (!cf_session_is_enabled (cf_call_get_session (call), "UTF8=ACCEPT"))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "No CHARSET after ENABLE UTF8=ACCEPT");
  return FALSE;
}

static gboolean
command_parse (CfCommandCall *call, Command *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *charset = NULL;
  g_autoptr (CfSearchNode) tree = NULL;

  if (!cf_input_space (input, error) || !search_return_parse (call, &self->options, error))
    return FALSE;
  if (cf_input_skip_word (input, "CHARSET")
      && (!command_may_have_charset (call, error) || !cf_input_space (input, error)
          || !cf_input_astring (input, &charset, error) || !cf_input_space (input, error)
          || !cf_call_set_search_charset (call, charset, error)))
    return FALSE;
  tree = cf_call_parse_search_keys (call, input, error);
  if (tree == NULL || !cf_input_end (input, error))
    return FALSE;
  self->search = search_new (call, g_steal_pointer (&tree), error);
  return self->search != NULL;
}

/* The search is over: what it found becomes "$", if that was asked for, and then the answer. */
static gboolean
command_take (CfCommandCall *call, Command *self, GError **error)
{
  const CfUidSet *found = search_get_uids (self->search);

  if ((self->options.options & SEARCH_RETURN_SAVE) != 0
      && !cf_session_save_search (cf_call_get_session (call), search_return_select (&self->options, found),
                                  error))
    return FALSE;
  self->response = search_response_new (&self->options, found, search_has_modseq (self->search));
  return TRUE;
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
  if (self->response == NULL) {
    run = search_run (self->search, call, error);
    if (run != CF_RUN_DONE)
      return run;
    if (!command_take (call, self, error))
      return CF_RUN_ERROR;
  }
  return search_response_run (self->response, call);
}

static const CfCommand commands[] = {
  { "SEARCH", CF_STATE_SELECTED, CF_COMMAND_SEQUENCE | CF_COMMAND_HEAVY, cmd_search },
  { "UID SEARCH", CF_STATE_SELECTED, CF_COMMAND_HEAVY, cmd_search },
};

/* PARTIAL's other half, UID FETCH, is core's own. */
static const CfCapability capabilities[] = {
  { "ESEARCH", CF_STATE_LOGGED_IN },
  { "SEARCHRES", CF_STATE_LOGGED_IN },
  { "PARTIAL", CF_STATE_LOGGED_IN },
};

static gboolean
search_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_commands (registrar, commands, error) && search_keys_register (registrar, error)
         && search_return_register (registrar, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error)
         && search_within_register (registrar, error) && search_save_date_register (registrar, error);
}

CF_MODULE_DEFINE (search, .summary = "SEARCH and UID SEARCH (RFC 3501, RFC 4731)", .init = search_init)
