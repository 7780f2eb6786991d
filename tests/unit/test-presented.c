/* tests/unit/test-presented.c - the presented rendition of content with NUL, whole and in slices.
 *
 * In the tables "~" stands for NUL in messages and for the octet 0x80 in what is expected.
 */
#include "mime-fixture.h"

#define CTE "Content-Transfer-Encoding: base64\n"

static const struct {
  const char *name, *message, *presented;
} cases[] = {
  { "no-nul", "A: b\n\nc", "A: b\n\nc" },
  { "field-inserted", "A: b\n\nc~", "A: b\n" CTE "\nYwA=\n" },
  { "field-replaced", "Content-Transfer-Encoding:\n binary\nA: b\n\nc~", CTE "A: b\n\nYwA=\n" },
  { "fields-replaced", "content-transfer-encoding: 8bit\nA: b\nContent-Transfer-Encoding: 7bit\n\nc~",
    CTE "A: b\n\nYwA=\n" },
  { "already-base64", "Content-Transfer-Encoding: base64\n\nYQ=~=", CTE "\nWVE9AD0=\n" },
  { "header-created", "~", CTE "\nAA==\n" },
  { "header-masked", "A: b~c\n\nd", "A: b~c\n\nd" },
  { "both", "A: b~c\n\nd~", "A: b~c\n" CTE "\nZAA=\n" },
  { "lines", "\n0123456789012345678901234567890123456789012345678901234567~",
    CTE "\nMDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2\nNwA=\n" },
  { "one-part-of-two",
    "Content-Type: multipart/mixed; boundary=b\n\npre~\n--b\n\nc~\n--b\n\nd\n--b\n~\n--b--\nepi~",
    "Content-Type: multipart/mixed; boundary=b\n\npre~\n--b\n" CTE "\nYwA=\n\n--b\n\nd\n--b\n" CTE
    "\nAA==\n\n--b--\nepi~" },
  { "digest-without-header", "Content-Type: multipart/digest; boundary=b\n\n--b\nno field~\n--b--",
    "Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: text/plain; charset=US-ASCII\n" CTE
    "\nbm8gZmllbGQA\n\n--b--" },
  { "never-occurs", "Content-Type: multipart/mixed; boundary=b\n\nc~\n",
    "Content-Type: multipart/mixed; boundary=b\n\nc~\n" },
  { "message-inside", "Content-Type: multipart/digest; boundary=b\n\n--b\n\n~\n--b\n\nA: b\n\n~~\n--b--",
    "Content-Type: multipart/digest; boundary=b\n\n--b\n\n" CTE "\nAA==\n\n--b\n\nA: b\n" CTE
    "\nAAA=\n\n--b--" },
};

static GString *
convert (const char *text, char tilde)
{
  GString *out = fixture_crlf (text, strlen (text));

  for (gsize i = 0; i < out->len; i++)
    if (out->str[i] == '~')
      out->str[i] = tilde;
  return out;
}

static void
assert_presented (CfFacts *facts, const GString *message, guint64 offset, gsize length, const char *expected)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (message->str, message->len);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (cf_presented_read (facts, source, offset, length, out, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (out->data, out->len, expected, length);
}

/* Sections tile the message, in presented octets: a header's end is its body's beginning. */
static void
assert_sections (CfFacts *facts, guint64 size)
{
  for (guint i = 0; i < cf_facts_get_n_parts (facts); i++) {
    const CfPart *part = cf_facts_get_part (facts, i);
    CfSectionKind first = i == 0 || part->kind == CF_PART_MESSAGE ? CF_SECTION_HEADER : CF_SECTION_MIME;
    CfSectionKind second = first == CF_SECTION_HEADER ? CF_SECTION_TEXT : CF_SECTION_ALL;
    guint64 header, header_length, body, body_length;

    g_assert_true (cf_facts_locate (facts, part->path, first, &header, &header_length));
    g_assert_true (cf_facts_locate (facts, part->path, second, &body, &body_length));
    g_assert_cmpuint (header + header_length, ==, body);
    g_assert_cmpuint (body + body_length, <=, size);
  }
}

static void
test_case (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data), header_length;
  g_autoptr (GString) message = convert (cases[i].message, '\0'),
                      expected = convert (cases[i].presented, '\200');
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len), again = NULL;
  const guint8 *header;
  guint64 offset, length;

  g_assert_cmpuint (cf_facts_get_length (facts), ==, message->len);
  g_assert_cmpuint (cf_facts_get_presented_size (facts), ==, expected->len);
  g_assert_cmpint (cf_facts_needs_presentation (facts), ==, memchr (message->str, 0, message->len) != NULL);
  for (gsize from = 0; from < expected->len; from++)
    for (gsize n = 0; n <= expected->len - from; n++)
      assert_presented (facts, message, from, n, expected->str + from);
  assert_sections (facts, expected->len);

  g_assert_true (cf_facts_get_header_block (facts, &header, &header_length));
  g_assert_true (cf_facts_locate (facts, "", CF_SECTION_HEADER, &offset, &length));
  g_assert_cmpmem (header, header_length, expected->str, length);
}

/* What is presented is a message of its own, with the structure that was announced. */
static void
test_rescan (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data), length, length_again;
  g_autoptr (GString) message = convert (cases[i].message, '\0'),
                      presented = convert (cases[i].presented, '\200');
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);
  g_autoptr (CfFacts) again = fixture_scan (presented->str, presented->len);
  const char *text = cf_facts_get_bodystructure (facts, &length);
  const char *text_again = cf_facts_get_bodystructure (again, &length_again);

  g_assert_cmpmem (text, length, text_again, length_again);
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, cf_facts_get_n_parts (again));
  for (guint n = 0; n < cf_facts_get_n_parts (again); n++) {
    const CfPart *part = cf_facts_get_part (again, n);
    guint64 body, body_length;

    if (n > 0 || part->kind != CF_PART_LEAF) {
      CfSectionKind kind = n == 0 ? CF_SECTION_TEXT : CF_SECTION_ALL;

      g_assert_true (cf_facts_locate (facts, part->path, kind, &body, &body_length));
      g_assert_cmpuint (body, ==, part->body_offset);
      g_assert_cmpuint (body_length, ==, part->body_length);
    }
  }
}

/* A large body in slices: the raw range asked for stays small, and the octets are those of GLib's encoder. */
static void
test_large (void)
{
  const gsize size = 1 << 20;
  g_autoptr (GString) message = g_string_new ("A: b\r\n\r\n");
  g_autoptr (CfFacts) facts = NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  g_autofree char *flat = NULL;
  guint64 offset, length;
  gsize at = 0;

  for (gsize i = 0; i < size; i++)
    g_string_append_c (message, (char) (i * 7 % 251));
  facts = fixture_scan (message->str, message->len);
  g_assert_true (cf_facts_locate (facts, "", CF_SECTION_TEXT, &offset, &length));
  while (length > 0) {
    guint64 raw_offset, raw_length, n;

    n = cf_presented_map (facts, offset, MIN (length, 1000), &raw_offset, &raw_length);
    g_assert_cmpuint (n, ==, MIN (length, 1000));
    g_assert_cmpuint (raw_length, <=, n + CF_PRESENTED_EXTRA);
    cf_presented_render (facts, offset, n, (const guint8 *) message->str + raw_offset, out);
    offset += n;
    length -= n;
  }
  g_assert_cmpuint (cf_presented_map (facts, offset, 1, &offset, &length), ==, 0);
  flat = g_base64_encode ((const guchar *) message->str + 8, size);
  for (guint i = 0; i < out->len; i++)
    if (out->data[i] != '\r' && out->data[i] != '\n')
      g_assert_cmpint (out->data[i], ==, flat[at++]);
  g_assert_cmpint (flat[at], ==, '\0');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/presented/%s", cases[i].name);
    g_autofree char *rescan = g_strdup_printf ("/core/presented/%s/scans-alike", cases[i].name);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
    g_test_add_data_func (rescan, GSIZE_TO_POINTER (i), test_rescan);
  }
  g_test_add_func ("/core/presented/large", test_large);
  return g_test_run ();
}
