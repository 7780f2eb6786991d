/* core/cofferctl/text.c - fills the lines of help texts (text.h). */
#include "cofferctl/text.h"

#include <string.h>

static void
append_filled (GString *out, const char *line, gsize width)
{
  g_auto (GStrv) words = g_strsplit (line, " ", -1);
  gsize column = 0;

  for (guint i = 0; words[i] != NULL; i++) {
    gsize length = strlen (words[i]);

    if (column > 0 && column + 1 + length > width) {
      g_string_append_c (out, '\n');
      column = 0;
    } else if (column > 0) {
      g_string_append_c (out, ' ');
      column++;
    }
    g_string_append (out, words[i]);
    column += length;
  }
}

char *
ctl_text_wrap (const char *text, gsize width)
{
  GString *out = g_string_new (NULL);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++) {
    if (i > 0)
      g_string_append_c (out, '\n');
    if (g_str_has_prefix (lines[i], "  "))
      g_string_append (out, lines[i]);
    else
      append_filled (out, lines[i], width);
  }
  return g_string_free (out, FALSE);
}
