/* core/store/facts-load.c - the facts of messages: from the cache, else from the store by one call for all
 * that are not there, else computed anew (coffer/store.h, calls.h).
 */
#include "imap/spool.h"
#include "mime/facts-cache.h"
#include "mime/mime.h"
#include "module/settings.h"
#include "store/calls.h"

/* Octets read by one call while a message is scanned anew. */
#define SLICE (128 * 1024)

/* ---- Facts of an older scanner, or damaged ---- */

typedef struct {
  CfReadSink sink;
  GByteArray *octets;
  gboolean missing;
} SliceSink;

static void
slice_missing (CfReadSink *sink, guint i)
{
  ((SliceSink *) sink)->missing = TRUE;
}

static void
slice_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
}

static void
slice_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
}

static void
slice_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_byte_array_append (((SliceSink *) sink)->octets, data, (guint) length);
}

/* The whole message into an unlinked file, so that a large one is not held in memory. *@out_source NULL: it
 * is gone. */
static gboolean
facts_spool (CfSession *session, CfContentId content, CfSource **out_source, GError **error)
{
  const char *directory = cf_settings_get ()->spool_dir;
  g_autoptr (CfSpool) spool = cf_spool_new (0, directory != NULL ? directory : g_get_tmp_dir ());
  g_autoptr (GByteArray) octets = g_byte_array_new ();
  SliceSink sink
      = { { sizeof (CfReadSink), slice_missing, slice_facts, slice_area, slice_octets }, octets, FALSE };
  CfReadRequest request = { .struct_size = sizeof request, .content = content, .length = SLICE };
  const CfReadRequest *const requests[] = { &request };

  if (!cf_spool_begin (spool, G_MAXUINT64, error))
    return FALSE;
  for (;;) {
    g_byte_array_set_size (octets, 0);
    if (!cf_store_read (session, 1, requests, &sink.sink, error))
      return FALSE;
    if (sink.missing)
      return TRUE;
    if (octets->len == 0)
      break;
    if (!cf_spool_write (spool, octets->data, octets->len, error))
      return FALSE;
    request.offset += octets->len;
  }
  *out_source = cf_spool_end (spool);
  return TRUE;
}

gboolean
cf_store_scan_anew (CfSession *session, CfContentId content, CfFacts **out_facts, GError **error)
{
  g_autoptr (CfSource) source = NULL;
  g_autoptr (CfFacts) facts = NULL;

  if (!facts_spool (session, content, &source, error))
    return FALSE;
  if (source == NULL) {
    *out_facts = NULL;
    return TRUE;
  }
  facts = cf_facts_scan (source, error);
  if (facts == NULL)
    return FALSE;
  cf_facts_cache_insert (content, facts);
  cf_store_facts_update (session, content, facts);
  *out_facts = g_steal_pointer (&facts);
  return TRUE;
}

/* ---- Many at once ---- */

typedef struct {
  CfReadSink sink;
  GArray *requests; /* CfReadRequest */
  GArray *places;   /* guint: where the request's facts go in `facts` */
  CfFacts **facts;
  gboolean *missing; /* by request */
} LoadSink;

static void
load_missing (CfReadSink *sink, guint i)
{
  ((LoadSink *) sink)->missing[i] = TRUE;
}

/* Those that cannot be read are computed anew. */
static void
load_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  LoadSink *load = (LoadSink *) sink;
  CfFacts **facts = &load->facts[g_array_index (load->places, guint, i)];

  g_clear_pointer (facts, cf_facts_unref);
  *facts = cf_facts_new_from_encoded (encoded, NULL);
  if (*facts != NULL)
    cf_facts_cache_insert (g_array_index (load->requests, CfReadRequest, i).content, *facts);
}

/* No octets are asked for. */
static void
load_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
}

static gboolean
load_call (CfSession *session, LoadSink *load, GError **error)
{
  guint n = load->requests->len;
  g_autofree gboolean *missing = g_new0 (gboolean, n);
  g_autofree const CfReadRequest **requests = g_new (const CfReadRequest *, n);

  for (guint i = 0; i < n; i++)
    requests[i] = &g_array_index (load->requests, CfReadRequest, i);
  load->missing = missing;
  if (!cf_store_read (session, n, requests, &load->sink, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    CfFacts **facts = &load->facts[g_array_index (load->places, guint, i)];

    if (*facts == NULL && !missing[i] && !cf_store_scan_anew (session, requests[i]->content, facts, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cf_store_load_facts (CfSession *session, guint n, const CfContentId *contents, CfFacts **out_facts,
                     GError **error)
{
  g_autoptr (GArray) requests = g_array_new (FALSE, FALSE, sizeof (CfReadRequest));
  g_autoptr (GArray) places = g_array_new (FALSE, FALSE, sizeof (guint));
  LoadSink load = { { sizeof (CfReadSink), load_missing, load_facts, slice_area, load_octets },
                    requests,
                    places,
                    out_facts,
                    NULL };

  for (guint i = 0; i < n; i++) {
    CfReadRequest request = { .struct_size = sizeof request, .content = contents[i], .want_facts = TRUE };

    out_facts[i] = cf_facts_cache_lookup (contents[i]);
    if (out_facts[i] != NULL)
      continue;
    g_array_append_val (requests, request);
    g_array_append_val (places, i);
  }
  if (requests->len == 0 || load_call (session, &load, error))
    return TRUE;
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&out_facts[i], cf_facts_unref);
  return FALSE;
}
