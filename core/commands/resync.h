/* core/commands/resync.h - telling a client that comes back what has changed since (RFC 7162, 3.2.5, 3.2.6):
 * what UID FETCH with VANISHED and SELECT with QRESYNC share.
 */
#ifndef CF_RESYNC_H
#define CF_RESYNC_H

#include "imap/session.h"
#include "store/calls.h"

G_BEGIN_DECLS

/* ---- VANISHED (EARLIER) ---- */

typedef struct {
  CfUidSet *uids; /* NULL: none */
  gsize range;    /* the next to be written */
} CfVanished;

/* Finds out what was expunged of @known after @since, in the selected mailbox. CF_RUN_WAIT: return that. */
CfRun cf_vanished_ask (CfVanished *vanished, CfCommandCall *call, const CfUidSet *known, guint64 since,
                       GError **error);
/* CF_RUN_DONE: all is written. CF_RUN_MORE: the output is full. */
CfRun cf_vanished_write (CfVanished *vanished, CfCommandCall *call);
void cf_vanished_clear (CfVanished *vanished);

/* ---- SELECT (QRESYNC (...)) ---- */

/* The parameter, and what is to be said to it. */
typedef struct {
  CfResyncQuery query;               /* for cf_selected_open() */
  CfUidSet *known;                   /* NULL: all */
  CfUidSet *match_seqs, *match_uids; /* both NULL: none given */
  CfVanished vanished;
  CfSnapshot *snapshot; /* as it was opened; NULL: not begun */
  CfSnapshotIter iter;
} CfResync;

void cf_resync_free (gpointer resync);
/* The mailbox has been opened with @resync's query. */
void cf_resync_begin (CfResync *resync, CfSession *session);
/* VANISHED, then FETCH responses, as far as the output takes them: CF_RUN_DONE or CF_RUN_MORE. */
CfRun cf_resync_write (CfResync *resync, CfCommandCall *call);

G_END_DECLS

#endif
