/* storage-sqlite/file-identity.h - whether the database is still the file at its path.
 *
 * SQLite goes on writing into a file that was removed, renamed or replaced, and reports success: what is
 * written there is lost. So the path is looked at again, as often as something is promised.
 */
#ifndef STORAGE_SQLITE_FILE_IDENTITY_H
#define STORAGE_SQLITE_FILE_IDENTITY_H

#include <glib.h>
#include <sys/types.h>

typedef struct {
  char *path; /* absolute, without symbolic links; NULL: nothing was noted */
  dev_t device;
  ino_t inode;
  gint astray; /* atomic: the path led elsewhere, and that was logged */
} FileIdentity;

/* Notes the file that is at @path now. FALSE: @error, CF_ERROR_UNAVAILABLE. */
gboolean file_identity_note (FileIdentity *file, const char *path, GError **error);
void file_identity_clear (FileIdentity *file);

/* One stat. FALSE: another file is at the path, or none; @error is CF_ERROR_UNAVAILABLE. That is logged once,
 * and so is the file's return. From any thread. */
gboolean file_identity_check (FileIdentity *file, GError **error);

#endif
