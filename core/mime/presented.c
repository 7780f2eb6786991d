/* core/mime/presented.c - the presented rendition of content with NUL (mime.h; RFC 3516, 4.1 and 6.2).
 *
 * A list of pieces maps presented octets to raw ones. Base64 is cut into lines of 57 raw octets, each ending
 * in CRLF, so any presented offset leads to its line's raw octets by division, and a slice is rendered
 * without what comes before it.
 */
#include "mime/facts-private.h"

#include <string.h>

#define LINE_RAW       57
#define LINE_PRESENTED 78 /* 76 characters, CRLF */
#define SLICE          (256 * 1024)

static const char field_text[] = "Content-Transfer-Encoding: base64\r\n";
static const char header_text[] = "Content-Transfer-Encoding: base64\r\n\r\n";
static const char digest_header_text[]
    = "Content-Type: text/plain; charset=US-ASCII\r\nContent-Transfer-Encoding: base64\r\n\r\n";

static guint64
base64_lines (guint64 raw_length)
{
  return raw_length / LINE_RAW + (raw_length % LINE_RAW > 0);
}

static guint64
base64_length (guint64 raw_length)
{
  return (raw_length + 2) / 3 * 4 + 2 * base64_lines (raw_length);
}

/* ---- Building ------------------------------------------------------------------------------------------*/

static guint64
piece_length (CfPieceKind kind, guint64 raw_length)
{
  switch (kind) {
  case CF_PIECE_RAW:
    return raw_length;
  case CF_PIECE_BASE64:
    return base64_length (raw_length);
  case CF_PIECE_FIELD:
    return sizeof field_text - 1;
  case CF_PIECE_HEADER:
    return sizeof header_text - 1;
  case CF_PIECE_DIGEST_HEADER:
    return sizeof digest_header_text - 1;
  case CF_PIECE_NOTHING:
  case CF_N_PIECES:
    break;
  }
  return 0;
}

void
cf_presented_append (GArray *pieces, CfPieceKind kind, guint64 raw_offset, guint64 raw_length)
{
  CfPiece piece = { kind, raw_offset, raw_length, 0, piece_length (kind, raw_length) };

  if (pieces->len > 0) {
    const CfPiece *last = &g_array_index (pieces, CfPiece, pieces->len - 1);

    piece.offset = last->offset + last->length;
  }
  g_array_append_val (pieces, piece);
}

/* What is raw between the last piece and @offset. */
static void
append_raw_until (GArray *pieces, guint64 offset)
{
  guint64 from = 0;

  if (pieces->len > 0) {
    const CfPiece *last = &g_array_index (pieces, CfPiece, pieces->len - 1);

    from = last->raw_offset + last->raw_length;
  }
  if (offset > from)
    cf_presented_append (pieces, CF_PIECE_RAW, from, offset - from);
}

/* With a header, even an empty one, a part of multipart/digest without a type is a message; the one that is
 * made for it must say that this one is not. */
static gboolean
is_in_digest (const CfScan *scan, const CfScanNode *node)
{
  return !node->is_message
         && strcmp (g_array_index (scan->nodes, CfScanNode, node->parent).header->subtype, "digest") == 0;
}

/* Returns by how much the number of line ends grows. */
static gint64
append_leaf (GArray *pieces, const CfScan *scan, const CfScanNode *node)
{
  const GArray *fields = node->header->encoding_fields;
  guint64 header_length = node->body_offset - node->header_offset;
  gint64 delta = 1;

  for (guint i = 0; fields != NULL && i < fields->len; i++) {
    const CfEncodingField *field = &g_array_index (fields, CfEncodingField, i);
    guint64 offset = node->header_offset + field->offset;

    append_raw_until (pieces, offset);
    cf_presented_append (pieces, i == 0 ? CF_PIECE_FIELD : CF_PIECE_NOTHING, offset, field->length);
    delta -= field->lines;
  }
  if (header_length == 0) {
    gboolean in_digest = is_in_digest (scan, node);

    append_raw_until (pieces, node->body_offset);
    cf_presented_append (pieces, in_digest ? CF_PIECE_DIGEST_HEADER : CF_PIECE_HEADER, node->body_offset, 0);
    delta += in_digest ? 2 : 1;
  } else if (fields == NULL) {
    append_raw_until (pieces, node->body_offset - node->blank_length);
    cf_presented_append (pieces, CF_PIECE_FIELD, node->body_offset - node->blank_length, 0);
  }
  append_raw_until (pieces, node->body_offset);
  cf_presented_append (pieces, CF_PIECE_BASE64, node->body_offset, node->body_end - node->body_offset);
  return delta + (gint64) base64_lines (node->body_end - node->body_offset) - (gint64) node->body_lines;
}

GArray *
cf_presented_build (const CfScan *scan, gint64 *line_deltas)
{
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (CfPiece));

  for (guint i = 0; i < scan->nodes->len; i++) {
    const CfScanNode *node = &g_array_index (scan->nodes, CfScanNode, i);
    gint64 delta;

    if (node->kind != CF_PART_LEAF || node->is_placeholder || !node->has_nul)
      continue;
    delta = append_leaf (pieces, scan, node);
    line_deltas[i] = (gint64) base64_lines (node->body_end - node->body_offset) - (gint64) node->body_lines;
    for (gint parent = node->parent; parent >= 0;
         parent = g_array_index (scan->nodes, CfScanNode, parent).parent)
      line_deltas[parent] += delta;
  }
  append_raw_until (pieces, scan->length);
  return pieces;
}

/* ---- Reading -------------------------------------------------------------------------------------------*/

guint64
cf_presented_offset (const GArray *pieces, guint64 raw_offset, gboolean after)
{
  guint low = 0, high = pieces->len;
  const CfPiece *piece;

  /* The first piece that begins at or behind (@after: behind) the offset; the one before it decides. */
  while (low < high) {
    guint middle = low + (high - low) / 2;
    guint64 begin = g_array_index (pieces, CfPiece, middle).raw_offset;

    if (begin < raw_offset || (after && begin == raw_offset))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0)
    return 0;
  piece = &g_array_index (pieces, CfPiece, low - 1);
  if (after && piece->raw_offset == raw_offset)
    return piece->offset;
  if (piece->kind == CF_PIECE_RAW)
    return piece->offset + MIN (raw_offset - piece->raw_offset, piece->length);
  return piece->offset + piece->length;
}

/* The piece that contains the presented @offset, or NULL at the end. */
static const CfPiece *
find_piece (const GArray *pieces, guint64 offset)
{
  guint low = 0, high = pieces->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;
    const CfPiece *piece = &g_array_index (pieces, CfPiece, middle);

    if (piece->offset + piece->length <= offset)
      low = middle + 1;
    else
      high = middle;
  }
  return low < pieces->len ? &g_array_index (pieces, CfPiece, low) : NULL;
}

gboolean
cf_facts_needs_presentation (const CfFacts *facts)
{
  return facts->pieces != NULL;
}

guint64
cf_presented_map (const CfFacts *facts, guint64 offset, guint64 length, guint64 *out_raw_offset,
                  guint64 *out_raw_length)
{
  const CfPiece *piece;
  guint64 inside;

  if (offset >= facts->presented_size)
    return 0;
  if (facts->pieces == NULL) {
    *out_raw_offset = offset;
    *out_raw_length = MIN (length, facts->length - offset);
    return *out_raw_length;
  }
  piece = find_piece (facts->pieces, offset);
  if (piece == NULL)
    return 0;

  inside = offset - piece->offset;
  length = MIN (length, piece->length - inside);
  *out_raw_offset = piece->raw_offset;
  *out_raw_length = 0;
  if (piece->kind == CF_PIECE_RAW) {
    *out_raw_offset += inside;
    *out_raw_length = length;
  } else if (piece->kind == CF_PIECE_BASE64 && length > 0) {
    guint64 from = inside / LINE_PRESENTED * LINE_RAW;
    guint64 to = ((inside + length - 1) / LINE_PRESENTED + 1) * LINE_RAW;

    *out_raw_offset += from;
    *out_raw_length = MIN (to, piece->raw_length) - from;
  }
  return length;
}

static void
render_masked (const guint8 *raw, gsize length, GByteArray *out)
{
  guint start = out->len;
  guint8 *nul;

  g_byte_array_append (out, raw, (guint) length);
  while ((nul = memchr (out->data + start, '\0', out->len - start)) != NULL)
    *nul = 0x80;
}

/* @length presented octets from @skip in the line that begins at @raw; @raw_left octets of the
 * body are left. */
static void
render_base64 (const guint8 *raw, guint64 raw_left, gsize skip, gsize length, GByteArray *out)
{
  while (length > 0) {
    gsize n_raw = (gsize) MIN (LINE_RAW, raw_left), n;
    char line[96]; /* what g_base64_encode_step() asks for, and CRLF */
    gint state = 0, save = 0;

    n = g_base64_encode_step (raw, n_raw, FALSE, line, &state, &save);
    n += g_base64_encode_close (FALSE, line + n, &state, &save);
    line[n++] = '\r';
    line[n++] = '\n';
    n = MIN (n - skip, length);
    g_byte_array_append (out, (const guint8 *) line + skip, (guint) n);
    length -= n;
    skip = 0;
    raw += n_raw;
    raw_left -= n_raw;
  }
}

static const char *
piece_text (CfPieceKind kind)
{
  return kind == CF_PIECE_FIELD ? field_text : kind == CF_PIECE_HEADER ? header_text : digest_header_text;
}

void
cf_presented_render (const CfFacts *facts, guint64 offset, gsize length, const guint8 *raw, GByteArray *out)
{
  const CfPiece *piece = facts->pieces != NULL ? find_piece (facts->pieces, offset) : NULL;
  guint64 inside = piece != NULL ? offset - piece->offset : 0;

  if (piece == NULL)
    g_byte_array_append (out, raw, (guint) length);
  else if (piece->kind == CF_PIECE_RAW)
    render_masked (raw, length, out);
  else if (piece->kind == CF_PIECE_BASE64)
    render_base64 (raw, piece->raw_length - inside / LINE_PRESENTED * LINE_RAW, inside % LINE_PRESENTED,
                   length, out);
  else
    g_byte_array_append (out, (const guint8 *) piece_text (piece->kind) + inside, (guint) length);
}

gboolean
cf_presented_read (const CfFacts *facts, CfSource *source, guint64 offset, gsize length, GByteArray *out,
                   GError **error)
{
  g_autofree guint8 *raw = g_malloc (MIN (length, SLICE) + CF_PRESENTED_EXTRA);

  while (length > 0) {
    guint64 raw_offset, raw_length, n;

    n = cf_presented_map (facts, offset, MIN (length, SLICE), &raw_offset, &raw_length);
    if (n == 0) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "Read beyond the end of a message");
      return FALSE;
    }
    if (!cf_source_read (source, raw_offset, raw, (gsize) raw_length, error))
      return FALSE;
    cf_presented_render (facts, offset, (gsize) n, raw, out);
    offset += n;
    length -= (gsize) n;
  }
  return TRUE;
}
