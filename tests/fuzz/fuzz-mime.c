/* tests/fuzz/fuzz-mime.c - a message: its structure, its facts, what is presented of it, and its sections.
 *
 * The input is the message. Checked: parts lie in the message and in their parents, and decode to as many
 * octets as was said; facts survive being encoded, and damaged ones are refused or harmless; what is
 * presented has the size that was announced, no NUL, the same structure when it is scanned again, and
 * sections where they were said to be; ENVELOPE and BODYSTRUCTURE are well formed.
 */
#include "fuzz.h"
#include "mime/mime.h"
#include "responses.h"

#include <string.h>

typedef struct {
  CfFacts *facts;
  CfSource *source;
  const guint8 *octets;
  gsize size;
  GByteArray *presented;
} Mail;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

/* ---- Texts ---- */

static void
check_utf8 (const char *text)
{
  FUZZ_CHECK (text == NULL || g_utf8_validate (text, -1, NULL), "not UTF-8: %s", text);
}

/* @text is the value of FETCH item @item. */
static void
check_wire (const char *item, const char *text, gsize length)
{
  g_autofree char *begin = g_strdup_printf ("* 1 FETCH (%s ", item);
  static const char exists[] = "* 1 EXISTS\r\n";
  Responses responses;

  responses_init (&responses);
  responses_feed (&responses, (const guint8 *) exists, strlen (exists));
  responses_feed (&responses, (const guint8 *) begin, strlen (begin));
  responses_feed (&responses, (const guint8 *) text, length);
  responses_feed (&responses, (const guint8 *) ")\r\n", 3);
  responses_end (&responses);
  FUZZ_CHECK (responses.lines->len == 2, "%s is %u lines", item, responses.lines->len);
  responses_clear (&responses);
}

static void
check_texts (const CfFacts *facts)
{
  gint64 date;
  gint zone;
  gsize length;
  const char *text = cf_facts_get_envelope (facts, &length);

  check_wire ("ENVELOPE", text, length);
  text = cf_facts_get_body (facts, &length);
  check_wire ("BODY", text, length);
  text = cf_facts_get_bodystructure (facts, &length);
  check_wire ("BODYSTRUCTURE", text, length);
  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++)
    check_utf8 (cf_facts_get_header (facts, i)->value);
  for (guint i = 0; i < cf_facts_get_n_addresses (facts); i++) {
    check_utf8 (cf_facts_get_address (facts, i)->name);
    check_utf8 (cf_facts_get_address (facts, i)->mailbox);
    check_utf8 (cf_facts_get_address (facts, i)->host);
  }
  check_utf8 (cf_facts_get_subject (facts));
  check_utf8 (cf_facts_get_message_id (facts));
  check_utf8 (cf_facts_get_preview (facts));
  if (cf_facts_get_date (facts, &date, &zone))
    FUZZ_CHECK (ABS (zone) <= 24 * 60, "zone %d", zone);
}

/* ---- Parts ---- */

static void
check_decoded_length (const Mail *mail, const CfPart *part)
{
  g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (part->encoding, NULL);
  g_autoptr (GByteArray) out = g_byte_array_new ();

  if (decoder == NULL)
    return;
  cf_part_decoder_feed (decoder, mail->octets + part->body_offset, part->body_length, out);
  cf_part_decoder_finish (decoder, out);
  FUZZ_CHECK (out->len == part->decoded_length, "part '%s' decodes to %u octets, not %" G_GUINT64_FORMAT,
              part->path, out->len, part->decoded_length);
}

static void
check_part (const Mail *mail, guint i)
{
  const CfPart *part = cf_facts_get_part (mail->facts, i);
  guint64 end = part->body_offset + part->body_length;

  FUZZ_CHECK (part->header_offset + part->header_length == part->body_offset, "part '%s'", part->path);
  FUZZ_CHECK (part->body_offset <= mail->size && end >= part->body_offset && end <= mail->size, "part '%s'",
              part->path);
  FUZZ_CHECK (part->body_lines <= part->body_length, "part '%s'", part->path);
  FUZZ_CHECK (part->kind == CF_PART_MESSAGE ? part->inner_header_length <= part->body_length
                                            : part->inner_header_length == 0,
              "part '%s'", part->path);
  FUZZ_CHECK (cf_facts_lookup_part (mail->facts, part->path) == part, "part '%s'", part->path);
  FUZZ_CHECK ((i == 0) == (part->parent < 0) && part->parent < (gint) i, "part '%s'", part->path);
  if (i > 0) {
    const CfPart *parent = cf_facts_get_part (mail->facts, (guint) part->parent);

    FUZZ_CHECK (part->header_offset >= parent->body_offset
                    && end <= parent->body_offset + parent->body_length,
                "part '%s' leaves its parent '%s'", part->path, parent->path);
    FUZZ_CHECK (parent->kind != CF_PART_LEAF, "part '%s'", part->path);
  }
  if (part->kind != CF_PART_LEAF)
    return;
  check_decoded_length (mail, part);
  FUZZ_CHECK (part->has_nul
                  == (part->body_length > 0
                      && memchr (mail->octets + part->body_offset, '\0', part->body_length) != NULL),
              "part '%s'", part->path);
}

/* ---- What is presented ---- */

/* In pieces of @slice octets. */
static GByteArray *
read_presented (const Mail *mail, guint64 offset, guint64 length, guint64 slice)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  while (length > 0) {
    guint64 n = MIN (slice, length);

    FUZZ_CHECK (cf_presented_read (mail->facts, mail->source, offset, n, out, &error), "%s", error->message);
    offset += n;
    length -= n;
  }
  return out;
}

static void
check_presented (Mail *mail)
{
  guint64 size = cf_facts_get_presented_size (mail->facts), raw_offset, raw_length;
  gboolean has_nul = mail->size > 0 && memchr (mail->octets, '\0', mail->size) != NULL;

  FUZZ_CHECK (cf_facts_get_length (mail->facts) == mail->size, "length");
  FUZZ_CHECK (cf_facts_needs_presentation (mail->facts) == has_nul, "NUL %d", has_nul);
  FUZZ_CHECK (size <= 3 * (guint64) mail->size + 1024 + 64 * cf_facts_get_n_parts (mail->facts), "size");
  FUZZ_CHECK (cf_presented_map (mail->facts, size, 1, &raw_offset, &raw_length) == 0, "beyond the end");
  mail->presented = read_presented (mail, 0, size, 4096);
  FUZZ_CHECK (mail->presented->len == size, "%u octets, not %" G_GUINT64_FORMAT, mail->presented->len, size);
  FUZZ_CHECK (size == 0 || memchr (mail->presented->data, '\0', size) == NULL, "NUL is presented");
  if (!has_nul)
    FUZZ_CHECK (size == mail->size && (size == 0 || memcmp (mail->presented->data, mail->octets, size) == 0),
                "differs");
}

/* ---- Sections ---- */

static void
check_section (const Mail *mail, const char *path, CfSectionKind kind)
{
  g_autoptr (GByteArray) octets = NULL;
  guint64 offset, length, raw_offset, raw_length;

  if (!cf_facts_locate (mail->facts, path, kind, &offset, &length))
    return;
  FUZZ_CHECK (offset <= mail->presented->len && length <= mail->presented->len - offset, "%s.%u", path, kind);
  FUZZ_CHECK (cf_facts_locate_raw (mail->facts, path, kind, &raw_offset, &raw_length), "%s.%u", path, kind);
  FUZZ_CHECK (raw_offset <= mail->size && raw_length <= mail->size - raw_offset, "%s.%u", path, kind);
  /* Of the middle, as a partial FETCH. */
  offset += length / 3;
  length = MIN (length - length / 3, 300);
  octets = read_presented (mail, offset, length, 61);
  FUZZ_CHECK (octets->len == length
                  && (length == 0 || memcmp (octets->data, mail->presented->data + offset, length) == 0),
              "%s.%u read in pieces", path, kind);
}

/* A header's end is its body's beginning. */
static void
check_sections (const Mail *mail, guint i)
{
  const CfPart *part = cf_facts_get_part (mail->facts, i);
  CfSectionKind first = i == 0 || part->kind == CF_PART_MESSAGE ? CF_SECTION_HEADER : CF_SECTION_MIME;
  CfSectionKind second = first == CF_SECTION_HEADER ? CF_SECTION_TEXT : CF_SECTION_ALL;
  guint64 header, header_length, body, body_length;

  for (guint kind = CF_SECTION_ALL; kind <= CF_SECTION_MIME; kind++)
    check_section (mail, part->path, kind);
  FUZZ_CHECK (cf_facts_locate (mail->facts, part->path, first, &header, &header_length)
                  && cf_facts_locate (mail->facts, part->path, second, &body, &body_length),
              "part '%s'", part->path);
  FUZZ_CHECK (header + header_length == body, "part '%s'", part->path);
}

static void
check_header_block (const Mail *mail)
{
  static const char *const names[] = { "Subject", "content-type", NULL };
  g_autoptr (GByteArray) with = g_byte_array_new (), without = g_byte_array_new ();
  guint64 offset, length;
  const guint8 *block;
  gsize block_length;

  if (!cf_facts_get_header_block (mail->facts, &block, &block_length))
    return;
  FUZZ_CHECK (cf_facts_locate (mail->facts, "", CF_SECTION_HEADER, &offset, &length) && offset == 0,
              "offset");
  FUZZ_CHECK (length == block_length && (length == 0 || memcmp (block, mail->presented->data, length) == 0),
              "the header kept is not the header");
  cf_header_filter (block, block_length, names, FALSE, with);
  cf_header_filter (block, block_length, names, TRUE, without);
  FUZZ_CHECK (with->len + without->len >= block_length && with->len + without->len <= block_length + 2,
              "%u and %u octets of %" G_GSIZE_FORMAT, with->len, without->len, block_length);
}

/* ---- Facts, kept and damaged ---- */

static void
check_same_facts (const CfFacts *a, const CfFacts *b)
{
  gsize n, m;
  const char *x = cf_facts_get_bodystructure (a, &n), *y = cf_facts_get_bodystructure (b, &m);

  FUZZ_CHECK (n == m && memcmp (x, y, n) == 0, "BODYSTRUCTURE");
  x = cf_facts_get_envelope (a, &n);
  y = cf_facts_get_envelope (b, &m);
  FUZZ_CHECK (n == m && memcmp (x, y, n) == 0, "ENVELOPE");
  FUZZ_CHECK (cf_facts_get_presented_size (a) == cf_facts_get_presented_size (b), "size");
  FUZZ_CHECK (g_strcmp0 (cf_facts_get_preview (a), cf_facts_get_preview (b)) == 0, "preview");
  FUZZ_CHECK (cf_facts_get_n_parts (a) == cf_facts_get_n_parts (b), "parts");
  for (guint i = 0; i < cf_facts_get_n_parts (a); i++) {
    const CfPart *p = cf_facts_get_part (a, i), *q = cf_facts_get_part (b, i);

    FUZZ_CHECK (g_str_equal (p->path, q->path) && p->kind == q->kind && p->parent == q->parent
                    && p->body_offset == q->body_offset && p->body_length == q->body_length
                    && g_str_equal (p->type, q->type) && g_strcmp0 (p->filename, q->filename) == 0,
                "part '%s'", p->path);
  }
}

static void
check_encoded (const Mail *mail)
{
  g_autoptr (GError) error = NULL;
  GBytes *encoded = cf_facts_get_encoded (mail->facts);
  g_autoptr (CfFacts) again = cf_facts_new_from_encoded (encoded, &error);

  FUZZ_CHECK (again != NULL, "%s", error->message);
  check_same_facts (mail->facts, again);
  FUZZ_CHECK (g_bytes_equal (encoded, cf_facts_get_encoded (again)), "encoded twice");
}

/* One octet of the encoded form is another: no matter what, but only in the process's own memory. */
static void
try_damaged (const Mail *mail)
{
  gsize length;
  const guint8 *encoded = g_bytes_get_data (cf_facts_get_encoded (mail->facts), &length);
  guint8 *copy = g_memdup2 (encoded, length);
  guint32 hash = g_bytes_hash (cf_facts_get_encoded (mail->facts));
  g_autoptr (GBytes) damaged = NULL;
  g_autoptr (CfFacts) facts = NULL;
  guint64 offset, n;
  gsize ignored;

  copy[hash % length] ^= (guint8) (1 + (hash >> 24) % 255);
  damaged = g_bytes_new_take (copy, length - (hash >> 8) % 2);
  facts = cf_facts_new_from_encoded (damaged, NULL);
  if (facts == NULL)
    return;
  for (guint i = 0; i < cf_facts_get_n_parts (facts); i++)
    cf_facts_locate (facts, cf_facts_get_part (facts, i)->path, CF_SECTION_ALL, &offset, &n);
  cf_facts_get_n_headers (facts);
  cf_facts_get_envelope (facts, &ignored);
  cf_presented_map (facts, cf_facts_get_presented_size (facts) / 2, 100, &offset, &n);
}

/* ---- All of it ---- */

static CfFacts *
scan (CfSource *source)
{
  g_autoptr (GError) error = NULL;
  CfFacts *facts = cf_facts_scan (source, &error);

  FUZZ_CHECK (facts != NULL, "%s", error->message);
  return facts;
}

/* What is presented is a message of its own, with the structure that was announced. */
static void
check_presented_structure (const Mail *mail)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (mail->presented->data, mail->presented->len);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (CfFacts) again = scan (source);
  gsize n, m;
  const char *x = cf_facts_get_bodystructure (mail->facts, &n);
  const char *y = cf_facts_get_bodystructure (again, &m);

  FUZZ_CHECK (n == m && memcmp (x, y, n) == 0, "announced %s, presented %s", x, y);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (data, size);
  Mail mail = { .octets = data, .size = size };
  guint n;

  mail.source = cf_source_new_bytes (bytes);
  mail.facts = scan (mail.source);
  n = cf_facts_get_n_parts (mail.facts);
  check_presented (&mail);
  check_texts (mail.facts);
  /* Looking up a part takes time in proportion to their number. */
  for (guint i = 0; i < n; i += 1 + n / 200) {
    check_part (&mail, i);
    check_sections (&mail, i);
  }
  check_header_block (&mail);
  check_encoded (&mail);
  try_damaged (&mail);
  check_presented_structure (&mail);
  cf_facts_unref (mail.facts);
  cf_source_unref (mail.source);
  g_byte_array_unref (mail.presented);
  return 0;
}
