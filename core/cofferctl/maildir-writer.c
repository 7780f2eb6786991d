/* core/cofferctl/maildir-writer.c - writing a Maildir (writer.h).
 *
 * A message is written in tmp and moved to cur when it is whole; its name there says which it is, so a second
 * run sees what is left to do.
 */
#include "cofferctl/writer.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cofferctl/folder-name.h"
#include "cofferctl/nofollow.h"

#define N_KEYWORDS 26 /* a to z */

typedef struct {
  char *path;
  guint32 uid_validity;
  GHashTable *there;   /* a name up to ":" -> the whole name; of cur */
  GPtrArray *keywords; /* those that have a letter */
  gboolean changed;    /* a keyword has got one */
} Maildir;

static gboolean
fail_errno (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static void
maildir_free (gpointer data)
{
  Maildir *maildir = data;

  g_free (maildir->path);
  g_clear_pointer (&maildir->there, g_hash_table_unref);
  g_clear_pointer (&maildir->keywords, g_ptr_array_unref);
  g_free (maildir);
}

/* ---- Names ---- */

static char *
maildir_dup_base (const Maildir *maildir, guint32 uid, gint64 date)
{
  return g_strdup_printf ("%" G_GINT64_FORMAT ".V%uU%010u.coffer", date, maildir->uid_validity, uid);
}

/* The letter of a keyword, a new one if need be; '\0': all are taken. */
static char
maildir_get_letter (Maildir *maildir, const char *keyword)
{
  for (guint i = 0; i < maildir->keywords->len; i++)
    if (g_ascii_strcasecmp (g_ptr_array_index (maildir->keywords, i), keyword) == 0)
      return (char) ('a' + i);
  if (maildir->keywords->len == N_KEYWORDS)
    return '\0';
  g_ptr_array_add (maildir->keywords, g_strdup (keyword));
  maildir->changed = TRUE;
  return (char) ('a' + maildir->keywords->len - 1);
}

static int
compare_letters (const void *a, const void *b)
{
  return *(const char *) a - *(const char *) b;
}

/* "base:2,FS" */
static char *
maildir_dup_name (Maildir *maildir, const char *base, const CtlMessage *message)
{
  g_autoptr (GString) letters = g_string_new (NULL);

  if ((message->flags & CF_FLAG_DRAFT) != 0)
    g_string_append_c (letters, 'D');
  if ((message->flags & CF_FLAG_FLAGGED) != 0)
    g_string_append_c (letters, 'F');
  if ((message->flags & CF_FLAG_ANSWERED) != 0)
    g_string_append_c (letters, 'R');
  if ((message->flags & CF_FLAG_SEEN) != 0)
    g_string_append_c (letters, 'S');
  if ((message->flags & CF_FLAG_DELETED) != 0)
    g_string_append_c (letters, 'T');
  for (guint i = 0; message->keywords != NULL && i < message->keywords->len; i++) {
    const char *keyword = g_ptr_array_index (message->keywords, i);
    char letter
        = g_ascii_strcasecmp (keyword, "$Forwarded") == 0 ? 'P' : maildir_get_letter (maildir, keyword);

    if (letter != '\0')
      g_string_append_c (letters, letter);
    else
      g_printerr ("cofferctl: %s: more than %d keywords in one Maildir: %s is left out\n", maildir->path,
                  N_KEYWORDS, keyword);
  }
  /* In order, as the Maildir specification has it. */
  qsort (letters->str, letters->len, 1, compare_letters);
  return g_strconcat (base, ":2,", letters->str, NULL);
}

/* ---- Messages ---- */

static gboolean
maildir_has (gpointer self, guint32 uid, const CtlMessage *message, gboolean *out_has, GError **error)
{
  Maildir *maildir = self;
  g_autofree char *base = maildir_dup_base (maildir, uid, message->date);
  const char *name = g_hash_table_lookup (maildir->there, base);
  g_autofree char *wanted = NULL, *from = NULL, *to = NULL;

  *out_has = name != NULL;
  if (name == NULL)
    return TRUE;
  wanted = maildir_dup_name (maildir, base, message);
  if (g_str_equal (name, wanted))
    return TRUE;
  from = g_build_filename (maildir->path, "cur", name, NULL);
  to = g_build_filename (maildir->path, "cur", wanted, NULL);
  return ctl_nofollow_rename (from, to, error);
}

static gboolean
write_file (const char *path, const char *data, gsize length, gint64 date, GError **error)
{
  const struct timespec times[2] = { { .tv_sec = date }, { .tv_sec = date } };
  int fd = ctl_nofollow_create_file (path, error);
  gboolean good = TRUE;

  if (fd < 0)
    return FALSE;
  while (good && length > 0) {
    ssize_t n = write (fd, data, length);

    good = n >= 0 || errno == EINTR;
    if (n > 0) {
      data += n;
      length -= (gsize) n;
    }
  }
  good = good && futimens (fd, times) == 0;
  if (!good)
    fail_errno (error, path);
  if (close (fd) != 0 && good)
    good = fail_errno (error, path);
  return good;
}

static gboolean
maildir_write (gpointer self, guint32 uid, const CtlMessage *message, GError **error)
{
  Maildir *maildir = self;
  g_autofree char *base = maildir_dup_base (maildir, uid, message->date);
  g_autofree char *name = maildir_dup_name (maildir, base, message);
  g_autofree char *temporary = g_build_filename (maildir->path, "tmp", base, NULL);
  g_autofree char *final = g_build_filename (maildir->path, "cur", name, NULL);
  g_autoptr (GBytes) octets = ctl_message_to_lf (message->octets);
  gsize length;
  const char *data = g_bytes_get_data (octets, &length);

  if (!write_file (temporary, data, length, message->date, error))
    return FALSE;
  return ctl_nofollow_rename (temporary, final, error);
}

/* ---- Keywords ---- */

static gboolean
maildir_read_keywords (Maildir *maildir, GError **error)
{
  g_autofree char *path = g_build_filename (maildir->path, "dovecot-keywords", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) local = NULL;
  struct stat info;
  gsize length;

  maildir->keywords = g_ptr_array_new_with_free_func (g_free);
  if (!ctl_nofollow_read_file (path, G_MAXUINT16, &text, &length, &info, &local)) {
    if (g_error_matches (local, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
      return TRUE;
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL && maildir->keywords->len < N_KEYWORDS; i++) {
    char *end;

    if (g_ascii_strtoull (lines[i], &end, 10) == maildir->keywords->len && end != lines[i] && *end == ' ')
      g_ptr_array_add (maildir->keywords, g_strdup (g_strstrip (end)));
  }
  return TRUE;
}

static gboolean
maildir_write_keywords (const Maildir *maildir, GError **error)
{
  g_autofree char *path = g_build_filename (maildir->path, "dovecot-keywords", NULL);
  g_autofree char *temporary = g_strconcat (path, ".part", NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < maildir->keywords->len; i++)
    g_string_append_printf (text, "%u %s\n", i, (char *) g_ptr_array_index (maildir->keywords, i));
  return write_file (temporary, text->str, text->len, g_get_real_time () / G_USEC_PER_SEC, error)
         && ctl_nofollow_rename (temporary, path, error);
}

/* ---- The folder ---- */

static gboolean
maildir_finish (gpointer self, GError **error)
{
  Maildir *maildir = self;
  DIR *dir;
  gboolean good;

  if (maildir->changed && !maildir_write_keywords (maildir, error))
    return FALSE;
  /* Once for all files, which is much faster than for each. */
  dir = ctl_nofollow_open_directory (maildir->path, error);
  if (dir == NULL)
    return FALSE;
  good = syncfs (dirfd (dir)) == 0 || fail_errno (error, maildir->path);
  closedir (dir);
  return good;
}

static gboolean
maildir_scan (Maildir *maildir, GError **error)
{
  g_autofree char *cur = g_build_filename (maildir->path, "cur", NULL);
  DIR *dir = ctl_nofollow_open_directory (cur, error);
  const struct dirent *entry;

  if (dir == NULL)
    return FALSE;
  while ((entry = readdir (dir)) != NULL) {
    const char *name = entry->d_name;

    g_hash_table_insert (maildir->there, g_strndup (name, strcspn (name, ":")), g_strdup (name));
  }
  closedir (dir);
  return TRUE;
}

static gboolean
make_directory (const char *root, const char *sub, GError **error)
{
  g_autofree char *path = g_build_filename (root, sub, NULL);

  return ctl_nofollow_make_directory (path, error);
}

gboolean
ctl_maildir_create (CtlWriter *writer, const char *root, const char *mailbox, guint32 uid_validity,
                    GError **error)
{
  Maildir *maildir = g_new0 (Maildir, 1);
  g_autofree char *directory = ctl_folder_name_to_maildir (mailbox);

  *writer = (CtlWriter){ maildir, FALSE, maildir_has, maildir_write, maildir_finish, maildir_free };
  maildir->path = g_build_filename (root, g_str_equal (mailbox, "INBOX") ? "" : directory, NULL);
  maildir->uid_validity = uid_validity;
  maildir->there = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  if (make_directory (maildir->path, "tmp", error) && make_directory (maildir->path, "new", error)
      && make_directory (maildir->path, "cur", error) && maildir_scan (maildir, error)
      && maildir_read_keywords (maildir, error))
    return TRUE;
  maildir_free (maildir);
  return FALSE;
}
