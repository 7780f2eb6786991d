/* storage-postgresql/upkeep.c - collection, and renewal after a restore.
 *
 * A backup is PostgreSQL's own business: pg_dump, pg_basebackup and archived logs take consistent copies
 * while the store serves, so this store has no backup slot.
 */
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

gboolean
slot_restored (CfStoreConn *conn, const CfCall *call, GError **error)
{
  if (!pg_begin (conn->pg, call, PG_WRITE, error))
    return FALSE;
  pg_params (conn->pg);
  pg_send (conn->pg, STATEMENT_RESTORED, NULL, NULL);
  return pg_run (conn->pg, error); /* which has told all nodes */
}
