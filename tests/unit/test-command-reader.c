/* tests/unit/test-command-reader.c - octets become commands, however they arrive; what is refused is read to
 * its end.
 *
 * A row is what a client sends and what the reader answers, as a transcript:
 *
 * - [tag NAME|arguments]: COMPLETE. A literal in the arguments is <octets>, a literal8 ~<octets>, NUL is 0.
 * - +n: CONTINUE for a literal of n octets.
 * - !CODE tag: ERROR, "*" for no tag.
 * - X: FATAL.
 */
#include "imap/command-reader.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>

static CfCommandReaderConfig config = {
  .command_max = 64,
  .login_literal_max = 16,
  .literal_max = 32,
  .append_limit = 200,
  .append_total = 300,
  .discard_max = 64,
  .spool_threshold = 20,
  .input_options = CF_INPUT_READ_REPORT_SENT,
};

static CfLiterals
choose_literals (const char *name, gpointer user_data, GError **error)
{
  if (g_str_equal (name, "APPEND"))
    return CF_LITERALS_MESSAGE;
  if (g_str_equal (name, "NOSUCH")) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CLIENTBUG, "Unknown command");
    return CF_LITERALS_REFUSED;
  }
  return g_str_equal (name, "NOOP") ? CF_LITERALS_REFUSED : CF_LITERALS_ORDINARY;
}

/* ---- Transcripts ------------------------------------------------------------------------------------- */

static void
show_octets (GString *out, const char *octets, gsize length)
{
  for (gsize i = 0; i < length; i++)
    g_string_append_c (out, octets[i] != '\0' ? octets[i] : '0');
}

static void
show_literal (GString *out, CfInput *input)
{
  g_autoptr (CfSource) source = NULL;
  g_autofree char *octets = NULL;
  gboolean literal8;
  gsize length;

  g_assert_true (cf_input_literal (input, &source, &literal8, NULL));
  length = cf_source_get_length (source);
  octets = g_malloc (length + 1);
  g_assert_true (cf_source_read (source, 0, octets, length, NULL));
  g_string_append (out, literal8 ? "~<" : "<");
  show_octets (out, octets, length);
  g_string_append_c (out, '>');
}

static void
show_command (GString *out, CfCommandReader *reader)
{
  g_autoptr (CfInput) input = cf_command_reader_steal_input (reader);

  g_string_append_printf (out, "[%s %s|", cf_command_reader_get_tag (reader),
                          cf_command_reader_get_name (reader));
  while (!cf_input_is_end (input))
    if (cf_input_is_literal (input)) {
      show_literal (out, input);
    } else {
      char c = cf_input_peek (input);

      g_string_append_c (out, c);
      g_assert_true (cf_input_skip (input, c));
    }
  g_string_append_c (out, ']');
}

static const char *
code_name (gint code)
{
  switch (code) {
  case CF_ERROR_BAD:
    return "BAD";
  case CF_ERROR_CLIENTBUG:
    return "CLIENTBUG";
  case CF_ERROR_LIMIT:
    return "LIMIT";
  case CF_ERROR_TOOBIG:
    return "TOOBIG";
  case CF_ERROR_UNAVAILABLE:
    return "UNAVAILABLE";
  }
  return "?";
}

/* FALSE: the connection is to be closed. */
static gboolean
show_result (GString *out, CfCommandReader *reader, CfRead result, const GError *error)
{
  const char *tag = cf_command_reader_get_tag (reader);

  switch (result) {
  case CF_READ_NEED_MORE:
    break;
  case CF_READ_CONTINUE:
    g_string_append_c (out, '+');
    break;
  case CF_READ_COMPLETE:
    show_command (out, reader);
    break;
  case CF_READ_ERROR:
    g_string_append_printf (out, "!%s %s", code_name (error->code), tag != NULL ? tag : "*");
    break;
  case CF_READ_FATAL:
    g_string_append_c (out, 'X');
    return FALSE;
  }
  return TRUE;
}

/* Feeds one portion until it is consumed. FALSE: FATAL. */
static gboolean
feed_portion (GString *out, CfCommandReader *reader, const char *data, gsize length)
{
  gsize at = 0;

  while (at < length) {
    /* exactly as much memory as there are octets, so that a checker sees what is read beyond them */
    g_autofree char *portion = g_memdup2 (data + at, length - at);
    g_autoptr (GError) error = NULL;
    gsize consumed = 0;
    CfRead result = cf_command_reader_feed (reader, portion, length - at, &consumed, &error);

    g_assert_cmpint (error != NULL, ==, result == CF_READ_ERROR || result == CF_READ_FATAL);
    g_assert_cmpuint (consumed, >, 0);
    if (!show_result (out, reader, result, error))
      return FALSE;
    g_assert_true (result != CF_READ_NEED_MORE || consumed == length - at);
    at += consumed;
  }
  return TRUE;
}

/* @most: octets of a portion; @rand: NULL, or each portion is of a random length up to it. */
static char *
transcribe (const char *data, gsize length, gsize most, GRand *rand, gboolean authenticated)
{
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&config, choose_literals, NULL);
  GString *out = g_string_new (NULL);
  gsize at = 0;

  cf_command_reader_set_authenticated (reader, authenticated);
  while (at < length) {
    gsize n = rand != NULL ? (gsize) g_rand_int_range (rand, 1, (gint32) most + 1) : most;

    n = MIN (n, length - at);
    if (!feed_portion (out, reader, data + at, n))
      return g_string_free (out, FALSE);
    at += n;
  }
  return g_string_free (out, FALSE);
}

/* The same however it arrives. */
static void
assert_transcript (const char *data, gsize length, const char *expected, gboolean authenticated)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree char *at_once = transcribe (data, length, length, NULL, authenticated);
  g_autofree char *octetwise = transcribe (data, length, 1, NULL, authenticated);

  if (expected != NULL)
    g_assert_cmpstr (at_once, ==, expected);
  g_assert_cmpstr (octetwise, ==, at_once);
  for (guint i = 0; i < 8; i++) {
    g_autofree char *split = transcribe (data, length, 2 + i * 3, rand, authenticated);

    g_assert_cmpstr (split, ==, at_once);
  }
}

/* ---- Rows -------------------------------------------------------------------------------------------- */

#define TEN     "0123456789"
#define FORTY   TEN TEN TEN TEN
#define HUNDRED FORTY FORTY TEN TEN
#define ROW(sent, transcript)                                                                                \
  {                                                                                                          \
    sent, sizeof (sent) - 1, transcript                                                                      \
  }

typedef struct {
  const char *sent;
  gsize length;
  const char *transcript;
} Row;

static const Row lines[] = {
  ROW ("a1 NOOP\r\n", "[a1 NOOP|]"),
  ROW ("a1 noop\n", "[a1 NOOP|]"),
  ROW ("\r\n\na1 NOOP\r\n\r\n\na2 NOOP\n\n", "[a1 NOOP|][a2 NOOP|]"),
  ROW ("a1 Uid fetch 1 X\r\n", "[a1 UID FETCH| 1 X]"),
  ROW ("a1 UID\r\na2 UID \r\na3 UID  FETCH 1\r\n", "[a1 UID|][a2 UID| ][a3 UID|  FETCH 1]"),
  ROW ("a1 UIDX FETCH\r\n", "[a1 UIDX| FETCH]"),
  ROW ("a]1.*\r\n", "!BAD *"),
  ROW ("a]1. LIST \"\" *\r\n", "[a]1. LIST| \"\" *]"),
  ROW ("a1\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 \r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1  NOOP\r\n", "!BAD a1"),
  ROW (" NOOP\r\n", "!BAD *"),
  ROW ("+ NOOP\r\na+b NOOP\r\n* OK\r\n(x) y\r\n", "!BAD *!BAD *!BAD *!BAD *"),
  ROW ("\303\251 NOOP\r\n", "!BAD *"),
  ROW ("a1\tNOOP\r\n", "!BAD *"),
  ROW ("a1 NO\0OP\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("\0\r\na2 NOOP\r\n", "!BAD *[a2 NOOP|]"),
  ROW ("a1 NOOP\rx\r\n", "[a1 NOOP|\rx]"),
  ROW ("a1 NOOP", ""),
  ROW ("\r", ""),
  ROW ("GET / HTTP/1.0\r\n", "[GET /| HTTP/1.0]"),
  /* 64 octets with the line's end, then one more */
  ROW ("a1 X " TEN TEN TEN TEN TEN "1234567\r\n", "[a1 X| " TEN TEN TEN TEN TEN "1234567]"),
  ROW ("a1 X " TEN TEN TEN TEN TEN "12345678\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW (HUNDRED "\r\na2 NOOP\r\n", "!BAD *[a2 NOOP|]"),
  ROW ("a1 X " HUNDRED HUNDRED "\r\n", "!BAD a1X"),
};

static const Row literals[] = {
  ROW ("a1 LOGIN {3}\r\nfoo {3}\r\nbar\r\n", "++[a1 LOGIN| <foo> <bar>]"),
  ROW ("a1 LOGIN {3+}\r\nfoo {3+}\r\nbar\r\n", "[a1 LOGIN| <foo> <bar>]"),
  ROW ("a1 LOGIN {3+}\nfoo {3+}\nbar\n", "[a1 LOGIN| <foo> <bar>]"),
  ROW ("a1 X {0}\r\n\r\n", "+[a1 X| <>]"),
  ROW ("a1 X {0+}\r\n{0+}\r\n {3}\r\n\r\n \r\n", "+[a1 X| <><> <\r\n >]"),
  ROW ("a1 X {03+}\r\nabc\r\n", "[a1 X| <abc>]"),
  ROW ("a1 X {3+}\r\na\nbc\r\n", "[a1 X| <a\nb>c]"),
  ROW ("a1 X ~{3}\r\na\0b\r\n", "+[a1 X| ~<a0b>]"),
  ROW ("a1 X ~{3+}\r\na\0b ~{1+}\r\nx\r\n", "[a1 X| ~<a0b> ~<x>]"),
  ROW ("a1 X {3+}\r\na\0b {1+}\r\nx\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 X {3}\r\na\0b {1}\r\na2 NOOP\r\n", "+!BAD a1[a2 NOOP|]"),
  ROW ("a1 X {3}\r\na\0b\r\na2 NOOP\r\n", "+!BAD a1[a2 NOOP|]"),
  ROW ("a1 X \0{3+}\r\nabc\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 X \0{3}\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  /* no markers */
  ROW ("a1 X \"a{3}\"\r\n", "[a1 X| \"a{3}\"]"),
  ROW ("a1 X {3} \r\n", "[a1 X| {3} ]"),
  ROW ("a1 X {}\r\na2 X {+}\r\na3 X {-1}\r\na4 X {a}\r\na5 X 3}\r\na6 X }\r\n",
       "[a1 X| {}][a2 X| {+}][a3 X| {-1}][a4 X| {a}][a5 X| 3}][a6 X| }]"),
  ROW ("a1 X {3+\r\na2 X {3++}\r\n}\r\n3}\r\n", "[a1 X| {3+][a2 X| {3++}]!BAD }!BAD 3}"),
  /* a marker wherever the line has it */
  ROW ("a1 X \"x {5+}\r\nabcde\r\n", "[a1 X| \"x <abcde>]"),
  ROW ("a1 X a{1+}\r\nb\r\n", "[a1 X| a<b>]"),
  ROW ("a1 X{1+}\r\nb\r\n", "[a1 X|<b>]"),
  ROW ("a1 UID {1+}\r\nb\r\n", "[a1 UID| <b>]"),
  ROW ("{1+}\r\nb\r\na2 NOOP\r\n", "!BAD *[a2 NOOP|]"),
  ROW ("{1}\r\na2 NOOP\r\n", "!BAD *[a2 NOOP|]"),
  ROW ("a1 {1}\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 {9+}\r\nx\r\nb NOOP NOOP\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
};

static const Row refused[] = {
  /* by the policy */
  ROW ("a1 NOSUCH {3}\r\na2 NOOP\r\n", "!CLIENTBUG a1[a2 NOOP|]"),
  ROW ("a1 NOSUCH {3+}\r\nx y {1+}\r\nz\r\na2 NOOP\r\n", "!CLIENTBUG a1[a2 NOOP|]"),
  ROW ("a1 NOSUCH {3+}\r\nx y {1}\r\na2 NOOP\r\n", "!CLIENTBUG a1[a2 NOOP|]"),
  ROW ("a1 NOOP {3}\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  /* ordinary: 32 octets at most, one and all */
  ROW ("a1 X {32+}\r\n" TEN TEN TEN "12\r\n", "[a1 X| <" TEN TEN TEN "12>]"),
  ROW ("a1 X {33}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {33+}\r\n" TEN TEN TEN "123 rest\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {20}\r\n" TEN TEN " {13}\r\na2 NOOP\r\n", "+!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {20+}\r\n" TEN TEN " {13+}\r\n" TEN "123\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {4294967296}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {99999999999999999999999999}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  /* more than can be thrown away */
  ROW ("a1 X {65+}\r\n", "X"),
  ROW ("a1 X {64+}\r\n" FORTY TEN TEN "1234\r\n", "!LIMIT a1X"), /* and the line's end */
  ROW ("a1 X {60+}\r\n" FORTY TEN TEN "\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 X {40+}\r\n" FORTY " {30+}\r\n", "!LIMIT a1X"),
  ROW ("a1 X {18446744073709551615+}\r\n", "X"),
  ROW ("a1 X {99999999999999999999999999+}\r\n", "X"),
  /* a line too long still has its marker */
  ROW ("a1 X " FORTY TEN TEN TEN " {3+}\r\nabc\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 X " FORTY TEN TEN TEN " {3}\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 X " FORTY TEN TEN TEN " ~{3+}\r\na\0c\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
  ROW ("a1 X " FORTY TEN TEN " {" TEN TEN TEN TEN "3+}\r\n", "!BAD a1X"),
  ROW ("a1 X {3+}\r\nabc " FORTY TEN TEN TEN " {3+}\r\nabc\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
};

static const Row messages[] = {
  ROW ("a1 APPEND x {20+}\r\n" TEN TEN "\r\n", "[a1 APPEND| x <" TEN TEN ">]"),
  ROW ("a1 APPEND x {21+}\r\n" TEN TEN "1\r\n", "[a1 APPEND| x <" TEN TEN "1>]"),
  ROW ("a1 APPEND x ~{100}\r\n" HUNDRED "\r\na2 NOOP\r\n", "+[a1 APPEND| x ~<" HUNDRED ">][a2 NOOP|]"),
  ROW ("a1 APPEND x {200+}\r\n" HUNDRED HUNDRED "\r\n", "[a1 APPEND| x <" HUNDRED HUNDRED ">]"),
  /* in memory and on disk by turns, in order */
  ROW ("a1 APPEND {1+}\r\nx {40+}\r\n" FORTY " {15+}\r\n" TEN "12345 {5}\r\nvwxyz {100}\r\n" HUNDRED "\r\n",
       "++[a1 APPEND| <x> <" FORTY "> <" TEN "12345> <vwxyz> <" HUNDRED ">]"),
  ROW ("a1 APPEND x {201}\r\na2 NOOP\r\n", "!TOOBIG a1[a2 NOOP|]"),
  ROW ("a1 APPEND x {201+}\r\n", "X"),
  ROW ("a1 APPEND x {200+}\r\n" HUNDRED HUNDRED " {101}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 APPEND x {200}\r\n" HUNDRED HUNDRED " {100}\r\n" HUNDRED "\r\n",
       "++[a1 APPEND| x <" HUNDRED HUNDRED "> <" HUNDRED ">]"),
  ROW ("a1 APPEND x {100+}\r\n" FORTY "\0" FORTY TEN "123456789\r\na2 NOOP\r\n", "!BAD a1[a2 NOOP|]"),
};

/* Strangers: 16 octets of literals, 32 to be thrown away, and no messages. */
static const Row strangers[] = {
  ROW ("a1 LOGIN {3}\r\nfoo {13+}\r\n" TEN "123\r\n", "+[a1 LOGIN| <foo> <" TEN "123>]"),
  ROW ("a1 LOGIN {17}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 LOGIN {17+}\r\n" TEN "1234567\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 LOGIN {10+}\r\n" TEN " {7}\r\na2 NOOP\r\n", "!LIMIT a1[a2 NOOP|]"),
  ROW ("a1 LOGIN {33+}\r\n", "X"),
  ROW ("a1 APPEND x {17}\r\na2 NOOP\r\n", "!TOOBIG a1[a2 NOOP|]"),
};

typedef struct {
  const Row *rows;
  guint n;
  gboolean authenticated;
} Table;

static void
test_table (gconstpointer data)
{
  const Table *table = data;

  for (guint i = 0; i < table->n; i++) {
    g_test_message ("row %u", i);
    assert_transcript (table->rows[i].sent, table->rows[i].length, table->rows[i].transcript,
                       table->authenticated);
  }
}

/* ---- Other tests ------------------------------------------------------------------------------------- */

/* Whatever comes, in whatever portions, is the same to the reader. */
static void
test_random (void)
{
  static const char *const pieces[]
      = { "a1 ",   "a2 ", "APPEND ", "X ",  "NOSUCH ", "UID ", "{3}",   "{12+}", "~{5+}",
          "{40+}", "{0}", "\r\n",    "\n",  "\r\n",    "\r",   "\"",    "}",     "{",
          "+",     "~",   " ",       "abc", TEN,       FORTY,  "{70+}", "{25}" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (13);

  for (guint i = 0; i < 4000; i++) {
    g_autoptr (GString) sent = g_string_new (NULL);

    for (gint n = g_rand_int_range (rand, 1, 30); n > 0; n--)
      switch (g_rand_int_range (rand, 0, 20)) {
      case 0:
        g_string_append_c (sent, (char) g_rand_int_range (rand, 0, 256));
        break;
      case 1:
        g_string_append_c (sent, '\0');
        break;
      default:
        g_string_append (sent, pieces[g_rand_int_range (rand, 0, G_N_ELEMENTS (pieces))]);
      }
    assert_transcript (sent->str, sent->len, NULL, i % 2 == 0);
  }
}

static void
test_random_octets (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (17);

  for (guint i = 0; i < 1000; i++) {
    char octets[300];

    for (gsize j = 0; j < sizeof octets; j++)
      octets[j] = (char) g_rand_int_range (rand, 0, 256);
    assert_transcript (octets, sizeof octets, NULL, i % 2 == 0);
  }
}

/* A message much larger than the threshold is on disk, exact, and not in memory. */
static void
test_large_message (void)
{
  CfCommandReaderConfig defaults = { 0 };
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&defaults, choose_literals, NULL);
  g_autoptr (GRand) rand = g_rand_new_with_seed (19);
  const gsize length = 5 * 1024 * 1024;
  g_autofree char *message = g_malloc (length), *back = g_malloc (length);
  g_autoptr (CfInput) input = NULL;
  g_autoptr (CfSource) source = NULL;
  gsize consumed, at = 0;
  const char *head = "a1 APPEND x {5242880+}\r\n";

  for (gsize i = 0; i < length; i++)
    message[i] = (char) g_rand_int_range (rand, 1, 256);
  cf_command_reader_set_authenticated (reader, TRUE);
  g_assert_cmpint (cf_command_reader_feed (reader, head, strlen (head), &consumed, NULL), ==,
                   CF_READ_NEED_MORE);
  while (at < length) {
    gsize n = MIN (65536 - 7, length - at);

    g_assert_cmpint (cf_command_reader_feed (reader, message + at, n, &consumed, NULL), ==,
                     CF_READ_NEED_MORE);
    g_assert_cmpuint (consumed, ==, n);
    at += n;
  }
  g_assert_cmpint (cf_command_reader_feed (reader, "\r\n", 2, &consumed, NULL), ==, CF_READ_COMPLETE);
  input = cf_command_reader_steal_input (reader);
  g_clear_pointer (&reader, cf_command_reader_free); /* the input stands alone */

  g_assert_true (cf_input_space (input, NULL));
  g_assert_true (cf_input_skip_word (input, "x"));
  g_assert_true (cf_input_space (input, NULL));
  g_assert_true (cf_input_literal (input, &source, NULL, NULL));
  g_assert_cmpuint (cf_source_get_length (source), ==, length);
  g_assert_true (cf_source_read (source, 0, back, length, NULL));
  g_assert_cmpmem (back, length, message, length);
  g_assert_true (cf_input_end (input, NULL));
}

static GLogWriterOutput
ignore_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  return G_LOG_WRITER_HANDLED;
}

/* Without a place to spool, large messages are refused and the session goes on. */
static void
test_no_spool (void)
{
  static const Row rows[] = {
    ROW ("a1 APPEND x {100}\r\na2 NOOP\r\n", "!UNAVAILABLE a1[a2 NOOP|]"),
    ROW ("a1 APPEND x {100+}\r\n" HUNDRED "\r\na2 NOOP\r\n", "!UNAVAILABLE a1[a2 NOOP|]"),
    ROW ("a1 APPEND x {5+}\r\nabcde {100+}\r\n" HUNDRED " {3}\r\na2 NOOP\r\n", "!UNAVAILABLE a1[a2 NOOP|]"),
    ROW ("a1 APPEND x {20+}\r\n" TEN TEN "\r\n", "[a1 APPEND| x <" TEN TEN ">]"),
  };

  config.spool_directory = "/nonexistent/directory";
  test_table (&(Table){ rows, G_N_ELEMENTS (rows), TRUE });
  config.spool_directory = NULL;
}

/* A spool that fails while a literal arrives: the rest is read, then the command is refused. */
static void
test_spool_fails (void)
{
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&config, choose_literals, NULL);
  g_autoptr (GString) out = g_string_new (NULL);
  struct rlimit before, small;

  signal (SIGXFSZ, SIG_IGN);
  getrlimit (RLIMIT_FSIZE, &before);
  small = before;
  small.rlim_cur = 50;
  setrlimit (RLIMIT_FSIZE, &small);
  cf_command_reader_set_authenticated (reader, TRUE);
  g_assert_true (feed_portion (out, reader, "a1 APPEND x {100}\r\n" FORTY, 19 + 40));
  g_assert_true (feed_portion (out, reader, FORTY, 40));
  g_assert_true (feed_portion (out, reader, TEN TEN "\r\na2 NOOP\r\n", 31));
  setrlimit (RLIMIT_FSIZE, &before);
  g_assert_cmpstr (out->str, ==, "+!LIMIT a1[a2 NOOP|]");
}

/* ---- Lines that are no commands ---------------------------------------------------------------------- */

/* Reads lines of at most 10 octets from @data in portions of @most: "line", "!" for ERROR, X for FATAL. */
static char *
transcribe_lines (const char *data, gsize length, gsize most)
{
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&config, NULL, NULL);
  GString *out = g_string_new (NULL);
  gsize at = 0, consumed;

  while (at < length) {
    g_autofree char *line = NULL;
    g_autoptr (GError) error = NULL;
    CfRead result = cf_command_reader_read_line (reader, data + at, MIN (most, length - at), 10, &consumed,
                                                 &line, &error);

    at += consumed;
    if (result == CF_READ_COMPLETE)
      g_string_append_printf (out, "[%s]", line);
    if (result == CF_READ_ERROR) {
      g_assert_error (error, CF_ERROR, CF_ERROR_BAD);
      g_string_append_c (out, '!');
      break;
    }
  }
  while (at < length) {
    gsize n = MIN (most, length - at);

    if (!feed_portion (out, reader, data + at, n))
      break;
    at += n;
  }
  return g_string_free (out, FALSE);
}

static void
test_read_line (void)
{
  static const Row rows[] = {
    ROW ("DONE\r\n", "[DONE]"),
    ROW ("DONE\n\n", "[DONE][]"),
    ROW ("\r\nAGZvbwA=\r\n", "[][AGZvbwA=]"),
    ROW ("0123456789\r\n0123456789\n", "[0123456789][0123456789]"),
    ROW ("0123456789a\r\na1 NOOP\r\n", "![a1 NOOP|]"),
    ROW (TEN TEN " {5+}\r\na1 NOOP\r\n", "![a1 NOOP|]"), /* no literal */
    ROW ("a\0b\r\na1 NOOP\r\n", "![a1 NOOP|]"),
    ROW (HUNDRED "\r\n", "!X"),
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    for (gsize most = 1; most < 140; most++) {
      g_autofree char *transcript = transcribe_lines (rows[i].sent, rows[i].length, most);

      g_test_message ("row %u in portions of %" G_GSIZE_FORMAT, i, most);
      g_assert_cmpstr (transcript, ==, rows[i].transcript);
    }
}

int
main (int argc, char **argv)
{
  static const Table tables[] = {
    { lines, G_N_ELEMENTS (lines), TRUE },          { literals, G_N_ELEMENTS (literals), TRUE },
    { refused, G_N_ELEMENTS (refused), TRUE },      { messages, G_N_ELEMENTS (messages), TRUE },
    { strangers, G_N_ELEMENTS (strangers), FALSE },
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (ignore_log, NULL, NULL);
  g_test_add_data_func ("/core/command-reader/lines", &tables[0], test_table);
  g_test_add_data_func ("/core/command-reader/literals", &tables[1], test_table);
  g_test_add_data_func ("/core/command-reader/literals/refused", &tables[2], test_table);
  g_test_add_data_func ("/core/command-reader/literals/messages", &tables[3], test_table);
  g_test_add_data_func ("/core/command-reader/literals/before-login", &tables[4], test_table);
  g_test_add_func ("/core/command-reader/random-pieces", test_random);
  g_test_add_func ("/core/command-reader/random-octets", test_random_octets);
  g_test_add_func ("/core/command-reader/spool/large-message", test_large_message);
  g_test_add_func ("/core/command-reader/spool/missing", test_no_spool);
  g_test_add_func ("/core/command-reader/spool/fails-midway", test_spool_fails);
  g_test_add_func ("/core/command-reader/read-line", test_read_line);
  return g_test_run ();
}
