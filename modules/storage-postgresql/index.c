/* storage-postgresql/index.c - a mailbox's rows, and the difference from an earlier moment.
 *
 * A report is one statement, so that all of it is of one moment: coffer.index_report(), or, for a whole
 * mailbox, a query that does not gather the rows before it gives the first. In a commit nothing else could
 * change between two anyway, as the mailbox is locked.
 */
#include "store.h"

void
index_read_row (Pg *pg, const Row *from, int first, CfIndexRow *row)
{
  *row = (CfIndexRow){ .struct_size = sizeof *row,
                       .uid = (guint32) row_int (from, first),
                       .flags = (guint16) row_int (from, first + 1),
                       .zone = (gint16) row_int (from, first + 2),
                       .internal_date = row_int (from, first + 3),
                       .save_date = row_int (from, first + 4),
                       .modseq = (guint64) row_int (from, first + 5),
                       .size = (guint64) row_int (from, first + 6),
                       .content = (CfContentId) row_int (from, first + 7),
                       .keywords = pg_keywords (pg, row_text (from, first + 8)) };
}

static gboolean
index_take_mailbox (const Row *row, IndexReport *report, GError **error)
{
  CfIndexSink *sink = report->sink;
  g_autoptr (CfUidSet) expunged = cf_uid_set_new ();
  CfMailboxInfo info;

  mailbox_read_info (row, &info);
  report->state = (KnownMailbox){ .account = report->account,
                                  .mailbox = info.id,
                                  .modseq = info.highest_modseq,
                                  .uid_validity = info.uid_validity,
                                  .name_hash = g_str_hash (info.name) };
  info.recent_uid = MAX (info.recent_uid, report->known_recent);
  if (!row_multirange (row, 8, expunged)) {
    errors_set_damaged (error);
    return FALSE;
  }
  if (sink == NULL)
    return TRUE;
  sink->mailbox (sink, &info);
  if (g_strcmp0 (row_text (row, 7), "reset") == 0)
    sink->reset (sink);
  if (!cf_uid_set_is_empty (expunged))
    sink->expunged (sink, expunged);
  return TRUE;
}

static gboolean
index_take (const Row *from, gpointer data, GError **error)
{
  IndexReport *report = data;
  CfIndexRow row;

  if (!row_is_null (from, 0))
    return index_take_mailbox (from, report, error);
  index_read_row (report->conn->pg, from, 9, &row);
  report->sink->row (report->sink, &row);
  return TRUE;
}

static Params *
index_params (IndexReport *report, CfMailboxId id, const char *name)
{
  Params *params = pg_params (report->conn->pg);

  params_int8 (params, (gint64) report->account);
  params_int8 (params, (gint64) id);
  params_text (params, name);
  return params;
}

void
index_send_report (IndexReport *report, CfMailboxId id, const char *name, CfMailboxId since_of)
{
  Params *params = index_params (report, id, name);

  if (report->sink != NULL && report->since == 0) {
    pg_send (report->conn->pg, STATEMENT_INDEX_ALL, index_take, report);
    return;
  }
  /* The mailbox alone is -1 to the schema's functions. */
  if (report->sink == NULL || report->since == G_MAXUINT64)
    params_int8 (params, -1);
  else
    params_uint8 (params, report->since);
  params_int8 (params, (gint64) since_of);
  pg_send (report->conn->pg, STATEMENT_INDEX_REPORT, index_take, report);
}

void
index_note_report (const IndexReport *report, gboolean own)
{
  if (report->state.mailbox != 0)
    watch_note (report->conn->store, &report->state, own);
}

/* The claim comes last, so that the mailbox's row is not locked while a large mailbox is read. What arrives
 * between is claimed with it: this process gives it to the first of its sessions that sees it. */
gboolean
slot_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                 GError **error)
{
  IndexReport report = { .conn = conn,
                         .account = query->account,
                         .sink = sink,
                         .since = query->since,
                         .known_recent = query->known_recent };
  const char *name = query->mailbox == 0 ? query->name : NULL;

  if (!pg_begin (conn->pg, call, query->claim_recent ? PG_WRITE_LAX : PG_READ, error))
    return FALSE;
  /* A large mailbox may take longer than an ordinary call, as long as rows come. */
  if (query->since == 0)
    pg_set_timeout (conn->pg, FALSE);
  index_send_report (&report, query->mailbox, name, query->since_of);
  if (query->claim_recent) {
    if (query->since == 0)
      pg_set_timeout (conn->pg, TRUE);
    index_params (&report, query->mailbox, name);
    pg_send (conn->pg, STATEMENT_INDEX_CLAIM, NULL, NULL);
  }
  if (!pg_run (conn->pg, error))
    return FALSE;
  index_note_report (&report, FALSE);
  if (report.state.mailbox == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
    return FALSE;
  }
  return TRUE;
}
