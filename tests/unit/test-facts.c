/* tests/unit/test-facts.c - header facts, previews, and the encoded form against damage. */
#include "mime-fixture.h"

static const char message[]
    = "From: \"Doe, J.\" <j@x.org>\r\nTo: =?utf-8?q?h=C3=A9?= <a@b>, tel:+336\r\nCc: G: c@d;\r\n"
      "Subject: =?utf-8?q?h=C3=A9?=\r\n llo\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <m@x>\r\n"
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: "
      "application/pdf; "
      "name=\"=?utf-8?q?h=C3=A9?=.pdf\"\r\nContent-ID: <i>\r\nContent-Disposition: attachment; "
      "filename*=utf-8''x%C3%A9.pdf\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b\r\n--b--\r\n";

static void
check_message (CfFacts *facts)
{
  static const CfAddress expected[] = {
    { CF_ADDRESS_FROM, "Doe, J.", "j", "x.org" },
    { CF_ADDRESS_TO, "h\303\251", "a", "b" },
    { CF_ADDRESS_TO, NULL, "tel:+336", NULL },
    { CF_ADDRESS_CC, NULL, "c", "d" },
  };
  gint64 date;
  gint zone;

  g_assert_cmpuint (cf_facts_get_n_headers (facts), ==, 7);
  g_assert_cmpstr (cf_facts_get_header (facts, 3)->name, ==, "Subject");
  g_assert_cmpstr (cf_facts_get_header (facts, 3)->value, ==, "h\303\251 llo");
  g_assert_cmpuint (cf_facts_get_n_addresses (facts), ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    const CfAddress *address = cf_facts_get_address (facts, i);

    g_assert_cmpint (address->role, ==, expected[i].role);
    g_assert_cmpstr (address->name, ==, expected[i].name);
    g_assert_cmpstr (address->mailbox, ==, expected[i].mailbox);
    g_assert_cmpstr (address->host, ==, expected[i].host);
  }
  g_assert_true (cf_facts_get_date (facts, &date, &zone));
  g_assert_cmpint (date, ==, 760686745);
  g_assert_cmpint (zone, ==, -480);
  g_assert_cmpstr (cf_facts_get_subject (facts), ==, "h\303\251 llo");
  g_assert_cmpstr (cf_facts_get_message_id (facts), ==, "<m@x>");
  g_assert_cmpstr (cf_facts_get_preview (facts), ==, "one");
  g_assert_cmpstr (cf_facts_lookup_part (facts, "2")->filename, ==, "x\303\251.pdf");
  g_assert_cmpstr (cf_facts_lookup_part (facts, "2")->content_id, ==, "<i>");
  g_assert_cmpstr (cf_facts_lookup_part (facts, "2")->disposition, ==, "attachment");
  g_assert_true (cf_facts_lookup_part (facts, "2")->has_nul);
  g_assert_null (cf_facts_lookup_part (facts, "1")->charset);
}

static void
test_fields (void)
{
  g_autoptr (CfFacts) facts = fixture_scan (message, sizeof message - 1), again = NULL;
  g_autoptr (GError) error = NULL;

  check_message (facts);
  again = cf_facts_new_from_encoded (cf_facts_get_encoded (facts), &error);
  g_assert_no_error (error);
  check_message (again);
  g_assert_cmpuint (g_bytes_get_size (cf_facts_get_encoded (facts)), <, 4096);
}

static void
test_absent (void)
{
  g_autoptr (CfFacts) facts = fixture_scan ("Date: nonsense\n\n", 16);
  gint64 date;
  gint zone;

  g_assert_null (cf_facts_get_subject (facts));
  g_assert_null (cf_facts_get_message_id (facts));
  g_assert_false (cf_facts_get_date (facts, &date, &zone));
  g_assert_cmpstr (cf_facts_get_preview (facts), ==, "");
}

static void
test_long_header (void)
{
  g_autoptr (GString) text = g_string_new ("Subject: x\r\n");
  g_autoptr (CfFacts) facts = NULL;
  const guint8 *block;
  gsize length;

  while (text->len < 70000)
    g_string_append (text, "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n");
  g_string_append (text, "From: a@b\r\n\r\n");
  facts = fixture_scan (text->str, text->len);
  g_assert_false (cf_facts_get_header_block (facts, &block, &length));
  g_assert_cmpstr (cf_facts_get_subject (facts), ==, "x");
  g_assert_nonnull (g_strstr_len (cf_facts_get_envelope (facts, &length), -1, "((NIL NIL \"a\" \"b\"))"));
}

/* ---- Damage --------------------------------------------------------------------------------------------*/

static void
assert_corrupt (const guint8 *octets, gsize length)
{
  g_autoptr (GBytes) bytes = g_bytes_new (octets, length);
  g_autoptr (GError) error = NULL;

  g_assert_null (cf_facts_new_from_encoded (bytes, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CORRUPTION);
}

static void
test_damage (void)
{
  g_autoptr (CfFacts) facts = fixture_scan (message, sizeof message - 1);
  gsize length;
  const guint8 *encoded = g_bytes_get_data (cf_facts_get_encoded (facts), &length);
  g_autofree guint8 *copy = g_memdup2 (encoded, length);

  for (gsize i = 0; i < length; i++) {
    if (i >= 4 && i < 8)
      continue; /* reserved */
    copy[i] ^= 1 << i % 8;
    assert_corrupt (copy, length);
    copy[i] = encoded[i];
  }
  for (gsize i = 0; i < length; i++)
    assert_corrupt (copy, i);
}

/* The checksum of the encoded form, so that damage can be made to pass it. */
static void
seal (guint8 *octets, gsize length)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 16; i < length; i++)
    hash = (hash ^ octets[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  hash = GUINT64_TO_LE (hash);
  memcpy (octets + 8, &hash, sizeof hash);
}

/* Made to deceive: whatever is accepted can be used without harm. */
static void
use (CfFacts *facts)
{
  guint64 offset, length, raw_offset, raw_length;
  gsize n;

  for (guint i = 0; i < cf_facts_get_n_parts (facts); i++) {
    const CfPart *part = cf_facts_get_part (facts, i);

    for (CfSectionKind kind = CF_SECTION_ALL; kind <= CF_SECTION_MIME; kind++)
      if (cf_facts_locate (facts, part->path, kind, &offset, &length))
        cf_presented_map (facts, offset, length, &raw_offset, &raw_length);
    g_assert_nonnull (part->type);
    g_assert_nonnull (part->encoding);
  }
  cf_facts_get_n_headers (facts);
  g_assert_nonnull (cf_facts_get_envelope (facts, &n));
  g_assert_nonnull (cf_facts_get_preview (facts));
}

static void
test_forged (void)
{
  g_autoptr (CfFacts) facts = fixture_scan (message, sizeof message - 1);
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  gsize length;
  const guint8 *encoded = g_bytes_get_data (cf_facts_get_encoded (facts), &length);

  for (guint round = 0; round < 4000; round++) {
    g_autofree guint8 *copy = g_memdup2 (encoded, length);
    g_autoptr (GBytes) bytes = NULL;
    g_autoptr (CfFacts) forged = NULL;

    for (gint n = g_rand_int_range (rand, 1, 4); n > 0; n--)
      copy[g_rand_int_range (rand, 16, (gint) length)] = (guint8) g_rand_int_range (rand, 0, 256);
    seal (copy, length);
    bytes = g_bytes_new (copy, length);
    forged = cf_facts_new_from_encoded (bytes, NULL);
    if (forged != NULL)
      use (forged);
  }
}

/* ---- Preview -------------------------------------------------------------------------------------------*/

static const struct {
  const char *name, *message, *preview;
} previews[] = {
  { "plain", "\n  one\n\n two\t three ", "one two three" },
  { "base64-latin1",
    "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\naOkg\neA==\n",
    "h\303\251 x" },
  { "html",
    "Content-Type: text/html; charset=utf-8\n\n<html><head><title>t</title><style>p{}</style></head><!-- <p> "
    "-->"
    "<body>a<br>b &lt;&amp;&nbsp;&#233;&#x20ac;&bogus; 1 < 2<script>x</script></body>",
    "a b <& \303\251\342\202\254&bogus; 1 < 2" },
  { "html-unclosed", "Content-Type: text/html\n\na <!-- b", "a" },
  { "not-attachment",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Disposition: "
    "attachment\n\nno\n--b\n\nyes\n--b--",
    "yes" },
  { "none", "Content-Type: image/png\n\nx", "" },
  { "unknown-encoding", "Content-Transfer-Encoding: x-foo\n\nx", "" },
  { "cpim",
    "Content-Type: Message/CPIM\n\nFrom: <sip:a@b>\nNS: imdn <urn:ietf:params:imdn>\n\nContent-Type: "
    "text/plain; "
    "charset=utf-8\n\nHi\n",
    "Hi" },
  { "cpim-notification",
    "Content-Type: message/cpim\n\nFrom: <sip:a@b>\n\nContent-Type: message/imdn+xml\n\n<imdn>", "" },
};

static void
test_preview (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autoptr (CfFacts) facts = fixture_scan (previews[i].message, strlen (previews[i].message));

  g_assert_cmpstr (cf_facts_get_preview (facts), ==, previews[i].preview);
}

static void
test_preview_length (void)
{
  g_autoptr (GString) text = g_string_new ("Content-Type: text/plain; charset=utf-8\n\n");
  g_autoptr (CfFacts) facts = NULL;

  for (guint i = 0; i < 50000; i++)
    g_string_append (text, "\303\251");
  facts = fixture_scan (text->str, text->len);
  g_assert_cmpint (g_utf8_strlen (cf_facts_get_preview (facts), -1), ==, 200);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/facts/fields", test_fields);
  g_test_add_func ("/core/facts/absent", test_absent);
  g_test_add_func ("/core/facts/long-header", test_long_header);
  g_test_add_func ("/core/facts/encoded/damage-is-found", test_damage);
  g_test_add_func ("/core/facts/encoded/forged-is-harmless", test_forged);
  for (gsize i = 0; i < G_N_ELEMENTS (previews); i++) {
    g_autofree char *path = g_strdup_printf ("/core/preview/%s", previews[i].name);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_preview);
  }
  g_test_add_func ("/core/preview/length", test_preview_length);
  return g_test_run ();
}
