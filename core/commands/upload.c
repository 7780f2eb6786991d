/* core/commands/upload.c - one message on its way into the store (upload.h). */
#include "commands/upload.h"

#include <gnutls/crypto.h>
#include <magic.h>

#include "mime/mime.h"
#include "module/settings.h"
#include "store/calls.h"
#include "store/service.h"

/* Octets of parts stored by one call (the design's round-trip budget counts in these). */
#define PUT_OCTETS (4 * 1024 * 1024)
#define HASH_SLICE (64 * 1024)

/* Regular expressions of libmagic remember what they have met, for as long as they live: memory that grows
 * with the variety of what clients send. So it is opened anew now and then. */
#define GUESSES_MAX 1000

typedef struct {
  magic_t magic;
  guint n_guesses;
} Guesser;

struct _CfUpload {
  CfSource *source;
  CfFacts *facts;
  CfKeywords *keywords;
  CfAppend append;
  GPtrArray *parts;    /* of CfObject *: what is kept apart, in order of offset */
  GArray *offsets;     /* of guint64: where each begins */
  GArray *ids;         /* of CfObjectId: as many as are stored */
  GPtrArray *segments; /* of CfSegment * */
};

static void
object_free (gpointer data)
{
  CfObject *object = data;

  cf_source_unref (object->octets);
  g_free ((char *) object->media_type);
  g_free (object);
}

CfUpload *
cf_upload_new (CfSource *source, guint flags, CfKeywords *keywords, gint64 date, gint zone)
{
  CfUpload *upload = g_new0 (CfUpload, 1);

  upload->source = cf_source_ref (source);
  upload->keywords = keywords != NULL ? cf_keywords_ref (keywords) : NULL;
  upload->parts = g_ptr_array_new_with_free_func (object_free);
  upload->offsets = g_array_new (FALSE, FALSE, sizeof (guint64));
  upload->ids = g_array_new (FALSE, FALSE, sizeof (CfObjectId));
  upload->segments = g_ptr_array_new_with_free_func (g_free);
  upload->append = (CfAppend){
    .struct_size = sizeof upload->append,
    .flags = flags,
    .zone = zone,
    .internal_date = date,
    .keywords = upload->keywords,
    .octets = upload->source,
  };
  return upload;
}

void
cf_upload_free (CfUpload *upload)
{
  g_clear_pointer (&upload->facts, cf_facts_unref);
  cf_keywords_unref (upload->keywords);
  g_ptr_array_unref (upload->parts);
  g_array_unref (upload->offsets);
  g_array_unref (upload->ids);
  g_ptr_array_unref (upload->segments);
  cf_source_unref (upload->source);
  g_free (upload);
}

/* ---- Deciding ---- */

static gboolean
upload_hash (CfSource *octets, guint8 *out_sha256, GError **error)
{
  guint64 length = cf_source_get_length (octets);
  g_autofree guint8 *slice = g_malloc (HASH_SLICE);
  gnutls_hash_hd_t hash;

  if (gnutls_hash_init (&hash, GNUTLS_DIG_SHA256) < 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "SHA-256 is not available");
    return FALSE;
  }
  for (guint64 at = 0; at < length; at += HASH_SLICE) {
    gsize n = MIN (HASH_SLICE, length - at);

    if (!cf_source_read (octets, at, slice, n, error)) {
      gnutls_hash_deinit (hash, NULL);
      return FALSE;
    }
    gnutls_hash (hash, slice, n);
  }
  gnutls_hash_deinit (hash, out_sha256);
  return TRUE;
}

static void
guesser_free (gpointer data)
{
  Guesser *guesser = data;

  magic_close (guesser->magic);
  g_free (guesser);
}

/* This thread's; NULL: libmagic or its database is not there. Renewing it costs some milliseconds. */
static Guesser *
guesser_get (void)
{
  static GPrivate guessers = G_PRIVATE_INIT (guesser_free);
  Guesser *guesser = g_private_get (&guessers);

  if (guesser != NULL && guesser->n_guesses < GUESSES_MAX)
    return guesser;
  g_private_replace (&guessers, NULL);
  guesser = g_new0 (Guesser, 1);
  guesser->magic = magic_open (MAGIC_MIME_TYPE);
  if (guesser->magic == NULL || magic_load (guesser->magic, NULL) != 0) {
    guesser_free (guesser);
    return NULL;
  }
  g_private_set (&guessers, guesser);
  return guesser;
}

/* What libmagic makes of the part's first octets, decoded; NULL when it cannot tell. */
static char *
upload_guess_media_type (CfSource *octets, const char *encoding)
{
  Guesser *guesser = guesser_get ();
  g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (encoding, NULL);
  g_autoptr (GByteArray) decoded = g_byte_array_new ();
  g_autofree guint8 *slice = g_malloc (HASH_SLICE);
  gsize n = MIN (HASH_SLICE, cf_source_get_length (octets));

  if (guesser == NULL || decoder == NULL || !cf_source_read (octets, 0, slice, n, NULL))
    return NULL;
  cf_part_decoder_feed (decoder, slice, n, decoded);
  guesser->n_guesses++;
  return g_strdup (magic_buffer (guesser->magic, decoded->data, decoded->len));
}

static gboolean
upload_add_part (CfUpload *upload, const CfPart *part, GError **error)
{
  CfObject *object = g_new0 (CfObject, 1);

  object->struct_size = sizeof *object;
  object->octets = cf_source_new_slice (upload->source, part->body_offset, part->body_length);
  g_ptr_array_add (upload->parts, object);
  g_array_append_val (upload->offsets, part->body_offset);
  if (!upload_hash (object->octets, object->sha256, error))
    return FALSE;
  object->media_type = upload_guess_media_type (object->octets, part->encoding);
  return TRUE;
}

gboolean
cf_upload_scan (CfUpload *upload, gboolean apart, GError **error)
{
  guint64 threshold = cf_settings_get ()->object_threshold;

  upload->facts = cf_facts_scan (upload->source, error);
  if (upload->facts == NULL)
    return FALSE;
  upload->append.facts = upload->facts;
  upload->append.size = cf_facts_get_presented_size (upload->facts);
  if (!apart)
    return TRUE;
  for (guint i = 0; i < cf_facts_get_n_parts (upload->facts); i++) {
    const CfPart *part = cf_facts_get_part (upload->facts, i);

    if (part->kind == CF_PART_LEAF && part->body_length >= threshold
        && !upload_add_part (upload, part, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cf_upload_has_8bit_header (const CfUpload *upload, gboolean *out_is_8bit, GError **error)
{
  g_autofree guint8 *slice = g_malloc (HASH_SLICE);
  guint64 at, left;

  *out_is_8bit = FALSE;
  if (!cf_facts_locate_raw (upload->facts, "", CF_SECTION_HEADER, &at, &left))
    return TRUE;
  while (left > 0) {
    gsize n = MIN (HASH_SLICE, left);

    if (!cf_source_read (upload->source, at, slice, n, error))
      return FALSE;
    for (gsize i = 0; i < n; i++)
      *out_is_8bit = *out_is_8bit || slice[i] >= 0x80;
    at += n;
    left -= n;
  }
  return TRUE;
}

/* ---- Storing ---- */

/* Sharing across accounts leaks existence, so it is the operator's choice. */
char *
cf_upload_dup_scope (const char *name, CfAccountId account)
{
  const char *scope = cf_settings_get ()->object_scope;
  const char *at = strrchr (name, '@');

  if (g_strcmp0 (scope, "server") == 0)
    return g_strdup ("server");
  if (g_strcmp0 (scope, "domain") == 0 && at != NULL)
    return g_strconcat ("domain/", at + 1, NULL);
  return g_strdup_printf ("account/%" G_GUINT64_FORMAT, account);
}

static void
upload_add_segment (CfUpload *upload, CfSegmentKind kind, guint64 offset, guint64 length, CfObjectId object)
{
  CfSegment *segment;

  if (length == 0)
    return;
  segment = g_new0 (CfSegment, 1);
  segment->struct_size = sizeof *segment;
  segment->kind = kind;
  segment->offset = offset;
  segment->length = length;
  segment->object = object;
  g_ptr_array_add (upload->segments, segment);
}

/* The message as a gapless run of inline ranges and objects. */
static void
upload_describe (CfUpload *upload)
{
  guint64 at = 0;

  g_ptr_array_set_size (upload->segments, 0);
  for (guint i = 0; i < upload->parts->len; i++) {
    const CfObject *object = g_ptr_array_index (upload->parts, i);
    guint64 offset = g_array_index (upload->offsets, guint64, i);
    guint64 length = cf_source_get_length (object->octets);

    upload_add_segment (upload, CF_SEGMENT_INLINE, at, offset - at, 0);
    upload_add_segment (upload, CF_SEGMENT_OBJECT, offset, length,
                        g_array_index (upload->ids, CfObjectId, i));
    at = offset + length;
  }
  if (upload->parts->len > 0)
    upload_add_segment (upload, CF_SEGMENT_INLINE, at, cf_source_get_length (upload->source) - at, 0);
  upload->append.n_segments = upload->segments->len;
  upload->append.segments = (const CfSegment *const *) upload->segments->pdata;
}

GPtrArray *
cf_uploads_get_next (GPtrArray *uploads)
{
  GPtrArray *next = g_ptr_array_new ();
  guint64 octets = 0;

  for (guint i = 0; i < uploads->len; i++) {
    const CfUpload *upload = g_ptr_array_index (uploads, i);

    for (guint part = upload->ids->len; part < upload->parts->len && octets < PUT_OCTETS; part++) {
      const CfObject *object = g_ptr_array_index (upload->parts, part);

      octets += cf_source_get_length (object->octets);
      g_ptr_array_add (next, (gpointer) object);
    }
  }
  return next;
}

void
cf_uploads_set_stored (GPtrArray *uploads, const CfObjectId *ids, guint n)
{
  for (guint i = 0; i < uploads->len; i++) {
    CfUpload *upload = g_ptr_array_index (uploads, i);
    guint mine = MIN (n, upload->parts->len - upload->ids->len);

    g_array_append_vals (upload->ids, ids, mine);
    ids += mine;
    n -= mine;
  }
}

void
cf_uploads_describe (GPtrArray *uploads)
{
  for (guint i = 0; i < uploads->len; i++)
    upload_describe (g_ptr_array_index (uploads, i));
}

CfRun
cf_uploads_store_parts (GPtrArray *uploads, CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  const CfIdentity *identity = cf_session_get_identity (session);
  g_autoptr (GPtrArray) next = cf_uploads_get_next (uploads);
  g_autofree char *scope = cf_upload_dup_scope (identity->user, identity->account);
  g_autofree CfObjectId *ids = g_new0 (CfObjectId, next->len);

  if (next->len > 0) {
    if (!cf_store_object_put (session, scope, next->len, (const CfObject *const *) next->pdata, ids, error))
      return CF_RUN_ERROR;
    cf_uploads_set_stored (uploads, ids, next->len);
    return CF_RUN_MORE;
  }
  cf_uploads_describe (uploads);
  return CF_RUN_DONE;
}

void
cf_upload_forget_parts (CfUpload *upload, gboolean keep_inline)
{
  g_array_set_size (upload->ids, 0);
  if (!keep_inline)
    return;
  g_ptr_array_set_size (upload->parts, 0);
  g_array_set_size (upload->offsets, 0);
}

const CfAppend *
cf_upload_get_append (CfUpload *upload)
{
  return &upload->append;
}
