/* tests/unit/test-scanner.c - the structure of well formed and of awkward messages, octet for octet.
 *
 * Each message is scanned with CRLF and with LF; the table says which octets are the header and body of every
 * part, in the order of the part table.
 */
#include "mime-fixture.h"

typedef struct {
  const char *path, *type, *header, *body;
  guint lines;
} Row;

typedef struct {
  const char *name, *message;
  Row rows[8];
} Case;

static const Case cases[] = {
  { "empty", "", { { "", "text/plain", "", "", 0 } } },
  { "header-only", "Subject: x\n", { { "", "text/plain", "Subject: x\n", "", 0 } } },
  { "header-unterminated", "Subject: x", { { "", "text/plain", "Subject: x", "", 0 } } },
  { "blank-first", "\nbody\n", { { "", "text/plain", "\n", "body\n", 1 } } },
  { "no-header", "hello\n\nworld", { { "", "text/plain", "", "hello\n\nworld", 2 } } },
  { "no-header-colon-later", "hello world: x\n", { { "", "text/plain", "", "hello world: x\n", 1 } } },
  { "mbox-line", "From x Mon\nA: b\n\nc", { { "", "text/plain", "From x Mon\nA: b\n\n", "c", 0 } } },
  { "not-a-field-inside",
    "A: b\nnonsense\nC: d\n\ne\n",
    { { "", "text/plain", "A: b\nnonsense\nC: d\n\n", "e\n", 1 } } },
  { "folded-blank-line", "A: b\n \n c\n\nd", { { "", "text/plain", "A: b\n \n c\n\n", "d", 0 } } },
  { "bare-cr", "A: b\rc\n\nd\re\n", { { "", "text/plain", "A: b\rc\n\n", "d\re\n", 1 } } },
  { "type-invalid",
    "Content-Type: nonsense\n\nx",
    { { "", "text/plain", "Content-Type: nonsense\n\n", "x", 0 } } },

  { "multipart",
    "Content-Type: multipart/mixed; boundary=b\n\npre\n--b\n\none\n--b\nContent-Type: "
    "text/html\n\n<p>\n\n--b--\nepi\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n",
        "pre\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>\n\n--b--\nepi\n", 11 },
      { "1", "text/plain", "\n", "one", 0 },
      { "2", "text/html", "Content-Type: text/html\n\n", "<p>\n", 1 } } },
  { "no-closing",
    "Content-Type: multipart/mixed; boundary=\"b c\"\n\n--b c\n\none\n--b c\n\ntwo\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=\"b c\"\n\n",
        "--b c\n\none\n--b c\n\ntwo\n", 6 },
      { "1", "text/plain", "\n", "one", 0 },
      { "2", "text/plain", "\n", "two\n", 1 } } },
  { "closing-at-the-end",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\none\n--b--", 3 },
      { "1", "text/plain", "\n", "one", 0 } } },
  { "trailing-blanks",
    "Content-Type: multipart/mixed; boundary=b\n\n--b \t\n\none\n--b-- \nx",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--b \t\n\none\n--b-- \nx",
        4 },
      { "1", "text/plain", "\n", "one", 0 } } },
  { "boundary-is-prefix",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--bb\n-b\n--b--x\n--b--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n",
        "--b\n\none\n--bb\n-b\n--b--x\n--b--\n", 7 },
      { "1", "text/plain", "\n", "one\n--bb\n-b\n--b--x", 3 } } },
  { "never-occurs",
    "Content-Type: multipart/mixed; boundary=b\n\n--c\n\nx\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--c\n\nx\n", 3 },
      { "1", "text/plain", "", "--c\n\nx\n", 3 } } },
  { "no-boundary",
    "Content-Type: multipart/mixed\n\nx\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed\n\n", "x\n", 1 },
      { "1", "text/plain", "", "x\n", 1 } } },
  { "only-closing",
    "Content-Type: multipart/mixed; boundary=b\n\n--b--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--b--\n", 1 },
      { "1", "text/plain", "", "--b--\n", 1 } } },
  { "empty-multipart",
    "Content-Type: multipart/mixed; boundary=b\n\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "", 0 },
      { "1", "text/plain", "", "", 0 } } },
  { "empty-parts",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b\n\n\n--b\nA: b\n--b--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n",
        "--b\n--b\n\n--b\n\n\n--b\nA: b\n--b--\n", 9 },
      { "1", "text/plain", "", "", 0 },
      { "2", "text/plain", "\n", "", 0 },
      { "3", "text/plain", "\n", "", 0 },
      { "4", "text/plain", "A: b", "", 0 } } },
  { "part-without-header",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nhello\nworld\n--b--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\nhello\nworld\n--b--\n",
        4 },
      { "1", "text/plain", "", "hello\nworld", 1 } } },
  { "outer-ends-inner",
    "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
    "boundary=i\n\n--i\n\nx\n--o\n\n"
    "y\n--i\n--o--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=o\n\n",
        "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--o\n\ny\n--i\n--o--\n", 11 },
      { "1", "multipart/mixed", "Content-Type: multipart/mixed; boundary=i\n\n", "--i\n\nx", 2 },
      { "1.1", "text/plain", "\n", "x", 0 },
      { "2", "text/plain", "\n", "y\n--i", 1 } } },
  { "same-boundary",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; "
    "boundary=b\n\n--b\n\nx\n--b--\n"
    "--b\n\ny\n--b--\n",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n",
        "--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--b\n\ny\n--b--\n", 11 },
      { "1", "multipart/mixed", "Content-Type: multipart/mixed; boundary=b\n\n", "--b\n\nx\n--b--", 3 },
      { "1.1", "text/plain", "\n", "x", 0 },
      { "2", "text/plain", "\n", "y", 0 } } },
  { "inner-header-ended-by-outer",
    "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: message/rfc822\n\nSubject: "
    "x\n--o\n\ny\n--o--",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary=o\n\n",
        "--o\nContent-Type: message/rfc822\n\nSubject: x\n--o\n\ny\n--o--", 7 },
      { "1", "message/rfc822", "Content-Type: message/rfc822\n\n", "Subject: x", 0 },
      { "1.1", "text/plain", "Subject: x", "", 0 },
      { "2", "text/plain", "\n", "y", 0 } } },
  { "message-in-message",
    "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
    "message/global\n\nA: b\n\nx\n--b--\n",
    { { "", "message/rfc822", "Content-Type: message/rfc822\n\n",
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/global\n\nA: "
        "b\n\nx\n--b--\n",
        9 },
      { "1.1", "message/global", "Content-Type: message/global\n\n", "A: b\n\nx", 2 },
      { "1.1.1", "text/plain", "A: b\n\n", "x", 0 } } },
  { "digest",
    "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b\nContent-Type: "
    "text/plain\n\ntwo\n--b--\n",
    { { "", "multipart/digest", "Content-Type: multipart/digest; boundary=b\n\n",
        "--b\n\nSubject: x\n\none\n--b\nContent-Type: text/plain\n\ntwo\n--b--\n", 10 },
      { "1", "message/rfc822", "\n", "Subject: x\n\none", 2 },
      { "1.1", "text/plain", "Subject: x\n\n", "one", 0 },
      { "2", "text/plain", "Content-Type: text/plain\n\n", "two", 0 } } },
  { "rich",
    "From: \"A, B\" <a@b>\nTo: G: =?utf-8?q?x?= <c@d>;, tel:+336\nSubject: =?utf-8?b?aMOp?=\n "
    "h\303\251\nDate: Mon, 7 "
    "Feb 1994 21:52:25 -0800\nContent-Type: text/html; charset=utf-8; name*0*=utf-8''%41; name*1=b\n"
    "Content-Disposition: attachment; filename=\"=?utf-8?q?a?=\"\nContent-Language: en, fr\n\n<p>&amp;\n",
    { { "", "text/html",
        "From: \"A, B\" <a@b>\nTo: G: =?utf-8?q?x?= <c@d>;, tel:+336\nSubject: =?utf-8?b?aMOp?=\n "
        "h\303\251\nDate: "
        "Mon, 7 Feb 1994 21:52:25 -0800\nContent-Type: text/html; charset=utf-8; name*0*=utf-8''%41; "
        "name*1=b\n"
        "Content-Disposition: attachment; filename=\"=?utf-8?q?a?=\"\nContent-Language: en, fr\n\n",
        "<p>&amp;\n", 1 } } },
  { "comment-in-type",
    "Content-Type: multipart/mixed (why) ; (so) boundary=b (x)\n\n--b\n\nx\n--b--",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed (why) ; (so) boundary=b (x)\n\n",
        "--b\n\nx\n--b--", 3 },
      { "1", "text/plain", "\n", "x", 0 } } },
  { "boundary-rfc2231",
    "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--",
    { { "", "multipart/mixed", "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n",
        "--ab\n\nx\n--ab--", 3 },
      { "1", "text/plain", "\n", "x", 0 } } },
};

static GString *
convert (const char *text, gboolean crlf)
{
  return crlf ? fixture_crlf (text, strlen (text)) : g_string_new (text);
}

static void
assert_octets (const GString *message, guint64 offset, guint64 length, const char *text, gboolean crlf)
{
  g_autoptr (GString) expected = convert (text, crlf);

  fixture_assert_octets (message, offset, length, expected->str, expected->len);
}

static void
check (const Case *test, gboolean crlf)
{
  g_autoptr (GString) message = convert (test->message, crlf);
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);
  guint n = 0;

  for (; n < G_N_ELEMENTS (test->rows) && test->rows[n].path != NULL; n++) {
    const Row *row = &test->rows[n];
    const CfPart *part = cf_facts_get_part (facts, n);
    g_autofree char *type = NULL;

    g_assert_nonnull (part);
    type = g_strdup_printf ("%s/%s", part->type, part->subtype);
    g_assert_cmpstr (part->path, ==, row->path);
    g_assert_cmpstr (type, ==, row->type);
    assert_octets (message, part->header_offset, part->header_length, row->header, crlf);
    assert_octets (message, part->body_offset, part->body_length, row->body, crlf);
    g_assert_cmpuint (part->body_lines, ==, row->lines);
    if (part->kind == CF_PART_LEAF)
      g_assert_cmpuint (part->decoded_length, ==, part->body_length);
  }
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, n);
  g_assert_cmpuint (cf_facts_get_length (facts), ==, message->len);
}

static void
test_case (gconstpointer data)
{
  check (data, TRUE);
  check (data, FALSE);
}

/* ---- Size and depth ------------------------------------------------------------------------------------*/

/* Every line end may fall on the end of a window. */
static void
test_windows (void)
{
  for (guint shift = 0; shift < 120; shift++) {
    g_autoptr (GString) message = g_string_new ("Content-Type: multipart/mixed; boundary=b\r\nX: ");
    g_autoptr (CfFacts) facts = NULL;
    const CfPart *part;

    while (message->len < 64 * 1024 - 80 + shift % 60)
      g_string_append_c (message, 'x');
    g_string_append (
        message, "\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\nb \r\n--b--\r\n");
    facts = fixture_scan (message->str, message->len);
    g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, 2);
    part = cf_facts_get_part (facts, 1);
    fixture_assert_octets (message, part->body_offset, part->body_length, "=41=\r\nb ", 8);
    g_assert_cmpuint (part->decoded_length, ==, 2);
  }
}

static void
test_nested_multiparts (void)
{
  const guint depth = 1000;
  g_autoptr (GString) message = g_string_new (NULL);
  g_autoptr (CfFacts) facts = NULL;
  const CfPart *part;

  for (guint i = 0; i < depth; i++)
    g_string_append_printf (message, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
  g_string_append (message, "\ncore\n");
  for (guint i = depth; i-- > 0;)
    g_string_append_printf (message, "--b%u--\n", i);
  facts = fixture_scan (message->str, message->len);
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, depth + 1);
  part = cf_facts_get_part (facts, depth);
  g_assert_cmpuint (strlen (part->path), ==, 2 * depth - 1);
  fixture_assert_octets (message, part->body_offset, part->body_length, "core", 4);
}

static void
test_nested_messages (void)
{
  const guint depth = 1000;
  g_autoptr (GString) message = g_string_new (NULL);
  g_autoptr (CfFacts) facts = NULL;
  const CfPart *part;

  for (guint i = 0; i < depth; i++)
    g_string_append (message, "Content-Type: message/rfc822\r\n\r\n");
  g_string_append (message, "Subject: x\r\n\r\ncore\r\n");
  facts = fixture_scan (message->str, message->len);
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, depth + 1);
  part = cf_facts_get_part (facts, depth);
  fixture_assert_octets (message, part->body_offset, part->body_length, "core\r\n", 6);
}

static void
test_too_deep (void)
{
  g_autoptr (GString) message = g_string_new (NULL);
  g_autoptr (CfFacts) facts = NULL;
  const CfPart *last;

  for (guint i = 0; i < 5000; i++)
    g_string_append_printf (message, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i, i);
  facts = fixture_scan (message->str, message->len);
  last = cf_facts_get_part (facts, cf_facts_get_n_parts (facts) - 1);
  g_assert_cmpint (last->kind, ==, CF_PART_LEAF);
  g_assert_cmpstr (last->subtype, ==, "octet-stream");
  g_assert_cmpuint (last->body_offset + last->body_length, ==, message->len);
}

static void
test_too_many (void)
{
  g_autoptr (GString) message = g_string_new ("Content-Type: multipart/mixed; boundary=b\n\n");
  g_autoptr (CfFacts) facts = NULL;
  const CfPart *last;

  for (guint i = 0; i < 20000; i++)
    g_string_append (message, "--b\n\nx\n");
  g_string_append (message, "--b--\n");
  facts = fixture_scan (message->str, message->len);
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, 10000);
  last = cf_facts_get_part (facts, 9999);
  g_assert_cmpuint (last->body_offset + last->body_length, ==, message->len - strlen ("\n--b--\n"));
}

/* Lines that nearly are delimiters, of a megabyte, inside a thousand open multiparts. */
static void
test_long_lines (void)
{
  g_autoptr (GString) message = g_string_new (NULL);
  g_autoptr (CfFacts) facts = NULL;
  const CfPart *part;

  g_string_append (
      message, "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\n--b");
  for (guint i = 0; i < 1 << 20; i++)
    g_string_append_c (message, 'A');
  g_string_append (message, "\n--b");
  for (guint i = 0; i < 1 << 20; i++)
    g_string_append_c (message, ' ');
  g_string_append (message, "\n--b--\n");
  facts = fixture_scan (message->str, message->len);
  g_assert_cmpuint (cf_facts_get_n_parts (facts), ==, 2);
  part = cf_facts_get_part (facts, 1);
  g_assert_cmpuint (part->body_length, ==, 3 + (1 << 20) + 1 + 3 + (1 << 20));
  g_assert_cmpuint (part->decoded_length, ==, ((1 << 20) + 2) * 6 / 8);
}

/* ---- Mutations -----------------------------------------------------------------------------------------*/

/* Whatever the message, what is sent keeps to the grammar: strings end, parentheses match, no NUL, and a line
 * end only in literals. */
static void
assert_wire (const char *text, gsize length)
{
  const char *end = text + length;
  guint depth = 0;

  g_assert_null (memchr (text, '\0', length));
  while (text < end) {
    char c = *text++;

    if (c == '(') {
      depth++;
    } else if (c == ')') {
      g_assert_cmpuint (depth, >, 0);
      depth--;
      g_assert_true (depth > 0 || text == end);
    } else if (c == '{') {
      char *after;
      guint64 n = g_ascii_strtoull (text, &after, 10);

      g_assert_true (strncmp (after, "}\r\n", 3) == 0);
      text = after + 3 + n;
      g_assert_true (text < end);
    } else if (c == '"') {
      for (; *text != '"'; text++) {
        g_assert_true (text < end && *text != '\r' && *text != '\n' && (guchar) *text < 0x80);
        text += *text == '\\';
      }
      text++;
    } else {
      g_assert_true (g_ascii_isalnum (c) || c == ' ');
    }
  }
  g_assert_cmpuint (depth, ==, 0);
}

/* All of the presented message can be read, and contains no NUL. */
static void
assert_presented (CfFacts *facts, const GString *message)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (message->str, message->len);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  guint64 size = cf_facts_get_presented_size (facts);

  g_assert_true (cf_presented_read (facts, source, 0, size, out, NULL));
  g_assert_cmpuint (out->len, ==, size);
  if (size > 0)
    g_assert_null (memchr (out->data, '\0', size));
  if (!cf_facts_needs_presentation (facts))
    g_assert_cmpmem (out->data, size, message->str, message->len);
}

static void
assert_texts (CfFacts *facts)
{
  gsize length;
  const char *text = cf_facts_get_envelope (facts, &length);

  assert_wire (text, length);
  text = cf_facts_get_body (facts, &length);
  assert_wire (text, length);
  text = cf_facts_get_bodystructure (facts, &length);
  assert_wire (text, length);
  g_assert_true (g_utf8_validate (cf_facts_get_preview (facts), -1, NULL));
  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++)
    g_assert_true (g_utf8_validate (cf_facts_get_header (facts, i)->value, -1, NULL));
}

static void
assert_consistent (const GString *message)
{
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);
  guint n = cf_facts_get_n_parts (facts);

  assert_texts (facts);
  assert_presented (facts, message);
  for (guint i = 0; i < n; i++) {
    const CfPart *part = cf_facts_get_part (facts, i);
    g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (part->encoding, NULL);
    g_autoptr (GByteArray) decoded = g_byte_array_new ();
    const guint8 *body = (const guint8 *) message->str + part->body_offset;

    g_assert_cmpuint (part->body_offset + part->body_length, <=, message->len);
    g_assert_true (cf_facts_lookup_part (facts, part->path) == part);
    if (part->parent >= 0) {
      const CfPart *parent = cf_facts_get_part (facts, (guint) part->parent);

      g_assert_cmpuint (part->header_offset, >=, parent->body_offset);
      g_assert_cmpuint (part->body_offset + part->body_length, <=, parent->body_offset + parent->body_length);
    }
    if (part->kind != CF_PART_LEAF)
      continue;
    g_assert_cmpint (part->has_nul, ==, memchr (body, 0, part->body_length) != NULL);
    if (decoder == NULL)
      continue;
    cf_part_decoder_feed (decoder, body, part->body_length, decoded);
    cf_part_decoder_finish (decoder, decoded);
    g_assert_cmpuint (part->decoded_length, ==, decoded->len);
  }
}

static void
test_mutations (void)
{
  static const char *const scraps[]
      = { "\n", "\r\n", "\r", "--b\n", "--i\n", "--b--\n", "--i--\r\n", "\n\n",   "--o\r\n", "=",
          "=4", " \n",  "\t", "(",     "\"",    ":",       "<",         "=?q?a?", "--b",     ";" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);

  for (guint round = 0; round < 4000; round++) {
    /* The last cases are the ones with most to be mangled: every other round takes one of them. */
    gint first = round % 2 == 0 ? 0 : (gint) G_N_ELEMENTS (cases) - 8;
    const Case *test = &cases[g_rand_int_range (rand, first, G_N_ELEMENTS (cases))];
    g_autoptr (GString) message = convert (test->message, round % 4 < 2);
    gint steps = g_rand_int_range (rand, 1, 12);

    g_string_append (message, "Content-Transfer-Encoding: quoted-printable\n\na =\r\n=4");
    for (gint i = 0; i < steps; i++) {
      gsize at = (gsize) g_rand_int_range (rand, 0, (gint) message->len);

      switch (g_rand_int_range (rand, 0, 4)) {
      case 0:
        message->str[at] = (char) g_rand_int_range (rand, 0, 256);
        break;
      case 1:
        g_string_insert (message, (gssize) at, scraps[g_rand_int_range (rand, 0, G_N_ELEMENTS (scraps))]);
        break;
      case 2:
        g_string_erase (message, (gssize) at, (gssize) MIN (5, message->len - at - 1));
        break;
      default:
        message->str[at] = '\0';
        break;
      }
    }
    assert_consistent (message);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/scanner/structure/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/core/scanner/windows", test_windows);
  g_test_add_func ("/core/scanner/nested/multiparts", test_nested_multiparts);
  g_test_add_func ("/core/scanner/nested/messages", test_nested_messages);
  g_test_add_func ("/core/scanner/limits/depth-is-opaque", test_too_deep);
  g_test_add_func ("/core/scanner/limits/number-is-opaque", test_too_many);
  g_test_add_func ("/core/scanner/long-lines", test_long_lines);
  g_test_add_func ("/core/scanner/mutations", test_mutations);
  return g_test_run ();
}
