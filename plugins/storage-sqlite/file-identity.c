/* storage-sqlite/file-identity.c - is the database still the file at its path? (file-identity.h) */
#include "file-identity.h"

#include <coffer/coffer.h>
#include <errno.h>
#include <sys/stat.h>

gboolean
file_identity_note (FileIdentity *file, const char *path, GError **error)
{
  struct stat info;

  if (stat (path, &info) != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot open %s: %s", path, g_strerror (errno));
    return FALSE;
  }
  g_free (file->path);
  file->path = g_strdup (path);
  file->device = info.st_dev;
  file->inode = info.st_ino;
  return TRUE;
}

void
file_identity_clear (FileIdentity *file)
{
  g_clear_pointer (&file->path, g_free);
}

gboolean
file_identity_check (FileIdentity *file, GError **error)
{
  struct stat info;
  int number = stat (file->path, &info) == 0 ? 0 : errno;

  /* The inode cannot have been given to another file: ours is open. */
  if (number == 0 && info.st_dev == file->device && info.st_ino == file->inode) {
    if (g_atomic_int_get (&file->astray) && g_atomic_int_compare_and_exchange (&file->astray, TRUE, FALSE))
      g_message ("storage-sqlite: %s is the file that was opened again: writing goes on", file->path);
    return TRUE;
  }
  if (g_atomic_int_compare_and_exchange (&file->astray, FALSE, TRUE))
    g_critical (
        "storage-sqlite: %s is not the file that was opened (%s): nothing is written until that file is "
        "back in its place, or the server is started again",
        file->path, number == 0 ? "it was replaced" : g_strerror (number));
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE,
                       "The store's file is not the one that was opened");
  return FALSE;
}
