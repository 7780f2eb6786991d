/* core/mime/mail-address.c - address lists as they stand (RFC 5322, 3.4 and 4.4), for ENVELOPE and for facts.
 *
 * ENVELOPE needs display names undecoded, which a decoding library does not give. The list is cut into tokens
 * that remember whether a blank stood before them; at each separator the tokens gathered are put together: as
 * a display name before "<", or as local part, "@" and domain. CPM writes bare and bracketed tel: and sip:
 * URIs where mail has addresses; their colon begins no group.
 */
#include "mime/mail-address.h"

#include <string.h>

#define ADDRESSES_MAX    10000
#define TOKENS_MAX       1000 /* of one address */
#define ENCODED_WORD_MAX 500  /* RFC 2047 allows 75 */

const char *const cf_mail_address_fields[CF_MAIL_ADDRESS_N_ROLES] = {
  [CF_ADDRESS_FROM] = "From", [CF_ADDRESS_SENDER] = "Sender", [CF_ADDRESS_REPLY_TO] = "Reply-To",
  [CF_ADDRESS_TO] = "To",     [CF_ADDRESS_CC] = "Cc",         [CF_ADDRESS_BCC] = "Bcc",
};

typedef struct {
  GString *text;
  gboolean quoted;
  gboolean spaced; /* a blank or comment stands before it */
} Token;

typedef struct {
  const char *at;
  GPtrArray *tokens; /* Token */
  char *comment;     /* the last one since the last separator */
  gboolean in_group;
  GPtrArray *addresses;
} Parser;

static void
raw_address_free (gpointer data)
{
  CfMailAddress *address = data;

  g_free (address->name);
  g_free (address->mailbox);
  g_free (address->host);
  g_free (address);
}

GPtrArray *
cf_mail_address_list_new (void)
{
  return g_ptr_array_new_with_free_func (raw_address_free);
}

static void
token_free (gpointer data)
{
  Token *token = data;

  g_string_free (token->text, TRUE);
  g_free (token);
}

static const Token *
parser_token (const Parser *parser, guint i)
{
  return g_ptr_array_index (parser->tokens, i);
}

static void
parser_add (Parser *parser, CfMailAddressKind kind, char *name, char *mailbox, char *host)
{
  CfMailAddress *address = g_new (CfMailAddress, 1);

  *address = (CfMailAddress){ kind, name, mailbox, host };
  g_ptr_array_add (parser->addresses, address);
}

/* ---- Lexical matters -----------------------------------------------------------------------------------*/

static gboolean
is_blank (char c)
{
  return c == ' ' || c == '\t';
}

/* The length of the URI's scheme and colon that @text begins with; 0: none. A group called "tel" has a blank
 * after its colon. */
static gsize
uri_scheme_length (const char *text)
{
  static const char *const schemes[] = { "tel:", "sip:", "sips:" };

  for (gsize i = 0; i < G_N_ELEMENTS (schemes); i++) {
    gsize n = strlen (schemes[i]);

    if (g_ascii_strncasecmp (text, schemes[i], n) == 0 && text[n] != '\0'
        && strchr (" \t;,<\"", text[n]) == NULL)
      return n;
  }
  return 0;
}

/* A comment, nested ones included; *at is behind it then. */
static char *
read_comment (const char **at)
{
  GString *text = g_string_new (NULL);
  guint depth = 0;
  const char *c = *at;

  for (; *c != '\0'; c++) {
    if (*c == '(' && depth++ == 0)
      continue;
    if (*c == ')' && --depth == 0) {
      c++;
      break;
    }
    if (*c == '\\' && c[1] != '\0')
      c++;
    g_string_append_c (text, *c);
  }
  *at = c;
  return g_strstrip (g_string_free (text, FALSE));
}

static void
read_quoted (const char **at, GString *text)
{
  const char *c = *at + 1;

  for (; *c != '\0' && *c != '"'; c++) {
    if (*c == '\\' && c[1] != '\0')
      c++;
    g_string_append_c (text, *c);
  }
  *at = *c == '"' ? c + 1 : c;
}

/* The length of an RFC 2047 encoded word at @at. Senders leave specials in them, which are no separators. */
static gsize
encoded_word_length (const char *at)
{
  guint marks = 0;

  if (at[0] != '=' || at[1] != '?')
    return 0;
  for (gsize n = 2; n < ENCODED_WORD_MAX && at[n] != '\0' && !is_blank (at[n]); n++)
    if (at[n] == '?' && ++marks > 2 && at[n + 1] == '=')
      return n + 2;
  return 0;
}

static void
read_atom (const char **at, GString *text)
{
  gsize n = encoded_word_length (*at);

  if (n == 0)
    n = strcspn (*at, " \t()<>@,;:\"[");
  if (n == 0)
    n = 1;
  g_string_append_len (text, *at, (gssize) n);
  *at += n;
}

/* ---- Putting together ----------------------------------------------------------------------------------*/

/* Tokens @from to @to, not included, as they stood, several blanks as one. NULL when there are none. */
static char *
parser_join (const Parser *parser, guint from, guint to)
{
  GString *text;

  if (from >= to)
    return NULL;
  text = g_string_new (NULL);
  for (guint i = from; i < to; i++) {
    const Token *token = parser_token (parser, i);

    if (i > from && token->spaced)
      g_string_append_c (text, ' ');
    g_string_append_len (text, token->text->str, (gssize) token->text->len);
  }
  return g_string_free (text, FALSE);
}

static char *
parser_glue (const Parser *parser, guint from, guint to)
{
  GString *text = g_string_new (NULL);

  for (guint i = from; i < to; i++)
    g_string_append (text, parser_token (parser, i)->text->str);
  return g_string_free (text, FALSE);
}

/* Do tokens @i and @i + 1 belong to one word? Blanks round dots are obsolete syntax (RFC 5322, 4.4). */
static gboolean
parser_is_joined (const Parser *parser, guint i)
{
  const Token *left = parser_token (parser, i), *right = parser_token (parser, i + 1);

  return !right->spaced || right->text->str[0] == '.'
         || (left->text->len > 0 && left->text->str[left->text->len - 1] == '.');
}

static char *
parser_take_name (Parser *parser, char *name)
{
  if (name != NULL)
    return name;
  return g_steal_pointer (&parser->comment);
}

static void
parser_reset (Parser *parser)
{
  g_ptr_array_set_size (parser->tokens, 0);
  g_clear_pointer (&parser->comment, g_free);
}

/* An address without angle brackets is complete. Words before it that are no part of it are its name. */
static void
parser_flush (Parser *parser)
{
  guint n = parser->tokens->len, at = n, from, to;

  for (guint i = 0; i < n; i++)
    if (!parser_token (parser, i)->quoted && strcmp (parser_token (parser, i)->text->str, "@") == 0)
      at = i;

  if (n > 0 && at == n) {
    char *mailbox = parser_join (parser, 0, n);

    parser_add (parser, uri_scheme_length (mailbox) > 0 ? CF_MAIL_ADDRESS_URI : CF_MAIL_ADDRESS_MAILBOX,
                parser_take_name (parser, NULL), mailbox, NULL);
  } else if (n > 0) {
    for (from = at; from > 0 && (from == at || parser_is_joined (parser, from - 1)); from--)
      continue;
    for (to = at + 1; to < n && (to == at + 1 || parser_is_joined (parser, to - 1)); to++)
      continue;
    parser_add (parser, CF_MAIL_ADDRESS_MAILBOX, parser_take_name (parser, parser_join (parser, 0, from)),
                parser_glue (parser, from, at), parser_glue (parser, at + 1, to));
  }
  parser_reset (parser);
}

/* What is between the angle brackets. A route (obsolete, and ignored as RFC 5322 asks) ends with a colon. */
static void
parser_add_angle (Parser *parser, char *name, const char *text)
{
  g_autoptr (GString) plain = g_string_new (NULL);
  gssize at = -1;

  while (is_blank (*text))
    text++;
  if (uri_scheme_length (text) > 0) {
    parser_add (parser, CF_MAIL_ADDRESS_URI, name, g_strchomp (g_strdup (text)), NULL);
    return;
  }
  if (*text == '@') {
    const char *colon = strchr (text, ':');

    text = colon != NULL ? colon + 1 : text;
  }
  while (*text != '\0') {
    if (*text == '"') {
      read_quoted (&text, plain);
    } else if (*text == '(') {
      g_free (read_comment (&text));
    } else {
      if (*text == '@')
        at = (gssize) plain->len;
      if (!is_blank (*text))
        g_string_append_c (plain, *text);
      text++;
    }
  }
  if (at < 0)
    parser_add (parser, CF_MAIL_ADDRESS_MAILBOX, name, g_strdup (plain->str), NULL);
  else
    parser_add (parser, CF_MAIL_ADDRESS_MAILBOX, name, g_strndup (plain->str, (gsize) at),
                g_strdup (plain->str + at + 1));
}

static void
parser_angle (Parser *parser)
{
  const char *start = ++parser->at;
  g_autofree char *text = NULL;
  char *name = parser_join (parser, 0, parser->tokens->len);

  for (gboolean quoted = FALSE; *parser->at != '\0' && (quoted || *parser->at != '>'); parser->at++) {
    if (*parser->at == '"')
      quoted = !quoted;
    else if (quoted && *parser->at == '\\' && parser->at[1] != '\0')
      parser->at++;
  }
  text = g_strndup (start, (gsize) (parser->at - start));
  if (*parser->at == '>')
    parser->at++;

  /* A comment may follow and be the name. */
  while (is_blank (*parser->at))
    parser->at++;
  if (name == NULL && *parser->at == '(') {
    g_free (parser->comment);
    parser->comment = read_comment (&parser->at);
  }
  parser_add_angle (parser, parser_take_name (parser, name), text);
  parser_reset (parser);
}

static void
parser_word (Parser *parser, gboolean spaced)
{
  Token *token = g_new (Token, 1);

  *token = (Token){ g_string_new (NULL), *parser->at == '"', spaced };
  if (parser->tokens->len == 0 && uri_scheme_length (parser->at) > 0) {
    gsize n = strcspn (parser->at, " \t,<>\"");

    g_string_append_len (token->text, parser->at, (gssize) n);
    parser->at += n;
  } else if (token->quoted) {
    read_quoted (&parser->at, token->text);
  } else if (*parser->at == '[') { /* domain literal */
    gsize n = strcspn (parser->at, "]");

    n += parser->at[n] == ']';
    g_string_append_len (token->text, parser->at, (gssize) n);
    parser->at += n;
  } else {
    read_atom (&parser->at, token->text);
  }
  g_ptr_array_add (parser->tokens, token);
}

/* One token or separator. */
static void
parser_step (Parser *parser, gboolean *spaced)
{
  char c = *parser->at;

  if (c == '(') {
    g_free (parser->comment);
    parser->comment = read_comment (&parser->at);
    *spaced = TRUE;
    return;
  }
  if (c == '<') {
    parser_angle (parser);
  } else if (c == ',') {
    parser_flush (parser);
    parser->at++;
  } else if (c == ';') {
    parser_flush (parser);
    parser->at++;
    if (parser->in_group)
      parser_add (parser, CF_MAIL_ADDRESS_GROUP_END, NULL, NULL, NULL);
    parser->in_group = FALSE;
  } else if (c == ':' && !parser->in_group && parser->tokens->len > 0) {
    parser_add (parser, CF_MAIL_ADDRESS_GROUP_BEGIN, NULL, parser_join (parser, 0, parser->tokens->len),
                NULL);
    parser_reset (parser);
    parser->in_group = TRUE;
    parser->at++;
  } else {
    parser_word (parser, *spaced);
    if (parser->tokens->len == TOKENS_MAX)
      parser_flush (parser);
  }
  *spaced = FALSE;
}

void
cf_mail_address_parse (const char *text, GPtrArray *addresses)
{
  Parser parser = { .at = text, .addresses = addresses };
  gboolean spaced = FALSE;

  parser.tokens = g_ptr_array_new_with_free_func (token_free);
  while (*parser.at != '\0' && addresses->len < ADDRESSES_MAX) {
    if (is_blank (*parser.at)) {
      spaced = TRUE;
      parser.at++;
      continue;
    }
    parser_step (&parser, &spaced);
  }
  parser_flush (&parser);
  if (parser.in_group)
    parser_add (&parser, CF_MAIL_ADDRESS_GROUP_END, NULL, NULL, NULL);
  g_ptr_array_unref (parser.tokens);
}
