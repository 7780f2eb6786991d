/* storage-sqlite/db.h - one SQLite connection with its prepared statements, and the one place that turns
 * SQLite's result codes into CF_ERROR.
 *
 * Statements are prepared once per connection and found again by the address of their SQL text, so @sql is a
 * string literal at every call, and the SQL stands where it is used. A statement is in use until its DbRows
 * is done; the same literal must not be in use twice at a time.
 */
#ifndef STORAGE_SQLITE_DB_H
#define STORAGE_SQLITE_DB_H

#include <coffer/coffer.h>
#include <sqlite3.h>

typedef struct {
  sqlite3 *handle;
  GHashTable *statements; /* SQL text, by address, to sqlite3_stmt */
  gint64 deadline;        /* a statement that runs longer is interrupted; G_MAXINT64: none */
  const CfCall *reading;  /* instead, between begin_read and end_read: its deadline, which moves on */
  /* Asked while statements run, many times a second; FALSE ends the one that does, with CF_ERROR_NO. NULL:
   * none. */
  gboolean (*go_on) (gpointer data);
  gpointer go_on_data;
  gboolean stopped;    /* it did */
  gboolean failed;     /* SQLite reported a failure since this was last cleared */
  gboolean full;       /* ... and that was for want of room */
  char *keywords_text; /* the keyword column decoded last, as neighbours mostly carry the same */
  CfKeywords *keywords;
} Db;

/* A running statement. Freeing it ends the statement's read snapshot, unless a transaction is open. */
typedef sqlite3_stmt DbRows;
void db_rows_done (DbRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DbRows, db_rows_done)

typedef struct {
  int type; /* SQLITE_INTEGER, SQLITE_TEXT, SQLITE_BLOB or SQLITE_NULL */
  gint64 number;
  gconstpointer data;
  gsize length;
} DbValue;

/* Values to bind: borrowed until the statement is done. TEXT (NULL) is NULL. */
#define INT(x)     ((DbValue){ .type = SQLITE_INTEGER, .number = (gint64) (x) })
#define TEXT(x)    (db_text (x))
#define BLOB(x, n) ((DbValue){ .type = SQLITE_BLOB, .data = (x), .length = (n) })
#define NIL        ((DbValue){ .type = SQLITE_NULL })
DbValue db_text (const char *text);

Db *db_open (const char *path, int flags, GError **error);
void db_close (Db *db);

/* Sets @error for SQLite's result code @rc and logs SQLite's own words, which a client must not see. */
void db_set_error (Db *db, int rc, GError **error);

/* Several statements without results, not cached. */
gboolean db_script (Db *db, const char *sql, GError **error);

/* Starts a query; NULL: @error. */
#define db_query(db, error, sql, ...)                                                                        \
  (db_query_values ((db), (sql), (const DbValue[]){ __VA_ARGS__ },                                           \
                    sizeof ((const DbValue[]){ __VA_ARGS__ }) / sizeof (DbValue), (error)))
DbRows *db_query_values (Db *db, const char *sql, const DbValue *values, gsize n, GError **error);
/* 1: there is a row, in @rows. 0: no more. -1: @error. */
int db_next (Db *db, DbRows *rows, GError **error);

/* Runs a statement to its end. */
#define db_exec(db, error, sql, ...)                                                                         \
  (db_exec_values ((db), (sql), (const DbValue[]){ __VA_ARGS__ },                                            \
                   sizeof ((const DbValue[]){ __VA_ARGS__ }) / sizeof (DbValue), (error)))
gboolean db_exec_values (Db *db, const char *sql, const DbValue *values, gsize n, GError **error);

/* The first column of the first row. 1: found. 0: no row, *out is 0. -1: @error. */
#define db_get(db, out, error, sql, ...)                                                                     \
  (db_get_values ((db), (out), (sql), (const DbValue[]){ __VA_ARGS__ },                                      \
                  sizeof ((const DbValue[]){ __VA_ARGS__ }) / sizeof (DbValue), (error)))
int db_get_values (Db *db, gint64 *out, const char *sql, const DbValue *values, gsize n, GError **error);

/* Rows that the last statement changed. */
gint64 db_changes (Db *db);

/* A read transaction: all statements until its end see one moment. Nothing is to be nested. */
gboolean db_begin_read (Db *db, const CfCall *call, GError **error);
void db_end_read (Db *db);

/* Columns of the current row. The text and octets are borrowed until the next step. */
#define db_int(rows, i)         ((gint64) sqlite3_column_int64 ((rows), (i)))
#define db_column_text(rows, i) ((const char *) sqlite3_column_text ((rows), (i)))
/* The keyword set of a text column; borrowed until the next call. */
CfKeywords *db_column_keywords (Db *db, DbRows *rows, int i);

#endif
