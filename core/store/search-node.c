/* core/store/search-node.c - making and freeing the predicate tree of a SEARCH (coffer/search.h). */
#include <coffer/search.h>

CfSearchNode *
cf_search_node_new (CfSearchKind kind)
{
  CfSearchNode *node = g_new0 (CfSearchNode, 1);

  node->struct_size = sizeof *node;
  node->kind = kind;
  return node;
}

void
cf_search_node_free (CfSearchNode *node)
{
  if (node == NULL)
    return;
  g_clear_pointer (&node->children, g_ptr_array_unref);
  g_clear_pointer (&node->uids, cf_uid_set_free);
  g_free (node->name);
  g_free (node->text);
  if (node->data_free != NULL)
    node->data_free (node->data);
  g_free (node);
}

void
cf_search_node_add (CfSearchNode *parent, CfSearchNode *child)
{
  if (parent->children == NULL)
    parent->children = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_search_node_free);
  g_ptr_array_add (parent->children, child);
}
