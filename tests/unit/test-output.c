/* tests/unit/test-output.c - each value in the simplest form that carries it. */
#include "imap/output.h"

#include <string.h>

#include "imap/input.h"

/* Empties @output. The caller frees. */
static char *
take (CfOutput *output, gsize *out_length)
{
  const guint8 *octets = cf_output_peek (output, out_length);
  char *text = g_strndup (octets != NULL ? (const char *) octets : "", *out_length);

  cf_output_clear (output);
  return text;
}

static void
assert_written (CfOutput *output, const char *expected)
{
  gsize length;
  g_autofree char *text = take (output, &length);

  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (length, ==, strlen (expected));
}

static void
test_strings (void)
{
  static const struct {
    const char *text, *string, *astring;
  } rows[] = {
    { "", "\"\"", "\"\"" },
    { "abc", "\"abc\"", "abc" },
    { "a b", "\"a b\"", "\"a b\"" },
    { "a]b", "\"a]b\"", "a]b" },
    { "Default/tel:+33642575779", "\"Default/tel:+33642575779\"", "Default/tel:+33642575779" },
    { "nil", "\"nil\"", "\"nil\"" },
    { "NIL", "\"NIL\"", "\"NIL\"" },
    { "NILs", "\"NILs\"", "NILs" },
    { "\"", "\"\\\"\"", "\"\\\"\"" },
    { "a\\b\"c", "\"a\\\\b\\\"c\"", "\"a\\\\b\\\"c\"" },
    { "(", "\"(\"", "\"(\"" },
    { "{1}", "\"{1}\"", "\"{1}\"" },
    { "%", "\"%\"", "\"%\"" },
    { "\t", "\"\t\"", "\"\t\"" },
    { "a\r\nb", "{4}\r\na\r\nb", "{4}\r\na\r\nb" },
    { "\303\251", "{2}\r\n\303\251", "{2}\r\n\303\251" },
  };
  g_autoptr (CfOutput) output = cf_output_new (0);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    cf_output_string (output, rows[i].text);
    assert_written (output, rows[i].string);
    cf_output_nstring (output, rows[i].text);
    assert_written (output, rows[i].string);
    cf_output_astring (output, rows[i].text);
    assert_written (output, rows[i].astring);
  }
  cf_output_nstring (output, NULL);
  assert_written (output, "NIL");
}

static void
test_long (void)
{
  g_autoptr (CfOutput) output = cf_output_new (0);
  g_autofree char *text = g_strnfill (1001, 'x');
  g_autofree char *literal = g_strconcat ("{1001}\r\n", text, NULL);
  g_autofree char *quoted = NULL;

  cf_output_string (output, text);
  assert_written (output, literal);
  cf_output_astring (output, text);
  assert_written (output, literal);
  text[1000] = '\0';
  quoted = g_strconcat ("\"", text, "\"", NULL);
  cf_output_string (output, text);
  assert_written (output, quoted);
  cf_output_astring (output, text);
  assert_written (output, text);
}

static void
test_literal (void)
{
  g_autoptr (CfOutput) output = cf_output_new (0);
  g_autoptr (GBytes) nul = g_bytes_new_static ("a\0b", 3);
  g_autoptr (GBytes) plain = g_bytes_new_static ("abc", 3);
  g_autoptr (GBytes) empty = g_bytes_new_static ("", 0);
  const guint8 *octets;
  gsize length;

  cf_output_literal (output, plain, TRUE);
  assert_written (output, "{3}\r\nabc");
  cf_output_literal (output, empty, TRUE);
  assert_written (output, "{0}\r\n");
  cf_output_begin_literal (output, G_MAXUINT64, FALSE);
  assert_written (output, "{18446744073709551615}\r\n");
  cf_output_literal (output, nul, TRUE);
  octets = cf_output_peek (output, &length);
  g_assert_cmpmem (octets, length, "~{3}\r\na\0b", 9);
}

static void
test_mailbox (void)
{
  static const struct {
    const char *name, *bare, *quoted;
  } rows[] = {
    { "INBOX", "INBOX", "\"INBOX\"" },      { "caf\303\251", "caf&AOk-", "\"caf&AOk-\"" },
    { "a&b", "a&-b", "\"a&-b\"" },          { "a b", "\"a b\"", "\"a b\"" },
    { "a\"b", "\"a\\\"b\"", "\"a\\\"b\"" }, { "", "\"\"", "\"\"" },
  };
  g_autoptr (CfOutput) output = cf_output_new (0);
  g_autoptr (CfOutput) utf8 = cf_output_new (CF_OUTPUT_UTF8);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    cf_output_mailbox (output, rows[i].name, FALSE);
    assert_written (output, rows[i].bare);
    cf_output_mailbox (output, rows[i].name, TRUE);
    assert_written (output, rows[i].quoted);
  }
  cf_output_mailbox (utf8, "caf\303\251&", FALSE);
  assert_written (utf8, "\"caf\303\251&\"");
  cf_output_mailbox (utf8, "a&b", FALSE);
  assert_written (utf8, "a&b");
}

/* Quoted strings are ASCII, or UTF-8 where the client takes it; what is neither is a literal. */
static void
test_utf8 (void)
{
  g_autoptr (CfOutput) output = cf_output_new (0);
  g_autoptr (CfOutput) utf8 = cf_output_new (CF_OUTPUT_UTF8);

  cf_output_string (output, "\303\251");
  assert_written (output, "{2}\r\n\303\251");
  cf_output_string (utf8, "\303\251\"");
  assert_written (utf8, "\"\303\251\\\"\"");
  cf_output_string (utf8, "\303");
  assert_written (utf8, "{1}\r\n\303");
  cf_output_astring (utf8, "\303\251");
  assert_written (utf8, "\"\303\251\"");
}

static void
test_flags (void)
{
  static const char *const names[] = { "$Work", "\\read-report-sent" };
  g_autoptr (CfOutput) output = cf_output_new (0);
  g_autoptr (CfOutput) hiding = cf_output_new (CF_OUTPUT_HIDE_READ_REPORT_SENT);
  g_autoptr (CfKeywords) both = cf_keywords_new (names, 2);
  g_autoptr (CfKeywords) hidden = cf_keywords_new (names + 1, 1);

  cf_output_text (output, "FLAGS ");
  cf_output_flags (output, CF_FLAG_ALL, both, TRUE);
  assert_written (output,
                  "FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\read-report-sent \\Recent)");
  cf_output_flags (hiding, CF_FLAG_SEEN, both, FALSE);
  assert_written (hiding, "(\\Seen $Work)");
  cf_output_flags (hiding, 0, hidden, TRUE);
  assert_written (hiding, "(\\Recent)");
  cf_output_flags (output, 0, NULL, FALSE);
  assert_written (output, "()");
  cf_output_flags (output, 0, hidden, FALSE);
  assert_written (output, "(\\read-report-sent)");
}

static void
test_date_time (void)
{
  static const struct {
    gint64 time;
    gint zone;
    const char *written;
  } rows[] = {
    { 0, 0, "\" 1-Jan-1970 00:00:00 +0000\"" },
    { 837596665, -420, "\"17-Jul-1996 02:44:25 -0700\"" },
    { 837596665, 345, "\"17-Jul-1996 15:29:25 +0545\"" },
    { -1, -30, "\"31-Dec-1969 23:29:59 -0030\"" },
    { 951782400, 0, "\"29-Feb-2000 00:00:00 +0000\"" },
    { G_MAXINT64, 0, "\"31-Dec-9999 23:59:59 +0000\"" },
    { G_MININT64, -60, "\" 1-Jan-0001 00:00:00 -0100\"" },
    { 0, G_MAXINT, "\" 5-Jan-1970 03:59:00 +9959\"" },
    { 0, G_MININT, "\"27-Dec-1969 20:01:00 -9959\"" },
  };
  g_autoptr (CfOutput) output = cf_output_new (0);

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    cf_output_date_time (output, rows[i].time, rows[i].zone);
    assert_written (output, rows[i].written);
  }
}

static void
test_buffer (void)
{
  g_autoptr (CfOutput) output = cf_output_new (0);
  gsize length;

  g_assert_null (cf_output_peek (output, &length));
  g_assert_cmpuint (length, ==, 0);
  cf_output_truncate (output, 0);
  cf_output_printf (output, "* %u EXISTS", 7u);
  cf_output_text (output, " and more");
  cf_output_truncate (output, 10);
  g_assert_cmpuint (cf_output_get_length (output), ==, 10);
  g_assert_nonnull (cf_output_peek (output, &length));
  assert_written (output, "* 7 EXISTS");
  assert_written (output, "");
  cf_output_text (output, "gone");
  cf_output_clear (output);
  g_assert_cmpuint (cf_output_get_length (output), ==, 0);
}

/* What is written is read back the same. */
static void
test_round_trip (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autoptr (CfOutput) output = cf_output_new (0);

  for (guint i = 0; i < 20000; i++) {
    char text[12] = "";
    g_autofree char *line = NULL, *back = NULL;
    g_autoptr (CfInput) input = NULL;
    gsize length;
    gint n = g_rand_int_range (rand, 0, 11);

    for (gint j = 0; j < n; j++)
      text[j] = (char) g_rand_int_range (rand, 0x20, 0x7f);
    cf_output_astring (output, text);
    line = take (output, &length);
    input = cf_input_new_text (line, 0);
    g_assert_true (cf_input_astring (input, &back, NULL));
    g_assert_true (cf_input_is_end (input));
    g_assert_cmpstr (back, ==, text);
  }
}

static void
test_open (void)
{
  g_autoptr (CfOutput) output = cf_output_new (0);

  g_assert_false (cf_output_is_open (output));
  cf_output_text (output, "* 1 FETCH (BODY[] ");
  g_assert_true (cf_output_is_open (output));
  cf_output_begin_literal (output, 6, FALSE);
  g_assert_true (cf_output_is_open (output));
  cf_output_text (output, "a\r\n");
  g_assert_true (cf_output_is_open (output));
  cf_output_clear (output); /* it has been sent */
  cf_output_text (output, "b\r\n");
  g_assert_true (cf_output_is_open (output));
  cf_output_text (output, ")\r\n");
  g_assert_false (cf_output_is_open (output));
  cf_output_begin_literal (output, 0, FALSE);
  g_assert_true (cf_output_is_open (output));
  cf_output_truncate (output, 3);
  g_assert_true (cf_output_is_open (output));
  cf_output_text (output, "a1 NO x\r\n");
  g_assert_false (cf_output_is_open (output));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/output/strings", test_strings);
  g_test_add_func ("/core/output/strings/long-is-literal", test_long);
  g_test_add_func ("/core/output/literal", test_literal);
  g_test_add_func ("/core/output/mailbox", test_mailbox);
  g_test_add_func ("/core/output/utf8", test_utf8);
  g_test_add_func ("/core/output/flags", test_flags);
  g_test_add_func ("/core/output/date-time", test_date_time);
  g_test_add_func ("/core/output/buffer", test_buffer);
  g_test_add_func ("/core/output/open", test_open);
  g_test_add_func ("/core/output/astring/round-trip", test_round_trip);
  return g_test_run ();
}
