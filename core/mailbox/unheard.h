/* core/mailbox/unheard.h - news of mailboxes that were not in memory when the news came.
 *
 * A load that is under way then may not have the news, and the mailbox that it will make was not there to be
 * told. So the latest of such news are kept for a while, in the order they came, and whoever publishes a load
 * asks for those since it began. Any thread; a lock of its own, inside of which no other is taken.
 */
#ifndef CF_UNHEARD_H
#define CF_UNHEARD_H

#include <coffer/types.h>

G_BEGIN_DECLS

/* News that are kept: of any more, a load is told that it may have missed something. */
#define CF_UNHEARD_MAX 256

/* The store has the mailbox at @modseq; G_MAXUINT64: somewhere above what was known. @id 0: any of
 * @account's; with @account 0 as well: any. */
void cf_unheard_add (CfAccountId account, CfMailboxId id, guint64 modseq);
/* How many news there have been. */
guint64 cf_unheard_get_serial (void);
/* May there have been news since @serial that a mailbox loaded up to @modseq lacks? */
gboolean cf_unheard_since (guint64 serial, CfAccountId account, CfMailboxId id, guint64 modseq);

G_END_DECLS

#endif
