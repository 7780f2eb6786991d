/* tests/fuzz/fuzz-import.c - what cofferctl import reads: mbox files and Maildirs.
 *
 * The first octet is 'd' for a Maildir, whose files are, after a line with a file's name, what follows up to
 * the next 0x01; dovecot-keywords is a name like another. Else all octets are an mbox. Checked: reading ends,
 * lines end with CRLF, keywords are atoms, and what was read can be written as FETCH has it.
 */
#include "cofferctl/message.h"
#include "cofferctl/reader.h"
#include "fuzz.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define DATE_MAX G_GINT64_CONSTANT (253402300799) /* the end of the year 9999 */

static char *directory;

static void
remove_directory (void)
{
  g_rmdir (directory);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  g_autofree char *made = NULL;

  fuzz_log_init ();
  made = g_dir_make_tmp ("coffer-fuzz-XXXXXX", NULL);
  directory = made != NULL ? realpath (made, NULL) : NULL;
  FUZZ_CHECK (directory != NULL, "no temporary directory");
  atexit (remove_directory);
  return 0;
}

/* ---- Messages ---- */

static void
check_keywords (const CtlMessage *message)
{
  for (guint i = 0; message->keywords != NULL && i < message->keywords->len; i++) {
    const char *keyword = g_ptr_array_index (message->keywords, i);

    FUZZ_CHECK (keyword[0] != '\0' && strpbrk (keyword, "(){ %*\"\\]\r\n") == NULL, "keyword '%s'", keyword);
  }
}

static void
check_message (const CtlMessage *message)
{
  g_autofree char *flags = ctl_message_dup_flags (message);
  g_autofree char *date = ctl_message_dup_date (message);
  g_autoptr (GBytes) text = ctl_message_to_lf (message->octets);
  gsize length;
  const char *octets = g_bytes_get_data (message->octets, &length);
  gint64 again;

  for (gsize i = 0; i < length; i++)
    FUZZ_CHECK (octets[i] != '\n' || (i > 0 && octets[i - 1] == '\r'), "LF alone at %" G_GSIZE_FORMAT, i);
  FUZZ_CHECK (g_bytes_get_size (text) <= length, "grows");
  FUZZ_CHECK (ctl_message_parse_date (date, &again) && again == CLAMP (message->date, 0, DATE_MAX), "%s",
              date);
  check_keywords (message);
}

static void
read_all (CtlReader *reader, gsize size)
{
  guint n = 0;

  for (;;) {
    g_autoptr (CtlMessage) message = NULL;
    g_autoptr (GError) error = NULL;
    gboolean good = reader->next (reader->self, &message, &error);

    FUZZ_CHECK (good == (error == NULL), "result and error disagree");
    FUZZ_CHECK (++n <= size + 10, "more messages than octets");
    if (good && message == NULL)
      break;
    if (message != NULL)
      check_message (message);
  }
  reader->free (reader->self);
}

/* ---- On disk ---- */

static void
write_file (const char *path, const guint8 *data, gsize size)
{
  FUZZ_CHECK (g_file_set_contents_full (path, size > 0 ? (const char *) data : "", (gssize) size,
                                        G_FILE_SET_CONTENTS_NONE, 0600, NULL),
              "%s", path);
}

static void
try_mbox (FuzzInput *input)
{
  g_autofree char *path = g_build_filename (directory, "mbox", NULL);
  g_autoptr (GError) error = NULL;
  CtlReader reader;

  write_file (path, input->data, input->size);
  ctl_mbox_is_at (path);
  if (ctl_mbox_open (&reader, path, &error))
    read_all (&reader, input->size);
  else
    FUZZ_CHECK (error != NULL, "no reason is given");
  g_unlink (path);
}

/* In cur, but for the file of keywords; the path, the caller frees. NULL: the name cannot be. */
static char *
path_of (const char *maildir, const char *name)
{
  if (name[0] == '\0' || name[0] == '.' || strchr (name, '/') != NULL || strlen (name) > 200)
    return NULL;
  return g_str_equal (name, "dovecot-keywords") ? g_build_filename (maildir, name, NULL)
                                                : g_build_filename (maildir, "cur", name, NULL);
}

static void
try_maildir (FuzzInput *input)
{
  static const char *const subs[] = { "cur", "new", "tmp" };
  g_autofree char *maildir = g_build_filename (directory, "maildir", NULL);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  CtlReader reader;

  g_mkdir (maildir, 0700);
  for (guint i = 0; i < G_N_ELEMENTS (subs); i++) {
    char *sub = g_build_filename (maildir, subs[i], NULL);

    g_mkdir (sub, 0700);
    g_ptr_array_add (paths, sub);
  }
  while (input->size > 0 && paths->len < 10) {
    g_autofree char *name = fuzz_take_line (input);
    const guint8 *end = input->size > 0 ? memchr (input->data, 1, input->size) : NULL;
    gsize length = end != NULL ? (gsize) (end - input->data) : input->size;
    char *path = path_of (maildir, name);

    if (path != NULL) {
      write_file (path, input->data, length);
      g_ptr_array_add (paths, path);
    }
    input->data += length + (end != NULL);
    input->size -= length + (end != NULL);
  }
  FUZZ_CHECK (ctl_maildir_is_at (maildir), "not a Maildir");
  FUZZ_CHECK (ctl_maildir_open (&reader, maildir, &error), "%s", error->message);
  read_all (&reader, 10);
  for (guint i = paths->len; i > 0; i--)
    g_remove (g_ptr_array_index (paths, i - 1));
  g_rmdir (maildir);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };

  if (size > 0 && data[0] == 'd') {
    fuzz_take_octet (&input);
    try_maildir (&input);
  } else {
    try_mbox (&input);
  }
  return 0;
}
