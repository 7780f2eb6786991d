/* tests/api/toy-search.c - a search key that only this module can evaluate.
 *
 *   C: a1 SEARCH XFIELDS 3 UNSEEN      messages with at least three header fields
 *
 * The key becomes a node of the search tree, beside those of core's own keys; needs says what match looks at.
 */
#include <coffer/module.h>

static CfSearchNode *
parse_fields (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node;
  guint32 n;

  if (!cf_input_space (input, error) || !cf_input_number (input, &n, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_MODULE);
  node->number = n;
  return node;
}

static gboolean
match_fields (CfMessage *message, const CfSearchNode *node)
{
  return cf_facts_get_n_headers (cf_message_get_facts (message)) >= node->number;
}

static const CfSearchKey search_keys[] = {
  { "XFIELDS", parse_fields, CF_NEED_FACTS, match_fields },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_search_keys (registrar, search_keys, error);
}

CF_MODULE_DEFINE (toy_search, .summary = "A search key", .init = toy_init)
