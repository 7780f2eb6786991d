/* core/imap/modseq.h - MODSEQs in a session: whether its client wants them, and which HIGHESTMODSEQ it may
 * keep (RFC 7162).
 *
 * What the client takes for the mailbox's HIGHESTMODSEQ it computes: the last that was sent, or the highest
 * MODSEQ of a FETCH response since (RFC 7162, 6). The session computes the same, and corrects it at the end
 * of a command where that would lose a change, or where the client could keep more.
 */
#ifndef CF_MODSEQ_H
#define CF_MODSEQ_H

#include "imap/session.h"

G_BEGIN_DECLS

/* Ranges of UIDs in one VANISHED response, at most: RFC 7162, 4 has lines of 8192 octets. */
#define CF_VANISHED_RANGES_MAX 350

/* mod-sequence-value, 1 to 2^63 - 1; with @allow_zero mod-sequence-valzer. Else CF_ERROR_BAD. */
gboolean cf_input_modseq (CfInput *input, gboolean allow_zero, guint64 *out_modseq, GError **error);

/* The command is a CONDSTORE enabling command (RFC 7162, 3.1), if it turns out to be well formed: its
 * responses have MODSEQs, and so has whatever the session tells from then on. For parsers. */
void cf_call_enable_condstore (CfCommandCall *call);
/* ENABLE QRESYNC (3.2.3). */
void cf_session_enable_qresync (CfSession *session);
gboolean cf_session_has_qresync (CfSession *session);
/* Whether FETCH responses that tell news have UID and MODSEQ (3.2.4). */
gboolean cf_session_tells_modseq (CfSession *session);

/* A FETCH response tells @modseq. */
void cf_modseq_told (CfSession *session, guint64 modseq);
/* SELECT or EXAMINE tells the HIGHESTMODSEQ that its view has. */
void cf_modseq_write_opened (CfSession *session);
/* "VANISHED" or "VANISHED (EARLIER)" of @uids from range *@range on, which moves behind those that were
 * written. FALSE: all are. */
gboolean cf_modseq_write_vanished (CfSession *session, gboolean earlier, const CfUidSet *uids, gsize *range);

/* The command is over, and nothing of what is new has been told yet: decides whether it enabled CONDSTORE.
 * Any number of times. */
void cf_modseq_settle (CfSession *session, CfCommandCall *call);
/* What is new has been told: sends HIGHESTMODSEQ if it must be, by itself or for the tagged OK. */
void cf_modseq_finish (CfSession *session, CfCommandCall *call);

G_END_DECLS

#endif
