/* tests/unit/test-spool.c - what is spooled comes back exactly, and a disk that fails is an error. */
#include "imap/spool.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static guint warnings;

/* A failing disk is told to the log. */
static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  warnings += (level & G_LOG_LEVEL_WARNING) != 0;
  return G_LOG_WRITER_HANDLED;
}

static void
assert_content (CfSource *source, const char *expected)
{
  char buffer[64] = "";

  g_assert_cmpuint (cf_source_get_length (source), ==, strlen (expected));
  g_assert_true (cf_source_read (source, 0, buffer, strlen (expected), NULL));
  g_assert_cmpstr (buffer, ==, expected);
  g_assert_false (cf_source_read (source, 1, buffer, strlen (expected), NULL));
}

static void
test_cut (void)
{
  g_autofree char *directory = g_dir_make_tmp ("coffer-spool-XXXXXX", NULL);
  g_autoptr (GDir) listing = NULL;
  g_autoptr (CfSpool) spool = cf_spool_new (directory, NULL);
  g_autoptr (CfSource) first = NULL;
  g_autoptr (CfSource) second = NULL;
  g_autoptr (CfSource) empty = NULL;

  g_assert_nonnull (spool);
  g_assert_true (cf_spool_write (spool, "one ", 4, NULL));
  g_assert_true (cf_spool_write (spool, "message", 7, NULL));
  first = cf_spool_cut (spool);
  empty = cf_spool_cut (spool);
  g_assert_true (cf_spool_write (spool, "another", 7, NULL));
  second = cf_spool_cut (spool);

  listing = g_dir_open (directory, 0, NULL);
  g_assert_null (g_dir_read_name (listing)); /* the file has no name */
  g_clear_pointer (&spool, cf_spool_free);
  assert_content (first, "one message");
  assert_content (second, "another");
  g_assert_cmpuint (cf_source_get_length (empty), ==, 0);
  g_rmdir (directory);
}

static void
test_no_directory (void)
{
  g_autoptr (GError) error = NULL;

  warnings = 0;
  g_assert_null (cf_spool_new ("/nonexistent/directory", &error));
  g_assert_cmpuint (warnings, ==, 1);
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_null (strstr (error->message, "nonexistent"));
}

/* The limit on a file's size stands for a full disk. */
static void
test_no_room (void)
{
  g_autoptr (CfSpool) spool = cf_spool_new (g_get_tmp_dir (), NULL);
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;

  g_assert_nonnull (spool);
  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 5;
  setrlimit (RLIMIT_FSIZE, &small);
  warnings = 0;
  g_assert_false (cf_spool_write (spool, "0123456789", 10, &error));
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_cmpuint (warnings, ==, 1);
  g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  g_test_add_func ("/core/spool/cut", test_cut);
  g_test_add_func ("/core/spool/no-directory/unavailable", test_no_directory);
  g_test_add_func ("/core/spool/no-room/limit", test_no_room);
  return g_test_run ();
}
