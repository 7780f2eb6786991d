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

static CfSource *
spool_text (CfSpool *spool, const char *text)
{
  gsize half = strlen (text) / 2;

  g_assert_true (cf_spool_begin (spool, strlen (text), NULL));
  g_assert_true (cf_spool_write (spool, text, half, NULL));
  g_assert_true (cf_spool_write (spool, text + half, strlen (text) - half, NULL));
  return cf_spool_end (spool);
}

/* In memory, on disk, and in memory again where it still fits. */
static void
test_literals (void)
{
  static const char *const texts[] = { "12345", "on disk", "", "also on disk", "678", "one too many", "" };
  g_autofree char *directory = g_dir_make_tmp ("coffer-spool-XXXXXX", NULL);
  g_autoptr (GDir) listing = NULL;
  g_autoptr (CfSpool) spool = cf_spool_new (8, directory);
  CfSource *sources[G_N_ELEMENTS (texts)];

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    sources[i] = spool_text (spool, texts[i]);

  listing = g_dir_open (directory, 0, NULL);
  g_assert_null (g_dir_read_name (listing)); /* the file has no name */
  g_clear_pointer (&spool, cf_spool_free);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    assert_content (sources[i], texts[i]);
    cf_source_unref (sources[i]);
  }
  g_rmdir (directory);
}

static void
test_no_directory (void)
{
  g_autoptr (CfSpool) spool = cf_spool_new (8, "/nonexistent/directory");
  g_autoptr (CfSource) source = spool_text (spool, "12345678");
  g_autoptr (GError) error = NULL;

  assert_content (source, "12345678");
  warnings = 0;
  g_assert_false (cf_spool_begin (spool, 1, &error));
  g_assert_cmpuint (warnings, ==, 1);
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_null (strstr (error->message, "nonexistent"));
}

/* The limit on a file's size stands for a full disk. */
static void
test_no_room (void)
{
  g_autoptr (CfSpool) spool = cf_spool_new (0, g_get_tmp_dir ());
  g_autoptr (GError) error = NULL;
  struct rlimit before, small;

  g_assert_true (cf_spool_begin (spool, 10, NULL));
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
  g_test_add_func ("/core/spool/literals", test_literals);
  g_test_add_func ("/core/spool/no-directory/unavailable", test_no_directory);
  g_test_add_func ("/core/spool/no-room/limit", test_no_room);
  return g_test_run ();
}
