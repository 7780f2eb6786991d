/* tests/unit/test-source.c - buffers, files and slices read alike. */
#include <coffer/types.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char octets[] = "0123456789";

static CfSource *
new_file (guint64 length)
{
  g_autofree char *name = NULL;
  int fd = g_file_open_tmp ("coffer-source-XXXXXX", &name, NULL);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, octets, 10), ==, 10);
  unlink (name);
  return cf_source_new_fd (fd, length);
}

static void
assert_reads (CfSource *source, guint64 offset, const char *expected)
{
  char buffer[16] = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_true (cf_source_read (source, offset, buffer, strlen (expected), &error));
  g_assert_no_error (error);
  g_assert_cmpstr (buffer, ==, expected);
}

static void
assert_refuses (CfSource *source, guint64 offset, gsize length, CfError code)
{
  char buffer[32];
  g_autoptr (GError) error = NULL;

  g_assert_false (cf_source_read (source, offset, buffer, length, &error));
  g_assert_error (error, CF_ERROR, (gint) code);
}

static void
test_read (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (octets, 10);
  g_autoptr (CfSource) buffer = cf_source_new_bytes (bytes);
  g_autoptr (CfSource) file = new_file (10);

  for (guint i = 0; i < 2; i++) {
    CfSource *source = i == 0 ? buffer : file;
    g_autoptr (CfSource) slice = cf_source_new_slice (source, 2, 6);
    g_autoptr (CfSource) inner = cf_source_new_slice (slice, 3, 100);
    g_autoptr (CfSource) nothing = cf_source_new_slice (slice, G_MAXUINT64, G_MAXUINT64);

    g_assert_cmpuint (cf_source_get_length (source), ==, 10);
    assert_reads (source, 0, "0123456789");
    assert_reads (source, 10, "");
    assert_reads (slice, 0, "234567");
    g_assert_cmpuint (cf_source_get_length (inner), ==, 3);
    assert_reads (inner, 1, "67");
    g_assert_cmpuint (cf_source_get_length (nothing), ==, 0);
    assert_refuses (source, 9, 2, CF_ERROR_SERVERBUG);
    assert_refuses (source, G_MAXUINT64, 2, CF_ERROR_SERVERBUG);
    assert_refuses (inner, 1, 3, CF_ERROR_SERVERBUG);
  }
}

static void
test_short_file (void)
{
  g_autoptr (CfSource) file = new_file (20);

  assert_reads (file, 5, "56789");
  assert_refuses (file, 5, 10, CF_ERROR_UNAVAILABLE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/source/read", test_read);
  g_test_add_func ("/core/source/short-file/unavailable", test_short_file);
  return g_test_run ();
}
