/* core/mailbox/write-queue.h - writes on one mailbox, combined into batches.
 *
 * A command describes its operations in a CfWrite and adds it to its mailbox's queue. Whoever finds nobody
 * committing takes all that waits as one batch and commits it; the others are parked and hold no worker. A
 * command's step:
 *
 *   first      write = cf_write_new (...); cf_write_add_op (...) ...; cf_write_queue_add (mailbox, write);
 *   each time  if (cf_write_is_done (write))         -> look at the results, answer the client
 *              (the storage permit)
 *              batch = cf_write_queue_try_begin (mailbox)
 *              if (batch == NULL)                    -> CF_RUN_WAIT; CF_WAKE_COMPLETION comes
 *              ok = commit (..., cf_write_queue_batch_get (batch), &failure)
 *              cf_write_queue_finish (batch, ok ? NULL : failure, my_ref)
 *              and look again: the batch need not have held one's own write
 *   at the end cf_write_unref (write); if it is not done: cf_write_cancel (write) before
 */
#ifndef CF_WRITE_QUEUE_H
#define CF_WRITE_QUEUE_H

#include "mailbox/mailbox.h"
#include "store/batch.h"

G_BEGIN_DECLS

/* ---- A write -----------------------------------------------------------------------------------------
 *
 * One command's operations on one mailbox. The maker owns it until it is added; from then on it is left alone
 * until it is done, and its results are read by the maker only. Reference counted (any thread): the queue
 * keeps a reference. */
typedef struct _CfWrite CfWrite;

/* @destination: where its COPY and MOVE operations go, or 0. @ref is woken with
 * CF_WAKE_COMPLETION (0: nobody). */
CfWrite *cf_write_new (CfMailboxId destination, CfConnRef ref);
CfWrite *cf_write_ref (CfWrite *write);
/* NULL is allowed. */
void cf_write_unref (CfWrite *write);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfWrite, cf_write_unref)

/* Limits of the account (cf_write_batch_get_max_octets); 0: none. */
void cf_write_set_limits (CfWrite *write, guint64 max_octets, guint64 max_messages);
/* Adds a copy of @op; sets, attributes and segments are copied, sources, facts, keywords and values
 * referenced. Its group is the write's own numbering. */
void cf_write_add_op (CfWrite *write, const CfWriteOp *op);

/* Carried out, or failed. Once TRUE, the results may be read. Any thread. */
gboolean cf_write_is_done (CfWrite *write);

/* Operation @i's outcome, borrowed as long as the write. Its error is also set when the
 * whole commit failed. */
const CfWriteResult *cf_write_get_result (const CfWrite *write, guint i);
/* The first operation's error there is; borrowed. NULL: all succeeded. */
const GError *cf_write_get_error (const CfWrite *write);
/* Octets that it appends, without what is kept apart. */
guint64 cf_write_get_octets (const CfWrite *write);
/* Puts @error in the place of all results: for the maker of a write that is done, to whom they mean nothing
 * any more. */
void cf_write_fail (CfWrite *write, const GError *error);
/* UIDVALIDITY of the mailbox (which 0) or the destination (which 1), for APPENDUID and COPYUID;
 * 0: not reported. */
guint32 cf_write_get_uid_validity (const CfWrite *write, guint which);

/* The command is given up, its session may be going. If nobody has begun to commit the write, it is dropped,
 * and done with CF_ERROR_UNAVAILABLE; else it is carried out and nobody is woken. In either case nothing
 * touches the session any more. Does nothing to one that was never added or is done. */
void cf_write_cancel (CfWrite *write);

/* ---- The queue; any thread --------------------------------------------------------------------------- */

/* A batch under way: the store's batch, the writes it is made of, and the reports of two mailboxes. */
typedef struct _CfWriteQueueBatch CfWriteQueueBatch;

/* Adds @write, once, behind those that wait. Somebody must try_begin after it: the caller, in the same step
 * or the next. */
void cf_write_queue_add (CfMailbox *mailbox, CfWrite *write);

/* Takes what waits, in order, up to the first write that does not fit: one that has another destination or
 * other limits, or the bounds CF_WRITE_QUEUE_MAX_... are reached. NULL: somebody else is committing (who
 * wakes one of those that then still wait), or nothing waits. The caller must call finish, whatever happens.
 */
CfWriteQueueBatch *cf_write_queue_try_begin (CfMailbox *mailbox);
#define CF_WRITE_QUEUE_MAX_WRITES 256
#define CF_WRITE_QUEUE_MAX_OCTETS (8 * 1024 * 1024) /* of appended messages, without what is kept apart */

/* What to give to the store; borrowed. */
CfWriteBatch *cf_write_queue_batch_get (CfWriteQueueBatch *batch);
/* How much it appends, without what is kept apart: a commit that moves much may take longer. */
guint64 cf_write_queue_batch_get_octets (const CfWriteQueueBatch *batch);

/* The store answered: @failure is its error, NULL if the commit succeeded; borrowed. Publishes both
 * mailboxes, hands each write its results, marks them done, wakes their sessions but @self (the caller's; 0:
 * none), and if more waits, one that is to commit it. After CF_ERROR_UNKNOWN the mailboxes are stale. Frees
 * @batch.
 *
 * Sessions whose writes are in the batch get no PUSH: a session looks for news of its mailbox at the end of
 * each command anyway. */
void cf_write_queue_finish (CfWriteQueueBatch *batch, const GError *failure, CfConnRef self);

G_END_DECLS

#endif
