/* core/commands/pattern.c - LIST's wildcards (pattern.h).
 *
 * Walks the pattern once, keeping the set of positions in the name that are reached so far: one flag for each
 * octet of the name. So a pattern of many wildcards costs no more than one without (a backtracking matcher
 * would take exponential time for "*a*a*a*a*b").
 */
#include "commands/pattern.h"

#include <coffer/types.h>
#include <string.h>

/* Everything behind a reached position is reached too, up to the end or, for "%", the next separator. */
static void
pattern_spread (guint8 *reached, const char *name, gsize length, char wildcard)
{
  for (gsize i = 0; i < length; i++)
    if (reached[i] && (wildcard == '*' || name[i] != CF_MAILBOX_SEPARATOR))
      reached[i + 1] = TRUE;
}

static void
pattern_step (guint8 *reached, const char *name, gsize length, char literal)
{
  for (gsize i = length; i > 0; i--)
    reached[i] = reached[i - 1] && name[i - 1] == literal;
  reached[0] = FALSE;
}

gboolean
cf_pattern_matches (const char *pattern, const char *name)
{
  gsize length = strlen (name);
  g_autofree guint8 *reached = g_new0 (guint8, length + 1);

  reached[0] = TRUE;
  for (; *pattern != '\0'; pattern++) {
    if (*pattern == '*' || *pattern == '%')
      pattern_spread (reached, name, length, *pattern);
    else
      pattern_step (reached, name, length, *pattern);
  }
  return reached[length];
}
