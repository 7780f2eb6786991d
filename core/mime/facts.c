/* core/mime/facts.c - what is known of a message (coffer/facts.h).
 *
 * Wire texts and parts are there at once; header fields, addresses and the date are read from the header
 * block when one of them is first asked for, as a FETCH of envelopes never needs them.
 */
#include "mime/facts-private.h"
#include "mime/mail-address.h"
#include "mime/header.h"

#include <gmime/gmime.h>
#include <string.h>

static void
facts_fields_free (CfFactsFields *fields)
{
  if (fields == NULL)
    return;
  g_string_chunk_free (fields->strings);
  g_array_unref (fields->headers);
  g_array_unref (fields->addresses);
  g_free (fields);
}

CfFacts *
cf_facts_ref (CfFacts *facts)
{
  g_atomic_ref_count_inc (&facts->ref_count);
  return facts;
}

void
cf_facts_unref (CfFacts *facts)
{
  if (facts == NULL || !g_atomic_ref_count_dec (&facts->ref_count))
    return;
  g_array_unref (facts->parts);
  g_string_chunk_free (facts->paths);
  g_clear_pointer (&facts->pieces, g_array_unref);
  g_clear_pointer (&facts->presented_header, g_byte_array_unref);
  facts_fields_free (facts->fields);
  g_variant_unref (facts->value);
  g_bytes_unref (facts->encoded);
  g_free (facts);
}

GBytes *
cf_facts_get_encoded (CfFacts *facts)
{
  return facts->encoded;
}

/* ---- Header fields -------------------------------------------------------------------------------------*/

/* NULL stays NULL. */
static const char *
fields_keep_decoded (CfFactsFields *fields, const char *raw)
{
  g_autofree char *decoded = raw != NULL ? cf_header_decode (raw, -1) : NULL;

  return decoded != NULL ? g_string_chunk_insert (fields->strings, decoded) : NULL;
}

static void
fields_add_addresses (CfFactsFields *fields, CfAddressRole role, const CfHeaderLine *line)
{
  g_autofree char *value = cf_header_unfold (line->value, line->value_length);
  g_autoptr (GPtrArray) list = cf_mail_address_list_new ();

  cf_mail_address_parse (value, list);
  for (guint i = 0; i < list->len; i++) {
    const CfMailAddress *raw = g_ptr_array_index (list, i);
    CfAddress address = { role, NULL, NULL, NULL };

    if (raw->kind == CF_MAIL_ADDRESS_GROUP_BEGIN || raw->kind == CF_MAIL_ADDRESS_GROUP_END)
      continue;
    address.name = fields_keep_decoded (fields, raw->name);
    address.mailbox = fields_keep_decoded (fields, raw->mailbox);
    address.host = fields_keep_decoded (fields, raw->host);
    g_array_append_val (fields->addresses, address);
  }
}

static void
fields_take_date (CfFactsFields *fields, const char *value)
{
  g_autoptr (GDateTime) date = NULL;

  cf_header_init ();
  date = g_mime_utils_header_decode_date (value);
  if (date == NULL)
    return;
  fields->has_date = TRUE;
  fields->date = g_date_time_to_unix (date);
  fields->zone_minutes = (gint) (g_date_time_get_utc_offset (date) / G_TIME_SPAN_MINUTE);
}

static void
fields_take (CfFactsFields *fields, const CfHeaderLine *line)
{
  g_autofree char *decoded = cf_header_decode (line->value, (gssize) line->value_length);
  CfHeaderField field = { NULL, g_string_chunk_insert (fields->strings, decoded) };

  field.name = g_string_chunk_insert_len (fields->strings, line->name, (gssize) line->name_length);
  g_array_append_val (fields->headers, field);
  for (guint role = 0; role < CF_MAIL_ADDRESS_N_ROLES; role++)
    if (cf_header_is (line, cf_mail_address_fields[role]))
      fields_add_addresses (fields, role, line);
  if (cf_header_is (line, "Subject") && fields->subject == NULL)
    fields->subject = field.value;
  else if (cf_header_is (line, "Message-ID") && fields->message_id == NULL)
    fields->message_id = field.value;
  else if (cf_header_is (line, "Date") && !fields->has_date)
    fields_take_date (fields, field.value);
}

static CfFactsFields *
fields_new (const CfFactsText *header)
{
  CfFactsFields *fields = g_new0 (CfFactsFields, 1);
  CfHeaderLine line;
  gsize at = 0;

  fields->strings = g_string_chunk_new (1024);
  fields->headers = g_array_new (FALSE, FALSE, sizeof (CfHeaderField));
  fields->addresses = g_array_new (FALSE, FALSE, sizeof (CfAddress));
  while (cf_header_next ((const guint8 *) header->octets, header->length, &at, &line))
    if (line.name_length > 0)
      fields_take (fields, &line);
  return fields;
}

static const CfFactsFields *
facts_get_fields (const CfFacts *facts)
{
  CfFacts *mutable = (CfFacts *) facts; /* computed once; nobody sees it change */

  if (g_once_init_enter (&mutable->fields))
    g_once_init_leave (&mutable->fields, fields_new (&facts->header));
  return facts->fields;
}

guint
cf_facts_get_n_headers (const CfFacts *facts)
{
  return facts_get_fields (facts)->headers->len;
}

const CfHeaderField *
cf_facts_get_header (const CfFacts *facts, guint i)
{
  const CfFactsFields *fields = facts_get_fields (facts);

  g_return_val_if_fail (i < fields->headers->len, NULL);
  return &g_array_index (fields->headers, CfHeaderField, i);
}

guint
cf_facts_get_n_addresses (const CfFacts *facts)
{
  return facts_get_fields (facts)->addresses->len;
}

const CfAddress *
cf_facts_get_address (const CfFacts *facts, guint i)
{
  const CfFactsFields *fields = facts_get_fields (facts);

  g_return_val_if_fail (i < fields->addresses->len, NULL);
  return &g_array_index (fields->addresses, CfAddress, i);
}

gboolean
cf_facts_get_date (const CfFacts *facts, gint64 *out_date, gint *out_zone_minutes)
{
  const CfFactsFields *fields = facts_get_fields (facts);

  if (!fields->has_date)
    return FALSE;
  *out_date = fields->date;
  *out_zone_minutes = fields->zone_minutes;
  return TRUE;
}

const char *
cf_facts_get_subject (const CfFacts *facts)
{
  return facts_get_fields (facts)->subject;
}

const char *
cf_facts_get_message_id (const CfFacts *facts)
{
  return facts_get_fields (facts)->message_id;
}

/* ---- The rest ------------------------------------------------------------------------------------------*/

guint
cf_facts_get_n_parts (const CfFacts *facts)
{
  return facts->parts->len;
}

const CfPart *
cf_facts_get_part (const CfFacts *facts, guint i)
{
  g_return_val_if_fail (i < facts->parts->len, NULL);
  return &g_array_index (facts->parts, CfPart, i);
}

guint64
cf_facts_get_length (const CfFacts *facts)
{
  return facts->length;
}

guint64
cf_facts_get_presented_size (const CfFacts *facts)
{
  return facts->presented_size;
}

const char *
cf_facts_get_preview (const CfFacts *facts)
{
  return facts->preview;
}

const char *
cf_facts_get_envelope (const CfFacts *facts, gsize *out_length)
{
  *out_length = facts->envelope.length;
  return facts->envelope.octets;
}

const char *
cf_facts_get_body (const CfFacts *facts, gsize *out_length)
{
  *out_length = facts->body.length;
  return facts->body.octets;
}

const char *
cf_facts_get_bodystructure (const CfFacts *facts, gsize *out_length)
{
  *out_length = facts->bodystructure.length;
  return facts->bodystructure.octets;
}

gboolean
cf_facts_get_header_block (const CfFacts *facts, const guint8 **out_block, gsize *out_length)
{
  if (facts->header_is_cut)
    return FALSE;
  if (facts->presented_header != NULL) {
    *out_block = facts->presented_header->data;
    *out_length = facts->presented_header->len;
  } else {
    *out_block = (const guint8 *) facts->header.octets;
    *out_length = facts->header.length;
  }
  return TRUE;
}
