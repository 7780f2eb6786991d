/* core/imap/redact.c - what of a command may be shown in a trace (redact.h); redact-output.c does responses.
 *
 * A command has a style, by its name: which of its arguments are names and numbers, and which are text. A
 * command that is not in the table shows no argument.
 */
#include "imap/redact.h"

#include <string.h>

typedef enum {
  STYLE_HIDDEN,    /* no argument is shown; must be 0 */
  STYLE_MECHANISM, /* the first is, if it is a mechanism's name */
  STYLE_NAMES,     /* all are but literals: they are names of mailboxes, and items */
  STYLE_ATOMS,     /* all are but strings */
  STYLE_APPEND,    /* likewise, and the first in any form but a literal */
  STYLE_SEARCH,    /* keys, numbers and dates are, texts are not */
} Style;

static const struct {
  const char *name;
  Style style;
} commands[] = {
  { "AUTHENTICATE", STYLE_MECHANISM },
  { "ENABLE", STYLE_ATOMS },
  { "UID EXPUNGE", STYLE_ATOMS },
  { "FETCH", STYLE_ATOMS },
  { "UID FETCH", STYLE_ATOMS },
  { "STORE", STYLE_ATOMS },
  { "UID STORE", STYLE_ATOMS },
  { "SELECT", STYLE_NAMES },
  { "EXAMINE", STYLE_NAMES },
  { "CREATE", STYLE_NAMES },
  { "DELETE", STYLE_NAMES },
  { "RENAME", STYLE_NAMES },
  { "SUBSCRIBE", STYLE_NAMES },
  { "UNSUBSCRIBE", STYLE_NAMES },
  { "LIST", STYLE_NAMES },
  { "LSUB", STYLE_NAMES },
  { "STATUS", STYLE_NAMES },
  { "NOTIFY", STYLE_NAMES },
  { "COPY", STYLE_NAMES },
  { "UID COPY", STYLE_NAMES },
  { "MOVE", STYLE_NAMES },
  { "UID MOVE", STYLE_NAMES },
  { "APPEND", STYLE_APPEND },
  { "SEARCH", STYLE_SEARCH },
  { "UID SEARCH", STYLE_SEARCH },
  { "SORT", STYLE_SEARCH },
  { "UID SORT", STYLE_SEARCH },
  { "THREAD", STYLE_SEARCH },
  { "UID THREAD", STYLE_SEARCH },
};

/* Words of a search program that may be shown, and how many arguments behind each are text, or are not. */
static const struct {
  const char *name;
  guint n_hidden, n_shown;
} search_words[] = {
  { "ALL" },
  { "ANSWERED" },
  { "DELETED" },
  { "DRAFT" },
  { "FLAGGED" },
  { "NEW" },
  { "OLD" },
  { "RECENT" },
  { "SEEN" },
  { "UNANSWERED" },
  { "UNDELETED" },
  { "UNDRAFT" },
  { "UNFLAGGED" },
  { "UNSEEN" },
  { "NOT" },
  { "OR" },
  { "UID" },
  { "RETURN" },
  { "MIN" },
  { "MAX" },
  { "COUNT" },
  { "SAVE" },
  { "BEFORE", 0, 1 },
  { "ON", 0, 1 },
  { "SINCE", 0, 1 },
  { "SENTBEFORE", 0, 1 },
  { "SENTON", 0, 1 },
  { "SENTSINCE", 0, 1 },
  { "LARGER", 0, 1 },
  { "SMALLER", 0, 1 },
  { "OLDER", 0, 1 },
  { "YOUNGER", 0, 1 },
  { "KEYWORD", 0, 1 },
  { "UNKEYWORD", 0, 1 },
  { "PARTIAL", 0, 1 },
  { "SAVEDBEFORE", 0, 1 },
  { "SAVEDON", 0, 1 },
  { "SAVEDSINCE", 0, 1 },
  { "SAVEDATESUPPORTED" },
  { "EMAILID", 0, 1 },
  { "THREADID", 0, 1 },
  { "CHARSET", 0, 1 },
  { "BCC", 1 },
  { "BODY", 1 },
  { "CC", 1 },
  { "FROM", 1 },
  { "SUBJECT", 1 },
  { "TEXT", 1 },
  { "TO", 1 },
  { "HEADER", 2 },
};

/* ---- Octets ------------------------------------------------------------------------------------------ */

void
cf_redact_hide (GString *out, guint64 length)
{
  g_string_append_printf (out, "<%" G_GUINT64_FORMAT " octet%s>", length, length == 1 ? "" : "s");
}

static void
show (GString *out, const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (g_ascii_isprint (text[i]))
      g_string_append_c (out, text[i]);
    else
      g_string_append_printf (out, "\\x%02x", (guint8) text[i]);
}

static void
show_if (gboolean may, GString *out, const char *text, gsize length)
{
  if (may)
    show (out, text, length);
  else if (length > 0)
    cf_redact_hide (out, length);
}

/* How long the literal's marker is that the line ends with; 0: there is none. */
static gsize
marker_length (const char *line, gsize length)
{
  gsize at = length;

  if (at == 0 || line[--at] != '}')
    return 0;
  if (at > 0 && (line[at - 1] == '+' || line[at - 1] == '-'))
    at--;
  while (at > 0 && g_ascii_isdigit (line[at - 1]))
    at--;
  if (at == 0 || line[at - 1] != '{')
    return 0;
  at--;
  return length - at + (at > 0 && line[at - 1] == '~');
}

/* ---- Arguments --------------------------------------------------------------------------------------- */

static gboolean
is_of (const char *text, gsize length, const char *characters)
{
  for (gsize i = 0; i < length; i++)
    if (strchr (characters, text[i]) == NULL || text[i] == '\0')
      return FALSE;
  return TRUE;
}

static gboolean
is_word (const char *text, gsize length, const char *word)
{
  return strlen (word) == length && g_ascii_strncasecmp (text, word, length) == 0;
}

/* What else stands there may be a response whose mechanism was left out. */
static gboolean
is_mechanism (const char *text, gsize length)
{
  static const char *const names[] = { "PLAIN",
                                       "LOGIN",
                                       "EXTERNAL",
                                       "ANONYMOUS",
                                       "CRAM-MD5",
                                       "DIGEST-MD5",
                                       "GSSAPI",
                                       "XOAUTH2",
                                       "OAUTHBEARER",
                                       "SCRAM-SHA-1",
                                       "SCRAM-SHA-1-PLUS",
                                       "SCRAM-SHA-256",
                                       "SCRAM-SHA-256-PLUS",
                                       "SCRAM-SHA-512",
                                       "SCRAM-SHA-512-PLUS" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (is_word (text, length, names[i]))
      return TRUE;
  return FALSE;
}

static gboolean
search_shows (CfRedactCommand *command, const char *text, gsize length, gboolean is_string)
{
  if (command->n_hidden > 0) {
    command->n_hidden--;
    return FALSE;
  }
  if (command->n_shown > 0) {
    command->n_shown--;
    return !is_string;
  }
  for (gsize i = 0; !is_string && i < G_N_ELEMENTS (search_words); i++) {
    if (!is_word (text, length, search_words[i].name))
      continue;
    command->n_hidden = search_words[i].n_hidden;
    command->n_shown = search_words[i].n_shown;
    return TRUE;
  }
  if (!is_string && is_of (text, length, "0123456789:,*$"))
    return TRUE;
  /* A key that is not known here may have a text. */
  command->n_hidden = 1;
  return FALSE;
}

/* Whether the next argument may be shown; counts it. */
static gboolean
command_shows (CfRedactCommand *command, const char *text, gsize length, gboolean is_string)
{
  guint n = command->n_args;

  if (command->depth == 0)
    command->n_args++;
  switch ((Style) command->style) {
  case STYLE_HIDDEN:
    return FALSE;
  case STYLE_MECHANISM:
    return n == 0 && !is_string && is_mechanism (text, length);
  case STYLE_NAMES:
    return TRUE;
  case STYLE_ATOMS:
    return !is_string;
  case STYLE_APPEND:
    return !is_string || (n == 0 && command->depth == 0);
  case STYLE_SEARCH:
    return search_shows (command, text, length, is_string);
  }
  return FALSE;
}

/* The quoted string at the beginning, quotes included; one without an end is all that is left. */
static gsize
quoted_length (const char *text, gsize length, gboolean *out_ended)
{
  gsize i = 1;

  while (i < length && text[i] != '"')
    i += text[i] == '\\' ? 2 : 1;
  *out_ended = i < length;
  return MIN (i + 1, length);
}

static gsize
redact_argument (CfRedactCommand *command, GString *out, const char *text, gsize length)
{
  gboolean is_string = *text == '"', ended = TRUE, shows;
  gsize n = 0;

  if (is_string)
    n = quoted_length (text, length, &ended);
  else
    while (n < length && strchr (" ()\"", text[n]) == NULL)
      n++;
  /* NUL is in strchr's string as well. */
  n = MAX (n, 1);
  shows = command_shows (command, text, n, is_string);
  show_if (shows && ended, out, text, n);
  return n;
}

static void
redact_arguments (CfRedactCommand *command, GString *out, const char *text, gsize length)
{
  gsize at = 0;

  if (command->style == STYLE_HIDDEN) {
    gsize blank = length > 0 && *text == ' ';

    show (out, text, blank);
    show_if (FALSE, out, text + blank, length - blank);
    return;
  }
  while (at < length) {
    if (strchr (" ()", text[at]) == NULL || text[at] == '\0') {
      at += redact_argument (command, out, text + at, length - at);
      continue;
    }
    if (text[at] == '(')
      command->depth++;
    else if (text[at] == ')' && command->depth > 0)
      command->depth--;
    g_string_append_c (out, text[at++]);
  }
}

/* ---- Lines ------------------------------------------------------------------------------------------- */

gboolean
cf_redact_command_begin (CfRedactCommand *command, GString *out, const char *name, gboolean secret,
                         const char *line, gsize length)
{
  const char *space = memchr (line, ' ', length);
  gsize head = space != NULL ? (gsize) (space - line) + 1 : 0;

  *command = (CfRedactCommand){ STYLE_HIDDEN };
  if (name == NULL || head == 0 || length - head < strlen (name)) {
    cf_redact_command_line (command, out, line, length);
    return FALSE;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (commands[i].name, name) == 0)
      command->style = commands[i].style;
  if (secret && command->style != STYLE_MECHANISM)
    command->style = STYLE_HIDDEN;
  head += strlen (name);
  show (out, line, head);
  cf_redact_command_line (command, out, line + head, length - head);
  return TRUE;
}

void
cf_redact_command_line (CfRedactCommand *command, GString *out, const char *line, gsize length)
{
  gsize marker = marker_length (line, length);

  redact_arguments (command, out, line, length - marker);
  show (out, line + length - marker, marker);
}

void
cf_redact_command_literal (CfRedactCommand *command, GString *out, guint64 length)
{
  command_shows (command, "", 0, TRUE);
  cf_redact_hide (out, length);
}

void
cf_redact_continuation (GString *out, const char *line, gsize length)
{
  show_if (length == 0 || is_word (line, length, "DONE") || is_word (line, length, "*"), out, line, length);
}
