/* core/mailbox/write-queue.c - combining the writes of many sessions into batches (write-queue.h).
 *
 * A write is NEW, WAITING (in the queue), BEGUN (in a batch) or DONE. The steps from NEW to DONE are taken
 * under the mailbox's lock. While it is BEGUN its operations belong to the batch, which holds a reference;
 * its results are written before it is DONE and never after. So a session can go at any moment: what is
 * WAITING is dropped, what is BEGUN is carried out and forgotten.
 *
 * That those who wait are not left: whenever nobody commits and something waits, one of those that wait has
 * been woken, or has not yet tried. finish wakes the first that has a session; if that one is cancelled
 * first, cancel wakes the next.
 */
#include "mailbox/write-queue.h"
#include "mailbox/hub.h"
#include "mailbox/mailbox-private.h"

#include <string.h>

typedef enum {
  WRITE_NEW,
  WRITE_WAITING,
  WRITE_BEGUN,
  WRITE_DONE,
} WriteState;

struct _CfWrite {
  gatomicrefcount ref_count;
  gint state;         /* WriteState; atomic, changed under the mailbox's lock */
  CfMailbox *mailbox; /* from add on; holds a reference */
  CfConnRef ref;      /* under the mailbox's lock from add on */
  CfMailboxId destination;
  guint64 max_octets, max_messages;
  gboolean adds;         /* some operation is subject to the limits */
  guint64 append_octets; /* without what is kept apart */
  GArray *ops;           /* CfWriteOp */
  GArray *results;       /* CfWriteResult, as many */
  guint32 uid_validity[2];
  CfSnapshot *snapshot; /* that came of it; held so that it is in memory when its session looks. NULL: none */
};

struct _CfWriteQueueBatch {
  CfWriteBatch *batch;
  CfMailbox *mailbox;
  CfMailbox *destination;       /* NULL: none, the same, or nothing is known of it here */
  CfSnapshotReport *reports[2]; /* [1] NULL: no other mailbox */
  GPtrArray *writes;            /* CfWrite, in the order of their operations */
  guint64 octets;               /* of appended messages, without what is kept apart */
};

/* ---- Operations -------------------------------------------------------------------------------------- */

static CfAppend *
append_copy (const CfAppend *append)
{
  CfAppend *copy = g_memdup2 (append, sizeof *append);
  CfSegment **segments = g_new (CfSegment *, append->n_segments);

  cf_keywords_ref (copy->keywords);
  cf_source_ref (copy->octets);
  if (copy->facts != NULL)
    cf_facts_ref (copy->facts);
  for (guint i = 0; i < append->n_segments; i++)
    segments[i] = g_memdup2 (append->segments[i], sizeof (CfSegment));
  copy->segments = (const CfSegment *const *) segments;
  return copy;
}

static void
append_free (CfAppend *append)
{
  cf_keywords_unref (append->keywords);
  cf_source_unref (append->octets);
  if (append->facts != NULL)
    cf_facts_unref (append->facts);
  for (guint i = 0; i < append->n_segments; i++)
    g_free ((CfSegment *) append->segments[i]);
  g_free ((gpointer) append->segments);
  g_free (append);
}

/* The octets that stay with the message. */
static guint64
append_get_inline_octets (const CfAppend *append)
{
  guint64 octets = cf_source_get_length (append->octets);

  for (guint i = 0; i < append->n_segments; i++)
    if (append->segments[i]->kind == CF_SEGMENT_OBJECT)
      octets -= MIN (octets, append->segments[i]->length);
  return octets;
}

static CfAttribute *
attribute_copy (const CfAttribute *attribute)
{
  CfAttribute *copy = g_memdup2 (attribute, sizeof *attribute);

  copy->key = g_strdup (attribute->key);
  if (copy->value != NULL)
    g_bytes_ref (copy->value);
  return copy;
}

static void
attribute_free (CfAttribute *attribute)
{
  g_free ((char *) attribute->key);
  if (attribute->value != NULL)
    g_bytes_unref (attribute->value);
  g_free (attribute);
}

static void
op_clear (gpointer data)
{
  CfWriteOp *op = data;

  if (op->append != NULL)
    append_free ((CfAppend *) op->append);
  if (op->uids != NULL)
    cf_uid_set_free ((CfUidSet *) op->uids);
  cf_keywords_unref (op->keywords);
  for (guint i = 0; i < op->n_attributes; i++)
    attribute_free ((CfAttribute *) op->attributes[i]);
  g_free ((gpointer) op->attributes);
}

/* ---- Writes ------------------------------------------------------------------------------------------ */

CfWrite *
cf_write_new (CfMailboxId destination, CfConnRef ref)
{
  CfWrite *write = g_new0 (CfWrite, 1);

  g_atomic_ref_count_init (&write->ref_count);
  write->destination = destination;
  write->ref = ref;
  write->ops = g_array_new (FALSE, FALSE, sizeof (CfWriteOp));
  g_array_set_clear_func (write->ops, op_clear);
  write->results = g_array_new (FALSE, TRUE, sizeof (CfWriteResult));
  g_array_set_clear_func (write->results, (GDestroyNotify) cf_write_result_clear);
  return write;
}

CfWrite *
cf_write_ref (CfWrite *write)
{
  g_atomic_ref_count_inc (&write->ref_count);
  return write;
}

void
cf_write_unref (CfWrite *write)
{
  if (write == NULL || !g_atomic_ref_count_dec (&write->ref_count))
    return;
  g_array_unref (write->ops);
  g_array_unref (write->results);
  cf_snapshot_unref (write->snapshot);
  cf_mailbox_release (write->mailbox);
  g_free (write);
}

void
cf_write_set_limits (CfWrite *write, guint64 max_octets, guint64 max_messages)
{
  write->max_octets = max_octets;
  write->max_messages = max_messages;
}

void
cf_write_add_op (CfWrite *write, const CfWriteOp *op)
{
  CfWriteOp copy = *op;
  CfAttribute **attributes = NULL;

  if (op->append != NULL) {
    copy.append = append_copy (op->append);
    write->append_octets += append_get_inline_octets (op->append);
  }
  if (op->uids != NULL)
    copy.uids = cf_uid_set_copy (op->uids);
  cf_keywords_ref (copy.keywords);
  if (op->n_attributes > 0)
    attributes = g_new (CfAttribute *, op->n_attributes);
  for (guint i = 0; i < op->n_attributes; i++)
    attributes[i] = attribute_copy (op->attributes[i]);
  copy.attributes = (const CfAttribute *const *) attributes;

  if (op->kind == CF_WRITE_APPEND || op->kind == CF_WRITE_COPY || op->kind == CF_WRITE_MOVE)
    write->adds = TRUE;
  g_array_append_val (write->ops, copy);
  g_array_set_size (write->results, write->ops->len);
}

gboolean
cf_write_is_done (CfWrite *write)
{
  return g_atomic_int_get (&write->state) == WRITE_DONE;
}

const CfWriteResult *
cf_write_get_result (const CfWrite *write, guint i)
{
  return &g_array_index (write->results, CfWriteResult, i);
}

guint64
cf_write_get_octets (const CfWrite *write)
{
  return write->append_octets;
}

const GError *
cf_write_get_error (const CfWrite *write)
{
  for (guint i = 0; i < write->results->len; i++)
    if (cf_write_get_result (write, i)->error != NULL)
      return cf_write_get_result (write, i)->error;
  return NULL;
}

guint32
cf_write_get_uid_validity (const CfWrite *write, guint which)
{
  return write->uid_validity[which];
}

void
cf_write_fail (CfWrite *write, const GError *error)
{
  for (guint i = 0; i < write->results->len; i++) {
    CfWriteResult *result = &g_array_index (write->results, CfWriteResult, i);

    cf_write_result_clear (result);
    result->error = g_error_copy (error);
  }
}

/* ---- The queue --------------------------------------------------------------------------------------- */

/* Whoever is to commit what waits; 0: nobody needs to be told. Under the lock. */
static CfConnRef
queue_get_next (CfMailbox *mailbox)
{
  if (mailbox->is_committing)
    return 0;
  for (GList *at = mailbox->waiting.head; at != NULL; at = at->next)
    if (((CfWrite *) at->data)->ref != 0)
      return ((CfWrite *) at->data)->ref;
  return 0;
}

void
cf_write_queue_add (CfMailbox *mailbox, CfWrite *write)
{
  g_return_if_fail (write->mailbox == NULL);

  write->mailbox = cf_mailbox_ref (mailbox);
  g_mutex_lock (&mailbox->lock);
  g_atomic_int_set (&write->state, WRITE_WAITING);
  g_queue_push_tail (&mailbox->waiting, cf_write_ref (write));
  g_mutex_unlock (&mailbox->lock);
}

void
cf_write_cancel (CfWrite *write)
{
  g_autoptr (GError) error = NULL;
  gboolean dropped;
  CfConnRef next = 0;

  if (write->mailbox == NULL)
    return;

  error = g_error_new_literal (CF_ERROR, CF_ERROR_UNAVAILABLE, "The command was given up");
  g_mutex_lock (&write->mailbox->lock);
  write->ref = 0;
  dropped = g_atomic_int_get (&write->state) == WRITE_WAITING;
  if (dropped) {
    g_queue_remove (&write->mailbox->waiting, write);
    cf_write_fail (write, error);
    g_atomic_int_set (&write->state, WRITE_DONE);
    next = queue_get_next (write->mailbox); /* this one may have been the one that was woken to commit */
  }
  g_mutex_unlock (&write->mailbox->lock);

  cf_mailbox_wake (next, CF_WAKE_COMPLETION);
  if (dropped)
    cf_write_unref (write); /* the queue's reference */
}

/* What is gathered so far. */
typedef struct {
  GPtrArray *writes;
  CfMailboxId destination;
  guint64 octets;
  const CfWrite *limits; /* the first that is subject to limits, or NULL */
} Gathering;

static gboolean
gathering_has_room (const Gathering *gathering, const CfWrite *write)
{
  const CfWrite *limits = gathering->limits;

  if (gathering->writes->len == 0)
    return TRUE;
  if (gathering->writes->len >= CF_WRITE_QUEUE_MAX_WRITES
      || gathering->octets + write->append_octets > CF_WRITE_QUEUE_MAX_OCTETS)
    return FALSE;
  if (write->destination != 0 && gathering->destination != 0 && write->destination != gathering->destination)
    return FALSE;
  return !write->adds || limits == NULL
         || (limits->max_octets == write->max_octets && limits->max_messages == write->max_messages);
}

/* Takes what fits out of the queue. Under the lock. */
static void
queue_gather (CfMailbox *mailbox, Gathering *gathering)
{
  CfWrite *write;

  while ((write = g_queue_peek_head (&mailbox->waiting)) != NULL && gathering_has_room (gathering, write)) {
    g_ptr_array_add (gathering->writes, g_queue_pop_head (&mailbox->waiting));
    g_atomic_int_set (&write->state, WRITE_BEGUN);
    gathering->octets += write->append_octets;
    if (write->destination != 0)
      gathering->destination = write->destination;
    if (write->adds && gathering->limits == NULL)
      gathering->limits = write;
  }
}

/* Adds the write's operations; its groups get numbers that no other write of the batch has. */
static void
batch_add_write (CfWriteBatch *batch, const CfWrite *write, guint *last_group)
{
  guint previous = 0;

  for (guint i = 0; i < write->ops->len; i++) {
    CfWriteOp op = g_array_index (write->ops, CfWriteOp, i);

    if (op.group != 0 && op.group != previous)
      (*last_group)++;
    previous = op.group;
    if (op.group != 0)
      op.group = *last_group;
    cf_write_batch_add_op (batch, &op);
  }
}

/* The difference is asked for only of a mailbox whose snapshot is in memory: an APPEND to a mailbox that
 * nobody looks at does not load it. */
static CfSnapshotReport *
batch_begin_report (CfWriteQueueBatch *batch, guint which, CfMailboxId id, CfMailbox *mailbox)
{
  CfSnapshotReport *report = mailbox != NULL ? cf_mailbox_begin_report (mailbox) : NULL;

  if (report != NULL && cf_snapshot_report_get_since (report) == 0)
    g_clear_pointer (&report, cf_snapshot_report_free);
  if (report == NULL)
    report = cf_snapshot_report_new_info (id);
  cf_write_batch_set_index (batch->batch, which, cf_snapshot_report_get_since (report),
                            cf_snapshot_report_get_sink (report));
  return report;
}

CfWriteQueueBatch *
cf_write_queue_try_begin (CfMailbox *mailbox)
{
  Gathering gathering = { 0 };
  CfWriteQueueBatch *batch;
  guint last_group = 0;

  g_mutex_lock (&mailbox->lock);
  if (mailbox->is_committing || g_queue_is_empty (&mailbox->waiting)) {
    g_mutex_unlock (&mailbox->lock);
    return NULL;
  }
  mailbox->is_committing = TRUE;
  gathering.writes = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_write_unref);
  queue_gather (mailbox, &gathering);
  g_mutex_unlock (&mailbox->lock);

  batch = g_new0 (CfWriteQueueBatch, 1);
  batch->mailbox = cf_mailbox_ref (mailbox);
  batch->writes = gathering.writes;
  batch->octets = gathering.octets;
  batch->batch = cf_write_batch_new (mailbox->account, mailbox->id, gathering.destination,
                                     gathering.limits != NULL ? gathering.limits->max_octets : 0,
                                     gathering.limits != NULL ? gathering.limits->max_messages : 0);
  for (guint i = 0; i < batch->writes->len; i++)
    batch_add_write (batch->batch, g_ptr_array_index (batch->writes, i), &last_group);

  batch->reports[0] = batch_begin_report (batch, 0, mailbox->id, mailbox);
  if (gathering.destination != 0 && gathering.destination != mailbox->id) {
    batch->destination = cf_mailbox_lookup (mailbox->account, gathering.destination);
    batch->reports[1] = batch_begin_report (batch, 1, gathering.destination, batch->destination);
  }
  return batch;
}

CfWriteBatch *
cf_write_queue_batch_get (CfWriteQueueBatch *batch)
{
  return batch->batch;
}

guint64
cf_write_queue_batch_get_octets (const CfWriteQueueBatch *batch)
{
  return batch->octets;
}

/* ---- The end of a batch ------------------------------------------------------------------------------ */

static void
batch_free (CfWriteQueueBatch *batch)
{
  cf_write_batch_free (batch->batch);
  for (guint which = 0; which < 2; which++)
    cf_snapshot_report_free (batch->reports[which]);
  g_ptr_array_unref (batch->writes);
  cf_mailbox_release (batch->destination);
  cf_mailbox_release (batch->mailbox);
  g_free (batch);
}

/* Hands each write its operations' outcomes. */
static void
batch_distribute (CfWriteQueueBatch *batch)
{
  guint at = 0;

  for (guint i = 0; i < batch->writes->len; i++) {
    CfWrite *write = g_ptr_array_index (batch->writes, i);

    for (guint op = 0; op < write->ops->len; op++) {
      CfWriteResult *result = cf_write_batch_get_result (batch->batch, at++);

      g_array_index (write->results, CfWriteResult, op) = *result;
      memset (result, 0, sizeof *result);
    }
    for (guint which = 0; which < 2; which++) {
      const CfSnapshotReport *report = batch->reports[which];
      const CfMailboxInfo *info = report != NULL ? cf_snapshot_report_get_info (report) : NULL;

      write->uid_validity[which] = info != NULL ? info->uid_validity : 0;
    }
    if (write->destination == batch->mailbox->id)
      write->uid_validity[1] = write->uid_validity[0];
  }
}

/* The destination was deleted before this commit, which says so of each operation that meant it and then has
 * nothing to report of it. */
static gboolean
batch_has_lost_destination (const CfWriteQueueBatch *batch)
{
  if (cf_snapshot_report_get_info (batch->reports[1]) != NULL)
    return FALSE;
  for (guint i = 0; i < batch->writes->len; i++) {
    const CfWrite *write = g_ptr_array_index (batch->writes, i);

    if (write->destination == cf_mailbox_get_id (batch->destination)
        && g_error_matches (cf_write_get_error (write), CF_ERROR, CF_ERROR_TRYCREATE))
      return TRUE;
  }
  return FALSE;
}

/* The mailbox's snapshot afterwards, or NULL; a new reference. */
static CfSnapshot *
batch_publish (CfMailbox *mailbox, CfSnapshotReport *report, const GArray *except)
{
  const CfMailboxInfo *info = cf_snapshot_report_get_info (report);
  const CfConnRef *refs = (const CfConnRef *) except->data;
  CfSnapshot *snapshot;
  g_autoptr (GError) error = NULL;

  if (cf_snapshot_report_get_since (report) == G_MAXUINT64) {
    cf_mailbox_note_modseq (mailbox, info != NULL ? info->highest_modseq : G_MAXUINT64, refs, except->len);
    return NULL;
  }
  /* The commit stands all the same; whoever uses the mailbox next loads it, and is told if that fails too. */
  snapshot = cf_mailbox_publish_except (mailbox, report, refs, except->len, &error);
  if (snapshot == NULL && !g_error_matches (error, CF_ERROR, CF_ERROR_NONEXISTENT))
    g_warning ("A commit's report on mailbox %" G_GUINT64_FORMAT " cannot be used: %s",
               cf_mailbox_get_id (mailbox), error->message);
  return snapshot;
}

/* As long as their commands last, the writes hold the snapshot that has what they did. */
static void
batch_publish_source (CfWriteQueueBatch *batch, const GArray *except)
{
  g_autoptr (CfSnapshot) snapshot = batch_publish (batch->mailbox, batch->reports[0], except);

  for (guint i = 0; snapshot != NULL && i < batch->writes->len; i++)
    ((CfWrite *) g_ptr_array_index (batch->writes, i))->snapshot = cf_snapshot_ref (snapshot);
}

static void
batch_publish_destination (CfWriteQueueBatch *batch, const GArray *except)
{
  g_autoptr (CfSnapshot) snapshot = batch_publish (batch->destination, batch->reports[1], except);
}

/* Nobody had the destination in memory when the batch began; somebody may have loaded it meanwhile. */
static void
batch_note_destination (const CfWriteQueueBatch *batch)
{
  CfMailboxId destination = cf_write_batch_get_destination (batch->batch);
  const CfMailboxInfo *info;

  if (destination == 0 || batch->reports[1] == NULL)
    return;
  info = cf_snapshot_report_get_info (batch->reports[1]);
  cf_mailbox_changed_elsewhere (batch->mailbox->account, destination,
                                info != NULL ? info->highest_modseq : 0);
}

static void
batch_fail (CfWriteQueueBatch *batch, const GError *failure)
{
  for (guint i = 0; i < batch->writes->len; i++)
    cf_write_fail (g_ptr_array_index (batch->writes, i), failure);

  if (g_error_matches (failure, CF_ERROR, CF_ERROR_UNAVAILABLE) /* nothing was stored */
      || g_error_matches (failure, CF_ERROR, CF_ERROR_LIMIT))
    return;
  if (g_error_matches (failure, CF_ERROR, CF_ERROR_NONEXISTENT)) {
    cf_mailbox_set_gone (batch->mailbox);
    return;
  }
  cf_mailbox_set_stale (batch->mailbox);
  if (batch->destination != NULL)
    cf_mailbox_set_stale (batch->destination);
  else
    batch_note_destination (batch);
}

static int
refs_compare (gconstpointer a, gconstpointer b)
{
  CfConnRef x = *(const CfConnRef *) a, y = *(const CfConnRef *) b;

  return x < y ? -1 : x > y;
}

/* The sessions of the batch's writes, sorted. */
static GArray *
batch_copy_refs (CfWriteQueueBatch *batch)
{
  GArray *refs = g_array_new (FALSE, FALSE, sizeof (CfConnRef));

  g_mutex_lock (&batch->mailbox->lock);
  for (guint i = 0; i < batch->writes->len; i++)
    g_array_append_val (refs, ((CfWrite *) g_ptr_array_index (batch->writes, i))->ref);
  g_mutex_unlock (&batch->mailbox->lock);
  g_array_sort (refs, refs_compare);
  return refs;
}

/* From here on the sessions may read their results and go. Returns who commits next. */
static CfConnRef
batch_mark_done (CfWriteQueueBatch *batch)
{
  CfMailbox *mailbox = batch->mailbox;
  CfConnRef next;

  g_mutex_lock (&mailbox->lock);
  for (guint i = 0; i < batch->writes->len; i++)
    g_atomic_int_set (&((CfWrite *) g_ptr_array_index (batch->writes, i))->state, WRITE_DONE);
  mailbox->is_committing = FALSE;
  next = queue_get_next (mailbox);
  g_mutex_unlock (&mailbox->lock);
  return next;
}

/* ---- News for those who watch other mailboxes ---- */

/* What @op has done to the mailbox (0) and the destination (1). Before its result is handed on. */
static void
batch_gather_news (const CfWriteOp *op, const CfWriteResult *result, guint news[2])
{
  if (result->error != NULL)
    return;
  switch (op->kind) {
  case CF_WRITE_APPEND:
    news[0] |= CF_NEWS_ARRIVED;
    break;
  case CF_WRITE_STORE:
    news[0] |= CF_NEWS_FLAGS;
    break;
  case CF_WRITE_EXPUNGE:
    news[0] |= result->expunged != NULL ? CF_NEWS_EXPUNGED : 0;
    break;
  case CF_WRITE_MOVE:
    news[0] |= result->copied_from != NULL ? CF_NEWS_EXPUNGED : 0;
    news[1] |= result->copied_to != NULL ? CF_NEWS_ARRIVED : 0;
    break;
  case CF_WRITE_COPY:
    news[1] |= result->copied_to != NULL ? CF_NEWS_ARRIVED : 0;
    break;
  case CF_WRITE_ANNOTATE:
    break;
  }
}

/* @refs: the sessions of the batch. If it is one alone, it knows; of several each is to hear of the others.
 */
static void
batch_note (const CfWriteQueueBatch *batch, const guint news[2], const GArray *refs)
{
  const CfConnRef *ref = (const CfConnRef *) refs->data;
  CfMailboxId destination = cf_write_batch_get_destination (batch->batch);
  CfConnRef except = refs->len > 0 && ref[0] == ref[refs->len - 1] ? ref[0] : 0;

  cf_hub_note (batch->mailbox->account, batch->mailbox->id, news[0], except);
  if (destination != 0)
    cf_hub_note (batch->mailbox->account, destination, news[1], except);
}

static void
batch_count_news (const CfWriteQueueBatch *batch, guint news[2])
{
  for (guint i = 0; i < cf_write_batch_get_n_ops (batch->batch); i++)
    batch_gather_news (cf_write_batch_get_op (batch->batch, i), cf_write_batch_get_result (batch->batch, i),
                       news);
}

/* Whether a commit that failed so may be stored all the same. */
static gboolean
failure_is_unknown (const GError *failure)
{
  return !g_error_matches (failure, CF_ERROR, CF_ERROR_UNAVAILABLE)
         && !g_error_matches (failure, CF_ERROR, CF_ERROR_LIMIT)
         && !g_error_matches (failure, CF_ERROR, CF_ERROR_NONEXISTENT);
}

void
cf_write_queue_finish (CfWriteQueueBatch *batch, const GError *failure, CfConnRef self)
{
  guint news[2] = { 0 };
  g_autoptr (GArray) refs = batch_copy_refs (batch);
  CfConnRef next;

  if (failure != NULL) {
    batch_fail (batch, failure);
    news[0] = news[1] = failure_is_unknown (failure) ? CF_NEWS_ALL : 0;
  } else {
    batch_count_news (batch, news);
    batch_distribute (batch);
    batch_publish_source (batch, refs);
    if (batch->destination != NULL && batch_has_lost_destination (batch))
      cf_mailbox_set_gone (batch->destination);
    else if (batch->destination != NULL)
      batch_publish_destination (batch, refs);
    else
      batch_note_destination (batch);
  }

  batch_note (batch, news, refs);
  next = batch_mark_done (batch);
  for (guint i = 0; i < refs->len; i++)
    if (g_array_index (refs, CfConnRef, i) != self)
      cf_mailbox_wake (g_array_index (refs, CfConnRef, i), CF_WAKE_COMPLETION);
  cf_mailbox_wake (next, CF_WAKE_COMPLETION);
  batch_free (batch);
}
