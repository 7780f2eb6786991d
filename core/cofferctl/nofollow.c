/* core/cofferctl/nofollow.c - paths without symbolic links (nofollow.h).
 *
 * A path is walked from "/" on by openat(), one component at a time, so that what is checked and what is used
 * cannot be two things, however the tree is changed meanwhile.
 */
#include "cofferctl/nofollow.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static gboolean
fail_errno (GError **error, const char *path)
{
  int number = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number), "%s: %s", path,
               number == ELOOP ? "a symbolic link, which is not followed" : g_strerror (number));
  return FALSE;
}

static void
close_keeping_errno (int fd)
{
  int number = errno;

  if (fd >= 0)
    close (fd);
  errno = number;
}

/* openat() on a link fails with one code or another, depending on the flags. */
static int
open_component (int at, const char *name, int flags)
{
  int fd = openat (at, name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
  struct stat info;
  int number = errno;

  if (fd < 0 && fstatat (at, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK (info.st_mode))
    number = ELOOP;
  errno = number;
  return fd;
}

/* The directory that @path's last component is in, and that component, the caller's. -1: errno. @make: makes
 * what is missing. */
static int
open_parent (const char *path, gboolean make, char **out_name)
{
  int at = open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  g_auto (GStrv) split = g_strsplit (path, "/", -1);
  const char *name = NULL;

  for (guint i = 0; at >= 0 && split[i] != NULL; i++) {
    if (split[i][0] == '\0')
      continue;
    if (name != NULL) {
      int next = -1;

      if (!make || mkdirat (at, name, 0700) == 0 || errno == EEXIST)
        next = open_component (at, name, O_PATH | O_DIRECTORY);
      close_keeping_errno (at);
      at = next;
    }
    name = split[i];
  }
  *out_name = at >= 0 ? g_strdup (name != NULL ? name : ".") : NULL;
  return at;
}

char *
ctl_nofollow_root (const char *path, GError **error)
{
  char *resolved = realpath (path, NULL);
  char *root = g_strdup (resolved);

  if (resolved == NULL)
    fail_errno (error, path);
  free (resolved);
  return root;
}

gboolean
ctl_nofollow_stat (const char *path, struct stat *out_info, GError **error)
{
  g_autofree char *name = NULL;
  int at = open_parent (path, FALSE, &name);
  gboolean good = at >= 0 && fstatat (at, name, out_info, AT_SYMLINK_NOFOLLOW) == 0;

  if (!good)
    fail_errno (error, path);
  close_keeping_errno (at);
  return good;
}

gboolean
ctl_nofollow_is_directory (const char *path)
{
  struct stat info;

  return ctl_nofollow_stat (path, &info, NULL) && S_ISDIR (info.st_mode);
}

/* Looks before it opens: opening a device can do something, and is then too late to be refused. */
static int
open_regular (int at, const char *name, struct stat *out_info)
{
  int fd;

  if (fstatat (at, name, out_info, AT_SYMLINK_NOFOLLOW) != 0)
    return -1;
  if (!S_ISREG (out_info->st_mode)) {
    errno = S_ISLNK (out_info->st_mode) ? ELOOP : S_ISDIR (out_info->st_mode) ? EISDIR : 0;
    return -1;
  }
  fd = open_component (at, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || (fstat (fd, out_info) == 0 && S_ISREG (out_info->st_mode)))
    return fd;
  close (fd);
  errno = 0;
  return -1;
}

int
ctl_nofollow_open_file (const char *path, struct stat *out_info, GError **error)
{
  g_autofree char *name = NULL;
  int at = open_parent (path, FALSE, &name);
  int fd = at >= 0 ? open_regular (at, name, out_info) : -1;

  close_keeping_errno (at);
  if (fd < 0 && errno == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "%s: not a regular file", path);
  else if (fd < 0)
    fail_errno (error, path);
  return fd;
}

/* EFBIG: it has grown beyond @max. */
static gboolean
read_all (int fd, gsize max, GString *text)
{
  while (text->len <= max) {
    char buffer[65536];
    ssize_t n = read (fd, buffer, sizeof buffer);

    if (n > 0)
      g_string_append_len (text, buffer, n);
    else if (n == 0 || errno != EINTR)
      return n == 0;
  }
  errno = EFBIG;
  return FALSE;
}

gboolean
ctl_nofollow_read_file (const char *path, gsize max, char **out_text, gsize *out_length,
                        struct stat *out_info, GError **error)
{
  int fd = ctl_nofollow_open_file (path, out_info, error);
  GString *text;
  gboolean good;

  if (fd < 0)
    return FALSE;
  text = g_string_sized_new (MIN ((gsize) out_info->st_size, max) + 1);
  good = read_all (fd, max, text) || fail_errno (error, path);
  close (fd);
  if (good)
    *out_length = text->len;
  if (good)
    *out_text = g_string_free (text, FALSE);
  else
    g_string_free (text, TRUE);
  return good;
}

DIR *
ctl_nofollow_open_directory (const char *path, GError **error)
{
  g_autofree char *name = NULL;
  int at = open_parent (path, FALSE, &name);
  int fd = at >= 0 ? open_component (at, name, O_RDONLY | O_DIRECTORY) : -1;
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;

  if (dir == NULL) {
    fail_errno (error, path);
    close_keeping_errno (fd);
  }
  close_keeping_errno (at);
  return dir;
}

int
ctl_nofollow_create_file (const char *path, GError **error)
{
  g_autofree char *name = NULL;
  int at = open_parent (path, FALSE, &name);
  int fd = -1;

  if (at >= 0 && (unlinkat (at, name, 0) == 0 || errno == ENOENT))
    fd = open_component (at, name, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0)
    fail_errno (error, path);
  close_keeping_errno (at);
  return fd;
}

gboolean
ctl_nofollow_make_directory (const char *path, GError **error)
{
  g_autofree char *name = NULL;
  int at = open_parent (path, TRUE, &name);
  int fd = -1;

  if (at >= 0 && (mkdirat (at, name, 0700) == 0 || errno == EEXIST))
    fd = open_component (at, name, O_PATH | O_DIRECTORY);
  if (fd < 0)
    fail_errno (error, path);
  close_keeping_errno (fd);
  close_keeping_errno (at);
  return fd >= 0;
}

gboolean
ctl_nofollow_rename (const char *from, const char *to, GError **error)
{
  g_autofree char *from_name = NULL, *to_name = NULL;
  int from_at = open_parent (from, FALSE, &from_name);
  int to_at = from_at >= 0 ? open_parent (to, FALSE, &to_name) : -1;
  gboolean good = to_at >= 0 && renameat (from_at, from_name, to_at, to_name) == 0;

  if (!good)
    fail_errno (error, from_at < 0 ? from : to);
  close_keeping_errno (from_at);
  close_keeping_errno (to_at);
  return good;
}
