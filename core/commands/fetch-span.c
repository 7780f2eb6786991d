/* core/commands/fetch-span.c - sending runs of a message's octets as literals, in pieces (fetch.h).
 *
 * The length stands before the octets, so it is computed from the facts; the octets follow slice by slice, as
 * the client takes them. In between nothing is held but the slice.
 */
#include "commands/fetch.h"

#include "imap/output.h"

void
cf_fetch_span_clear (CfFetchSpan *fetch)
{
  g_clear_pointer (&fetch->span.octets, g_bytes_unref);
  g_clear_pointer (&fetch->decoder, cf_part_decoder_free);
  g_clear_pointer (&fetch->decoded, g_byte_array_unref);
  memset (fetch, 0, sizeof *fetch);
}

/* Values without octets are written as the empty string. */
static void
span_begin_literal (CfFetchSpan *fetch, CfOutput *output, guint64 length, gboolean literal8)
{
  fetch->active = length > 0;
  if (length == 0)
    cf_output_text (output, "\"\"");
  else
    cf_output_begin_literal (output, length, literal8);
}

/* ---- Octets at hand ---- */

static CfRun
span_write_octets (CfFetchSpan *fetch, CfOutput *output, GBytes *octets, const CfSpan *span)
{
  gsize size = g_bytes_get_size (octets);
  gsize offset = MIN (span->partial_offset, size);
  gsize length = MIN (span->partial_length, size - offset);

  span_begin_literal (fetch, output, length, FALSE);
  if (length > 0)
    cf_output_octets (output, (const guint8 *) g_bytes_get_data (octets, NULL) + offset, length);
  fetch->active = FALSE;
  return CF_RUN_DONE;
}

/* ---- Some fields of a header ---- */

/* The raw octet behind those that presented octets up to @end are made of. */
static guint64
span_get_raw_end (CfMessage *message, guint64 end)
{
  guint64 raw_offset = 0, raw_length = 0;

  if (end > 0)
    cf_presented_map (message->facts, end - 1, 1, &raw_offset, &raw_length);
  return raw_offset + raw_length;
}

static CfRun
span_read_header (CfCommandCall *call, CfMessage *message, const CfSpan *span, GByteArray *block,
                  GError **error)
{
  guint64 offset = span->offset, left = span->length, raw_offset, raw_length, n;
  guint64 raw_end = span_get_raw_end (message, offset + left);

  if (left > CF_FETCH_HEADER_MAX) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "The header is too large to pick fields from");
    return CF_RUN_ERROR;
  }
  while (left > 0 && (n = cf_presented_map (message->facts, offset, left, &raw_offset, &raw_length)) > 0) {
    const guint8 *raw;
    CfRun run = cf_fetch_read (call, message, raw_offset, raw_length, raw_end, &raw, error);

    if (run != CF_RUN_DONE)
      return run;
    cf_presented_render (message->facts, offset, n, raw, block);
    offset += n;
    left -= n;
  }
  return CF_RUN_DONE;
}

static CfRun
span_write_fields (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, const CfSpan *span,
                   GError **error)
{
  g_autoptr (GByteArray) block = g_byte_array_new ();
  g_autoptr (GByteArray) fields = g_byte_array_new ();
  g_autoptr (GBytes) octets = NULL;
  CfRun run = span_read_header (call, message, span, block, error);

  if (run != CF_RUN_DONE)
    return run;
  cf_header_filter (block->data, block->len, span->fields, span->fields_not, fields);
  octets = g_byte_array_free_to_bytes (g_steal_pointer (&fields));
  return span_write_octets (fetch, cf_call_get_output (call), octets, span);
}

/* ---- Decoded octets of a part ---- */

/* What is decoded by copying has a NUL if the message has; of other encodings that is not known before the
 * last octet. Without one the value is a string (RFC 3516, 4.2; RFC 9051, 7.5.2). */
static gboolean
span_may_have_nul (const CfMessage *message, const char *encoding)
{
  gboolean copied = g_ascii_strcasecmp (encoding, "7bit") == 0 || g_ascii_strcasecmp (encoding, "8bit") == 0
                    || g_ascii_strcasecmp (encoding, "binary") == 0;

  return !copied || cf_facts_needs_presentation (message->facts);
}

static CfRun
span_begin_decode (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, GError **error)
{
  const CfPart *part = cf_facts_lookup_part (message->facts, fetch->span.path);
  gboolean leaf = part != NULL && part->kind == CF_PART_LEAF && fetch->span.path[0] != '\0';
  const char *encoding = leaf ? part->encoding : "binary";
  guint64 offset, length;

  if (!cf_facts_locate_raw (message->facts, fetch->span.path, CF_SECTION_ALL, &offset, &length)) {
    cf_output_text (cf_call_get_output (call), "NIL");
    return CF_RUN_DONE;
  }
  fetch->decoder = cf_part_decoder_new (encoding, error);
  if (fetch->decoder == NULL)
    return CF_RUN_ERROR;
  fetch->decoded = g_byte_array_new ();
  fetch->raw_at = offset;
  fetch->raw_end = offset + length;
  fetch->skip = fetch->span.offset;
  span_begin_literal (fetch, cf_call_get_output (call), fetch->span.length,
                      span_may_have_nul (message, encoding));
  return CF_RUN_DONE;
}

/* Decodes one slice of the part and sends what falls in the range. */
static CfRun
span_decode_slice (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, GError **error)
{
  gsize n = MIN (CF_FETCH_SLICE, fetch->raw_end - fetch->raw_at);
  guint64 skip, take;
  const guint8 *raw;
  CfRun run = cf_fetch_read (call, message, fetch->raw_at, n, fetch->raw_end, &raw, error);

  if (run != CF_RUN_DONE)
    return run;
  g_byte_array_set_size (fetch->decoded, 0);
  if (n > 0)
    cf_part_decoder_feed (fetch->decoder, raw, n, fetch->decoded);
  else
    cf_part_decoder_finish (fetch->decoder, fetch->decoded);
  fetch->raw_at += n;

  skip = MIN (fetch->skip, fetch->decoded->len);
  take = MIN (fetch->decoded->len - skip, fetch->span.length - fetch->sent);
  fetch->skip -= skip;
  cf_output_octets (cf_call_get_output (call), fetch->decoded->data + skip, take);
  fetch->sent += take;
  if (n == 0 && fetch->sent < fetch->span.length) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "A part decodes to less than its facts say");
    return CF_RUN_ERROR;
  }
  return CF_RUN_DONE;
}

/* ---- Presented octets ---- */

static CfRun
span_present_slice (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, GError **error)
{
  guint64 offset = fetch->span.offset + fetch->sent;
  guint64 left = fetch->span.length - fetch->sent;
  guint64 raw_offset, raw_length;
  guint64 n = cf_presented_map (message->facts, offset, MIN (left, CF_FETCH_SLICE), &raw_offset, &raw_length);
  g_autoptr (GByteArray) rendered = NULL;
  const guint8 *raw;
  CfRun run;

  if (n == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "A message is shorter than its facts say");
    return CF_RUN_ERROR;
  }
  run = cf_fetch_read (call, message, raw_offset, raw_length, span_get_raw_end (message, offset + left), &raw,
                       error);
  if (run != CF_RUN_DONE)
    return run;
  if (!cf_facts_needs_presentation (message->facts)) {
    cf_output_octets (cf_call_get_output (call), raw, n);
  } else {
    rendered = g_byte_array_sized_new (n);
    cf_presented_render (message->facts, offset, n, raw, rendered);
    cf_output_octets (cf_call_get_output (call), rendered->data, rendered->len);
  }
  fetch->sent += n;
  return CF_RUN_DONE;
}

/* ---- Any ---- */

CfRun
cf_fetch_span_begin (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, CfSpan *span,
                     GError **error)
{
  CfOutput *output = cf_call_get_output (call);

  cf_fetch_span_clear (fetch);
  fetch->span = *span;
  if (span->nil) {
    cf_output_text (output, "NIL");
    return CF_RUN_DONE;
  }
  if (span->octets != NULL)
    return span_write_octets (fetch, output, span->octets, span);
  if (span->fields != NULL)
    return span_write_fields (fetch, call, message, span, error);
  if (span->decode)
    return span_begin_decode (fetch, call, message, error);
  span_begin_literal (fetch, output, span->length, FALSE);
  return CF_RUN_DONE;
}

/* What was read has been written: while the client does not read, it costs its output alone. */
static void
span_rest (CfFetchSpan *fetch, CfMessage *message)
{
  guint64 begin = span_get_raw_end (message, fetch->span.offset);
  guint64 end = span_get_raw_end (message, fetch->span.offset + fetch->sent);

  if (fetch->span.decode) {
    g_byte_array_unref (fetch->decoded);
    fetch->decoded = g_byte_array_new ();
    begin = 0;
    end = fetch->raw_at;
  }
  cf_fetch_forget (message, begin, end);
}

CfRun
cf_fetch_span_continue (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, GError **error)
{
  while (fetch->active) {
    CfRun run;

    if (cf_call_is_output_full (call)) {
      span_rest (fetch, message);
      return CF_RUN_MORE;
    }
    run = fetch->span.decode ? span_decode_slice (fetch, call, message, error)
                             : span_present_slice (fetch, call, message, error);
    if (run != CF_RUN_DONE)
      return run;
    fetch->active = fetch->sent < fetch->span.length;
  }
  return CF_RUN_DONE;
}
