/* Tests of core/imap/redact.c and redact-output.c: what may be seen of each command and response, and that
 * nothing else is, however the octets are cut up.
 */
#include "imap/redact.h"

#include <string.h>

/* ---- Commands ---- */

typedef struct {
  const char *name; /* NULL: the server has no such command */
  gboolean secret;
  const char
      *lines; /* "{n}" at a line's end is a literal of n octets, which is not in here; lines end with LF */
  const char *shown;
} Command;

static const Command commands[] = {
  { "LOGIN", TRUE, "a LOGIN ann SECRET", "a LOGIN <10 octets>" },
  { "LOGIN", TRUE, "a login \"ann\" \"SECRET\"", "a login <14 octets>" },
  { "LOGIN", TRUE, "a LOGIN {3}\n {6+}\n", "a LOGIN {3}|<3 octets>| {6+}|<6 octets>|" },
  { "LOGIN", TRUE, "a LOGIN ann {6}\n SECRET", "a LOGIN <4 octets>{6}|<6 octets>| <6 octets>" },
  { "LOGIN", TRUE, "a LOGIN", "a LOGIN" },
  { "AUTHENTICATE", TRUE, "a AUTHENTICATE PLAIN", "a AUTHENTICATE PLAIN" },
  { "AUTHENTICATE", TRUE, "a AUTHENTICATE plain SECRET=", "a AUTHENTICATE plain <7 octets>" },
  { "AUTHENTICATE", TRUE, "a AUTHENTICATE SECRET", "a AUTHENTICATE <6 octets>" },
  { "AUTHENTICATE", TRUE, "a AUTHENTICATE \"PLAIN\" SECRET", "a AUTHENTICATE <7 octets> <6 octets>" },
  { "NOOP", FALSE, "a NOOP", "a NOOP" },
  { "NOOP", FALSE, "a NOOP SECRET", "a NOOP <6 octets>" },
  { "XOTHER", FALSE, "a XOTHER SECRET (SECRET \"SECRET\")", "a XOTHER <24 octets>" },
  { NULL, FALSE, "SECRET", "<6 octets>" },
  { NULL, FALSE, "SECRET SECRET {5}", "<14 octets>{5}" },
  { NULL, FALSE, "a LOGINN ann SECRET", "<19 octets>" },
  { "SELECT", FALSE, "a SELECT \"My Box\" (CONDSTORE)", "a SELECT \"My Box\" (CONDSTORE)" },
  { "SELECT", FALSE, "a SELECT {6}\n", "a SELECT {6}|<6 octets>|" },
  { "SELECT", FALSE, "a SELECT \"SECRET", "a SELECT <7 octets>" },
  { "STATUS", FALSE, "a STATUS b\xc3\xbc (UNSEEN)", "a STATUS b\\xc3\\xbc (UNSEEN)" },
  { "FETCH", FALSE, "a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (Subject)]<0.9>)",
    "a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (Subject)]<0.9>)" },
  { "UID FETCH", FALSE, "a uid fetch 7 BODY[HEADER.FIELDS (\"SECRET\")]",
    "a uid fetch 7 BODY[HEADER.FIELDS (<8 octets>)]" },
  { "STORE", FALSE, "a STORE 1 +FLAGS (\\Seen $Work)", "a STORE 1 +FLAGS (\\Seen $Work)" },
  { "APPEND", FALSE, "a APPEND \"My Box\" (\\Seen) {310}\n",
    "a APPEND \"My Box\" (\\Seen) {310}|<310 octets>|" },
  { "APPEND", FALSE, "a APPEND INBOX ~{31+}\n (\\Seen) {5}\n",
    "a APPEND INBOX ~{31+}|<31 octets>| (\\Seen) {5}|<5 octets>|" },
  { "APPEND", FALSE, "a APPEND INBOX \"SECRET\" {1}\n", "a APPEND INBOX <8 octets> {1}|<1 octet>|" },
  { "APPEND", FALSE, "a APPEND INBOX CATENATE (URL \"SECRET\" TEXT {4}\n)",
    "a APPEND INBOX CATENATE (URL <8 octets> TEXT {4}|<4 octets>|)" },
  { "SEARCH", FALSE, "a SEARCH UNSEEN NOT DELETED 1:5,7 SINCE 1-Feb-2026 LARGER 100",
    "a SEARCH UNSEEN NOT DELETED 1:5,7 SINCE 1-Feb-2026 LARGER 100" },
  { "SEARCH", FALSE, "a SEARCH SUBJECT SECRET FROM \"SECRET\" UNSEEN",
    "a SEARCH SUBJECT <6 octets> FROM <8 octets> UNSEEN" },
  { "SEARCH", FALSE, "a SEARCH TEXT 1234 TEXT ALL", "a SEARCH TEXT <4 octets> TEXT <3 octets>" },
  { "SEARCH", FALSE, "a SEARCH HEADER X-SECRET SECRET ALL", "a SEARCH HEADER <8 octets> <6 octets> ALL" },
  { "SEARCH", FALSE, "a SEARCH OR (BODY {6}\n FROM SECRET) SEEN",
    "a SEARCH OR (BODY {6}|<6 octets>| FROM <6 octets>) SEEN" },
  { "SEARCH", FALSE, "a SEARCH CHARSET UTF-8 TO {2}\n", "a SEARCH CHARSET UTF-8 TO {2}|<2 octets>|" },
  { "SEARCH", FALSE, "a SEARCH RETURN (PARTIAL -1:-5 SAVE) YOUNGER 5 SAVEDON 1-Feb-2026 $",
    "a SEARCH RETURN (PARTIAL -1:-5 SAVE) YOUNGER 5 SAVEDON 1-Feb-2026 $" },
  { "SEARCH", FALSE, "a SEARCH FUZZY SECRET SEEN", "a SEARCH <5 octets> <6 octets> SEEN" },
  { "SEARCH", FALSE, "a SEARCH SINCE \"SECRET\" SECRET", "a SEARCH SINCE <8 octets> <6 octets>" },
  { "SEARCH", FALSE, "a SEARCH \"SECRET\" SECRET", "a SEARCH <8 octets> <6 octets>" },
  { "UID SEARCH", FALSE, "a UID SEARCH RETURN (MIN COUNT) KEYWORD $Work",
    "a UID SEARCH RETURN (MIN COUNT) KEYWORD $Work" },
};

static void
test_command (gconstpointer data)
{
  const Command *test = data;
  g_auto (GStrv) lines = g_strsplit (test->lines, "\n", -1);
  g_autoptr (GString) out = g_string_new (NULL);
  CfRedactCommand command;

  for (guint i = 0; lines[i] != NULL; i++) {
    const char *brace = strrchr (lines[i], '{');
    gsize length = strlen (lines[i]);
    /* Nothing behind it may be looked at. */
    g_autofree char *line = g_memdup2 (lines[i], length);

    if (i == 0) {
      gboolean shown = cf_redact_command_begin (&command, out, test->name, test->secret, line, length);

      g_assert_cmpint (shown, ==, test->name != NULL);
    } else {
      cf_redact_command_line (&command, out, line, length);
    }
    if (lines[i + 1] == NULL)
      break;
    g_string_append_c (out, '|');
    cf_redact_command_literal (&command, out, g_ascii_strtoull (brace + 1, NULL, 10));
    g_string_append_c (out, '|');
  }
  g_assert_cmpstr (out->str, ==, test->shown);
}

static void
test_continuation (void)
{
  static const char *const lines[][2] = { { "DONE", "DONE" },
                                          { "done", "done" },
                                          { "*", "*" },
                                          { "", "" },
                                          { "AGFubgBTRUNSRVQ=", "<16 octets>" },
                                          { "DONE SECRET", "<11 octets>" } };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    g_autoptr (GString) out = g_string_new (NULL);

    cf_redact_continuation (out, lines[i][0], strlen (lines[i][0]));
    g_assert_cmpstr (out->str, ==, lines[i][1]);
  }
}

/* ---- Responses ---- */

static const struct {
  const char *octets, *shown; /* the tag is "a1" */
} responses[] = {
  { "* OK [CAPABILITY IMAP4rev1] Coffer ready\r\n", "* OK [CAPABILITY IMAP4rev1] Coffer ready|" },
  { "a1 OK [APPENDUID 1 2] Done\r\n", "a1 OK [APPENDUID 1 2] Done|" },
  { "a1 NO [NONEXISTENT] There is no mailbox \"x {5}\r\na1 OK\r\n",
    "a1 NO [NONEXISTENT] There is no mailbox \"x {5}|a1 OK|" },
  { "SECRET BAD what was that\r\n", "<6 octets> BAD what was that|" },
  { "* BAD Tag missing\r\n", "* BAD Tag missing|" },
  { "+ Ready for literal data\r\n+ idling\r\n", "+ Ready for literal data|+ idling|" },
  { "+ \r\n", "+ |" },
  { "+ U0VDUkVU\r\n", "+ <8 octets>|" },
  { "+\r\n", "+|" },
  { "* 12 EXISTS\r\n* 3 RECENT\r\n* 7 EXPUNGE\r\n", "* 12 EXISTS|* 3 RECENT|* 7 EXPUNGE|" },
  { "* SEARCH\r\n* SEARCH 1 2 3\r\n", "* SEARCH|* SEARCH 1 2 3|" },
  { "* ESEARCH (TAG \"a1\") UID COUNT 5\r\n", "* ESEARCH (TAG <4 octets>) UID COUNT 5|" },
  { "* LIST (\\HasNoChildren) \"/\" \"My Box\"\r\n* LSUB () \"/\" {6}\r\nSECRET\r\n",
    "* LIST (\\HasNoChildren) \"/\" \"My Box\"|* LSUB () \"/\" {6}<6 octets>|" },
  { "* STATUS INBOX (MESSAGES 3)\r\n", "* STATUS INBOX (MESSAGES 3)|" },
  { "* FLAGS (\\Seen $Work)\r\n", "* FLAGS (\\Seen $Work)|" },
  { "* 3 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 9)\r\n",
    "* 3 FETCH (UID 7 FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 9)|" },
  { "* 3 FETCH (BODY[] {6}\r\nSE\r\nET UID 7)\r\n", "* 3 FETCH (BODY[] {6}<6 octets> UID 7)|" },
  { "* 3 FETCH (BODY[] {0}\r\n UID 7)\r\n", "* 3 FETCH (BODY[] {0} UID 7)|" },
  { "* 3 FETCH (BINARY[1] ~{3}\r\nS\r\n BODY[2] {6}\r\nSECRET)\r\n",
    "* 3 FETCH (BINARY[1] ~{3}<3 octets> BODY[2] {6}<6 octets>)|" },
  { "* 3 FETCH (ENVELOPE (\"SECRET\" \"SE\\\"C{9}\\\\\" NIL ((\"S\" NIL \"E\" \"C\"))))\r\n",
    "* 3 FETCH (ENVELOPE (<8 octets> <12 octets> NIL ((<3 octets> NIL <3 octets> <3 octets>))))|" },
  { "* 3 FETCH (BODY[HEADER.FIELDS (Subject)] \"SECRET\")\r\n",
    "* 3 FETCH (BODY[HEADER.FIELDS (Subject)] <8 octets>)|" },
  { "* 3 FETCH (ENVELOPE (\"INTERNALDATE\" \"SECRET\") INTERNALDATEX \"SECRET\")\r\n",
    "* 3 FETCH (ENVELOPE (<14 octets> <8 octets>) INTERNALDATEX <8 octets>)|" },
  { "* 3 FETCH (INTERNALDATE \"1\" \"SECRET\")\r\n", "* 3 FETCH (INTERNALDATE \"1\" <8 octets>)|" },
  { "* ID (\"name\" \"SECRET\")\r\n", "* ID <17 octets>|" },
  { "* GENURLAUTH imap://SECRET\r\n", "* GENURLAUTH <13 octets>|" },
  { "* METADATA INBOX (/x {6}\r\nSECRET y \"SECRET\")\r\n", NULL },
  { "* 5 SECRETS are here\r\n", "* 5 SECRETS <8 octets>|" },
  { "SECRET\r\n", "<6 octets>|" },
};

static void
receive_line (const GString *line, gpointer user_data)
{
  g_string_append_len (user_data, line->str, (gssize) line->len);
  g_string_append_c (user_data, '|');
}

static char *
redact (const char *octets, gsize length, gsize step)
{
  GString *out = g_string_new (NULL);
  CfRedactOutput *output = cf_redact_output_new (receive_line, out);

  cf_redact_output_set_tag (output, "a1");
  for (gsize at = 0; at < length; at += step) {
    gsize n = MIN (step, length - at);
    g_autofree guint8 *copy = g_memdup2 (octets + at, n);

    cf_redact_output_feed (output, copy, n);
  }
  cf_redact_output_free (output);
  return g_string_free (out, FALSE);
}

static void
test_responses (void)
{
  static const gsize steps[] = { 10000, 1, 2, 3, 5, 7 };

  for (guint i = 0; i < G_N_ELEMENTS (responses); i++)
    for (guint j = 0; j < G_N_ELEMENTS (steps); j++) {
      const char *octets = responses[i].octets;
      g_autofree char *shown = redact (octets, strlen (octets), steps[j]);

      if (responses[i].shown != NULL)
        g_assert_cmpstr (shown, ==, responses[i].shown);
      /* What follows is a line of its own again. */
      g_assert_true (g_str_has_suffix (shown, "|"));
      g_assert_null (strstr (shown, "SECRET "));
    }
}

/* A line's length is bounded, and what comes after it is seen again. */
static void
test_long (void)
{
  g_autoptr (GString) octets = g_string_new ("* SEARCH");
  g_autofree char *shown = NULL;

  for (guint i = 0; i < 100000; i++)
    g_string_append_printf (octets, " %u", i);
  g_string_append (octets, "\r\na1 OK done\r\n");
  shown = redact (octets->str, octets->len, 4096);
  g_assert_cmpuint (strlen (shown), <, 9000);
  g_assert_true (g_str_has_suffix (shown, " octets>|a1 OK done|"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_autofree char *path = g_strdup_printf ("/core/redact/command/%u", i);

    g_test_add_data_func (path, &commands[i], test_command);
  }
  g_test_add_func ("/core/redact/continuation", test_continuation);
  g_test_add_func ("/core/redact/responses", test_responses);
  g_test_add_func ("/core/redact/long", test_long);
  return g_test_run ();
}
