/* storage-postgresql/objects.c - parts kept apart, once per scope and hash.
 *
 * A round trip carries up to PIECE_SIZE octets. Whether an object is there already is found out by the same
 * round trip that brings it: to ask first would cost a new one another wait, and one that is there costs only
 * what it weighs, a piece at most. Objects are put in order of their hashes, so that two puts cannot wait for
 * each other.
 *
 * What fits into one piece is one commit. A larger object has no hash, and is found by nobody, until its last
 * piece is written.
 */
#include "store.h"

#include <string.h>

#define PIECE_SIZE (4 * 1024 * 1024)

typedef struct {
  const CfObject *object;
  guint position;   /* in the caller's arrays */
  CfObjectId id;    /* chosen here */
  CfObjectId found; /* the one that has the octets; 0: nobody knows yet */
} Upload;

static int
upload_compare (gconstpointer a, gconstpointer b)
{
  const Upload *x = a, *y = b;

  return memcmp (x->object->sha256, y->object->sha256, sizeof x->object->sha256);
}

static gboolean
upload_take_id (const Row *row, gpointer data, GError **error)
{
  ((Upload *) data)->found = (CfObjectId) row_int (row, 0);
  return TRUE;
}

static guint64
upload_get_length (const Upload *upload)
{
  return cf_source_get_length (upload->object->octets);
}

static void
upload_send_head (Pg *pg, const char *scope, Upload *upload, Statement statement)
{
  Params *params = pg_params (pg);

  params_text (params, scope);
  params_int8 (params, (gint64) upload->id);
  params_bytea (params, upload->object->sha256, sizeof upload->object->sha256);
  params_uint8 (params, upload_get_length (upload));
  params_text (params, upload->object->media_type);
  pg_send (pg, statement, upload_take_id, upload);
}

static void
upload_send_touch (Pg *pg, const char *scope, Upload *upload)
{
  Params *params = pg_params (pg);

  params_text (params, scope);
  params_bytea (params, upload->object->sha256, sizeof upload->object->sha256);
  pg_send (pg, STATEMENT_OBJECT_TOUCH, upload_take_id, upload);
}

/* Queues the octets from @offset up to @end. */
static gboolean
upload_send_chunks (Pg *pg, Upload *upload, guint64 offset, guint64 end, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (CHUNK_SIZE);

  for (; offset < end; offset += CHUNK_SIZE) {
    gsize length = (gsize) MIN (end - offset, CHUNK_SIZE);
    Params *params;

    if (!cf_source_read (upload->object->octets, offset, buffer, length, error))
      return FALSE;
    params = pg_params (pg);
    params_int8 (params, (gint64) upload->id);
    params_int4 (params, (gint32) (offset / CHUNK_SIZE));
    params_bytea (params, buffer, length);
    pg_send (pg, STATEMENT_OBJECT_CHUNK_ADD, NULL, NULL);
  }
  return TRUE;
}

/* Can the octets be read at all? One octet tells, before anything is sent. */
static gboolean
upload_is_readable (const Upload *upload, GError **error)
{
  guint8 octet;

  return upload_get_length (upload) == 0 || cf_source_read (upload->object->octets, 0, &octet, 1, error);
}

/* ---- Those that fit into a piece ----------------------------------------------------------------------- */

/* Puts the uploads from @first on, as many as fit into a piece; *out_end is the first that does not. */
static gboolean
upload_put_small (Pg *pg, const CfCall *call, const char *scope, GArray *uploads, guint first, guint *out_end,
                  GError **error)
{
  g_autoptr (GError) unreadable = NULL;
  guint64 octets = 0;
  guint end = first;

  while (end < uploads->len) {
    octets += upload_get_length (&g_array_index (uploads, Upload, end));
    if (end > first && octets > PIECE_SIZE)
      break;
    end++;
  }
  *out_end = end;
  if (!pg_begin_with_ids (pg, call, PG_WRITE, end - first, error))
    return FALSE;
  for (guint i = first; i < end; i++) {
    Upload *upload = &g_array_index (uploads, Upload, i);

    upload->found = 0;
    if (!upload_is_readable (upload, unreadable == NULL ? &unreadable : NULL)) {
      upload_send_touch (pg, scope, upload);
      continue;
    }
    upload->id = pg_new_id (pg);
    upload_send_head (pg, scope, upload, STATEMENT_OBJECT_PUT);
    if (!upload_send_chunks (pg, upload, 0, upload_get_length (upload), error)) {
      pg_abandon (pg);
      return FALSE;
    }
  }
  if (!pg_run (pg, error))
    return FALSE;
  for (guint i = first; i < end; i++) {
    if (g_array_index (uploads, Upload, i).found == 0) {
      g_propagate_error (error, g_steal_pointer (&unreadable));
      return FALSE;
    }
  }
  return TRUE;
}

/* ---- Larger ones --------------------------------------------------------------------------------------- */

/* Whether it is there, and the first piece. */
static gboolean
upload_begin (Pg *pg, const CfCall *call, const char *scope, Upload *upload, GError **error)
{
  g_autoptr (GError) unreadable = NULL;

  if (!pg_begin_with_ids (pg, call, PG_WRITE, 1, error))
    return FALSE;
  upload->found = 0;
  if (!upload_is_readable (upload, &unreadable)) {
    upload_send_touch (pg, scope, upload);
  } else {
    upload->id = pg_new_id (pg);
    upload_send_head (pg, scope, upload, STATEMENT_OBJECT_BEGIN);
    if (!upload_send_chunks (pg, upload, 0, PIECE_SIZE, error)) {
      pg_abandon (pg);
      return FALSE;
    }
  }
  if (!pg_run (pg, error))
    return FALSE;
  if (upload->found == 0)
    g_propagate_error (error, g_steal_pointer (&unreadable));
  return upload->found != 0;
}

static gboolean
upload_go_on (Pg *pg, const CfCall *call, const char *scope, Upload *upload, guint64 offset, GError **error)
{
  guint64 end = MIN (offset + PIECE_SIZE, upload_get_length (upload));
  Params *params;

  if (!pg_begin (pg, call, PG_WRITE, error))
    return FALSE;
  params_int8 (pg_params (pg), (gint64) upload->id);
  pg_send (pg, STATEMENT_OBJECT_GO_ON, NULL, NULL);
  if (!upload_send_chunks (pg, upload, offset, end, error)) {
    pg_abandon (pg);
    return FALSE;
  }
  if (end == upload_get_length (upload)) {
    params = pg_params (pg);
    params_text (params, scope);
    params_int8 (params, (gint64) upload->id);
    params_bytea (params, upload->object->sha256, sizeof upload->object->sha256);
    pg_send (pg, STATEMENT_OBJECT_NAME, upload_take_id, upload);
  }
  return pg_run (pg, error);
}

static gboolean
upload_put_large (Pg *pg, const CfCall *call, const char *scope, Upload *upload, GError **error)
{
  if (!upload_begin (pg, call, scope, upload, error))
    return FALSE;
  for (guint64 offset = PIECE_SIZE; upload->found == upload->id && offset < upload_get_length (upload);
       offset += PIECE_SIZE) {
    if (!upload_go_on (pg, call, scope, upload, offset, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
slot_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                 const CfObject *const *objects, CfObjectId *out_ids, GError **error)
{
  g_autoptr (GArray) uploads = g_array_new (FALSE, FALSE, sizeof (Upload));

  for (guint i = 0; i < n; i++) {
    Upload upload = { .object = objects[i], .position = i };

    g_array_append_val (uploads, upload);
  }
  g_array_sort (uploads, upload_compare);
  for (guint first = 0, end; first < n; first = end) {
    Upload *upload = &g_array_index (uploads, Upload, first);

    end = first + 1;
    if (upload_get_length (upload) > PIECE_SIZE) {
      if (!upload_put_large (conn->pg, call, scope, upload, error))
        return FALSE;
    } else if (!upload_put_small (conn->pg, call, scope, uploads, first, &end, error)) {
      return FALSE;
    }
  }
  for (guint i = 0; i < n; i++)
    out_ids[g_array_index (uploads, Upload, i).position] = g_array_index (uploads, Upload, i).found;
  return TRUE;
}
