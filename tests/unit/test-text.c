/* tests/unit/test-text.c - charsets to UTF-8; every slicing gives the same text. */
#include "mime/mime.h"

#include <string.h>

#define FFFD "\357\277\275"

static const struct {
  const char *charset, *in;
  gsize length;
  const char *out;
} cases[] = {
  { NULL, "abc", 3, "abc" },
  { "us-ascii", "h\303\251", 3, "h\303\251" },
  { "utf-8", "h\303\251", 3, "h\303\251" },
  { "UTF-8", "a\303", 2, "a" FFFD },
  { "utf-8", "a\377b", 3, "a" FFFD "b" },
  { "utf-8", "a\303(b", 4, "a" FFFD "(b" },
  { "utf-8", "a\0b", 3, "a" FFFD "b" },
  { "utf-8", "a\365\256\252\265b", 6, "a" FFFD "b" }, /* beyond U+10FFFF */
  { "iso-8859-1", "h\351", 2, "h\303\251" },
  { "windows-1252", "\200", 1, "\342\202\254" },
  { "utf-16le", "a\0\254\040", 4, "a\342\202\254" },
  { "iso-2022-jp", "\033$B$\"\033(Bx", 9, "\343\201\202x" },
  { "utf-7", "a+AOk-b", 7, "a\303\251b" },
  { "utf-7", "+332x", 5, FFFD FFFD }, /* half a surrogate pair */
  { "no-such-charset", "h\303\251", 3, "h\303\251" },
  { "utf-8//IGNORE", "a\377", 2, "a" FFFD },
};

static void
test_case (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data);
  g_autofree char *whole = cf_text_to_utf8 ((const guint8 *) cases[i].in, cases[i].length, cases[i].charset);

  g_assert_cmpstr (whole, ==, cases[i].out);
  for (gsize slice = 1; slice <= cases[i].length; slice++) {
    g_autoptr (CfTextDecoder) decoder = cf_text_decoder_new (cases[i].charset);
    g_autoptr (GString) out = g_string_new (NULL);

    for (gsize at = 0; at < cases[i].length; at += slice)
      cf_text_decoder_feed (decoder, (const guint8 *) cases[i].in + at, MIN (slice, cases[i].length - at),
                            out);
    cf_text_decoder_finish (decoder, out);
    g_assert_cmpstr (out->str, ==, cases[i].out);
  }
}

static void
test_long (void)
{
  g_autoptr (GString) in = g_string_new (NULL);
  g_autofree char *out = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append (in, i % 7 == 0 ? "\377" : "\303\251");
  out = cf_text_to_utf8 ((const guint8 *) in->str, in->len, "utf-8");
  g_assert_true (g_utf8_validate (out, -1, NULL));
  g_assert_cmpint (g_utf8_strlen (out, -1), ==, 100000);
}

static void
test_known (void)
{
  g_assert_true (cf_text_knows_charset ("UTF-8"));
  g_assert_true (cf_text_knows_charset ("iso-8859-15"));
  g_assert_false (cf_text_knows_charset ("no-such-charset"));
  g_assert_false (cf_text_knows_charset ("UTF-8//TRANSLIT"));
  g_assert_false (cf_text_knows_charset (""));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/text/to-utf8/%" G_GSIZE_FORMAT, i);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
  }
  g_test_add_func ("/core/text/long", test_long);
  g_test_add_func ("/core/text/knows-charset", test_known);
  return g_test_run ();
}
