/* storage-postgresql/mailboxes.c - the mailbox tree. */
#include "store.h"

void
mailbox_read_info (const Row *row, CfMailboxInfo *info)
{
  *info = (CfMailboxInfo){ .struct_size = sizeof *info,
                           .id = (CfMailboxId) row_int (row, 0),
                           .name = row_text (row, 1),
                           .uid_validity = (guint32) row_int (row, 2),
                           .uid_next = (guint32) row_int (row, 3),
                           .highest_modseq = (guint64) row_int (row, 4),
                           .recent_uid = (guint32) row_int (row, 5),
                           .special_use = (guint32) row_int (row, 6) };
}

static gboolean
mailbox_report (const Row *row, gpointer data, GError **error)
{
  CfMailboxSink *sink = data;
  CfMailboxInfo info;

  mailbox_read_info (row, &info);
  sink->mailbox (sink, &info);
  return TRUE;
}

gboolean
slot_mailbox_list (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxSink *sink,
                   GError **error)
{
  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params_int8 (pg_params (conn->pg), (gint64) account);
  pg_send (conn->pg, STATEMENT_MAILBOX_LIST, mailbox_report, sink);
  return pg_run (conn->pg, error);
}

static void
mailbox_read_status (const Row *row, CfMailboxStatus *status)
{
  *status = (CfMailboxStatus){ .struct_size = sizeof *status,
                               .id = (CfMailboxId) row_int (row, 0),
                               .uid_validity = (guint32) row_int (row, 2),
                               .uid_next = (guint32) row_int (row, 3),
                               .highest_modseq = (guint64) row_int (row, 4),
                               .recent_uid = (guint32) row_int (row, 5),
                               .messages = (guint32) row_int (row, 7),
                               .unseen = (guint32) row_int (row, 8),
                               .deleted = (guint32) row_int (row, 9),
                               .octets = (guint64) row_int (row, 10),
                               .recent = (guint32) row_int (row, 11) };
}

static gboolean
mailbox_take_status (const Row *row, gpointer data, GError **error)
{
  mailbox_read_status (row, data);
  return TRUE;
}

gboolean
slot_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                     CfMailboxStatus *out_status, GError **error)
{
  CfMailboxStatus status = { 0 };
  Params *params;

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_text (params, name);
  pg_send (conn->pg, STATEMENT_MAILBOX_STATUS, mailbox_take_status, &status);
  if (!pg_run (conn->pg, error))
    return FALSE;
  if (status.id == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
    return FALSE;
  }
  *out_status = status;
  return TRUE;
}

static gboolean
mailbox_report_status (const Row *row, gpointer data, GError **error)
{
  CfStatusSink *sink = data;
  CfMailboxInfo info;
  CfMailboxStatus status;

  mailbox_read_info (row, &info);
  mailbox_read_status (row, &status);
  sink->mailbox (sink, &info, &status);
  return TRUE;
}

gboolean
slot_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *prefix,
                          CfStatusSink *sink, GError **error)
{
  Params *params;

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_text (params, prefix);
  pg_send (conn->pg, STATEMENT_MAILBOX_LIST_STATUS, mailbox_report_status, sink);
  return pg_run (conn->pg, error);
}

typedef struct {
  CfMailboxSink *sink;
  gboolean found;
} MailboxReport;

static gboolean
mailbox_report_new (const Row *row, gpointer data, GError **error)
{
  MailboxReport *report = data;

  report->found = TRUE;
  return mailbox_report (row, report->sink, error);
}

gboolean
slot_mailbox_create (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                     guint32 special_use, CfMailboxSink *sink, GError **error)
{
  MailboxReport report = { .sink = sink };
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_text (params, name);
  params_int4 (params, (gint32) special_use);
  pg_send (conn->pg, STATEMENT_MAILBOX_CREATE, mailbox_report_new, &report);
  if (!pg_run (conn->pg, error))
    return FALSE;
  if (report.found)
    watch_publish (conn->store, account, 0, 0);
  else
    g_propagate_error (error, errors_new_outcome ("ALREADYEXISTS"));
  return report.found;
}

typedef struct {
  CfMailboxId mailbox;
  guint name_hash;
} Renamed;

/* FALSE: refused. */
static gboolean
mailbox_take_renamed (const Row *row, gpointer data, GError **error)
{
  Renamed renamed;

  if (!row_is_null (row, 0)) {
    g_propagate_error (error, errors_new_outcome (row_text (row, 0)));
    return FALSE;
  }
  renamed = (Renamed){ (CfMailboxId) row_int (row, 1), g_str_hash (row_text (row, 2)) };
  g_array_append_val ((GArray *) data, renamed);
  return TRUE;
}

gboolean
slot_mailbox_rename (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *from,
                     const char *to, GError **error)
{
  g_autoptr (GArray) renamed = g_array_new (FALSE, FALSE, sizeof (Renamed));
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_text (params, from);
  params_text (params, to);
  pg_send (conn->pg, STATEMENT_MAILBOX_RENAME, mailbox_take_renamed, renamed);
  if (!pg_run (conn->pg, error))
    return FALSE;
  for (guint i = 0; i < renamed->len; i++) {
    const Renamed *row = &g_array_index (renamed, Renamed, i);

    watch_note_renamed (conn->store, account, row->mailbox, row->name_hash);
  }
  watch_publish (conn->store, account, 0, 0);
  return TRUE;
}

gboolean
slot_mailbox_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                     GError **error)
{
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_int8 (params, (gint64) mailbox);
  pg_send (conn->pg, STATEMENT_MAILBOX_DELETE, NULL, NULL);
  if (!pg_run (conn->pg, error))
    return FALSE;
  /* It stays known: that it is gone may be lost in a failover, with commits before that. */
  watch_publish (conn->store, account, mailbox, 0);
  watch_publish (conn->store, account, 0, 0);
  return TRUE;
}
