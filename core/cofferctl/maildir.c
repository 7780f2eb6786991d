/* core/cofferctl/maildir.c - reading a Maildir (reader.h). */
#include "cofferctl/reader.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define N_KEYWORDS 26 /* a to z */

typedef struct {
  char *path;
  GPtrArray *names; /* "cur/...", "new/...", in the order of delivery */
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

  return g_file_test (cur, G_FILE_TEST_IS_DIR);
}

static gboolean
fail_errno (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
  return FALSE;
}

/* By the time of delivery that begins a name, then by name. */
static gint
compare_names (gconstpointer a, gconstpointer b)
{
  const char *left = *(const char *const *) a + 4, *right = *(const char *const *) b + 4;
  guint64 left_time = g_ascii_strtoull (left, NULL, 10), right_time = g_ascii_strtoull (right, NULL, 10);

  if (left_time != right_time)
    return left_time < right_time ? -1 : 1;
  return strcmp (left, right);
}

static gboolean
maildir_scan (Maildir *maildir, const char *sub, guint64 *octets, GError **error)
{
  g_autofree char *path = g_build_filename (maildir->path, sub, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, error);
  const char *name;

  if (dir == NULL)
    return FALSE;
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    struct stat info;

    if (name[0] == '.' || stat (file, &info) != 0 || !S_ISREG (info.st_mode))
      continue;
    *octets += (guint64) info.st_size;
    g_ptr_array_add (maildir->names, g_build_filename (sub, name, NULL));
  }
  return TRUE;
}

/* Lines of a number from 0 and a keyword: what the letters a to z in names stand for. */
static void
maildir_read_keywords (Maildir *maildir)
{
  g_autofree char *path = g_build_filename (maildir->path, "dovecot-keywords", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
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
  if (stat (message->origin, &info) != 0)
    return fail_errno (error, message->origin);
  if (info.st_size > G_MAXUINT32 / 2) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: too large for a message", message->origin);
    return FALSE;
  }
  if (!g_file_get_contents (message->origin, &text, &length, error))
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

    if (g_file_test (sub, G_FILE_TEST_EXISTS) && !maildir_scan (maildir, subs[i], &reader->octets, error)) {
      maildir_free (maildir);
      return FALSE;
    }
  }
  g_ptr_array_sort (maildir->names, compare_names);
  return TRUE;
}
