/* core/cofferctl/folders.c - folders under a path (folders.h).
 *
 * Maildir++ (".Work.2026" beside cur and new), Maildirs in plain directories, and directories of mbox files
 * are found by one walk, and may be mixed. Names are those of folder-name.h; of an mbox file without ".mbox";
 * of a directory that some clients make beside one without ".sbd". Symbolic links are not followed, except
 * the path itself: a line says which are left out.
 */
#include "cofferctl/folders.h"

#include <gio/gio.h>
#include <string.h>

#include "cofferctl/folder-name.h"
#include "cofferctl/nofollow.h"
#include "imap/mailbox-name.h"

#define DEPTH_MAX 50

typedef struct {
  GPtrArray *folders;
  gboolean maildir, mbox;
  guint left_out;
} Walk;

static void
folder_free (gpointer data)
{
  CtlFolder *folder = data;

  g_free (folder->mailbox);
  g_free (folder->path);
  g_free (folder);
}

static void
walk_leave_out (Walk *walk, const char *path, const char *reason)
{
  g_printerr ("cofferctl: %s is left out: %s\n", path, reason);
  walk->left_out++;
}

static void
walk_add (Walk *walk, const char *mailbox, const char *path, gboolean maildir)
{
  g_autoptr (GError) error = NULL;
  char *name = cf_mailbox_name_normalise (mailbox != NULL ? mailbox : "INBOX", CF_MAILBOX_NAME_PLAIN, &error);
  CtlFolder *folder;

  if (name == NULL) {
    walk_leave_out (walk, path, error->message);
    return;
  }
  folder = g_new0 (CtlFolder, 1);
  folder->mailbox = name;
  folder->path = g_strdup (path);
  folder->open = maildir ? ctl_maildir_open : ctl_mbox_open;
  g_ptr_array_add (walk->folders, folder);
}

static gint
compare_strings (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
list_directory (const char *path, GError **error)
{
  DIR *dir = ctl_nofollow_open_directory (path, error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const struct dirent *entry;

  if (dir == NULL)
    return NULL;
  while ((entry = readdir (dir)) != NULL)
    if (!g_str_equal (entry->d_name, ".") && !g_str_equal (entry->d_name, ".."))
      g_ptr_array_add (names, g_strdup (entry->d_name));
  closedir (dir);
  g_ptr_array_sort (names, compare_strings);
  return g_steal_pointer (&names);
}

/* @mailbox NULL: the root's children have no parent. */
static char *
child_name (const char *mailbox, const char *name)
{
  return mailbox != NULL ? g_strjoin ("/", mailbox, name, NULL) : g_strdup (name);
}

static gboolean walk_directory (Walk *walk, const char *path, const char *mailbox, guint depth,
                                GError **error);

static char *
dup_without_suffix (const char *name, const char *suffix)
{
  gsize length = strlen (name), less = strlen (suffix);

  return g_strndup (name, length > less && g_str_has_suffix (name, suffix) ? length - less : length);
}

/* Something that is neither a file nor a directory. Only what would have been looked at is worth a line. */
static void
walk_special (Walk *walk, const char *entry, gboolean hidden, gboolean own, mode_t mode)
{
  gboolean file = !S_ISLNK (mode) || !g_file_test (entry, G_FILE_TEST_IS_DIR);

  if (file && (hidden || own))
    return;
  walk_leave_out (walk, entry,
                  S_ISLNK (mode) ? "it is a symbolic link, which is not followed"
                                 : "it is neither a file nor a directory");
}

/* A name with a dot is a folder's only if a Maildir is there. */
static gboolean
walk_is_hidden_folder (Walk *walk, const char *entry)
{
  g_autofree char *cur = g_build_filename (entry, "cur", NULL);
  struct stat info;

  if (!walk->maildir || !ctl_nofollow_stat (cur, &info, NULL))
    return FALSE;
  if (S_ISLNK (info.st_mode))
    walk_leave_out (walk, cur, "it is a symbolic link, which is not followed");
  return S_ISDIR (info.st_mode);
}

static gboolean
walk_entry (Walk *walk, const char *entry, gboolean directory, const char *mailbox, guint depth,
            GError **error)
{
  g_autofree char *name = g_path_get_basename (entry);
  g_autofree char *plain = dup_without_suffix (name, directory ? ".sbd" : ".mbox");
  g_autofree char *level = NULL, *child = NULL;

  if (name[0] == '.' && (!directory || !walk_is_hidden_folder (walk, entry)))
    return TRUE;
  level = name[0] == '.' ? ctl_folder_name_from_maildir (name) : ctl_folder_name_decode (plain);
  if (level == NULL) {
    walk_leave_out (walk, entry, "its name cannot be a mailbox's");
    return TRUE;
  }
  child = child_name (mailbox, level);
  if (directory)
    return walk_directory (walk, entry, child, depth + 1, error);
  if (walk->mbox && ctl_mbox_is_at (entry))
    walk_add (walk, child, entry, FALSE);
  return TRUE;
}

static gboolean
walk_directory (Walk *walk, const char *path, const char *mailbox, guint depth, GError **error)
{
  gboolean maildir = walk->maildir && ctl_maildir_is_at (path);
  g_autoptr (GPtrArray) names = list_directory (path, error);

  if (names == NULL)
    return FALSE;
  if (depth > DEPTH_MAX) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: directories are too deep within each other",
                 path);
    return FALSE;
  }
  if (maildir)
    walk_add (walk, mailbox, path, TRUE);
  for (guint i = 0; i < names->len; i++) {
    const char *name = g_ptr_array_index (names, i);
    gboolean own
        = maildir && (g_str_equal (name, "cur") || g_str_equal (name, "new") || g_str_equal (name, "tmp"));
    g_autofree char *entry = g_build_filename (path, name, NULL);
    struct stat info;

    if (own || !ctl_nofollow_stat (entry, &info, NULL))
      continue;
    if (!S_ISDIR (info.st_mode) && !S_ISREG (info.st_mode))
      walk_special (walk, entry, name[0] == '.', maildir, info.st_mode);
    /* Beside cur and new, servers keep files of their own. */
    else if ((!maildir || S_ISDIR (info.st_mode))
             && !walk_entry (walk, entry, S_ISDIR (info.st_mode), mailbox, depth, error))
      return FALSE;
  }
  return TRUE;
}

GPtrArray *
ctl_folders_find (const char *path, const char *mailbox, const char *format, guint *out_left_out,
                  GError **error)
{
  g_autofree char *root = ctl_nofollow_root (path, error);
  g_autoptr (GPtrArray) folders = g_ptr_array_new_with_free_func (folder_free);
  Walk walk = { folders, g_strcmp0 (format, "mbox") != 0, g_strcmp0 (format, "maildir") != 0 };

  if (root == NULL)
    return NULL;
  if (ctl_nofollow_is_directory (root)) {
    if (!walk_directory (&walk, root, mailbox, 0, error))
      return NULL;
  } else if (walk.mbox) {
    walk_add (&walk, mailbox, root, FALSE);
  }
  *out_left_out = walk.left_out;
  if (folders->len > 0)
    return g_steal_pointer (&folders);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s: there is no %s", path,
               format == NULL ? "Maildir and no mbox file"
               : walk.maildir ? "Maildir"
                              : "mbox file");
  return NULL;
}
