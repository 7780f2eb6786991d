/* tests/fuzz/fuzz-header.c - header fields, addresses, encoded words, charsets and transfer encodings.
 *
 * The input is the name of a charset, LF, and a header. Checked: what is decoded is UTF-8; fields tile the
 * header; decoders give the same however their input is sliced; ENVELOPE is well formed.
 */
#include "fuzz.h"
#include "mime/envelope.h"
#include "mime/header.h"
#include "mime/mail-address.h"
#include "mime/part-header.h"
#include "responses.h"

#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

static void
check_utf8 (const char *text)
{
  FUZZ_CHECK (text != NULL && g_utf8_validate (text, -1, NULL), "not UTF-8: %s", text);
}

/* ---- Fields ---- */

static void
check_addresses (const char *text)
{
  g_autoptr (GPtrArray) addresses = cf_mail_address_list_new ();

  cf_mail_address_parse (text, addresses);
  for (guint i = 0; i < addresses->len; i++) {
    const CfMailAddress *address = g_ptr_array_index (addresses, i);

    FUZZ_CHECK (address->mailbox != NULL || address->kind == CF_MAIL_ADDRESS_GROUP_END, "of %s", text);
    FUZZ_CHECK (address->host == NULL || address->kind == CF_MAIL_ADDRESS_MAILBOX, "of %s", text);
  }
}

static void
check_field (const guint8 *block, const CfHeaderLine *line)
{
  g_autofree char *unfolded = cf_header_unfold (line->value, line->value_length);
  g_autofree char *decoded = cf_header_decode (line->value, (gssize) line->value_length);
  g_autofree char *whole = cf_header_decode ((const char *) block + line->offset, (gssize) line->length);

  check_utf8 (decoded);
  check_utf8 (whole);
  FUZZ_CHECK (strpbrk (unfolded, "\r\n") == NULL, "not unfolded: %s", unfolded);
  check_addresses (unfolded);
  check_addresses (decoded);
}

static void
check_fields (const guint8 *block, gsize length)
{
  CfHeaderLine line;
  gsize at = 0, end = 0;

  while (cf_header_next (block, length, &at, &line)) {
    FUZZ_CHECK (line.offset == end && line.length > 0 && at == line.offset + line.length && at <= length,
                "field at %" G_GSIZE_FORMAT, line.offset);
    check_field (block, &line);
    end = at;
  }
}

static void
check_part_header (const guint8 *block, gsize length, gboolean digest)
{
  CfPartHeader *header = cf_part_header_new (block, length, digest);

  FUZZ_CHECK (header->type != NULL && header->subtype != NULL && header->encoding != NULL, "no defaults");
  if (header->filename != NULL)
    check_utf8 (header->filename);
  cf_part_header_free (header);
}

static void
check_envelope (const guint8 *block, gsize length)
{
  static const char begin[] = "* 1 EXISTS\r\n* 1 FETCH (ENVELOPE ";
  g_autofree char *envelope = NULL;
  Responses responses;
  gsize n;

  envelope = cf_envelope_new (block, length, &n);
  responses_init (&responses);
  responses_feed (&responses, (const guint8 *) begin, strlen (begin));
  responses_feed (&responses, (const guint8 *) envelope, n);
  responses_feed (&responses, (const guint8 *) ")\r\n", 3);
  responses_end (&responses);
  responses_clear (&responses);
}

/* ---- Decoders ---- */

static char *
decode_text (const char *charset, const guint8 *data, gsize length, gsize slice)
{
  g_autoptr (CfTextDecoder) decoder = cf_text_decoder_new (charset);
  GString *out = g_string_new (NULL);

  for (gsize at = 0; at < length; at += slice)
    cf_text_decoder_feed (decoder, data + at, MIN (slice, length - at), out);
  cf_text_decoder_finish (decoder, out);
  FUZZ_CHECK (strlen (out->str) == out->len, "NUL in decoded text");
  return g_string_free (out, FALSE);
}

static void
check_text_decoder (const char *charset, const guint8 *data, gsize length)
{
  g_autofree char *whole = decode_text (charset, data, length, MAX (length, 1));
  g_autofree char *sliced = decode_text (charset, data, length, 3);
  g_autofree char *at_once = cf_text_to_utf8 (data, length, charset);

  check_utf8 (whole);
  FUZZ_CHECK (g_str_equal (whole, sliced), "in slices: %s, not %s", sliced, whole);
  FUZZ_CHECK (g_str_equal (whole, at_once), "at once: %s, not %s", at_once, whole);
  if (charset != NULL)
    cf_text_knows_charset (charset);
}

static GByteArray *
decode_part (CfPartDecoder *decoder, const guint8 *data, gsize length, gsize slice)
{
  GByteArray *out = g_byte_array_new ();

  for (gsize at = 0; at < length; at += slice)
    cf_part_decoder_feed (decoder, data + at, MIN (slice, length - at), out);
  cf_part_decoder_finish (decoder, out);
  return out;
}

static void
check_part_decoder (const char *encoding, const guint8 *data, gsize length)
{
  g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (encoding, NULL);
  g_autoptr (GByteArray) whole = decode_part (decoder, data, length, MAX (length, 1));
  g_autoptr (GByteArray) sliced = decode_part (decoder, data, length, 2);

  FUZZ_CHECK (whole->len == sliced->len
                  && (whole->len == 0 || memcmp (whole->data, sliced->data, whole->len) == 0),
              "%s in slices", encoding);
  FUZZ_CHECK (whole->len <= length, "%s grows", encoding);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };
  g_autofree char *charset = fuzz_take_line (&input);
  gsize length;
  g_autofree char *text = fuzz_take_rest (&input, &length);
  const guint8 *block = (const guint8 *) text;

  check_text_decoder (charset[0] != '\0' ? charset : NULL, block, length);
  check_part_decoder ("base64", block, length);
  check_part_decoder ("quoted-printable", block, length);
  check_part_decoder ("binary", block, length);
  /* What the scanner gives to the rest has no NUL. */
  for (gsize i = 0; i < length; i++)
    if (text[i] == '\0')
      text[i] = '\200';
  check_fields (block, length);
  check_part_header (block, length, FALSE);
  check_part_header (block, length, TRUE);
  check_envelope (block, length);
  return 0;
}
