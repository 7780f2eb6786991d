/* tests/storage/kit-batch.c - writing batches for the store under test. */
#include "kit.h"

#include <string.h>

typedef struct {
  gpointer data;
  GDestroyNotify destroy;
} KitOwned;

static void
owned_free (gpointer data)
{
  KitOwned *owned = data;

  owned->destroy (owned->data);
  g_free (owned);
}

KitBatch *
kit_batch_new (const KitMailbox *mailbox, const KitMailbox *destination, guint64 max_octets,
               guint64 max_messages, guint64 since)
{
  KitBatch *batch = g_new0 (KitBatch, 1);
  guint n = destination != NULL && destination->id != mailbox->id ? 2 : 1;

  batch->batch = cf_write_batch_new (mailbox->account, mailbox->id, destination != NULL ? destination->id : 0,
                                     max_octets, max_messages);
  batch->owned = g_ptr_array_new_with_free_func (owned_free);
  for (guint which = 0; which < n; which++) {
    batch->index[which] = kit_index_new ();
    batch->since[which] = since;
    cf_write_batch_set_index (batch->batch, which, since, &batch->index[which]->sink);
  }
  return batch;
}

void
kit_batch_free (KitBatch *batch)
{
  if (batch == NULL)
    return;
  cf_write_batch_free (batch->batch);
  g_ptr_array_unref (batch->owned);
  g_clear_pointer (&batch->index[0], kit_index_free);
  g_clear_pointer (&batch->index[1], kit_index_free);
  g_free (batch);
}

gpointer
kit_batch_own (KitBatch *batch, gpointer data, GDestroyNotify destroy)
{
  KitOwned *owned = g_new (KitOwned, 1);

  *owned = (KitOwned){ data, destroy };
  g_ptr_array_add (batch->owned, owned);
  return data;
}

CfWriteOp
kit_op_append (KitBatch *batch, const char *octets, gssize length)
{
  g_autoptr (GBytes) bytes = g_bytes_new (octets, length >= 0 ? (gsize) length : strlen (octets));
  CfAppend *append = kit_batch_own (batch, g_new0 (CfAppend, 1), g_free);

  append->struct_size = sizeof *append;
  append->internal_date = 1000000000;
  append->size = g_bytes_get_size (bytes);
  append->octets = kit_batch_own (batch, cf_source_new_bytes (bytes), (GDestroyNotify) cf_source_unref);
  append->facts = kit_batch_own (batch, kit_facts_new (bytes), (GDestroyNotify) cf_facts_unref);
  return (CfWriteOp){ .struct_size = sizeof (CfWriteOp), .kind = CF_WRITE_APPEND, .append = append };
}

CfAppend *
kit_op_get_append (const CfWriteOp *op)
{
  return (CfAppend *) op->append;
}

CfWriteOp
kit_op_uids (KitBatch *batch, CfWriteKind kind, const char *uids)
{
  CfUidSet *set = cf_uid_set_from_string (uids, NULL);

  kit_batch_own (batch, set, (GDestroyNotify) cf_uid_set_free);
  return (CfWriteOp){ .struct_size = sizeof (CfWriteOp), .kind = kind, .uids = set };
}

CfWriteOp
kit_op_store (KitBatch *batch, const char *uids, CfStoreMode mode, guint16 flags, const char *keywords)
{
  CfWriteOp op = kit_op_uids (batch, CF_WRITE_STORE, uids);

  op.mode = mode;
  op.flags = flags;
  op.unchanged_since = G_MAXUINT64;
  op.keywords = cf_keywords_from_string (keywords != NULL ? keywords : "");
  kit_batch_own (batch, op.keywords, (GDestroyNotify) cf_keywords_unref);
  return op;
}

CfWriteOp
kit_op_annotate (KitBatch *batch, const char *uids, const char *key, const char *value)
{
  CfWriteOp op = kit_op_uids (batch, CF_WRITE_ANNOTATE, uids);
  CfAttribute *attribute = kit_batch_own (batch, g_new0 (CfAttribute, 1), g_free);
  const CfAttribute **list = kit_batch_own (batch, g_new0 (const CfAttribute *, 1), g_free);

  attribute->struct_size = sizeof *attribute;
  attribute->key = key;
  if (value != NULL)
    attribute->value
        = kit_batch_own (batch, g_bytes_new (value, strlen (value)), (GDestroyNotify) g_bytes_unref);
  list[0] = attribute;
  op.n_attributes = 1;
  op.attributes = list;
  return op;
}

guint
kit_batch_add (KitBatch *batch, const CfWriteOp *op)
{
  cf_write_batch_add_op (batch->batch, op);
  return cf_write_batch_get_n_ops (batch->batch) - 1;
}

CfWriteResult *
kit_batch_result (KitBatch *batch, guint i)
{
  return cf_write_batch_get_result (batch->batch, i);
}

/* What the commit said of its mailboxes: once each, and of the right ones. */
static gboolean
batch_verify_reports (Kit *kit, KitBatch *batch)
{
  const CfMailboxId ids[2]
      = { cf_write_batch_get_mailbox (batch->batch), cf_write_batch_get_destination (batch->batch) };

  for (guint which = 0; which < 2; which++) {
    KitIndex *index = batch->index[which];

    if (index == NULL)
      continue;
    if (index->n_mailboxes != 1 || index->info.id != ids[which])
      return kit_fail (kit, "commit reported mailbox %u %u times, as number %" G_GUINT64_FORMAT, which,
                       index->n_mailboxes, index->info.id);
    if (batch->since[which] == G_MAXUINT64) {
      if (index->rows->len > 0 || index->reset || !cf_uid_set_is_empty (index->expunged))
        return kit_fail (kit, "commit reported rows that nobody asked for");
      continue;
    }
    if (!kit_index_verify (kit, index, batch->since[which]))
      return FALSE;
  }
  return TRUE;
}

gboolean
kit_commit_any (Kit *kit, KitBatch *batch)
{
  g_autoptr (GError) error = NULL;

  if (!kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error))
    return kit_fail (kit, "commit failed: %s", error != NULL ? error->message : "without an error");
  return batch_verify_reports (kit, batch);
}

gboolean
kit_commit (Kit *kit, KitBatch *batch)
{
  if (!kit_commit_any (kit, batch))
    return FALSE;
  for (guint i = 0; i < cf_write_batch_get_n_ops (batch->batch); i++)
    if (kit_batch_result (batch, i)->error != NULL)
      return kit_fail (kit, "operation %u of a commit failed: %s", i,
                       kit_batch_result (batch, i)->error->message);
  return TRUE;
}

gboolean
kit_op_failed_with (Kit *kit, KitBatch *batch, guint i, CfError code)
{
  const GError *error = kit_batch_result (batch, i)->error;

  if (error == NULL)
    return kit_fail (kit, "operation %u succeeded; CF_ERROR_%s was due", i, kit_error_name (code));
  if (!g_error_matches (error, CF_ERROR, (int) code))
    return kit_fail (kit, "operation %u failed with CF_ERROR_%s (%s), not with CF_ERROR_%s", i,
                     kit_error_name (error->code), error->message, kit_error_name (code));
  return TRUE;
}

guint32
kit_append (Kit *kit, const KitMailbox *mailbox, const char *text, guint16 flags)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);
  CfWriteOp op = kit_op_append (batch, text, -1);

  kit_op_get_append (&op)->flags = flags;
  kit_batch_add (batch, &op);
  if (!kit_commit (kit, batch))
    return 0;
  if (kit_batch_result (batch, 0)->uid == 0)
    kit_fail (kit, "an append succeeded, but no UID was reported");
  return kit_batch_result (batch, 0)->uid;
}

/* @n messages in one commit, with the same octets and facts. */
gboolean
kit_append_many (Kit *kit, const KitMailbox *mailbox, guint n)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);
  CfWriteOp op = kit_op_append (batch, KIT_MESSAGE, -1);

  for (guint i = 0; i < n; i++)
    kit_batch_add (batch, &op);
  return kit_commit (kit, batch);
}

static gboolean
commit_one (Kit *kit, KitBatch *batch, CfWriteOp op)
{
  kit_batch_add (batch, &op);
  return kit_commit (kit, batch);
}

gboolean
kit_store (Kit *kit, const KitMailbox *mailbox, const char *uids, CfStoreMode mode, guint16 flags,
           const char *keywords)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);

  return commit_one (kit, batch, kit_op_store (batch, uids, mode, flags, keywords));
}

gboolean
kit_expunge (Kit *kit, const KitMailbox *mailbox, const char *uids)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);

  return commit_one (kit, batch, kit_op_uids (batch, CF_WRITE_EXPUNGE, uids));
}

gboolean
kit_copy (Kit *kit, const KitMailbox *mailbox, const char *uids, const KitMailbox *destination)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, destination, 0, 0, G_MAXUINT64);

  return commit_one (kit, batch, kit_op_uids (batch, CF_WRITE_COPY, uids));
}
