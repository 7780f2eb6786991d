/* core/mime/structure.c - BODY and BODYSTRUCTURE (RFC 3501, 7.4.2).
 *
 * Nodes are in depth-first order, so both texts are written in one walk, without recursion: a container is
 * closed when a node comes that is not inside it. Sizes, lines and encodings are those of the presented
 * message. Types and parameter names are written in upper case; parameters as they stand in the header.
 */
#include "mime/facts-private.h"
#include "mime/wire.h"

#include <string.h>

typedef struct {
  const CfScan *scan;
  const GArray *pieces;
  const gint64 *line_deltas;
  gboolean extended;
  GString *out;
} Writer;

static const CfScanNode *
writer_node (const Writer *writer, gint i)
{
  return &g_array_index (writer->scan->nodes, CfScanNode, i);
}

static void
write_parameters (Writer *writer, const GPtrArray *parameters)
{
  if (parameters == NULL) {
    g_string_append (writer->out, "NIL");
    return;
  }
  for (guint i = 0; i < parameters->len; i++) {
    const CfMimeParameter *parameter = g_ptr_array_index (parameters, i);

    g_string_append_c (writer->out, i == 0 ? '(' : ' ');
    cf_wire_upper (writer->out, parameter->name);
    g_string_append_c (writer->out, ' ');
    cf_wire_nstring (writer->out, parameter->value);
  }
  g_string_append_c (writer->out, ')');
}

/* text/plain without a charset is US-ASCII (RFC 2046, 4.1.2), and clients expect to be told. */
static void
write_leaf_parameters (Writer *writer, const CfPartHeader *header)
{
  if (header->parameters == NULL && strcmp (header->type, "text") == 0
      && strcmp (header->subtype, "plain") == 0)
    g_string_append (writer->out, "(\"CHARSET\" \"US-ASCII\")");
  else
    write_parameters (writer, header->parameters);
}

/* body-fld-lang: a list of tags (RFC 3282). */
static void
write_language (Writer *writer, const char *language)
{
  g_auto (GStrv) tags = language != NULL ? g_strsplit_set (language, ", \t", -1) : NULL;
  guint n = 0;

  for (guint i = 0; tags != NULL && tags[i] != NULL; i++) {
    if (*tags[i] == '\0')
      continue;
    g_string_append_c (writer->out, n++ == 0 ? '(' : ' ');
    cf_wire_nstring (writer->out, tags[i]);
  }
  g_string_append (writer->out, n > 0 ? ")" : "NIL");
}

/* What multiparts and others have in common: disposition, language, location. */
static void
write_extension (Writer *writer, const CfPartHeader *header)
{
  g_string_append_c (writer->out, ' ');
  if (header->disposition == NULL) {
    g_string_append (writer->out, "NIL");
  } else {
    g_string_append_c (writer->out, '(');
    cf_wire_upper (writer->out, header->disposition);
    g_string_append_c (writer->out, ' ');
    write_parameters (writer, header->disposition_parameters);
    g_string_append_c (writer->out, ')');
  }
  g_string_append_c (writer->out, ' ');
  write_language (writer, header->language);
  g_string_append_c (writer->out, ' ');
  cf_wire_nstring (writer->out, header->location);
}

static void
write_single_end (Writer *writer, const CfPartHeader *header)
{
  if (writer->extended) {
    g_string_append_c (writer->out, ' ');
    cf_wire_nstring (writer->out, header->md5);
    write_extension (writer, header);
  }
  g_string_append_c (writer->out, ')');
}

static void
write_lines (Writer *writer, gint i)
{
  gint64 delta = writer->line_deltas != NULL ? writer->line_deltas[i] : 0;
  gint64 lines = (gint64) writer_node (writer, i)->body_lines + delta;

  g_string_append_printf (writer->out, " %" G_GINT64_FORMAT, MAX (lines, 0));
}

/* Up to and with body-fld-octets. */
static void
write_single_begin (Writer *writer, const CfScanNode *node)
{
  const CfPartHeader *header = node->header;
  gboolean as_base64
      = writer->pieces != NULL && node->kind == CF_PART_LEAF && node->has_nul && !node->is_placeholder;
  guint64 octets = node->body_end - node->body_offset;

  if (writer->pieces != NULL && octets > 0)
    octets = cf_presented_offset (writer->pieces, node->body_end, FALSE)
             - cf_presented_offset (writer->pieces, node->body_offset, as_base64);

  g_string_append_c (writer->out, '(');
  cf_wire_upper (writer->out, header->type);
  g_string_append_c (writer->out, ' ');
  cf_wire_upper (writer->out, header->subtype);
  g_string_append_c (writer->out, ' ');
  write_leaf_parameters (writer, header);
  g_string_append_c (writer->out, ' ');
  cf_wire_nstring (writer->out, header->id);
  g_string_append_c (writer->out, ' ');
  cf_wire_nstring (writer->out, header->description);
  g_string_append_c (writer->out, ' ');
  cf_wire_upper (writer->out, as_base64 ? "base64" : header->encoding);
  g_string_append_printf (writer->out, " %" G_GUINT64_FORMAT, octets);
}

static void
write_begin (Writer *writer, gint i)
{
  const CfScanNode *node = writer_node (writer, i);

  if (node->is_message && node->parent >= 0) {
    g_string_append_len (writer->out, node->envelope, (gssize) node->envelope_length);
    g_string_append_c (writer->out, ' ');
  }
  if (node->kind == CF_PART_MULTIPART) {
    g_string_append_c (writer->out, '(');
    return;
  }
  write_single_begin (writer, node);
  if (node->kind == CF_PART_MESSAGE) {
    g_string_append_c (writer->out, ' ');
    return;
  }
  if (strcmp (node->header->type, "text") == 0)
    write_lines (writer, i);
  write_single_end (writer, node->header);
}

/* Closes a container. */
static void
write_end (Writer *writer, gint i)
{
  const CfScanNode *node = writer_node (writer, i);

  if (node->kind == CF_PART_MESSAGE) {
    write_lines (writer, i);
    write_single_end (writer, node->header);
    return;
  }
  g_string_append_c (writer->out, ' ');
  cf_wire_upper (writer->out, node->header->subtype);
  if (writer->extended) {
    g_string_append_c (writer->out, ' ');
    write_parameters (writer, node->header->parameters);
    write_extension (writer, node->header);
  }
  g_string_append_c (writer->out, ')');
}

static void
write_structure (Writer *writer)
{
  gint open = -1; /* the innermost container; its parents are open too */

  for (gint i = 0; i < (gint) writer->scan->nodes->len; i++) {
    const CfScanNode *node = writer_node (writer, i);

    for (; open != node->parent; open = writer_node (writer, open)->parent)
      write_end (writer, open);
    write_begin (writer, i);
    if (node->kind != CF_PART_LEAF)
      open = i;
  }
  for (; open >= 0; open = writer_node (writer, open)->parent)
    write_end (writer, open);
}

void
cf_structure_write (const CfScan *scan, const GArray *pieces, const gint64 *line_deltas, GString *body,
                    GString *bodystructure)
{
  Writer writer = { scan, pieces, line_deltas, FALSE, body };

  write_structure (&writer);
  writer.extended = TRUE;
  writer.out = bodystructure;
  write_structure (&writer);
}
