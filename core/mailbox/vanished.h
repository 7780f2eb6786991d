/* core/mailbox/vanished.h - which messages that a client knows are gone (RFC 7162, 3.2.5, 3.2.6).
 */
#ifndef CF_VANISHED_H
#define CF_VANISHED_H

#include "mailbox/view.h"

G_BEGIN_DECLS

/* The client says that the n-th of @seqs has, for it, the n-th of @uids (RFC 7162, 3.2.5.2); there are as
 * many of both. The last UID for which that is still so: the client knows of everything that was expunged up
 * to there. 0: for none. The view is not demoted, and has no ghosts. */
guint32 cf_vanished_match (const CfView *view, const CfUidSet *seqs, const CfUidSet *uids);

/* The UIDs of @known above @above that were expunged, and that the client takes for there. @expunged is what
 * was expunged since the client's MODSEQ; NULL: the store does not remember, so that it is all of @known that
 * do not exist. Nothing of what is in the view, as EXPUNGE or VANISHED without EARLIER tells of that. The
 * caller frees. The view is not demoted. */
CfUidSet *cf_vanished_find (const CfView *view, const CfUidSet *known, const CfUidSet *expunged,
                            guint32 above);

G_END_DECLS

#endif
