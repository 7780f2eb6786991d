/* tests/unit/test-account-tree.c - the names of an account, and what leads from one state to the next. */
#include "mailbox/account-tree.h"

#include <string.h>

/* "1 INBOX, 2 a, +a": ids with names, and subscriptions. */
static CfAccountTree *
tree_new (const char *text)
{
  CfAccountTree *tree = cf_account_tree_new ();
  g_auto (GStrv) parts = g_strsplit (text, ", ", -1);

  for (char **part = parts; *part != NULL; part++) {
    CfMailboxInfo info = { .struct_size = sizeof info };
    char *end;

    if (**part == '+') {
      cf_account_tree_subscribe (tree, *part + 1);
    } else if (**part != '\0') {
      info.id = g_ascii_strtoull (*part, &end, 10);
      info.name = end + 1;
      cf_account_tree_add (tree, &info);
    }
  }
  cf_account_tree_seal (tree);
  return tree;
}

static void
test_lookup (void)
{
  g_autoptr (CfAccountTree) tree = tree_new ("9 b/c, 3 a, 1 INBOX, 7 a b, +b, +gone");

  g_assert_cmpuint (cf_account_tree_get_n (tree), ==, 4);
  g_assert_cmpstr (cf_account_tree_get (tree, 0)->name, ==, "INBOX");
  g_assert_cmpstr (cf_account_tree_lookup (tree, 9)->name, ==, "b/c");
  g_assert_null (cf_account_tree_lookup (tree, 2));
  g_assert_cmpuint (cf_account_tree_lookup_name (tree, "a b")->id, ==, 7);
  g_assert_null (cf_account_tree_lookup_name (tree, "b"));
  g_assert_true (cf_account_tree_has_children (tree, "b"));
  g_assert_false (cf_account_tree_has_children (tree, "a"));
  g_assert_true (cf_account_tree_is_subscribed (tree, "gone"));
  g_assert_false (cf_account_tree_is_subscribed (tree, "a"));
}

static gint
lines_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
take (CfTreeOpKind kind, const char *name, const char *old_name, gpointer user_data)
{
  static const char *const kinds[] = { "create", "delete", "rename", "subscribe", "unsubscribe" };

  g_ptr_array_add (user_data, old_name != NULL ? g_strdup_printf ("%s %s>%s", kinds[kind], old_name, name)
                                               : g_strdup_printf ("%s %s", kinds[kind], name));
}

/* "create a 2, rename a b": operations, the first with its id. */
static GPtrArray *
ops_new (const char *text)
{
  GPtrArray *ops = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_tree_op_free);
  g_auto (GStrv) parts = g_strsplit (text, ", ", -1);

  for (char **part = parts; *part != NULL; part++) {
    g_auto (GStrv) words = g_strsplit (*part, " ", -1);
    CfTreeOpKind kind = CF_TREE_CREATE;

    if (g_str_equal (words[0], "delete"))
      kind = CF_TREE_DELETE;
    else if (g_str_equal (words[0], "rename"))
      kind = CF_TREE_RENAME;
    else if (g_str_equal (words[0], "subscribe"))
      kind = CF_TREE_SUBSCRIBE;
    else if (g_str_equal (words[0], "unsubscribe"))
      kind = CF_TREE_UNSUBSCRIBE;
    CfTreeOp *op = cf_tree_op_new (kind, words[1], kind == CF_TREE_RENAME ? words[2] : NULL);
    if (kind == CF_TREE_CREATE && words[2] != NULL)
      op->id = g_ascii_strtoull (words[2], NULL, 10);
    g_ptr_array_add (ops, op);
  }
  return ops;
}

static void
test_diff (void)
{
  static const struct {
    const char *before, *own, *after, *expected;
  } cases[] = {
    { "1 INBOX, 2 a", NULL, "1 INBOX, 2 a", "" },
    { "1 INBOX", NULL, "1 INBOX, 2 a", "create a" },
    { "1 INBOX, 2 a", NULL, "1 INBOX", "delete a" },
    { "2 a", NULL, "2 b", "rename a>b" },
    /* children go with it, but not to elsewhere */
    { "2 a, 3 a/b, 4 a/c", NULL, "2 x, 3 x/b, 4 y", "rename a/c>y, rename a>x" },
    /* made anew */
    { "2 a", NULL, "3 a", "create a" },
    { "1 INBOX", NULL, "1 old, 2 INBOX", "rename INBOX>old" },
    { "2 a", NULL, "2 a, +a", "subscribe a" },
    { "2 a, +a, +b", NULL, "2 a", "subscribe a, subscribe b" },
    /* one's own */
    { "1 INBOX", "create a/b", "1 INBOX, 2 a, 3 a/b", "" },
    { "1 INBOX", "create a", "1 INBOX, 2 a, 3 b", "create b" },
    { "2 a", "delete a", "", "" },
    { "2 a, 3 a/b", "rename a x", "2 x, 3 x/b", "" },
    { "2 a, 3 a/b", "rename a x/y", "2 x/y, 3 x/y/b, 4 x", "" },
    { "2 a", "rename a b, rename b c", "2 c", "" },
    { "1 INBOX", "create a, rename a b", "1 INBOX, 2 b", "" },
    { "1 INBOX", "create a, delete a", "1 INBOX", "" },
    { "1 INBOX", "create a/b, rename a c, delete c/b", "1 INBOX, 2 c", "" },
    { "1 INBOX", "create a, rename a b/c, rename b d", "1 INBOX, 2 d/c, 3 d", "" },
    { "2 a", "subscribe a", "2 a, +a", "" },
    { "2 a, +a", "unsubscribe a", "2 a", "" },
    /* and what others made of that */
    { "1 INBOX", "create a", "1 INBOX", "delete a" },
    { "2 a", "rename a b", "2 c", "rename b>c" },
    { "1 INBOX", "create a 2", "1 INBOX, 2 b", "rename a>b" },
    { "1 INBOX", "create a 2, rename a b", "1 INBOX, 2 c", "rename b>c" },
    { "2 a", "rename a b", "", "delete b" },
    { "2 a", "delete a", "3 a", "create a" },
    { "1 INBOX", "create a, create a/b", "1 INBOX", "delete a, delete a/b" },
    { "2 a", "subscribe a", "2 a", "subscribe a" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfAccountTree) before = tree_new (cases[i].before), after = tree_new (cases[i].after);
    g_autoptr (GPtrArray) own = cases[i].own != NULL ? ops_new (cases[i].own) : NULL;
    g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
    g_autofree char *text = NULL;

    cf_account_tree_diff (before, own, after, take, lines);
    g_ptr_array_sort (lines, lines_compare);
    g_ptr_array_add (lines, NULL);
    text = g_strjoinv (", ", (char **) lines->pdata);
    g_assert_cmpstr (text, ==, cases[i].expected);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/account-tree/lookup", test_lookup);
  g_test_add_func ("/core/account-tree/diff", test_diff);
  return g_test_run ();
}
