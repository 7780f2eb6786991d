/* Tests of core/net/proxy-header.c: headers as octets, whole and cut at each place. */
#include "net/proxy-header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define SIGNATURE "0d0a0d0a000d0a515549540a"
#define INET      "c0000207c6336401c35f008f" /* 192.0.2.7:50015 to 198.51.100.1:143 */
#define INET6                                                                                                \
  "20010db8000000000000000000000007"                                                                         \
  "20010db8000000000000000000000001"                                                                         \
  "c35f03e1" /* [2001:db8::7]:50015 to [2001:db8::1]:993 */
#define TEN "41414141414141414141"

typedef struct {
  const char *name, *hex;
  const char *expected; /* what format_header() says; NULL: refused, with `cause` in the reason */
  const char *cause;
} Case;

static const Case cases[] = {
  { "local", SIGNATURE "20000000", "unspec", NULL },
  { "local/with-addresses", SIGNATURE "2011000c" INET, "unspec", NULL },
  { "local/with-anything", SIGNATURE "20110003ffffff", "unspec", NULL },
  { "tcp4", SIGNATURE "2111000c" INET, "192.0.2.7:50015", NULL },
  { "tcp6", SIGNATURE "21210024" INET6, "2001:db8::7:50015", NULL },
  { "unspec", SIGNATURE "21000000", "unspec", NULL },
  { "unspec/with-anything", SIGNATURE "21000003ffffff", "unspec", NULL },
  { "udp4", SIGNATURE "2112000c" INET, "unspec", NULL },
  { "udp6", SIGNATURE "21220024" INET6, "unspec", NULL },
  { "tcp4/noop", SIGNATURE "21110013" INET "040004aabbccdd", "192.0.2.7:50015", NULL },
  { "tcp4/empty-noop", SIGNATURE "2111000f" INET "040000", "192.0.2.7:50015", NULL },
  { "tcp4/unknown-vectors", SIGNATURE "21110016" INET "e00002aabbff0002ccdd", "192.0.2.7:50015", NULL },
  { "tcp4/ssl", SIGNATURE "21110014" INET "2000050100000000", "192.0.2.7:50015 tls", NULL },
  { "tcp4/ssl-with-version", SIGNATURE "2111001e" INET "20000f0100000000210007544c5376312e33",
    "192.0.2.7:50015 tls", NULL },
  { "tcp4/ssl-not", SIGNATURE "21110014" INET "2000050200000001", "192.0.2.7:50015", NULL },
  { "tcp4/crc", SIGNATURE "21110013" INET "030004bd62e698", "192.0.2.7:50015", NULL },
  { "tcp6/noop-crc", SIGNATURE "2121002e" INET6 "0400000300049ac642af", "2001:db8::7:50015", NULL },

  { "signature", "0d0a0d0a000d0a515549540b2111000c" INET, NULL, "no PROXY header" },
  { "tls-hello", "16030100c8010000c40303aabbccddee", NULL, "no PROXY header" },
  { "imap", "61204c4f47494e20610d0a", NULL, "no PROXY header" },
  { "version-1", "50524f58592054435034203139322e302e", NULL, "version 1" },
  { "version-3", SIGNATURE "3111000c" INET, NULL, "not of version 2" },
  { "command", SIGNATURE "2211000c" INET, NULL, "command" },
  { "family", SIGNATURE "2141000c" INET, NULL, "kind of address" },
  { "transport", SIGNATURE "2113000c" INET, NULL, "kind of address" },
  { "too-long", SIGNATURE "21110ff1", NULL, "too long" },
  { "longest-there-is", SIGNATURE "2111ffff", NULL, "too long" },
  { "tcp4/short", SIGNATURE "2111000bc0000207c6336401c35f00", NULL, "longer than the header" },
  { "tcp4/none", SIGNATURE "21110000", NULL, "longer than the header" },
  { "tcp6/short", SIGNATURE "2121000c" INET, NULL, "longer than the header" },
  { "unix/short", SIGNATURE "2131000c" INET, NULL, "longer than the header" },
  { "tcp4/vector-type-alone", SIGNATURE "2111000d" INET "04", NULL, "vector" },
  { "tcp4/vector-half-length", SIGNATURE "2111000e" INET "0400", NULL, "vector" },
  { "tcp4/vector-overruns", SIGNATURE "21110012" INET "040004aabbcc", NULL, "vector" },
  { "tcp4/vector-overruns-far", SIGNATURE "21110012" INET "04ffffaabbcc", NULL, "vector" },
  { "tcp4/second-vector-overruns", SIGNATURE "21110013" INET "04000100040001", NULL, "vector" },
  { "tcp4/ssl-short", SIGNATURE "21110013" INET "20000401000000", NULL, "too short" },
  { "tcp4/crc-wrong", SIGNATURE "21110013" INET "03000400000000", NULL, "checksum" },
  { "tcp4/crc-short", SIGNATURE "21110012" INET "030003aabbcc", NULL, "checksum" },
  { "tcp4/crc-of-other-address", SIGNATURE "21110013c0000208c6336401c35f008f030004bd62e698", NULL,
    "checksum" },
};

static GByteArray *
from_hex (const char *hex)
{
  GByteArray *octets = g_byte_array_new ();

  for (; *hex != '\0'; hex += 2) {
    guint8 octet = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));

    g_byte_array_append (octets, &octet, 1);
  }
  return octets;
}

static char *
format_header (const CfProxyHeader *header)
{
  const struct sockaddr_in *in4 = (const struct sockaddr_in *) &header->source;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &header->source;
  char text[INET6_ADDRSTRLEN];

  switch (header->family) {
  case AF_INET:
    inet_ntop (AF_INET, &in4->sin_addr, text, sizeof text);
    return g_strdup_printf ("%s:%u%s", text, ntohs (in4->sin_port), header->tls ? " tls" : "");
  case AF_INET6:
    inet_ntop (AF_INET6, &in6->sin6_addr, text, sizeof text);
    return g_strdup_printf ("%s:%u%s", text, ntohs (in6->sin6_port), header->tls ? " tls" : "");
  case AF_UNIX:
    return g_strdup_printf ("unix%s", header->tls ? " tls" : "");
  default:
    return g_strdup_printf ("unspec%s", header->tls ? " tls" : "");
  }
}

/* Feeds it as a connection would, at most @step octets at a time, each time in memory that ends with them. */
static CfProxyResult
feed (const GByteArray *octets, gsize step, CfProxyHeader *out, const char **out_cause)
{
  gsize length = 0, needed;

  for (;;) {
    g_autofree guint8 *copy = g_memdup2 (octets->data, length);
    CfProxyResult result = cf_proxy_header_parse (copy, length, out, &needed, out_cause);

    if (result != CF_PROXY_MORE)
      return result;
    g_assert_cmpuint (needed, >, length);
    g_assert_cmpuint (needed, <=, CF_PROXY_HEADER_MAX);
    if (length == octets->len)
      return CF_PROXY_MORE;
    length = MIN (MIN (length + step, needed), octets->len);
  }
}

static void
test_case (gconstpointer data)
{
  static const gsize steps[] = { 1, 2, 7, 15, 16, 17, 4096 };
  const Case *test = data;
  g_autoptr (GByteArray) octets = from_hex (test->hex);
  CfProxyHeader header;
  const char *cause = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    CfProxyResult result = feed (octets, steps[i], &header, &cause);

    if (test->expected != NULL) {
      g_autofree char *got = format_header (&header);

      g_assert_cmpint (result, ==, CF_PROXY_DONE);
      g_assert_cmpstr (got, ==, test->expected);
    } else {
      g_assert_cmpint (result, ==, CF_PROXY_BAD);
      /* Octet by octet, the first wrong one is all that is known. */
      if (steps[i] >= CF_PROXY_HEADER_MIN)
        g_assert_nonnull (strstr (cause, test->cause));
    }
  }
  /* Cut off anywhere, it is not there yet, and never anything else. */
  for (guint length = 0; test->expected != NULL && length < octets->len; length++) {
    g_autoptr (GByteArray) part = g_byte_array_new ();

    g_byte_array_append (part, octets->data, length);
    g_assert_cmpint (feed (part, 4096, &header, &cause), ==, CF_PROXY_MORE);
  }
}

static void
test_unix (void)
{
  g_autoptr (GByteArray) octets = from_hex (SIGNATURE "213100e0");
  guint8 names[216] = "/run/client";
  CfProxyHeader header;
  const char *cause;

  g_byte_array_append (octets, names, sizeof names);
  g_byte_array_append (octets, (const guint8 *) "\x20\0\5\1\0\0\0\0", 8);
  g_assert_cmpint (feed (octets, 4096, &header, &cause), ==, CF_PROXY_DONE);
  g_assert_cmpint (header.family, ==, AF_UNIX);
  g_assert_true (header.tls);
}

static void
test_longest (void)
{
  g_autoptr (GByteArray) octets = from_hex (SIGNATURE "21110ff0" INET "040fe1");
  CfProxyHeader header;
  const char *cause;

  g_byte_array_set_size (octets, CF_PROXY_HEADER_MAX);
  memset (octets->data + 31, 'x', CF_PROXY_HEADER_MAX - 31);
  g_assert_cmpint (feed (octets, 100, &header, &cause), ==, CF_PROXY_DONE);
  g_assert_cmpint (header.family, ==, AF_INET);
}

static void
test_is_there (void)
{
  static const struct {
    const char *hex;
    gboolean is_there;
  } table[] = {
    { SIGNATURE, TRUE },
    { SIGNATURE "2111000c", TRUE },
    { "0d0a0d0a000d0a5155495400", FALSE },
    { "0d0a0d0a", FALSE },
    { "50524f58592054435034203139322e302e322e37", TRUE }, /* PROXY TCP4 192.0.2.7 */
    { "50524f585920554e4b4e4f574e0d0a", TRUE },           /* PROXY UNKNOWN */
    { "50524f5859204c4f47494e20610d0a", FALSE },          /* PROXY LOGIN a: a tag like another */
    { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    g_autoptr (GByteArray) octets = from_hex (table[i].hex);

    g_assert_cmpint (cf_proxy_header_is_there (octets->data, octets->len), ==, table[i].is_there);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/core/net/proxy-header/", cases[i].name, NULL);

    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/core/net/proxy-header/unix", test_unix);
  g_test_add_func ("/core/net/proxy-header/longest", test_longest);
  g_test_add_func ("/core/net/proxy-header/is-there", test_is_there);
  return g_test_run ();
}
