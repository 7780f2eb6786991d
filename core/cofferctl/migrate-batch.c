/* core/cofferctl/migrate-batch.c - some messages of a mailbox on their way from store to store (migrate.h).
 *
 * Contents that the destination does not have yet are read by one call; what is longer than a slice goes on
 * by itself, to an unlinked file. They are scanned anew and divided as an APPEND divides them, their large
 * parts put, and then all messages are written in one commit. So memory holds what a batch may have, and
 * calls are by batches, not by messages.
 */
#include "cofferctl/migrate.h"

#include "commands/upload.h"
#include "imap/spool.h"

#define BATCH_MESSAGES 500
#define BATCH_OCTETS   (8 * 1024 * 1024)
/* Octets of one content read at a time. */
#define SLICE (1024 * 1024)
/* How often parts are put again that were collected meanwhile. */
#define ATTEMPTS 4

/* A content that is to be read. */
typedef struct {
  CfContentId content;
  guint32 uid; /* of the first message that has it, for the operator */
  guint64 at;  /* octets read */
  gboolean missing;
  GByteArray *octets; /* a slice */
  CfUpload *upload;   /* NULL: it cannot be read, and is left out */
} Content;

struct _MigrateBatch {
  MigrateAccount *account;
  MigrateMailbox *mailbox;
  GArray *rows;        /* CfIndexRow, as the source has them */
  guint64 octets;      /* of contents that may have to be read */
  CfUidSet *annotated; /* which messages of the mailbox have attributes; NULL: not asked yet */
  guint n_written;
};

static void
content_free (gpointer data)
{
  Content *content = data;

  g_byte_array_unref (content->octets);
  g_clear_pointer (&content->upload, cf_upload_free);
  g_free (content);
}

/* ---- Reading ---- */

typedef struct {
  CfReadSink sink;
  Content *const *contents;
} ReadSink;

static void
read_missing (CfReadSink *sink, guint i)
{
  ((ReadSink *) sink)->contents[i]->missing = TRUE;
}

/* Facts are computed anew, areas not asked for. */
static void
read_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
}

static void
read_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
}

static void
read_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_byte_array_append (((ReadSink *) sink)->contents[i]->octets, data, (guint) length);
}

/* The next slice of each of @n contents. */
static gboolean
read_slices (MigrateBatch *batch, guint n, Content *const *contents, GError **error)
{
  MigrateStore *from = &batch->account->migration->from;
  ReadSink sink = { { sizeof sink.sink, read_missing, read_facts, read_area, read_octets }, contents };
  g_autofree CfReadRequest *requests = g_new0 (CfReadRequest, n);
  g_autofree const CfReadRequest **list = g_new (const CfReadRequest *, n);

  for (guint i = 0; i < n; i++) {
    requests[i] = (CfReadRequest){ .struct_size = sizeof requests[i],
                                   .content = contents[i]->content,
                                   .offset = contents[i]->at,
                                   .length = SLICE };
    list[i] = &requests[i];
    g_byte_array_set_size (contents[i]->octets, 0);
    contents[i]->missing = FALSE;
  }
  if (!from->slots.read (from->conn, &from->call, batch->account->from, n, list, &sink.sink, error))
    return FALSE;
  for (guint i = 0; i < n; i++)
    contents[i]->at += contents[i]->octets->len;
  return TRUE;
}

/* A long content, of which the first slice is there, into a file. */
static CfSource *
read_long (MigrateBatch *batch, Content *content, GError **error)
{
  g_autoptr (CfSpool) spool = cf_spool_new (0, batch->account->migration->spool_dir);

  if (!cf_spool_begin (spool, G_MAXUINT64, error))
    return NULL;
  while (content->octets->len > 0) {
    if (!cf_spool_write (spool, content->octets->data, content->octets->len, error)
        || !read_slices (batch, 1, &content, error))
      return NULL;
    if (content->missing) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "It is no longer stored");
      return NULL;
    }
  }
  return cf_spool_end (spool);
}

/* What cannot be read, now or ever, is left out. */
static gboolean
leave_out (MigrateBatch *batch, const Content *content, GError *cause, GError **error)
{
  gboolean damaged = cause == NULL || g_error_matches (cause, CF_ERROR, CF_ERROR_CORRUPTION);

  if (!damaged) {
    g_propagate_error (error, cause);
    return FALSE;
  }
  migrate_account_fault (batch->account, "%s, UID %u: %s", batch->mailbox->info.name, content->uid,
                         cause != NULL ? cause->message : "It is no longer stored");
  migrate_account_insert (batch->account, content->content, 0);
  g_clear_error (&cause);
  return TRUE;
}

/* From the first slice to what an append takes. */
static gboolean
content_prepare (MigrateBatch *batch, Content *content, GError **error)
{
  g_autoptr (CfSource) source = NULL;
  GError *cause = NULL;

  if (content->missing)
    return leave_out (batch, content, NULL, error);
  if (content->octets->len == SLICE) {
    source = read_long (batch, content, &cause);
    if (source == NULL)
      return leave_out (batch, content, cause, error);
  } else {
    g_autoptr (GBytes) bytes = g_bytes_new (content->octets->data, content->octets->len);

    source = cf_source_new_bytes (bytes);
  }
  g_byte_array_set_size (content->octets, 0);
  content->upload = cf_upload_new (source, 0, NULL, 0, 0);
  return cf_upload_scan (content->upload, batch->account->migration->to.keeps_parts, error);
}

/* One by one, to find which is damaged. */
static gboolean
read_singly (MigrateBatch *batch, GPtrArray *contents, GError **error)
{
  for (guint i = 0; i < contents->len; i++) {
    Content *content = g_ptr_array_index (contents, i);
    GError *cause = NULL;

    content->at = 0;
    if (read_slices (batch, 1, &content, &cause) ? !content_prepare (batch, content, error)
                                                 : !leave_out (batch, content, cause, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_contents (MigrateBatch *batch, GPtrArray *contents, GError **error)
{
  g_autoptr (GError) cause = NULL;

  if (contents->len == 0)
    return TRUE;
  if (!read_slices (batch, contents->len, (Content *const *) contents->pdata, &cause)) {
    if (g_error_matches (cause, CF_ERROR, CF_ERROR_CORRUPTION))
      return read_singly (batch, contents, error);
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  for (guint i = 0; i < contents->len; i++)
    if (!content_prepare (batch, g_ptr_array_index (contents, i), error))
      return FALSE;
  return TRUE;
}

/* The contents of the batch that are not at the destination, each once. */
static GPtrArray *
find_contents (MigrateBatch *batch)
{
  GPtrArray *contents = g_ptr_array_new_with_free_func (content_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_int64_hash, g_int64_equal);

  for (guint i = 0; i < batch->rows->len; i++) {
    const CfIndexRow *row = &g_array_index (batch->rows, CfIndexRow, i);
    CfContentId ignored;
    Content *content;

    if (migrate_account_lookup (batch->account, row->content, &ignored)
        || g_hash_table_contains (seen, &row->content))
      continue;
    content = g_new0 (Content, 1);
    content->content = row->content;
    content->uid = row->uid;
    content->octets = g_byte_array_new ();
    g_ptr_array_add (contents, content);
    g_hash_table_add (seen, &content->content);
  }
  return contents;
}

/* ---- Writing ---- */

static gboolean
put_parts (MigrateBatch *batch, GPtrArray *uploads, GError **error)
{
  MigrateStore *to = &batch->account->migration->to;
  g_autofree char *scope = cf_upload_dup_scope (batch->account->name, batch->account->to);

  for (;;) {
    g_autoptr (GPtrArray) next = cf_uploads_get_next (uploads);
    g_autofree CfObjectId *ids = g_new0 (CfObjectId, next->len);

    if (next->len == 0)
      break;
    if (!to->slots.object_put (to->conn, &to->call, scope, next->len, (const CfObject *const *) next->pdata,
                               ids, error))
      return FALSE;
    cf_uploads_set_stored (uploads, ids, next->len);
  }
  cf_uploads_describe (uploads);
  return TRUE;
}

typedef struct {
  CfAttributeSink sink;
  CfUidSet *uids;
} AnnotatedSink;

static void
take_annotated (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  cf_uid_set_add (((AnnotatedSink *) sink)->uids, target->uid);
}

/* Most mailboxes have no attributes on any message: that is found out by one call. */
static gboolean
find_annotated (MigrateBatch *batch, GError **error)
{
  MigrateStore *from = &batch->account->migration->from;
  const CfAttributeTarget target = { sizeof target, batch->account->from, batch->mailbox->from, G_MAXUINT32 };
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  AnnotatedSink sink = { { sizeof sink.sink, take_annotated }, uids };

  if (batch->annotated == NULL) {
    if (!from->slots.attribute_get (from->conn, &from->call, &target, "", &sink.sink, error))
      return FALSE;
    batch->annotated = g_steal_pointer (&uids);
  }
  return TRUE;
}

/* What a restore is made of. */
typedef struct {
  GArray *rows;          /* CfIndexRow, with the destination's contents or 0 */
  GArray *messages;      /* CfRestoreMessage */
  GPtrArray *list;       /* of those */
  GPtrArray *attributes; /* GPtrArray of each message that has some */
  GArray *sources;       /* CfContentId of each message */
} Writing;

static void
writing_clear (Writing *writing)
{
  g_array_unref (writing->rows);
  g_array_unref (writing->messages);
  g_ptr_array_unref (writing->list);
  g_ptr_array_unref (writing->attributes);
  g_array_unref (writing->sources);
}

static const CfAppend *
find_append (GPtrArray *contents, CfContentId wanted)
{
  for (guint i = 0; i < contents->len; i++) {
    const Content *content = g_ptr_array_index (contents, i);

    if (content->content == wanted)
      return content->upload != NULL ? cf_upload_get_append (content->upload) : NULL;
  }
  return NULL;
}

static gboolean
writing_add (Writing *writing, MigrateBatch *batch, GPtrArray *contents, const CfIndexRow *row,
             GError **error)
{
  MigrateStore *from = &batch->account->migration->from;
  const CfAttributeTarget target = { sizeof target, batch->account->from, batch->mailbox->from, row->uid };
  CfRestoreMessage message = { .struct_size = sizeof message };
  CfIndexRow wanted = *row;

  wanted.struct_size = sizeof wanted;
  if (!migrate_account_lookup (batch->account, row->content, &wanted.content)) {
    wanted.content = 0;
    message.append = find_append (contents, row->content);
  }
  if (wanted.content == 0 && message.append == NULL)
    return TRUE; /* left out */
  if (cf_uid_set_contains (batch->annotated, row->uid)) {
    GPtrArray *attributes = migrate_attributes_load (from, &target, error);

    if (attributes == NULL)
      return FALSE;
    g_ptr_array_add (writing->attributes, attributes);
    message.n_attributes = attributes->len;
    message.attributes = (const CfAttribute *const *) attributes->pdata;
  }
  g_array_append_val (writing->rows, wanted);
  g_array_append_val (writing->messages, message);
  g_array_append_val (writing->sources, row->content);
  return TRUE;
}

static gboolean
writing_make (Writing *writing, MigrateBatch *batch, GPtrArray *contents, GError **error)
{
  *writing = (Writing){ .rows = g_array_new (FALSE, FALSE, sizeof (CfIndexRow)),
                        .messages = g_array_new (FALSE, FALSE, sizeof (CfRestoreMessage)),
                        .list = g_ptr_array_new (),
                        .attributes = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref),
                        .sources = g_array_new (FALSE, FALSE, sizeof (CfContentId)) };
  for (guint i = 0; i < batch->rows->len; i++)
    if (!writing_add (writing, batch, contents, &g_array_index (batch->rows, CfIndexRow, i), error))
      return FALSE;
  for (guint i = 0; i < writing->rows->len; i++) {
    CfRestoreMessage *message = &g_array_index (writing->messages, CfRestoreMessage, i);

    message->row = &g_array_index (writing->rows, CfIndexRow, i);
    g_ptr_array_add (writing->list, message);
  }
  return TRUE;
}

static gboolean
write_restore (MigrateBatch *batch, const Writing *writing, GError **error)
{
  MigrateStore *to = &batch->account->migration->to;
  CfMailboxInfo info = batch->mailbox->info;
  g_autofree CfContentId *contents = g_new0 (CfContentId, writing->list->len + 1);
  CfRestore restore = { .struct_size = sizeof restore,
                        .account = batch->account->to,
                        .mailbox = &info,
                        .n_messages = writing->list->len,
                        .messages = (const CfRestoreMessage *const *) writing->list->pdata };
  CfMailboxId id;

  info.struct_size = sizeof info;
  info.id = batch->mailbox->to;
  if (!to->slots.mailbox_restore (to->conn, &to->call, &restore, &id, contents, error))
    return FALSE;
  batch->mailbox->to = id;
  batch->n_written++;
  for (guint i = 0; i < writing->list->len; i++)
    migrate_account_insert (batch->account, g_array_index (writing->sources, CfContentId, i), contents[i]);
  return TRUE;
}

static GPtrArray *
list_uploads (GPtrArray *contents)
{
  GPtrArray *uploads = g_ptr_array_new ();

  for (guint i = 0; i < contents->len; i++) {
    const Content *content = g_ptr_array_index (contents, i);

    if (content->upload != NULL)
      g_ptr_array_add (uploads, content->upload);
  }
  return uploads;
}

/* Parts may be collected between put and restore, if a server runs there: then once more. */
static gboolean
write_all (MigrateBatch *batch, GPtrArray *contents, const Writing *writing, GError **error)
{
  g_autoptr (GPtrArray) uploads = list_uploads (contents);

  for (guint attempt = 1;; attempt++) {
    g_autoptr (GError) cause = NULL;

    if (!put_parts (batch, uploads, error))
      return FALSE;
    if (write_restore (batch, writing, &cause))
      return TRUE;
    if (attempt == ATTEMPTS || !g_error_matches (cause, CF_ERROR, CF_ERROR_CONTENT_GONE)) {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
    for (guint i = 0; i < uploads->len; i++)
      cf_upload_forget_parts (g_ptr_array_index (uploads, i), attempt + 1 == ATTEMPTS);
  }
}

/* ---- The batch ---- */

MigrateBatch *
migrate_batch_new (MigrateAccount *account, MigrateMailbox *mailbox)
{
  MigrateBatch *batch = g_new0 (MigrateBatch, 1);

  batch->account = account;
  batch->mailbox = mailbox;
  batch->rows = g_array_new (FALSE, FALSE, sizeof (CfIndexRow));
  return batch;
}

void
migrate_batch_free (MigrateBatch *batch)
{
  if (batch == NULL)
    return;
  g_array_unref (batch->rows);
  g_clear_pointer (&batch->annotated, cf_uid_set_free);
  g_free (batch);
}

gboolean
migrate_batch_has_rows (const MigrateBatch *batch)
{
  return batch->rows->len > 0;
}

guint
migrate_batch_get_n_written (const MigrateBatch *batch)
{
  return batch->n_written;
}

gboolean
migrate_batch_flush (MigrateBatch *batch, GError **error)
{
  g_autoptr (GPtrArray) contents = find_contents (batch);
  Writing writing;
  gboolean ok;

  if (!read_contents (batch, contents, error) || !find_annotated (batch, error))
    return FALSE;
  ok = writing_make (&writing, batch, contents, error) && write_all (batch, contents, &writing, error);
  writing_clear (&writing);
  g_array_set_size (batch->rows, 0);
  batch->octets = 0;
  return ok;
}

gboolean
migrate_batch_add (MigrateBatch *batch, const CfIndexRow *row, GError **error)
{
  CfContentId ignored;

  g_array_append_vals (batch->rows, row, 1);
  if (!migrate_account_lookup (batch->account, row->content, &ignored))
    batch->octets += MIN (row->size, SLICE);
  if (batch->rows->len < BATCH_MESSAGES && batch->octets < BATCH_OCTETS)
    return TRUE;
  return migrate_batch_flush (batch, error);
}
