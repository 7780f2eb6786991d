/* storage-sqlite/accounts.c - accounts, their addresses and credentials.
 *
 * An account is deleted in two steps: one commit makes it dying, without addresses, credentials or mailboxes,
 * so that nobody reaches it; then its messages go in bounded pieces, as removing millions of rows in one
 * transaction would stop every other writer. Should the process end between, collect goes on.
 */
#include "store.h"

static void
account_set_missing (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such account");
}

gboolean
account_require (Db *db, CfAccountId account, GError **error)
{
  gint64 id;
  int found = db_get (db, &id, error, "SELECT id FROM account WHERE id = ? AND NOT dying", INT (account));

  if (found == 0)
    account_set_missing (error);
  return found > 0;
}

static gboolean
account_add_address (Db *db, CfAccountId account, const char *address, GError **error)
{
  gint64 owner;
  int found = db_get (db, &owner, error, "SELECT account FROM address WHERE address = ?", TEXT (address));

  if (found > 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "The address belongs to an account");
  return found == 0
         && db_exec (db, error, "INSERT INTO address (address, account) VALUES (?, ?)", TEXT (address),
                     INT (account));
}

static gboolean
account_insert (Db *db, const char *name, CfAccountId *out_id, GError **error)
{
  gint64 id;
  CfMailboxId inbox;
  int found = db_get (db, &id, error, "SELECT id FROM account WHERE name = ?", TEXT (name));

  if (found > 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "The address belongs to an account");
  if (found != 0
      || !db_exec (db, error, "INSERT INTO account (name, created) VALUES (?, ?)", TEXT (name),
                   INT (g_get_real_time () / G_USEC_PER_SEC)))
    return FALSE;
  *out_id = (CfAccountId) sqlite3_last_insert_rowid (db->handle);
  return account_add_address (db, *out_id, name, error)
         && mailbox_insert (db, *out_id, "INBOX", 0, &inbox, error);
}

gboolean
slot_account_create (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                     GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);
  CfAccountId id = 0;

  if (db == NULL || !writer_end (writer, account_insert (db, name, &id, error), error))
    return FALSE;
  *out_id = id;
  return TRUE;
}

#define ACCOUNT_COLUMNS                                                                                      \
  "a.id, a.name, a.disabled,"                                                                                \
  " coalesce((SELECT sum(octets) FROM mailbox m WHERE m.account = a.id), 0),"                                \
  " coalesce((SELECT sum(messages) FROM mailbox m WHERE m.account = a.id), 0), a.last_uid_validity"

static void
account_report (DbRows *rows, CfAccountSink *sink)
{
  CfAccountInfo info = { .struct_size = sizeof info,
                         .id = (CfAccountId) db_int (rows, 0),
                         .name = db_column_text (rows, 1),
                         .disabled = db_int (rows, 2) != 0,
                         .octets = (guint64) db_int (rows, 3),
                         .messages = (guint64) db_int (rows, 4),
                         .last_uid_validity = (guint32) db_int (rows, 5) };

  sink->account (sink, &info);
}

static gboolean
account_report_addresses (Db *db, gint64 account, CfAccountSink *sink, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, "SELECT address FROM address WHERE account = ? ORDER BY address", INT (account));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0)
      sink->address (sink, db_column_text (rows, 0));
  }
  return step == 0;
}

static gboolean
account_report_credentials (Db *db, gint64 account, CfAccountSink *sink, GError **error)
{
  g_autoptr (DbRows) rows = db_query (
      db, error, "SELECT kind, value FROM credential WHERE account = ? ORDER BY kind", INT (account));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      g_autoptr (GBytes) value
          = g_bytes_new (sqlite3_column_blob (rows, 1), (gsize) sqlite3_column_bytes (rows, 1));

      sink->credential (sink, db_column_text (rows, 0), value);
    }
  }
  return step == 0;
}

static gboolean
account_read (Db *db, const char *address, CfAccountSink *sink, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error,
                  "SELECT " ACCOUNT_COLUMNS " FROM address d JOIN account a ON a.id = d.account"
                  " WHERE d.address = ? AND NOT a.dying",
                  TEXT (address));
  int step = rows != NULL ? db_next (db, rows, error) : -1;
  gint64 account;

  if (step == 0)
    account_set_missing (error);
  if (step <= 0)
    return FALSE;
  account = db_int (rows, 0);
  account_report (rows, sink);
  return account_report_addresses (db, account, sink, error)
         && account_report_credentials (db, account, sink, error);
}

gboolean
slot_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                     GError **error)
{
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = account_read (conn->db, address, sink, error);
  db_end_read (conn->db);
  return ok;
}

static gboolean
account_read_all (Db *db, CfAccountSink *sink, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, "SELECT " ACCOUNT_COLUMNS " FROM account a WHERE NOT a.dying ORDER BY a.id");
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step <= 0)
      break;
    account_report (rows, sink);
    if (!account_report_addresses (db, db_int (rows, 0), sink, error))
      return FALSE;
  }
  return step == 0;
}

gboolean
slot_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error)
{
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = account_read_all (conn->db, sink, error);
  db_end_read (conn->db);
  return ok;
}

static gboolean
account_remove_address (Db *db, CfAccountId account, const char *address, GError **error)
{
  if (!db_exec (db, error, "DELETE FROM address WHERE address = ? AND account = ?", TEXT (address),
                INT (account)))
    return FALSE;
  if (db_changes (db) > 0)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "The address does not belong to the account");
  return FALSE;
}

static gboolean
account_set_credential (Db *db, CfAccountId account, const char *kind, GBytes *value, GError **error)
{
  gsize length;
  gconstpointer data;

  if (value == NULL)
    return db_exec (db, error, "DELETE FROM credential WHERE account = ? AND kind = ?", INT (account),
                    TEXT (kind));
  data = g_bytes_get_data (value, &length);
  return db_exec (db, error, "INSERT OR REPLACE INTO credential (account, kind, value) VALUES (?, ?, ?)",
                  INT (account), TEXT (kind), BLOB (data, length));
}

gboolean
account_raise_uid_validity (Db *db, CfAccountId account, guint32 uid_validity, GError **error)
{
  return db_exec (db, error, "UPDATE account SET last_uid_validity = max(last_uid_validity, ?) WHERE id = ?",
                  INT (uid_validity), INT (account));
}

static gboolean
account_change (Db *db, CfAccountId account, const CfAccountChange *change, GError **error)
{
  if (!account_require (db, account, error))
    return FALSE;
  if (change->disabled >= 0
      && !db_exec (db, error, "UPDATE account SET disabled = ? WHERE id = ?", INT (change->disabled != 0),
                   INT (account)))
    return FALSE;
  if (change->last_uid_validity != 0
      && !account_raise_uid_validity (db, account, change->last_uid_validity, error))
    return FALSE;
  if (change->add_address != NULL && !account_add_address (db, account, change->add_address, error))
    return FALSE;
  if (change->remove_address != NULL && !account_remove_address (db, account, change->remove_address, error))
    return FALSE;
  return change->credential_kind == NULL
         || account_set_credential (db, account, change->credential_kind, change->credential, error);
}

gboolean
slot_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                     const CfAccountChange *change, GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);

  return db != NULL && writer_end (writer, account_change (db, account, change, error), error);
}

/* The name becomes one that no address can be, so that it may be given out again at once. */
static gboolean
account_begin_to_die (Db *db, CfAccountId account, GError **error)
{
  return account_require (db, account, error)
         && db_exec (db, error, "UPDATE account SET dying = 1, name = char(1) || id WHERE id = ?",
                     INT (account))
         && db_exec (db, error, "DELETE FROM address WHERE account = ?", INT (account))
         && db_exec (db, error, "DELETE FROM credential WHERE account = ?", INT (account))
         && db_exec (db, error, "DELETE FROM attribute WHERE account = ? AND mailbox = 0", INT (account))
         && db_exec (db, error, "DELETE FROM mailbox WHERE account = ?", INT (account));
}

/* Moves what was deleted out of the log, where the old pages still are, and empties the log; by a connection
 * of its own, as the writer's may be inside a transaction. A reader that has been at work since before may
 * hold this up beyond the busy time; then a later checkpoint does it. */
static void
account_empty_log (CfStore *store)
{
  Db *db = db_open (store->path, SQLITE_OPEN_READWRITE, NULL);
  gint64 ignored;
  int rc;

  if (db == NULL)
    return;
  /* Not long: while the checkpoint waits for readers it keeps writers waiting. */
  sqlite3_busy_timeout (db->handle, 1000);
  /* A connection that has read nothing yet does not know that there is a log. */
  db_get (db, &ignored, NULL, "SELECT count(*) FROM sqlite_schema");
  rc = sqlite3_wal_checkpoint_v2 (db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
  if (rc != SQLITE_OK)
    g_message ("storage-sqlite: The log still holds deleted pages: %s", sqlite3_errstr (rc));
  db_close (db);
}

gboolean
slot_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error)
{
  CfStore *store = conn->store;
  Writer *writer = &store->writer;
  Db *db = writer_begin (writer, call, error);
  gboolean more = TRUE;
  guint64 ignored;

  if (db == NULL || !writer_end (writer, account_begin_to_die (db, account, error), error))
    return FALSE;
  while (more) {
    if (!collect_purge_account (store, call, account, &ignored, &more, error))
      return FALSE;
  }
  account_empty_log (store);
  return TRUE;
}
