/* storage-postgresql/content.c - reading ranges of messages.
 *
 * Two statements in one snapshot: the heads (is there such a content, its facts, where a section lies), and
 * the octets: PostgreSQL cuts each range into segments and these into chunks, and reads no others. What comes
 * back is followed octet by octet; a gap is damage.
 */
#include "store.h"

typedef struct {
  const CfReadRequest *request;
  gboolean readable; /* there is such a content, and its section is where PostgreSQL thinks */
  guint64 next, end; /* the octets still to come, counted in the message */
} ReadProgress;

typedef struct {
  CfReadSink *sink;
  guint n;
  ReadProgress *progress;
} Reading;

/* PostgreSQL adds the two; nothing is that long. */
#define LENGTH_MAX (G_GUINT64_CONSTANT (1) << 61)

static void
content_add_contents (Params *params, guint n, const CfReadRequest *const *requests)
{
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) requests[i]->content);
  params_array_end (params);
}

static void
content_add_sections (Params *params, guint n, const CfReadRequest *const *requests)
{
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, requests[i]->path);
  params_array_end (params);
  params_array_begin (params, TYPE_INT2);
  for (guint i = 0; i < n; i++)
    params_element_int2 (params, (gint16) requests[i]->section);
  params_array_end (params);
}

/* The request that @row belongs to. NULL: there is none such. */
static ReadProgress *
content_get_progress (Reading *reading, const Row *row, GError **error)
{
  gint64 i = row_int (row, 0); /* from 1 */

  if (i >= 1 && i <= reading->n)
    return &reading->progress[i - 1];
  errors_set_damaged (error);
  return NULL;
}

/* The section's area. FALSE: it is not to be read, as the facts that come with it are of another version, or
 * do not agree. Core computes them anew, and asks by offset then. */
static gboolean
content_locate (Reading *reading, guint i, const Row *row, GBytes *encoded, guint64 *out_offset,
                guint64 *out_length)
{
  const CfReadRequest *request = reading->progress[i].request;
  g_autoptr (CfFacts) facts = cf_facts_new_from_encoded (encoded, NULL);
  guint64 offset, length;

  if (facts == NULL)
    return FALSE;
  if (!cf_facts_locate_raw (facts, request->path, request->section, &offset, &length))
    offset = length = 0;
  if (offset != (guint64) row_int (row, 3) || length != (guint64) row_int (row, 4))
    return FALSE;
  reading->sink->area (reading->sink, i, offset, length);
  *out_offset = offset;
  *out_length = length;
  return TRUE;
}

static gboolean
content_take_head (const Row *row, gpointer data, GError **error)
{
  Reading *reading = data;
  ReadProgress *progress = content_get_progress (reading, row, error);
  guint64 total, offset = 0, length;
  guint i;

  if (progress == NULL)
    return FALSE;
  i = (guint) (progress - reading->progress);
  if (row_is_null (row, 1)) {
    reading->sink->missing (reading->sink, i);
    return TRUE;
  }
  total = length = (guint64) row_int (row, 1);
  if (progress->request->want_facts || progress->request->path != NULL) {
    gsize size;
    gconstpointer octets = row_octets (row, 2, &size);
    g_autoptr (GBytes) encoded = g_bytes_new (octets, size);

    if (progress->request->want_facts)
      reading->sink->facts (reading->sink, i, encoded);
    if (progress->request->path != NULL && !content_locate (reading, i, row, encoded, &offset, &length))
      return TRUE;
  }
  if (offset > total || length > total - offset) {
    errors_set_damaged (error);
    return FALSE;
  }
  progress->readable = TRUE;
  progress->next = offset + MIN (progress->request->offset, length);
  progress->end = progress->next + MIN (progress->request->length, offset + length - progress->next);
  return TRUE;
}

static gboolean
content_take_octets (const Row *row, gpointer data, GError **error)
{
  Reading *reading = data;
  ReadProgress *progress = content_get_progress (reading, row, error);
  const guint8 *octets;
  gsize length;

  if (progress == NULL)
    return FALSE;
  if (!progress->readable)
    return TRUE;
  octets = row_octets (row, 2, &length);
  if ((guint64) row_int (row, 1) != progress->next || length == 0
      || length > progress->end - progress->next) {
    errors_set_damaged (error);
    return FALSE;
  }
  reading->sink->octets (reading->sink, (guint) (progress - reading->progress), octets, length);
  progress->next += length;
  return TRUE;
}

static void
content_send (Pg *pg, CfAccountId account, Reading *reading, const CfReadRequest *const *requests)
{
  guint n = reading->n;
  Params *params = pg_params (pg);
  gboolean any = FALSE;

  params_int8 (params, (gint64) account);
  content_add_contents (params, n, requests);
  params_array_begin (params, TYPE_BOOL);
  for (guint i = 0; i < n; i++) {
    params_element_bool (params, requests[i]->want_facts);
    any = any || requests[i]->length > 0;
  }
  params_array_end (params);
  content_add_sections (params, n, requests);
  pg_send (pg, STATEMENT_READ_HEADS, content_take_head, reading);
  if (!any)
    return;

  params = pg_params (pg);
  params_int8 (params, (gint64) account);
  content_add_contents (params, n, requests);
  content_add_sections (params, n, requests);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) MIN (requests[i]->offset, LENGTH_MAX));
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) MIN (requests[i]->length, LENGTH_MAX));
  params_array_end (params);
  pg_send (pg, STATEMENT_READ_OCTETS, content_take_octets, reading);
}

gboolean
slot_read (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
           const CfReadRequest *const *requests, CfReadSink *sink, GError **error)
{
  g_autofree ReadProgress *progress = g_new0 (ReadProgress, n_requests);
  Reading reading = { .sink = sink, .n = n_requests, .progress = progress };

  if (n_requests == 0)
    return TRUE;
  for (guint i = 0; i < n_requests; i++)
    progress[i].request = requests[i];
  if (!pg_begin (conn->pg, call, PG_SNAPSHOT, error))
    return FALSE;
  content_send (conn->pg, account, &reading, requests);
  if (!pg_run (conn->pg, error))
    return FALSE;
  for (guint i = 0; i < n_requests; i++) {
    if (progress[i].readable && progress[i].next != progress[i].end) {
      errors_set_damaged (error);
      return FALSE;
    }
  }
  return TRUE;
}
