/* Tests of core/imap/trace.c: which sessions a trace concerns. */
#include "imap/trace-private.h"
#include "module/config.h"
#include "module/settings.h"

#include <glib/gstdio.h>

static void
ignore_change (CfTraceKind kind, const char *target, gpointer user_data)
{
}

static gboolean
is_traced (const char *address, const char *user)
{
  CfTrace *trace = cf_trace_lookup (address, user);

  if (trace == NULL)
    return FALSE;
  g_atomic_int_add (&trace->sessions, -1);
  cf_trace_unref (trace);
  return TRUE;
}

static void
test_addresses (void)
{
  static const struct {
    const char *target, *same, *other;
  } cases[] = {
    { "192.0.2.1", "192.0.2.1", "192.0.2.10" },
    { "192.0.2.1", "::ffff:192.0.2.1", "::192.0.2.1" },
    { "2001:db8::1", "2001:DB8:0::1", "2001:db8::10" },
    { "fe80::1", "fe80::1%eth0", "fe80::2%eth0" },
    { "192.0.2.1", "192.0.2.1", "unix" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_true (cf_trace_start (CF_TRACE_ADDRESS, cases[i].target, 60, &error));
    g_assert_true (is_traced (cases[i].same, NULL));
    g_assert_true (is_traced (cases[i].same, "alice"));
    g_assert_false (is_traced (cases[i].other, NULL));
    g_assert_true (cf_trace_stop (CF_TRACE_ADDRESS, cases[i].target, &error));
    g_assert_false (is_traced (cases[i].same, NULL));
  }
}

static void
test_accounts (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (cf_trace_start (CF_TRACE_ACCOUNT, "alice", 60, &error));
  g_assert_true (is_traced ("192.0.2.1", "alice"));
  g_assert_false (is_traced ("192.0.2.1", "bob"));
  g_assert_false (is_traced ("192.0.2.1", NULL));
  g_assert_false (cf_trace_stop (CF_TRACE_ADDRESS, "alice", &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_NONEXISTENT);
}

/* Settings with a directory for traces. */
static void
load_settings (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "coffer.conf", NULL);
  g_autofree char *text = g_strdup_printf ("[server]\ntrace_dir = %s\n", dir);
  g_autoptr (GError) error = NULL;
  g_autoptr (CfConfig) config = NULL;

  g_assert_true (g_file_set_contents (path, text, -1, &error));
  config = cf_config_load (path, &error);
  g_assert_no_error (error);
  g_assert_true (cf_settings_load (config, &error));
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_autofree char *dir = g_dir_make_tmp ("coffer-trace-XXXXXX", NULL);
  int status;

  g_test_init (&argc, &argv, NULL);
  load_settings (dir);
  cf_trace_init (ignore_change, NULL);
  g_test_add_func ("/core/trace/addresses", test_addresses);
  g_test_add_func ("/core/trace/accounts", test_accounts);
  status = g_test_run ();
  cf_trace_shutdown ();
  cf_settings_unload ();
  g_rmdir (dir);
  return status;
}
