/* core/mailbox/account-tree.c - the names of an account at one moment (account-tree.h). */
#include "mailbox/account-tree.h"

#include <string.h>

struct _CfAccountTree {
  gatomicrefcount ref_count;
  GStringChunk *text;     /* all names */
  GArray *infos;          /* CfMailboxInfo by name */
  GArray *by_id;          /* guint32: places in infos, by id */
  GHashTable *subscribed; /* names, of text */
};

CfAccountTree *
cf_account_tree_new (void)
{
  CfAccountTree *tree = g_new0 (CfAccountTree, 1);

  g_atomic_ref_count_init (&tree->ref_count);
  tree->text = g_string_chunk_new (1024);
  tree->infos = g_array_new (FALSE, FALSE, sizeof (CfMailboxInfo));
  tree->by_id = g_array_new (FALSE, FALSE, sizeof (guint32));
  tree->subscribed = g_hash_table_new (g_str_hash, g_str_equal);
  return tree;
}

CfAccountTree *
cf_account_tree_ref (CfAccountTree *tree)
{
  g_atomic_ref_count_inc (&tree->ref_count);
  return tree;
}

void
cf_account_tree_unref (CfAccountTree *tree)
{
  if (tree == NULL || !g_atomic_ref_count_dec (&tree->ref_count))
    return;
  g_hash_table_unref (tree->subscribed);
  g_array_unref (tree->by_id);
  g_array_unref (tree->infos);
  g_string_chunk_free (tree->text);
  g_free (tree);
}

void
cf_account_tree_add (CfAccountTree *tree, const CfMailboxInfo *info)
{
  CfMailboxInfo copy = { 0 };

  memcpy (&copy, info, MIN (info->struct_size, sizeof copy));
  copy.struct_size = sizeof copy;
  copy.name = g_string_chunk_insert (tree->text, info->name);
  g_array_append_val (tree->infos, copy);
}

void
cf_account_tree_subscribe (CfAccountTree *tree, const char *name)
{
  g_hash_table_add (tree->subscribed, g_string_chunk_insert (tree->text, name));
}

static gint
info_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (((const CfMailboxInfo *) a)->name, ((const CfMailboxInfo *) b)->name);
}

static const CfMailboxInfo *
tree_get (const CfAccountTree *tree, guint i)
{
  return &g_array_index (tree->infos, CfMailboxInfo, i);
}

static gint
place_compare (gconstpointer a, gconstpointer b, gpointer user_data)
{
  CfMailboxId x = tree_get (user_data, *(const guint32 *) a)->id;
  CfMailboxId y = tree_get (user_data, *(const guint32 *) b)->id;

  return x < y ? -1 : x > y;
}

void
cf_account_tree_seal (CfAccountTree *tree)
{
  g_array_sort (tree->infos, info_compare);
  for (guint32 i = 0; i < tree->infos->len; i++)
    g_array_append_val (tree->by_id, i);
  g_array_sort_with_data (tree->by_id, place_compare, tree);
}

guint
cf_account_tree_get_n (const CfAccountTree *tree)
{
  return tree->infos->len;
}

const CfMailboxInfo *
cf_account_tree_get (const CfAccountTree *tree, guint i)
{
  return tree_get (tree, i);
}

const CfMailboxInfo *
cf_account_tree_lookup (const CfAccountTree *tree, CfMailboxId id)
{
  guint low = 0, high = tree->by_id->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    const CfMailboxInfo *info = tree_get (tree, g_array_index (tree->by_id, guint32, middle));

    if (info->id == id)
      return info;
    if (info->id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

/* The first name that is not before @name. */
static guint
tree_find (const CfAccountTree *tree, const char *name)
{
  guint low = 0, high = tree->infos->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (strcmp (tree_get (tree, middle)->name, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const CfMailboxInfo *
cf_account_tree_lookup_name (const CfAccountTree *tree, const char *name)
{
  guint at = tree_find (tree, name);

  return at < tree->infos->len && g_str_equal (tree_get (tree, at)->name, name) ? tree_get (tree, at) : NULL;
}

gboolean
cf_account_tree_has_children (const CfAccountTree *tree, const char *name)
{
  g_autofree char *prefix = g_strdup_printf ("%s%c", name, CF_MAILBOX_SEPARATOR);
  guint at = tree_find (tree, prefix);

  return at < tree->infos->len && g_str_has_prefix (tree_get (tree, at)->name, prefix);
}

gboolean
cf_account_tree_is_subscribed (const CfAccountTree *tree, const char *name)
{
  return g_hash_table_contains (tree->subscribed, name);
}

/* ---- Differences ---- */

CfTreeOp *
cf_tree_op_new (CfTreeOpKind kind, const char *name, const char *to)
{
  CfTreeOp *op = g_new0 (CfTreeOp, 1);

  op->kind = kind;
  op->name = g_strdup (name);
  op->to = g_strdup (to);
  return op;
}

void
cf_tree_op_free (CfTreeOp *op)
{
  g_free (op->name);
  g_free (op->to);
  g_free (op);
}

/* INBOX leaves what is below it where it is (RFC 3501, 6.3.5). */
char *
cf_account_tree_map (const char *name, const char *from, const char *to)
{
  gsize length = strlen (from);

  if (!g_str_has_prefix (name, from))
    return NULL;
  if (name[length] != '\0' && (name[length] != CF_MAILBOX_SEPARATOR || g_str_equal (from, "INBOX")))
    return NULL;
  return g_strconcat (to, name + length, NULL);
}

/* What is expected after the client's own operations. */
typedef struct {
  const GPtrArray *own; /* CfTreeOp */
  GHashTable
      *created;       /* names that are its own, owned -> CfTreeOp; NULL for levels above, which may be new */
  GPtrArray *renamed; /* CfTreeOp: renames that were told */
  CfAccountTreeFunc func;
  gpointer user_data;
} Diff;

static const CfTreeOp *
diff_get_own (const Diff *diff, guint i)
{
  return g_ptr_array_index (diff->own, i);
}

static guint
diff_get_n_own (const Diff *diff)
{
  return diff->own != NULL ? diff->own->len : 0;
}

/* The name that @name has after the client's operations from number @first on; NULL: it is deleted. */
static char *
diff_dup_expected (const Diff *diff, const char *name, guint first)
{
  char *expected = g_strdup (name);

  for (guint i = first; i < diff_get_n_own (diff) && expected != NULL; i++) {
    const CfTreeOp *op = diff_get_own (diff, i);
    char *mapped;

    if (op->kind == CF_TREE_DELETE && g_str_equal (op->name, expected)) {
      g_clear_pointer (&expected, g_free);
    } else if (op->kind == CF_TREE_RENAME
               && (mapped = cf_account_tree_map (expected, op->name, op->to)) != NULL) {
      g_free (expected);
      expected = mapped;
    }
  }
  return expected;
}

/* CREATE and RENAME make what is missing above (RFC 3501, 6.3.3, 6.3.5); operations from number @first on may
 * have moved it. */
static void
diff_add_parents (Diff *diff, const char *name, guint first)
{
  for (const char *at = strchr (name, CF_MAILBOX_SEPARATOR); at != NULL;
       at = strchr (at + 1, CF_MAILBOX_SEPARATOR)) {
    g_autofree char *parent = g_strndup (name, (gsize) (at - name));
    g_autofree char *expected = diff_dup_expected (diff, parent, first);

    if (expected != NULL && !g_hash_table_contains (diff->created, expected))
      g_hash_table_replace (diff->created, g_steal_pointer (&expected), NULL);
  }
}

/* The names that the client made. */
static void
diff_add_created (Diff *diff)
{
  for (guint i = 0; i < diff_get_n_own (diff); i++) {
    const CfTreeOp *op = diff_get_own (diff, i);

    if (op->kind == CF_TREE_RENAME)
      diff_add_parents (diff, op->to, i + 1);
    if (op->kind != CF_TREE_CREATE)
      continue;
    diff_add_parents (diff, op->name, i + 1);
    char *expected = diff_dup_expected (diff, op->name, i + 1);
    if (expected != NULL)
      g_hash_table_replace (diff->created, expected, (gpointer) op);
  }
}

static gboolean
diff_is_below_renamed (const Diff *diff, const char *from, const char *to)
{
  for (guint i = 0; i < diff->renamed->len; i++) {
    const CfTreeOp *op = g_ptr_array_index (diff->renamed, i);
    g_autofree char *mapped = cf_account_tree_map (from, op->name, op->to);

    if (mapped != NULL && g_str_equal (mapped, to))
      return TRUE;
  }
  return FALSE;
}

/* The name that mailbox @id would have; NULL: the client does not know it. */
static char *
diff_dup_expected_of (const Diff *diff, const CfMailboxInfo *old, CfMailboxId id)
{
  if (old != NULL)
    return diff_dup_expected (diff, old->name, 0);
  for (guint i = 0; i < diff_get_n_own (diff); i++)
    if (diff_get_own (diff, i)->kind == CF_TREE_CREATE && diff_get_own (diff, i)->id == id)
      return diff_dup_expected (diff, diff_get_own (diff, i)->name, i + 1);
  return NULL;
}

static void
diff_look_at_new (Diff *diff, const CfMailboxInfo *old, const CfMailboxInfo *info)
{
  g_autofree char *expected = diff_dup_expected_of (diff, old, info->id);

  if (expected != NULL && g_str_equal (expected, info->name))
    return;
  if (expected == NULL) {
    if (!g_str_equal (info->name, "INBOX") && !g_hash_table_contains (diff->created, info->name))
      diff->func (CF_TREE_CREATE, info->name, NULL, diff->user_data);
    return;
  }
  if (diff_is_below_renamed (diff, expected, info->name))
    return;
  g_ptr_array_add (diff->renamed, cf_tree_op_new (CF_TREE_RENAME, expected, info->name));
  diff->func (CF_TREE_RENAME, info->name, expected, diff->user_data);
}

static void
diff_look_at_gone (Diff *diff, const CfMailboxInfo *old, const CfAccountTree *after)
{
  g_autofree char *expected = diff_dup_expected (diff, old->name, 0);

  if (expected != NULL && cf_account_tree_lookup_name (after, expected) == NULL)
    diff->func (CF_TREE_DELETE, expected, NULL, diff->user_data);
}

static void
diff_look_at_created (Diff *diff, const CfAccountTree *after)
{
  GHashTableIter iter;
  gpointer name, op;

  g_hash_table_iter_init (&iter, diff->created);
  while (g_hash_table_iter_next (&iter, &name, &op))
    if (op != NULL && cf_account_tree_lookup (after, ((const CfTreeOp *) op)->id) == NULL
        && cf_account_tree_lookup_name (after, name) == NULL)
      diff->func (CF_TREE_DELETE, name, NULL, diff->user_data);
}

static gboolean
diff_expects_subscribed (const Diff *diff, const CfAccountTree *before, const char *name)
{
  gboolean subscribed = cf_account_tree_is_subscribed (before, name);

  for (guint i = 0; i < diff_get_n_own (diff); i++) {
    const CfTreeOp *op = diff_get_own (diff, i);

    if ((op->kind == CF_TREE_SUBSCRIBE || op->kind == CF_TREE_UNSUBSCRIBE) && g_str_equal (op->name, name))
      subscribed = op->kind == CF_TREE_SUBSCRIBE;
  }
  return subscribed;
}

static void
diff_look_at_subscriptions (Diff *diff, const CfAccountTree *before, const CfAccountTree *after)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  GHashTableIter iter;
  gpointer name;

  g_hash_table_iter_init (&iter, before->subscribed);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (names, name);
  g_hash_table_iter_init (&iter, after->subscribed);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_hash_table_add (names, name);
  for (guint i = 0; i < diff_get_n_own (diff); i++)
    if (diff_get_own (diff, i)->kind == CF_TREE_SUBSCRIBE)
      g_hash_table_add (names, diff_get_own (diff, i)->name);

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    if (diff_expects_subscribed (diff, before, name) != cf_account_tree_is_subscribed (after, name))
      diff->func (CF_TREE_SUBSCRIBE, name, NULL, diff->user_data);
}

void
cf_account_tree_diff (const CfAccountTree *before, const GPtrArray *own, const CfAccountTree *after,
                      CfAccountTreeFunc func, gpointer user_data)
{
  g_autoptr (GHashTable) created = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GPtrArray) renamed = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_tree_op_free);
  Diff diff = { own, created, renamed, func, user_data };

  diff_add_created (&diff);
  for (guint i = 0; i < before->infos->len; i++)
    if (cf_account_tree_lookup (after, tree_get (before, i)->id) == NULL)
      diff_look_at_gone (&diff, tree_get (before, i), after);
  for (guint i = 0; i < after->infos->len; i++)
    diff_look_at_new (&diff, cf_account_tree_lookup (before, tree_get (after, i)->id), tree_get (after, i));
  diff_look_at_created (&diff, after);
  diff_look_at_subscriptions (&diff, before, after);
}
