/* tests/unit/test-decoder.c - transfer encodings; every slicing of a body gives the same octets. */
#include "mime/mime.h"

#include <string.h>

static const struct {
  const char *encoding, *in, *out;
} cases[] = {
  { "7bit", "a=41\r\n", "a=41\r\n" },
  { "BINARY", "a\n", "a\n" },
  { "base64", "", "" },
  { "base64", "YWJj", "abc" },
  { "base64", "YWI=", "ab" },
  { "base64", "YQ==", "a" },
  { "base64", "YW\r\nJj\r\n", "abc" },
  { "base64", "Y-W.J j!", "abc" },
  { "base64", "YWI", "ab" },
  { "base64", "YQ", "a" },
  { "base64", "Y", "" },
  { "base64", "YQ==YWJj", "aabc" },
  { "base64", "====", "" },
  { "quoted-printable", "a=3Db=3d\r\n", "a=b=\r\n" },
  { "quoted-printable", "soft=\r\nbreak=\nhere", "softbreakhere" },
  { "quoted-printable", "soft= \t\r\nbreak", "softbreak" },
  { "quoted-printable", "blanks \t \r\nend  ", "blanks\r\nend" },
  { "quoted-printable", "kept=20\r\n a b", "kept \r\n a b" },
  { "quoted-printable", "=ZZ=4=4G==41", "=ZZ=4=4G=A" },
  { "quoted-printable", "= x=\rx", "= x=\rx" },
  { "quoted-printable", "a\rb \r", "a\rb \r" },
  { "quoted-printable", "end=", "end" },
  { "quoted-printable", "end=4", "end=4" },
  { "quoted-printable", "end=\r\n", "end" },
};

static void
test_case (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data), length = strlen (cases[i].in);

  for (gsize slice = 1; slice <= length + 1; slice++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (CfPartDecoder) decoder = cf_part_decoder_new (cases[i].encoding, &error);
    g_autoptr (GByteArray) out = g_byte_array_new ();

    g_assert_no_error (error);
    /* Twice, as a finished decoder is a new one. */
    for (guint round = 0; round < 2; round++) {
      g_byte_array_set_size (out, 0);
      for (gsize at = 0; at < length; at += slice)
        cf_part_decoder_feed (decoder, (const guint8 *) cases[i].in + at, MIN (slice, length - at), out);
      cf_part_decoder_finish (decoder, out);
      g_assert_cmpmem (out->data, out->len, cases[i].out, strlen (cases[i].out));
    }
  }
}

static void
test_unknown (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (cf_part_decoder_new ("x-uuencode", &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNKNOWN_CTE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/decoder/%s/%" G_GSIZE_FORMAT, cases[i].encoding, i);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
  }
  g_test_add_func ("/core/decoder/unknown/refused", test_unknown);
  return g_test_run ();
}
