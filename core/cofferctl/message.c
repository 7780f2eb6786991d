/* core/cofferctl/message.c - a message on its way in or out (message.h). */
#include "cofferctl/message.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  CfFlags flag;
} flag_names[] = {
  { "\\Answered", CF_FLAG_ANSWERED }, { "\\Flagged", CF_FLAG_FLAGGED }, { "\\Deleted", CF_FLAG_DELETED },
  { "\\Seen", CF_FLAG_SEEN },         { "\\Draft", CF_FLAG_DRAFT },
};

CtlMessage *
ctl_message_new (void)
{
  return g_new0 (CtlMessage, 1);
}

void
ctl_message_free (CtlMessage *message)
{
  g_clear_pointer (&message->octets, g_bytes_unref);
  g_clear_pointer (&message->keywords, g_ptr_array_unref);
  g_free (message->origin);
  g_free (message);
}

/* ---- Flags ---- */

gboolean
ctl_message_has_keyword (const CtlMessage *message, const char *name)
{
  for (guint i = 0; message->keywords != NULL && i < message->keywords->len; i++)
    if (g_ascii_strcasecmp (g_ptr_array_index (message->keywords, i), name) == 0)
      return TRUE;
  return FALSE;
}

static gboolean
is_keyword (const char *name)
{
  if (*name == '\0')
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (*c <= ' ' || *c >= 0x7f || strchr ("(){%*\"\\]", *c) != NULL)
      return FALSE;
  return TRUE;
}

void
ctl_message_add_keyword (CtlMessage *message, const char *name)
{
  if (!is_keyword (name) || ctl_message_has_keyword (message, name))
    return;
  if (message->keywords == NULL)
    message->keywords = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (message->keywords, g_strdup (name));
}

void
ctl_message_add_flag (CtlMessage *message, const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (flag_names); i++)
    if (g_ascii_strcasecmp (flag_names[i].name, name) == 0)
      message->flags |= flag_names[i].flag;
  ctl_message_add_keyword (message, name);
}

char *
ctl_message_dup_flags (const CtlMessage *message)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (flag_names); i++)
    if ((message->flags & flag_names[i].flag) != 0)
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", flag_names[i].name);
  for (guint i = 0; message->keywords != NULL && i < message->keywords->len; i++)
    g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "",
                            (char *) g_ptr_array_index (message->keywords, i));
  return g_string_free (text, FALSE);
}

/* ---- Dates ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

char *
ctl_message_dup_date (const CtlMessage *message)
{
  /* What IMAP's four digits can say. */
  gint64 date = CLAMP (message->date, 0, G_GINT64_CONSTANT (253402300799));
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (date);

  return g_strdup_printf ("%02d-%.3s-%04d %02d:%02d:%02d +0000", g_date_time_get_day_of_month (time),
                          months + 3 * (g_date_time_get_month (time) - 1), g_date_time_get_year (time),
                          g_date_time_get_hour (time), g_date_time_get_minute (time),
                          g_date_time_get_second (time));
}

gboolean
ctl_message_parse_date (const char *text, gint64 *out_date)
{
  int day, year, hour, minute, second, zone;
  g_autoptr (GDateTime) time = NULL;
  const char *found;
  char month[4], sign;

  if (sscanf (text, "%2d-%3s-%4d %2d:%2d:%2d %c%4d", &day, month, &year, &hour, &minute, &second, &sign,
              &zone)
      != 8)
    return FALSE;
  found = strstr (months, month);
  if (found == NULL || strlen (month) != 3)
    return FALSE;
  time = g_date_time_new_utc (year, (int) (found - months) / 3 + 1, day, hour, minute, second);
  if (time == NULL)
    return FALSE;
  zone = (zone / 100 * 60 + zone % 100) * 60;
  *out_date = g_date_time_to_unix (time) - (sign == '-' ? -zone : zone);
  return TRUE;
}

/* ---- Line ends ---- */

void
ctl_message_append_crlf (GByteArray *out, const char *data, gsize length)
{
  const char *end = data + length;

  while (data < end) {
    const char *lf = memchr (data, '\n', (gsize) (end - data));
    const char *stop = lf != NULL ? lf : end;
    gboolean has_cr = stop > data ? stop[-1] == '\r' : out->len > 0 && out->data[out->len - 1] == '\r';

    g_byte_array_append (out, (const guint8 *) data, (guint) (stop - data));
    if (lf == NULL)
      return;
    if (!has_cr)
      g_byte_array_append (out, (const guint8 *) "\r", 1);
    g_byte_array_append (out, (const guint8 *) "\n", 1);
    data = lf + 1;
  }
}

GBytes *
ctl_message_to_lf (GBytes *octets)
{
  gsize length, n = 0;
  const char *data = g_bytes_get_data (octets, &length);
  char *out = g_malloc (MAX (length, 1));

  for (gsize i = 0; i < length; i++)
    if (data[i] != '\r' || i + 1 == length || data[i + 1] != '\n')
      out[n++] = data[i];
  return g_bytes_new_take (out, n);
}
