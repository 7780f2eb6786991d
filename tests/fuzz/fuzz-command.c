/* tests/fuzz/fuzz-command.c - the command reader, input values, and the parsers of FETCH items and search
 * keys.
 *
 * The first octet says what the rest is:
 *
 *   'r'  octets from a client: the reader finds the same commands however they arrive
 *   'R'  the same of one that has logged in
 *   'v'  one value, read as each kind there is
 *   'i'  FETCH items, separated by spaces, through the rows that are registered
 *   's'  search keys
 *   'c'  the charset, a space, and search keys
 *
 * Checked: a value's reader that fails leaves the cursor where it was; what is read and written again is read
 * as the same.
 */
#include "fuzz.h"
#include "imap/call.h"
#include "imap/command-reader.h"
#include "imap/output.h"
#include "imap/session.h"
#include "module/registry.h"
#include "server-double.h"

#include <string.h>

static CfConn *conn;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  CfSession *session;
  g_autoptr (GError) error = NULL;

  server_double_init (NULL, NULL);
  server_double_start ();
  conn = server_double_log_in (SERVER_USER_ANN);
  net_double_send (conn, "a SELECT INBOX\n", 15);
  net_double_serve ();
  session = net_double_get_session (conn);
  FUZZ_CHECK (session->view != NULL, "INBOX is not selected");
  return 0;
}

/* ---- The reader ---- */

static const CfCommandReaderConfig reader_config = {
  .command_max = 1000,
  .login_literal_max = 100,
  .literal_max = 200,
  .append_limit = 500,
  .append_total = 800,
  .discard_max = 400,
  .spool_threshold = 300,
  .input_options = CF_INPUT_READ_REPORT_SENT,
};

static CfLiterals
choose_literals (const char *name, gpointer user_data, GError **error)
{
  const CfCommand *command = cf_registry_lookup_command (name);

  if (command == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Unknown command");
    return CF_LITERALS_REFUSED;
  }
  return (command->flags & CF_COMMAND_MESSAGE) != 0 ? CF_LITERALS_MESSAGE : CF_LITERALS_ORDINARY;
}

static void
show_literal (GString *out, CfInput *input)
{
  g_autoptr (CfSource) source = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *octets = NULL;
  gboolean literal8;
  gsize length;

  FUZZ_CHECK (cf_input_literal (input, &source, &literal8, &error), "%s", error->message);
  length = cf_source_get_length (source);
  octets = g_malloc (length + 1);
  FUZZ_CHECK (cf_source_read (source, 0, octets, length, &error), "%s", error->message);
  FUZZ_CHECK (literal8 || memchr (octets, '\0', length) == NULL, "NUL in a literal");
  g_string_append_printf (out, "%s{%" G_GSIZE_FORMAT "}", literal8 ? "~" : "", length);
  g_string_append_len (out, octets, (gssize) length);
}

static void
show_command (GString *out, CfCommandReader *reader)
{
  g_autoptr (CfInput) input = cf_command_reader_steal_input (reader);

  g_string_append_printf (out, "[%s %s|", cf_command_reader_get_tag (reader),
                          cf_command_reader_get_name (reader));
  while (!cf_input_is_end (input)) {
    char c = cf_input_peek (input);

    if (cf_input_is_literal (input)) {
      show_literal (out, input);
      continue;
    }
    FUZZ_CHECK (c != '\0' && cf_input_skip (input, c), "the cursor does not move");
    g_string_append_c (out, c);
  }
  g_string_append_c (out, ']');
}

/* What the reader makes of the input when @slice octets arrive at a time. Every other command is followed by
 * a line that is none. */
static GString *
read_commands (const guint8 *data, gsize size, gsize slice, gboolean authenticated)
{
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&reader_config, choose_literals, NULL);
  GString *out = g_string_new (NULL);
  gboolean wants_line = FALSE;
  guint n = 0;

  cf_command_reader_set_authenticated (reader, authenticated);
  for (gsize at = 0, given = 0; at < size || given < size;) {
    g_autoptr (GError) error = NULL;
    g_autofree guint8 *exact = NULL;
    g_autofree char *line = NULL;
    gsize consumed = 0;
    CfRead read;

    given = MAX (given, MIN (at + slice, size));
    exact = g_memdup2 (data + at, given - at);
    read = wants_line ? cf_command_reader_read_line (reader, exact, given - at, 50, &consumed, &line, &error)
                      : cf_command_reader_feed (reader, exact, given - at, &consumed, &error);
    FUZZ_CHECK (consumed <= given - at, "more than there is");
    FUZZ_CHECK ((read == CF_READ_ERROR || read == CF_READ_FATAL) == (error != NULL), "%d", read);
    at += consumed;
    if (read == CF_READ_FATAL) {
      g_string_append (out, "X");
      break;
    }
    if (read == CF_READ_NEED_MORE) {
      FUZZ_CHECK (at == given, "octets are left");
      if (given == size)
        break;
      given = MIN (given + slice, size);
      continue;
    }
    if (read == CF_READ_CONTINUE)
      g_string_append_c (out, '+');
    else if (read == CF_READ_ERROR)
      g_string_append_printf (out, "!%s", error->message);
    else if (wants_line)
      g_string_append_printf (out, "<%s>", line);
    else
      show_command (out, reader);
    if (read != CF_READ_CONTINUE)
      wants_line = !wants_line && read == CF_READ_COMPLETE && ++n % 2 == 0;
  }
  return out;
}

static void
check_same (const GString *whole, const GString *portions)
{
  g_autofree char *expected = NULL, *got = NULL;

  if (g_string_equal (whole, portions))
    return;
  expected = g_uri_escape_bytes ((const guint8 *) whole->str, whole->len, " []|{}<>!+\"");
  got = g_uri_escape_bytes ((const guint8 *) portions->str, portions->len, " []|{}<>!+\"");
  fuzz_fail ("independent of portions", __FILE__, __LINE__, "\n%s\n%s", expected, got);
}

static void
try_reader (const guint8 *data, gsize size, gboolean authenticated)
{
  g_autoptr (GString) whole = read_commands (data, size, MAX (size, 1), authenticated);
  g_autoptr (GString) single = read_commands (data, size, 1, authenticated);
  g_autoptr (GString) pieces = read_commands (data, size, 13, authenticated);

  check_same (whole, single);
  check_same (whole, pieces);
}

/* ---- Values ---- */

/* A text with literals: read as one command's arguments. NULL: it is not one. */
static CfInput *
new_input (const guint8 *data, gsize size)
{
  g_autoptr (CfCommandReader) reader = cf_command_reader_new (&reader_config, choose_literals, NULL);
  g_autoptr (GString) text = g_string_new ("a LOGIN ");
  gsize consumed;
  CfRead read;

  cf_command_reader_set_authenticated (reader, TRUE);
  g_string_append_len (text, (const char *) data, (gssize) size);
  g_string_append (text, "\r\n");
  for (gsize at = 0;; at += consumed) {
    read = cf_command_reader_feed (reader, text->str + at, text->len - at, &consumed, NULL);
    if (read == CF_READ_COMPLETE)
      break;
    if (read != CF_READ_CONTINUE)
      return NULL;
  }
  CfInput *input = cf_command_reader_steal_input (reader);
  cf_input_skip (input, ' ');
  return input;
}

/* Failure leaves the cursor, and says why. */
static void
check_failure (CfInput *input, CfInputMark mark, gboolean good, GError **error)
{
  CfInputMark now = cf_input_mark (input);

  FUZZ_CHECK (good == (*error == NULL), "result and error disagree");
  FUZZ_CHECK (good || (now.at == mark.at && now.literal == mark.literal), "the cursor moved: %s",
              (*error)->message);
  g_clear_error (error);
  cf_input_reset (input, mark);
}

static void
try_texts (CfInput *input, CfInputMark mark)
{
  static gboolean (*const readers[]) (CfInput *, char **, GError **)
      = { cf_input_atom,    cf_input_name,    cf_input_astring,     cf_input_string,
          cf_input_nstring, cf_input_mailbox, cf_input_list_mailbox };

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++) {
    g_autofree char *text = NULL;
    g_autoptr (GError) error = NULL;
    gboolean good = readers[i](input, &text, &error);

    FUZZ_CHECK (good || text == NULL, "output in spite of failure");
    check_failure (input, mark, good, &error);
  }
  for (guint kind = CF_MAILBOX_NAME_PLAIN; kind <= CF_MAILBOX_NAME_PATTERN; kind++) {
    g_autofree char *name = NULL;
    g_autoptr (GError) error = NULL;
    gboolean good = cf_input_mailbox_kind (input, kind, &name, &error);

    FUZZ_CHECK (!good || g_utf8_validate (name, -1, NULL), "name is not UTF-8: %s", name);
    check_failure (input, mark, good, &error);
  }
}

static void
try_numbers (CfInput *input, CfInputMark mark)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfUidSet) set = NULL;
  guint64 large;
  CfPartial partial;
  guint32 number;
  gint64 time;
  gint32 day;
  gint zone;

  check_failure (input, mark, cf_input_number (input, &number, &error), &error);
  check_failure (input, mark, cf_input_number64 (input, &large, &error), &error);
  check_failure (input, mark, cf_input_date (input, &day, &error), &error);
  if (cf_input_date_time (input, &time, &zone, &error)) {
    g_autoptr (CfOutput) output = cf_output_new (0);

    cf_output_date_time (output, time, zone);
    FUZZ_CHECK (cf_output_get_length (output) == 28, "date-time of %" G_GSIZE_FORMAT " octets",
                cf_output_get_length (output));
    cf_input_reset (input, mark);
  } else {
    check_failure (input, mark, FALSE, &error);
  }
  if (cf_input_partial (input, &partial, &error))
    cf_input_reset (input, mark);
  else
    check_failure (input, mark, FALSE, &error);
  if (cf_input_sequence_set (input, 17, &set, &error)) {
    g_autofree char *text = cf_uid_set_to_string (set);
    g_autoptr (CfUidSet) again = cf_uid_set_from_string (text, &error);
    g_autofree char *text_again = again != NULL ? cf_uid_set_to_string (again) : NULL;

    FUZZ_CHECK (g_strcmp0 (text, text_again) == 0, "%s is read as %s", text, text_again);
    cf_input_reset (input, mark);
  } else {
    check_failure (input, mark, FALSE, &error);
  }
}

static void
try_flags (CfInput *input, CfInputMark mark, gboolean bare)
{
  g_autoptr (GError) error = NULL;
  CfKeywords *keywords = NULL, *again = NULL;
  guint flags;

  if (!cf_input_flags (input, bare, &flags, &keywords, &error)) {
    g_clear_error (&error);
    cf_input_reset (input, mark);
    return;
  }
  g_autofree char *text = cf_keywords_to_string (keywords);
  again = cf_keywords_from_string (text);
  FUZZ_CHECK (again == keywords, "%s is another set", text);
  cf_keywords_unref (keywords);
  cf_keywords_unref (again);
  cf_input_reset (input, mark);
}

static void
try_values (CfInput *input)
{
  CfInputMark mark = cf_input_mark (input);
  g_autoptr (CfSource) source = NULL;
  g_autoptr (GError) error = NULL;
  gboolean literal8;

  try_texts (input, mark);
  try_numbers (input, mark);
  try_flags (input, mark, FALSE);
  try_flags (input, mark, TRUE);
  check_failure (input, mark, cf_input_literal (input, &source, &literal8, &error), &error);
}

/* ---- Items and keys ---- */

static void
item_request_clear (CfItemRequest *request)
{
  g_free (request->label);
  g_free (request->path);
  if (request->data_free != NULL)
    request->data_free (request->data);
}

static void
try_items (CfCommandCall *call)
{
  CfInput *input = cf_call_get_input (call);

  do {
    CfItemRequest request = { .struct_size = sizeof request };
    g_autofree char *name = NULL;
    g_autoptr (GError) error = NULL;
    const CfItem *item;
    gboolean good;

    if (!cf_input_name (input, &name, NULL))
      return;
    item = cf_registry_lookup_item (CF_ITEM_FETCH, name);
    if (item == NULL)
      return;
    good = item->parse == NULL || item->parse (call, input, &request, &error);
    FUZZ_CHECK (good == (error == NULL), "result and error disagree");
    item_request_clear (&request);
    if (!good)
      return;
  } while (cf_input_skip (input, ' '));
}

static void
try_search (CfCommandCall *call, gboolean with_charset)
{
  g_autoptr (CfSearchNode) node = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *charset = NULL;
  CfInput *input = cf_call_get_input (call);

  if (with_charset
      && (!cf_input_astring (input, &charset, NULL) || !cf_call_set_search_charset (call, charset, NULL)
          || !cf_input_skip (input, ' ')))
    return;
  node = cf_call_parse_search_keys (call, input, &error);
  FUZZ_CHECK ((node == NULL) == (error != NULL), "result and error disagree");
}

static void
try_call (guint8 what, CfInput *input)
{
  const CfCommand *command = cf_registry_lookup_command (what == 'i' ? "FETCH" : "UID SEARCH");
  g_autoptr (CfCommandCall) call = cf_call_new (net_double_get_session (conn), command, "a", input);

  if (what == 'i')
    try_items (call);
  else
    try_search (call, what == 'c');
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  CfInput *input;

  if (size < 1)
    return 0;
  if (data[0] == 'r' || data[0] == 'R') {
    try_reader (data + 1, size - 1, data[0] == 'R');
    return 0;
  }
  input = new_input (data + 1, size - 1);
  if (input == NULL)
    return 0;
  if (data[0] == 'v') {
    try_values (input);
    cf_input_free (input);
  } else {
    try_call (data[0], input);
  }
  return 0;
}
