/* storage-postgresql/store.c - opening the store, and connections for workers. */
#include "store.h"

#include "dsn.h"
#include "pooler.h"
#include "schema.h"

static PGconn *
store_connect_plain (GError **error)
{
  if (store_config.dsn == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "[storage-postgresql] has no dsn");
    return NULL;
  }
  return dsn_connect (store_config.dsn, "schema", error);
}

/* The versions of the schema and of this module go together, or how that can be brought about. */
static gboolean
store_accept_version (guint version, CfStoreOpenFlags flags, GError **error)
{
  /* None at all is version 0: an upgrade makes it. */
  if (version == schema_wanted || (version < schema_wanted && (flags & CF_STORE_OPEN_UPGRADE) != 0))
    return TRUE;
  if (version == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no message store in the database");
  else if (version < schema_wanted)
    g_set_error (
        error, CF_ERROR, CF_ERROR_CANNOT,
        "The database's schema is at version %u, and this server needs %u; run: cofferctl schema upgrade",
        version, schema_wanted);
  else
    g_set_error (
        error, CF_ERROR, CF_ERROR_CANNOT,
        "The database's schema is at version %u, newer than the %u of this server: it needs a newer server",
        version, schema_wanted);
  return FALSE;
}

gboolean
slot_open (CfStoreOpenFlags flags, CfStore **out_store, GError **error)
{
  PGconn *handle = store_connect_plain (error);
  guint version;
  gboolean ok;

  if (handle == NULL)
    return FALSE;
  ok = pooler_check (handle, store_config.dsn, error) && schema_check_encoding (handle, error)
       && schema_get_version (handle, &version, error);
  if (ok && version == 0 && (flags & CF_STORE_OPEN_CREATE) != 0)
    ok = schema_run_steps (handle, NULL, NULL, &version, error);
  PQfinish (handle);
  if (!ok || !store_accept_version (version, flags, error))
    return FALSE;
  *out_store = g_new0 (CfStore, 1);
  g_mutex_init (&(*out_store)->guard.lock);
  (*out_store)->schema = version;
  return TRUE;
}

void
slot_close (CfStore *store)
{
  slot_unwatch (store);
  g_mutex_clear (&store->guard.lock);
  g_free (store);
}

gboolean
slot_connect (CfStore *store, CfStoreConn **out_conn, GError **error)
{
  Pg *pg = pg_open (store_config.dsn, "worker", &store->guard, error);

  if (pg == NULL)
    return FALSE;
  *out_conn = g_new0 (CfStoreConn, 1);
  (*out_conn)->store = store;
  (*out_conn)->pg = pg;
  return TRUE;
}

void
slot_disconnect (CfStoreConn *conn)
{
  pg_close (conn->pg);
  g_free (conn);
}

static gboolean
store_take_recovery (const Row *row, gpointer data, GError **error)
{
  if (!row_bool (row, 0))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store cannot be written to now");
  return FALSE;
}

gboolean
slot_probe (CfStoreConn *conn, const CfCall *call, GError **error)
{
  if (!pg_begin (conn->pg, call, PG_READ, error))
    return FALSE;
  pg_params (conn->pg);
  pg_send (conn->pg, STATEMENT_PROBE, store_take_recovery, NULL);
  return pg_run (conn->pg, error);
}

gboolean
slot_schema_version (CfStore *store, guint *out_current, guint *out_wanted, GError **error)
{
  *out_current = store->schema;
  *out_wanted = schema_wanted;
  return TRUE;
}

gboolean
slot_schema_upgrade (CfStore *store, CfProgressFunc progress, gpointer user_data, GError **error)
{
  PGconn *handle = store_connect_plain (error);
  gboolean ok;

  if (handle == NULL)
    return FALSE;
  ok = schema_run_steps (handle, progress, user_data, &store->schema, error);
  PQfinish (handle);
  return ok;
}

gboolean
slot_schema_describe (CfStore *store, CfTextFunc print, gpointer user_data, GError **error)
{
  for (guint step = store->schema; step < schema_wanted; step++) {
    g_autofree char *title = g_strdup_printf ("-- %s.sql\n\n", schema_steps[step].name);

    print (title, user_data);
    print (schema_steps[step].sql, user_data);
    print ("\n", user_data);
  }
  return TRUE;
}
