/* core/imap/output.c - what is to be sent (RFC 3501, 9).
 *
 * Each function chooses the simplest form that carries its value: an atom, a quoted string, a literal.
 */
#include "imap/output.h"

#include <string.h>

#include "imap/input.h"

/* Longer texts are sent as literals, which clients read without scanning. */
#define QUOTED_MAX 1000

struct _CfOutput {
  GByteArray *octets; /* NULL: empty */
  guint options;
  gboolean open;   /* a response is half written, what has been taken out included */
  guint64 literal; /* octets still to come of a literal that was begun */
};

/* ---- The buffer -------------------------------------------------------------------------------------- */

CfOutput *
cf_output_new (guint options)
{
  CfOutput *output = g_new0 (CfOutput, 1);

  output->options = options;
  return output;
}

void
cf_output_set_options (CfOutput *output, guint options)
{
  output->options = options;
}

void
cf_output_free (CfOutput *output)
{
  if (output == NULL)
    return;
  cf_output_clear (output);
  g_free (output);
}

gsize
cf_output_get_length (const CfOutput *output)
{
  return output->octets != NULL ? output->octets->len : 0;
}

const guint8 *
cf_output_peek (const CfOutput *output, gsize *out_length)
{
  *out_length = cf_output_get_length (output);
  return *out_length > 0 ? output->octets->data : NULL;
}

void
cf_output_clear (CfOutput *output)
{
  g_clear_pointer (&output->octets, g_byte_array_unref);
}

void
cf_output_truncate (CfOutput *output, gsize length)
{
  if (length >= cf_output_get_length (output))
    return;
  /* What is left may end in a literal's octets, so only the beginning of everything is known for sure. */
  output->open = output->open || output->literal > 0 || length > 0;
  output->literal = 0;
  g_byte_array_set_size (output->octets, (guint) length);
}

gboolean
cf_output_is_open (const CfOutput *output)
{
  return output->open;
}

/* Where responses end: at a CRLF that is not in a literal. */
static void
output_follow (CfOutput *output, const char *octets, gsize length)
{
  gsize in_literal = MIN (output->literal, length);

  output->literal -= in_literal;
  if (length > in_literal)
    output->open = length - in_literal < 2 || memcmp (octets + length - 2, "\r\n", 2) != 0;
}

void
cf_output_octets (CfOutput *output, const void *octets, gsize length)
{
  g_return_if_fail (length <= G_MAXUINT);
  if (length == 0)
    return;
  if (output->octets == NULL)
    output->octets = g_byte_array_new ();
  g_byte_array_append (output->octets, octets, (guint) length);
  output_follow (output, octets, length);
}

/* ---- Strings ----------------------------------------------------------------------------------------- */

void
cf_output_text (CfOutput *output, const char *text)
{
  cf_output_octets (output, text, strlen (text));
}

void
cf_output_printf (CfOutput *output, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  cf_output_text (output, text);
}

void
cf_output_begin_literal (CfOutput *output, guint64 length, gboolean literal8)
{
  cf_output_printf (output, "%s{%" G_GUINT64_FORMAT "}\r\n", literal8 ? "~" : "", length);
  output->open = TRUE;
  output->literal = length;
}

static void
output_quoted (CfOutput *output, const char *text)
{
  cf_output_octets (output, "\"", 1);
  while (*text != '\0') {
    gsize run = strcspn (text, "\"\\");

    cf_output_octets (output, text, run);
    text += run;
    if (*text != '\0') {
      cf_output_octets (output, "\\", 1);
      cf_output_octets (output, text++, 1);
    }
  }
  cf_output_octets (output, "\"", 1);
}

/* Octets above 0x7f only where the client takes them, and only UTF-8. */
static gboolean
output_can_quote (const CfOutput *output, const char *text)
{
  gboolean is_ascii = TRUE;

  for (gsize i = 0; text[i] != '\0'; i++) {
    if (i == QUOTED_MAX || text[i] == '\r' || text[i] == '\n')
      return FALSE;
    is_ascii = is_ascii && (guchar) text[i] < 0x80;
  }
  return is_ascii || ((output->options & CF_OUTPUT_UTF8) != 0 && g_utf8_validate (text, -1, NULL));
}

void
cf_output_string (CfOutput *output, const char *text)
{
  gsize length;

  if (output_can_quote (output, text)) {
    output_quoted (output, text);
    return;
  }
  length = strlen (text);
  cf_output_begin_literal (output, length, FALSE);
  cf_output_octets (output, text, length);
}

void
cf_output_nstring (CfOutput *output, const char *text)
{
  if (text != NULL)
    cf_output_string (output, text);
  else
    cf_output_text (output, "NIL");
}

/* NIL is quoted, as it reads as nothing where an nstring may stand. */
static gboolean
output_can_be_atom (const char *text)
{
  gsize i;

  for (i = 0; text[i] != '\0'; i++)
    if (i == QUOTED_MAX || !cf_input_is_class ((guchar) text[i], CF_INPUT_ASTRING))
      return FALSE;
  return i > 0 && g_ascii_strcasecmp (text, "NIL") != 0;
}

void
cf_output_astring (CfOutput *output, const char *text)
{
  if (output_can_be_atom (text))
    cf_output_text (output, text);
  else
    cf_output_string (output, text);
}

void
cf_output_literal (CfOutput *output, GBytes *octets, gboolean literal8)
{
  gsize length;
  const void *data = g_bytes_get_data (octets, &length);

  cf_output_begin_literal (output, length, literal8 && length > 0 && memchr (data, '\0', length) != NULL);
  cf_output_octets (output, data, length);
}

/* ---- Values ------------------------------------------------------------------------------------------ */

void
cf_output_mailbox (CfOutput *output, const char *name, gboolean quoted)
{
  CfMailboxSpelling spelling
      = (output->options & CF_OUTPUT_UTF8) != 0 ? CF_MAILBOX_SPELLING_UTF8 : CF_MAILBOX_SPELLING_UTF7;
  g_autofree char *wire = cf_mailbox_name_to_wire (name, spelling);

  if (quoted)
    output_quoted (output, wire);
  else
    cf_output_astring (output, wire);
}

/* A flag with the space that separates it from the one before; @start is where the list's first stands. */
static void
output_flag (CfOutput *output, gsize start, const char *flag)
{
  if (cf_output_get_length (output) > start)
    cf_output_octets (output, " ", 1);
  cf_output_text (output, flag);
}

void
cf_output_flags (CfOutput *output, guint flags, const CfKeywords *keywords, gboolean recent)
{
  static const struct {
    guint flag;
    const char *name;
  } names[] = {
    { CF_FLAG_ANSWERED, "\\Answered" }, { CF_FLAG_FLAGGED, "\\Flagged" }, { CF_FLAG_DELETED, "\\Deleted" },
    { CF_FLAG_SEEN, "\\Seen" },         { CF_FLAG_DRAFT, "\\Draft" },
  };
  gsize start;

  cf_output_octets (output, "(", 1);
  start = cf_output_get_length (output);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (flags & names[i].flag)
      output_flag (output, start, names[i].name);
  for (gsize i = 0; i < cf_keywords_get_n (keywords); i++) {
    const char *keyword = cf_keywords_get (keywords, i);

    if ((output->options & CF_OUTPUT_HIDE_READ_REPORT_SENT) == 0
        || g_ascii_strcasecmp (keyword, CF_KEYWORD_READ_REPORT_SENT) != 0)
      output_flag (output, start, keyword);
  }
  if (recent)
    output_flag (output, start, "\\Recent");
  cf_output_octets (output, ")", 1);
}

/* The local time there, within the years that four digits can say: 1 to 9999. */
static GDateTime *
output_local_time (gint64 time, gint zone_minutes)
{
  const gint64 first = G_GINT64_CONSTANT (-62135596800), last = G_GINT64_CONSTANT (253402300799);
  gint64 local = CLAMP (time, first, last) + zone_minutes * 60;

  return g_date_time_new_from_unix_utc (CLAMP (local, first, last));
}

void
cf_output_date_time (CfOutput *output, gint64 time, gint zone_minutes)
{
  static const char months[12][4]
      = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  gint zone = CLAMP (zone_minutes, -(99 * 60 + 59), 99 * 60 + 59);
  g_autoptr (GDateTime) local = output_local_time (time, zone);

  cf_output_printf (output, "\"%2d-%s-%04d %02d:%02d:%02d %c%02d%02d\"", g_date_time_get_day_of_month (local),
                    months[g_date_time_get_month (local) - 1], g_date_time_get_year (local),
                    g_date_time_get_hour (local), g_date_time_get_minute (local),
                    g_date_time_get_second (local), zone < 0 ? '-' : '+', ABS (zone) / 60, ABS (zone) % 60);
}
