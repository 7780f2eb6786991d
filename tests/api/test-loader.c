/* tests/api/test-loader.c - what the loader takes, and what it says when it refuses.
 *
 * The modules are this directory's; COFFER_MODULE_PATH says where they were built.
 */
#include "module/loader.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void
assert_refused (const char *name, const char *pattern)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (cf_loader_load (name, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == CF_ERROR);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' is not like '%s'", error->message, pattern);
}

static void
load (const char *name)
{
  g_autoptr (GError) error = NULL;

  cf_loader_load (name, &error);
  g_assert_no_error (error);
}

static void
test_good (void)
{
  const CfModuleInfo *module;

  cf_registry_open (NULL);
  load ("toy_tables");
  load ("needs-other");
  cf_registry_freeze ();
  g_assert_cmpuint (cf_registry_get_n_modules (), ==, 2);
  module = cf_registry_get_module (0);
  g_assert_cmpstr (module->name, ==, "toy-tables");
  g_assert_cmpstr (module->descriptor->version, ==, "1.2");
  g_assert_true (g_path_is_absolute (module->path));
  g_assert_nonnull (cf_registry_lookup_command ("XTOY"));
  g_assert_nonnull (cf_registry_lookup_item (CF_ITEM_FETCH, "XTOY.ANSWERS"));
  g_assert_nonnull (cf_registry_lookup_search_key ("XTOY.PARTS"));
  cf_registry_close ();
}

static void
test_refusals (void)
{
  static const struct {
    const char *name, *pattern;
  } cases[] = {
    { "no-such", "module no-such: there is no no-such.so in *" },
    { "../toy-tables", "'../toy-tables' is no name of a module" },
    { "no-descriptor",
      "*/no-descriptor.so: no Coffer module *: it does not export coffer_module_no_descriptor" },
    { "other-major", "*/other-major.so: built for module ABI 2.0, this server has 1.0; build it anew" },
    { "newer-minor", "*/newer-minor.so: needs module ABI 1.1, this server has 1.0; upgrade the server" },
    { "wrong-name", "*/wrong-name.so: its descriptor calls it 'another'" },
    { "needs-other", "*/needs-other.so: requires module toy-tables, which must be loaded before it" },
    { "undefined-symbol", "*/undefined-symbol.so: cannot be loaded: *cf_toy_that_nobody_has*" },
    { "init-fails", "init-fails: the moon is not full" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    cf_registry_open (NULL);
    assert_refused (cases[i].name, cases[i].pattern);
    cf_registry_close ();
  }
}

static void
test_twice (void)
{
  cf_registry_open (NULL);
  load ("toy-tables");
  assert_refused ("toy-tables", "*/toy-tables.so: module toy-tables is loaded already, from */toy-tables.so");
  assert_refused ("taken-name", "module taken-name: command XTOY is registered by module toy-tables already");
  cf_registry_close ();
}

static void
test_config (void)
{
  g_autoptr (CfConfig) good = cf_config_parse ("t.conf", "[toy-tables]\nanswers = 7\n", NULL);
  g_autoptr (CfConfig) bad = cf_config_parse ("t.conf", "[toy-tables]\n\nanswers = 700\n", NULL);
  g_autoptr (CfConfig) unknown = cf_config_parse ("t.conf", "[toy-tables]\nanswer = 7\n", NULL);

  cf_registry_open (good);
  load ("toy-tables");
  cf_registry_close ();
  cf_registry_open (bad);
  assert_refused ("toy-tables", "t.conf:3: answers: 700 is not between 1 and 100");
  cf_registry_close ();
  cf_registry_open (unknown);
  assert_refused ("toy-tables", "t.conf:2: group [toy-tables] has no key 'answer'");
  cf_registry_close ();
}

/* ---- Who could have changed it ----------------------------------------------------------------------- */

typedef struct {
  char *dir, *nested_dir, *file, *nested;
} Copies;

/* A module path of its own: NAME.so in it, and another in NAME/NAME.so. */
static Copies
make_copies (void)
{
  const char *built = g_getenv ("TOY_DIR");
  g_autofree char *from = g_build_filename (built, "toy-tables.so", NULL);
  g_autofree char *from_nested = g_build_filename (built, "init-fails.so", NULL);
  g_autofree char *octets = NULL;
  gsize length;
  Copies copies;

  copies.dir = g_dir_make_tmp ("coffer-XXXXXX", NULL);
  copies.nested_dir = g_build_filename (copies.dir, "init-fails", NULL);
  copies.file = g_build_filename (copies.dir, "toy-tables.so", NULL);
  copies.nested = g_build_filename (copies.nested_dir, "init-fails.so", NULL);
  g_mkdir (copies.nested_dir, 0755);
  g_assert_true (g_file_get_contents (from, &octets, &length, NULL));
  g_assert_true (g_file_set_contents (copies.file, octets, (gssize) length, NULL));
  g_clear_pointer (&octets, g_free);
  g_assert_true (g_file_get_contents (from_nested, &octets, &length, NULL));
  g_assert_true (g_file_set_contents (copies.nested, octets, (gssize) length, NULL));
  g_setenv ("COFFER_MODULE_PATH", copies.dir, TRUE);
  return copies;
}

static void
remove_copies (Copies *copies)
{
  g_setenv ("COFFER_MODULE_PATH", g_getenv ("TOY_DIR"), TRUE);
  g_unlink (copies->file);
  g_unlink (copies->nested);
  g_rmdir (copies->nested_dir);
  g_rmdir (copies->dir);
  g_free (copies->dir);
  g_free (copies->nested_dir);
  g_free (copies->file);
  g_free (copies->nested);
}

static void
test_writable (void)
{
  Copies copies = make_copies ();

  cf_registry_open (NULL);
  g_chmod (copies.file, 0646);
  assert_refused ("toy-tables", "*/toy-tables.so: the file is writable by others");
  g_chmod (copies.file, 0644);
  g_chmod (copies.dir, 0757);
  assert_refused ("toy-tables", "*/toy-tables.so: directory * is writable by others");
  /* The sticky bit helps above the module path, not in it: there, adding is enough. */
  g_chmod (copies.dir, 01777);
  assert_refused ("toy-tables", "*/toy-tables.so: directory * is writable by others");
  assert_refused ("init-fails", "*/init-fails.so: directory * is writable by others");
  g_chmod (copies.dir, 0755);
  g_chmod (copies.nested_dir, 0777);
  assert_refused ("init-fails", "*/init-fails/init-fails.so: directory */init-fails is writable by others");
  g_chmod (copies.nested_dir, 0755);
  load ("toy-tables");
  assert_refused ("init-fails", "init-fails: the moon is not full");
  cf_registry_close ();
  remove_copies (&copies);
}

static void
test_symbolic_link (void)
{
  Copies copies = make_copies ();
  g_autofree char *other = g_dir_make_tmp ("coffer-XXXXXX", NULL);
  g_autofree char *target = g_build_filename (other, "toy-tables.so", NULL);

  g_assert_cmpint (g_rename (copies.file, target), ==, 0);
  g_assert_cmpint (symlink (target, copies.file), ==, 0);
  cf_registry_open (NULL);
  g_chmod (other, 0777);
  assert_refused ("toy-tables", "*/toy-tables.so: directory * is writable by others");
  g_chmod (other, 0755);
  load ("toy-tables");
  cf_registry_close ();
  g_unlink (target);
  g_rmdir (other);
  remove_copies (&copies);
}

static void
test_not_a_file (void)
{
  Copies copies = make_copies ();
  g_autofree char *directory = g_build_filename (copies.dir, "a-directory.so", NULL);
  g_autofree char *text = g_build_filename (copies.dir, "a-text.so", NULL);

  g_mkdir (directory, 0755);
  g_assert_true (g_file_set_contents (text, "no shared object\n", -1, NULL));
  cf_registry_open (NULL);
  assert_refused ("a-directory", "*/a-directory.so: not a regular file");
  assert_refused ("a-text", "*/a-text.so: cannot be loaded: *");
  cf_registry_close ();
  g_rmdir (directory);
  g_unlink (text);
  remove_copies (&copies);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_nonnull (g_getenv ("TOY_DIR"));
  g_setenv ("COFFER_MODULE_PATH", g_getenv ("TOY_DIR"), TRUE);
  g_test_add_func ("/core/loader/good", test_good);
  g_test_add_func ("/core/loader/refusals", test_refusals);
  g_test_add_func ("/core/loader/twice", test_twice);
  g_test_add_func ("/core/loader/config", test_config);
  g_test_add_func ("/core/loader/writable-by-others", test_writable);
  g_test_add_func ("/core/loader/symbolic-link", test_symbolic_link);
  g_test_add_func ("/core/loader/not-a-module-file", test_not_a_file);
  return g_test_run ();
}
