/* tests/unit/test-section-syntax.c - core/commands/section.c: reading "[section]<partial>" (RFC 3501, 6.4.5).
 */
#include "commands/section.h"
#include "imap/input.h"

static void
test_accepts (void)
{
  static const struct {
    const char *text, *path;
    CfSectionKind kind;
    const char *label;
  } cases[] = {
    { "[]", "", CF_SECTION_ALL, "BODY[]" },
    { "[HEADER]", "", CF_SECTION_HEADER, "BODY[HEADER]" },
    { "[text]", "", CF_SECTION_TEXT, "BODY[TEXT]" },
    { "[1]", "1", CF_SECTION_ALL, "BODY[1]" },
    { "[1.2.3]", "1.2.3", CF_SECTION_ALL, "BODY[1.2.3]" },
    { "[1.MIME]", "1", CF_SECTION_MIME, "BODY[1.MIME]" },
    { "[4.2.HEADER]", "4.2", CF_SECTION_HEADER, "BODY[4.2.HEADER]" },
    { "[]<0.10>", "", CF_SECTION_ALL, "BODY[]<0>" },
    { "[1]<7.4294967295>", "1", CF_SECTION_ALL, "BODY[1]<7>" },
    { "[]<9223372036854775807.9223372036854775807>", "", CF_SECTION_ALL, "BODY[]<9223372036854775807>" },
    { "[HEADER.FIELDS (From To)]", "", CF_SECTION_HEADER, "BODY[HEADER.FIELDS (From To)]" },
    { "[HEADER.FIELDS.NOT (\"X Y\")]", "", CF_SECTION_HEADER, "BODY[HEADER.FIELDS.NOT (\"X Y\")]" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfInput) input = cf_input_new_text (cases[i].text, 0);
    g_autoptr (GError) error = NULL;
    CfSection *section = cf_section_parse (input, "BODY", CF_SECTION_SYNTAX_BODY, &error);

    g_test_message ("%s", cases[i].text);
    g_assert_no_error (error);
    g_assert_cmpstr (section->path, ==, cases[i].path);
    g_assert_cmpint (section->kind, ==, cases[i].kind);
    g_assert_cmpstr (section->label, ==, cases[i].label);
    g_assert_true (cf_input_is_end (input));
    cf_section_free (section);
  }
}

static void
test_rejects (void)
{
  static const struct {
    const char *text;
    CfSectionSyntax syntax;
  } cases[] = {
    { "[", CF_SECTION_SYNTAX_BODY },
    { "[MIME]", CF_SECTION_SYNTAX_BODY },
    { "[1.]", CF_SECTION_SYNTAX_BODY },
    { "[.1]", CF_SECTION_SYNTAX_BODY },
    { "[0]", CF_SECTION_SYNTAX_BODY },
    { "[1.0]", CF_SECTION_SYNTAX_BODY },
    { "[1 ]", CF_SECTION_SYNTAX_BODY },
    { "[FOO]", CF_SECTION_SYNTAX_BODY },
    { "[HEADER.FIELDS]", CF_SECTION_SYNTAX_BODY },
    { "[HEADER.FIELDS ()]", CF_SECTION_SYNTAX_BODY },
    { "[99999999999]", CF_SECTION_SYNTAX_BODY },
    { "[]<0.0>", CF_SECTION_SYNTAX_BODY },
    { "[]<0>", CF_SECTION_SYNTAX_BODY },
    { "[]<-1.5>", CF_SECTION_SYNTAX_BODY },
    { "[]<0.9223372036854775808>", CF_SECTION_SYNTAX_BODY },
    { "[]<9223372036854775808.1>", CF_SECTION_SYNTAX_BODY },
    { "[HEADER]", CF_SECTION_SYNTAX_BINARY },
    { "[1.MIME]", CF_SECTION_SYNTAX_BINARY },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (CfInput) input = cf_input_new_text (cases[i].text, 0);
    g_autoptr (GError) error = NULL;

    g_test_message ("%s", cases[i].text);
    g_assert_null (cf_section_parse (input, "BODY", cases[i].syntax, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/section/accepts", test_accepts);
  g_test_add_func ("/core/section/rejects", test_rejects);
  return g_test_run ();
}
