/* core/imap/input-values.c - the arguments that stand for values: mailboxes, flags, dates, sets (RFC 3501,
 * 9).
 *
 * Each is read with the functions of input.c, and goes back to where it began when something does not fit.
 */
#include "imap/input.h"

#include <stdlib.h>
#include <string.h>

static gboolean
values_fail (GError **error, const char *message)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, message);
  return FALSE;
}

/* ---- Mailboxes --------------------------------------------------------------------------------------- */

static CfMailboxSpelling
values_get_spelling (const CfInput *input)
{
  return (cf_input_get_options (input) & CF_INPUT_UTF8) != 0 ? CF_MAILBOX_SPELLING_UTF8
                                                             : CF_MAILBOX_SPELLING_UTF7;
}

gboolean
cf_input_mailbox_kind (CfInput *input, CfMailboxNameKind kind, char **out_name, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  g_autofree char *wire = NULL;
  char *name;

  if (!cf_input_astring (input, &wire, error))
    return FALSE;
  name = cf_mailbox_name_from_wire (wire, values_get_spelling (input), kind, error);
  if (name == NULL) {
    cf_input_reset (input, mark);
    return FALSE;
  }
  *out_name = name;
  return TRUE;
}

gboolean
cf_input_mailbox (CfInput *input, char **out_name, GError **error)
{
  return cf_input_mailbox_kind (input, CF_MAILBOX_NAME_PLAIN, out_name, error);
}

gboolean
cf_input_list_mailbox (CfInput *input, char **out_pattern, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  g_autofree char *wire = cf_input_take (input, CF_INPUT_LIST);
  char *pattern;

  if (wire == NULL && !cf_input_string (input, &wire, error))
    return FALSE;
  pattern = cf_mailbox_name_from_wire (wire, values_get_spelling (input), CF_MAILBOX_NAME_PATTERN, error);
  if (pattern == NULL) {
    cf_input_reset (input, mark);
    return FALSE;
  }
  *out_pattern = pattern;
  return TRUE;
}

/* ---- Flags ------------------------------------------------------------------------------------------- */

/* What follows "\". A flag-extension is well formed, so an unknown one is refused rather than malformed (RFC
 * 3501, 2.3.2: clients use only those that a standard defines). */
static gboolean
values_system_flag (CfInput *input, guint *flags, GPtrArray *keywords, GError **error)
{
  static const struct {
    const char *name;
    guint flag;
  } known[] = {
    { "Answered", CF_FLAG_ANSWERED },
    { "Flagged", CF_FLAG_FLAGGED },
    { "Deleted", CF_FLAG_DELETED },
    { "Seen", CF_FLAG_SEEN },
    { "Draft", CF_FLAG_DRAFT },
    { "Recent", 0 }, /* belongs to the server; some clients send back what FETCH showed them */
  };
  g_autofree char *name = NULL;

  if (!cf_input_atom (input, &name, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_ascii_strcasecmp (name, known[i].name) == 0) {
      *flags |= known[i].flag;
      return TRUE;
    }
  if ((cf_input_get_options (input) & CF_INPUT_READ_REPORT_SENT) != 0
      && g_ascii_strcasecmp (name, &CF_KEYWORD_READ_REPORT_SENT[1]) == 0) {
    g_ptr_array_add (keywords, g_strdup (CF_KEYWORD_READ_REPORT_SENT));
    return TRUE;
  }
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "There is no flag \\%.*s", CF_KEYWORD_MAX, name);
  return FALSE;
}

static gboolean
values_flag (CfInput *input, guint *flags, GPtrArray *keywords, GError **error)
{
  char *keyword;

  if (cf_input_skip (input, '\\'))
    return values_system_flag (input, flags, keywords, error);
  if (!cf_input_atom (input, &keyword, error))
    return FALSE;
  g_ptr_array_add (keywords, keyword);
  if (strlen (keyword) > CF_KEYWORD_MAX) {
    g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "A keyword has at most %d characters", CF_KEYWORD_MAX);
    return FALSE;
  }
  return TRUE;
}

static gboolean
values_flag_list (CfInput *input, gboolean bare, guint *flags, GPtrArray *keywords, GError **error)
{
  gboolean open = cf_input_skip (input, '(');

  if (!open && !bare)
    return cf_input_expect (input, '(', error);
  if (open && cf_input_skip (input, ')'))
    return TRUE;
  do {
    if (!values_flag (input, flags, keywords, error))
      return FALSE;
  } while (cf_input_skip (input, ' '));
  return !open || cf_input_expect (input, ')', error);
}

gboolean
cf_input_flags (CfInput *input, gboolean bare, guint *out_flags, CfKeywords **out_keywords, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  g_autoptr (GPtrArray) keywords = g_ptr_array_new_with_free_func (g_free);
  guint flags = 0;

  if (!values_flag_list (input, bare, &flags, keywords, error)) {
    cf_input_reset (input, mark);
    return FALSE;
  }
  *out_flags = flags;
  *out_keywords = cf_keywords_new ((const char *const *) keywords->pdata, keywords->len);
  return TRUE;
}

/* ---- Dates ------------------------------------------------------------------------------------------- */

/* Between @min and @max digits. */
static gboolean
values_digits (CfInput *input, guint min, guint max, gint *out_number)
{
  gint number = 0;
  guint n;

  for (n = 0; n < max && g_ascii_isdigit (cf_input_peek (input)); n++) {
    char digit = cf_input_peek (input);

    cf_input_skip (input, digit);
    number = number * 10 + g_ascii_digit_value (digit);
  }
  *out_number = number;
  return n >= min;
}

static gboolean
values_month (CfInput *input, GDateMonth *out_month)
{
  static const char *const months[]
      = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
  char name[4] = "";

  for (guint i = 0; i < 3; i++) {
    name[i] = cf_input_peek (input);
    if (!cf_input_skip (input, name[i]))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (months); i++)
    if (g_ascii_strcasecmp (name, months[i]) == 0) {
      *out_month = (GDateMonth) (i + 1);
      return TRUE;
    }
  return FALSE;
}

/* "-Jan-2020", the day having been read, as a day of the Gregorian calendar that exists. */
static gboolean
values_month_year (CfInput *input, gint day, gint32 *out_day)
{
  GDate date, epoch;
  GDateMonth month;
  gint year;

  if (!cf_input_skip (input, '-') || !values_month (input, &month) || !cf_input_skip (input, '-')
      || !values_digits (input, 4, 4, &year))
    return FALSE;
  if (!g_date_valid_dmy ((GDateDay) day, month, (GDateYear) year))
    return FALSE;
  g_date_clear (&date, 1);
  g_date_clear (&epoch, 1);
  g_date_set_dmy (&date, (GDateDay) day, month, (GDateYear) year);
  g_date_set_dmy (&epoch, 1, G_DATE_JANUARY, 1970);
  *out_day = g_date_days_between (&epoch, &date);
  return TRUE;
}

gboolean
cf_input_date (CfInput *input, gint32 *out_day, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  gboolean quoted = cf_input_skip (input, '"');
  gint32 date;
  gint day;

  if (values_digits (input, 1, 2, &day) && values_month_year (input, day, &date)
      && (!quoted || cf_input_skip (input, '"'))) {
    *out_day = date;
    return TRUE;
  }
  cf_input_reset (input, mark);
  return values_fail (error, "Date expected, such as 1-Feb-2020");
}

/* date-day-fixed: a space stands for the first of two digits. */
static gboolean
values_day_fixed (CfInput *input, gint *out_day)
{
  guint n = cf_input_skip (input, ' ') ? 1 : 2;

  return values_digits (input, n, n, out_day);
}

/* time: seconds since midnight. 60 is a leap second's. */
static gboolean
values_time (CfInput *input, gint *out_seconds)
{
  gint hour, minute, second;

  if (!values_digits (input, 2, 2, &hour) || !cf_input_skip (input, ':')
      || !values_digits (input, 2, 2, &minute) || !cf_input_skip (input, ':')
      || !values_digits (input, 2, 2, &second))
    return FALSE;
  *out_seconds = (hour * 60 + minute) * 60 + second;
  return hour <= 23 && minute <= 59 && second <= 60;
}

static gboolean
values_zone (CfInput *input, gint *out_minutes)
{
  gboolean west = cf_input_skip (input, '-');
  gint hours, minutes;

  if ((!west && !cf_input_skip (input, '+')) || !values_digits (input, 2, 2, &hours)
      || !values_digits (input, 2, 2, &minutes))
    return FALSE;
  *out_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
  return hours <= 23 && minutes <= 59;
}

gboolean
cf_input_date_time (CfInput *input, gint64 *out_time, gint *out_zone_minutes, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  gint day, seconds, zone;
  gint32 date;

  if (cf_input_skip (input, '"') && values_day_fixed (input, &day) && values_month_year (input, day, &date)
      && cf_input_skip (input, ' ') && values_time (input, &seconds) && cf_input_skip (input, ' ')
      && values_zone (input, &zone) && cf_input_skip (input, '"')) {
    *out_time = (gint64) date * 86400 + seconds - zone * 60;
    *out_zone_minutes = zone;
    return TRUE;
  }
  cf_input_reset (input, mark);
  return values_fail (error, "Date and time expected, such as \" 1-Feb-2020 12:34:56 +0000\"");
}

/* ---- Sequence sets ----------------------------------------------------------------------------------- */

static gboolean
values_seq_number (CfInput *input, guint32 star, guint32 *out_number, GError **error)
{
  if (cf_input_skip (input, '*')) {
    *out_number = star;
    return TRUE;
  }
  if (!cf_input_number (input, out_number, error))
    return FALSE;
  return *out_number != 0 || values_fail (error, "0 is no message");
}

/* @out_saved: whether "$" ends it; NULL: not allowed. */
static gboolean
values_seq_ranges (CfInput *input, guint32 star, GArray *ranges, gboolean *out_saved, GError **error)
{
  do {
    CfUidRange range;
    guint32 other;

    if (out_saved != NULL && cf_input_skip (input, '$')) {
      *out_saved = TRUE;
      return TRUE;
    }
    if (!values_seq_number (input, star, &range.first, error))
      return FALSE;
    other = range.first;
    if (cf_input_skip (input, ':') && !values_seq_number (input, star, &other, error))
      return FALSE;
    range.last = MAX (range.first, other);
    range.first = MIN (range.first, other);
    if (range.first != 0) /* 0 is "*" of an empty mailbox */
      g_array_append_val (ranges, range);
  } while (cf_input_skip (input, ','));
  return TRUE;
}

static int
values_compare_ranges (const void *a, const void *b)
{
  guint32 x = ((const CfUidRange *) a)->first, y = ((const CfUidRange *) b)->first;

  return (x > y) - (x < y);
}

gboolean
cf_input_sequence_set (CfInput *input, guint32 star, CfUidSet **out_set, GError **error)
{
  return cf_input_sequence_set_saved (input, star, out_set, NULL, error);
}

gboolean
cf_input_sequence_set_saved (CfInput *input, guint32 star, CfUidSet **out_set, gboolean *out_saved,
                             GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (CfUidRange));
  gboolean saved = FALSE;
  CfUidSet *set;

  if (!values_seq_ranges (input, star, ranges, out_saved != NULL ? &saved : NULL, error)) {
    cf_input_reset (input, mark);
    return FALSE;
  }

  /* Ascending, as adding thousands of ranges in any other order would move the rest each time. */
  g_array_sort (ranges, values_compare_ranges);
  set = cf_uid_set_new ();
  for (guint i = 0; i < ranges->len; i++) {
    CfUidRange range = g_array_index (ranges, CfUidRange, i);

    cf_uid_set_add_range (set, range.first, range.last);
  }
  if (out_saved != NULL)
    *out_saved = saved;
  *out_set = set;
  return TRUE;
}
