/* core/imap/message-set.h - a sequence-set as it was read, and the messages it names (RFC 3501, 9).
 *
 * cf_input_messages() (coffer/session.h) does both at once. Apart, a command that wants only those of the
 * messages that have changed need not look at the others.
 */
#ifndef CF_MESSAGE_SET_H
#define CF_MESSAGE_SET_H

#include "imap/session.h"

G_BEGIN_DECLS

typedef struct {
  CfUidSet *numbers; /* "*" has been replaced; NULL: not read */
  gboolean by_uid;   /* they are UIDs; else sequence numbers, all of which exist */
  CfUidSet *saved;   /* the UIDs that "$" adds; NULL: it is not named */
} CfMessageSet;

/* As cf_input_messages(). The caller clears it. */
gboolean cf_input_message_set (CfInput *input, CfCommandCall *call, gboolean by_uid, CfMessageSet *out_set,
                               GError **error);
void cf_message_set_clear (CfMessageSet *set);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CfMessageSet, cf_message_set_clear)

/* The UIDs of the messages of @view it names. The caller frees. */
CfUidSet *cf_message_set_resolve (const CfMessageSet *set, CfView *view);
/* Of these, those with a MODSEQ above @modseq; what has not changed costs nothing. The caller frees. */
CfUidSet *cf_message_set_resolve_changed (const CfMessageSet *set, CfView *view, guint64 modseq);

G_END_DECLS

#endif
