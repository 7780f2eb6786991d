/* core/module/loader.c - finding, checking and starting modules (module/loader.h).
 *
 * A module runs with all that the server may do. So nobody but the operator may be able to put it there or
 * change it: the file, its directory and every directory above are looked at before it is opened. Then its
 * descriptor is held against this core's ABI, before any of its code is called.
 */
#include "module/loader.h"

#include "module/refuse.h"
#include "module/rows.h"

#include <errno.h>
#include <gmodule.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL_PREFIX "coffer_module_"

static gboolean trusting;

/* ---- Finding ----------------------------------------------------------------------------------------- */

/* The directories to look in, NULL-terminated. The caller frees. */
static char **
dup_directories (void)
{
  const char *path = g_getenv ("COFFER_MODULE_PATH");

  return g_strsplit (path != NULL && *path ? path : CF_MODULE_DIR, ":", -1);
}

static gboolean
is_module_name (const char *name)
{
  return *name && name[strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_-")] == 0;
}

/* The form names are shown and compared in. */
static char *
dup_name (const char *name)
{
  return g_strdelimit (g_strdup (name), "_", '-');
}

/* NAME.so or NAME/NAME.so in @directory, if there; the caller frees. *@out_depth: how many directories of the
 * path the module path answers for. */
static char *
find_in (const char *directory, const char *name, guint *out_depth)
{
  g_autofree char *flat = g_strdup_printf ("%s/%s.so", directory, name);
  g_autofree char *nested = g_strdup_printf ("%s/%s/%s.so", directory, name, name);

  *out_depth = 1;
  if (g_file_test (flat, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&flat);
  *out_depth = 2;
  return g_file_test (nested, G_FILE_TEST_EXISTS) ? g_steal_pointer (&nested) : NULL;
}

/* The caller frees. NULL: @error says where it was looked for. */
static char *
find (const char *name, guint *out_depth, GError **error)
{
  g_auto (GStrv) directories = dup_directories ();
  g_autofree char *looked = NULL;
  g_autofree char *dashed = dup_name (name);
  g_autofree char *underlined = g_strdelimit (g_strdup (name), "-", '_');

  for (guint i = 0; directories[i]; i++) {
    char *path = NULL;

    if (*directories[i] == 0)
      continue;
    path = find_in (directories[i], dashed, out_depth);
    if (path == NULL)
      path = find_in (directories[i], underlined, out_depth);
    if (path != NULL)
      return path;
  }
  looked = g_strjoinv (", ", directories);
  cf_refuse (error, "module %s: there is no %s.so in %s", name, dashed, looked);
  return NULL;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

char **
cf_loader_dup_names (void)
{
  g_auto (GStrv) directories = dup_directories ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *names = g_ptr_array_new ();

  for (guint i = 0; directories[i]; i++) {
    g_autoptr (GDir) dir = g_dir_open (directories[i], 0, NULL);
    const char *entry;

    while (dir != NULL && (entry = g_dir_read_name (dir)) != NULL) {
      g_autofree char *stem = g_strdup (entry);
      g_autofree char *path = NULL;
      guint depth;
      char *name;

      if (g_str_has_suffix (stem, ".so"))
        stem[strlen (stem) - 3] = 0;
      if (!is_module_name (stem) || (path = find_in (directories[i], stem, &depth)) == NULL)
        continue;
      name = dup_name (stem);
      if (g_hash_table_add (seen, name))
        g_ptr_array_add (names, name);
      else
        g_free (name);
    }
  }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

/* ---- Who could have changed it ----------------------------------------------------------------------- */

/* Others than the owner: everybody; and a group, unless it is root's or the one the server runs in. */
static gboolean
is_writable_by_others (const struct stat *st)
{
  if (st->st_mode & S_IWOTH)
    return TRUE;
  return (st->st_mode & S_IWGRP) && st->st_gid != 0 && st->st_gid != getegid ();
}

/* @sticky: a directory such as /tmp, where nobody can rename or remove what is another's, will do. It does
 * above the module path; within it, whoever can add a file has added a module. */
static gboolean
check_directory (const char *directory, gboolean sticky, GError **error)
{
  struct stat st;

  if (stat (directory, &st) != 0)
    return cf_refuse (error, "%s: %s", directory, g_strerror (errno));
  if (is_writable_by_others (&st) && !(sticky && (st.st_mode & S_ISVTX)))
    return cf_refuse (error, "directory %s is writable by others", directory);
  return TRUE;
}

/* Looks at the directories on the way to @path; the nearest @n_strict without the exception above. */
static gboolean
check_directories (const char *path, guint n_strict, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);

  for (guint level = 0;; level++) {
    char *parent = NULL;

    if (!check_directory (directory, level >= n_strict, error))
      return FALSE;
    if (strcmp (directory, "/") == 0)
      return TRUE;
    parent = g_path_get_dirname (directory);
    g_free (directory);
    directory = parent;
  }
}

/* @path is absolute. Where it or a directory is a symbolic link, both ways are looked at. */
static gboolean
check_file (const char *path, guint n_strict, GError **error)
{
  g_autofree char *real = NULL;
  char *resolved = realpath (path, NULL);
  struct stat st;

  if (resolved == NULL || stat (path, &st) != 0) {
    free (resolved);
    return cf_refuse (error, "%s: %s", path, g_strerror (errno));
  }
  real = g_strdup (resolved);
  free (resolved);
  if (!S_ISREG (st.st_mode))
    return cf_refuse (error, "%s: not a regular file", path);
  if (is_writable_by_others (&st))
    return cf_refuse (error, "%s: the file is writable by others", path);
  if (check_directories (path, n_strict, error)
      && (strcmp (path, real) == 0 || check_directories (real, 1, error)))
    return TRUE;
  g_prefix_error (error, "%s: ", path);
  return FALSE;
}

/* ---- The descriptor ---------------------------------------------------------------------------------- */

static gboolean
check_abi (const char *path, const CfModuleDescriptor *found, GError **error)
{
  if (found->abi_major != CF_ABI_MAJOR)
    return cf_refuse (error, "%s: built for module ABI %u.%u, this server has %u.%u; build it anew", path,
                      found->abi_major, found->abi_minor, CF_ABI_MAJOR, CF_ABI_MINOR);
  if (found->abi_minor > CF_ABI_MINOR)
    return cf_refuse (error, "%s: needs module ABI %u.%u, this server has %u.%u; upgrade the server", path,
                      found->abi_major, found->abi_minor, CF_ABI_MAJOR, CF_ABI_MINOR);
  if (found->struct_size < G_STRUCT_OFFSET (CfModuleDescriptor, init) + sizeof found->init)
    return cf_refuse (error, "%s: its descriptor is too small", path);
  return TRUE;
}

static gboolean
check_requirements (const char *path, const CfModuleDescriptor *descriptor, GError **error)
{
  for (guint i = 0; descriptor->requires_modules != NULL && descriptor->requires_modules[i] != NULL; i++) {
    g_autofree char *required = dup_name (descriptor->requires_modules[i]);

    if (cf_registry_lookup_module (required) != NULL)
      continue;
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT,
                 "%s: requires module %s, which must be loaded before it", path, required);
    return FALSE;
  }
  return TRUE;
}

/* @name is the file's. Fills @out_descriptor at the size this core knows. */
static gboolean
read_descriptor (GModule *module, const char *path, const char *name, CfModuleDescriptor *out_descriptor,
                 GError **error)
{
  g_autofree char *symbol = g_strconcat (SYMBOL_PREFIX, name, NULL);
  g_autofree char *own_name = NULL;
  gpointer found;

  g_strdelimit (symbol, "-", '_');
  if (!g_module_symbol (module, symbol, &found) || found == NULL)
    return cf_refuse (error, "%s: no Coffer module of that name: it does not export %s", path, symbol);
  if (!check_abi (path, found, error))
    return FALSE;
  cf_row_read (found, ((const CfModuleDescriptor *) found)->struct_size, 0, out_descriptor,
               sizeof *out_descriptor);

  own_name = dup_name (out_descriptor->name != NULL ? out_descriptor->name : "");
  if (strcmp (own_name, name) != 0)
    return cf_refuse (error, "%s: its descriptor calls it '%s'", path, own_name);
  if (out_descriptor->init == NULL)
    return cf_refuse (error, "%s: its descriptor lacks init", path);
  return check_requirements (path, out_descriptor, error);
}

/* ---- Loading ----------------------------------------------------------------------------------------- */

static GModule *
open_module (const char *path, GError **error)
{
  /* Without G_MODULE_BIND_LAZY: an unresolved symbol is found now, not when a client needs it. */
  GModule *module = g_module_open (path, G_MODULE_BIND_LOCAL);

  if (module != NULL)
    return module;
  /* The linker's text begins with the file it failed at, which is mostly but not always this one. */
  cf_refuse (error, "%s: cannot be loaded: %s", path, g_module_error ());
  return NULL;
}

static gboolean
load (const char *path, guint n_strict, GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *base = g_path_get_basename (absolute);
  g_autofree char *name = NULL;
  CfModuleDescriptor descriptor;
  const CfModuleInfo *earlier;
  GModule *module;

  if (!g_str_has_suffix (base, ".so"))
    return cf_refuse (error, "%s: its name does not end with .so", path);
  base[strlen (base) - 3] = 0;
  if (!is_module_name (base))
    return cf_refuse (error, "%s: '%s' is no name of a module", path, base);
  name = dup_name (base);
  earlier = cf_registry_lookup_module (name);
  if (earlier != NULL)
    return cf_refuse (error, "%s: module %s is loaded already, from %s", absolute, name, earlier->path);

  if ((!trusting && !check_file (absolute, n_strict, error))
      || (module = open_module (absolute, error)) == NULL)
    return FALSE;
  if (!read_descriptor (module, absolute, name, &descriptor, error)) {
    g_module_close (module);
    return FALSE;
  }
  g_module_make_resident (module);
  return cf_registry_init_module (name, absolute, &descriptor, error);
}

void
cf_loader_trust_all (void)
{
  trusting = TRUE;
}

gboolean
cf_loader_load_file (const char *path, GError **error)
{
  return load (path, 1, error);
}

gboolean
cf_loader_load (const char *name, GError **error)
{
  g_autofree char *path = NULL;
  guint depth;

  if (!is_module_name (name))
    return cf_refuse (error, "'%s' is no name of a module", name);
  path = find (name, &depth, error);
  return path != NULL && load (path, depth, error);
}

gboolean
cf_loader_load_all (GError **error)
{
  g_auto (GStrv) found = cf_loader_dup_names ();
  GPtrArray *waiting = g_ptr_array_new ();
  g_autoptr (GError) cause = NULL;
  gboolean progress = TRUE;

  for (guint i = 0; found[i]; i++)
    g_ptr_array_add (waiting, found[i]);
  /* Each round loads those whose requirements are met by then. */
  while (waiting->len > 0 && progress) {
    progress = FALSE;
    for (guint i = 0; i < waiting->len;) {
      g_clear_error (&cause);
      if (cf_loader_load (waiting->pdata[i], &cause)) {
        g_ptr_array_remove_index (waiting, i);
        progress = TRUE;
      } else if (g_error_matches (cause, CF_ERROR, CF_ERROR_NONEXISTENT)) {
        i++;
      } else {
        progress = FALSE;
        break;
      }
    }
  }
  progress = waiting->len == 0;
  g_ptr_array_unref (waiting);
  if (!progress)
    g_propagate_error (error, g_steal_pointer (&cause));
  return progress;
}
