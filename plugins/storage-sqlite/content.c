/* storage-sqlite/content.c - reading ranges of messages.
 *
 * A content is a list of segments, each a run of its inline octets or of an object; both lie in chunks of 256
 * KB. A range is cut into the segments it meets, each of these into chunks, and only those chunks are read.
 */
#include "store.h"

typedef struct {
  Db *db;
  CfReadSink *sink;
  guint i; /* the request's index */
} Reading;

static void
content_set_damaged (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "Stored data is damaged");
}

/* Reads @length octets from @offset of a chunked thing. @sql selects its chunks' n and data, in order, by the
 * id and the first and last n. */
static gboolean
content_read_chunks (Reading *reading, const char *sql, gint64 id, guint64 offset, guint64 length,
                     GError **error)
{
  const DbValue values[] = { INT (id), INT (offset / CHUNK_SIZE), INT ((offset + length - 1) / CHUNK_SIZE) };
  g_autoptr (DbRows) rows = db_query_values (reading->db, sql, values, G_N_ELEMENTS (values), error);
  int step = rows != NULL ? 1 : -1;

  while (length > 0) {
    guint64 within = offset % CHUNK_SIZE;
    guint64 present, taken;

    if (step > 0)
      step = db_next (reading->db, rows, error);
    if (step < 0)
      return FALSE;
    present = step > 0 ? (guint64) sqlite3_column_bytes (rows, 1) : 0;
    taken = MIN (length, CHUNK_SIZE - within);
    if (step == 0 || (guint64) db_int (rows, 0) != offset / CHUNK_SIZE || present < within + taken) {
      content_set_damaged (error);
      return FALSE;
    }
    reading->sink->octets (reading->sink, reading->i, (const guint8 *) sqlite3_column_blob (rows, 1) + within,
                           (gsize) taken);
    offset += taken;
    length -= taken;
  }
  return TRUE;
}

static gboolean
content_read_inline (Reading *reading, CfContentId content, guint64 offset, guint64 length, GError **error)
{
  return content_read_chunks (
      reading, "SELECT n, data FROM content_chunk WHERE content = ? AND n BETWEEN ? AND ? ORDER BY n",
      (gint64) content, offset, length, error);
}

static gboolean
content_read_object (Reading *reading, gint64 object, guint64 offset, guint64 length, GError **error)
{
  return content_read_chunks (
      reading, "SELECT n, data FROM object_chunk WHERE object = ? AND n BETWEEN ? AND ? ORDER BY n", object,
      offset, length, error);
}

/* Reads a range of a content made of segments. */
static gboolean
content_read_segments (Reading *reading, CfContentId content, guint64 offset, guint64 length, GError **error)
{
  guint64 end = offset + length;
  g_autoptr (DbRows) rows = db_query (reading->db, error,
                                      "SELECT position, length, object, source_offset FROM content_segment"
                                      " WHERE content = ?1 AND position < ?3 AND position + length > ?2"
                                      " ORDER BY position",
                                      INT (content), INT (offset), INT (end));
  int step = rows != NULL ? 1 : -1;

  while (offset < end && step > 0) {
    guint64 position, within, taken, source;
    gboolean ok;

    step = db_next (reading->db, rows, error);
    if (step <= 0)
      break;
    position = (guint64) db_int (rows, 0);
    if (position > offset) {
      step = 0;
      break;
    }
    within = offset - position;
    taken = MIN (end - offset, (guint64) db_int (rows, 1) - within);
    source = (guint64) db_int (rows, 3) + within;
    if (sqlite3_column_type (rows, 2) == SQLITE_NULL)
      ok = content_read_inline (reading, content, source, taken, error);
    else
      ok = content_read_object (reading, db_int (rows, 2), source, taken, error);
    if (!ok)
      return FALSE;
    offset += taken;
  }
  if (step == 0)
    content_set_damaged (error);
  return step > 0;
}

/* @total and @inline_octets are the content's; equal when there are no segments to look at. */
static gboolean
content_read_range (Reading *reading, const CfReadRequest *request, guint64 area_offset, guint64 area_length,
                    guint64 total, guint64 inline_octets, GError **error)
{
  guint64 length;

  if (area_offset > total || area_length > total - area_offset) {
    content_set_damaged (error);
    return FALSE;
  }
  if (request->offset >= area_length)
    return TRUE;
  length = MIN (request->length, area_length - request->offset);
  if (length == 0)
    return TRUE;
  if (inline_octets == total)
    return content_read_inline (reading, request->content, area_offset + request->offset, length, error);
  return content_read_segments (reading, request->content, area_offset + request->offset, length, error);
}

static GBytes *
content_read_facts (Db *db, CfContentId content, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, "SELECT encoded FROM content_facts WHERE content = ?", INT (content));
  int step = rows != NULL ? db_next (db, rows, error) : -1;

  if (step < 0)
    return NULL;
  /* Lost, but they can be had from the octets: core computes anew what it cannot read. */
  if (step == 0)
    return g_bytes_new (NULL, 0);
  return g_bytes_new (sqlite3_column_blob (rows, 0), (gsize) sqlite3_column_bytes (rows, 0));
}

/* 1: the content is there. */
static int
content_find (Db *db, CfAccountId account, CfContentId content, guint64 *out_octets, guint64 *out_inline,
              GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, "SELECT octets, inline_octets FROM content WHERE id = ? AND account = ?",
                  INT (content), INT (account));
  int step = rows != NULL ? db_next (db, rows, error) : -1;

  if (step > 0) {
    *out_octets = (guint64) db_int (rows, 0);
    *out_inline = (guint64) db_int (rows, 1);
  }
  return step;
}

static gboolean
content_serve (Reading *reading, CfAccountId account, const CfReadRequest *request, GError **error)
{
  CfReadSink *sink = reading->sink;
  g_autoptr (GBytes) encoded = NULL;
  guint64 octets = 0, inline_octets = 0, area_offset = 0, area_length;
  int found = content_find (reading->db, account, request->content, &octets, &inline_octets, error);

  if (found == 0)
    sink->missing (sink, reading->i);
  if (found <= 0)
    return found == 0;
  area_length = octets;
  if (request->want_facts || request->path != NULL) {
    encoded = content_read_facts (reading->db, request->content, error);
    if (encoded == NULL)
      return FALSE;
  }
  if (request->want_facts)
    sink->facts (sink, reading->i, encoded);
  if (request->path != NULL) {
    g_autoptr (CfFacts) facts = cf_facts_new_from_encoded (encoded, NULL);

    /* Core computes them anew, and asks by offset then. */
    if (facts == NULL)
      return TRUE;
    if (!cf_facts_locate_raw (facts, request->path, request->section, &area_offset, &area_length))
      area_offset = area_length = 0;
    sink->area (sink, reading->i, area_offset, area_length);
  }
  return content_read_range (reading, request, area_offset, area_length, octets, inline_octets, error);
}

gboolean
slot_read (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
           const CfReadRequest *const *requests, CfReadSink *sink, GError **error)
{
  Reading reading = { .db = conn->db, .sink = sink };
  gboolean ok = TRUE;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  for (guint i = 0; ok && i < n_requests; i++) {
    reading.i = i;
    ok = content_serve (&reading, account, requests[i], error);
  }
  db_end_read (conn->db);
  return ok;
}
