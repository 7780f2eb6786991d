/* core/control/wire.c - lines of the control protocol (wire.h). */
#include "control/wire.h"

#include <string.h>

char *
cf_control_format (const char *const *words)
{
  GString *line = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++) {
    if (i > 0)
      g_string_append_c (line, ' ');
    /* "*" alone marks data lines and stays readable. */
    if (g_str_equal (words[i], "*"))
      g_string_append_c (line, '*');
    else
      g_string_append_uri_escaped (line, words[i], NULL, FALSE);
  }
  g_string_append_c (line, '\n');
  return g_string_free (line, FALSE);
}

char *
cf_control_format_data (va_list words)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new ();
  const char *word;

  g_ptr_array_add (all, (gpointer) "*");
  while ((word = va_arg (words, const char *)) != NULL)
    g_ptr_array_add (all, (gpointer) word);
  g_ptr_array_add (all, NULL);
  return cf_control_format ((const char *const *) all->pdata);
}

char **
cf_control_parse (const char *line, gsize length, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  const char *end = line + length;
  gboolean good = memchr (line, '\0', length) == NULL;

  for (const char *start = line; good; start++) {
    const char *space = memchr (start, ' ', (gsize) (end - start));
    const char *stop = space != NULL ? space : end;
    /* g_uri_unescape_segment() takes an empty segment for an absent one. */
    char *word = stop == start ? g_strdup ("") : g_uri_unescape_segment (start, stop, NULL);

    if (word != NULL)
      g_ptr_array_add (words, word);
    good = word != NULL && g_utf8_validate (word, -1, NULL);
    if (space == NULL)
      break;
    start = space;
  }
  g_ptr_array_add (words, NULL);
  if (good)
    return (char **) g_ptr_array_free (g_steal_pointer (&words), FALSE);
  cf_control_words_free ((char **) g_ptr_array_free (g_steal_pointer (&words), FALSE));
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Not a line of the control protocol");
  return NULL;
}

void
cf_control_words_free (char **words)
{
  for (guint i = 0; words != NULL && words[i] != NULL; i++)
    explicit_bzero (words[i], strlen (words[i]));
  g_strfreev (words);
}
