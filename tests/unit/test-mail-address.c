/* tests/unit/test-mail-address.c - address lists: well formed, obsolete, broken, and CPM's. */
#include "mime/mail-address.h"

#include <string.h>

/* One line for each address: name|mailbox|host, "-" for none; groups as "group NAME" and "end". */
static const struct {
  const char *text, *expected;
} cases[] = {
  { "", "" },
  { "  ", "" },
  { ",,;", "" },
  { "a@b", "-|a|b\n" },
  { "A B <a@b>", "A B|a|b\n" },
  { "\"B, A \\\"x\\\"\" <a@b>", "B, A \"x\"|a|b\n" },
  { "A  \"B\"  C <a@b>", "A B C|a|b\n" },
  { "a@b (Real (really) Name)", "Real (really) Name|a|b\n" },
  { "<a@b> (Name)", "Name|a|b\n" },
  { "A <a@b> (comment)", "A|a|b\n" },
  { "\"a b\"@c", "-|a b|c\n" },
  { "A <\"a@b\"@c>", "A|a@b|c\n" },
  { "a . b @ c . d", "-|a.b|c.d\n" },
  { "A <a . b @ c>", "A|a.b|c\n" },
  { "a@[127.0.0.1]", "-|a|[127.0.0.1]\n" },
  { "<@x,@y:a@b>", "-|a|b\n" },
  { "a@b, c@d", "-|a|b\n-|c|d\n" },
  { "G: a@b, C <c@d>; e@f", "group G\n-|a|b\nC|c|d\nend\n-|e|f\n" },
  { "undisclosed-recipients:;", "group undisclosed-recipients\nend\n" },
  { "G: a@b", "group G\n-|a|b\nend\n" },
  { "=?utf-8?Q?Doe,_J?= <a@b>", "=?utf-8?Q?Doe,_J?=|a|b\n" },
  { "=?utf-8?q?a?= =?utf-8?q?b?= <a@b>", "=?utf-8?q?a?= =?utf-8?q?b?=|a|b\n" },
  { "=?broken, a@b", "-|=?broken|-\n-|a|b\n" },
  { "root", "-|root|-\n" },
  { "<>", "-||-\n" },
  { "A <a@b", "A|a|b\n" },
  { "A a@b", "A|a|b\n" },
  { "a@b@c", "-|a@b|c\n" },
  { "\"unclosed", "-|unclosed|-\n" },
  { "(unclosed", "" },
  { "a@", "-|a|\n" },
  { "@b", "-||b\n" },
  { "A > B <a@b>", "A > B|a|b\n" },
  { "tel:+33612345678", "uri -|tel:+33612345678|-\n" },
  { "TEL:+336;phone-context=x.y, a@b", "uri -|TEL:+336;phone-context=x.y|-\n-|a|b\n" },
  { "\"Bob\" <tel:+336>", "uri Bob|tel:+336|-\n" },
  { "<sip:+336@ims.example;user=phone>", "uri -|sip:+336@ims.example;user=phone|-\n" },
  { "sip:x@y, <sips:z@y>", "uri -|sip:x@y|-\nuri -|sips:z@y|-\n" },
  { "tel: a@b;", "group tel\n-|a|b\nend\n" },
};

static void
test_case (gconstpointer data)
{
  g_autoptr (GPtrArray) list = cf_mail_address_list_new ();
  g_autoptr (GString) out = g_string_new (NULL);
  gsize i = GPOINTER_TO_SIZE (data);

  cf_mail_address_parse (cases[i].text, list);
  for (guint n = 0; n < list->len; n++) {
    const CfMailAddress *address = g_ptr_array_index (list, n);

    if (address->kind == CF_MAIL_ADDRESS_GROUP_BEGIN)
      g_string_append_printf (out, "group %s\n", address->mailbox);
    else if (address->kind == CF_MAIL_ADDRESS_GROUP_END)
      g_string_append (out, "end\n");
    else
      g_string_append_printf (out, "%s%s|%s|%s\n", address->kind == CF_MAIL_ADDRESS_URI ? "uri " : "",
                              address->name != NULL ? address->name : "-", address->mailbox,
                              address->host != NULL ? address->host : "-");
  }
  g_assert_cmpstr (out->str, ==, cases[i].expected);
}

/* Cheap however long and odd. */
static void
test_hostile (void)
{
  static const char *const scraps[] = { "=?a?q?,", "a ", "(", "<", "\"\\", "a@", ":", ";", "a. " };

  for (gsize i = 0; i < G_N_ELEMENTS (scraps); i++) {
    g_autoptr (GPtrArray) list = cf_mail_address_list_new ();
    g_autoptr (GString) text = g_string_new (NULL);

    while (text->len < 1 << 20)
      g_string_append (text, scraps[i]);
    cf_mail_address_parse (text->str, list);
    g_assert_cmpuint (list->len, <=, 10001);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/mail-address/%" G_GSIZE_FORMAT, i);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_case);
  }
  g_test_add_func ("/core/mail-address/hostile", test_hostile);
  return g_test_run ();
}
