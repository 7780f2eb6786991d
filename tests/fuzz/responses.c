/* tests/fuzz/responses.c - is what a server sends well formed (responses.h)? */
#include "responses.h"

#include <coffer/types.h>

#include "fuzz.h"

#include <string.h>

static void
line_clear (gpointer data)
{
  g_free (((ResponseLine *) data)->text);
}

void
responses_init (Responses *responses)
{
  *responses = (Responses){ .line = g_string_new (NULL),
                            .lines = g_array_new (FALSE, FALSE, sizeof (ResponseLine)) };
  g_array_set_clear_func (responses->lines, line_clear);
}

void
responses_clear (Responses *responses)
{
  g_string_free (responses->line, TRUE);
  g_array_unref (responses->lines);
}

/* ---- Lines ---- */

/* Status responses and continuation requests end in text for people. */
static gboolean
is_status (const char *text)
{
  static const char *const statuses[] = { "OK ", "NO ", "BAD ", "BYE ", "PREAUTH " };

  for (guint i = 0; i < G_N_ELEMENTS (statuses); i++)
    if (g_str_has_prefix (text, statuses[i]))
      return TRUE;
  return FALSE;
}

gboolean
responses_parse_tagged (const char *line, char **out_tag, const char **out_status)
{
  const char *space = strchr (line, ' ');

  if (space == NULL || space == line || line[0] == '*' || line[0] == '+')
    return FALSE;
  *out_tag = g_strndup (line, (gsize) (space - line));
  *out_status = space + 1;
  return TRUE;
}

static gboolean
is_free_text (const char *line)
{
  const char *space = strchr (line, ' ');

  return line[0] == '+' || (space != NULL && is_status (space + 1));
}

/* "* 12 EXISTS", "* 3 EXPUNGE", "* 3 FETCH (...)". */
static void
count_messages (Responses *responses, const char *line)
{
  char *end;
  guint64 number = g_ascii_strtoull (line + 2, &end, 10);

  if (end == line + 2 || *end != ' ')
    return;
  FUZZ_CHECK (number <= G_MAXUINT32, "%s", line);
  if (g_str_equal (end, " EXISTS")) {
    responses->exists = (guint) number;
  } else if (g_str_equal (end, " EXPUNGE")) {
    FUZZ_CHECK (number >= 1 && number <= responses->exists, "%s, of %u", line, responses->exists);
    responses->exists--;
  } else if (g_str_has_prefix (end, " FETCH (")) {
    FUZZ_CHECK (number >= 1 && number <= responses->exists, "%s, of %u", line, responses->exists);
  } else {
    FUZZ_CHECK (g_str_equal (end, " RECENT"), "%s", line);
  }
}

/* "* VANISHED 3,5:7" takes messages away, with (EARLIER) it does not. */
static void
count_vanished (Responses *responses, const char *line)
{
  gboolean earlier = g_str_has_prefix (line, "* VANISHED (EARLIER) ");
  const char *uids = line + strlen (earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
  g_autoptr (CfUidSet) set = NULL;

  if (!g_str_has_prefix (line, "* VANISHED "))
    return;
  set = cf_uid_set_from_string (uids, NULL);
  FUZZ_CHECK (set != NULL && !cf_uid_set_is_empty (set), "%s", line);
  if (earlier)
    return;
  FUZZ_CHECK (cf_uid_set_get_count (set) <= responses->exists, "%s, of %u", line, responses->exists);
  responses->exists -= (guint) cf_uid_set_get_count (set);
}

static void
keep_line (Responses *responses)
{
  ResponseLine line = { responses->line_offset, g_strdup (responses->line->str) };

  g_array_append_val (responses->lines, line);
}

static void
check_line (Responses *responses)
{
  const char *line = responses->line->str;
  char *tag = NULL;
  const char *status;

  FUZZ_CHECK (!responses->is_bye || line[0] != '*' || is_status (line + 2), "after BYE: %s", line);
  if (is_free_text (line)) {
    FUZZ_CHECK (g_utf8_validate (line, -1, NULL), "%s", line);
  } else {
    FUZZ_CHECK (responses->depth == 0 && !responses->in_quotes, "does not close: %s", line);
  }
  if (line[0] == '*') {
    FUZZ_CHECK (line[1] == ' ' && line[2] != '\0', "%s", line);
    count_messages (responses, line);
    count_vanished (responses, line);
    responses->is_bye |= g_str_has_prefix (line, "* BYE ");
  } else if (line[0] != '+') {
    FUZZ_CHECK (responses_parse_tagged (line, &tag, &status) && is_status (status), "no response: %s", line);
    FUZZ_CHECK (strpbrk (tag, "(){%*\"\\+") == NULL, "tag of %s", line);
    g_free (tag);
  }
  keep_line (responses);
  g_string_truncate (responses->line, 0);
  responses->depth = 0;
  responses->in_quotes = responses->escaped = FALSE;
}

/* ---- Octets ---- */

/* "{12}" or "~{12}" at the end of the line: a literal follows. */
static gboolean
begin_literal (Responses *responses)
{
  GString *line = responses->line;
  const char *brace = line->len > 0 && line->str[line->len - 1] == '}' ? strrchr (line->str, '{') : NULL;
  char *end;

  if (brace == NULL || responses->in_quotes || is_free_text (line->str))
    return FALSE;
  responses->literal_left = g_ascii_strtoull (brace + 1, &end, 10);
  FUZZ_CHECK (end > brace + 1 && *end == '}', "literal of %s", line->str);
  responses->literal8 = brace > line->str && brace[-1] == '~';
  g_string_truncate (line, (gsize) (brace - line->str));
  g_string_append (line, "{}");
  return TRUE;
}

static void
take_character (Responses *responses, char c)
{
  if (responses->in_quotes) {
    if (!responses->escaped && c == '"')
      responses->in_quotes = FALSE;
    FUZZ_CHECK (!responses->escaped || c == '"' || c == '\\', "escape in %s", responses->line->str);
    responses->escaped = !responses->escaped && c == '\\';
    return;
  }
  responses->in_quotes = c == '"';
  if (c == '(')
    responses->depth++;
  if (c == ')')
    responses->depth--;
  FUZZ_CHECK (responses->depth >= 0, "parenthesis in %s", responses->line->str);
}

static void
take_octet (Responses *responses, guint8 octet)
{
  GString *line = responses->line;

  if (line->len == 0)
    responses->line_offset = responses->offset;
  FUZZ_CHECK (octet != '\0', "NUL in %s", line->str);
  FUZZ_CHECK (octet != '\n' || (line->len > 0 && line->str[line->len - 1] == '\r'), "LF alone: %s",
              line->str);
  if (octet != '\n') {
    FUZZ_CHECK (line->len == 0 || line->str[line->len - 1] != '\r', "CR alone: %s", line->str);
    g_string_append_c (line, (char) octet);
    if (octet != '\r' && !is_free_text (line->str))
      take_character (responses, (char) octet);
    return;
  }
  g_string_truncate (line, line->len - 1);
  if (!begin_literal (responses))
    check_line (responses);
}

void
responses_feed (Responses *responses, const guint8 *data, gsize length)
{
  for (gsize i = 0; i < length; i++, responses->offset++) {
    if (responses->literal_left == 0) {
      take_octet (responses, data[i]);
      continue;
    }
    responses->literal_left--;
    FUZZ_CHECK (responses->literal8 || data[i] != '\0', "NUL in the literal of %s", responses->line->str);
  }
}

void
responses_end (Responses *responses)
{
  FUZZ_CHECK (responses->line->len == 0, "breaks off: %s", responses->line->str);
}
