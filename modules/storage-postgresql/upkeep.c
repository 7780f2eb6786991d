/* storage-postgresql/upkeep.c - collection, backup, and renewal after a restore. */
#include "store.h"

typedef struct {
  guint64 freed;
  gboolean more;
} Collected;

static gboolean
collect_take (const Row *row, gpointer data, GError **error)
{
  Collected *collected = data;

  collected->freed = (guint64) row_int (row, 0);
  collected->more = row_bool (row, 1);
  return TRUE;
}

static gboolean
collect_take_trimmed (const Row *row, gpointer data, GError **error)
{
  Collected *collected = data;

  collected->more = collected->more || row_bool (row, 0);
  return TRUE;
}

gboolean
slot_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed, gboolean *out_more,
              GError **error)
{
  gint64 keep_logins = store_config.keep_logins;
  Collected collected = { 0 };

  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  params_int8 (pg_params (conn->pg), (gint64) MIN (grace, G_MAXINT32));
  pg_send (conn->pg, STATEMENT_COLLECT, collect_take, &collected);
  if (keep_logins > 0) {
    params_int8 (pg_params (conn->pg), keep_logins);
    pg_send (conn->pg, STATEMENT_LOGIN_AUDIT_TRIM, collect_take_trimmed, &collected);
  }
  if (!pg_run (conn->pg, error))
    return FALSE;
  *out_freed = collected.freed;
  *out_more = collected.more;
  return TRUE;
}

/* PostgreSQL's own business: its programs take consistent copies while the store serves. */
gboolean
slot_backup (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
             gpointer user_data, GError **error)
{
  g_set_error_literal (
      error, CF_ERROR, CF_ERROR_NOT_SUPPORTED,
      "A store on PostgreSQL is backed up by PostgreSQL's own programs, pg_dump or pg_basebackup: "
      "see the operator's guide, \"On PostgreSQL\"");
  return FALSE;
}

gboolean
slot_restored (CfStoreConn *conn, const CfCall *call, GError **error)
{
  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  pg_params (conn->pg);
  pg_send (conn->pg, STATEMENT_RESTORED, NULL, NULL);
  if (!pg_run (conn->pg, error)) /* which has told all nodes */
    return FALSE;
  pg_forget_ids (conn->pg); /* they are of before */
  return TRUE;
}
