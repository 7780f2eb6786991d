/* tests/unit/test-header.c - header blocks: filtering keeps octets, decoding gives UTF-8. */
#include "mime/header.h"

#include <string.h>

static const char block[]
    = "From: a@b\r\nSubject: one\r\n two\r\nX-Empty:\r\nnonsense\r\nsubject : three\r\n\r\n";

static const struct {
  const char *names[4];
  gboolean invert;
  const char *out;
} filters[] = {
  { { "From" }, FALSE, "From: a@b\r\n\r\n" },
  { { "SUBJECT" }, FALSE, "Subject: one\r\n two\r\nsubject : three\r\n\r\n" },
  { { "X-Empty", "From" }, FALSE, "From: a@b\r\nX-Empty:\r\n\r\n" },
  { { "Fro", "Date" }, FALSE, "\r\n" },
  { { NULL }, FALSE, "\r\n" },
  { { "Subject", "From" }, TRUE, "X-Empty:\r\nnonsense\r\n\r\n" },
  { { NULL }, TRUE, block },
};

static void
test_filter (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (filters); i++) {
    g_autoptr (GByteArray) out = g_byte_array_new ();

    cf_header_filter ((const guint8 *) block, strlen (block), filters[i].names, filters[i].invert, out);
    g_assert_cmpmem (out->data, out->len, filters[i].out, strlen (filters[i].out));
  }
}

/* RFC 3501, 6.4.5: no blank line where the message has none. */
static void
test_filter_no_blank_line (void)
{
  const char *names[] = { "a", NULL };
  g_autoptr (GByteArray) out = g_byte_array_new ();

  cf_header_filter ((const guint8 *) "A: b\nC: d", 9, names, FALSE, out);
  g_assert_cmpmem (out->data, out->len, "A: b\n", 5);
  g_byte_array_set_size (out, 0);
  cf_header_filter ((const guint8 *) "A: b\nC: d", 9, names, TRUE, out);
  g_assert_cmpmem (out->data, out->len, "C: d", 4);
}

static const struct {
  const char *raw, *decoded;
} values[] = {
  { "", "" },
  { " plain \r\n", "plain" },
  { " one\r\n\ttwo\n three", "one\ttwo three" },
  { "=?utf-8?q?h=C3=A9?=", "h\303\251" },
  { "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
  { "=?utf-8?b?aMOp?= x", "h\303\251 x" },
  { "=?iso-8859-1?Q?h=E9_x?=\r\n =?iso-8859-1?Q?y?=", "h\303\251 xy" },
  { "h\303\251", "h\303\251" },
  { "a\377b", "a\357\277\275b" },
  { "=?nonsense", "=?nonsense" },
};

static void
test_decode (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++) {
    g_autofree char *decoded = cf_header_decode (values[i].raw, -1);

    g_assert_cmpstr (decoded, ==, values[i].decoded);
  }
}

static void
test_unfold (void)
{
  g_autofree char *text = cf_header_unfold (" a\rb\0c\r\n d ", 11);

  g_assert_cmpstr (text, ==, "a b\200c d");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/header/filter", test_filter);
  g_test_add_func ("/core/header/filter/no-blank-line", test_filter_no_blank_line);
  g_test_add_func ("/core/header/decode", test_decode);
  g_test_add_func ("/core/header/unfold", test_unfold);
  return g_test_run ();
}
