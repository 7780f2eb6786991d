/* tests/api/test-cofferd.c - the daemon's command line: exit codes, and what it says about a configuration.
 *
 * The environment says where the program (COFFERD) and the modules (COFFER_MODULE_PATH) were built.
 */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char *dir, *conf;

/* Runs cofferd with @args (blank separated); the outputs are the caller's. Returns the exit code. */
static int
cofferd (const char *args, char **out, char **err)
{
  g_autofree char *line = g_strdup_printf ("%s %s", g_getenv ("COFFERD"), args);
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_command_line_sync (line, out, err, &status, &error);
  g_assert_no_error (error);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
write_conf (const char *text)
{
  g_assert_true (g_file_set_contents (conf, text, -1, NULL));
}

#define GOOD_SERVER "[server]\nlisten =\nmodules = storage-memory"
#define GOOD_REST   "\n[storage]\nclass = memory\n"
#define GOOD        GOOD_SERVER GOOD_REST

static void
test_check_good (void)
{
  g_autofree char *args = g_strdup_printf ("--check-config --config %s", conf);
  g_autofree char *out = NULL, *err = NULL;

  write_conf (GOOD);
  g_assert_cmpint (cofferd (args, &out, &err), ==, 0);
  g_assert_cmpstr (out, ==, "OK\n");
  g_assert_cmpstr (err, ==, "");
}

/* Each is one line, "FILE:LINE: reason", with exit code 78; when serving as when checking. */
static void
test_check_bad (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { GOOD "[imap]\nappend_limits = 1M\n", ":7: group [imap] has no key 'append_limits'" },
    { GOOD "[imap]\nappend_limit = many\n",
      ":7: append_limit: 'many' is not a number (k, M or G may follow)" },
    { GOOD_SERVER "\nplaintext_login = perhaps" GOOD_REST,
      ":4: plaintext_login: 'perhaps' is not one of never, loopback, always" },
    { GOOD "class = memory\n", ":6: key 'class' is in line 5 already" },
    { GOOD "[impa]\n", ":6: no loaded module has a group [impa]" },
    { GOOD "[storage-memory]\ntombstones = 0\n", ":7: tombstones: 0 is not between 1 and 2147483647" },
    { GOOD_SERVER ";no-such" GOOD_REST, ":3: module no-such: there is no no-such.so in " },
    { GOOD_SERVER ";init-fails" GOOD_REST, ":3: init-fails: the moon is not full" },
    { "[server]\nmodules = storage-memory\n[storage]\nclass = sqlite\n",
      ":4: no loaded module has a storage class 'sqlite' (there is: memory)" },
    { GOOD_SERVER "\ntls_key = k.pem" GOOD_REST, ":4: tls_key without tls_certificate" },
    { GOOD_SERVER "\ntls_certificate = no-such.pem" GOOD_REST, ":4: " },
    { GOOD_SERVER "\nuser = no-such-user" GOOD_REST, ":4: user no-such-user: there is no such user" },
    { "[server]\nlisten = nonsense\nmodules = storage-memory\n[storage]\nclass = memory\n", ":2: " },
  };
  g_autofree char *check = g_strdup_printf ("--check-config --config %s", conf);
  g_autofree char *serve = g_strdup_printf ("--config %s", conf);

  for (guint i = 0; i < G_N_ELEMENTS (cases) * 2; i++) {
    g_autofree char *out = NULL, *err = NULL;
    g_autofree char *wanted = g_strconcat (conf, cases[i / 2].message, NULL);

    write_conf (cases[i / 2].text);
    g_assert_cmpint (cofferd (i % 2 ? serve : check, &out, &err), ==, 78);
    g_assert_cmpstr (out, ==, "");
    if (!g_str_has_prefix (err, wanted))
      g_assert_cmpstr (err, ==, wanted);
    g_assert_cmpuint (strcspn (err, "\n"), ==, strlen (err) - 1);
  }
}

static void
test_usage (void)
{
  static const char *const wrong[] = { "--no-such", "argument", "--check-config --print-config", "--config" };
  g_autofree char *out = NULL, *err = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autofree char *wrong_out = NULL, *wrong_err = NULL;

    g_assert_cmpint (cofferd (wrong[i], &wrong_out, &wrong_err), ==, 64);
    g_assert_cmpstr (wrong_out, ==, "");
  }
  g_assert_cmpint (cofferd ("--version", &out, &err), ==, 0);
  g_assert_true (g_str_has_prefix (out, "cofferd "));
}

/* What --print-config prints is a configuration file, with every key of the modules that a given one loads;
 * with a few keys filled in it is as good as that. */
static void
test_print (void)
{
  g_autofree char *print = g_strdup_printf ("--print-config --config %s", conf);
  g_autofree char *check = g_strdup_printf ("--check-config --config %s", conf);
  g_autofree char *out = NULL, *err = NULL, *check_out = NULL, *check_err = NULL;
  g_autoptr (GString) text = NULL;

  write_conf (GOOD);
  g_assert_cmpint (cofferd (print, &out, &err), ==, 0);
  g_assert_nonnull (strstr (out, "[imap]\n"));
  g_assert_nonnull (
      strstr (out, "# time, 1s to 1h; default: 60s; SIGHUP re-reads it\n#login_timeout = 60s\n"));
  g_assert_nonnull (strstr (out, "#[storage-memory]\n"));

  text = g_string_new (out);
  g_assert_cmpuint (g_string_replace (text, "#modules =", "modules = storage-memory", 0), ==, 1);
  g_assert_cmpuint (g_string_replace (text, "#class = sqlite", "class = memory", 0), ==, 1);
  g_assert_cmpuint (g_string_replace (text, "#listen = imap://127.0.0.1:1143", "listen =", 0), ==, 1);
  write_conf (text->str);
  g_assert_cmpint (cofferd (check, &check_out, &check_err), ==, 0);
  g_assert_cmpstr (check_err, ==, "");
}

/* ---- Serving ----------------------------------------------------------------------------------------- */

typedef struct {
  GPid pid;
  FILE *out, *err;
} Daemon;

static Daemon
start (void)
{
  char *argv[] = { (char *) g_getenv ("COFFERD"), (char *) "--config", conf, NULL };
  g_autoptr (GError) error = NULL;
  Daemon daemon;
  int out, err;

  g_spawn_async_with_pipes (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &daemon.pid, NULL, &out,
                            &err, &error);
  g_assert_no_error (error);
  daemon.out = fdopen (out, "r");
  daemon.err = fdopen (err, "r");
  return daemon;
}

static void
expect_line (FILE *file, const char *pattern)
{
  char line[1000];

  g_assert_nonnull (fgets (line, sizeof line, file));
  if (!g_pattern_match_simple (pattern, line))
    g_error ("'%s' is not like '%s'", line, pattern);
}

/* Fewer clients than any limit of open files allows, of which the log would speak. */
#define SERVED GOOD_SERVER "\nmax_connections = 100"

static void
test_signals (void)
{
  Daemon daemon;
  int status;

  write_conf (SERVED GOOD_REST);
  daemon = start ();
  expect_line (daemon.out, "ready*\n");
  expect_line (daemon.err, "* message cofferd * serves no address\n");

  write_conf (SERVED "\nworkers = 3\nlog_level = info" GOOD_REST "deadline = 3s\n");
  kill (daemon.pid, SIGHUP);
  expect_line (daemon.err,
               "* warning Changed in the configuration, but only a restart applies it: server.workers\n");
  expect_line (daemon.err, "* message Configuration read again\n");

  write_conf (SERVED GOOD_REST "[imap]\nlogin_timeout = never\n");
  kill (daemon.pid, SIGHUP);
  expect_line (daemon.err, "* error Nothing was reloaded: *:8: login_timeout: 'never' is not a time*\n");

  /* A module that is not there yet has its group already. */
  write_conf (GOOD_SERVER ";toy-tables\nmax_connections = 100" GOOD_REST "[toy-tables]\nanswers = 3\n");
  kill (daemon.pid, SIGHUP);
  expect_line (daemon.err, "* warning Changed*: server.modules\n");
  expect_line (daemon.err, "* message Configuration read again\n");

  kill (daemon.pid, SIGTERM);
  expect_line (daemon.err, "* message Going down\n");
  g_assert_cmpint (waitpid (daemon.pid, &status, 0), ==, daemon.pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  fclose (daemon.out);
  fclose (daemon.err);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  dir = g_dir_make_tmp ("coffer-XXXXXX", NULL);
  conf = g_build_filename (dir, "coffer.conf", NULL);
  g_test_add_func ("/cofferd/check-config/good", test_check_good);
  g_test_add_func ("/cofferd/check-config/bad-names-the-line", test_check_bad);
  g_test_add_func ("/cofferd/usage", test_usage);
  g_test_add_func ("/cofferd/print-config", test_print);
  g_test_add_func ("/cofferd/signals", test_signals);
  result = g_test_run ();
  g_unlink (conf);
  g_rmdir (dir);
  return result;
}
