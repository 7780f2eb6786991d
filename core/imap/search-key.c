/* core/imap/search-key.c - reading a search program (RFC 3501, 6.4.4; coffer/session.h).
 *
 * The grammar is core's: keys side by side, parentheses, sequence-sets, strings in the command's charset.
 * What a key means its row says, and rows whose arguments are keys (NOT, OR) come back here, so this is where
 * depth is bounded.
 */
#include <coffer/text.h>
#include <string.h>

#include "imap/call.h"
#include "module/registry.h"

/* Keys within keys. Each costs some stack here and wherever a tree is walked. */
#define SEARCH_DEPTH_MAX 500

#define REPLACEMENT "\357\277\275"

static CfSearchNode *
search_key_read_set (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node;
  CfUidSet *uids;

  if (!cf_input_message_numbers (input, call, &uids, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_UID);
  node->uids = uids;
  call->has_numbers = TRUE; /* RFC 7162, 3.2.10.2 */
  return node;
}

static CfSearchNode *
search_key_read_group (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autoptr (CfSearchNode) node = NULL;

  if (!cf_input_expect (input, '(', error))
    return NULL;
  node = cf_call_parse_search_keys (call, input, error);
  if (node == NULL || !cf_input_expect (input, ')', error))
    return NULL;
  return g_steal_pointer (&node);
}

static CfSearchNode *
search_key_read_named (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autofree char *name = NULL;
  const CfSearchKey *key;
  CfSearchNode *node;

  if (!cf_input_name (input, &name, error))
    return NULL;
  key = cf_registry_lookup_search_key (name);
  if (key == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Unknown search key %.40s", name);
    return NULL;
  }
  node = key->parse (call, input, error);
  if (node != NULL && node->kind == CF_SEARCH_MODULE && node->key == NULL)
    node->key = key;
  return node;
}

CfSearchNode *
cf_call_parse_search_key (CfCommandCall *call, CfInput *input, GError **error)
{
  char next = cf_input_peek (input);
  CfSearchNode *node;

  if (call->search_depth == SEARCH_DEPTH_MAX) {
    g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "Search keys are nested at most %d deep", SEARCH_DEPTH_MAX);
    return NULL;
  }
  call->search_depth++;
  if (next == '(')
    node = search_key_read_group (call, input, error);
  else if (next == '*' || next == '$' || g_ascii_isdigit (next))
    node = search_key_read_set (call, input, error);
  else
    node = search_key_read_named (call, input, error);
  call->search_depth--;
  return node;
}

CfSearchNode *
cf_call_parse_search_keys (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autoptr (CfSearchNode) all = cf_search_node_new (CF_SEARCH_AND);

  do {
    CfSearchNode *node = cf_call_parse_search_key (call, input, error);

    if (node == NULL)
      return NULL;
    cf_search_node_add (all, node);
  } while (cf_input_skip (input, ' '));
  if (all->children->len == 1)
    return g_ptr_array_steal_index (all->children, 0);
  return g_steal_pointer (&all);
}

/* ---- Strings ---- */

gboolean
cf_call_set_search_charset (CfCommandCall *call, const char *charset, GError **error)
{
  if (!cf_text_knows_charset (charset)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BADCHARSET, "Unknown charset");
    return FALSE;
  }
  g_free (call->search_charset);
  call->search_charset = g_strdup (charset);
  return TRUE;
}

/* UTF-8 contains US-ASCII, and deployed clients send it without saying so. */
static gboolean
search_charset_is_utf8 (const char *charset)
{
  return charset == NULL || g_ascii_strcasecmp (charset, "US-ASCII") == 0
         || g_ascii_strcasecmp (charset, "UTF-8") == 0 || g_ascii_strcasecmp (charset, "UTF8") == 0;
}

gboolean
cf_call_parse_search_text (CfCommandCall *call, CfInput *input, char **out_text, GError **error)
{
  const char *charset = call->search_charset;
  g_autofree char *sent = NULL;
  g_autofree char *text = NULL;
  gboolean valid;

  if (!cf_input_astring (input, &sent, error))
    return FALSE;
  if (search_charset_is_utf8 (charset)) {
    text = g_steal_pointer (&sent);
    valid = g_utf8_validate (text, -1, NULL);
  } else {
    text = cf_text_to_utf8 ((const guint8 *) sent, strlen (sent), charset);
    valid = strstr (text, REPLACEMENT) == NULL;
  }
  if (!valid) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "A string is not valid %s",
                 charset != NULL ? charset : "UTF-8");
    return FALSE;
  }
  *out_text = g_steal_pointer (&text);
  return TRUE;
}
