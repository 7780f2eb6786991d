/* core/mailbox/snapshot.h - a mailbox's index at one moment, immutable, and the reports that lead to the
 * next.
 *
 * A snapshot is complete up to its HIGHESTMODSEQ. It is an array of (chunk of rows, running count); a
 * successor shares every chunk in which nothing changed, so that changing one flag among a million copies one
 * chunk, and the difference between two snapshots is found by comparing chunk pointers.
 *
 * Ranks count from 0 in ascending UID order; sequence numbers are the view's (view.h).
 */
#ifndef CF_SNAPSHOT_H
#define CF_SNAPSHOT_H

#include <coffer/storage.h>

G_BEGIN_DECLS

/* ---- Snapshots ---------------------------------------------------------------------------------------
 *
 * Atomic reference count; everything here is any thread. Rows are borrowed and live as long as the snapshot.
 */
typedef struct _CfSnapshot CfSnapshot;

CfSnapshot *cf_snapshot_ref (CfSnapshot *snapshot);
/* NULL is allowed. */
void cf_snapshot_unref (CfSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSnapshot, cf_snapshot_unref)

guint32 cf_snapshot_get_uid_validity (const CfSnapshot *snapshot);
guint32 cf_snapshot_get_uid_next (const CfSnapshot *snapshot);
guint64 cf_snapshot_get_highest_modseq (const CfSnapshot *snapshot);
/* How many messages. */
guint32 cf_snapshot_get_n (const CfSnapshot *snapshot);
/* The row of this rank; NULL at or beyond the end. O(log n). */
const CfIndexRow *cf_snapshot_get_row (const CfSnapshot *snapshot, guint32 rank);
/* The row of @uid and its rank (@out_rank may be NULL); NULL: there is none, @out_rank
 * untouched. O(log n). */
const CfIndexRow *cf_snapshot_lookup_uid (const CfSnapshot *snapshot, guint32 uid, guint32 *out_rank);
/* How many rows have a UID below @uid. O(log n). */
guint32 cf_snapshot_rank (const CfSnapshot *snapshot, guint32 uid);
/* Octets it occupies, chunks shared with other snapshots included. */
gsize cf_snapshot_get_size (const CfSnapshot *snapshot);
/* Whether the caller's reference is the only one; nobody can take another meanwhile if the caller
 * sees to it. */
gboolean cf_snapshot_is_sole (CfSnapshot *snapshot);
/* Adds the UIDs below @end to @set. */
void cf_snapshot_add_uids (const CfSnapshot *snapshot, guint32 end, CfUidSet *set);

/* Walks rows in ascending order, without a search for each. To begin: cf_snapshot_iter_init (&it, snapshot,
 * rank). NULL at the end. The iterator borrows the snapshot. */
typedef struct {
  const CfSnapshot *snapshot;
  guint chunk;
  guint row;
} CfSnapshotIter;

void cf_snapshot_iter_init (CfSnapshotIter *iter, const CfSnapshot *snapshot, guint32 rank);
const CfIndexRow *cf_snapshot_iter_next (CfSnapshotIter *iter);
/* Moves on to the next row with MODSEQ > @modseq, passing over whole chunks without one. */
const CfIndexRow *cf_snapshot_iter_next_changed (CfSnapshotIter *iter, guint64 modseq);

/* ---- Differences -------------------------------------------------------------------------------------
 *
 * What leads from @old_snapshot to @new_snapshot, in ascending order of UID: rows that are gone, rows whose
 * MODSEQ differs, rows that are new. Any function may be NULL. Chunks that both share are passed over unseen.
 */
typedef struct {
  void (*expunged) (const CfIndexRow *old_row, gpointer user_data);
  void (*changed) (const CfIndexRow *new_row, gpointer user_data);
  void (*added) (const CfIndexRow *new_row, gpointer user_data);
} CfSnapshotDiffFuncs;

void cf_snapshot_diff (const CfSnapshot *old_snapshot, const CfSnapshot *new_snapshot,
                       const CfSnapshotDiffFuncs *funcs, gpointer user_data);

/* ---- Reports -----------------------------------------------------------------------------------------
 *
 * One report of a store, index_load's or a commit's, collected through a CfIndexSink and then applied. One
 * owner at a time: whoever made it hands its sink to the store and applies it afterwards. Nothing a store
 * reports makes it crash; contradictions are found when it is applied. */
typedef struct _CfSnapshotReport CfSnapshotReport;

/* @base: what the store is asked to report the difference from (a reference is kept), or NULL for everything.
 * @mailbox: whose it is (CfIndexQuery.since_of); 0 with a NULL @base: whichever the store finds. */
CfSnapshotReport *cf_snapshot_report_new (CfSnapshot *base, CfMailboxId mailbox);
/* Asks for no rows (since G_MAXUINT64): only the mailbox's info is collected, and nothing can be applied. */
CfSnapshotReport *cf_snapshot_report_new_info (CfMailboxId mailbox);
void cf_snapshot_report_free (CfSnapshotReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSnapshotReport, cf_snapshot_report_free)

/* Asks for more than is needed: the difference from @since, no later than the base (QRESYNC wants what was
 * expunged since the client's MODSEQ). Without a base it does nothing. Before the report is filled. */
void cf_snapshot_report_lower_since (CfSnapshotReport *report, guint64 since);
/* What was known of the mailbox when the report was asked for, though no snapshot of it is in memory: a store
 * that is behind it, or gives another UIDVALIDITY, was restored. */
void cf_snapshot_report_set_known (CfSnapshotReport *report, guint32 uid_validity, guint64 modseq);
/* A number for the use of whoever makes the report; 0 at first. */
void cf_snapshot_report_set_serial (CfSnapshotReport *report, guint serial);
guint cf_snapshot_report_get_serial (const CfSnapshotReport *report);
/* Another: of the news that came before (unheard.h). */
void cf_snapshot_report_set_heard (CfSnapshotReport *report, guint64 heard);
guint64 cf_snapshot_report_get_heard (const CfSnapshotReport *report);

/* @func is called now and then while a report of many rows is being filled, by whoever fills it. */
typedef void (*CfSnapshotReportFunc) (gpointer user_data);
void cf_snapshot_report_set_progress (CfSnapshotReport *report, CfSnapshotReportFunc func,
                                      gpointer user_data);

/* What to ask the store for: CfIndexQuery.since, or the since of a batch. */
guint64 cf_snapshot_report_get_since (const CfSnapshotReport *report);
/* Borrowed, as long as the report. */
CfIndexSink *cf_snapshot_report_get_sink (CfSnapshotReport *report);
/* What the store said of the mailbox, its name included; borrowed. NULL: it has not said anything. */
const CfMailboxInfo *cf_snapshot_report_get_info (const CfSnapshotReport *report);
/* The store cannot tell the difference from since, and has reported every row. */
gboolean cf_snapshot_report_is_reset (const CfSnapshotReport *report);
/* The UIDs reported as expunged; borrowed. (QRESYNC; a report that was reset has none.) */
const CfUidSet *cf_snapshot_report_get_expunged (const CfSnapshotReport *report);

/* The successor of @current by @report; a new reference. @current may be NULL (the report's own base is
 * used), the report's base, or a later one: then what it already knows changes nothing. A report no newer
 * than @current gives @current itself. The report stays as it was. NULL with
 *
 * - CF_ERROR_CORRUPTION: the report contradicts itself or what came before it (no info, rows out of order, a
 *   UID at or above UIDNEXT, a MODSEQ above the highest, a new row below the old UIDNEXT, UIDNEXT that fell);
 * - CF_ERROR_UNAVAILABLE: the store is behind what it said before, or gave the mailbox another UIDVALIDITY (a
 *   restored backup): nothing that was known holds any more. */
CfSnapshot *cf_snapshot_apply (CfSnapshot *current, CfSnapshotReport *report, GError **error);

G_END_DECLS

#endif
