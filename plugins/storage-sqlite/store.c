/* storage-sqlite/store.c - opening and closing the file, the lock on it, connections.
 *
 * The lock is an open-file-description lock on PATH.lock, taken before SQLite sees the file and held until
 * the store is closed. The kernel drops it with the process, so there is nothing stale to clean up; the file
 * itself stays, as removing it would let two processes lock two files of one name.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "Cofr": tells our files from other SQLite databases. */
#define APPLICATION_ID 0x436f6672

static void
store_set_errno (GError **error, CfError code, const char *what, const char *path)
{
  g_set_error (error, CF_ERROR, code, "%s %s: %s", what, path, g_strerror (errno));
}

/* Who holds the lock, as it wrote it down; 0: unknown. */
static gint64
store_read_lock_owner (int fd)
{
  char text[32] = "";

  if (pread (fd, text, sizeof text - 1, 0) <= 0)
    return 0;
  return g_ascii_strtoll (text, NULL, 10);
}

static gboolean
store_lock (CfStore *store, GError **error)
{
  g_autofree char *path = g_strconcat (store->path, ".lock", NULL);
  struct flock lock = { .l_type = store->read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET };
  char pid[32];

  store->lock_fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (store->lock_fd < 0) {
    store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot open", path);
    return FALSE;
  }
  if (fcntl (store->lock_fd, F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES)
      g_set_error (error, CF_ERROR, CF_ERROR_INUSE, "%s is in use by process %" G_GINT64_FORMAT, store->path,
                   store_read_lock_owner (store->lock_fd));
    else
      store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot lock", path);
    return FALSE;
  }
  g_snprintf (pid, sizeof pid, "%d\n", (int) getpid ());
  /* Only a courtesy to whoever finds it locked. */
  if (ftruncate (store->lock_fd, 0) != 0 || pwrite (store->lock_fd, pid, strlen (pid), 0) < 0)
    g_message ("storage-sqlite: Cannot write %s: %s", path, g_strerror (errno));
  return TRUE;
}

gboolean
store_sync_directory_of (const char *path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (path);
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean ok = fd >= 0 && fsync (fd) == 0;

  if (!ok)
    store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot sync", directory);
  if (fd >= 0)
    close (fd);
  return ok;
}

/* An empty file with mode 0600, from which SQLite takes the mode of those beside it. */
static gboolean
store_create_file (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd < 0) {
    store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot create", path);
    return FALSE;
  }
  close (fd);
  return store_sync_directory_of (path, error);
}

/* The file's one name, absolute. Only of a file that is there. */
static gboolean
store_resolve (CfStore *store)
{
  char *resolved = realpath (store->path, NULL);

  if (resolved == NULL)
    return FALSE;
  g_free (store->path);
  store->path = g_strdup (resolved);
  free (resolved);
  return TRUE;
}

/* Before the lock, which lies in the same directory. */
static gboolean
store_find (CfStore *store, CfStoreOpenFlags flags, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (store->path);

  /* The lock goes by name, and a file is to have one name only. */
  if (store_resolve (store))
    return TRUE;
  if (errno != ENOENT) {
    store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot open", store->path);
    return FALSE;
  }
  if (!(flags & CF_STORE_OPEN_CREATE) || store->read_only) {
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no store %s", store->path);
    return FALSE;
  }
  if (g_mkdir_with_parents (directory, 0700) == 0)
    return TRUE;
  store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot make", directory);
  return FALSE;
}

static gboolean
store_pragma_int (Db *db, gint64 *out, const char *sql, GError **error)
{
  return db_get_values (db, out, sql, NULL, 0, error) >= 0;
}

static gboolean
store_configure (Db *db, gboolean writes, GError **error)
{
  g_autofree char *cache
      = g_strdup_printf ("PRAGMA cache_size = -%" G_GINT64_FORMAT, MAX (store_config.cache_size / 1024, 64));
  g_autofree char *synchronous = g_strdup_printf (
      "PRAGMA synchronous = %s", g_strcmp0 (store_config.synchronous, "off") == 0 ? "OFF" : "FULL");

  /* Temporary files would hold mail outside of our directory. */
  if (!db_script (db, cache, error) || !db_script (db, "PRAGMA temp_store = MEMORY", error))
    return FALSE;
  if (!writes)
    return db_script (db, "PRAGMA query_only = ON", error);
  /* secure_delete: an account deleted is gone from the file. The log is cut back to 64 MB after
   * a large write. */
  return db_script (db, synchronous, error)
         && db_script (
             db,
             "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA wal_autocheckpoint = 2000;"
             "PRAGMA journal_size_limit = 67108864",
             error);
}

static gboolean
store_make_schema (CfStore *store, Db *db, GError **error)
{
  g_autofree char *identify = g_strdup_printf ("PRAGMA application_id = %d", APPLICATION_ID);

  return db_script (db, identify, error) && schema_run_steps (db, 0, NULL, NULL, error);
}

/* Makes the schema in an empty file; else looks whether the file is ours, and how old. */
static gboolean
store_check_schema (CfStore *store, Db *db, CfStoreOpenFlags flags, GError **error)
{
  gint64 version, id, objects;

  if (!store_pragma_int (db, &version, "PRAGMA user_version", error)
      || !store_pragma_int (db, &id, "PRAGMA application_id", error)
      || !store_pragma_int (db, &objects, "SELECT count(*) FROM sqlite_schema", error))
    return FALSE;
  if (version == 0 && objects == 0 && (flags & CF_STORE_OPEN_CREATE) && !store->read_only) {
    if (!store_make_schema (store, db, error))
      return FALSE;
    version = schema_wanted;
    /* So that a path mistyped in the configuration does not go unseen. */
    g_message ("storage-sqlite: %s is a new, empty store", store->path);
  } else if (id != APPLICATION_ID) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s is not a Coffer store", store->path);
    return FALSE;
  }
  store->schema = (guint) version;
  if (version > schema_wanted) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s has schema %u, newer than this plugin's %u",
                 store->path, store->schema, schema_wanted);
    return FALSE;
  }
  if (version < schema_wanted && !(flags & CF_STORE_OPEN_UPGRADE)) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s has schema %u and has to be upgraded to %u",
                 store->path, store->schema, schema_wanted);
    return FALSE;
  }
  return TRUE;
}

/* Objects that a process was writing when it ended: nobody will finish them. */
static gboolean
store_doom_unfinished (Db *db, GError **error)
{
  return db_exec (db, error,
                  "UPDATE object SET unused_since = 0 WHERE sha256 IS NULL AND unused_since IS NULL");
}

static gboolean
store_open_file (CfStore *store, CfStoreOpenFlags flags, GError **error)
{
  Db *db;

  if (!store->read_only && !store_create_file (store->path, error))
    return FALSE;
  if (!store_resolve (store)) {
    store_set_errno (error, CF_ERROR_UNAVAILABLE, "Cannot open", store->path);
    return FALSE;
  }
  /* Noted before and looked at after, as nobody tells which file SQLite has opened. */
  if (!file_identity_note (&store->file, store->path, error))
    return FALSE;
  db = db_open (store->path, store->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE, error);
  if (db == NULL)
    return FALSE;
  store->writer.db = db;
  if (!file_identity_check (&store->file, error))
    return FALSE;
  if (store->read_only)
    return store_configure (db, FALSE, error) && store_check_schema (store, db, flags, error);
  return db_script (db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL", error)
         && store_configure (db, TRUE, error) && store_check_schema (store, db, flags, error)
         && (store->schema < schema_wanted || store_doom_unfinished (db, error));
}

gboolean
slot_open (CfStoreOpenFlags flags, CfStore **out_store, GError **error)
{
  CfStore *store;

  if (store_config.path == NULL || *store_config.path == '\0') {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "[storage-sqlite] path is not set");
    return FALSE;
  }
  store = g_new0 (CfStore, 1);
  store->path = g_strdup (store_config.path);
  store->read_only = (flags & CF_STORE_OPEN_READONLY) != 0;
  store->lock_fd = -1;
  store->recent = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_mutex_init (&store->recent_lock);
  writer_init (&store->writer, &store->file);
  if (!store_find (store, flags, error) || !store_lock (store, error)
      || !store_open_file (store, flags, error)) {
    slot_close (store);
    return FALSE;
  }
  if (store->read_only)
    g_clear_pointer (&store->writer.db, db_close);
  *out_store = store;
  return TRUE;
}

/* Claims of \Recent are worth a write when there is time; losing them does no harm. */
static void
store_write_recent (CfStore *store)
{
  CfCall call = { .struct_size = sizeof call, .deadline = G_MAXINT64, .trace = "close" };
  Db *db;

  if (store->writer.db == NULL || g_hash_table_size (store->recent) == 0)
    return;
  db = writer_begin (&store->writer, &call, NULL);
  if (db != NULL)
    writer_end (&store->writer, mailbox_write_recent (store, db, NULL), NULL);
}

void
slot_close (CfStore *store)
{
  store_write_recent (store);
  writer_clear (&store->writer);
  file_identity_clear (&store->file);
  if (store->lock_fd >= 0)
    close (store->lock_fd);
  g_mutex_clear (&store->recent_lock);
  g_hash_table_unref (store->recent);
  g_free (store->path);
  g_free (store);
}

gboolean
slot_connect (CfStore *store, CfStoreConn **out_conn, GError **error)
{
  Db *db = db_open (store->path, SQLITE_OPEN_READONLY, error);
  CfStoreConn *conn;

  if (db == NULL)
    return FALSE;
  if (!file_identity_check (&store->file, error) || !store_configure (db, FALSE, error)) {
    db_close (db);
    return FALSE;
  }
  conn = g_new0 (CfStoreConn, 1);
  conn->store = store;
  conn->db = db;
  *out_conn = conn;
  return TRUE;
}

void
slot_disconnect (CfStoreConn *conn)
{
  db_close (conn->db);
  g_free (conn);
}

gboolean
slot_probe (CfStoreConn *conn, const CfCall *call, GError **error)
{
  gint64 ignored;

  conn->db->deadline = call->deadline;
  return db_get (conn->db, &ignored, error, "SELECT 1 FROM account LIMIT 1") >= 0;
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
  gboolean ok;
  gint64 version;

  if (store->writer.db == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "The store is open for reading only");
    return FALSE;
  }
  ok = schema_run_steps (store->writer.db, store->schema, progress, user_data, error);
  if (store_pragma_int (store->writer.db, &version, "PRAGMA user_version", NULL))
    store->schema = (guint) version;
  return ok;
}
