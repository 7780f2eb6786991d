/* tests/unit/test-input.c - words, numbers, strings and literals of a command: what is taken, and
 * what is not. */
#include "imap/input.h"

#include <string.h>

/* How a row is read, to one text. */
typedef gboolean (*Reader) (CfInput *input, char **out_text, GError **error);

static gboolean
read_number (CfInput *input, char **out_text, GError **error)
{
  guint32 number;

  if (!cf_input_number (input, &number, error))
    return FALSE;
  *out_text = g_strdup_printf ("%u", number);
  return TRUE;
}

static gboolean
read_number64 (CfInput *input, char **out_text, GError **error)
{
  guint64 number;

  if (!cf_input_number64 (input, &number, error))
    return FALSE;
  *out_text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  return TRUE;
}

static gboolean
read_nstring (CfInput *input, char **out_text, GError **error)
{
  if (!cf_input_nstring (input, out_text, error))
    return FALSE;
  if (*out_text == NULL)
    *out_text = g_strdup ("<NIL>");
  return TRUE;
}

/* @value NULL: refused with CF_ERROR_BAD. @rest: what the cursor stands before. */
static const struct {
  Reader read;
  const char *text, *value, *rest;
} rows[] = {
  { cf_input_atom, "abc def", "abc", " def" },
  { cf_input_atom, "a+b/c:d.e}f&g", "a+b/c:d.e}f&g", "" },
  { cf_input_atom, "abc]", "abc", "]" },
  { cf_input_atom, "abc(", "abc", "(" },
  { cf_input_atom, "abc*", "abc", "*" },
  { cf_input_atom, "abc%", "abc", "%" },
  { cf_input_atom, "abc\\", "abc", "\\" },
  { cf_input_atom, "abc\"", "abc", "\"" },
  { cf_input_atom, "abc{", "abc", "{" },
  { cf_input_atom, "abc\177", "abc", "\177" },
  { cf_input_atom, "abc\303\251", "abc", "\303\251" },
  { cf_input_atom, "", NULL, "" },
  { cf_input_atom, " abc", NULL, " abc" },
  { cf_input_atom, "]", NULL, "]" },
  { cf_input_atom, "\t", NULL, "\t" },

  { cf_input_name, "body[HEADER]", "BODY", "[HEADER]" },
  { cf_input_name, "BODY.PEEK[]", "BODY.PEEK", "[]" },
  { cf_input_name, "rfc822.size)", "RFC822.SIZE", ")" },
  { cf_input_name, "x-y_z<0.1>", "X-Y_Z", "<0.1>" },
  { cf_input_name, "[", NULL, "[" },
  { cf_input_name, "", NULL, "" },

  { cf_input_astring, "abc]def x", "abc]def", " x" },
  { cf_input_astring, "\"a b\"c", "a b", "c" },
  { cf_input_astring, "NIL", "NIL", "" },
  { cf_input_astring, "a%", "a", "%" },
  { cf_input_astring, "(", NULL, "(" },
  { cf_input_astring, "", NULL, "" },

  { cf_input_string, "\"\"", "", "" },
  { cf_input_string, "\"a\\\"b\\\\c\" d", "a\"b\\c", " d" },
  { cf_input_string, "\"\303\251\377\"", "\303\251\377", "" },
  { cf_input_string, "\"\t(){%*]\"", "\t(){%*]", "" },
  { cf_input_string, "\"abc", NULL, "\"abc" },
  { cf_input_string, "\"", NULL, "\"" },
  { cf_input_string, "\"abc\\\"", NULL, "\"abc\\\"" },
  { cf_input_string, "\"abc\\", NULL, "\"abc\\" },
  { cf_input_string, "\"a\\bc\"", NULL, "\"a\\bc\"" },
  { cf_input_string, "\"a\rb\"", NULL, "\"a\rb\"" },
  { cf_input_string, "abc", NULL, "abc" },
  { cf_input_string, "", NULL, "" },

  { read_nstring, "NIL)", "<NIL>", ")" },
  { read_nstring, "nil", "<NIL>", "" },
  { read_nstring, "\"NIL\"", "NIL", "" },
  { read_nstring, "NILS", NULL, "NILS" },

  { read_number, "0", "0", "" },
  { read_number, "007 ", "7", " " },
  { read_number, "4294967295", "4294967295", "" },
  { read_number, "4294967296", NULL, "4294967296" },
  { read_number, "99999999999999999999", NULL, "99999999999999999999" },
  { read_number, "12a", "12", "a" },
  { read_number, "+1", NULL, "+1" },
  { read_number, "-1", NULL, "-1" },
  { read_number, "", NULL, "" },
  { read_number64, "18446744073709551615", "18446744073709551615", "" },
  { read_number64, "18446744073709551616", NULL, "18446744073709551616" },
};

static char *
take_rest (CfInput *input)
{
  GString *rest = g_string_new (NULL);

  for (char c = cf_input_peek (input); c != '\0'; c = cf_input_peek (input)) {
    g_string_append_c (rest, c);
    cf_input_skip (input, c);
  }
  return g_string_free (rest, FALSE);
}

static void
test_rows (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (CfInput) input = cf_input_new_text (rows[i].text, 0);
    g_autoptr (GError) error = NULL;
    g_autofree char *value = NULL, *rest = NULL;
    gboolean taken = rows[i].read (input, &value, &error);

    g_test_message ("row %u", i);
    g_assert_cmpint (taken, ==, rows[i].value != NULL);
    g_assert_cmpstr (value, ==, rows[i].value);
    if (!taken)
      g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
    rest = take_rest (input);
    g_assert_cmpstr (rest, ==, rows[i].rest);
  }
}

static void
test_cursor (void)
{
  g_autoptr (CfInput) input = cf_input_new_text ("FETCH (x)", 0);
  g_autoptr (GError) error = NULL;
  CfInputMark mark = cf_input_mark (input);

  g_assert_false (cf_input_skip_word (input, "FET"));
  g_assert_false (cf_input_skip_word (input, "FETCHES"));
  g_assert_false (cf_input_skip_word (input, "FETCH (x) and more"));
  g_assert_true (cf_input_skip_word (input, "fetch"));
  g_assert_false (cf_input_expect (input, '(', &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_clear_error (&error);
  g_assert_true (cf_input_space (input, NULL));
  g_assert_false (cf_input_space (input, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_clear_error (&error);
  g_assert_true (cf_input_expect (input, '(', NULL));
  g_assert_false (cf_input_end (input, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_assert_true (cf_input_skip_word (input, "X"));
  g_assert_false (cf_input_skip (input, '\0'));
  g_assert_true (cf_input_skip (input, ')'));
  g_assert_true (cf_input_end (input, NULL));
  g_assert_cmpint (cf_input_peek (input), ==, '\0');
  cf_input_reset (input, mark);
  g_assert_true (cf_input_skip_word (input, "FETCH"));
}

static void
add_literal (CfInput *input, const char *octets, gsize length, gboolean literal8)
{
  g_autoptr (GBytes) bytes = g_bytes_new (octets, length);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);

  cf_input_add_literal (input, source, literal8);
}

/* Tokens end at a literal's place, and two literals can stand at the same. */
static void
test_literals (void)
{
  g_autoptr (CfInput) input = cf_input_new (0);
  g_autoptr (GError) error = NULL;
  g_autoptr (CfSource) source = NULL;
  g_autofree char *word = NULL, *first = NULL, *second = NULL;
  gboolean literal8 = FALSE;

  cf_input_add_text (input, "ab", 2);
  add_literal (input, "one", 3, FALSE);
  add_literal (input, "", 0, FALSE);
  cf_input_add_text (input, "cd", 2);
  add_literal (input, "a\0b", 3, TRUE);

  g_assert_false (cf_input_skip_word (input, "abcd"));
  g_assert_true (cf_input_atom (input, &word, NULL));
  g_assert_cmpstr (word, ==, "ab");
  g_assert_cmpint (cf_input_peek (input), ==, '\0');
  g_assert_false (cf_input_is_end (input));
  g_assert_false (cf_input_skip (input, 'c'));
  g_assert_true (cf_input_astring (input, &first, NULL));
  g_assert_cmpstr (first, ==, "one");
  g_assert_true (cf_input_nstring (input, &second, NULL));
  g_assert_cmpstr (second, ==, "");
  g_assert_true (cf_input_skip_word (input, "CD"));
  g_assert_false (cf_input_is_end (input));

  g_assert_false (cf_input_string (input, &word, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_clear_error (&error);
  g_assert_false (cf_input_literal (input, &source, NULL, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_clear_error (&error);
  g_assert_true (cf_input_literal (input, &source, &literal8, NULL));
  g_assert_true (literal8);
  g_assert_cmpuint (cf_source_get_length (source), ==, 3);
  g_assert_true (cf_input_is_end (input));
  g_assert_false (cf_input_literal (input, &source, &literal8, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
}

static void
test_literal_strings (void)
{
  g_autoptr (CfInput) input = cf_input_new (0);
  g_autofree char *large = g_strnfill (1024 * 1024 + 1, 'x'), *text = NULL;
  g_autoptr (GError) error = NULL;
  CfSource *source = NULL;

  add_literal (input, large, strlen (large), FALSE);
  g_assert_false (cf_input_string (input, &text, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_true (cf_input_literal (input, &source, NULL, NULL));
  cf_source_unref (source);

  add_literal (input, "a\0b", 3, FALSE);
  g_assert_false (cf_input_string (input, &text, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_clear_error (&error);
}

/* A quoted string does not reach over a literal. */
static void
test_broken_quoted (void)
{
  g_autoptr (CfInput) input = cf_input_new (0);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  cf_input_add_text (input, "\"x ", 3);
  add_literal (input, "abc", 3, FALSE);
  cf_input_add_text (input, "\"", 1);
  g_assert_false (cf_input_astring (input, &text, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_assert_cmpint (cf_input_peek (input), ==, '"');
}

/* Where UTF-8 is the syntax a quoted string is nothing else; a literal may hold any octets. */
static void
test_utf8 (void)
{
  g_autoptr (CfInput) lax = cf_input_new_text ("\"\377\"", 0);
  g_autoptr (CfInput) strict = cf_input_new_text ("\"\303\251\" \"\377\"", CF_INPUT_UTF8);
  g_autoptr (GError) error = NULL;
  g_autofree char *any = NULL, *valid = NULL, *none = NULL;

  g_assert_true (cf_input_string (lax, &any, NULL));
  g_assert_cmpstr (any, ==, "\377");
  g_assert_true (cf_input_string (strict, &valid, NULL));
  g_assert_cmpstr (valid, ==, "\303\251");
  g_assert_true (cf_input_skip (strict, ' '));
  g_assert_false (cf_input_string (strict, &none, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
  g_assert_cmpint (cf_input_peek (strict), ==, '"');
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/input/rows", test_rows);
  g_test_add_func ("/core/input/cursor", test_cursor);
  g_test_add_func ("/core/input/literals", test_literals);
  g_test_add_func ("/core/input/literals/as-strings", test_literal_strings);
  g_test_add_func ("/core/input/string/broken-quoted", test_broken_quoted);
  g_test_add_func ("/core/input/string/utf8", test_utf8);
  return g_test_run ();
}
