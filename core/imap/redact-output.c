/* core/imap/redact-output.c - what of the responses may be shown in a trace (redact.h).
 *
 * Octet by octet, as they are sent. A line's first words say which kind of response it is, and that which
 * style it has; no more of it is kept than that. Strings are counted, not copied.
 */
#include "imap/redact.h"

#include <string.h>

#define HEAD_MAX  80
#define SHOWN_MAX 8192 /* octets shown of a line; a SEARCH can have a million numbers */

typedef enum {
  STYLE_HEAD,   /* not known yet: the first words are gathered */
  STYLE_HIDDEN, /* nothing is shown */
  STYLE_TEXT,   /* all is: text for people, by this server; it has no strings */
  STYLE_NAMES,  /* all is but literals */
  STYLE_ATOMS,  /* all is but strings */
} Style;

static const struct {
  const char *name;
  Style style;
} responses[] = {
  { "OK", STYLE_TEXT },       { "NO", STYLE_TEXT },        { "BAD", STYLE_TEXT },
  { "BYE", STYLE_TEXT },      { "PREAUTH", STYLE_TEXT },   { "CAPABILITY", STYLE_ATOMS },
  { "ENABLED", STYLE_ATOMS }, { "FLAGS", STYLE_ATOMS },    { "LIST", STYLE_NAMES },
  { "LSUB", STYLE_NAMES },    { "STATUS", STYLE_NAMES },   { "NAMESPACE", STYLE_NAMES },
  { "SEARCH", STYLE_ATOMS },  { "ESEARCH", STYLE_ATOMS },  { "SORT", STYLE_ATOMS },
  { "THREAD", STYLE_ATOMS },  { "VANISHED", STYLE_ATOMS }, { "EXISTS", STYLE_ATOMS },
  { "RECENT", STYLE_ATOMS },  { "EXPUNGE", STYLE_ATOMS },  { "FETCH", STYLE_ATOMS },
};

struct _CfRedactOutput {
  CfRedactLineFunc func;
  gpointer user_data;
  char *tag;

  Style style;
  GString *line; /* what may be shown of it so far */
  guint64 cut;   /* octets beyond SHOWN_MAX */
  char head[HEAD_MAX];
  gsize n_head;

  guint64 n_hidden; /* octets that are not shown and not yet told of */
  gboolean in_string, escaped;
  char word[16]; /* the atom that was last, or is being written; cut */
  gsize n_word;
  gboolean word_ended, show_string;

  gboolean in_literal;
  guint64 literal_left;
  guint marker; /* how far a literal's marker is there: 0, '{', '0' (digits) or '}' */
  guint64 marker_value;
};

CfRedactOutput *
cf_redact_output_new (CfRedactLineFunc func, gpointer user_data)
{
  CfRedactOutput *output = g_new0 (CfRedactOutput, 1);

  output->func = func;
  output->user_data = user_data;
  output->line = g_string_new (NULL);
  return output;
}

void
cf_redact_output_free (CfRedactOutput *output)
{
  if (output == NULL)
    return;
  g_string_free (output->line, TRUE);
  g_free (output->tag);
  g_free (output);
}

void
cf_redact_output_set_tag (CfRedactOutput *output, const char *tag)
{
  g_free (output->tag);
  output->tag = g_strdup (tag);
}

/* ---- Showing ----------------------------------------------------------------------------------------- */

static void
show (CfRedactOutput *output, char c)
{
  if (output->line->len >= SHOWN_MAX)
    output->cut++;
  else if (g_ascii_isprint (c))
    g_string_append_c (output->line, c);
  else
    g_string_append_printf (output->line, "\\x%02x", (guint8) c);
}

static void
show_octets (CfRedactOutput *output, const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    show (output, text[i]);
}

/* What was hidden so far is told of. */
static void
tell_hidden (CfRedactOutput *output)
{
  if (output->n_hidden > 0 && output->line->len < SHOWN_MAX)
    cf_redact_hide (output->line, output->n_hidden);
  else
    output->cut += output->n_hidden;
  output->n_hidden = 0;
}

static void
end_line (CfRedactOutput *output)
{
  tell_hidden (output);
  if (output->cut > 0) {
    g_string_append (output->line, " ... ");
    cf_redact_hide (output->line, output->cut);
  }
  output->func (output->line, output->user_data);
  g_string_truncate (output->line, 0);
  output->style = STYLE_HEAD;
  output->cut = output->n_head = output->n_word = output->marker = 0;
  output->in_string = output->escaped = output->word_ended = FALSE;
}

/* ---- The head of a line ------------------------------------------------------------------------------ */

static Style
style_of (const char *word, gsize length)
{
  for (gsize i = 0; i < G_N_ELEMENTS (responses); i++)
    if (strlen (responses[i].name) == length && memcmp (responses[i].name, word, length) == 0)
      return responses[i].style;
  return STYLE_HIDDEN;
}

/* A challenge is base64, or empty; what else the server says there is for people. */
static gboolean
is_challenge (const char *text, gsize length)
{
  return length % 4 == 0 && memchr (text, ' ', length) == NULL;
}

/* The word that begins behind @at blanks; its length. */
static const char *
head_word (const CfRedactOutput *output, guint at, gsize *out_length)
{
  const char *word = output->head, *end = output->head + output->n_head, *space;

  for (; at > 0; at--) {
    space = memchr (word, ' ', (gsize) (end - word));
    word = space != NULL ? space + 1 : end;
  }
  space = memchr (word, ' ', (gsize) (end - word));
  *out_length = (gsize) ((space != NULL ? space : end) - word);
  return word;
}

static gboolean
is_number (const char *text, gsize length)
{
  gsize i = 0;

  while (i < length && g_ascii_isdigit (text[i]))
    i++;
  return i == length;
}

static void
show_tag (CfRedactOutput *output, const char *tag, gsize length)
{
  if (output->tag != NULL && strlen (output->tag) == length && memcmp (output->tag, tag, length) == 0)
    show_octets (output, tag, length);
  else
    cf_redact_hide (output->line, length);
}

/* Looks at the words that are there, the last of which has ended. FALSE: more are needed. */
static gboolean
settle_head (CfRedactOutput *output, gboolean at_end)
{
  gsize first_length, length;
  const char *first = head_word (output, 0, &first_length), *word = head_word (output, 1, &length);
  const char *rest = output->head + output->n_head;

  if (first_length == 1 && *first == '+') {
    if (!at_end)
      return FALSE;
    output->style = is_challenge (word, (gsize) (rest - word)) ? STYLE_HIDDEN : STYLE_TEXT;
    show_octets (output, "+ ", MIN (output->n_head, 2));
    if (output->style == STYLE_TEXT)
      show_octets (output, word, (gsize) (rest - word));
    else
      output->n_hidden = (guint64) (rest - word);
    return TRUE;
  }
  if (length == 0 && !at_end)
    return FALSE;
  if (first_length == 1 && *first == '*') {
    if (length > 0 && is_number (word, length)) {
      word = head_word (output, 2, &length);
      if (length == 0 && !at_end)
        return FALSE;
    }
    output->style = style_of (word, length);
    show_octets (output, output->head, (gsize) (word + length - output->head));
    return TRUE;
  }
  output->style = style_of (word, length);
  show_tag (output, first, first_length);
  if (output->style == STYLE_TEXT)
    show_octets (output, first + first_length, (gsize) (rest - first) - first_length);
  else
    output->n_hidden = (guint64) (rest - first) - first_length;
  return TRUE;
}

/* A head that is no response's is hidden as a whole. */
static void
give_up_head (CfRedactOutput *output)
{
  gboolean challenge = output->n_head > 1 && output->head[0] == '+' && output->head[1] == ' ';

  output->style = STYLE_HIDDEN;
  if (challenge)
    show_octets (output, "+ ", 2);
  output->n_hidden = output->n_head - (challenge ? 2 : 0);
}

static void
feed_head (CfRedactOutput *output, char c)
{
  if (c == '\r' || c == '\n') {
    if (!settle_head (output, TRUE))
      give_up_head (output);
    if (c == '\n')
      end_line (output);
    return;
  }
  if (c == ' ' && settle_head (output, FALSE)) {
    if (output->n_hidden > 0)
      output->n_hidden++;
    else
      show (output, c);
    return;
  }
  if (output->n_head == HEAD_MAX) {
    give_up_head (output);
    output->n_hidden++;
    return;
  }
  output->head[output->n_head++] = c;
}

/* ---- Its body ---------------------------------------------------------------------------------------- */

/* Follows a literal's marker: "{", digits, "}", and then the line's end. */
static void
follow_marker (CfRedactOutput *output, char c)
{
  if (c == '{') {
    output->marker = '{';
    output->marker_value = 0;
  } else if (g_ascii_isdigit (c) && (output->marker == '{' || output->marker == '0')) {
    output->marker = '0';
    output->marker_value = output->marker_value * 10 + (guint64) (c - '0');
  } else if (c == '}' && output->marker == '0') {
    output->marker = '}';
  } else if (c != '\r') {
    output->marker = 0;
  }
}

/* A date's item has its value in quotes. */
static gboolean
word_is_date (const CfRedactOutput *output)
{
  static const char *const names[] = { "INTERNALDATE", "SAVEDATE" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (strlen (names[i]) == output->n_word && memcmp (names[i], output->word, output->n_word) == 0)
      return TRUE;
  return FALSE;
}

static void
follow_word (CfRedactOutput *output, char c)
{
  if (c == ' ') {
    output->word_ended = TRUE;
    return;
  }
  if (output->word_ended || c == '(' || c == ')')
    output->n_word = 0;
  output->word_ended = FALSE;
  if (c != '(' && c != ')' && output->n_word < sizeof output->word)
    output->word[output->n_word++] = c;
}

static void
feed_string (CfRedactOutput *output, char c)
{
  gboolean ends = c == '"' && !output->escaped;

  output->escaped = c == '\\' && !output->escaped;
  if (output->show_string)
    show (output, c);
  else
    output->n_hidden++;
  if (!ends)
    return;
  output->in_string = FALSE;
  output->n_word = 0;
  tell_hidden (output);
}

static void
feed_body (CfRedactOutput *output, char c)
{
  if (c == '\r')
    return;
  if (c == '\n') {
    output->in_literal = output->style != STYLE_TEXT && output->marker == '}';
    output->literal_left = output->marker_value;
    output->marker = 0;
    if (!output->in_literal)
      end_line (output);
    else if (output->style != STYLE_HIDDEN)
      output->n_hidden = 0;
    return;
  }
  if (output->in_string) {
    feed_string (output, c);
    return;
  }
  follow_marker (output, c);
  if (output->style == STYLE_HIDDEN) {
    output->n_hidden++;
    return;
  }
  if (output->style == STYLE_ATOMS && c == '"') {
    output->show_string = output->word_ended && word_is_date (output);
    output->in_string = TRUE;
    output->escaped = FALSE;
    if (output->show_string)
      show (output, c);
    else
      output->n_hidden = 1;
    return;
  }
  follow_word (output, c);
  show (output, c);
}

/* As much of the literal as is there. */
static gsize
feed_literal (CfRedactOutput *output, gsize length)
{
  gsize taken = (gsize) MIN (output->literal_left, length);

  output->literal_left -= taken;
  output->n_hidden += taken;
  if (output->literal_left > 0)
    return taken;
  output->in_literal = FALSE;
  output->n_word = 0;
  if (output->style != STYLE_HIDDEN)
    tell_hidden (output);
  return taken;
}

void
cf_redact_output_feed (CfRedactOutput *output, const guint8 *data, gsize length)
{
  gsize at = 0;

  while (at < length || (output->in_literal && output->literal_left == 0)) {
    if (output->in_literal)
      at += feed_literal (output, length - at);
    else if (output->style == STYLE_HEAD)
      feed_head (output, (char) data[at++]);
    else
      feed_body (output, (char) data[at++]);
  }
}
