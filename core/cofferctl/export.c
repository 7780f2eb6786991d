/* core/cofferctl/export.c - export: an account's mailboxes as Maildirs or mbox files.
 *
 * First the index of a mailbox, then its messages in batches of bounded size, less those that are there from
 * an earlier run.
 */
#include "cofferctl/cofferctl.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>

#include "cofferctl/imap-client.h"
#include "cofferctl/nofollow.h"
#include "cofferctl/progress.h"
#include "cofferctl/writer.h"

#define BATCH_MESSAGES 200
#define BATCH_OCTETS   (8 * 1024 * 1024)

typedef struct {
  guint32 uid;
  guint64 size;
  CtlMessage *message; /* without octets */
} Row;

typedef struct {
  CtlImap *imap;
  const char *root;
  gboolean mbox;
  CtlProgress progress;
  CtlWriter writer;  /* of the mailbox at hand */
  GPtrArray *rows;   /* its index */
  GHashTable *asked; /* UID -> Row of the messages under way */
  guint64 written, skipped;
} Export;

static void
row_free (gpointer data)
{
  Row *row = data;

  ctl_message_free (row->message);
  g_free (row);
}

/* ---- The index ---- */

static gboolean
take_row (GPtrArray *values, gpointer user_data, GError **error)
{
  GPtrArray *rows = user_data, *items;
  CtlValue *flags, *date, *size;
  guint32 uid;
  Row *row;

  if (!ctl_imap_is_fetch (values, &uid, &items))
    return TRUE;
  flags = ctl_value_lookup (items, "FLAGS");
  date = ctl_value_lookup (items, "INTERNALDATE");
  size = ctl_value_lookup (items, "RFC822.SIZE");
  /* Without all of them it is news about another message's flags. */
  if (flags == NULL || flags->list == NULL || date == NULL || date->text == NULL || size == NULL
      || size->text == NULL)
    return TRUE;
  row = g_new0 (Row, 1);
  row->uid = uid;
  row->size = g_ascii_strtoull (size->text, NULL, 10);
  row->message = ctl_message_new ();
  for (guint i = 0; i < flags->list->len; i++)
    if (ctl_value_get_text (flags->list, i) != NULL)
      ctl_message_add_flag (row->message, ctl_value_get_text (flags->list, i));
  ctl_message_parse_date (date->text, &row->message->date);
  g_ptr_array_add (rows, row);
  return TRUE;
}

static GPtrArray *
load_index (CtlImap *imap, GError **error)
{
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);

  if (!ctl_imap_command (imap, take_row, rows, error, "UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE)"))
    return NULL;
  return g_steal_pointer (&rows);
}

/* ---- Messages ---- */

static gboolean
take_message (GPtrArray *values, gpointer user_data, GError **error)
{
  Export *export = user_data;
  GPtrArray *items;
  CtlValue *octets;
  guint32 uid;
  Row *row;

  if (!ctl_imap_is_fetch (values, &uid, &items))
    return TRUE;
  octets = ctl_value_lookup (items, "BINARY[]");
  row = g_hash_table_lookup (export->asked, GUINT_TO_POINTER (uid));
  if (octets == NULL || row == NULL)
    return TRUE;
  /* A message without any octet may come as "". */
  row->message->octets = octets->octets != NULL ? g_bytes_ref (octets->octets)
                                                : g_bytes_new (octets->text, strlen (octets->text));
  if (!export->writer.write (export->writer.self, uid, row->message, error))
    return FALSE;
  g_clear_pointer (&row->message->octets, g_bytes_unref);
  g_hash_table_remove (export->asked, GUINT_TO_POINTER (uid));
  export->written++;
  ctl_progress_step (&export->progress, row->size);
  return TRUE;
}

/* What stays in @asked has been expunged meanwhile. */
static gboolean
export_batch (Export *export, GString *uids, GError **error)
{
  gboolean good = uids->len == 0
                  || ctl_imap_command (export->imap, take_message, export, error,
                                       "UID FETCH %s (BINARY.PEEK[])", uids->str);

  g_string_truncate (uids, 0);
  g_hash_table_remove_all (export->asked);
  return good;
}

static gboolean
export_messages (Export *export, GError **error)
{
  g_autoptr (GString) uids = g_string_new (NULL);
  guint64 octets = 0;

  for (guint i = 0; i < export->rows->len; i++) {
    Row *row = g_ptr_array_index (export->rows, i);
    gboolean has;

    if (!export->writer.has (export->writer.self, row->uid, row->message, &has, error))
      return FALSE;
    if (has) {
      export->skipped++;
      ctl_progress_step (&export->progress, row->size);
      continue;
    }
    if ((octets + row->size > BATCH_OCTETS || g_hash_table_size (export->asked) == BATCH_MESSAGES)) {
      if (!export_batch (export, uids, error))
        return FALSE;
      octets = 0;
    }
    g_string_append_printf (uids, "%s%u", uids->len > 0 ? "," : "", row->uid);
    g_hash_table_insert (export->asked, GUINT_TO_POINTER (row->uid), row);
    octets += row->size;
  }
  return export_batch (export, uids, error);
}

static gboolean
export_with_writer (Export *export, const char *mailbox, GError **error)
{
  if (export->writer.complete) {
    ctl_progress_clear (&export->progress);
    printf ("%s: left as it is: its file is there already\n", mailbox);
    return TRUE;
  }
  if (!export_messages (export, error) || !export->writer.finish (export->writer.self, error))
    return FALSE;
  ctl_progress_clear (&export->progress);
  printf ("%s: %" G_GUINT64_FORMAT " exported, %" G_GUINT64_FORMAT " there already\n", mailbox,
          export->written, export->skipped);
  fflush (stdout);
  return TRUE;
}

static gboolean
export_mailbox (Export *export, const char *mailbox, GError **error)
{
  g_autoptr (GPtrArray) rows = NULL;
  guint32 uid_validity;
  gboolean good;

  export->written = export->skipped = 0;
  if (!ctl_imap_examine (export->imap, mailbox, &uid_validity, error))
    return FALSE;
  export->rows = rows = load_index (export->imap, error);
  if (rows == NULL)
    return FALSE;
  if (!(export->mbox ? ctl_mbox_create : ctl_maildir_create) (&export->writer, export->root, mailbox,
                                                              uid_validity, error))
    return FALSE;
  good = export_with_writer (export, mailbox, error);
  export->writer.free (export->writer.self);
  return good;
}

/* ---- Mailboxes ---- */

static gboolean
take_status (GPtrArray *values, gpointer user_data, GError **error)
{
  GPtrArray *items = ctl_value_get_list (values, 2);
  CtlValue *size = items != NULL ? ctl_value_lookup (items, "SIZE") : NULL;

  if (size != NULL && size->text != NULL)
    *(guint64 *) user_data += g_ascii_strtoull (size->text, NULL, 10);
  return TRUE;
}

static gboolean
count_octets (CtlImap *imap, char **mailboxes, guint64 *out_octets, GError **error)
{
  *out_octets = 0;
  for (guint i = 0; mailboxes[i] != NULL; i++) {
    g_autofree char *name = ctl_imap_quote_mailbox (mailboxes[i]);

    if (!ctl_imap_command (imap, take_status, out_octets, error, "STATUS %s (SIZE)", name)) {
      g_prefix_error (error, "Mailbox '%s': ", mailboxes[i]);
      return FALSE;
    }
  }
  return TRUE;
}

/* The target, which alone may be a symbolic link. */
static char *
make_root (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0700) == 0)
    return ctl_nofollow_root (path, error);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", path, g_strerror (errno));
  return NULL;
}

gboolean
ctl_export (CtlCall *call, GError **error)
{
  g_autoptr (CtlImap) imap = ctl_imap_open (call->connection, call->args[0], error);
  g_autoptr (GHashTable) asked = g_hash_table_new (NULL, NULL);
  g_auto (GStrv) mailboxes = NULL;
  g_autofree char *root = NULL;
  Export export = { .imap = imap, .asked = asked };
  guint64 octets;

  if (imap == NULL)
    return FALSE;
  export.mbox = g_strcmp0 (call->options.format, "mbox") == 0;
  if (call->options.mailbox != NULL)
    mailboxes = g_strsplit (call->options.mailbox, "\n", 1);
  else
    mailboxes = ctl_imap_list (imap, error);
  if (mailboxes == NULL || !count_octets (imap, mailboxes, &octets, error))
    return FALSE;
  export.root = root = make_root (call->args[1], error);
  if (root == NULL)
    return FALSE;
  ctl_progress_start (&export.progress, octets);
  for (guint i = 0; mailboxes[i] != NULL; i++) {
    if (export_mailbox (&export, mailboxes[i], error))
      continue;
    ctl_progress_clear (&export.progress);
    g_prefix_error (error, "The export is not complete (started again, it goes on): ");
    return FALSE;
  }
  return TRUE;
}

/* ---- mailbox list ---- */

static gboolean
take_counts (GPtrArray *values, gpointer user_data, GError **error)
{
  GPtrArray *items = ctl_value_get_list (values, 2);
  CtlValue *messages = items != NULL ? ctl_value_lookup (items, "MESSAGES") : NULL;
  CtlValue *unseen = items != NULL ? ctl_value_lookup (items, "UNSEEN") : NULL;
  CtlValue *size = items != NULL ? ctl_value_lookup (items, "SIZE") : NULL;

  if (messages != NULL && unseen != NULL && size != NULL)
    printf ("%8s messages %8s unseen %12s octets  %s\n", messages->text, unseen->text, size->text,
            (const char *) user_data);
  return TRUE;
}

gboolean
ctl_mailbox_list (CtlCall *call, GError **error)
{
  g_autoptr (CtlImap) imap = ctl_imap_open (call->connection, call->args[0], error);
  g_auto (GStrv) mailboxes = imap != NULL ? ctl_imap_list (imap, error) : NULL;

  if (mailboxes == NULL)
    return FALSE;
  for (guint i = 0; mailboxes[i] != NULL; i++) {
    g_autofree char *name = ctl_imap_quote_mailbox (mailboxes[i]);

    if (!ctl_imap_command (imap, take_counts, mailboxes[i], error, "STATUS %s (MESSAGES UNSEEN SIZE)", name))
      return FALSE;
  }
  return TRUE;
}
