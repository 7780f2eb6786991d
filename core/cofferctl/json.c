/* core/cofferctl/json.c - results as JSON (json.h). */
#include "cofferctl/json.h"

#include <string.h>

void
ctl_json_string (GString *out, const char *text)
{
  if (text == NULL) {
    g_string_append (out, "null");
    return;
  }
  g_string_append_c (out, '"');
  for (; *text != '\0'; text++)
    if (*text == '"' || *text == '\\')
      g_string_append_printf (out, "\\%c", *text);
    else if ((guint8) *text < 0x20)
      g_string_append_printf (out, "\\u%04x", (guint8) *text);
    else
      g_string_append_c (out, *text);
  g_string_append_c (out, '"');
}

void
ctl_json_separate (GString *out)
{
  if (out->len > 0 && strchr ("[{", out->str[out->len - 1]) == NULL)
    g_string_append_c (out, ',');
}

static void
json_name (GString *out, const char *name)
{
  ctl_json_separate (out);
  ctl_json_string (out, name);
  g_string_append_c (out, ':');
}

void
ctl_json_member (GString *out, const char *name, const char *text)
{
  json_name (out, name);
  ctl_json_string (out, text);
}

void
ctl_json_member_number (GString *out, const char *name, const char *text)
{
  json_name (out, name);
  if (*text != '\0' && text[strspn (text, "0123456789")] == '\0')
    g_string_append (out, text);
  else
    ctl_json_string (out, text);
}
