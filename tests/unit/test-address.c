/* tests/unit/test-address.c - the one form of an address, and identities. */
#include <coffer/auth.h>

#include <string.h>

static const struct {
  const char *in, *out;
} addresses[] = {
  /* numbers */
  { "tel:+33642575779", "tel:+33642575779" },
  { "TEL:+33-6.42(57)57-79", "tel:+33642575779" },
  { "+33642575779", "tel:+33642575779" },
  { "+33-642-575-779", "tel:+33642575779" },
  { "33642575779", "33642575779" },
  { "0642575779", "0642575779" },
  { "tel:7042;Phone-Context=Example.COM", "tel:7042;phone-context=example.com" },
  { "tel:", NULL },
  { "tel:--", NULL },
  { "tel:;phone-context=example.com", NULL },
  { "+", "+" },
  { "+-", "+-" },
  { "+33a", "+33a" },
  { "+33 6", "+33 6" },
  { "\357\274\213\357\274\223", "tel:+3" }, /* full-width plus and three */
  { "tel:f-\314\207", "tel:\341\270\237" }, /* a letter and a dot above, no longer apart */

  /* SIP */
  { "SIP:Alice@Example.ORG", "sip:Alice@example.org" },
  { "sip:+33642575779@IMS.example.org;user=phone", "sip:+33642575779@ims.example.org" },
  { "sip:alice@example.org:5060;transport=tcp?subject=x", "sip:alice@example.org:5060" },
  { "sip:+358-555;postd=pp22@Foo.com;user=phone", "sip:+358-555;postd=pp22@foo.com" },
  { "sips:alice@[2001:DB8::1];x", "sips:alice@[2001:db8::1]" },
  { "sip:Example.org;lr", "sip:example.org" },
  { "sip:a@H\314\261", "sip:a@\341\272\226" }, /* there is a small h with a line below, and no capital */
  { "sip:", NULL },
  { "sip:;lr", NULL },

  /* mail and names */
  { "Alice@Example.ORG", "Alice@example.org" },
  { "\"a@b\"@Example.ORG", "\"a@b\"@example.org" },
  { "MAILTO:Alice@Example.ORG", "mailto:Alice@example.org" },
  { "Alice", "Alice" },
  { "alice smith", "alice smith" },
  { "e\314\201l\303\251onore", "\303\251l\303\251onore" },
  { "urn:gsma:IMEI:1", "urn:gsma:IMEI:1" },

  /* none at all */
  { "", NULL },
  { "a\nb", NULL },
  { "a\177", NULL },
  { "a\302\205", NULL },
  { "a\342\200\250b", NULL },
  { "\377", NULL },
};

static void
test_normalise (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (addresses); i++) {
    g_autofree char *out = cf_address_normalise (addresses[i].in);
    g_autofree char *again = out != NULL ? cf_address_normalise (out) : NULL;

    g_test_message ("%s", addresses[i].in);
    g_assert_cmpstr (out, ==, addresses[i].out);
    g_assert_cmpstr (again, ==, out);
  }
}

static void
test_length (void)
{
  char text[252];
  g_autofree char *fits = NULL;

  memset (text, 'a', sizeof text);
  text[251] = '\0';
  g_assert_null (cf_address_normalise (text));
  text[250] = '\0';
  fits = cf_address_normalise (text);
  g_assert_cmpstr (fits, ==, text);

  /* Longer once it is a URI. */
  memset (text, '1', 248);
  text[0] = '+';
  text[248] = '\0';
  g_assert_null (cf_address_normalise (text));
}

static void
test_identity (void)
{
  CfIdentity identity = { .struct_size = sizeof identity,
                          .account = 7,
                          .user = g_strdup ("alice"),
                          .address = g_strdup ("tel:+1"),
                          .actor = g_strdup ("server") };

  cf_identity_clear (&identity);
  cf_identity_clear (&identity);
  g_assert_cmpuint (identity.struct_size, ==, sizeof identity);
  g_assert_cmpuint (identity.account, ==, 0);
  g_assert_null (identity.user);
  g_assert_null (identity.address);
  g_assert_null (identity.actor);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/address/normalise", test_normalise);
  g_test_add_func ("/core/address/length", test_length);
  g_test_add_func ("/core/identity/clear", test_identity);
  return g_test_run ();
}
