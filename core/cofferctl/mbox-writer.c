/* core/cofferctl/mbox-writer.c - writing an mbox file, in the form mboxrd (writer.h). */
#include "cofferctl/writer.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cofferctl/folder-name.h"
#include "cofferctl/nofollow.h"

typedef struct {
  char *path, *temporary;
  FILE *file;
  guint32 uid_validity;
} Mbox;

static gboolean
fail_errno (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
  return FALSE;
}

static void
mbox_free (gpointer data)
{
  Mbox *mbox = data;

  if (mbox->file != NULL)
    fclose (mbox->file);
  g_free (mbox->path);
  g_free (mbox->temporary);
  g_free (mbox);
}

static gboolean
mbox_has (gpointer self, guint32 uid, const CtlMessage *message, gboolean *out_has, GError **error)
{
  *out_has = FALSE;
  return TRUE;
}

static void
mbox_write_from (Mbox *mbox, const CtlMessage *message)
{
  time_t date = (time_t) message->date;
  struct tm broken;
  char text[64];

  /* In the C locale whatever the user's: this program sets LC_ALL for what it says. */
  gmtime_r (&date, &broken);
  asctime_r (&broken, text);
  fprintf (mbox->file, "From MAILER-DAEMON %s", text);
}

static void
mbox_write_status (Mbox *mbox, guint32 uid, const CtlMessage *message)
{
  guint flags = message->flags;

  fprintf (mbox->file, "Status: %sO\n", (flags & CF_FLAG_SEEN) != 0 ? "R" : "");
  if ((flags & ~(guint) CF_FLAG_SEEN) != 0)
    fprintf (mbox->file, "X-Status: %s%s%s%s\n", (flags & CF_FLAG_ANSWERED) != 0 ? "A" : "",
             (flags & CF_FLAG_DELETED) != 0 ? "D" : "", (flags & CF_FLAG_FLAGGED) != 0 ? "F" : "",
             (flags & CF_FLAG_DRAFT) != 0 ? "T" : "");
  if (message->keywords != NULL) {
    fputs ("X-Keywords:", mbox->file);
    for (guint i = 0; i < message->keywords->len; i++)
      fprintf (mbox->file, " %s", (char *) g_ptr_array_index (message->keywords, i));
    fputc ('\n', mbox->file);
  }
  fprintf (mbox->file, "X-UID: %u\n", uid);
}

/* Where the header's last field ends: before the empty line, or at the end. */
static gsize
find_header_end (const char *data, gsize length)
{
  const char *end;

  if (length == 0 || data[0] == '\n')
    return 0;
  end = memmem (data, length, "\n\n", 2);
  return end != NULL ? (gsize) (end - data) + 1 : length;
}

static void
mbox_write_quoted (Mbox *mbox, const char *data, gsize length)
{
  const char *end = data + length;

  while (data < end) {
    const char *lf = memchr (data, '\n', (gsize) (end - data));
    gsize line = lf != NULL ? (gsize) (lf - data) + 1 : (gsize) (end - data), quotes = 0;

    while (quotes < line && data[quotes] == '>')
      quotes++;
    if (line - quotes >= 5 && memcmp (data + quotes, "From ", 5) == 0)
      fputc ('>', mbox->file);
    fwrite (data, 1, line, mbox->file);
    data += line;
  }
}

static gboolean
mbox_write (gpointer self, guint32 uid, const CtlMessage *message, GError **error)
{
  Mbox *mbox = self;
  g_autoptr (GBytes) octets = ctl_message_to_lf (message->octets);
  gsize length, header;
  const char *data = g_bytes_get_data (octets, &length);

  header = find_header_end (data, length);
  mbox_write_from (mbox, message);
  fwrite (data, 1, header, mbox->file);
  if (header > 0 && data[header - 1] != '\n')
    fputc ('\n', mbox->file);
  mbox_write_status (mbox, uid, message);
  mbox_write_quoted (mbox, data + header, length - header);
  /* A message whose last line has no end gets one. Behind a header without a body, the header's empty line.
   */
  if (header < length && data[length - 1] != '\n')
    fputc ('\n', mbox->file);
  fputc ('\n', mbox->file);
  return ferror (mbox->file) == 0 || fail_errno (error, mbox->temporary);
}

static gboolean
mbox_finish (gpointer self, GError **error)
{
  Mbox *mbox = self;
  gboolean good = fflush (mbox->file) == 0 && fsync (fileno (mbox->file)) == 0;

  if (fclose (g_steal_pointer (&mbox->file)) != 0 || !good)
    return fail_errno (error, mbox->temporary);
  return ctl_nofollow_rename (mbox->temporary, mbox->path, error);
}

/* "Work/2026" is ROOT/Work/2026.mbox. */
static char *
dup_path (const char *root, const char *mailbox)
{
  g_auto (GStrv) levels = g_strsplit (mailbox, "/", -1);
  GString *path = g_string_new (root);

  for (guint i = 0; levels[i] != NULL; i++) {
    g_autofree char *file = ctl_folder_name_encode (levels[i]);

    g_string_append_printf (path, "/%s", file);
  }
  g_string_append (path, ".mbox");
  return g_string_free (path, FALSE);
}

/* *@out_complete: an earlier run has written it. */
static gboolean
mbox_begin (Mbox *mbox, gboolean *out_complete, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (mbox->path);
  struct stat info;
  int fd;

  if (!ctl_nofollow_make_directory (directory, error))
    return FALSE;
  *out_complete = ctl_nofollow_stat (mbox->path, &info, NULL);
  if (*out_complete && !S_ISREG (info.st_mode)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE, "%s: not a regular file", mbox->path);
    return FALSE;
  }
  if (*out_complete)
    return TRUE;
  fd = ctl_nofollow_create_file (mbox->temporary, error);
  if (fd < 0)
    return FALSE;
  mbox->file = fdopen (fd, "w");
  return TRUE;
}

gboolean
ctl_mbox_create (CtlWriter *writer, const char *root, const char *mailbox, guint32 uid_validity,
                 GError **error)
{
  Mbox *mbox = g_new0 (Mbox, 1);

  mbox->path = dup_path (root, mailbox);
  mbox->temporary = g_strconcat (mbox->path, ".part", NULL);
  mbox->uid_validity = uid_validity;
  *writer = (CtlWriter){ mbox, FALSE, mbox_has, mbox_write, mbox_finish, mbox_free };
  if (mbox_begin (mbox, &writer->complete, error))
    return TRUE;
  mbox_free (mbox);
  return FALSE;
}
