/* tests/unit/test-config.c - the configuration's reader, its types, its descriptions and a second reading. */
#include "module/config.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct {
  gboolean on;
  gint64 size, time, level;
  char *text, *file;
  char **list;
  const char *choice;
} Values;

#define AT(field) .offset = G_STRUCT_OFFSET (Values, field)

static const CfConfigKey keys[] = {
  { "on", CF_CONFIG_BOOLEAN, "true", .help = "A switch", AT (on), .reloadable = TRUE },
  { "size", CF_CONFIG_INTEGER, "64k", 1024, 1 << 30, .help = "Octets", AT (size), .reloadable = TRUE },
  { "time", CF_CONFIG_DURATION, "90s", .help = "A time", AT (time), .reloadable = TRUE },
  { "level", CF_CONFIG_INTEGER, "-1", -5, 5, .help = "A signed number", AT (level) },
  { "text", CF_CONFIG_STRING, NULL, .help = "A text", AT (text) },
  { "file", CF_CONFIG_FILE, "store.db", .help = "A file", AT (file) },
  { "list", CF_CONFIG_LIST, "a;b", .help = "A list", AT (list) },
  { "choice", CF_CONFIG_CHOICE, "one", .choices = "one;two", .help = "A choice", AT (choice),
    .reloadable = TRUE },
};

#define N_KEYS G_N_ELEMENTS (keys)

static void
clear (Values *values)
{
  cf_config_clear (keys, sizeof keys[0], N_KEYS, values);
}

static gboolean
read_text (const char *text, Values *values, GError **error)
{
  g_autoptr (CfConfig) config = cf_config_parse ("/etc/t.conf", text, error);

  return config && cf_config_apply (config, "x", keys, sizeof keys[0], N_KEYS, values, error)
         && cf_config_check_unclaimed (config, error);
}

static void
test_defaults (void)
{
  Values values = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (read_text ("", &values, &error));
  g_assert_true (values.on);
  g_assert_cmpint (values.size, ==, 65536);
  g_assert_cmpint (values.time, ==, 90);
  g_assert_cmpint (values.level, ==, -1);
  g_assert_null (values.text);
  g_assert_cmpstr (values.file, ==, "/etc/store.db");
  g_assert_cmpuint (g_strv_length (values.list), ==, 2);
  g_assert_cmpstr (values.choice, ==, "one");
  clear (&values);

  g_assert_true (cf_config_apply (NULL, "x", keys, sizeof keys[0], N_KEYS, &values, &error));
  g_assert_cmpint (values.size, ==, 65536);
  clear (&values);
}

static void
test_values (void)
{
  Values values = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (read_text ("# a comment\r\n"
                            "\n"
                            "  [x]  \n"
                            "on=no\n"
                            "size = 2M\n"
                            "time = 1d\n"
                            "level = 5\n"
                            "text =  a = b; # \xc3\xa9 \n"
                            "file = ../lib/s.db\n"
                            "list = one ; two words;\n"
                            "choice = two",
                            &values, &error));
  g_assert_no_error (error);
  g_assert_false (values.on);
  g_assert_cmpint (values.size, ==, 2 << 20);
  g_assert_cmpint (values.time, ==, 86400);
  g_assert_cmpint (values.level, ==, 5);
  g_assert_cmpstr (values.text, ==, "a = b; # \xc3\xa9");
  g_assert_cmpstr (values.file, ==, "/lib/s.db");
  g_assert_cmpuint (g_strv_length (values.list), ==, 2);
  g_assert_cmpstr (values.list[1], ==, "two words");
  g_assert_cmpstr (values.choice, ==, "two");
  clear (&values);
}

static void
test_errors (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "key = 1", "/etc/t.conf:1: a key before the first [group]" },
    { "[x]\nnonsense", "/etc/t.conf:2: neither '[group]' nor 'key = value' nor a comment" },
    { "[x", "/etc/t.conf:1: a group's line ends with ']'" },
    { "[X y]", "/etc/t.conf:1: 'X y' is no name of a group" },
    { "[]", "/etc/t.conf:1: '' is no name of a group" },
    { "[", "/etc/t.conf:1: a group's line ends with ']'" },
    { "[x]\n\n[y]\n[x]", "/etc/t.conf:4: group [x] is in line 1 already" },
    { "[x]\n= 1", "/etc/t.conf:2: '' is no name of a key" },
    { "[x]\nA b = 1", "/etc/t.conf:2: 'A b' is no name of a key" },
    { "[x]\non = yes\n#\non = yes", "/etc/t.conf:4: key 'on' is in line 2 already" },
    { "[x]\ntext = a\x01", "/etc/t.conf:2: a control character" },
    { "[x]\ntext = \xff", "/etc/t.conf:2: not UTF-8" },
    { "[x]\nonn = yes", "/etc/t.conf:2: group [x] has no key 'onn'" },
    { "#\n[z]\n", "/etc/t.conf:2: no loaded module has a group [z]" },
    { "[x]\non = perhaps", "/etc/t.conf:2: on: 'perhaps' is not true or false" },
    { "[x]\nsize =", "/etc/t.conf:2: size: '' is not a number (k, M or G may follow)" },
    { "[x]\nsize = 12kB", "/etc/t.conf:2: size: '12kB' is not a number (k, M or G may follow)" },
    { "[x]\nsize = 99999999999999999999", NULL },
    { "[x]\nsize = 9999999999999G", NULL },
    { "[x]\nsize = 1000", "/etc/t.conf:2: size: 1000 is not between 1k and 1G" },
    { "[x]\nsize = 2G", "/etc/t.conf:2: size: 2G is not between 1k and 1G" },
    { "[x]\ntime = -1", "/etc/t.conf:2: time: -1 is below 0" },
    { "[x]\ntime = 5k", "/etc/t.conf:2: time: '5k' is not a time (a number with s, m, h or d)" },
    { "[x]\nlist = a;;b", "/etc/t.conf:2: list: element 2 of the list is empty" },
    { "[x]\nchoice = three", "/etc/t.conf:2: choice: 'three' is not one of one, two" },
    { "[x]\nchoice =", "/etc/t.conf:2: choice: '' is not one of one, two" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    Values values = { 0 };
    g_autoptr (GError) error = NULL;

    g_assert_false (read_text (cases[i].text, &values, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
    if (cases[i].message)
      g_assert_cmpstr (error->message, ==, cases[i].message);
    else
      g_assert_true (g_str_has_prefix (error->message, "/etc/t.conf:2: size: "));
    clear (&values);
  }
}

/* A value that does not fit leaves all variables of its table as they were. */
static void
test_all_or_nothing (void)
{
  Values values = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (read_text ("[x]\nsize = 4k\ntext = first\n", &values, &error));
  g_assert_false (read_text ("[x]\nsize = 8k\ntext = second\nchoice = no\n", &values, &error));
  g_assert_cmpint (values.size, ==, 4096);
  g_assert_cmpstr (values.text, ==, "first");
  clear (&values);
}

static void
test_file (void)
{
  g_autofree char *dir = g_dir_make_tmp ("coffer-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "t.conf", NULL);
  g_autoptr (GError) error = NULL;
  CfConfig *config;

  config = cf_config_load (path, &error);
  g_assert_null (config);
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (path, "[x]\n\0", 5, NULL));
  config = cf_config_load (path, &error);
  g_assert_null (config);
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (path, "[x]\n", -1, NULL));
  config = cf_config_load (path, &error);
  g_assert_no_error (error);
  cf_config_free (config);
  g_unlink (path);
  g_rmdir (dir);
}

static void
test_prefix (void)
{
  g_autoptr (CfConfig) config = cf_config_parse ("t.conf", "[x]\n\ntext = a\n", NULL);
  GError *error = g_error_new (CF_ERROR, CF_ERROR_CANNOT, "no good");

  cf_config_prefix_error (config, "x", "text", &error);
  g_assert_cmpstr (error->message, ==, "t.conf:3: no good");
  cf_config_prefix_error (config, "x", "on", &error);
  g_assert_cmpstr (error->message, ==, "t.conf:3: no good");
  g_clear_error (&error);

  error = g_error_new (CF_ERROR, CF_ERROR_CANNOT, "no good");
  cf_config_prefix_error (config, "x", "on", &error);
  g_assert_cmpstr (error->message, ==, "t.conf: [x] on: no good");
  g_clear_error (&error);
}

/* What is printed is a file that says nothing but the defaults; and so does the file with the
 * marks taken off. */
static void
test_describe (void)
{
  g_autoptr (GString) out = g_string_new ("[x]\n");
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;
  Values values = { 0 };

  cf_config_describe (out, keys, sizeof keys[0], N_KEYS);
  g_assert_nonnull (
      strstr (out->str, "# Octets\n# number, 1k to 1G; default: 64k; SIGHUP re-reads it\n#size = 64k\n"));
  g_assert_nonnull (strstr (out->str, "# A choice\n# one of one;two; default: one; SIGHUP re-reads it\n"));
  g_assert_nonnull (strstr (out->str, "# A signed number\n# number, -5 to 5; default: -1\n"));
  g_assert_true (read_text (out->str, &values, &error));
  g_assert_no_error (error);
  clear (&values);

  lines = g_strsplit (out->str, "\n", -1);
  g_string_truncate (out, 0);
  for (guint i = 0; lines[i]; i++)
    g_string_append_printf (out, "%s\n", lines[i] + (lines[i][0] == '#' && lines[i][1] != ' '));
  g_assert_true (read_text (out->str, &values, &error));
  g_assert_no_error (error);
  g_assert_cmpint (values.size, ==, 65536);
  clear (&values);
}

/* What is in force, as it would stand in a file; read again it is the same. */
static void
test_group_values (void)
{
  static const struct {
    const char *text, *shown;
    gboolean is_default;
  } cases[N_KEYS][2] = {
    { { "", "true", TRUE }, { "on = no", "false", FALSE } },
    { { "", "64k", TRUE }, { "size = 2048", "2k", FALSE } },
    { { "time = 90", "90s", TRUE }, { "time = 2h", "2h", FALSE } },
    { { "", "-1", TRUE }, { "level = -5", "-5", FALSE } },
    { { "", "", TRUE }, { "text = a b", "a b", FALSE } },
    { { "file = /etc/y", "/etc/y", FALSE }, { "file = y", "/etc/y", FALSE } },
    { { "list = a; b;", "a;b", TRUE }, { "list =", "", FALSE } },
    { { "choice = one", "one", TRUE }, { "choice = two", "two", FALSE } },
  };

  for (guint i = 0; i < N_KEYS; i++)
    for (guint j = 0; j < 2; j++) {
      g_autofree char *text = g_strdup_printf ("[x]\n%s\n", cases[i][j].text), *shown = NULL;
      Values values = { 0 };
      const CfConfigGroup group = { .keys = keys, .row_size = sizeof keys[0], .n = N_KEYS, .base = &values };
      gboolean is_default;

      g_assert_true (read_text (text, &values, NULL));
      shown = cf_config_group_dup_value (&group, i, &is_default);
      g_assert_cmpstr (shown, ==, cases[i][j].shown);
      g_assert_cmpint (is_default, ==, cases[i][j].is_default);
      clear (&values);
    }
}

static void
test_secret (void)
{
  CfConfigKey secret = { "text", CF_CONFIG_STRING, AT (text), .secret = TRUE };
  Values values = { .text = (char *) "password" };
  CfConfigGroup group = { .keys = &secret, .row_size = sizeof secret, .n = 1, .base = &values };
  gboolean is_default;
  g_autofree char *shown = cf_config_group_dup_value (&group, 0, &is_default), *none = NULL;

  g_assert_cmpstr (shown, ==, "(secret)");
  g_assert_false (is_default);
  values.text = NULL;
  none = cf_config_group_dup_value (&group, 0, &is_default);
  g_assert_cmpstr (none, ==, "");
  g_assert_true (is_default);
}

static void
test_changes (void)
{
  g_autoptr (CfConfig) config
      = cf_config_parse ("/etc/t.conf", "[x]\nsize = 1M\nchoice = two\nlevel = 3\nlist = a;b\n", NULL);
  g_autoptr (CfConfig) bad = cf_config_parse ("/etc/t.conf", "[x]\nsize = 1M\nlevel = 30\n", NULL);
  g_autoptr (CfConfigChanges) changes = cf_config_changes_new ();
  g_autoptr (CfConfigChanges) none = cf_config_changes_new ();
  g_auto (GStrv) waiting = NULL;
  g_auto (GStrv) applied = NULL;
  g_autoptr (GError) error = NULL;
  Values values = { 0 };

  g_assert_true (read_text ("", &values, NULL));
  g_assert_false (cf_config_changes_collect (none, bad, "x", keys, sizeof keys[0], N_KEYS, &values, &error));
  g_assert_cmpstr (error->message, ==, "/etc/t.conf:3: level: 30 is not between -5 and 5");
  g_assert_cmpint (values.size, ==, 65536);

  g_assert_true (
      cf_config_changes_collect (changes, config, "x", keys, sizeof keys[0], N_KEYS, &values, NULL));
  g_assert_cmpint (values.size, ==, 65536);
  waiting = cf_config_changes_apply (changes, &applied);
  g_assert_cmpint (values.size, ==, 1 << 20);
  g_assert_cmpstr (values.choice, ==, "two");
  g_assert_cmpint (values.level, ==, -1);
  g_assert_cmpuint (g_strv_length (waiting), ==, 1);
  g_assert_cmpstr (waiting[0], ==, "x.level");
  g_assert_cmpuint (g_strv_length (applied), ==, 2);
  g_assert_cmpstr (applied[0], ==, "x.size");
  g_assert_cmpstr (applied[1], ==, "x.choice");
  clear (&values);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/config/defaults", test_defaults);
  g_test_add_func ("/core/config/values", test_values);
  g_test_add_func ("/core/config/errors-name-the-line", test_errors);
  g_test_add_func ("/core/config/all-or-nothing", test_all_or_nothing);
  g_test_add_func ("/core/config/file", test_file);
  g_test_add_func ("/core/config/prefix-error", test_prefix);
  g_test_add_func ("/core/config/describe", test_describe);
  g_test_add_func ("/core/config/group-values", test_group_values);
  g_test_add_func ("/core/config/secret", test_secret);
  g_test_add_func ("/core/config/changes", test_changes);
  return g_test_run ();
}
