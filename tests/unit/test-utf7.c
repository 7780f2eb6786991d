/* tests/unit/test-utf7.c - modified UTF-7 has one form for each name, and no other is taken. */
#include "imap/utf7.h"

#include <coffer/error.h>

#include <string.h>

/* Each is the other's only form. */
static const struct {
  const char *utf8, *wire;
} pairs[] = {
  { "", "" },
  { "INBOX", "INBOX" },
  { "&", "&-" },
  { "&&", "&-&-" },
  { "a&b", "a&-b" },
  { "+-,~\\\"", "+-,~\\\"" },
  { "~peter/mail/\345\217\260\345\214\227/\346\227\245\346\234\254\350\252\236",
    "~peter/mail/&U,BTFw-/&ZeVnLIqe-" }, /* RFC 3501, 5.1.3 */
  { "\345\217\260\345\214\227\346\227\245\346\234\254\350\252\236", "&U,BTF2XlZyyKng-" },
  { "\342\230\272!", "&Jjo-!" },
  { "\303\251", "&AOk-" },
  { "\303\251&", "&AOk-&-" },
  { "&\303\251", "&-&AOk-" },
  { "\303\251\303\251", "&AOkA6Q-" },
  { "\303\251\303\251\303\251", "&AOkA6QDp-" },
  { "\360\237\230\200", "&2D3eAA-" },
  { "x\360\237\230\200y", "x&2D3eAA-y" },
  { "\364\217\277\277", "&2,,f,w-" },
  { "\357\277\275", "&,,0-" },
  { "\177", "&AH8-" },
  { "\t", "&AAk-" },
};

static void
test_pairs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autofree char *wire = cf_utf7_encode (pairs[i].utf8);
    g_autoptr (GError) error = NULL;
    g_autofree char *utf8 = cf_utf7_decode (pairs[i].wire, &error);

    g_assert_no_error (error);
    g_assert_cmpstr (wire, ==, pairs[i].wire);
    g_assert_cmpstr (utf8, ==, pairs[i].utf8);
  }
}

static void
test_lenient (void)
{
  g_autofree char *wire = cf_utf7_encode ("a\377b\303");
  g_autofree char *utf8 = cf_utf7_decode ("caf\303\251/&AOk-", NULL);

  g_assert_cmpstr (wire, ==, "a&,,0-b&,,0-");
  g_assert_cmpstr (utf8, ==, "caf\303\251/\303\251");
}

static void
test_rejects (void)
{
  static const char *const wires[] = {
    "&",                  /* a shift that is not ended */
    "&AOk",               /* likewise */
    "&Jjo!",              /* RFC 3501, 5.1.3 */
    "&U,BTFw-&ZeVnLIqe-", /* RFC 3501, 5.1.3: superfluous shift */
    "a & b",              /* no base64 */
    "&AOk/-",             /* '/' is not of this base64 */
    "&AOk=-",             /* padding */
    "&AO-",               /* ends within a character */
    "&A-",                /* likewise */
    "&AOkA-",             /* six bits left over */
    "&AOl-",              /* bits left over are not 0 */
    "&AEE-",              /* "A" */
    "&ACY-",              /* "&" */
    "&AOkAQQ-",           /* an accented letter, then "A" */
    "&AAA-",              /* NUL */
    "&2D0-",              /* half a pair */
    "&3gA-",              /* the other half */
    "&2D0A6Q-",           /* half a pair, then another character */
    "&2D3YPQ-",           /* the same half twice */
    "&3gDYPQ-",           /* the halves the wrong way round */
    "\377",               /* not UTF-8 */
    "\303",               /* likewise */
    "\355\240\275",       /* a surrogate in UTF-8 */
  };

  for (guint i = 0; i < G_N_ELEMENTS (wires); i++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *utf8 = cf_utf7_decode (wires[i], &error);

    g_test_message ("row %u", i);
    g_assert_null (utf8);
    g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  }
}

/* What is accepted is what the encoder writes. */
static void
test_random (void)
{
  static const char octets[] = "&-&-AOkU,BTFw23DYP+/ 2D3eAA";
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  guint accepted = 0;

  for (guint i = 0; i < 50000; i++) {
    char wire[16] = "";
    gint length = g_rand_int_range (rand, 0, 15);
    g_autofree char *utf8 = NULL;

    for (gint j = 0; j < length; j++)
      wire[j] = octets[g_rand_int_range (rand, 0, sizeof octets - 1)];
    utf8 = cf_utf7_decode (wire, NULL);
    if (utf8 != NULL) {
      g_autofree char *again = cf_utf7_encode (utf8);

      g_assert_cmpstr (again, ==, wire);
      accepted++;
    }
  }
  g_assert_cmpuint (accepted, >, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/utf7/pairs", test_pairs);
  g_test_add_func ("/core/utf7/lenient", test_lenient);
  g_test_add_func ("/core/utf7/decode/rejects", test_rejects);
  g_test_add_func ("/core/utf7/decode/random-is-canonical", test_random);
  return g_test_run ();
}
