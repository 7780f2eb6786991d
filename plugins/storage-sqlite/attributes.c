/* storage-sqlite/attributes.c - small key/value pairs of accounts, mailboxes and messages: one
 * table, one key. */
#include "store.h"

gboolean
attribute_write (Db *db, const CfAttributeTarget *target, const CfAttribute *attribute, gboolean *out_changed,
                 GError **error)
{
  gboolean ok;

  if (attribute->value == NULL)
    ok = db_exec (db, error,
                  "DELETE FROM attribute WHERE account = ? AND mailbox = ? AND uid = ? AND key = ?",
                  INT (target->account), INT (target->mailbox), INT (target->uid), TEXT (attribute->key));
  else
    ok = db_exec (db, error,
                  "INSERT INTO attribute (account, mailbox, uid, key, value) VALUES (?, ?, ?, ?, ?)"
                  " ON CONFLICT DO UPDATE SET value = excluded.value WHERE value IS NOT excluded.value",
                  INT (target->account), INT (target->mailbox), INT (target->uid), TEXT (attribute->key),
                  BLOB (g_bytes_get_data (attribute->value, NULL), g_bytes_get_size (attribute->value)));
  *out_changed = ok && db_changes (db) > 0;
  return ok;
}

/* Reports the rows of a query for uid, key and value. */
static gboolean
attribute_report (Db *db, DbRows *rows, const CfAttributeTarget *target, CfAttributeSink *sink,
                  GError **error)
{
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    CfAttributeTarget found = *target;
    CfAttribute attribute = { .struct_size = sizeof attribute };
    g_autoptr (GBytes) value = NULL;

    step = db_next (db, rows, error);
    if (step <= 0)
      break;
    attribute.key = db_column_text (rows, 1);
    found.uid = (guint32) db_int (rows, 0);
    value = g_bytes_new (sqlite3_column_blob (rows, 2), (gsize) sqlite3_column_bytes (rows, 2));
    attribute.value = value;
    sink->attribute (sink, &found, &attribute);
  }
  return step == 0;
}

gboolean
slot_attribute_get (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                    const char *prefix, CfAttributeSink *sink, GError **error)
{
  gboolean all = target->mailbox != 0 && target->uid == G_MAXUINT32;
  CfAttributeTarget reported = *target;
  /* Keys are UTF-8, which has no octet 255, and compare octet by octet: this is above all with the prefix. */
  g_autofree char *above = g_strconcat (prefix, "\xff", NULL);
  g_autoptr (DbRows) rows = NULL;

  conn->db->deadline = call->deadline;
  reported.struct_size = sizeof reported;
  rows = db_query (conn->db, error,
                   "SELECT uid, key, value FROM attribute WHERE account = ? AND mailbox = ?"
                   " AND uid BETWEEN ? AND ? AND key >= ? AND key < ? ORDER BY uid, key",
                   INT (target->account), INT (target->mailbox), INT (all ? 1 : target->uid),
                   INT (target->uid), TEXT (prefix), TEXT (above));
  return attribute_report (conn->db, rows, &reported, sink, error);
}

static gboolean
attribute_require_target (Db *db, const CfAttributeTarget *target, GError **error)
{
  gint64 ignored;
  int found;

  if (target->mailbox == 0)
    found = db_get (db, &ignored, error, "SELECT 1 FROM account WHERE id = ? AND NOT dying",
                    INT (target->account));
  else
    found = db_get (db, &ignored, error, "SELECT 1 FROM mailbox WHERE id = ? AND account = ?",
                    INT (target->mailbox), INT (target->account));
  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT,
                         target->mailbox == 0 ? "There is no such account" : "There is no such mailbox");
  return found > 0;
}

static gboolean
attribute_set (Db *db, const CfAttributeTarget *target, guint n, const CfAttribute *const *attributes,
               GError **error)
{
  gboolean changed;

  if (!attribute_require_target (db, target, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (!attribute_write (db, target, attributes[i], &changed, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
slot_attribute_set (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                    const CfAttribute *const *attributes, GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db;

  if (target->uid != 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG,
                         "A message's attributes are written by a batch");
    return FALSE;
  }
  db = writer_begin (writer, call, error);
  return db != NULL && writer_end (writer, attribute_set (db, target, n, attributes, error), error);
}
