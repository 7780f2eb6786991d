/* core/cofferctl/mbox.c - reading an mbox file (reader.h).
 *
 * A message begins with a line "From sender date" at the file's start or behind an empty line; one without a
 * date is text that nobody quoted. Lines of the body that were quoted, ">From " and in mboxrd ">>From " and
 * so on, lose one
 * ">". The empty line before the next message belongs to the form, not to the message.
 */
#include "cofferctl/reader.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cofferctl/nofollow.h"

typedef struct {
  char *path;
  FILE *file;
  char *line; /* getline's */
  size_t allocated;
  ssize_t length; /* of the line; -1: at the end */
  guint64 offset; /* of what follows the line */
  guint n;        /* messages so far */
} Mbox;

/* ---- Lines ---- */

static void
mbox_read_line (Mbox *mbox)
{
  mbox->length = getline (&mbox->line, &mbox->allocated, mbox->file);
  if (mbox->length > 0)
    mbox->offset += (guint64) mbox->length;
}

static gboolean
mbox_is_empty_line (const Mbox *mbox)
{
  return (mbox->length == 1 && mbox->line[0] == '\n')
         || (mbox->length == 2 && memcmp (mbox->line, "\r\n", 2) == 0);
}

/* Jan 31 12:00[:00] ... 2026, with a zone before or behind the year or none; without one it is UTC. */
static gboolean
parse_from_date (char **words, guint n, gint64 *out_date)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  int hour, minute, second, day, year = 0, zone = 0;
  g_autoptr (GDateTime) time = NULL;
  const char *month;

  for (guint i = 2; i < n; i++) {
    second = 0;
    if (sscanf (words[i], "%2d:%2d:%2d", &hour, &minute, &second) < 2)
      continue;
    month = strlen (words[i - 2]) == 3 ? strstr (months, words[i - 2]) : NULL;
    day = atoi (words[i - 1]);
    for (guint k = i + 1; k < n; k++) {
      if ((words[k][0] == '+' || words[k][0] == '-') && strlen (words[k]) == 5)
        zone = atoi (words[k]);
      else if (strlen (words[k]) == 4 && strspn (words[k], "0123456789") == 4)
        year = atoi (words[k]);
    }
    if (month == NULL || year == 0)
      continue;
    time = g_date_time_new_utc (year, (int) (month - months) / 3 + 1, day, hour, minute, MIN (second, 59));
    if (time == NULL)
      return FALSE;
    *out_date = g_date_time_to_unix (time) - (zone / 100 * 60 + zone % 100) * 60;
    return TRUE;
  }
  return FALSE;
}

static gboolean
mbox_is_from_line (const Mbox *mbox, gint64 *out_date)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) split = NULL;
  g_autoptr (GPtrArray) words = g_ptr_array_new ();

  if (mbox->length < 5 || memcmp (mbox->line, "From ", 5) != 0 || mbox->length > 1000)
    return FALSE;
  text = g_strndup (mbox->line, (gsize) mbox->length);
  split = g_strsplit_set (text, " \t\r\n", -1);
  for (guint i = 0; split[i] != NULL; i++)
    if (split[i][0] != '\0')
      g_ptr_array_add (words, split[i]);
  return parse_from_date ((char **) words->pdata, words->len, out_date);
}

/* ---- The header ---- */

static void
add_status (CtlMessage *message, const char *value)
{
  for (; *value != '\0'; value++)
    message->flags |= *value == 'R'   ? CF_FLAG_SEEN
                      : *value == 'A' ? CF_FLAG_ANSWERED
                      : *value == 'F' ? CF_FLAG_FLAGGED
                      : *value == 'D' ? CF_FLAG_DELETED
                      : *value == 'T' ? CF_FLAG_DRAFT
                                      : 0;
}

static void
add_keywords (CtlMessage *message, const char *value)
{
  g_auto (GStrv) words = g_strsplit_set (value, " ,\t\r\n", -1);

  for (guint i = 0; words[i] != NULL; i++)
    ctl_message_add_keyword (message, words[i]);
}

/* TRUE: the line is the mailbox's, not the message's. */
static gboolean
mbox_take_field (const Mbox *mbox, CtlMessage *message)
{
  static const char *const others[] = { "X-UID:", "X-IMAP:", "X-IMAPbase:" };

  if (g_ascii_strncasecmp (mbox->line, "Status:", 7) == 0)
    add_status (message, mbox->line + 7);
  else if (g_ascii_strncasecmp (mbox->line, "X-Status:", 9) == 0)
    add_status (message, mbox->line + 9);
  else if (g_ascii_strncasecmp (mbox->line, "X-Keywords:", 11) == 0)
    add_keywords (message, mbox->line + 11);
  else {
    for (guint i = 0; i < G_N_ELEMENTS (others); i++)
      if (g_ascii_strncasecmp (mbox->line, others[i], strlen (others[i])) == 0)
        return TRUE;
    return FALSE;
  }
  return TRUE;
}

/* Some servers keep their state in a first message that is none. */
static gboolean
is_internal_data (const GByteArray *octets)
{
  static const char subject[] = "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA";

  return octets->len > 0 && memmem (octets->data, MIN (octets->len, 2000), subject, strlen (subject)) != NULL;
}

/* Up to the empty line, which is read. */
static void
mbox_read_header (Mbox *mbox, CtlMessage *message, GByteArray *octets)
{
  gboolean taken = FALSE;

  for (mbox_read_line (mbox); mbox->length > 0 && !mbox_is_empty_line (mbox); mbox_read_line (mbox)) {
    gboolean continued = mbox->line[0] == ' ' || mbox->line[0] == '\t';

    if (!continued)
      taken = mbox_take_field (mbox, message);
    if (!taken)
      ctl_message_append_crlf (octets, mbox->line, (gsize) mbox->length);
  }
}

/* ---- The body ---- */

static void
mbox_append_body_line (const Mbox *mbox, GByteArray *octets)
{
  const char *line = mbox->line;
  gsize length = (gsize) mbox->length, quotes = 0;

  while (quotes < length && line[quotes] == '>')
    quotes++;
  if (quotes > 0 && length - quotes >= 5 && memcmp (line + quotes, "From ", 5) == 0) {
    line++;
    length--;
  }
  ctl_message_append_crlf (octets, line, length);
}

/* The current line is the empty one behind the header, or the end. Leaves the next "From " line, or the end.
 */
static void
mbox_read_body (Mbox *mbox, GByteArray *octets)
{
  gboolean empty = mbox->length > 0;
  gint64 date;

  while (mbox->length > 0) {
    mbox_append_body_line (mbox, octets);
    mbox_read_line (mbox);
    if (mbox->length > 0 && empty && mbox_is_from_line (mbox, &date))
      break;
    if (mbox->length > 0)
      empty = mbox_is_empty_line (mbox);
  }
  /* The empty line before "From ". */
  if (empty)
    g_byte_array_set_size (octets, octets->len - 2);
}

static gboolean
mbox_next (gpointer self, CtlMessage **out_message, GError **error)
{
  Mbox *mbox = self;
  g_autoptr (CtlMessage) message = ctl_message_new ();
  g_autoptr (GByteArray) octets = g_byte_array_new ();
  guint64 start = mbox->offset - (guint64) MAX (mbox->length, 0);
  int number;

  *out_message = NULL;
  if (mbox->length <= 0)
    return TRUE;
  errno = 0;
  message->origin = g_strdup_printf ("%s: message %u", mbox->path, ++mbox->n);
  if (!mbox_is_from_line (mbox, &message->date))
    message->date = g_get_real_time () / G_USEC_PER_SEC;
  mbox_read_header (mbox, message, octets);
  mbox_read_body (mbox, octets);
  number = errno;
  if (ferror (mbox->file)) {
    mbox->length = -1;
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (number), "%s: %s", message->origin,
                 g_strerror (number));
    return FALSE;
  }
  if (mbox->n == 1 && is_internal_data (octets))
    return mbox_next (self, out_message, error);
  message->cost = mbox->offset - (guint64) MAX (mbox->length, 0) - start;
  message->octets = g_byte_array_free_to_bytes (g_steal_pointer (&octets));
  *out_message = g_steal_pointer (&message);
  return TRUE;
}

static void
mbox_free (gpointer data)
{
  Mbox *mbox = data;

  if (mbox->file != NULL)
    fclose (mbox->file);
  free (mbox->line);
  g_free (mbox->path);
  g_free (mbox);
}

gboolean
ctl_mbox_is_at (const char *path)
{
  struct stat info;
  int fd = ctl_nofollow_open_file (path, &info, NULL);
  char start[5];
  ssize_t n;

  if (fd < 0)
    return FALSE;
  n = read (fd, start, sizeof start);
  close (fd);
  return n == 0 || (n == (ssize_t) sizeof start && memcmp (start, "From ", 5) == 0);
}

gboolean
ctl_mbox_open (CtlReader *reader, const char *path, GError **error)
{
  Mbox *mbox = g_new0 (Mbox, 1);
  struct stat info;
  int fd;

  mbox->path = g_strdup (path);
  fd = ctl_nofollow_open_file (path, &info, error);
  if (fd < 0) {
    mbox_free (mbox);
    return FALSE;
  }
  mbox->file = fdopen (fd, "r");
  mbox_read_line (mbox);
  if (mbox->length > 0 && (mbox->length < 5 || memcmp (mbox->line, "From ", 5) != 0)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                 "%s: does not begin with a \"From \" line, so it is "
                 "not an mbox",
                 path);
    mbox_free (mbox);
    return FALSE;
  }
  *reader = (CtlReader){ mbox, mbox_next, mbox_free, (guint64) info.st_size };
  return TRUE;
}
