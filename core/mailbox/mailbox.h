/* core/mailbox/mailbox.h - what this process knows of a mailbox, shared by its sessions.
 *
 * One CfMailbox per mailbox id: the current snapshot, who watches, \Recent claims, and the queue of writes
 * (write-queue.h). A lock is held for moments only, never during a store call. README.md has the lock order.
 *
 * The way of every refresh:
 *
 *   report = cf_mailbox_begin_report (mailbox);
 *   query.since = cf_snapshot_report_get_since (report);     query.since_of = cf_mailbox_get_id (mailbox);
 *   index_load (..., cf_snapshot_report_get_sink (report))   (no lock held)
 *   snapshot = cf_mailbox_publish (mailbox, report, except, &error);
 *
 * SELECT by a name for which cf_mailbox_lookup_name() knows no mailbox begins with
 * cf_mailbox_begin_first_report(), loads, and only then acquires the mailbox whose id the report's info has.
 */
#ifndef CF_MAILBOX_H
#define CF_MAILBOX_H

#include "mailbox/snapshot.h"
#include "net/net.h"

G_BEGIN_DECLS

typedef struct _CfMailbox CfMailbox;

/* Wakes a connection: cf_net_wake(). Called from any thread, with no lock of this directory held;
 * must not block. */
typedef void (*CfMailboxWakeFunc) (CfConnRef ref, guint reason, gpointer user_data);

/* Before anything else here, and when every mailbox has been released. Snapshots that no view holds are kept
 * up to @max_octets in all. Main thread. */
void cf_mailbox_init (gsize max_octets, CfMailboxWakeFunc wake, gpointer user_data);
void cf_mailbox_shutdown (void);

/* ---- Finding one; any thread ------------------------------------------------------------------------- */

/* The mailbox with this id, made if need be; never fails. Does not ask the store whether it
 * exists. Release it. */
CfMailbox *cf_mailbox_acquire (CfAccountId account, CfMailboxId id);
/* Only if it is known here; else NULL. */
CfMailbox *cf_mailbox_lookup (CfAccountId account, CfMailboxId id);
/* The mailbox that a report last gave this name; NULL: none is known. A hint only: names change, so the load
 * that follows goes by name, with since_of. */
CfMailbox *cf_mailbox_lookup_name (CfAccountId account, const char *name);
CfMailbox *cf_mailbox_ref (CfMailbox *mailbox);
/* NULL is allowed. */
void cf_mailbox_release (CfMailbox *mailbox);
/* Whether there are more snapshots in memory than the bound allows, because they are held. */
gboolean cf_mailbox_is_crowded (void);
/* A snapshot is held no longer, though its mailbox is: those beyond the bound can go. */
void cf_mailbox_evict (void);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfMailbox, cf_mailbox_release)

/* The name it was last known by here; NULL: none is known. The caller frees. */
char *cf_mailbox_dup_name (CfMailbox *mailbox);
/* A number that changes whenever a name does: who keeps a copy of one asks again then. */
guint cf_mailbox_get_names_serial (void);
/* RENAME was carried out: the mailboxes below @from, and @from itself, have new names. INBOX leaves what is
 * below it where it is (RFC 3501, 6.3.5). */
void cf_mailbox_renamed (CfAccountId account, const char *from, const char *to);

CfAccountId cf_mailbox_get_account (const CfMailbox *mailbox);
CfMailboxId cf_mailbox_get_id (const CfMailbox *mailbox);

/* ---- Its state; any thread --------------------------------------------------------------------------- */

/* The newest snapshot known; a new reference. NULL: none in memory. It may be stale. */
CfSnapshot *cf_mailbox_ref_snapshot (CfMailbox *mailbox);
/* The store may have more than the snapshot: a commit's outcome is unknown, or another process wrote. Refresh
 * before the next use. Also TRUE when there is no snapshot. */
gboolean cf_mailbox_is_stale (CfMailbox *mailbox);
/* Does it have more than a view that was advanced to @modseq? Also TRUE when the store may. */
gboolean cf_mailbox_is_beyond (CfMailbox *mailbox, guint64 modseq);
/* Makes it so, and wakes the watchers (CF_WAKE_PUSH), the first of which refreshes. */
void cf_mailbox_set_stale (CfMailbox *mailbox);

/* A report to be filled by the store: the difference from the newest snapshot, or everything. The caller
 * frees it. */
CfSnapshotReport *cf_mailbox_begin_report (CfMailbox *mailbox);
/* One of everything, for a mailbox that is not known yet. What others commit while it is filled makes the
 * mailbox stale when it is published. */
CfSnapshotReport *cf_mailbox_begin_first_report (void);

/* Applies @report, makes the outcome the newest snapshot, and wakes the watchers but @except (0: all) if
 * anything is new. Returns the newest snapshot, a new reference, which may be newer than the report. NULL
 * with the errors of cf_snapshot_apply(); after CF_ERROR_UNAVAILABLE (a restored store) the mailbox is
 * gone, see below; after CF_ERROR_CORRUPTION it is stale. CF_ERROR_NONEXISTENT: it is gone already.
 * @report is borrowed. */
CfSnapshot *cf_mailbox_publish (CfMailbox *mailbox, CfSnapshotReport *report, CfConnRef except,
                                GError **error);

/* ---- Gone --------------------------------------------------------------------------------------------
 *
 * A mailbox that was deleted, or of which nothing holds any more. The object leaves the table, its watchers
 * are woken and send BYE (RFC 2180, 3.3); whoever acquires the id from then on gets a fresh object. */
void cf_mailbox_set_gone (CfMailbox *mailbox);
/* Every mailbox that is known here: the store holds another state altogether. */
void cf_mailbox_set_all_gone (void);
gboolean cf_mailbox_is_gone (CfMailbox *mailbox);

/* ---- Watching; any thread ---------------------------------------------------------------------------- */

/* @ref is woken with CF_WAKE_PUSH when there is news, until unwatch; and looks for itself: gone? stale? a
 * newer snapshot? A wake under way can still arrive after unwatch. */
void cf_mailbox_watch (CfMailbox *mailbox, CfConnRef ref);
void cf_mailbox_unwatch (CfMailbox *mailbox, CfConnRef ref);

/* Another process changed the mailbox up to @modseq (0: unknown), or with @id 0 any of the account's, or with
 * @account 0 as well any at all. Marks stale what is known here and older, and what is being loaded. */
void cf_mailbox_changed_elsewhere (CfAccountId account, CfMailboxId id, guint64 modseq);

/* ---- \Recent (RFC 3501, 2.3.2); any thread ------------------------------------------------------------ */

/* The caller shows as \Recent what no session has been shown below @end (a UIDNEXT). Returns where its share
 * begins: the UIDs from there to below @end are its own, nobody else's; a value >= @end: nothing is left. */
guint32 cf_mailbox_claim_recent (CfMailbox *mailbox, guint32 end);
/* For CfIndexQuery.known_recent; 0: unknown. */
guint32 cf_mailbox_get_known_recent (CfMailbox *mailbox);

G_END_DECLS

#endif
