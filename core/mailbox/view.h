/* core/mailbox/view.h - what one session believes its selected mailbox to be (RFC 3501, 5.2, 5.5, 7.4.1).
 *
 * A view is a snapshot, seen through what the client has been told:
 *
 *   ghosts    rows expunged but not yet announced; they keep their sequence numbers
 *   arrivals  rows above what EXISTS has announced; not in the view yet
 *   dirty     UIDs whose flags changed, not yet announced
 *   recent    UIDs that are \Recent in this session
 *
 * advance brings the view to a newer snapshot and tells nobody; sync tells the client what may be told now. A
 * view that idles is demoted: it gives its snapshot up and costs tens to hundreds of octets. For the
 * session's owner only.
 */
#ifndef CF_VIEW_H
#define CF_VIEW_H

#include "mailbox/snapshot.h"

G_BEGIN_DECLS

typedef struct _CfView CfView;

/* All of @snapshot is in the view, as SELECT announces it. Keeps a reference. */
CfView *cf_view_new (CfSnapshot *snapshot);
/* NULL is allowed. */
void cf_view_free (CfView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfView, cf_view_free)

/* The newest snapshot the view was advanced to; borrowed. NULL while demoted. */
CfSnapshot *cf_view_get_snapshot (const CfView *view);

/* ---- The client's state ------------------------------------------------------------------------------
 *
 * Sequence numbers run from 1. get_row, lookup_row and lookup_seq find nothing while the view is demoted; the
 * rest answers then too. */

/* Messages announced, ghosts included. */
guint32 cf_view_get_exists (const CfView *view);
/* Messages announced that are \Recent. 0 while demoted (nobody asks then). */
guint32 cf_view_get_n_recent (const CfView *view);
/* The row with this sequence number; NULL: there is none. Borrowed until the view is advanced, synced or
 * demoted. A ghost's row is how it was last; a ghost that went while the view was demoted has only a UID
 * left, content 0. */
const CfIndexRow *cf_view_get_row (const CfView *view, guint32 seq);
/* The same by UID. */
const CfIndexRow *cf_view_lookup_row (const CfView *view, guint32 uid);
/* 0: not in the view. */
guint32 cf_view_lookup_seq (const CfView *view, guint32 uid);
/* Expunged, and the client does not know yet. */
gboolean cf_view_is_ghost (const CfView *view, guint32 uid);
gboolean cf_view_has_ghosts (const CfView *view);
gboolean cf_view_is_recent (const CfView *view, guint32 uid);
/* The UIDs of the messages with a MODSEQ above @modseq; chunks without one are passed over. The caller frees.
 * NULL while demoted. */
CfUidSet *cf_view_dup_changed (const CfView *view, guint64 modseq);
/* The UIDs of the ghosts. The caller frees. */
CfUidSet *cf_view_dup_ghosts (const CfView *view);
/* The session has claimed UIDs from @first to below @end (cf_mailbox_claim_recent); first >= end: nothing.
 * Before sync, so that the RECENT it gives counts them. */
void cf_view_add_recent (CfView *view, guint32 first, guint32 end);

/* The HIGHESTMODSEQ that may be sent: the client has been told everything up to it, so below the expunge of
 * the first ghost (RFC 7162, 3.2: a client that stores it must not lose an expunge). */
guint64 cf_view_get_sendable_modseq (const CfView *view);

/* ---- News -------------------------------------------------------------------------------------------- */

/* Brings the view to @snapshot, the same or a later one of the same mailbox: what was expunged becomes a
 * ghost, what changed dirty, arrivals wait. A demoted view is rebuilt from it (the "promotion"), with
 * the outcome it would have had by advancing step by step, but that ghosts have lost their content.
 * Keeps a reference. */
void cf_view_advance (CfView *view, CfSnapshot *snapshot);

/* Is there anything sync would tell? Also while demoted: of what it knew then. */
gboolean cf_view_has_news (const CfView *view, gboolean allow_expunge);

/* Receives what is to be told. Sequence numbers and counts are right at the moment of the call,
 * when everything told before has been applied. FALSE: this one is done, but tell no more now (the
 * output is full). */
typedef struct _CfViewSink CfViewSink;
struct _CfViewSink {
  /* In ascending order of UID; each number takes the ones before it into account (RFC 3501, 7.4.1). */
  gboolean (*expunged) (CfViewSink *sink, guint32 seq, guint32 uid);
  /* EXISTS and RECENT; only when messages arrived. */
  gboolean (*exists) (CfViewSink *sink, guint32 exists, guint32 recent);
  /* Flags or MODSEQ changed; in ascending order. */
  gboolean (*changed) (CfViewSink *sink, guint32 seq, const CfIndexRow *row);
};

typedef enum {
  CF_VIEW_EXPUNGED = 1 << 0,
  CF_VIEW_ARRIVED = 1 << 1,
  CF_VIEW_CHANGED = 1 << 2,
  CF_VIEW_ALL = 7,
} CfViewNews;

/* Tells what may be told now, of @news (CfViewNews): expunges first, then arrivals, then changes. What has
 * been told is the client's state from then on; the rest waits. FALSE: the sink stopped it; call again. The
 * view must not be demoted (nothing is told: advance it first). */
gboolean cf_view_sync (CfView *view, guint news, CfViewSink *sink);
/* UIDs below are announced: those of messages that arrive are not below. */
guint32 cf_view_get_bound (const CfView *view);
/* Up to which the view has been advanced. */
guint64 cf_view_get_modseq (const CfView *view);

/* UIDs in the view whose flags have changed and were not told. NULL: none. The caller frees. */
CfUidSet *cf_view_dup_dirty (const CfView *view);

/* The session has told (or, for .SILENT, need not tell) the change of @uid at @modseq itself. A later change
 * stays to be told. With .SILENT only where the row has the flags that the client works out by itself:
 * another session's change can be part of the same commit and have the same MODSEQ (RFC 3501, 6.4.6). */
void cf_view_forget_dirty (CfView *view, guint32 uid, guint64 modseq);

/* ---- Demotion ---------------------------------------------------------------------------------------- */

/* Gives up the snapshot, and keeps (MODSEQ, UID ranges), ghosts, dirty and recent. */
void cf_view_demote (CfView *view);
gboolean cf_view_is_demoted (const CfView *view);
/* Octets of the view itself, without its snapshot. */
gsize cf_view_get_size (const CfView *view);

G_END_DECLS

#endif
