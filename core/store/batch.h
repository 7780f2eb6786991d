/* core/store/batch.h - core's side of CfWriteBatch (coffer/storage.h): making one, and reading what the store
 * reported.
 *
 * One owner at a time. The store sees it only inside its commit slot.
 */
#ifndef CF_BATCH_H
#define CF_BATCH_H

#include <coffer/storage.h>

G_BEGIN_DECLS

/* An operation's outcome. Fields that do not belong to its kind are 0 or NULL. */
typedef struct {
  GError *error; /* NULL: it succeeded */
  guint32 uid;   /* APPEND */
  /* COPY, MOVE; NULL: nothing was copied. In ascending order the n-th of the one became the n-th of the
   * other, so both are COPYUID's sets as they are (RFC 4315, 3). */
  CfUidSet *copied_from, *copied_to;
  CfUidSet *not_modified; /* STORE; NULL: none */
  CfUidSet *expunged;     /* EXPUNGE; NULL: none */
  GArray *objects_gone;   /* APPEND with CF_ERROR_CONTENT_GONE: CfObjectId; else NULL */
} CfWriteResult;

/* Frees what it holds and makes it all 0. */
void cf_write_result_clear (CfWriteResult *result);

/* @destination: 0 when there is neither COPY nor MOVE. The limits: 0 is none. Both sinks throw away what they
 * get and both since are G_MAXUINT64, until cf_write_batch_set_index(). */
CfWriteBatch *cf_write_batch_new (CfAccountId account, CfMailboxId mailbox, CfMailboxId destination,
                                  guint64 max_octets, guint64 max_messages);
void cf_write_batch_free (CfWriteBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfWriteBatch, cf_write_batch_free)

/* Copies the struct; what it points to is borrowed as long as the batch. */
void cf_write_batch_add_op (CfWriteBatch *batch, const CfWriteOp *op);
/* @sink is borrowed as long as the batch. */
void cf_write_batch_set_index (CfWriteBatch *batch, guint which, guint64 since, CfIndexSink *sink);

/* Operation @i's outcome; the caller may take what it holds out of it. */
CfWriteResult *cf_write_batch_get_result (CfWriteBatch *batch, guint i);

G_END_DECLS

#endif
