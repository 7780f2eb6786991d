/* core/cofferctl/folder-name.c - names of mailboxes as names of files (folder-name.h). */
#include "cofferctl/folder-name.h"

#include <string.h>

#include "imap/utf7.h"

char *
ctl_folder_name_encode (const char *level)
{
  g_autofree char *wire = cf_utf7_encode (level);
  GString *file = g_string_new (NULL);

  for (const char *c = wire; *c != '\0'; c++) {
    if (*c == '.' || *c == '\\')
      g_string_append_printf (file, "\\%02x", *c);
    else
      g_string_append_c (file, *c);
  }
  return g_string_free (file, FALSE);
}

char *
ctl_folder_name_decode (const char *file)
{
  g_autoptr (GString) wire = g_string_new (NULL);
  char *name;

  for (const char *c = file; *c != '\0'; c++) {
    if (c[0] == '\\' && g_ascii_isxdigit (c[1]) && g_ascii_isxdigit (c[2])) {
      g_string_append_c (wire, (char) (g_ascii_xdigit_value (c[1]) * 16 + g_ascii_xdigit_value (c[2])));
      c += 2;
    } else {
      g_string_append_c (wire, *c);
    }
  }
  name = cf_utf7_decode (wire->str, NULL);
  /* "R&D" is no modified UTF-7, but a name all the same. */
  if (name == NULL && g_utf8_validate (wire->str, -1, NULL))
    name = g_strdup (wire->str);
  if (name != NULL && (*name == '\0' || strchr (name, '/') != NULL))
    g_clear_pointer (&name, g_free);
  return name;
}

char *
ctl_folder_name_to_maildir (const char *mailbox)
{
  g_auto (GStrv) levels = g_strsplit (mailbox, "/", -1);
  GString *directory = g_string_new (NULL);

  for (guint i = 0; levels[i] != NULL; i++) {
    g_autofree char *file = ctl_folder_name_encode (levels[i]);

    g_string_append_printf (directory, ".%s", file);
  }
  return g_string_free (directory, FALSE);
}

char *
ctl_folder_name_from_maildir (const char *directory)
{
  g_auto (GStrv) levels = g_strsplit (directory + 1, ".", -1);

  for (guint i = 0; levels[i] != NULL; i++) {
    char *name = ctl_folder_name_decode (levels[i]);

    if (name == NULL)
      return NULL;
    g_free (levels[i]);
    levels[i] = name;
  }
  return levels[0] != NULL ? g_strjoinv ("/", levels) : NULL;
}
