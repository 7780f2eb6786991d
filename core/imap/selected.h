/* core/imap/selected.h - the session's selected mailbox: opening and leaving it, keeping the view fresh, and
 * telling the client what changed (RFC 3501, 5.2, 7.4.1).
 */
#ifndef CF_SELECTED_H
#define CF_SELECTED_H

#include "imap/session.h"
#include "store/calls.h"

G_BEGIN_DECLS

/* SELECT, or with @read_only EXAMINE. @resync: what a client knows that resynchronises, or NULL; gets what
 * has gone since. The caller holds a store permit and has left the mailbox before. */
gboolean cf_selected_open (CfSession *session, const char *name, gboolean read_only, CfResyncQuery *resync,
                           GError **error);
/* Leaves it; does nothing when there is none. */
void cf_selected_close (CfSession *session);

/* The mailbox was deleted: the session must end (RFC 2180, 3.3). */
gboolean cf_selected_is_gone (CfSession *session);
/* The view is demoted, or the store may hold more than the snapshot. */
gboolean cf_selected_needs_refresh (CfSession *session);
/* Makes the view whole from memory. FALSE: that takes the store. */
gboolean cf_selected_promote (CfSession *session);
/* The same, asking the store; the caller holds a permit. */
gboolean cf_selected_refresh (CfSession *session, GError **error);
/* Brings the view to the newest snapshot in memory without telling the client. */
void cf_selected_advance (CfSession *session);
/* At the beginning of @call: the same, unless that takes the store. Keeps in the call what the client has
 * been told so far, if there is more. */
void cf_selected_catch_up (CfSession *session, CfCommandCall *call);
/* Tells the client what may be told, expunges only with @expunge. FALSE: there is more, but the
 * output is full. */
gboolean cf_selected_sync (CfSession *session, gboolean expunge);

/* Is there something to tell, or may there be? Looks at nothing but numbers: a demoted view stays so. */
gboolean cf_selected_may_have_news (CfSession *session);

void cf_selected_demote (CfSession *session);
gboolean cf_selected_is_demoted (CfSession *session);

/* This session deleted a mailbox, perhaps the one it has selected, which it then leaves. (Other sessions on a
 * deleted mailbox end; see cf_selected_is_gone().) */
void cf_selected_follow_delete (CfSession *session, const char *name);
/* Takes the mailbox's new name when somebody has renamed it. Between steps, as what runs in them borrows the
 * name. */
void cf_selected_follow_names (CfSession *session);

/* Reports the flags of @uid now, with @with_uid also the UID; for a change that this session made itself. A
 * client that is CONDSTORE-aware is told UID and MODSEQ in any case. */
void cf_selected_tell_flags (CfSession *session, guint32 uid, gboolean with_uid);
/* Reports UID and MODSEQ alone, as the client knows the flags (RFC 7162, 3.1.3). */
void cf_selected_tell_modseq (CfSession *session, guint32 uid);
/* "* 2 FETCH (UID 6 FLAGS (\\Seen) MODSEQ (12))", of a row that need not be in the view any more. */
void cf_selected_write_row (CfSession *session, guint32 seq, const CfIndexRow *row);

G_END_DECLS

#endif
