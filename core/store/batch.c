/* core/store/batch.c - a batch of writes as a store sees it, and what it reports into it (coffer/storage.h).
 *
 * What a plugin reports is checked, as a wrong one must not take the process with it: an index that is out of
 * range is logged and passed over; a report that does not belong to its operation, or is out of order, makes
 * the operation fail with CF_ERROR_SERVERBUG, so that no client is told a mapping of UIDs that does not hold.
 */
#include "store/batch.h"

struct _CfWriteBatch {
  CfAccountId account;
  CfMailboxId mailbox, destination;
  guint64 max_octets, max_messages;
  GArray *ops;     /* CfWriteOp */
  GArray *results; /* CfWriteResult, as many */
  guint64 since[2];
  CfIndexSink *sinks[2];
};

guint32
cf_uid_validity_next (guint32 last)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  guint64 next = MAX ((guint64) last + 1, (guint64) MAX (now, 1));

  return (guint32) MIN (next, G_MAXUINT32);
}

guint
cf_restore_find_first (const CfRestore *restore, guint i)
{
  const CfAppend *append = restore->messages[i]->append;

  for (guint first = 0; append != NULL && first < i; first++)
    if (restore->messages[first]->append == append)
      return first;
  return i;
}

/* ---- Core's side ------------------------------------------------------------------------------------- */

void
cf_write_result_clear (CfWriteResult *result)
{
  g_clear_error (&result->error);
  g_clear_pointer (&result->copied_from, cf_uid_set_free);
  g_clear_pointer (&result->copied_to, cf_uid_set_free);
  g_clear_pointer (&result->not_modified, cf_uid_set_free);
  g_clear_pointer (&result->expunged, cf_uid_set_free);
  g_clear_pointer (&result->objects_gone, g_array_unref);
  result->uid = 0;
}

static void
batch_ignore_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
}

static void
batch_ignore_reset (CfIndexSink *sink)
{
}

static void
batch_ignore_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
}

static void
batch_ignore_row (CfIndexSink *sink, const CfIndexRow *row)
{
}

static CfIndexSink batch_ignore = { sizeof (CfIndexSink), batch_ignore_mailbox, batch_ignore_reset,
                                    batch_ignore_expunged, batch_ignore_row };

CfWriteBatch *
cf_write_batch_new (CfAccountId account, CfMailboxId mailbox, CfMailboxId destination, guint64 max_octets,
                    guint64 max_messages)
{
  CfWriteBatch *batch = g_new0 (CfWriteBatch, 1);

  batch->account = account;
  batch->mailbox = mailbox;
  batch->destination = destination;
  batch->max_octets = max_octets;
  batch->max_messages = max_messages;
  batch->ops = g_array_new (FALSE, FALSE, sizeof (CfWriteOp));
  batch->results = g_array_new (FALSE, TRUE, sizeof (CfWriteResult));
  g_array_set_clear_func (batch->results, (GDestroyNotify) cf_write_result_clear);
  for (guint which = 0; which < 2; which++)
    cf_write_batch_set_index (batch, which, G_MAXUINT64, &batch_ignore);
  return batch;
}

void
cf_write_batch_free (CfWriteBatch *batch)
{
  if (batch == NULL)
    return;
  g_array_unref (batch->ops);
  g_array_unref (batch->results);
  g_free (batch);
}

void
cf_write_batch_add_op (CfWriteBatch *batch, const CfWriteOp *op)
{
  g_array_append_vals (batch->ops, op, 1);
  g_array_set_size (batch->results, batch->ops->len);
}

void
cf_write_batch_set_index (CfWriteBatch *batch, guint which, guint64 since, CfIndexSink *sink)
{
  batch->since[which] = since;
  batch->sinks[which] = sink;
}

CfWriteResult *
cf_write_batch_get_result (CfWriteBatch *batch, guint i)
{
  return &g_array_index (batch->results, CfWriteResult, i);
}

/* ---- The store's side: questions --------------------------------------------------------------------- */

CfAccountId
cf_write_batch_get_account (const CfWriteBatch *batch)
{
  return batch->account;
}

CfMailboxId
cf_write_batch_get_mailbox (const CfWriteBatch *batch)
{
  return batch->mailbox;
}

CfMailboxId
cf_write_batch_get_destination (const CfWriteBatch *batch)
{
  return batch->destination;
}

guint
cf_write_batch_get_n_ops (const CfWriteBatch *batch)
{
  return batch->ops->len;
}

const CfWriteOp *
cf_write_batch_get_op (const CfWriteBatch *batch, guint i)
{
  g_return_val_if_fail (i < batch->ops->len, NULL);
  return &g_array_index (batch->ops, CfWriteOp, i);
}

guint64
cf_write_batch_get_max_octets (const CfWriteBatch *batch)
{
  return batch->max_octets;
}

guint64
cf_write_batch_get_max_messages (const CfWriteBatch *batch)
{
  return batch->max_messages;
}

guint64
cf_write_batch_get_since (const CfWriteBatch *batch, guint which)
{
  g_return_val_if_fail (which < 2, G_MAXUINT64);
  return batch->since[which];
}

CfIndexSink *
cf_write_batch_get_sink (CfWriteBatch *batch, guint which)
{
  g_return_val_if_fail (which < 2, &batch_ignore);
  return batch->sinks[which];
}

/* ---- The store's side: reports ----------------------------------------------------------------------- */

/* A failed operation changed nothing; the first error stays. Takes over @error. */
static void
batch_set_error (CfWriteBatch *batch, guint i, GError *error)
{
  CfWriteResult *result = cf_write_batch_get_result (batch, i);
  g_autoptr (GArray) objects_gone = NULL;

  if (result->error != NULL) {
    g_error_free (error);
    return;
  }
  objects_gone = g_steal_pointer (&result->objects_gone);
  cf_write_result_clear (result);
  result->objects_gone = g_steal_pointer (&objects_gone);
  result->error = error;
}

static void
batch_misuse (CfWriteBatch *batch, guint i, const char *what)
{
  g_warning ("The storage plugin reports wrongly on a write: %s", what);
  batch_set_error (batch, i,
                   g_error_new (CF_ERROR, CF_ERROR_SERVERBUG, "The store contradicted itself: %s", what));
}

/* The result of @i to report into, if @i is an operation of one of @kinds (bits) that has not failed. */
static CfWriteResult *
batch_begin_report (CfWriteBatch *batch, guint i, guint kinds)
{
  if (i >= batch->ops->len) {
    g_warning ("The storage plugin reports on operation %u of %u", i, batch->ops->len);
    return NULL;
  }
  if ((kinds & 1u << cf_write_batch_get_op (batch, i)->kind) == 0) {
    batch_misuse (batch, i, "a report of another kind of operation");
    return NULL;
  }
  return cf_write_batch_get_result (batch, i)->error == NULL ? cf_write_batch_get_result (batch, i) : NULL;
}

/* A larger UID than any @set has. */
static gboolean
batch_is_ascending (const CfUidSet *set, guint32 uid)
{
  gsize n = set != NULL ? cf_uid_set_get_n_ranges (set) : 0;

  return uid > (n > 0 ? cf_uid_set_get_range (set, n - 1).last : 0);
}

static void
batch_add_uid (CfUidSet **set, guint32 uid)
{
  if (*set == NULL)
    *set = cf_uid_set_new ();
  cf_uid_set_add (*set, uid);
}

void
cf_write_batch_fail (CfWriteBatch *batch, guint i, GError *error)
{
  guint group, first = i, last = i;

  if (i >= batch->ops->len) {
    g_warning ("The storage plugin reports on operation %u of %u", i, batch->ops->len);
    g_error_free (error);
    return;
  }

  group = cf_write_batch_get_op (batch, i)->group;
  if (group != 0) {
    while (first > 0 && cf_write_batch_get_op (batch, first - 1)->group == group)
      first--;
    while (last + 1 < batch->ops->len && cf_write_batch_get_op (batch, last + 1)->group == group)
      last++;
  }
  for (guint other = first; other <= last; other++)
    if (other != i)
      batch_set_error (batch, other, g_error_copy (error));
  batch_set_error (batch, i, error);
}

void
cf_write_batch_appended (CfWriteBatch *batch, guint i, guint32 uid)
{
  CfWriteResult *result = batch_begin_report (batch, i, 1 << CF_WRITE_APPEND);

  if (result == NULL)
    return;
  if (uid == 0 || result->uid != 0)
    batch_misuse (batch, i, "an append with no UID, or two");
  else
    result->uid = uid;
}

void
cf_write_batch_copied (CfWriteBatch *batch, guint i, guint32 uid, guint32 new_uid)
{
  CfWriteResult *result = batch_begin_report (batch, i, 1 << CF_WRITE_COPY | 1 << CF_WRITE_MOVE);

  if (result == NULL)
    return;
  if (!batch_is_ascending (result->copied_from, uid) || !batch_is_ascending (result->copied_to, new_uid)) {
    batch_misuse (batch, i, "copied messages are not in ascending order");
    return;
  }
  batch_add_uid (&result->copied_from, uid);
  batch_add_uid (&result->copied_to, new_uid);
}

void
cf_write_batch_not_modified (CfWriteBatch *batch, guint i, guint32 uid)
{
  CfWriteResult *result = batch_begin_report (batch, i, 1 << CF_WRITE_STORE);

  if (result != NULL)
    batch_add_uid (&result->not_modified, uid);
}

void
cf_write_batch_expunged (CfWriteBatch *batch, guint i, guint32 uid)
{
  CfWriteResult *result = batch_begin_report (batch, i, 1 << CF_WRITE_EXPUNGE);

  if (result != NULL)
    batch_add_uid (&result->expunged, uid);
}

void
cf_write_batch_object_gone (CfWriteBatch *batch, guint i, CfObjectId object)
{
  CfWriteResult *result;

  if (i >= batch->ops->len || cf_write_batch_get_op (batch, i)->kind != CF_WRITE_APPEND) {
    g_warning ("The storage plugin reports a missing object for operation %u", i);
    return;
  }
  result = cf_write_batch_get_result (batch, i);
  if (result->objects_gone == NULL)
    result->objects_gone = g_array_new (FALSE, FALSE, sizeof (CfObjectId));
  g_array_append_val (result->objects_gone, object);
  if (result->error == NULL)
    cf_write_batch_fail (
        batch, i,
        g_error_new_literal (CF_ERROR, CF_ERROR_CONTENT_GONE, "A part of the message is no longer stored"));
}
