/* storage-postgresql/append.c - the content of a new message, written ahead of the batch that places it.
 *
 * The inline segments' octets are written one after the other, in chunks; the segments say where in the
 * message they belong. All of it goes in the transaction of the batch, before that locks anything.
 */
#include "store.h"

#include <gnutls/crypto.h>

gboolean
append_check_segments (const CfAppend *append, guint64 *out_inline)
{
  guint64 total = cf_source_get_length (append->octets), position = 0, inline_octets = 0;

  for (guint i = 0; i < append->n_segments; i++) {
    const CfSegment *segment = append->segments[i];

    if (segment->offset != position || segment->length > total - position)
      return FALSE;
    position += segment->length;
    if (segment->kind == CF_SEGMENT_INLINE)
      inline_octets += segment->length;
  }
  *out_inline = append->n_segments > 0 ? inline_octets : total;
  return append->n_segments == 0 || position == total;
}

guint
append_count_segments (const CfAppend *append)
{
  for (guint i = 0; i < append->n_segments; i++)
    if (append->segments[i]->kind == CF_SEGMENT_OBJECT)
      return append->n_segments;
  return 0;
}

void
append_add_segments (Params *params, const CfAppend *append, SegmentColumn column)
{
  guint n = append_count_segments (append);
  guint64 inline_offset = 0;

  for (guint i = 0; i < n; i++) {
    const CfSegment *segment = append->segments[i];
    gboolean apart = segment->kind == CF_SEGMENT_OBJECT;

    switch (column) {
    case SEGMENT_POSITION:
      params_element_int8 (params, (gint64) segment->offset);
      break;
    case SEGMENT_LENGTH:
      params_element_int8 (params, (gint64) segment->length);
      break;
    case SEGMENT_OBJECT:
      if (apart)
        params_element_int8 (params, (gint64) segment->object);
      else
        params_element_null (params);
      break;
    case SEGMENT_SOURCE:
      params_element_int8 (params, (gint64) (apart ? segment->object_offset : inline_offset));
      break;
    }
    if (!apart)
      inline_offset += segment->length;
  }
}

/* The octets for inline chunks, taken from segment after segment. */
typedef struct {
  Pg *pg;
  CfAccountId account;
  CfContentId content;
  CfSource *octets;
  gint32 n;   /* the next chunk */
  gsize used; /* of the buffer */
  guint8 *buffer;
} Inliner;

static gboolean
append_flush (Inliner *inliner, GError **error)
{
  guint8 hash[32];
  Params *params;

  if (inliner->used == 0)
    return TRUE;
  if (gnutls_hash_fast (GNUTLS_DIG_SHA256, inliner->buffer, inliner->used, hash) < 0) {
    errors_set_no_hash (error);
    return FALSE;
  }
  params = pg_params (inliner->pg);
  params_int8 (params, (gint64) inliner->account);
  params_int8 (params, (gint64) inliner->content);
  params_int4 (params, inliner->n++);
  params_bytea (params, hash, sizeof hash);
  params_bytea (params, inliner->buffer, inliner->used);
  pg_send (inliner->pg, STATEMENT_CONTENT_CHUNK_ADD, NULL, NULL);
  inliner->used = 0;
  return TRUE;
}

static gboolean
append_inline (Inliner *inliner, guint64 offset, guint64 length, GError **error)
{
  while (length > 0) {
    gsize taken = (gsize) MIN (length, CHUNK_SIZE - inliner->used);

    if (!cf_source_read (inliner->octets, offset, inliner->buffer + inliner->used, taken, error))
      return FALSE;
    inliner->used += taken;
    offset += taken;
    length -= taken;
    if (inliner->used == CHUNK_SIZE && !append_flush (inliner, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
append_send_inline (Inliner *inliner, const CfAppend *append, GError **error)
{
  if (append->n_segments == 0 && !append_inline (inliner, 0, cf_source_get_length (append->octets), error))
    return FALSE;
  for (guint i = 0; i < append->n_segments; i++) {
    const CfSegment *segment = append->segments[i];

    if (segment->kind == CF_SEGMENT_INLINE
        && !append_inline (inliner, segment->offset, segment->length, error))
      return FALSE;
  }
  return append_flush (inliner, error);
}

gboolean
append_send (Pg *pg, CfAccountId account, CfContentId content, const CfAppend *append, guint64 inline_octets,
             GError **error)
{
  g_autofree guint8 *buffer = g_malloc (MIN (MAX (inline_octets, 1), CHUNK_SIZE));
  Inliner inliner
      = { .pg = pg, .account = account, .content = content, .octets = append->octets, .buffer = buffer };
  Params *params = pg_params (pg);

  params_int8 (params, (gint64) account);
  params_int8 (params, (gint64) content);
  params_uint8 (params, cf_source_get_length (append->octets));
  params_uint8 (params, inline_octets);
  facts_add_columns (params, append->facts);
  pg_send (pg, STATEMENT_CONTENT_ADD, NULL, NULL);
  facts_send (pg, account, content, append->facts);
  return append_send_inline (&inliner, append, error);
}
