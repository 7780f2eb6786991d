/* core/commands/list-tree.c - the names that a LIST or LSUB looks at (list-tree.h). */
#include "commands/list-tree.h"

#include <string.h>

#include "commands/pattern.h"

struct _CfListTree {
  GHashTable *entries; /* name -> CfListEntry */
};

static void
entry_free (gpointer data)
{
  CfListEntry *entry = data;

  g_free (entry->name);
  g_free (entry);
}

CfListTree *
cf_list_tree_new (void)
{
  CfListTree *tree = g_new0 (CfListTree, 1);

  tree->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  return tree;
}

void
cf_list_tree_free (CfListTree *tree)
{
  if (tree == NULL)
    return;
  g_hash_table_unref (tree->entries);
  g_free (tree);
}

static CfListEntry *
tree_get_entry (CfListTree *tree, const char *name, gsize length)
{
  g_autofree char *key = g_strndup (name, length);
  CfListEntry *entry = g_hash_table_lookup (tree->entries, key);

  if (entry == NULL) {
    entry = g_new0 (CfListEntry, 1);
    entry->name = g_steal_pointer (&key);
    entry->info = (CfMailboxInfo){ .struct_size = sizeof entry->info, .name = entry->name };
    g_hash_table_insert (tree->entries, entry->name, entry);
  }
  return entry;
}

/* With every level above it. */
static CfListEntry *
tree_add (CfListTree *tree, const char *name, gboolean exists)
{
  for (const char *at = strchr (name, CF_MAILBOX_SEPARATOR); at != NULL;
       at = strchr (at + 1, CF_MAILBOX_SEPARATOR)) {
    CfListEntry *parent = tree_get_entry (tree, name, (gsize) (at - name));

    parent->has_children = parent->has_children || exists;
  }
  return tree_get_entry (tree, name, strlen (name));
}

void
cf_list_tree_add_mailbox (CfListTree *tree, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  CfListEntry *entry = tree_add (tree, info->name, TRUE);

  entry->exists = TRUE;
  entry->info = *info;
  entry->info.name = entry->name;
  if (status != NULL)
    entry->status = *status;
}

void
cf_list_tree_subscribe (CfListTree *tree, const char *name, gboolean keep)
{
  CfListEntry *entry = keep ? tree_add (tree, name, FALSE) : g_hash_table_lookup (tree->entries, name);

  if (entry != NULL)
    entry->is_subscribed = TRUE;
}

/* ---- Selecting ---- */

gboolean
cf_list_matches (const GPtrArray *patterns, const char *name)
{
  for (guint i = 0; i < patterns->len; i++)
    if (cf_pattern_matches (g_ptr_array_index (patterns, i), name))
      return TRUE;
  return FALSE;
}

/* Without a criterion whatever exists is selected, and the levels that others imply (RFC 5258, 3.5). */
static gboolean
entry_fulfils (const CfListEntry *entry, guint select)
{
  if ((select & CF_LIST_SELECT_SUBSCRIBED) != 0 && !entry->is_subscribed)
    return FALSE;
  if ((select & CF_LIST_SELECT_SPECIAL_USE) != 0 && entry->info.special_use == 0)
    return FALSE;
  return select != 0 || entry->exists || entry->has_children;
}

static void
tree_mark_parents (CfListTree *tree, const char *name, gboolean hidden)
{
  for (const char *at = strchr (name, CF_MAILBOX_SEPARATOR); at != NULL;
       at = strchr (at + 1, CF_MAILBOX_SEPARATOR)) {
    CfListEntry *parent = tree_get_entry (tree, name, (gsize) (at - name));

    parent->has_selected = TRUE;
    parent->has_hidden = parent->has_hidden || hidden;
  }
}

void
cf_list_tree_select (CfListTree *tree, guint select, const GPtrArray *patterns)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, tree->entries);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    CfListEntry *entry = value;

    entry->is_selected = entry_fulfils (entry, select);
    if (select != 0 && entry->is_selected)
      tree_mark_parents (tree, entry->name, !cf_list_matches (patterns, entry->name));
  }
}

static gint
entry_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(CfListEntry *const *) a)->name, (*(CfListEntry *const *) b)->name);
}

GPtrArray *
cf_list_tree_match (CfListTree *tree, const GPtrArray *patterns)
{
  GPtrArray *matching = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, tree->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (cf_list_matches (patterns, ((CfListEntry *) entry)->name))
      g_ptr_array_add (matching, entry);
  g_ptr_array_sort (matching, entry_compare);
  return matching;
}

char *
cf_list_dup_prefix (const GPtrArray *patterns)
{
  const char *first = patterns->len > 0 ? g_ptr_array_index (patterns, 0) : "";
  gsize length = strcspn (first, "*%");

  for (guint i = 1; i < patterns->len; i++) {
    const char *other = g_ptr_array_index (patterns, i);
    gsize n = 0, end = MIN (length, strcspn (other, "*%"));

    while (n < end && first[n] == other[n])
      n++;
    length = n;
  }
  /* Not in the midst of a character: a store takes it for text. */
  while (length > 0 && ((guchar) first[length] & 0xc0) == 0x80)
    length--;
  return g_strndup (first, length);
}
