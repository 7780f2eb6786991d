/* storage-sqlite/db.c - connections, prepared statements, errors (db.h). */
#include "db.h"

#include <string.h>

/* Virtual machine steps between two looks at the clock: some tens of microseconds. */
#define PROGRESS_STEPS    4000
#define BUSY_MILLISECONDS 5000

static gboolean
db_is_late (void *data)
{
  Db *db = data;

  gint64 deadline = db->reading != NULL ? db->reading->deadline : db->deadline;

  return deadline != G_MAXINT64 && g_get_monotonic_time () > deadline;
}

/* SQLite asks this every PROGRESS_STEPS; non-zero ends the statement with SQLITE_INTERRUPT. */
static int
db_must_end (void *data)
{
  Db *db = data;

  if (db->go_on != NULL && !db->go_on (db->go_on_data))
    db->stopped = TRUE;
  return db->stopped || db_is_late (db);
}

static void
db_finalize (gpointer statement)
{
  sqlite3_finalize (statement);
}

Db *
db_open (const char *path, int flags, GError **error)
{
  Db *db = g_new0 (Db, 1);
  int rc;

  db->deadline = G_MAXINT64;
  db->statements = g_hash_table_new_full (NULL, NULL, NULL, db_finalize);
  rc = sqlite3_open_v2 (path, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (rc != SQLITE_OK) {
    db_set_error (db, rc, error);
    db_close (db);
    return NULL;
  }
  sqlite3_busy_timeout (db->handle, BUSY_MILLISECONDS);
  sqlite3_progress_handler (db->handle, PROGRESS_STEPS, db_must_end, db);
  return db;
}

void
db_close (Db *db)
{
  if (db == NULL)
    return;
  g_hash_table_unref (db->statements);
  sqlite3_close (db->handle);
  cf_keywords_unref (db->keywords);
  g_free (db->keywords_text);
  g_free (db);
}

void
db_set_error (Db *db, int rc, GError **error)
{
  CfError code = CF_ERROR_SERVERBUG;
  const char *text = "The store contradicts itself";

  if ((rc & 0xff) == SQLITE_INTERRUPT && db->stopped) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The work was stopped");
    return;
  }

  switch (rc & 0xff) {
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    code = CF_ERROR_CORRUPTION;
    text = "Stored data is damaged";
    break;
  case SQLITE_FULL: /* the store can be asked all the same: reading goes on */
    code = CF_ERROR_LIMIT;
    db->full = TRUE;
    text = "The store is full";
    break;
  case SQLITE_INTERRUPT:
    code = CF_ERROR_UNAVAILABLE;
    text = "The store did not answer in time";
    break;
  case SQLITE_IOERR:
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_CANTOPEN:
  case SQLITE_NOMEM:
  case SQLITE_PERM:
  case SQLITE_READONLY:
  case SQLITE_PROTOCOL:
    code = CF_ERROR_UNAVAILABLE;
    text = "The store is not available";
    break;
  default:
    break;
  }
  db->failed = TRUE;
  g_message ("storage-sqlite: %s (result code %d)",
             db->handle != NULL ? sqlite3_errmsg (db->handle) : sqlite3_errstr (rc), rc);
  g_set_error_literal (error, CF_ERROR, code, text);
}

gboolean
db_script (Db *db, const char *sql, GError **error)
{
  int rc = sqlite3_exec (db->handle, sql, NULL, NULL, NULL);

  if (rc == SQLITE_OK)
    return TRUE;
  db_set_error (db, rc, error);
  return FALSE;
}

DbValue
db_text (const char *text)
{
  if (text == NULL)
    return NIL;
  return (DbValue){ .type = SQLITE_TEXT, .data = text, .length = strlen (text) };
}

static int
db_bind (sqlite3_stmt *statement, int i, const DbValue *value)
{
  switch (value->type) {
  case SQLITE_INTEGER:
    return sqlite3_bind_int64 (statement, i, value->number);
  case SQLITE_TEXT:
    return sqlite3_bind_text64 (statement, i, value->data, value->length, SQLITE_STATIC, SQLITE_UTF8);
  case SQLITE_BLOB:
    /* A NULL pointer would bind NULL, and an empty blob is not that. */
    return sqlite3_bind_blob64 (statement, i, value->data != NULL ? value->data : "", value->length,
                                SQLITE_STATIC);
  default:
    return sqlite3_bind_null (statement, i);
  }
}

DbRows *
db_query_values (Db *db, const char *sql, const DbValue *values, gsize n, GError **error)
{
  sqlite3_stmt *statement = g_hash_table_lookup (db->statements, sql);
  int rc = SQLITE_OK;

  if (statement == NULL) {
    rc = sqlite3_prepare_v3 (db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (rc == SQLITE_OK)
      g_hash_table_insert (db->statements, (gpointer) sql, statement);
  }
  for (gsize i = 0; rc == SQLITE_OK && i < n; i++)
    rc = db_bind (statement, (int) i + 1, &values[i]);
  if (rc == SQLITE_OK)
    return statement;
  db_set_error (db, rc, error);
  return NULL;
}

int
db_next (Db *db, DbRows *rows, GError **error)
{
  int rc = sqlite3_step (rows);

  if (rc == SQLITE_ROW)
    return 1;
  if (rc == SQLITE_DONE)
    return 0;
  db_set_error (db, rc, error);
  return -1;
}

void
db_rows_done (DbRows *rows)
{
  sqlite3_reset (rows);
  sqlite3_clear_bindings (rows);
}

gboolean
db_exec_values (Db *db, const char *sql, const DbValue *values, gsize n, GError **error)
{
  g_autoptr (DbRows) rows = db_query_values (db, sql, values, n, error);
  int step = rows != NULL ? 1 : -1;

  while (step > 0)
    step = db_next (db, rows, error);
  return step == 0;
}

int
db_get_values (Db *db, gint64 *out, const char *sql, const DbValue *values, gsize n, GError **error)
{
  g_autoptr (DbRows) rows = db_query_values (db, sql, values, n, error);
  int step;

  if (rows == NULL)
    return -1;
  step = db_next (db, rows, error);
  *out = step > 0 ? db_int (rows, 0) : 0;
  return step;
}

gint64
db_changes (Db *db)
{
  return sqlite3_changes64 (db->handle);
}

gboolean
db_begin_read (Db *db, const CfCall *call, GError **error)
{
  gboolean ok = FALSE;

  db->reading = call;
  if (db_is_late (db))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
  else
    ok = db_exec (db, error, "BEGIN");
  if (!ok)
    db->reading = NULL;
  return ok;
}

void
db_end_read (Db *db)
{
  /* Without the deadline, which may be what ended the statements before. */
  db->reading = NULL;
  db->deadline = G_MAXINT64;
  db_exec (db, NULL, "ROLLBACK");
}

CfKeywords *
db_column_keywords (Db *db, DbRows *rows, int i)
{
  const char *text = db_column_text (rows, i);

  if (text == NULL || *text == '\0')
    return NULL;
  if (g_strcmp0 (text, db->keywords_text) != 0) {
    cf_keywords_unref (db->keywords);
    g_free (db->keywords_text);
    db->keywords = cf_keywords_from_string (text);
    db->keywords_text = g_strdup (text);
  }
  return db->keywords;
}
