/* storage-postgresql/logins.c - the audit of logins, and how many each account has a day.
 *
 * A batch is one statement, whose parameters are arrays with an element for each login. Old rows go with
 * collection (upkeep.c).
 */
#include "store.h"

static const char *
login_outcome_name (CfLoginOutcome outcome)
{
  switch (outcome) {
  case CF_LOGIN_OK:
    return "ok";
  case CF_LOGIN_FAILED:
    return "failed";
  case CF_LOGIN_REFUSED:
  default:
    return "refused";
  }
}

static void
login_add_texts (Params *params, guint n, const CfLoginRecord *const *records, gsize offset)
{
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, G_STRUCT_MEMBER (const char *, records[i], offset));
  params_array_end (params);
}

static void
login_add_records (Params *params, guint n, const CfLoginRecord *const *records)
{
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, records[i]->at);
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) records[i]->account);
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, login_outcome_name (records[i]->outcome));
  params_array_end (params);
  login_add_texts (params, n, records, G_STRUCT_OFFSET (CfLoginRecord, name));
  login_add_texts (params, n, records, G_STRUCT_OFFSET (CfLoginRecord, remote));
  login_add_texts (params, n, records, G_STRUCT_OFFSET (CfLoginRecord, mechanism));
  login_add_texts (params, n, records, G_STRUCT_OFFSET (CfLoginRecord, actor));
  login_add_texts (params, n, records, G_STRUCT_OFFSET (CfLoginRecord, reason));
}

gboolean
slot_note_logins (CfStoreConn *conn, const CfCall *call, guint n, const CfLoginRecord *const *records,
                  GError **error)
{
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_text (params, store_config.node != NULL ? store_config.node : g_get_host_name ());
  params_bool (params, store_config.login_audit);
  login_add_records (params, n, records);
  pg_send (conn->pg, STATEMENT_LOGINS_NOTE, NULL, NULL);
  return pg_run (conn->pg, error);
}
