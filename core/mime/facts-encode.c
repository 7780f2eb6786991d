/* core/mime/facts-encode.c - the opaque form of facts.
 *
 * 16 octets: scanner version, zero (4 octets each, little endian), checksum of the rest (8 octets); then a
 * GVariant, little endian. Facts read from it borrow its strings. It is believed only as far as it must be:
 * the checksum finds damage, and every number is checked before it is used, so that even octets made to
 * deceive give nothing worse than wrong facts.
 */
#include "mime/facts-private.h"

#include <string.h>

/* The order of a part: parent, kind, has_nul, seven texts ("" for none), and header_offset to decoded_length
 * as in CfPart. Of a piece: kind, raw offset, raw length. */
#define PART_TYPE  "(iybayayayayayayayttttttt)"
#define PIECE_TYPE "(ytt)"
#define FACTS_TYPE "(ttbayayayayaya" PART_TYPE "a" PIECE_TYPE ")"

#define PREFIX_LENGTH 16
#define PATHS_MAX     (64 << 20)

static guint64
facts_checksum (const guint8 *octets, gsize length)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < length; i++)
    hash = (hash ^ octets[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

/* ---- Encoding ------------------------------------------------------------------------------------------*/

/* Has this node a row in the table of parts? A multipart that is the message inside a message/rfc822 has
 * none; its children are that part's. */
static gboolean
node_has_row (const CfScanNode *node)
{
  return node->parent < 0 || !node->is_message || node->kind != CF_PART_MULTIPART;
}

static guint64
node_inner_header_length (const CfScan *scan, guint i)
{
  const CfScanNode *inner;

  if (g_array_index (scan->nodes, CfScanNode, i).kind != CF_PART_MESSAGE)
    return 0;
  inner = &g_array_index (scan->nodes, CfScanNode, i + 1);
  return inner->body_offset - inner->header_offset;
}

static void
add_text (GVariantBuilder *builder, const char *text)
{
  g_variant_builder_add_value (builder, g_variant_new_bytestring (text != NULL ? text : ""));
}

static void
encode_part (GVariantBuilder *builder, const CfScan *scan, guint i, gint parent)
{
  const CfScanNode *node = &g_array_index (scan->nodes, CfScanNode, i);
  const CfPartHeader *header = node->header;

  g_variant_builder_open (builder, G_VARIANT_TYPE (PART_TYPE));
  g_variant_builder_add (builder, "i", parent);
  g_variant_builder_add (builder, "y", (guint8) node->kind);
  g_variant_builder_add (builder, "b", node->has_nul);
  add_text (builder, header->type);
  add_text (builder, header->subtype);
  add_text (builder, header->charset);
  add_text (builder, header->encoding);
  add_text (builder, header->disposition);
  add_text (builder, header->filename);
  add_text (builder, header->id);
  g_variant_builder_add (builder, "t", node->header_offset);
  g_variant_builder_add (builder, "t", node->body_offset - node->header_offset);
  g_variant_builder_add (builder, "t", node->body_offset);
  g_variant_builder_add (builder, "t", node->body_end - node->body_offset);
  g_variant_builder_add (builder, "t", node->body_lines);
  g_variant_builder_add (builder, "t", node_inner_header_length (scan, i));
  g_variant_builder_add (builder, "t", node->decoded_length);
  g_variant_builder_close (builder);
}

static void
encode_parts (GVariantBuilder *builder, const CfScan *scan)
{
  g_autofree gint *rows = g_new (gint, scan->nodes->len);
  gint n_rows = 0;

  g_variant_builder_open (builder, G_VARIANT_TYPE ("a" PART_TYPE));
  for (guint i = 0; i < scan->nodes->len; i++) {
    const CfScanNode *node = &g_array_index (scan->nodes, CfScanNode, i);
    gint parent = node->parent >= 0 ? rows[node->parent] : -1;

    if (!node_has_row (node)) {
      rows[i] = parent;
      continue;
    }
    rows[i] = n_rows++;
    encode_part (builder, scan, i, parent);
  }
  g_variant_builder_close (builder);
}

static void
encode_pieces (GVariantBuilder *builder, const GArray *pieces)
{
  g_variant_builder_open (builder, G_VARIANT_TYPE ("a" PIECE_TYPE));
  for (guint i = 0; pieces != NULL && i < pieces->len; i++) {
    const CfPiece *piece = &g_array_index (pieces, CfPiece, i);

    g_variant_builder_add (builder, PIECE_TYPE, (guint8) piece->kind, piece->raw_offset, piece->raw_length);
  }
  g_variant_builder_close (builder);
}

static void
add_octets (GVariantBuilder *builder, const void *octets, gsize length)
{
  g_variant_builder_add_value (builder, g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, octets, length, 1));
}

static GBytes *
facts_seal (GVariant *value)
{
  gsize length = g_variant_get_size (value);
  guint8 *octets = g_malloc0 (PREFIX_LENGTH + length);
  guint32 version = GUINT32_TO_LE (CF_SCANNER_VERSION);
  guint64 checksum;

  g_variant_store (value, octets + PREFIX_LENGTH);
  checksum = GUINT64_TO_LE (facts_checksum (octets + PREFIX_LENGTH, length));
  memcpy (octets, &version, sizeof version);
  memcpy (octets + 8, &checksum, sizeof checksum);
  return g_bytes_new_take (octets, PREFIX_LENGTH + length);
}

/* The value itself on most machines. Consumes it. */
static GVariant *
to_or_from_little_endian (GVariant *value)
{
  GVariant *swapped;

  g_variant_ref_sink (value);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    return value;
  swapped = g_variant_byteswap (value);
  g_variant_unref (value);
  return swapped;
}

GBytes *
cf_facts_encode (const CfScan *scan, const guint8 *header, gsize header_length, const char *preview)
{
  g_autoptr (GString) body = g_string_new (NULL), bodystructure = g_string_new (NULL);
  g_autoptr (GArray) pieces = NULL;
  g_autofree gint64 *line_deltas = NULL;
  g_autoptr (GVariant) value = NULL;
  const CfScanNode *message = &g_array_index (scan->nodes, CfScanNode, 0);
  GVariantBuilder builder;
  guint64 presented_size = scan->length;

  if (scan->has_nul) {
    const CfPiece *last;

    line_deltas = g_new0 (gint64, scan->nodes->len);
    pieces = cf_presented_build (scan, line_deltas);
    last = &g_array_index (pieces, CfPiece, pieces->len - 1);
    presented_size = last->offset + last->length;
  }
  cf_structure_write (scan, pieces, line_deltas, body, bodystructure);

  g_variant_builder_init (&builder, G_VARIANT_TYPE (FACTS_TYPE));
  g_variant_builder_add (&builder, "t", scan->length);
  g_variant_builder_add (&builder, "t", presented_size);
  g_variant_builder_add (&builder, "b", (gboolean) (message->body_offset > header_length));
  add_octets (&builder, header, header_length);
  add_octets (&builder, message->envelope, message->envelope_length);
  add_octets (&builder, body->str, body->len);
  add_octets (&builder, bodystructure->str, bodystructure->len);
  add_text (&builder, preview);
  encode_parts (&builder, scan);
  encode_pieces (&builder, pieces);
  value = to_or_from_little_endian (g_variant_builder_end (&builder));
  return facts_seal (value);
}

/* ---- Decoding ------------------------------------------------------------------------------------------*/

/* Borrowed from @value, as everything below. */
static CfFactsText
get_octets (GVariant *value, gsize i)
{
  g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
  CfFactsText text = { NULL, 0 };

  text.octets = g_variant_get_fixed_array (child, &text.length, 1);
  if (text.octets == NULL)
    text.octets = "";
  return text;
}

static const char *
text_or_null (const char *text)
{
  return *text != '\0' ? text : NULL;
}

/* "" for the message; RFC 3501, 6.4.5 for the others. The body of a message that is no multipart is "1". */
static const char *
make_path (CfFacts *facts, const CfPart *part, guint ordinal)
{
  const CfPart *parent;
  g_autofree char *path = NULL;

  if (part->parent < 0)
    return "";
  parent = &g_array_index (facts->parts, CfPart, part->parent);
  if (part->parent == 0)
    path = g_strdup_printf (parent->kind == CF_PART_MULTIPART ? "%u" : "1.%u", ordinal);
  else
    path = g_strdup_printf ("%s.%u", parent->path, ordinal);
  return g_string_chunk_insert (facts->paths, path);
}

static gboolean
is_inside (guint64 offset, guint64 length, guint64 end)
{
  return offset <= end && length <= end - offset;
}

static gboolean
part_is_sane (const CfFacts *facts, const CfPart *part, guint8 kind)
{
  guint i = facts->parts->len;

  if (kind > CF_PART_MESSAGE || (i == 0) != (part->parent == -1) || part->parent >= (gint) i
      || part->parent < -1)
    return FALSE;
  if (i > 0 && g_array_index (facts->parts, CfPart, part->parent).kind == CF_PART_LEAF)
    return FALSE;
  return is_inside (part->header_offset, part->header_length, facts->length)
         && part->header_offset + part->header_length == part->body_offset
         && is_inside (part->body_offset, part->body_length, facts->length)
         && part->inner_header_length <= part->body_length && part->body_lines <= part->body_length;
}

static gboolean
decode_parts (CfFacts *facts, GVariant *rows)
{
  gsize n = g_variant_n_children (rows), path_octets = 0;
  g_autofree guint *children = g_new0 (guint, n + 1);

  for (gsize i = 0; i < n; i++) {
    CfPart part = { NULL };
    const char *charset, *disposition, *filename, *content_id;
    guint8 kind;

    g_variant_get_child (rows, i, "(iyb^&ay^&ay^&ay^&ay^&ay^&ay^&ayttttttt)", &part.parent, &kind,
                         &part.has_nul, &part.type, &part.subtype, &charset, &part.encoding, &disposition,
                         &filename, &content_id, &part.header_offset, &part.header_length, &part.body_offset,
                         &part.body_length, &part.body_lines, &part.inner_header_length,
                         &part.decoded_length);
    if (!part_is_sane (facts, &part, kind))
      return FALSE;
    part.kind = kind;
    part.charset = text_or_null (charset);
    part.disposition = text_or_null (disposition);
    part.filename = text_or_null (filename);
    part.content_id = text_or_null (content_id);
    part.path = make_path (facts, &part, part.parent >= 0 ? ++children[part.parent] : 0);
    path_octets += strlen (part.path);
    if (path_octets > PATHS_MAX)
      return FALSE;
    g_array_append_val (facts->parts, part);
  }
  return n > 0;
}

static gboolean
decode_pieces (CfFacts *facts, GVariant *rows)
{
  gsize n = g_variant_n_children (rows);
  guint64 raw_end = 0;
  const CfPiece *last;

  if (n == 0)
    return facts->presented_size == facts->length;

  facts->pieces = g_array_sized_new (FALSE, FALSE, sizeof (CfPiece), (guint) n);
  for (gsize i = 0; i < n; i++) {
    guint64 raw_offset, raw_length;
    guint8 kind;

    g_variant_get_child (rows, i, PIECE_TYPE, &kind, &raw_offset, &raw_length);
    if (kind >= CF_N_PIECES || raw_offset != raw_end || !is_inside (raw_offset, raw_length, facts->length))
      return FALSE;
    raw_end += raw_length;
    cf_presented_append (facts->pieces, kind, raw_offset, raw_length);
  }
  last = &g_array_index (facts->pieces, CfPiece, n - 1);
  return raw_end == facts->length && last->offset + last->length == facts->presented_size;
}

/* The presented header differs from the raw one when the message is a leaf with NUL. */
static gboolean
make_presented_header (CfFacts *facts)
{
  const CfPart *message = &g_array_index (facts->parts, CfPart, 0);
  guint64 end, n, raw_offset, raw_length;

  if (facts->pieces == NULL || message->kind != CF_PART_LEAF || facts->header_is_cut)
    return TRUE;
  facts->presented_header = g_byte_array_new ();
  end = cf_presented_offset (facts->pieces, message->body_offset, TRUE);
  for (guint64 at = 0; at < end; at += n) {
    n = cf_presented_map (facts, at, end - at, &raw_offset, &raw_length);
    if (n == 0 || !is_inside (raw_offset, raw_length, facts->header.length))
      return FALSE;
    cf_presented_render (facts, at, (gsize) n, (const guint8 *) facts->header.octets + raw_offset,
                         facts->presented_header);
  }
  return TRUE;
}

static gboolean
facts_decode (CfFacts *facts)
{
  g_autoptr (GVariant) parts = NULL, pieces = NULL;

  g_variant_get_child (facts->value, 0, "t", &facts->length);
  g_variant_get_child (facts->value, 1, "t", &facts->presented_size);
  g_variant_get_child (facts->value, 2, "b", &facts->header_is_cut);
  facts->header = get_octets (facts->value, 3);
  facts->envelope = get_octets (facts->value, 4);
  facts->body = get_octets (facts->value, 5);
  facts->bodystructure = get_octets (facts->value, 6);
  g_variant_get_child (facts->value, 7, "^&ay", &facts->preview);
  parts = g_variant_get_child_value (facts->value, 8);
  pieces = g_variant_get_child_value (facts->value, 9);

  if (!decode_parts (facts, parts) || !decode_pieces (facts, pieces)
      || facts->header.length > g_array_index (facts->parts, CfPart, 0).header_length)
    return FALSE;
  return make_presented_header (facts);
}

/* NULL: damaged, or another version's. */
static GVariant *
facts_unseal (GBytes *encoded)
{
  g_autoptr (GBytes) rest = NULL;
  g_autoptr (GVariant) value = NULL;
  gsize length;
  const guint8 *octets = g_bytes_get_data (encoded, &length);
  guint32 version;
  guint64 checksum;

  if (length <= PREFIX_LENGTH)
    return NULL;
  memcpy (&version, octets, sizeof version);
  memcpy (&checksum, octets + 8, sizeof checksum);
  if (GUINT32_FROM_LE (version) != CF_SCANNER_VERSION
      || GUINT64_FROM_LE (checksum) != facts_checksum (octets + PREFIX_LENGTH, length - PREFIX_LENGTH))
    return NULL;

  rest = g_bytes_new_from_bytes (encoded, PREFIX_LENGTH, length - PREFIX_LENGTH);
  value = to_or_from_little_endian (g_variant_new_from_bytes (G_VARIANT_TYPE (FACTS_TYPE), rest, FALSE));
  return g_variant_is_normal_form (value) ? g_steal_pointer (&value) : NULL;
}

CfFacts *
cf_facts_new_from_encoded (GBytes *encoded, GError **error)
{
  g_autoptr (CfFacts) facts = NULL;
  GVariant *value = facts_unseal (encoded);

  if (value != NULL) {
    facts = g_new0 (CfFacts, 1);
    g_atomic_ref_count_init (&facts->ref_count);
    facts->encoded = g_bytes_ref (encoded);
    facts->value = value;
    facts->parts = g_array_new (FALSE, FALSE, sizeof (CfPart));
    facts->paths = g_string_chunk_new (64);
  }
  if (facts == NULL || !facts_decode (facts)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "Stored facts about a message are damaged");
    return NULL;
  }
  return g_steal_pointer (&facts);
}
