/* storage-sqlite/objects.c - parts kept apart, once per scope and hash.
 *
 * An object that messages refer to needs no write at all to be put again: should the last of them go before
 * the new message is committed, its unused_since becomes that moment, and the grace period runs from there.
 * One that nobody uses is touched. A new one is written in pieces, each a commit, so that a large part does
 * not keep other writers waiting; its hash comes with the last piece, and until then nobody can find it.
 */
#include "store.h"

#include <string.h>

/* Octets of chunks in one turn of the writer. */
#define PIECE_SIZE (4 * 1024 * 1024)

typedef struct {
  Writer *writer;
  const CfCall *call;
  const char *scope;
  Db *db;        /* the writer's, while it is our turn */
  guint64 piece; /* octets written in this turn */
  gint64 now;
  guint8 *buffer;
  CfObjectId begun; /* the object being written, from its row until its hash; 0: none */
  gboolean kept;    /* a turn has made some of it durable */
} Upload;

#define OBJECT_FIND "SELECT id, unused_since IS NULL FROM object WHERE scope = ? AND sha256 = ?"

/* 1: there is such an object; *out_used says whether a message refers to it. */
static int
object_find (Db *db, const char *scope, const CfObject *object, CfObjectId *out_id, gboolean *out_used,
             GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, OBJECT_FIND, TEXT (scope), BLOB (object->sha256, sizeof object->sha256));
  int step = rows != NULL ? db_next (db, rows, error) : -1;

  if (step > 0) {
    *out_id = (CfObjectId) db_int (rows, 0);
    *out_used = db_int (rows, 1) != 0;
  }
  return step;
}

/* Finds the object and touches it if it is unused. 1: found. */
static int
object_touch (Upload *upload, const CfObject *object, CfObjectId *out_id, GError **error)
{
  gboolean used = FALSE;
  int found = object_find (upload->db, upload->scope, object, out_id, &used, error);

  if (found > 0 && !used
      && !db_exec (upload->db, error, "UPDATE object SET unused_since = ? WHERE id = ?", INT (upload->now),
                   INT (*out_id)))
    return -1;
  return found;
}

/* When this turn has written enough, lets the others have theirs. */
static gboolean
object_pause (Upload *upload, GError **error)
{
  if (upload->piece < PIECE_SIZE)
    return TRUE;
  upload->db = NULL;
  if (!writer_end (upload->writer, TRUE, error))
    return FALSE;
  upload->piece = 0;
  upload->kept = upload->begun != 0;
  upload->db = writer_begin (upload->writer, upload->call, error);
  return upload->db != NULL;
}

static gboolean
object_write_chunks (Upload *upload, CfObjectId id, CfSource *octets, GError **error)
{
  guint64 length = cf_source_get_length (octets);

  if (upload->buffer == NULL)
    upload->buffer = g_malloc (CHUNK_SIZE);
  for (guint64 offset = 0; offset < length; offset += CHUNK_SIZE) {
    gsize n = (gsize) MIN (length - offset, CHUNK_SIZE);

    if (!object_pause (upload, error) || !cf_source_read (octets, offset, upload->buffer, n, error)
        || !db_exec (upload->db, error, "INSERT INTO object_chunk (object, n, data) VALUES (?, ?, ?)",
                     INT (id), INT (offset / CHUNK_SIZE), BLOB (upload->buffer, n)))
      return FALSE;
    upload->piece += n;
  }
  return TRUE;
}

/* Gives the object whose chunks are written its hash; unless another upload of the same octets was faster. */
static gboolean
object_name (Upload *upload, const CfObject *object, CfObjectId *out_id, GError **error)
{
  CfObjectId id = upload->begun;
  int found = object_touch (upload, object, out_id, error);

  if (found < 0)
    return FALSE;
  if (found > 0)
    return db_exec (upload->db, error, "UPDATE object SET unused_since = 0 WHERE id = ?", INT (id));
  *out_id = id;
  return db_exec (upload->db, error, "UPDATE object SET sha256 = ?, unused_since = ? WHERE id = ?",
                  BLOB (object->sha256, sizeof object->sha256), INT (upload->now), INT (id));
}

/* Leaves what an upload that failed has committed to collect. What fails here is found when the
 * store is opened. */
static void
object_doom (Writer *writer, const CfCall *call, CfObjectId id)
{
  Db *db = writer_begin (writer, call, NULL);

  if (db != NULL)
    writer_end (
        writer,
        db_exec (db, NULL, "UPDATE object SET unused_since = 0 WHERE id = ? AND sha256 IS NULL", INT (id)),
        NULL);
}

static gboolean
object_upload (Upload *upload, const CfObject *object, CfObjectId *out_id, GError **error)
{
  int found;

  upload->begun = 0;
  upload->kept = FALSE;
  if (!object_pause (upload, error))
    return FALSE;
  found = object_touch (upload, object, out_id, error);
  if (found != 0)
    return found > 0;
  if (!db_exec (upload->db, error, "INSERT INTO object (scope, length, media_type) VALUES (?, ?, ?)",
                TEXT (upload->scope), INT (cf_source_get_length (object->octets)), TEXT (object->media_type)))
    return FALSE;
  upload->begun = (CfObjectId) sqlite3_last_insert_rowid (upload->db->handle);
  return object_write_chunks (upload, upload->begun, object->octets, error)
         && object_name (upload, object, out_id, error);
}

/* Fills in the ids of objects that messages refer to already; *out_all: that is all of them. */
static gboolean
object_find_used (Db *db, const CfCall *call, const char *scope, guint n, const CfObject *const *objects,
                  CfObjectId *ids, gboolean *out_all, GError **error)
{
  *out_all = TRUE;
  if (!db_begin_read (db, call, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    gboolean used = FALSE;
    int found = object_find (db, scope, objects[i], &ids[i], &used, error);

    if (found < 0) {
      db_end_read (db);
      return FALSE;
    }
    if (found == 0 || !used) {
      ids[i] = 0;
      *out_all = FALSE;
    }
  }
  db_end_read (db);
  return TRUE;
}

gboolean
slot_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                 const CfObject *const *objects, CfObjectId *out_ids, GError **error)
{
  g_autofree CfObjectId *ids = g_new0 (CfObjectId, n);
  Upload upload = { .writer = &conn->store->writer, .call = call, .scope = scope };
  gboolean all, ok = TRUE;

  if (!object_find_used (conn->db, call, scope, n, objects, ids, &all, error))
    return FALSE;
  if (!all) {
    upload.now = g_get_real_time () / G_USEC_PER_SEC;
    upload.db = writer_begin (upload.writer, call, error);
    ok = upload.db != NULL;
    for (guint i = 0; ok && i < n; i++) {
      if (ids[i] == 0)
        ok = object_upload (&upload, objects[i], &ids[i], error);
    }
    if (upload.db != NULL)
      ok = writer_end (upload.writer, ok, error);
    g_free (upload.buffer);
    /* Unless a turn has kept it the id is free again, and may be another upload's by now. */
    if (!ok && upload.kept)
      object_doom (upload.writer, call, upload.begun);
  }
  if (ok)
    memcpy (out_ids, ids, n * sizeof *ids);
  return ok;
}
