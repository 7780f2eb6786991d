/* core/mailbox/mailbox.c - one mailbox: its snapshot and how fresh that is, who watches, \Recent (mailbox.h).
 *
 * What costs time is done outside the lock: a report is applied without it and the outcome swapped in if the
 * snapshot is still the one it was applied to; snapshots are freed and watchers woken after unlocking.
 */
#include "mailbox/mailbox-private.h"
#include "mailbox/unheard.h"

CfAccountId
cf_mailbox_get_account (const CfMailbox *mailbox)
{
  return mailbox->account;
}

CfMailboxId
cf_mailbox_get_id (const CfMailbox *mailbox)
{
  return mailbox->id;
}

/* ---- Watching ---------------------------------------------------------------------------------------- */

/* @refs is sorted. */
static gboolean
refs_contain (const CfConnRef *refs, guint n, CfConnRef ref)
{
  guint low = 0, high = n;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (refs[middle] < ref)
      low = middle + 1;
    else
      high = middle;
  }
  return low < n && refs[low] == ref;
}

/* Those to be woken. Under the mailbox's lock. */
static GArray *
mailbox_copy_watchers (CfMailbox *mailbox, const CfConnRef *except, guint n_except)
{
  GArray *refs = g_array_sized_new (FALSE, FALSE, sizeof (CfConnRef), mailbox->watchers->len);

  for (guint i = 0; i < mailbox->watchers->len; i++) {
    CfConnRef ref = g_array_index (mailbox->watchers, CfConnRef, i);

    if (!refs_contain (except, n_except, ref))
      g_array_append_val (refs, ref);
  }
  return refs;
}

/* Without a lock; takes over @refs. */
static void
mailbox_wake_all (GArray *refs)
{
  if (refs == NULL)
    return;
  for (guint i = 0; i < refs->len; i++)
    cf_mailbox_wake (g_array_index (refs, CfConnRef, i), CF_WAKE_PUSH);
  g_array_unref (refs);
}

void
cf_mailbox_watch (CfMailbox *mailbox, CfConnRef ref)
{
  g_mutex_lock (&mailbox->lock);
  g_array_append_val (mailbox->watchers, ref);
  g_mutex_unlock (&mailbox->lock);
}

void
cf_mailbox_unwatch (CfMailbox *mailbox, CfConnRef ref)
{
  g_mutex_lock (&mailbox->lock);
  for (guint i = 0; i < mailbox->watchers->len; i++) {
    if (g_array_index (mailbox->watchers, CfConnRef, i) != ref)
      continue;
    g_array_remove_index_fast (mailbox->watchers, i);
    break;
  }
  g_mutex_unlock (&mailbox->lock);
}

/* ---- State ------------------------------------------------------------------------------------------- */

CfSnapshot *
cf_mailbox_ref_snapshot (CfMailbox *mailbox)
{
  CfSnapshot *snapshot;

  g_mutex_lock (&mailbox->lock);
  snapshot = mailbox->snapshot != NULL ? cf_snapshot_ref (mailbox->snapshot) : NULL;
  g_mutex_unlock (&mailbox->lock);
  return snapshot;
}

gboolean
cf_mailbox_is_stale (CfMailbox *mailbox)
{
  gboolean stale;

  g_mutex_lock (&mailbox->lock);
  stale = mailbox->is_stale || mailbox->snapshot == NULL;
  g_mutex_unlock (&mailbox->lock);
  return stale;
}

gboolean
cf_mailbox_is_beyond (CfMailbox *mailbox, guint64 modseq)
{
  gboolean beyond;

  g_mutex_lock (&mailbox->lock);
  beyond = mailbox->is_stale || mailbox->known_modseq > modseq;
  g_mutex_unlock (&mailbox->lock);
  return beyond;
}

void
cf_mailbox_set_stale (CfMailbox *mailbox)
{
  cf_mailbox_note_modseq (mailbox, G_MAXUINT64, NULL, 0);
}

void
cf_mailbox_note_modseq (CfMailbox *mailbox, guint64 modseq, const CfConnRef *except, guint n_except)
{
  GArray *refs = NULL;

  g_mutex_lock (&mailbox->lock);
  if (modseq > mailbox->known_modseq) {
    mailbox->is_stale = TRUE;
    mailbox->stale_serial++;
    refs = mailbox_copy_watchers (mailbox, except, n_except);
  }
  g_mutex_unlock (&mailbox->lock);
  mailbox_wake_all (refs);
}

void
cf_mailbox_set_gone (CfMailbox *mailbox)
{
  GArray *refs;

  cf_mailbox_table_remove (mailbox);

  g_mutex_lock (&mailbox->lock);
  mailbox->is_gone = TRUE;
  refs = mailbox_copy_watchers (mailbox, NULL, 0);
  g_mutex_unlock (&mailbox->lock);
  mailbox_wake_all (refs);
}

gboolean
cf_mailbox_is_gone (CfMailbox *mailbox)
{
  gboolean gone;

  g_mutex_lock (&mailbox->lock);
  gone = mailbox->is_gone;
  g_mutex_unlock (&mailbox->lock);
  return gone;
}

/* ---- Refreshing -------------------------------------------------------------------------------------- */

CfSnapshotReport *
cf_mailbox_begin_report (CfMailbox *mailbox)
{
  CfSnapshotReport *report;

  g_mutex_lock (&mailbox->lock);
  report = cf_snapshot_report_new (mailbox->snapshot, mailbox->id);
  cf_snapshot_report_set_known (report, mailbox->known_uid_validity, mailbox->known_modseq);
  cf_snapshot_report_set_serial (report, mailbox->stale_serial);
  g_mutex_unlock (&mailbox->lock);
  cf_snapshot_report_set_heard (report, cf_unheard_get_serial ());
  return report;
}

CfSnapshotReport *
cf_mailbox_begin_first_report (void)
{
  CfSnapshotReport *report = cf_snapshot_report_new (NULL, 0);

  cf_snapshot_report_set_heard (report, cf_unheard_get_serial ());
  return report;
}

/* Makes @next, which @report made of @current, the newest snapshot; FALSE: another came first. Under the
 * lock; the reference to @current is the caller's to drop. */
static gboolean
mailbox_swap (CfMailbox *mailbox, CfSnapshotReport *report, CfSnapshot *current, CfSnapshot *next)
{
  const CfMailboxInfo *info = cf_snapshot_report_get_info (report);

  if (mailbox->snapshot != current)
    return FALSE;
  mailbox->snapshot = cf_snapshot_ref (next);
  if (cf_snapshot_report_get_serial (report) == mailbox->stale_serial)
    mailbox->is_stale = FALSE;
  /* A later one came and was dropped from memory while this one was loaded; or news came when the mailbox was
     not in memory. */
  if (cf_snapshot_get_highest_modseq (next) < mailbox->known_modseq
      || cf_unheard_since (cf_snapshot_report_get_heard (report), mailbox->account, mailbox->id,
                           cf_snapshot_get_highest_modseq (next)))
    mailbox->is_stale = TRUE;
  mailbox->known_uid_validity = info->uid_validity;
  mailbox->known_modseq = MAX (mailbox->known_modseq, cf_snapshot_get_highest_modseq (next));
  mailbox->known_recent = MAX (mailbox->known_recent, MAX (info->recent_uid, 1));
  return TRUE;
}

/* Applies @report to the newest snapshot, however often that changes meanwhile. The new one, or NULL. */
static CfSnapshot *
mailbox_apply (CfMailbox *mailbox, CfSnapshotReport *report, const CfConnRef *except, guint n_except,
               GArray **out_wake, GError **error)
{
  for (;;) {
    g_autoptr (CfSnapshot) current = cf_mailbox_ref_snapshot (mailbox);
    g_autoptr (CfSnapshot) next = cf_snapshot_apply (current, report, error);
    gboolean swapped;

    if (next == NULL)
      return NULL;
    g_mutex_lock (&mailbox->lock);
    swapped = mailbox_swap (mailbox, report, current, next);
    if (swapped && next != current)
      *out_wake = mailbox_copy_watchers (mailbox, except, n_except);
    g_mutex_unlock (&mailbox->lock);
    if (!swapped)
      continue;
    cf_snapshot_unref (current); /* the mailbox's own reference */
    return g_steal_pointer (&next);
  }
}

/* The report cannot be used: what does that say of the mailbox? */
static void
mailbox_refuse_report (CfMailbox *mailbox, const GError *error)
{
  if (g_error_matches (error, CF_ERROR, CF_ERROR_UNAVAILABLE)) {
    cf_mailbox_set_gone (mailbox);
    return;
  }
  /* Nobody is woken: each of them would ask again, and be told the same. */
  g_mutex_lock (&mailbox->lock);
  mailbox->is_stale = TRUE;
  mailbox->stale_serial++;
  g_mutex_unlock (&mailbox->lock);
}

CfSnapshot *
cf_mailbox_publish_except (CfMailbox *mailbox, CfSnapshotReport *report, const CfConnRef *except,
                           guint n_except, GError **error)
{
  const CfMailboxInfo *info = cf_snapshot_report_get_info (report);
  g_autoptr (GError) local = NULL;
  GArray *wake = NULL;
  CfSnapshot *snapshot = NULL;

  if (cf_mailbox_is_gone (mailbox)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "The mailbox does not exist any more");
    return NULL;
  }

  if (info != NULL && info->id != mailbox->id)
    g_set_error_literal (&local, CF_ERROR, CF_ERROR_CORRUPTION,
                         "The mailbox index is inconsistent: another mailbox was reported");
  else
    snapshot = mailbox_apply (mailbox, report, except, n_except, &wake, &local);
  if (snapshot == NULL) {
    mailbox_refuse_report (mailbox, local);
    g_propagate_error (error, g_steal_pointer (&local));
    return NULL;
  }
  cf_mailbox_table_update (mailbox, info->name);
  mailbox_wake_all (wake);
  return snapshot;
}

CfSnapshot *
cf_mailbox_publish (CfMailbox *mailbox, CfSnapshotReport *report, CfConnRef except, GError **error)
{
  return cf_mailbox_publish_except (mailbox, report, &except, 1, error);
}

/* ---- \Recent ----------------------------------------------------------------------------------------- */

guint32
cf_mailbox_claim_recent (CfMailbox *mailbox, guint32 end)
{
  guint32 first;

  g_mutex_lock (&mailbox->lock);
  first = mailbox->known_recent;
  mailbox->known_recent = MAX (first, end);
  g_mutex_unlock (&mailbox->lock);
  return first;
}

guint32
cf_mailbox_get_known_recent (CfMailbox *mailbox)
{
  guint32 known;

  g_mutex_lock (&mailbox->lock);
  known = mailbox->known_recent;
  g_mutex_unlock (&mailbox->lock);
  return known;
}
