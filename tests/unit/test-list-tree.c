/* tests/unit/test-list-tree.c - which names a LIST selects, and what its patterns begin with. */
#include "commands/list-tree.h"

static GPtrArray *
patterns_new (const char *text)
{
  g_auto (GStrv) parts = g_strsplit (text, " ", -1);
  GPtrArray *patterns = g_ptr_array_new_with_free_func (g_free);

  for (char **part = parts; *part != NULL; part++)
    g_ptr_array_add (patterns, g_strdup (*part));
  return patterns;
}

static void
test_prefix (void)
{
  static const struct {
    const char *patterns, *prefix;
  } rows[] = {
    { "*", "" },
    { "INBOX", "INBOX" },
    { "Default/*", "Default/" },
    { "a%b", "a" },
    { "Work/% Work/Old*", "Work/" },
    { "Work/Old Work/Older", "Work/Old" },
    { "a b", "" },
    { "x* x", "x" },
    /* e with acute and with grave share their first octet. */
    { "caf\303\251/* caf\303\250/*", "caf" },
    { "caf\303\251/* caf\303\251/x", "caf\303\251/" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GPtrArray) patterns = patterns_new (rows[i].patterns);
    g_autofree char *prefix = cf_list_dup_prefix (patterns);

    g_assert_cmpstr (prefix, ==, rows[i].prefix);
  }
}

/* Mailboxes a, a/b, a/b/c, x/y (no x) and \Sent z; subscribed a/b/c, x/gone. */
static CfListTree *
tree_new (gboolean keep)
{
  static const char *const names[] = { "a", "a/b", "a/b/c", "x/y" };
  CfListTree *tree = cf_list_tree_new ();
  CfMailboxInfo info = { .struct_size = sizeof info, .id = 1 };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    info.name = names[i];
    cf_list_tree_add_mailbox (tree, &info, NULL);
  }
  info.name = "z";
  info.special_use = CF_SPECIAL_USE_SENT;
  cf_list_tree_add_mailbox (tree, &info, NULL);
  cf_list_tree_subscribe (tree, "a/b/c", keep);
  cf_list_tree_subscribe (tree, "x/gone", keep);
  return tree;
}

/* "name" with + for children, s for subscribed, e for existing, ! for selected, > for selected below, h for
 * hidden ones among these. */
static char *
describe (CfListTree *tree, guint select, const char *text)
{
  g_autoptr (GPtrArray) patterns = patterns_new (text);
  g_autoptr (GPtrArray) entries = NULL;
  GString *result = g_string_new (NULL);

  cf_list_tree_select (tree, select, patterns);
  entries = cf_list_tree_match (tree, patterns);
  for (guint i = 0; i < entries->len; i++) {
    const CfListEntry *entry = g_ptr_array_index (entries, i);

    g_string_append_printf (result, "%s%s=%s%s%s%s%s%s", i > 0 ? " " : "", entry->name,
                            entry->exists ? "e" : "", entry->has_children ? "+" : "",
                            entry->is_subscribed ? "s" : "", entry->is_selected ? "!" : "",
                            entry->has_selected ? ">" : "", entry->has_hidden ? "h" : "");
  }
  return g_string_free (result, FALSE);
}

static void
test_select (void)
{
  static const struct {
    gboolean keep;
    guint select;
    const char *patterns, *result;
  } rows[] = {
    { FALSE, 0, "*", "a=e+! a/b=e+! a/b/c=es! x=+! x/y=e! z=e!" },
    { FALSE, 0, "% a/%", "a=e+! a/b=e+! x=+! z=e!" },
    { TRUE, CF_LIST_SELECT_SUBSCRIBED, "%", "a=e+>h x=+>h z=e" },
    { TRUE, CF_LIST_SELECT_SUBSCRIBED, "*", "a=e+> a/b=e+> a/b/c=es! x=+> x/gone=s! x/y=e z=e" },
    { TRUE, CF_LIST_SELECT_SUBSCRIBED, "a x/*", "a=e+>h x/gone=s! x/y=e" },
    { FALSE, CF_LIST_SELECT_SPECIAL_USE, "%", "a=e+ x=+ z=e!" },
    { TRUE, CF_LIST_SELECT_SPECIAL_USE | CF_LIST_SELECT_SUBSCRIBED, "%", "a=e+ x=+ z=e" },
    { TRUE, CF_LIST_SELECT_SUBSCRIBED, "none", "" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    CfListTree *tree = tree_new (rows[i].keep);
    g_autofree char *result = describe (tree, rows[i].select, rows[i].patterns);

    g_assert_cmpstr (result, ==, rows[i].result);
    cf_list_tree_free (tree);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/list-tree/prefix", test_prefix);
  g_test_add_func ("/core/list-tree/select", test_select);
  return g_test_run ();
}
