/* core/cofferctl/imap-value.c - an IMAP response as a tree of values (imap-value.h). */
#include "cofferctl/imap-value.h"

#include <string.h>

#define DEPTH_MAX 100

typedef struct {
  const char *at;
  GPtrArray *literals;
  guint literal; /* the next one */
} Parser;

void
ctl_value_free (gpointer data)
{
  CtlValue *value = data;

  g_free (value->text);
  g_clear_pointer (&value->octets, g_bytes_unref);
  g_clear_pointer (&value->list, g_ptr_array_unref);
  g_free (value);
}

static CtlValue *
value_new_text (char *text)
{
  CtlValue *value = g_new0 (CtlValue, 1);

  value->kind = CTL_VALUE_TEXT;
  value->text = text;
  return value;
}

static CtlValue *
parse_quoted (Parser *parser)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (parser->at++; *parser->at != '"'; parser->at++) {
    if (*parser->at == '\\')
      parser->at++;
    if (*parser->at == '\0')
      return NULL;
    g_string_append_c (text, *parser->at);
  }
  parser->at++;
  return value_new_text (g_string_free (g_steal_pointer (&text), FALSE));
}

/* "{n}" or "~{n}", whose octets have been read already. */
static CtlValue *
parse_literal (Parser *parser)
{
  CtlValue *value;
  const char *end = strchr (parser->at, '}');

  if (end == NULL || parser->literal >= parser->literals->len)
    return NULL;
  parser->at = end + 1;
  value = g_new0 (CtlValue, 1);
  value->kind = CTL_VALUE_OCTETS;
  value->octets = g_bytes_ref (g_ptr_array_index (parser->literals, parser->literal++));
  return value;
}

static CtlValue *
parse_atom (Parser *parser)
{
  const char *start = parser->at;
  guint depth = 0;

  for (; *parser->at != '\0'; parser->at++) {
    if (*parser->at == '[')
      depth++;
    else if (*parser->at == ']' && depth > 0)
      depth--;
    else if (depth == 0 && strchr (" ()", *parser->at) != NULL)
      break;
  }
  return parser->at > start ? value_new_text (g_strndup (start, (gsize) (parser->at - start))) : NULL;
}

static GPtrArray *parse_values (Parser *parser, char end, guint depth);

static CtlValue *
parse_value (Parser *parser, guint depth)
{
  CtlValue *value;
  GPtrArray *list;

  if (*parser->at == '"')
    return parse_quoted (parser);
  if (*parser->at == '{' || g_str_has_prefix (parser->at, "~{"))
    return parse_literal (parser);
  if (*parser->at != '(')
    return parse_atom (parser);
  parser->at++;
  list = depth < DEPTH_MAX ? parse_values (parser, ')', depth + 1) : NULL;
  if (list == NULL)
    return NULL;
  parser->at++;
  value = g_new0 (CtlValue, 1);
  value->kind = CTL_VALUE_LIST;
  value->list = list;
  return value;
}

/* Up to @end, which is left. */
static GPtrArray *
parse_values (Parser *parser, char end, guint depth)
{
  g_autoptr (GPtrArray) values = g_ptr_array_new_with_free_func (ctl_value_free);

  for (;;) {
    CtlValue *value;

    while (*parser->at == ' ')
      parser->at++;
    if (*parser->at == end)
      return g_steal_pointer (&values);
    value = parse_value (parser, depth);
    if (value == NULL)
      return NULL;
    g_ptr_array_add (values, value);
  }
}

GPtrArray *
ctl_value_parse (const char *text, GPtrArray *literals)
{
  Parser parser = { text, literals, 0 };

  return parse_values (&parser, '\0', 0);
}

static CtlValue *
value_get (GPtrArray *values, guint i)
{
  return i < values->len ? g_ptr_array_index (values, i) : NULL;
}

const char *
ctl_value_get_text (GPtrArray *values, guint i)
{
  CtlValue *value = value_get (values, i);

  if (value == NULL || value->kind == CTL_VALUE_LIST)
    return NULL;
  if (value->text == NULL) {
    gsize length;
    const char *octets = g_bytes_get_data (value->octets, &length);

    value->text = g_strndup (octets != NULL ? octets : "", length);
  }
  return value->text;
}

GPtrArray *
ctl_value_get_list (GPtrArray *values, guint i)
{
  CtlValue *value = value_get (values, i);

  return value != NULL && value->kind == CTL_VALUE_LIST ? value->list : NULL;
}

CtlValue *
ctl_value_lookup (GPtrArray *pairs, const char *name)
{
  for (guint i = 0; i + 1 < pairs->len; i += 2) {
    const char *text = ctl_value_get_text (pairs, i);

    if (text != NULL && g_ascii_strcasecmp (text, name) == 0)
      return g_ptr_array_index (pairs, i + 1);
  }
  return NULL;
}
