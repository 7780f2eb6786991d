/* storage-postgresql/attributes.c - small key/value pairs of accounts, mailboxes and messages: one table, one
 * key. */
#include "store.h"

typedef struct {
  const CfAttributeTarget *target;
  CfAttributeSink *sink;
} AttributeReport;

static gboolean
attribute_report (const Row *row, gpointer data, GError **error)
{
  AttributeReport *report = data;
  CfAttributeTarget found = *report->target;
  CfAttribute attribute = { .struct_size = sizeof attribute, .key = row_text (row, 1) };
  gsize length;
  gconstpointer octets = row_octets (row, 2, &length);
  g_autoptr (GBytes) value = g_bytes_new (octets, length);

  found.struct_size = sizeof found;
  found.uid = (guint32) row_int (row, 0);
  attribute.value = value;
  report->sink->attribute (report->sink, &found, &attribute);
  return TRUE;
}

gboolean
slot_attribute_get (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                    const char *prefix, CfAttributeSink *sink, GError **error)
{
  gboolean all = target->mailbox != 0 && target->uid == G_MAXUINT32;
  AttributeReport report = { target, sink };
  Params *params;

  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) target->account);
  params_int8 (params, (gint64) target->mailbox);
  params_int8 (params, all ? 1 : target->uid);
  params_int8 (params, target->uid);
  params_text (params, prefix);
  pg_send (conn->pg, STATEMENT_ATTRIBUTE_GET, attribute_report, &report);
  return pg_run (conn->pg, error);
}

gboolean
slot_attribute_set (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                    const CfAttribute *const *attributes, GError **error)
{
  Params *params;

  if (target->uid != 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG,
                         "A message's attributes are written by a batch");
    return FALSE;
  }
  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) target->account);
  params_int8 (params, (gint64) target->mailbox);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, attributes[i]->key);
  params_array_end (params);
  params_array_begin (params, TYPE_BYTEA);
  for (guint i = 0; i < n; i++)
    params_element_bytea (params, attributes[i]->value);
  params_array_end (params);
  pg_send (conn->pg, STATEMENT_ATTRIBUTE_SET, NULL, NULL);
  if (!pg_run (conn->pg, error))
    return FALSE;
  /* Subscriptions are among the account's. */
  if (target->mailbox == 0)
    watch_publish (conn->store, target->account, 0, 0);
  return TRUE;
}
