/* storage-sqlite/upkeep.c - backup while serving, and renewal after a restore. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define BACKUP_PAGES 256

/* ---- Backup ------------------------------------------------------------------------------------------ */

/* Copies the connection's snapshot, in steps between which progress is told and the clock looked at. */
static gboolean
backup_copy (Db *from, Db *to, const CfCall *call, CfProgressFunc progress, gpointer user_data,
             GError **error)
{
  sqlite3_backup *backup = sqlite3_backup_init (to->handle, "main", from->handle, "main");
  int rc = SQLITE_OK;

  if (backup == NULL) {
    db_set_error (to, sqlite3_errcode (to->handle), error);
    return FALSE;
  }
  while (rc == SQLITE_OK) {
    rc = sqlite3_backup_step (backup, BACKUP_PAGES);
    if (rc == SQLITE_OK && g_get_monotonic_time () > call->deadline) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The backup was not finished in time");
      break;
    }
    if ((rc == SQLITE_OK || rc == SQLITE_DONE) && progress != NULL) {
      guint64 total = (guint64) sqlite3_backup_pagecount (backup);

      if (!progress (total - (guint64) sqlite3_backup_remaining (backup), total, user_data)
          && rc == SQLITE_OK) {
        g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The backup was stopped");
        break;
      }
    }
  }
  sqlite3_backup_finish (backup);
  if (rc != SQLITE_OK && rc != SQLITE_DONE)
    db_set_error (to, rc, error);
  return rc == SQLITE_DONE;
}

/* The transaction keeps the snapshot through all steps: without it a commit meanwhile would start
 * the copy anew. */
static gboolean
backup_snapshot (CfStoreConn *conn, const CfCall *call, Db *to, CfProgressFunc progress, gpointer user_data,
                 GError **error)
{
  gint64 ignored;
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = db_get (conn->db, &ignored, error, "SELECT count(*) FROM sqlite_schema") >= 0
       && backup_copy (conn->db, to, call, progress, user_data, error);
  db_end_read (conn->db);
  return ok;
}

static gboolean
backup_create (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd >= 0) {
    close (fd);
    return TRUE;
  }
  g_set_error (error, CF_ERROR, errno == EEXIST ? CF_ERROR_ALREADYEXISTS : CF_ERROR_UNAVAILABLE,
               "Cannot create %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
backup_sync (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  gboolean ok = fd >= 0 && fsync (fd) == 0;

  if (!ok)
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot sync %s: %s", path, g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return ok && store_sync_directory_of (path, error);
}

gboolean
slot_backup (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
             gpointer user_data, GError **error)
{
  Db *to;
  gboolean ok;

  if (!backup_create (path, error))
    return FALSE;
  to = db_open (path, SQLITE_OPEN_READWRITE, error);
  /* One sync at the end is enough: a copy cut short is removed. */
  ok = to != NULL && db_script (to, "PRAGMA synchronous = OFF", error)
       && backup_snapshot (conn, call, to, progress, user_data, error);
  db_close (to);
  ok = ok && backup_sync (path, error);
  if (!ok)
    unlink (path);
  return ok;
}

/* ---- Restored ---------------------------------------------------------------------------------------- */

static gboolean
restored_renew (Db *db, gint64 mailbox, gint64 account, GError **error)
{
  gint64 last;
  guint32 validity;

  if (db_get (db, &last, error, "SELECT last_uid_validity FROM account WHERE id = ?", INT (account)) <= 0)
    return FALSE;
  validity = cf_uid_validity_next ((guint32) last);
  return db_exec (db, error, "UPDATE account SET last_uid_validity = ? WHERE id = ?", INT (validity),
                  INT (account))
         && db_exec (db, error, "UPDATE mailbox SET uid_validity = ? WHERE id = ?", INT (validity),
                     INT (mailbox));
}

/* Ids that were given out after the backup was made are known to clients (EMAILID), and name nothing else. */
static gboolean
restored_skip_ids (Db *db, GError **error)
{
  return db_exec (db, error, "UPDATE sqlite_sequence SET seq = seq + 1000000000");
}

/* Mailbox after mailbox by id, as rows are not to change under a running query. */
static gboolean
restored_renew_all (Db *db, GError **error)
{
  gint64 mailbox = 0, account;
  int found;

  while ((found = db_get (db, &mailbox, error, "SELECT id FROM mailbox WHERE id > ? ORDER BY id LIMIT 1",
                          INT (mailbox)))
         > 0) {
    if (db_get (db, &account, error, "SELECT account FROM mailbox WHERE id = ?", INT (mailbox)) <= 0
        || !restored_renew (db, mailbox, account, error))
      return FALSE;
  }
  return found == 0 && restored_skip_ids (db, error);
}

gboolean
slot_restored (CfStoreConn *conn, const CfCall *call, GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);

  return db != NULL && writer_end (writer, restored_renew_all (db, error), error);
}
