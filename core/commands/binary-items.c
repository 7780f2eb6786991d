/* core/commands/binary-items.c - FETCH BINARY, BINARY.PEEK and BINARY.SIZE (RFC 3516, 4.1).
 *
 * The octets of a part with its transfer encoding undone. Where the encoding is not known, nothing of the
 * message is sent and the command ends in NO [UNKNOWN-CTE].
 */
#include "commands/commands.h"
#include "commands/section.h"
#include "mime/mime.h"

static gboolean
binary_parse (CfInput *input, CfItemRequest *request, guint needs, GError **error)
{
  CfSection *section = cf_section_parse (input, "BINARY", CF_SECTION_SYNTAX_BINARY, error);

  if (section == NULL)
    return FALSE;
  cf_section_prepare (section, request);
  /* The range counts decoded octets, which stand further on in the encoded ones. */
  request->offset = 0;
  request->length = G_MAXUINT64;
  request->needs |= needs;
  return TRUE;
}

static gboolean
parse_binary (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  return binary_parse (input, request, CF_NEED_SET_SEEN, error);
}

static gboolean
parse_binary_peek (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  return binary_parse (input, request, 0, error);
}

static gboolean
parse_binary_size (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  CfSection *section = cf_section_parse (input, "BINARY.SIZE", CF_SECTION_SYNTAX_BINARY_SIZE, error);

  if (section == NULL)
    return FALSE;
  cf_section_prepare (section, request);
  request->is_span = FALSE;
  return TRUE;
}

/* The decoded size of a part. FALSE with CF_ERROR_UNKNOWN_CTE; *@out_found tells whether there is
 * such a part. */
static gboolean
binary_get_size (CfFacts *facts, const char *path, gboolean *out_found, guint64 *out_size, GError **error)
{
  const CfPart *part = cf_facts_lookup_part (facts, path);
  guint64 offset;

  *out_found = cf_facts_locate_raw (facts, path, CF_SECTION_ALL, &offset, out_size);
  if (!*out_found || part == NULL || part->kind != CF_PART_LEAF || path[0] == '\0')
    return TRUE;
  g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (part->encoding, error);
  if (decoder == NULL)
    return FALSE;
  *out_size = part->decoded_length;
  return TRUE;
}

static gboolean
span_binary (CfMessage *message, const CfItemRequest *request, CfSpan *out_span, GError **error)
{
  const CfSection *section = request->data;
  gboolean found;
  guint64 size;

  if (!binary_get_size (cf_message_get_facts (message), section->path, &found, &size, error))
    return FALSE;
  out_span->nil = !found;
  out_span->decode = TRUE;
  out_span->path = section->path;
  out_span->offset = section->partial ? MIN (section->offset, size) : 0;
  out_span->length = MIN (section->partial ? section->length : G_MAXUINT64, size - out_span->offset);
  return TRUE;
}

static gboolean
emit_binary_size (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  const CfSection *section = request->data;
  gboolean found;
  guint64 size;

  if (!binary_get_size (cf_message_get_facts (message), section->path, &found, &size, error))
    return FALSE;
  cf_output_printf (output, "%" G_GUINT64_FORMAT, found ? size : 0);
  return TRUE;
}

static const CfItem items[] = {
  { .kind = CF_ITEM_FETCH,
    .name = "BINARY",
    .parse = parse_binary,
    .needs = CF_NEED_FACTS,
    .span = span_binary },
  { .kind = CF_ITEM_FETCH,
    .name = "BINARY.PEEK",
    .parse = parse_binary_peek,
    .needs = CF_NEED_FACTS,
    .span = span_binary },
  { .kind = CF_ITEM_FETCH,
    .name = "BINARY.SIZE",
    .parse = parse_binary_size,
    .needs = CF_NEED_FACTS,
    .emit = emit_binary_size },
};

gboolean
cf_binary_items_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error);
}
