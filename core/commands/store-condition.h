/* core/commands/store-condition.h - STORE's UNCHANGEDSINCE (RFC 7162, 3.1.3): for which messages a MODSEQ
 * that is too high says nothing.
 */
#ifndef CF_STORE_CONDITION_H
#define CF_STORE_CONDITION_H

#include <coffer/storage.h>

#include "mailbox/view.h"

G_BEGIN_DECLS

/* A message has one MODSEQ for all its flags, but the condition is about those that the command names
 * (3.1.12). Of the messages of @op that have a MODSEQ above its unchanged_since, those where the flags it
 * names are as the client knows them:
 *
 * - @told, what the client had been told before the command (NULL: all that the view has), has the message
 * with a MODSEQ that meets the condition, and with the same of these flags;
 * - or unchanged_since is 0, which asks whether the flags exist: keywords that the message does not have do
 * not.
 *
 * Nothing of that can be said where all flags are replaced. NULL: there are none. The caller frees. */
CfUidSet *cf_store_condition_find_unaffected (const CfWriteOp *op, const CfView *view,
                                              const CfSnapshot *told);

G_END_DECLS

#endif
