/* core/commands/fetch-items.c - FETCH's data items of RFC 3501, 6.4.5 and 7.4.2; those of BINARY
 * are in binary-items.c. */
#include "commands/commands.h"
#include "commands/section.h"
#include "mime/mime.h"

/* ---- From the index ---- */

static gboolean
emit_uid (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  cf_output_printf (output, "%u", cf_message_get_row (message)->uid);
  return TRUE;
}

static gboolean
emit_flags (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  const CfIndexRow *row = cf_message_get_row (message);

  cf_output_flags (output, row->flags, row->keywords,
                   cf_session_is_recent (cf_message_get_session (message), row->uid));
  return TRUE;
}

static gboolean
emit_internaldate (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  const CfIndexRow *row = cf_message_get_row (message);

  cf_output_date_time (output, row->internal_date, row->zone);
  return TRUE;
}

static gboolean
emit_size (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  cf_output_printf (output, "%" G_GUINT64_FORMAT, cf_message_get_row (message)->size);
  return TRUE;
}

/* ---- From the facts ---- */

static gboolean
emit_envelope (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  gsize length;
  const char *text = cf_facts_get_envelope (cf_message_get_facts (message), &length);

  cf_output_octets (output, text, length);
  return TRUE;
}

static gboolean
emit_bodystructure (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  gsize length;
  const char *text = cf_facts_get_bodystructure (cf_message_get_facts (message), &length);

  cf_output_octets (output, text, length);
  return TRUE;
}

static gboolean
emit_body (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  gsize length;
  const char *text = cf_facts_get_body (cf_message_get_facts (message), &length);

  cf_output_octets (output, text, length);
  return TRUE;
}

/* ---- BODY[section]<partial> ---- */

static gboolean
parse_body_section (CfInput *input, CfItemRequest *request, gboolean peek, GError **error)
{
  CfSection *section = cf_section_parse (input, "BODY", CF_SECTION_SYNTAX_BODY, error);

  if (section == NULL)
    return FALSE;
  cf_section_prepare (section, request);
  if (!peek)
    request->needs |= CF_NEED_SET_SEEN;
  return TRUE;
}

static gboolean
parse_body (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  if (cf_input_peek (input) != '[')
    return TRUE; /* BODY alone: the structure */
  return parse_body_section (input, request, FALSE, error);
}

static gboolean
parse_body_peek (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  return parse_body_section (input, request, TRUE, error);
}

static gboolean
span_section (CfMessage *message, const CfItemRequest *request, CfSpan *out_span, GError **error)
{
  cf_section_find (request->data, cf_message_get_facts (message), out_span);
  return TRUE;
}

/* ---- RFC822, RFC822.HEADER, RFC822.TEXT: other names for sections ---- */

static gboolean
parse_rfc822 (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  cf_section_prepare (cf_section_new (CF_SECTION_ALL, "RFC822"), request);
  return TRUE;
}

static gboolean
parse_rfc822_header (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  cf_section_prepare (cf_section_new (CF_SECTION_HEADER, "RFC822.HEADER"), request);
  return TRUE;
}

static gboolean
parse_rfc822_text (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  cf_section_prepare (cf_section_new (CF_SECTION_TEXT, "RFC822.TEXT"), request);
  return TRUE;
}

static const CfItem items[] = {
  { .kind = CF_ITEM_FETCH, .name = "UID", .emit = emit_uid },
  { .kind = CF_ITEM_FETCH, .name = "FLAGS", .emit = emit_flags },
  { .kind = CF_ITEM_FETCH, .name = "INTERNALDATE", .emit = emit_internaldate },
  { .kind = CF_ITEM_FETCH, .name = "RFC822.SIZE", .emit = emit_size },
  { .kind = CF_ITEM_FETCH, .name = "ENVELOPE", .needs = CF_NEED_FACTS, .emit = emit_envelope },
  { .kind = CF_ITEM_FETCH, .name = "BODYSTRUCTURE", .needs = CF_NEED_FACTS, .emit = emit_bodystructure },
  { .kind = CF_ITEM_FETCH,
    .name = "BODY",
    .parse = parse_body,
    .needs = CF_NEED_FACTS,
    .emit = emit_body,
    .span = span_section },
  { .kind = CF_ITEM_FETCH,
    .name = "BODY.PEEK",
    .parse = parse_body_peek,
    .needs = CF_NEED_FACTS,
    .span = span_section },
  { .kind = CF_ITEM_FETCH,
    .name = "RFC822",
    .parse = parse_rfc822,
    .needs = CF_NEED_FACTS | CF_NEED_SET_SEEN,
    .span = span_section },
  { .kind = CF_ITEM_FETCH,
    .name = "RFC822.HEADER",
    .parse = parse_rfc822_header,
    .needs = CF_NEED_FACTS,
    .span = span_section },
  { .kind = CF_ITEM_FETCH,
    .name = "RFC822.TEXT",
    .parse = parse_rfc822_text,
    .needs = CF_NEED_FACTS | CF_NEED_SET_SEEN,
    .span = span_section },
};

gboolean
cf_fetch_items_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error);
}
