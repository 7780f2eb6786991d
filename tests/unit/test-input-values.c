/* tests/unit/test-input-values.c - mailboxes, flags, dates and sequence sets: what is taken, and what is not.
 */
#include "imap/input.h"

#include <string.h>

static guint options = CF_INPUT_READ_REPORT_SENT;

/* How a row is read, to one text. */
typedef gboolean (*Reader) (CfInput *input, char **out_text, GError **error);

static gboolean
read_create (CfInput *input, char **out_text, GError **error)
{
  return cf_input_mailbox_kind (input, CF_MAILBOX_NAME_CREATE, out_text, error);
}

static gboolean
read_any_flags (CfInput *input, gboolean bare, char **out_text, GError **error)
{
  g_autoptr (CfKeywords) keywords = NULL;
  g_autofree char *names = NULL;
  guint flags;

  if (!cf_input_flags (input, bare, &flags, &keywords, error))
    return FALSE;
  names = cf_keywords_to_string (keywords);
  *out_text = g_strdup_printf ("%u %s", flags, names);
  return TRUE;
}

static gboolean
read_flags (CfInput *input, char **out_text, GError **error)
{
  return read_any_flags (input, FALSE, out_text, error);
}

static gboolean
read_bare_flags (CfInput *input, char **out_text, GError **error)
{
  return read_any_flags (input, TRUE, out_text, error);
}

static gboolean
read_date (CfInput *input, char **out_text, GError **error)
{
  gint32 day;

  if (!cf_input_date (input, &day, error))
    return FALSE;
  *out_text = g_strdup_printf ("%d", day);
  return TRUE;
}

static gboolean
read_date_time (CfInput *input, char **out_text, GError **error)
{
  gint64 time;
  gint zone;

  if (!cf_input_date_time (input, &time, &zone, error))
    return FALSE;
  *out_text = g_strdup_printf ("%" G_GINT64_FORMAT " %d", time, zone);
  return TRUE;
}

static gboolean
read_any_set (CfInput *input, guint32 star, char **out_text, GError **error)
{
  g_autoptr (CfUidSet) set = NULL;

  if (!cf_input_sequence_set (input, star, &set, error))
    return FALSE;
  *out_text = cf_uid_set_to_string (set);
  return TRUE;
}

/* With "$" where it was read. */
static gboolean
read_set_saved (CfInput *input, char **out_text, GError **error)
{
  g_autoptr (CfUidSet) set = NULL;
  g_autofree char *text = NULL;
  gboolean saved;

  if (!cf_input_sequence_set_saved (input, 10, &set, &saved, error))
    return FALSE;
  text = cf_uid_set_to_string (set);
  *out_text = g_strconcat (text, saved ? "$" : "", NULL);
  return TRUE;
}

static gboolean
read_set (CfInput *input, char **out_text, GError **error)
{
  return read_any_set (input, 10, out_text, error);
}

static gboolean
read_set_of_none (CfInput *input, char **out_text, GError **error)
{
  return read_any_set (input, 0, out_text, error);
}

#define BAD    (-1)
#define CANNOT (-2)
#define LIMIT  (-3)

/* @value NULL: refused, with the code that @outcome stands for, and the cursor where it was. Otherwise
 * @outcome is how many octets are left. */
typedef struct {
  Reader read;
  const char *text, *value;
  int outcome;
} Row;

static const Row mailboxes[] = {
  { cf_input_mailbox, "inbox x", "INBOX", 2 },
  { cf_input_mailbox, "\"inBOX/a b\"", "INBOX/a b", 0 },
  { cf_input_mailbox, "Default/tel:+33642575779", "Default/tel:+33642575779", 0 },
  { cf_input_mailbox, "~peter/mail/&U,BTFw-/&ZeVnLIqe-",
    "~peter/mail/\345\217\260\345\214\227/\346\227\245\346\234\254\350\252\236", 0 },
  { cf_input_mailbox, "\"caf\303\251\"", "caf\303\251", 0 },
  { cf_input_mailbox, "a]b", "a]b", 0 },
  { cf_input_mailbox, "\"a\377\"", NULL, CANNOT },
  { cf_input_mailbox, "\"a\tb\"", NULL, CANNOT },
  { cf_input_mailbox, "a&b", NULL, CANNOT },
  { cf_input_mailbox, "\"\"", NULL, CANNOT },
  { cf_input_mailbox, "a/", NULL, CANNOT },
  { cf_input_mailbox, "/a", NULL, CANNOT },
  { cf_input_mailbox, "a//b", NULL, CANNOT },
  { cf_input_mailbox, "", NULL, BAD },
  { cf_input_mailbox, "%", NULL, BAD },
  { cf_input_mailbox, "\"a", NULL, BAD },
  { read_create, "a/b/", "a/b", 0 },
  { read_create, "/", NULL, CANNOT },
  { cf_input_list_mailbox, "Default/*", "Default/*", 0 },
  { cf_input_list_mailbox, "%)", "%", 1 },
  { cf_input_list_mailbox, "\"\"", "", 0 },
  { cf_input_list_mailbox, "\"a %\"", "a %", 0 },
  { cf_input_list_mailbox, "inbox", "INBOX", 0 },
  { cf_input_list_mailbox, "caf&AOk-*", "caf\303\251*", 0 },
  { cf_input_list_mailbox, "&*", NULL, CANNOT },
  { cf_input_list_mailbox, "", NULL, BAD },
  { cf_input_list_mailbox, "(", NULL, BAD },
};

static const Row flags[] = {
  { read_flags, "()", "0 ", 0 },
  { read_flags, "(\\Seen \\deleted)", "12 ", 0 },
  { read_flags, "(\\ANSWERED \\Flagged \\Deleted \\Seen \\Draft) x", "31 ", 2 },
  { read_flags, "(\\Seen $Work \\Seen $work b)", "8 $Work b", 0 },
  { read_flags, "(\\Recent)", "0 ", 0 },
  { read_flags, "(\\Recent \\Draft)", "16 ", 0 },
  { read_flags, "(\\Read-Report-Sent)", "0 \\read-report-sent", 0 },
  { read_flags, "(\\Junk)", NULL, CANNOT },
  { read_flags, "(\\*)", NULL, BAD },
  { read_flags, "(\\)", NULL, BAD },
  { read_flags, "(\\Seen", NULL, BAD },
  { read_flags, "(\\Seen )", NULL, BAD },
  { read_flags, "( \\Seen)", NULL, BAD },
  { read_flags, "(\\Seen  \\Draft)", NULL, BAD },
  { read_flags, "(a]b)", NULL, BAD },
  { read_flags, "(\"a\")", NULL, BAD },
  { read_flags, "(\303\251)", NULL, BAD },
  { read_flags, "\\Seen", NULL, BAD },
  { read_flags, "", NULL, BAD },
  { read_bare_flags, "(\\Seen)", "8 ", 0 },
  { read_bare_flags, "()", "0 ", 0 },
  { read_bare_flags, "\\Seen", "8 ", 0 },
  { read_bare_flags, "\\Seen a \\Draft", "24 a", 0 },
  { read_bare_flags, "\\Seen ", NULL, BAD },
  { read_bare_flags, "", NULL, BAD },
};

static const Row dates[] = {
  { read_date, "1-Jan-1970", "0", 0 },
  { read_date, "01-jan-1970 x", "0", 2 },
  { read_date, "\"1-Jan-1970\"", "0", 0 },
  { read_date, "31-Dec-1969", "-1", 0 },
  { read_date, "29-Feb-2000", "11016", 0 },
  { read_date, "1-Jan-0001", "-719162", 0 },
  { read_date, "31-Dec-9999", "2932896", 0 },
  { read_date, "30-Feb-2000", NULL, BAD },
  { read_date, "29-Feb-1900", NULL, BAD },
  { read_date, "31-Apr-2020", NULL, BAD },
  { read_date, "0-Jan-2020", NULL, BAD },
  { read_date, "32-Jan-2020", NULL, BAD },
  { read_date, "1-Jan-0000", NULL, BAD },
  { read_date, "1-Foo-2020", NULL, BAD },
  { read_date, "1-Jan-20", NULL, BAD },
  { read_date, "001-Jan-2020", NULL, BAD },
  { read_date, " 1-Jan-2020", NULL, BAD },
  { read_date, "\"1-Jan-2020", NULL, BAD },
  { read_date, "1 Jan 2020", NULL, BAD },
  { read_date, "2020-01-01", NULL, BAD },
  { read_date, "", NULL, BAD },

  { read_date_time, "\" 1-Jan-1970 00:00:00 +0000\"", "0 0", 0 },
  { read_date_time, "\"01-Jan-1970 00:00:00 -0000\"", "0 0", 0 },
  { read_date_time, "\"17-Jul-1996 02:44:25 -0700\" x", "837596665 -420", 2 },
  { read_date_time, "\"17-Jul-1996 15:29:25 +0545\"", "837596665 345", 0 },
  { read_date_time, "\"31-Dec-2016 23:59:60 +0000\"", "1483228800 0", 0 },
  { read_date_time, "\"30-Feb-2020 00:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 24:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:60:00 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:61 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00 +2400\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00 +0060\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00 0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00 GMT\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00\"", NULL, BAD },
  { read_date_time, "\"1-Jan-2020 00:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\" 12-Jan-2020 00:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\"  1-Jan-2020 00:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 0:00:00 +0000\"", NULL, BAD },
  { read_date_time, "\"01-Jan-2020 00:00:00 +0000", NULL, BAD },
  { read_date_time, "01-Jan-2020 00:00:00 +0000", NULL, BAD },
};

static const Row sets[] = {
  { read_set, "1", "1", 0 },
  { read_set, "1,3:5,9 x", "1,3:5,9", 2 },
  { read_set, "5:3", "3:5", 0 },
  { read_set, "*", "10", 0 },
  { read_set, "*:4,5:7", "4:10", 0 },
  { read_set, "2,4:7,9,12:*", "2,4:7,9:12", 0 },
  { read_set, "3291:*", "10:3291", 0 },
  { read_set, "*:*", "10", 0 },
  { read_set, "9,7,5,3,1", "1,3,5,7,9", 0 },
  { read_set, "4294967295", "4294967295", 0 },
  { read_set, "1:4294967295", "1:4294967295", 0 },
  { read_set_of_none, "*", "", 0 },
  { read_set_of_none, "1:*", "", 0 },
  { read_set_of_none, "1,2:*", "1", 0 },
  { read_set, "0", NULL, BAD },
  { read_set, "0:5", NULL, BAD },
  { read_set, "1:0", NULL, BAD },
  { read_set, "4294967296", NULL, BAD },
  { read_set, "1:", NULL, BAD },
  { read_set, ":1", NULL, BAD },
  { read_set, "1,", NULL, BAD },
  { read_set, ",1", NULL, BAD },
  { read_set, "1,,2", NULL, BAD },
  { read_set, "1:2:3", "1:2", 2 },
  { read_set, "a", NULL, BAD },
  { read_set, "$", NULL, BAD },
  { read_set_saved, "$", "$", 0 },
  { read_set_saved, "2:3 x", "2:3", 2 },
  { read_set_saved, "1,*,$ x", "1,10$", 2 },
  { read_set_saved, "$,1", "$", 2 },
  { read_set_saved, "$:5", "$", 2 },
  { read_set_saved, "1:$", NULL, BAD },
  { read_set, "-1", NULL, BAD },
  { read_set, "", NULL, BAD },
};

static gsize
count_rest (CfInput *input)
{
  gsize n = 0;

  for (char c = cf_input_peek (input); c != '\0'; c = cf_input_peek (input)) {
    cf_input_skip (input, c);
    n++;
  }
  return n;
}

static void
check_row (const Row *row)
{
  g_autoptr (CfInput) input = cf_input_new_text (row->text, options);
  g_autoptr (GError) error = NULL;
  g_autofree char *value = NULL;
  g_autofree char *shown = g_strescape (row->text, NULL);
  gboolean taken = row->read (input, &value, &error);
  gint code = row->outcome == BAD ? CF_ERROR_BAD : row->outcome == CANNOT ? CF_ERROR_CANNOT : CF_ERROR_LIMIT;

  g_test_message ("%s", shown);
  g_assert_cmpstr (value, ==, row->value);
  g_assert_cmpint (taken, ==, row->value != NULL);
  if (taken) {
    g_assert_cmpuint (count_rest (input), ==, (guint64) row->outcome);
    return;
  }
  g_assert_error (error, CF_ERROR, code);
  g_assert_cmpuint (count_rest (input), ==, strlen (row->text));
}

typedef struct {
  const Row *rows;
  guint n;
} Table;

static void
test_table (gconstpointer data)
{
  const Table *table = data;

  for (guint i = 0; i < table->n; i++)
    check_row (&table->rows[i]);
}

static void
test_keyword_length (void)
{
  g_autofree char *most = g_strnfill (CF_KEYWORD_MAX, 'k'), *over = g_strnfill (CF_KEYWORD_MAX + 1, 'k');
  g_autofree char *taken = g_strconcat ("(", most, ")", NULL), *refused = g_strconcat ("(", over, ")", NULL);
  g_autofree char *value = g_strconcat ("0 ", most, NULL);

  check_row (&(Row){ read_flags, taken, value, 0 });
  check_row (&(Row){ read_flags, refused, NULL, LIMIT });
}

static void
test_no_read_report_sent (void)
{
  options = 0;
  check_row (&(Row){ read_flags, "(\\read-report-sent)", NULL, CANNOT });
  options = CF_INPUT_READ_REPORT_SENT;
}

/* A set of many ranges in the worst order takes no noticeable time. */
static void
test_large_set (void)
{
  g_autoptr (GString) text = g_string_new ("1");
  g_autoptr (CfInput) input = NULL;
  g_autoptr (CfUidSet) set = NULL;

  for (guint i = 100000; i > 1; i--)
    g_string_append_printf (text, ",%u", 2 * i);
  input = cf_input_new_text (text->str, 0);
  g_assert_true (cf_input_sequence_set (input, 1, &set, NULL));
  g_assert_cmpuint (cf_uid_set_get_n_ranges (set), ==, 100000);
}

/* Whatever comes, each function takes it or refuses it, and a refusal moves nothing. */
static void
test_random (void)
{
  static const Reader readers[] = { cf_input_mailbox, cf_input_list_mailbox, read_flags,  read_bare_flags,
                                    read_date,        read_date_time,        read_set,    cf_input_atom,
                                    cf_input_name,    cf_input_astring,      read_create, cf_input_string,
                                    read_set_saved };
  static const char octets[] = "\"$\\(){}*%],:-+&0123456789 JanSeAOk\303\251\r\t";
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (guint i = 0; i < 100000; i++) {
    char text[24] = "";
    gint length = g_rand_int_range (rand, 0, 23);
    g_autoptr (CfInput) input = NULL;
    g_autoptr (GError) error = NULL;
    g_autofree char *value = NULL;

    for (gint j = 0; j < length; j++)
      text[j] = octets[g_rand_int_range (rand, 0, sizeof octets - 1)];
    input = cf_input_new_text (text, options);
    if (!readers[i % G_N_ELEMENTS (readers)](input, &value, &error)) {
      g_assert_nonnull (error);
      g_assert_null (value);
      g_assert_cmpuint (count_rest (input), ==, strlen (text));
    }
  }
}

int
main (int argc, char **argv)
{
  static const Table tables[] = {
    { mailboxes, G_N_ELEMENTS (mailboxes) },
    { flags, G_N_ELEMENTS (flags) },
    { dates, G_N_ELEMENTS (dates) },
    { sets, G_N_ELEMENTS (sets) },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/core/input-values/mailboxes", &tables[0], test_table);
  g_test_add_data_func ("/core/input-values/flags", &tables[1], test_table);
  g_test_add_data_func ("/core/input-values/dates", &tables[2], test_table);
  g_test_add_data_func ("/core/input-values/sequence-sets", &tables[3], test_table);
  g_test_add_func ("/core/input-values/flags/keyword-length", test_keyword_length);
  g_test_add_func ("/core/input-values/flags/no-read-report-sent", test_no_read_report_sent);
  g_test_add_func ("/core/input-values/sequence-sets/large", test_large_set);
  g_test_add_func ("/core/input-values/random", test_random);
  return g_test_run ();
}
