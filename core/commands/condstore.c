/* core/commands/condstore.c - what CONDSTORE adds to commands: data items, parameters, a search key (RFC
 * 7162, 3.1).
 *
 * Whatever is used of it makes the client CONDSTORE-aware (imap/modseq.h). What the parameters do is where
 * their commands are.
 */
#include "commands/commands.h"
#include "imap/modseq.h"

#include <string.h>

/* ---- Data items ---- */

static gboolean
modseq_item_parse (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  cf_call_enable_condstore (call);
  return TRUE;
}

static gboolean
modseq_emit (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  guint64 modseq = cf_message_get_row (message)->modseq;

  cf_output_printf (output, "(%" G_GUINT64_FORMAT ")", modseq);
  cf_modseq_told (cf_message_get_session (message), modseq);
  return TRUE;
}

static void
highestmodseq_emit (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%" G_GUINT64_FORMAT, status->highest_modseq);
}

static const CfItem items[] = {
  { .kind = CF_ITEM_FETCH, .name = "MODSEQ", .parse = modseq_item_parse, .emit = modseq_emit },
  { .kind = CF_ITEM_STATUS,
    .name = "HIGHESTMODSEQ",
    .parse = modseq_item_parse,
    .emit_status = highestmodseq_emit },
};

/* ---- Parameters ---- */

static gboolean
condstore_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  cf_call_enable_condstore (call);
  cf_call_set_parameter (call, "CONDSTORE", NULL, NULL);
  return TRUE;
}

static gboolean
read_since (CfCommandCall *call, CfInput *input, const char *name, gboolean allow_zero, GError **error)
{
  guint64 modseq;

  if (!cf_input_space (input, error) || !cf_input_modseq (input, allow_zero, &modseq, error))
    return FALSE;
  cf_call_enable_condstore (call);
  cf_call_set_parameter (call, name, g_memdup2 (&modseq, sizeof modseq), g_free);
  return TRUE;
}

static gboolean
changedsince_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  return read_since (call, input, "CHANGEDSINCE", FALSE, error);
}

static gboolean
unchangedsince_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  return read_since (call, input, "UNCHANGEDSINCE", TRUE, error);
}

static const char *const select_commands[] = { "SELECT", "EXAMINE", NULL };
static const char *const fetch_commands[] = { "FETCH", "UID FETCH", NULL };
static const char *const store_commands[] = { "STORE", "UID STORE", NULL };

static const CfParameter parameters[] = {
  { select_commands, CF_PARAMETER_COMMAND, "CONDSTORE", condstore_parse },
  { fetch_commands, CF_PARAMETER_COMMAND, "CHANGEDSINCE", changedsince_parse },
  { store_commands, CF_PARAMETER_COMMAND, "UNCHANGEDSINCE", unchangedsince_parse },
};

/* ---- SEARCH MODSEQ ---- */

/* "/flags/" and a flag; \Recent is none (RFC 7162, 7). */
static gboolean
is_entry (const char *name, guint options)
{
  g_autoptr (CfInput) flag = NULL;
  g_autofree char *atom = NULL;
  gboolean system;

  if (!g_str_has_prefix (name, "/flags/"))
    return FALSE;
  flag = cf_input_new_text (name + strlen ("/flags/"), options);
  system = cf_input_skip (flag, '\\');
  return cf_input_atom (flag, &atom, NULL) && cf_input_is_end (flag)
         && !(system && g_ascii_strcasecmp (atom, "Recent") == 0);
}

/* Every flag of a message has the message's MODSEQ, so what is read here narrows nothing (3.1.5). */
static gboolean
read_entry (CfInput *input, GError **error)
{
  g_autofree char *name = NULL;

  if (!cf_input_string (input, &name, error) || !cf_input_space (input, error))
    return FALSE;
  if (!is_entry (name, cf_input_get_options (input))) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD,
                         "Expected the name of a flag, such as \"/flags/\\\\Seen\"");
    return FALSE;
  }
  if (cf_input_skip_word (input, "all") || cf_input_skip_word (input, "priv")
      || cf_input_skip_word (input, "shared"))
    return cf_input_space (input, error);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected all, priv or shared");
  return FALSE;
}

static CfSearchNode *
modseq_key_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node;
  guint64 modseq;

  if (!cf_input_space (input, error))
    return NULL;
  if (!g_ascii_isdigit (cf_input_peek (input)) && !read_entry (input, error))
    return NULL;
  if (!cf_input_modseq (input, TRUE, &modseq, error))
    return NULL;
  cf_call_enable_condstore (call);
  node = cf_search_node_new (CF_SEARCH_MODSEQ);
  node->number = modseq;
  return node;
}

static const CfSearchKey keys[] = {
  { "MODSEQ", modseq_key_parse },
};

/* ---- The capability ---- */

static gboolean
condstore_enable (CfSession *session)
{
  cf_call_enable_condstore (session->call);
  return TRUE;
}

static const CfCapability capabilities[] = {
  { "CONDSTORE", CF_STATE_LOGGED_IN, NULL, condstore_enable },
};

gboolean
cf_condstore_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error)
         && cf_registrar_add_parameters (registrar, parameters, error)
         && cf_registrar_add_search_keys (registrar, keys, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error);
}
