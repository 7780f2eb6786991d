/* tests/fuzz/replay.c - runs a target once on each file given, without libFuzzer: how seeds and former
 * findings are tests in every build. A file that fails aborts the program; TAP says which it was. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Adds the files in @path, or @path itself. */
static void
add_files (GPtrArray *files, const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  if (dir == NULL && g_file_test (path, G_FILE_TEST_IS_REGULAR))
    g_ptr_array_add (files, g_strdup (path));
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (files, g_build_filename (path, name, NULL));
}

static void
replay (const char *path)
{
  g_autofree char *text = NULL;
  g_autofree guint8 *exact = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &error)) {
    printf ("Bail out! %s\n", error->message);
    exit (1);
  }
  exact = g_memdup2 (text, length); /* without the NUL behind it */
  LLVMFuzzerTestOneInput (exact, length);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);

  LLVMFuzzerInitialize (&argc, &argv);
  for (int i = 1; i < argc; i++)
    add_files (files, argv[i]);
  g_ptr_array_sort (files, compare_names);
  printf ("1..%u\n", files->len);
  for (guint i = 0; i < files->len; i++) {
    const char *path = g_ptr_array_index (files, i);

    printf ("# %s\n", path);
    fflush (stdout);
    replay (path);
    printf ("ok %u - %s\n", i + 1, strrchr (path, '/') != NULL ? strrchr (path, '/') + 1 : path);
  }
  return 0;
}
