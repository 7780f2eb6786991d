/* tests/load/response.c - one response of a server, taken apart (response.h).
 *
 * An atom is everything up to a space or parenthesis, but that brackets hold together what is in them, so
 * "BODY[HEADER.FIELDS (SUBJECT)]<0>" is one atom.
 */
#include "response.h"

#include <string.h>

typedef struct {
  const char *at, *end;
  const char *wrong;
} Parser;

void
value_free (Value *value)
{
  g_clear_pointer (&value->items, g_ptr_array_unref);
  g_free (value->owned);
  g_free (value);
}

static Value *
value_new (ValueKind kind, const char *data, gsize length)
{
  Value *value = g_new0 (Value, 1);

  value->kind = kind;
  value->data = data;
  value->length = length;
  if (kind == VALUE_LIST)
    value->items = g_ptr_array_new_with_free_func ((GDestroyNotify) value_free);
  return value;
}

static Value *
parse_quoted (Parser *parser)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (parser->at++; parser->at < parser->end && *parser->at != '"'; parser->at++) {
    if (*parser->at == '\\')
      parser->at++;
    if (parser->at < parser->end)
      g_string_append_c (text, *parser->at);
  }
  if (parser->at >= parser->end) {
    parser->wrong = "a quoted string does not end";
    return NULL;
  }
  parser->at++;
  Value *value = value_new (VALUE_STRING, NULL, text->len);
  value->data = value->owned = g_strndup (text->str, text->len);
  return value;
}

static Value *
parse_literal (Parser *parser)
{
  char *after;
  guint64 length = g_ascii_strtoull (parser->at + 1, &after, 10);
  const char *data = after + 3;

  if (after == parser->at + 1 || data > parser->end || memcmp (after, "}\r\n", 3) != 0
      || length > (gsize) (parser->end - data)) {
    parser->wrong = "a literal is malformed";
    return NULL;
  }
  parser->at = data + length;
  return value_new (VALUE_STRING, data, length);
}

static Value *
parse_atom (Parser *parser)
{
  const char *start = parser->at;
  guint depth = 0;

  for (; parser->at < parser->end; parser->at++) {
    char c = *parser->at;

    if (c == '[')
      depth++;
    else if (c == ']' && depth > 0)
      depth--;
    else if (depth == 0 && (c == ' ' || c == '(' || c == ')'))
      break;
  }
  if (parser->at == start || depth > 0) {
    parser->wrong = "an atom is empty or its bracket does not end";
    return NULL;
  }
  gsize length = parser->at - start;
  return value_new (length == 3 && g_ascii_strncasecmp (start, "NIL", 3) == 0 ? VALUE_NIL : VALUE_ATOM, start,
                    length);
}

static gboolean parse_items (Parser *parser, Value *list, char end);

static Value *
parse_value (Parser *parser)
{
  const char *start = parser->at;
  Value *value = NULL;

  if (*parser->at == '(') {
    parser->at++;
    value = value_new (VALUE_LIST, NULL, 0);
    if (!parse_items (parser, value, ')'))
      g_clear_pointer (&value, value_free);
  } else if (*parser->at == '"') {
    value = parse_quoted (parser);
  } else if (*parser->at == '{'
             || (*parser->at == '~' && parser->at + 1 < parser->end && parser->at[1] == '{')) {
    parser->at += *parser->at == '~'; /* literal8 (RFC 3516) */
    value = parse_literal (parser);
  } else {
    value = parse_atom (parser);
  }
  if (value != NULL) {
    value->raw = start;
    value->raw_length = parser->at - start;
  }
  return value;
}

/* Address and body lists follow each other without a space: "((...)(...))". */
static gboolean
parse_items (Parser *parser, Value *list, char end)
{
  while (parser->at < parser->end && *parser->at != end) {
    Value *value;

    if (list->items->len > 0 && *parser->at == ' ')
      parser->at++;
    else if (list->items->len > 0 && *parser->at != '(') {
      parser->wrong = "a space is missing";
      return FALSE;
    }
    if (parser->at == parser->end || (value = parse_value (parser)) == NULL) {
      if (parser->wrong == NULL)
        parser->wrong = "a space is the last octet";
      return FALSE;
    }
    g_ptr_array_add (list->items, value);
  }
  if (end == '\0')
    return TRUE;
  if (parser->at == parser->end) {
    parser->wrong = "a list does not end";
    return FALSE;
  }
  parser->at++;
  return TRUE;
}

Value *
response_parse (const char *data, gsize length, char **out_wrong)
{
  char *copy = g_malloc (length + 1);
  Parser parser = { copy, copy + length, NULL };
  g_autoptr (Value) list = value_new (VALUE_LIST, NULL, 0);

  memcpy (copy, data, length);
  copy[length] = '\0';
  list->owned = copy;

  if (parse_items (&parser, list, '\0'))
    return g_steal_pointer (&list);
  *out_wrong = g_strdup (parser.wrong);
  return NULL;
}

gboolean
value_is (const Value *value, const char *atom)
{
  return value != NULL && (value->kind == VALUE_ATOM || value->kind == VALUE_NIL)
         && strlen (atom) == value->length && g_ascii_strncasecmp (value->data, atom, value->length) == 0;
}

gboolean
value_get_number (const Value *value, guint64 *out_number)
{
  if (value == NULL || value->kind != VALUE_ATOM || value->length == 0 || value->length > 19)
    return FALSE;
  *out_number = 0;
  for (gsize i = 0; i < value->length; i++) {
    if (!g_ascii_isdigit (value->data[i]))
      return FALSE;
    *out_number = *out_number * 10 + (value->data[i] - '0');
  }
  return TRUE;
}

const Value *
value_get (const Value *list, guint n)
{
  return list->kind == VALUE_LIST && n < list->items->len ? g_ptr_array_index (list->items, n) : NULL;
}

gboolean
value_equal (const Value *a, const Value *b)
{
  if (a->kind != b->kind || a->length != b->length
      || (a->kind != VALUE_LIST && memcmp (a->data, b->data, a->length) != 0)
      || (a->kind == VALUE_LIST && a->items->len != b->items->len))
    return FALSE;
  for (guint i = 0; a->kind == VALUE_LIST && i < a->items->len; i++)
    if (!value_equal (value_get (a, i), value_get (b, i)))
      return FALSE;
  return TRUE;
}

gboolean
response_parse_set (const char *text, GArray *out_numbers)
{
  for (;;) {
    char *after;
    guint64 first = g_ascii_strtoull (text, &after, 10), last = first;

    if (after == text || first == 0 || first > G_MAXUINT32)
      return FALSE;
    if (*after == ':') {
      text = after + 1;
      last = g_ascii_strtoull (text, &after, 10);
      if (after == text || last == 0 || last > G_MAXUINT32)
        return FALSE;
    }
    for (guint64 n = MIN (first, last); n <= MAX (first, last); n++) {
      guint32 number = (guint32) n;

      g_array_append_val (out_numbers, number);
    }
    if (*after == '\0')
      return TRUE;
    if (*after != ',')
      return FALSE;
    text = after + 1;
  }
}
