/* core/imap/input.c - reading a command's arguments (RFC 3501, 9).
 *
 * The text of a command is one run of octets; its literals stand between two of them. The cursor is an offset
 * and the number of literals passed, so a literal ends a token just as the end of the text does, and going
 * back is copying the cursor.
 */
#include "imap/input.h"

#include "base/secret.h"

#include <string.h>

/* Octets of a literal where a string is read; messages and the like are read by cf_input_literal(). */
#define STRING_MAX (1024 * 1024)

typedef struct {
  gsize at; /* in the text: what it stands before */
  CfSource *source;
  gboolean literal8;
} Literal;

struct _CfInput {
  GString *text;
  GArray *literals; /* Literal; NULL: none */
  CfInputMark cursor;
  guint options;
};

/* ---- Making ------------------------------------------------------------------------------------------ */

CfInput *
cf_input_new (guint options)
{
  CfInput *input = g_new0 (CfInput, 1);

  input->text = g_string_new (NULL);
  input->options = options;
  return input;
}

CfInput *
cf_input_new_text (const char *text, guint options)
{
  CfInput *input = cf_input_new (options);

  cf_input_add_text (input, text, strlen (text));
  return input;
}

static void
literal_clear (gpointer data)
{
  cf_source_unref (((Literal *) data)->source);
}

void
cf_input_free (CfInput *input)
{
  if (input == NULL)
    return;
  cf_secret_free_string (input->text);
  g_clear_pointer (&input->literals, g_array_unref);
  g_free (input);
}

void
cf_input_add_text (CfInput *input, const char *text, gsize length)
{
  g_string_append_len (input->text, text, (gssize) length);
}

void
cf_input_add_literal (CfInput *input, CfSource *source, gboolean literal8)
{
  Literal literal = { input->text->len, cf_source_ref (source), literal8 };

  if (input->literals == NULL) {
    input->literals = g_array_new (FALSE, FALSE, sizeof (Literal));
    g_array_set_clear_func (input->literals, literal_clear);
  }
  g_array_append_val (input->literals, literal);
}

/* ---- The cursor -------------------------------------------------------------------------------------- */

CfInputMark
cf_input_mark (const CfInput *input)
{
  return input->cursor;
}

void
cf_input_reset (CfInput *input, CfInputMark mark)
{
  input->cursor = mark;
}

guint
cf_input_get_options (const CfInput *input)
{
  return input->options;
}

/* The next literal that is not passed yet, wherever it stands; or NULL. */
static const Literal *
input_next_literal (const CfInput *input)
{
  if (input->literals == NULL || input->cursor.literal >= input->literals->len)
    return NULL;
  return &g_array_index (input->literals, Literal, input->cursor.literal);
}

gboolean
cf_input_is_literal (const CfInput *input)
{
  const Literal *literal = input_next_literal (input);

  return literal != NULL && literal->at == input->cursor.at;
}

/* Octets of text up to the next literal or the end; *@out_length of them at the returned address. */
static const char *
input_rest (const CfInput *input, gsize *out_length)
{
  const Literal *literal = input_next_literal (input);
  gsize end = literal != NULL ? literal->at : input->text->len;

  *out_length = end - input->cursor.at;
  return input->text->str + input->cursor.at;
}

gboolean
cf_input_is_end (const CfInput *input)
{
  return input->cursor.at == input->text->len && input_next_literal (input) == NULL;
}

char
cf_input_peek (const CfInput *input)
{
  gsize length;
  const char *rest = input_rest (input, &length);

  return length > 0 ? rest[0] : '\0';
}

static gboolean
input_fail (GError **error, const char *message)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, message);
  return FALSE;
}

gboolean
cf_input_end (CfInput *input, GError **error)
{
  return cf_input_is_end (input) || input_fail (error, "Too many arguments");
}

gboolean
cf_input_skip (CfInput *input, char c)
{
  if (c == '\0' || cf_input_peek (input) != c)
    return FALSE;
  input->cursor.at++;
  return TRUE;
}

gboolean
cf_input_space (CfInput *input, GError **error)
{
  if (cf_input_skip (input, ' '))
    return TRUE;
  return input_fail (error,
                     cf_input_is_end (input) ? "Argument missing" : "Space expected between arguments");
}

gboolean
cf_input_expect (CfInput *input, char c, GError **error)
{
  if (cf_input_skip (input, c))
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_BAD, "'%c' expected", c);
  return FALSE;
}

/* ---- Words and numbers ------------------------------------------------------------------------------- */

static guint
input_classes_of (guchar c)
{
  guint classes = CF_INPUT_ATOM | CF_INPUT_ASTRING | CF_INPUT_LIST;

  if (c <= ' ' || c >= 0x7f)
    return 0;
  switch (c) {
  case '(':
  case ')':
  case '{':
  case '"':
  case '\\':
    return 0;
  case '%':
  case '*':
    return CF_INPUT_LIST;
  case ']':
    return CF_INPUT_ASTRING | CF_INPUT_LIST | CF_INPUT_TAG;
  case '+':
    return classes;
  }
  if (g_ascii_isdigit (c))
    classes |= CF_INPUT_DIGIT;
  if (g_ascii_isalnum (c) || c == '.' || c == '-' || c == '_')
    classes |= CF_INPUT_NAME;
  return classes | CF_INPUT_TAG;
}

gboolean
cf_input_is_class (guchar octet, guint classes)
{
  return (input_classes_of (octet) & classes) != 0;
}

char *
cf_input_take (CfInput *input, guint classes)
{
  gsize length, n = 0;
  const char *rest = input_rest (input, &length);

  while (n < length && cf_input_is_class ((guchar) rest[n], classes))
    n++;
  if (n == 0)
    return NULL;
  input->cursor.at += n;
  return g_strndup (rest, n);
}

gboolean
cf_input_skip_word (CfInput *input, const char *word)
{
  gsize length, n = strlen (word);
  const char *rest = input_rest (input, &length);

  if (n > length || g_ascii_strncasecmp (rest, word, n) != 0)
    return FALSE;
  if (n < length && cf_input_is_class ((guchar) rest[n], CF_INPUT_ATOM))
    return FALSE;
  input->cursor.at += n;
  return TRUE;
}

static gboolean
input_take_or_fail (CfInput *input, guint classes, const char *message, char **out_text, GError **error)
{
  char *text = cf_input_take (input, classes);

  if (text == NULL)
    return input_fail (error, cf_input_is_end (input) ? "Argument missing" : message);
  *out_text = text;
  return TRUE;
}

gboolean
cf_input_atom (CfInput *input, char **out_atom, GError **error)
{
  return input_take_or_fail (input, CF_INPUT_ATOM, "Atom expected", out_atom, error);
}

gboolean
cf_input_name (CfInput *input, char **out_name, GError **error)
{
  g_autofree char *name = NULL;

  if (!input_take_or_fail (input, CF_INPUT_NAME, "Name expected", &name, error))
    return FALSE;
  *out_name = g_ascii_strup (name, -1);
  return TRUE;
}

static gboolean
input_unsigned (CfInput *input, guint64 max, guint64 *out_number, GError **error)
{
  g_autofree char *digits = NULL;
  CfInputMark mark = input->cursor;

  if (!input_take_or_fail (input, CF_INPUT_DIGIT, "Number expected", &digits, error))
    return FALSE;
  if (!g_ascii_string_to_unsigned (digits, 10, 0, max, out_number, NULL)) {
    input->cursor = mark;
    return input_fail (error, "Number too large");
  }
  return TRUE;
}

gboolean
cf_input_number (CfInput *input, guint32 *out_number, GError **error)
{
  guint64 number;

  if (!input_unsigned (input, G_MAXUINT32, &number, error))
    return FALSE;
  *out_number = (guint32) number;
  return TRUE;
}

gboolean
cf_input_number64 (CfInput *input, guint64 *out_number, GError **error)
{
  return input_unsigned (input, G_MAXUINT64, out_number, error);
}

/* ---- Strings ----------------------------------------------------------------------------------------- */

/* Octets above 0x7f are taken as they stand, as deployed clients put UTF-8 into quoted strings; where that is
 * the syntax they must be UTF-8 (RFC 6855, 3; RFC 9051, 4.3). */
static gboolean
input_quoted (CfInput *input, char **out_text, GError **error)
{
  gsize length, i;
  const char *rest = input_rest (input, &length);
  g_autoptr (GString) text = g_string_new (NULL);

  for (i = 1; i < length && rest[i] != '"'; i++) {
    if (rest[i] == '\r' || rest[i] == '\n')
      return input_fail (error, "Line end in a quoted string");
    if (rest[i] == '\\' && (++i == length || (rest[i] != '"' && rest[i] != '\\')))
      return input_fail (error, "'\\' in a quoted string stands before '\"' or '\\' alone");
    g_string_append_c (text, rest[i]);
  }
  if (i >= length)
    return input_fail (error, "Quoted string without its end");
  if ((input->options & CF_INPUT_UTF8) != 0 && !g_utf8_validate_len (text->str, text->len, NULL))
    return input_fail (error, "A quoted string is not valid UTF-8");
  input->cursor.at += i + 1;
  *out_text = g_string_free (g_steal_pointer (&text), FALSE);
  return TRUE;
}

static gboolean
input_literal_text (CfInput *input, char **out_text, GError **error)
{
  const Literal *literal = input_next_literal (input);
  guint64 length = cf_source_get_length (literal->source);
  g_autofree char *text = NULL;

  if (literal->literal8)
    return input_fail (error, "literal8 where a string is expected");
  if (length > STRING_MAX) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "String too long");
    return FALSE;
  }
  text = g_malloc0 (length + 1);
  if (!cf_source_read (literal->source, 0, text, length, error))
    return FALSE;
  if (memchr (text, '\0', length) != NULL)
    return input_fail (error, "NUL in a string");
  input->cursor.literal++;
  *out_text = g_steal_pointer (&text);
  return TRUE;
}

gboolean
cf_input_string (CfInput *input, char **out_text, GError **error)
{
  if (cf_input_is_literal (input))
    return input_literal_text (input, out_text, error);
  if (cf_input_peek (input) == '"')
    return input_quoted (input, out_text, error);
  return input_fail (error, cf_input_is_end (input) ? "Argument missing" : "String expected");
}

gboolean
cf_input_astring (CfInput *input, char **out_text, GError **error)
{
  if (cf_input_is_literal (input) || cf_input_peek (input) == '"')
    return cf_input_string (input, out_text, error);
  return input_take_or_fail (input, CF_INPUT_ASTRING, "String expected", out_text, error);
}

gboolean
cf_input_nstring (CfInput *input, char **out_text, GError **error)
{
  if (!cf_input_skip_word (input, "NIL"))
    return cf_input_string (input, out_text, error);
  *out_text = NULL;
  return TRUE;
}

gboolean
cf_input_literal (CfInput *input, CfSource **out_source, gboolean *out_literal8, GError **error)
{
  const Literal *literal;

  if (!cf_input_is_literal (input))
    return input_fail (error, cf_input_is_end (input) ? "Argument missing" : "Literal expected");
  literal = input_next_literal (input);
  if (literal->literal8 && out_literal8 == NULL)
    return input_fail (error, "literal8 where a literal is expected");
  if (out_literal8 != NULL)
    *out_literal8 = literal->literal8;
  *out_source = cf_source_ref (literal->source);
  input->cursor.literal++;
  return TRUE;
}
