/* core/cofferctl/maildir.c - reading a Maildir (reader.h). */
#include "cofferctl/reader.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>

#include "cofferctl/nofollow.h"

#define N_KEYWORDS    26 /* a to z */
#define MESSAGE_MAX   (G_MAXUINT32 / 2)
#define KEYWORDS_FILE "dovecot-keywords"

typedef struct {
  char *path;
  GPtrArray
      *names; /* "cur/...", "new/...", in the order of delivery; what cannot be read is told in its turn */
  guint next;
  char *keywords[N_KEYWORDS];
} Maildir;

static void
maildir_free (gpointer data)
{
  Maildir *maildir = data;

  for (guint i = 0; i < N_KEYWORDS; i++)
    g_free (maildir->keywords[i]);
  g_ptr_array_unref (maildir->names);
  g_free (maildir->path);
  g_free (maildir);
}

gboolean
ctl_maildir_is_at (const char *path)
{
  g_autofree char *cur = g_build_filename (path, "cur", NULL);

  return ctl_nofollow_is_directory (cur);
}

/* Without "cur/". */
static const char *
get_file_name (const char *name)
{
  const char *slash = strchr (name, '/');

  return slash != NULL ? slash + 1 : name;
}

/* By the time of delivery that begins a name, then by name. */
static gint
compare_names (gconstpointer a, gconstpointer b)
{
  const char *left = get_file_name (*(const char *const *) a);
  const char *right = get_file_name (*(const char *const *) b);
  guint64 left_time = g_ascii_strtoull (left, NULL, 10), right_time = g_ascii_strtoull (right, NULL, 10);

  if (left_time != right_time)
    return left_time < right_time ? -1 : 1;
  return strcmp (left, right);
}

/* Directories are no messages, and others keep such; a link or a pipe may be meant to be one. */
static gboolean
maildir_scan (Maildir *maildir, const char *sub, guint64 *octets, GError **error)
{
  g_autofree char *path = g_build_filename (maildir->path, sub, NULL);
  DIR *dir = ctl_nofollow_open_directory (path, error);
  const struct dirent *entry;

  if (dir == NULL)
    return FALSE;
  while ((entry = readdir (dir)) != NULL) {
    struct stat info;

    if (entry->d_name[0] == '.' || fstatat (dirfd (dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0
        || S_ISDIR (info.st_mode))
      continue;
    if (S_ISREG (info.st_mode))
      *octets += (guint64) info.st_size;
    g_ptr_array_add (maildir->names, g_build_filename (sub, entry->d_name, NULL));
  }
  closedir (dir);
  return TRUE;
}

/* Lines of a number from 0 and a keyword: what the letters a to z in names stand for. */
static void
maildir_read_keywords (Maildir *maildir)
{
  g_autofree char *path = g_build_filename (maildir->path, KEYWORDS_FILE, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  g_autoptr (GError) error = NULL;
  struct stat info;
  gsize length;

  if (!ctl_nofollow_read_file (path, G_MAXUINT16, &text, &length, &info, &error)) {
    if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
      g_ptr_array_add (maildir->names, g_strdup (KEYWORDS_FILE));
    return;
  }
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *end;
    guint64 number = g_ascii_strtoull (lines[i], &end, 10);

    if (end == lines[i] || *end != ' ' || number >= N_KEYWORDS || maildir->keywords[number] != NULL)
      continue;
    maildir->keywords[number] = g_strdup (g_strstrip (end));
  }
}

static void
maildir_set_flags (const Maildir *maildir, const char *name, CtlMessage *message)
{
  const char *info = strstr (name, ":2,");

  for (info = info != NULL ? info + 3 : ""; *info != '\0'; info++) {
    if (*info >= 'a' && *info <= 'z' && maildir->keywords[*info - 'a'] != NULL)
      ctl_message_add_keyword (message, maildir->keywords[*info - 'a']);
    message->flags |= *info == 'D'   ? CF_FLAG_DRAFT
                      : *info == 'F' ? CF_FLAG_FLAGGED
                      : *info == 'R' ? CF_FLAG_ANSWERED
                      : *info == 'S' ? CF_FLAG_SEEN
                      : *info == 'T' ? CF_FLAG_DELETED
                                     : 0;
    if (*info == 'P')
      ctl_message_add_keyword (message, "$Forwarded");
  }
}

static gboolean
maildir_next (gpointer self, CtlMessage **out_message, GError **error)
{
  Maildir *maildir = self;
  g_autoptr (CtlMessage) message = ctl_message_new ();
  g_autoptr (GByteArray) octets = g_byte_array_new ();
  g_autofree char *text = NULL;
  struct stat info;
  const char *name;
  gsize length;

  *out_message = NULL;
  if (maildir->next == maildir->names->len)
    return TRUE;
  name = g_ptr_array_index (maildir->names, maildir->next++);
  message->origin = g_build_filename (maildir->path, name, NULL);
  if (!ctl_nofollow_read_file (message->origin, MESSAGE_MAX, &text, &length, &info, error))
    return FALSE;
  ctl_message_append_crlf (octets, text, length);
  message->cost = (guint64) info.st_size;
  message->date = info.st_mtime;
  message->octets = g_byte_array_free_to_bytes (g_steal_pointer (&octets));
  maildir_set_flags (maildir, name, message);
  *out_message = g_steal_pointer (&message);
  return TRUE;
}

gboolean
ctl_maildir_open (CtlReader *reader, const char *path, GError **error)
{
  static const char *const subs[] = { "cur", "new" };
  Maildir *maildir = g_new0 (Maildir, 1);

  *reader = (CtlReader){ maildir, maildir_next, maildir_free, 0 };
  maildir->path = g_strdup (path);
  maildir->names = g_ptr_array_new_with_free_func (g_free);
  maildir_read_keywords (maildir);
  for (guint i = 0; i < G_N_ELEMENTS (subs); i++) {
    g_autofree char *sub = g_build_filename (path, subs[i], NULL);
    struct stat info;

    if (!ctl_nofollow_stat (sub, &info, NULL))
      continue;
    if (!S_ISDIR (info.st_mode))
      g_ptr_array_add (maildir->names, g_strdup (subs[i]));
    else if (!maildir_scan (maildir, subs[i], &reader->octets, error)) {
      maildir_free (maildir);
      return FALSE;
    }
  }
  g_ptr_array_sort (maildir->names, compare_names);
  return TRUE;
}
