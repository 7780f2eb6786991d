/* core/mailbox/snapshot-report.c - collecting what a store reports, and making the next snapshot of it
 * (snapshot.h).
 *
 * Rows are collected in chunks as a snapshot has them, so that a mailbox that is loaded whole is not copied
 * again. A plugin can be wrong: each call is checked as it comes, the first contradiction is kept and the
 * rest passed over, so that what is applied is known to be in order.
 *
 * Reports can be applied in another order than the commits they came from. Each is a statement of the form
 * "the difference from since to highest", and since is no later than what it is applied to: so rows
 * replace rows, expunges remove what is there, and a report that ends before the current snapshot does has
 * nothing to add.
 */
#include "mailbox/snapshot-private.h"

#include <stddef.h>

/* What every plugin's CfIndexRow and CfMailboxInfo have, whichever minor version it was built against. */
#define ROW_SIZE_MIN  (offsetof (CfIndexRow, keywords) + sizeof (const CfKeywords *))
#define INFO_SIZE_MIN (offsetof (CfMailboxInfo, special_use) + sizeof (guint32))

/* Rows between two calls of the progress function. */
#define PROGRESS_ROWS 1024

struct _CfSnapshotReport {
  CfIndexSink sink; /* first */
  CfSnapshot *base; /* or NULL: everything was asked for */
  CfMailboxId mailbox;
  guint64 since;
  guint32 known_uid_validity; /* 0: not known */
  guint64 known_modseq;
  guint serial;
  guint64 heard;

  const char *fault; /* the first contradiction; NULL: none */
  gboolean has_info, is_reset;
  CfMailboxInfo info;
  char *name;
  CfUidSet *expunged;
  CfSnapshotBuilder rows;
  guint32 last_uid;
  guint n_rows;
  CfSnapshotReportFunc progress;
  gpointer progress_data;
};

/* ---- Collecting -------------------------------------------------------------------------------------- */

static void
report_fault (CfSnapshotReport *report, const char *fault)
{
  if (report->fault == NULL)
    report->fault = fault;
}

static void
report_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
  CfSnapshotReport *report = (CfSnapshotReport *) sink;

  if (report->has_info || info->struct_size < INFO_SIZE_MIN) {
    report_fault (report, "the mailbox is reported twice, or by a struct that is too short");
    return;
  }
  report->has_info = TRUE;
  report->info = (CfMailboxInfo){
    .struct_size = sizeof report->info,
    .id = info->id,
    .uid_validity = info->uid_validity,
    .uid_next = info->uid_next,
    .highest_modseq = info->highest_modseq,
    .recent_uid = info->recent_uid,
    .special_use = info->special_use,
  };
  report->name = g_strdup (info->name);
  report->info.name = report->name;
  if (info->id == 0 || info->uid_validity == 0 || info->uid_next == 0 || info->highest_modseq == 0)
    report_fault (report, "the mailbox has an id, UIDVALIDITY, UIDNEXT or HIGHESTMODSEQ of 0");

  /* since_of: another mailbox has that name now, and all of it is reported. */
  if (report->mailbox != 0 && info->id != report->mailbox && report->since != G_MAXUINT64) {
    g_clear_pointer (&report->base, cf_snapshot_unref);
    report->since = 0;
    report->known_uid_validity = 0;
    report->known_modseq = 0;
  }
}

/* Whether rows and the like are wanted now. */
static gboolean
report_accepts (CfSnapshotReport *report)
{
  if (!report->has_info)
    report_fault (report, "rows come before the mailbox");
  return report->fault == NULL && report->since != G_MAXUINT64;
}

static void
report_reset (CfIndexSink *sink)
{
  CfSnapshotReport *report = (CfSnapshotReport *) sink;

  if (!report_accepts (report))
    return;
  if (report->last_uid != 0 || !cf_uid_set_is_empty (report->expunged))
    report_fault (report, "reset comes after rows");
  report->is_reset = TRUE;
}

static void
report_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
  CfSnapshotReport *report = (CfSnapshotReport *) sink;
  gsize n = cf_uid_set_get_n_ranges (uids);

  if (!report_accepts (report) || n == 0)
    return;
  if (cf_uid_set_get_range (uids, n - 1).last >= report->info.uid_next)
    report_fault (report, "a UID at or above UIDNEXT was expunged");
  else
    cf_uid_set_add_set (report->expunged, uids);
}

static void
report_row (CfIndexSink *sink, const CfIndexRow *row)
{
  CfSnapshotReport *report = (CfSnapshotReport *) sink;

  if (!report_accepts (report))
    return;
  if (row->struct_size < ROW_SIZE_MIN)
    report_fault (report, "a row's struct is too short");
  else if (row->uid <= report->last_uid)
    report_fault (report, "rows are not in ascending order of UID");
  else if (row->uid >= report->info.uid_next)
    report_fault (report, "a row's UID is not below UIDNEXT");
  else if (row->modseq == 0 || row->modseq > report->info.highest_modseq)
    report_fault (report, "a row's MODSEQ is 0 or above the mailbox's highest");
  else
    cf_snapshot_builder_add_row (&report->rows, row);
  report->last_uid = row->uid;
  if (++report->n_rows % PROGRESS_ROWS == 0 && report->progress != NULL)
    report->progress (report->progress_data);
}

CfSnapshotReport *
cf_snapshot_report_new (CfSnapshot *base, CfMailboxId mailbox)
{
  CfSnapshotReport *report = g_new0 (CfSnapshotReport, 1);

  report->sink = (CfIndexSink){ .struct_size = sizeof (CfIndexSink),
                                .mailbox = report_mailbox,
                                .reset = report_reset,
                                .expunged = report_expunged,
                                .row = report_row };
  report->mailbox = mailbox;
  report->expunged = cf_uid_set_new ();
  cf_snapshot_builder_init (&report->rows);
  if (base != NULL) {
    report->base = cf_snapshot_ref (base);
    report->since = base->highest_modseq;
    cf_snapshot_report_set_known (report, base->uid_validity, base->highest_modseq);
  }
  return report;
}

CfSnapshotReport *
cf_snapshot_report_new_info (CfMailboxId mailbox)
{
  CfSnapshotReport *report = cf_snapshot_report_new (NULL, mailbox);

  report->since = G_MAXUINT64;
  return report;
}

void
cf_snapshot_report_free (CfSnapshotReport *report)
{
  if (report == NULL)
    return;
  cf_snapshot_unref (report->base);
  cf_uid_set_free (report->expunged);
  cf_snapshot_builder_clear (&report->rows);
  g_free (report->name);
  g_free (report);
}

void
cf_snapshot_report_lower_since (CfSnapshotReport *report, guint64 since)
{
  if (report->base != NULL)
    report->since = MIN (report->since, since);
}

void
cf_snapshot_report_set_known (CfSnapshotReport *report, guint32 uid_validity, guint64 modseq)
{
  report->known_uid_validity = uid_validity;
  report->known_modseq = modseq;
}

void
cf_snapshot_report_set_serial (CfSnapshotReport *report, guint serial)
{
  report->serial = serial;
}

guint
cf_snapshot_report_get_serial (const CfSnapshotReport *report)
{
  return report->serial;
}

void
cf_snapshot_report_set_heard (CfSnapshotReport *report, guint64 heard)
{
  report->heard = heard;
}

guint64
cf_snapshot_report_get_heard (const CfSnapshotReport *report)
{
  return report->heard;
}

void
cf_snapshot_report_set_progress (CfSnapshotReport *report, CfSnapshotReportFunc func, gpointer user_data)
{
  report->progress = func;
  report->progress_data = user_data;
}

guint64
cf_snapshot_report_get_since (const CfSnapshotReport *report)
{
  return report->since;
}

CfIndexSink *
cf_snapshot_report_get_sink (CfSnapshotReport *report)
{
  return &report->sink;
}

const CfMailboxInfo *
cf_snapshot_report_get_info (const CfSnapshotReport *report)
{
  return report->has_info ? &report->info : NULL;
}

gboolean
cf_snapshot_report_is_reset (const CfSnapshotReport *report)
{
  return report->is_reset;
}

const CfUidSet *
cf_snapshot_report_get_expunged (const CfSnapshotReport *report)
{
  return report->expunged;
}

/* ---- Applying ---------------------------------------------------------------------------------------- */

/* The rows of a report, in order. */
typedef struct {
  const GArray *entries;
  guint entry, row;
} RowCursor;

static const CfIndexRow *
cursor_peek (const RowCursor *cursor)
{
  if (cursor->entry == cursor->entries->len)
    return NULL;
  return &g_array_index (cursor->entries, CfSnapshotEntry, cursor->entry).chunk->rows[cursor->row];
}

static void
cursor_advance (RowCursor *cursor)
{
  cursor->row++;
  if (cursor->row == g_array_index (cursor->entries, CfSnapshotEntry, cursor->entry).chunk->n) {
    cursor->entry++;
    cursor->row = 0;
  }
}

static gboolean
apply_corrupt (const char *fault, GError **error)
{
  g_set_error (error, CF_ERROR, CF_ERROR_CORRUPTION, "The mailbox index is inconsistent: %s", fault);
  return FALSE;
}

/* A row that @known does not have must have arrived since. */
static gboolean
apply_check_new (const CfSnapshot *known, const CfIndexRow *row, GError **error)
{
  if (row->uid >= known->uid_next)
    return TRUE;
  return apply_corrupt ("a message appeared below UIDNEXT", error);
}

/* One chunk of @known that the report has something to say about. */
static gboolean
apply_merge_chunk (const CfSnapshot *known, const CfSnapshotChunk *chunk, const CfUidSet *expunged,
                   RowCursor *news, CfSnapshotBuilder *builder, GError **error)
{
  cf_snapshot_builder_reopen (builder);
  for (guint i = 0; i < chunk->n; i++) {
    const CfIndexRow *row = &chunk->rows[i], *replacement = cursor_peek (news);

    if (replacement != NULL && replacement->uid < row->uid)
      return apply_check_new (known, replacement, error);
    if (replacement != NULL && replacement->uid == row->uid) {
      cf_snapshot_builder_add_row (builder, replacement);
      cursor_advance (news);
    } else if (!cf_uid_set_contains (expunged, row->uid)) {
      cf_snapshot_builder_add_row (builder, row);
    }
  }
  return TRUE;
}

/* Whether @expunged has a UID from @first to @last; @range moves along. */
static gboolean
apply_meets_expunged (const CfUidSet *expunged, gsize *range, guint32 first, guint32 last)
{
  while (*range < cf_uid_set_get_n_ranges (expunged) && cf_uid_set_get_range (expunged, *range).last < first)
    (*range)++;
  return *range < cf_uid_set_get_n_ranges (expunged) && cf_uid_set_get_range (expunged, *range).first <= last;
}

static gboolean
apply_difference (const CfSnapshot *known, const CfSnapshotReport *report, CfSnapshotBuilder *builder,
                  GError **error)
{
  RowCursor news = { report->rows.entries, 0, 0 };
  const CfIndexRow *row;
  gsize range = 0;

  for (guint i = 0; i < known->n_chunks; i++) {
    CfSnapshotChunk *chunk = known->chunks[i].chunk;
    guint32 last = known->chunks[i].last_uid;
    gboolean is_last = i + 1 == known->n_chunks;

    row = cursor_peek (&news);
    if ((row != NULL && (row->uid <= last || (is_last && chunk->n < CF_SNAPSHOT_CHUNK_MAX)))
        || (builder->open != NULL && chunk->n < CF_SNAPSHOT_CHUNK_LOW)
        || apply_meets_expunged (report->expunged, &range, chunk->rows[0].uid, last)) {
      if (!apply_merge_chunk (known, chunk, report->expunged, &news, builder, error))
        return FALSE;
    } else {
      cf_snapshot_builder_add_chunk (builder, chunk);
    }
  }
  for (; (row = cursor_peek (&news)) != NULL; cursor_advance (&news)) {
    if (!apply_check_new (known, row, error))
      return FALSE;
    cf_snapshot_builder_add_row (builder, row);
  }
  return TRUE;
}

/* All rows were reported: the chunks are taken as they are. */
static gboolean
apply_everything (const CfSnapshot *known, const CfSnapshotReport *report, CfSnapshotBuilder *builder,
                  GError **error)
{
  RowCursor news = { report->rows.entries, 0, 0 };

  for (const CfIndexRow *row;
       known != NULL && (row = cursor_peek (&news)) != NULL && row->uid < known->uid_next;
       cursor_advance (&news))
    if (cf_snapshot_lookup_uid (known, row->uid, NULL) == NULL && !apply_check_new (known, row, error))
      return FALSE;
  for (guint i = 0; i < report->rows.entries->len; i++)
    cf_snapshot_builder_add_chunk (builder, g_array_index (report->rows.entries, CfSnapshotEntry, i).chunk);
  return TRUE;
}

static gboolean
apply_check_report (const CfSnapshotReport *report, GError **error)
{
  if (report->fault != NULL)
    return apply_corrupt (report->fault, error);
  if (!report->has_info || report->since == G_MAXUINT64)
    return apply_corrupt ("nothing was reported of the mailbox", error);
  if ((report->known_uid_validity != 0 && report->known_uid_validity != report->info.uid_validity)
      || report->info.highest_modseq < report->known_modseq) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE,
                         "The mailbox was restored to an earlier state; select it again");
    return FALSE;
  }
  return TRUE;
}

/* No report has a row and its expunge: a UID never comes back. */
static gboolean
apply_check_expunged (const CfSnapshotReport *report, GError **error)
{
  RowCursor news = { report->rows.entries, 0, 0 };

  if (cf_uid_set_is_empty (report->expunged))
    return TRUE;
  for (const CfIndexRow *row; (row = cursor_peek (&news)) != NULL; cursor_advance (&news))
    if (cf_uid_set_contains (report->expunged, row->uid))
      return apply_corrupt ("a message is reported as there and as expunged", error);
  return TRUE;
}

CfSnapshot *
cf_snapshot_apply (CfSnapshot *current, CfSnapshotReport *report, GError **error)
{
  CfSnapshot *known = current != NULL ? current : report->base;
  CfSnapshotBuilder builder;
  gboolean built;

  if (!apply_check_report (report, error))
    return NULL;
  if (known != NULL && known->uid_validity != report->info.uid_validity) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE,
                         "The mailbox has another UIDVALIDITY; select it again");
    return NULL;
  }
  if (report->base != NULL && known->highest_modseq < report->base->highest_modseq)
    known = report->base;
  if (known != NULL && report->info.highest_modseq <= known->highest_modseq)
    return cf_snapshot_ref (known);
  if (known != NULL && report->info.uid_next < known->uid_next) {
    apply_corrupt ("UIDNEXT fell", error);
    return NULL;
  }
  cf_snapshot_builder_seal (&report->rows);
  if (!apply_check_expunged (report, error))
    return NULL;

  cf_snapshot_builder_init (&builder);
  if (report->is_reset || report->since == 0)
    built = apply_everything (known, report, &builder, error);
  else
    built = apply_difference (known, report, &builder, error);
  if (!built) {
    cf_snapshot_builder_clear (&builder);
    return NULL;
  }
  return cf_snapshot_builder_finish (&builder, &report->info);
}
