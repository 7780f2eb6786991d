/* storage-postgresql/accounts.c - accounts, their addresses and credentials.
 *
 * An account is deleted in two steps: one commit takes away everything by which it can be reached; then its
 * messages go in bounded pieces. Should the process end between, collect goes on.
 */
#include "store.h"

/* ---- Reading ----------------------------------------------------------------------------------------- */

typedef struct {
  CfStore *store; /* whose watch is to know of the account; NULL: it need not */
  CfAccountSink *sink;
  gboolean with_credentials;
  gboolean found;
} AccountReport;

static void
account_report_credentials (const Row *row, CfAccountSink *sink)
{
  Elements kinds = row_elements (row, 6), values = row_elements (row, 7);
  const guint8 *kind, *value;
  gsize kind_length, value_length;

  while (elements_next (&kinds, &kind, &kind_length) && elements_next (&values, &value, &value_length)) {
    g_autofree char *text = g_strndup ((const char *) kind, kind_length);
    g_autoptr (GBytes) bytes = g_bytes_new (value, value_length);

    sink->credential (sink, text, bytes);
  }
}

static gboolean
account_report (const Row *row, gpointer data, GError **error)
{
  AccountReport *report = data;
  CfAccountSink *sink = report->sink;
  CfAccountInfo info = { .struct_size = sizeof info,
                         .id = (CfAccountId) row_int (row, 0),
                         .name = row_text (row, 1),
                         .disabled = row_bool (row, 2),
                         .octets = (guint64) row_int (row, 3),
                         .messages = (guint64) row_int (row, 4),
                         .last_uid_validity = (guint32) row_int (row, 8) };
  Elements addresses = row_elements (row, 5);
  const guint8 *address;
  gsize length;

  report->found = TRUE;
  if (report->store != NULL && !info.disabled)
    watch_note_account (report->store, info.id);
  sink->account (sink, &info);
  while (elements_next (&addresses, &address, &length)) {
    g_autofree char *text = g_strndup ((const char *) address, length);

    sink->address (sink, text);
  }
  if (report->with_credentials)
    account_report_credentials (row, sink);
  return TRUE;
}

gboolean
slot_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                     GError **error)
{
  AccountReport report = { .store = conn->store, .sink = sink, .with_credentials = TRUE };

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params_text (pg_params (conn->pg), address);
  pg_send (conn->pg, STATEMENT_ACCOUNT_LOOKUP, account_report, &report);
  if (!pg_run (conn->pg, error))
    return FALSE;
  if (!report.found)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such account");
  return report.found;
}

gboolean
slot_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error)
{
  AccountReport report = { .sink = sink };

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  pg_params (conn->pg);
  pg_send (conn->pg, STATEMENT_ACCOUNT_LIST, account_report, &report);
  return pg_run (conn->pg, error);
}

/* ---- Writing ----------------------------------------------------------------------------------------- */

static gboolean
account_take_id (const Row *row, gpointer data, GError **error)
{
  *(CfAccountId *) data = (CfAccountId) row_int (row, 0);
  return TRUE;
}

gboolean
slot_account_create (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                     GError **error)
{
  CfAccountId id = 0;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params_text (pg_params (conn->pg), name);
  pg_send (conn->pg, STATEMENT_ACCOUNT_CREATE, account_take_id, &id);
  if (!pg_run (conn->pg, error))
    return FALSE;
  *out_id = id;
  return TRUE;
}

gboolean
slot_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                     const CfAccountChange *change, GError **error)
{
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_int4 (params, change->disabled);
  params_text (params, change->add_address);
  params_text (params, change->remove_address);
  params_text (params, change->credential_kind);
  params_bytes (params, change->credential);
  params_int8 (params, change->last_uid_validity);
  pg_send (conn->pg, STATEMENT_ACCOUNT_CHANGE, NULL, NULL);
  if (!pg_run (conn->pg, error))
    return FALSE;
  if (change->disabled == 1)
    watch_publish (conn->store, account, CF_WATCH_CLOSED, 0);
  return TRUE;
}

static gboolean
account_take_more (const Row *row, gpointer data, GError **error)
{
  *(gboolean *) data = row_bool (row, 1);
  return TRUE;
}

gboolean
slot_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error)
{
  gboolean more = TRUE;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params_int8 (pg_params (conn->pg), (gint64) account);
  pg_send (conn->pg, STATEMENT_ACCOUNT_BEGIN_DELETE, NULL, NULL);
  if (!pg_run (conn->pg, error))
    return FALSE;
  watch_publish (conn->store, account, CF_WATCH_CLOSED, 0);
  watch_publish (conn->store, account, 0, 0);
  while (more) {
    if (!pg_begin (conn->pg, call, PG_WRITE, error))
      return FALSE;
    params_int8 (pg_params (conn->pg), (gint64) account);
    pg_send (conn->pg, STATEMENT_ACCOUNT_PURGE, account_take_more, &more);
    if (!pg_run (conn->pg, error))
      return FALSE;
  }
  return TRUE;
}
