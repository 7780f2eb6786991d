/* core/cofferctl/nofollow.h - files of somebody else's tree, without a step through a symbolic link.
 *
 * Who may write into a mail folder must not get a file read or written by means of whoever runs cofferctl. So
 * no component of a path is followed, the last as little as those before it, and only regular files are read.
 * Paths are absolute and begin with the tree's root as realpath() gives it, so that alone may be a link.
 *
 * Errors are G_IO_ERROR and begin with the path; G_IO_ERROR_NOT_FOUND: there is nothing.
 */
#ifndef CF_CTL_NOFOLLOW_H
#define CF_CTL_NOFOLLOW_H

#include <dirent.h>
#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* The tree's root without links, as paths below it begin; the caller frees. NULL: @error. */
char *ctl_nofollow_root (const char *path, GError **error);

/* What is at @path itself: a link, if it is one. */
gboolean ctl_nofollow_stat (const char *path, struct stat *out_info, GError **error);
gboolean ctl_nofollow_is_directory (const char *path);

/* A regular file, open for reading. -1: @error. */
int ctl_nofollow_open_file (const char *path, struct stat *out_info, GError **error);
/* All of a regular file, with a NUL behind; the caller frees. One of more than @max octets is refused. */
gboolean ctl_nofollow_read_file (const char *path, gsize max, char **out_text, gsize *out_length,
                                 struct stat *out_info, GError **error);
/* The caller closes. NULL: @error. */
DIR *ctl_nofollow_open_directory (const char *path, GError **error);

/* A new file, mode 0600, open for writing; one of this name that an ended run has left is removed first. */
int ctl_nofollow_create_file (const char *path, GError **error);
/* Makes @path and what is missing above it, mode 0700. */
gboolean ctl_nofollow_make_directory (const char *path, GError **error);
gboolean ctl_nofollow_rename (const char *from, const char *to, GError **error);

G_END_DECLS

#endif
