/* tests/fuzz/fuzz-redact.c - what of a session a trace shows.
 *
 * The input is lines of a client, up to an octet 0x01, and octets of a server behind it. Checked: what is
 * shown is printable; of the server's octets it is the same in any portions; nothing of a secret command is
 * shown but its tag and name.
 */
#include "fuzz.h"
#include "imap/redact.h"

#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

static void
check_printable (const GString *shown)
{
  for (gsize i = 0; i < shown->len; i++)
    FUZZ_CHECK (shown->str[i] >= ' ' && shown->str[i] < 127, "octet %02x is shown", (guint8) shown->str[i]);
}

/* ---- The client ---- */

static void
try_command (const char *name, gboolean secret, const char *line)
{
  g_autoptr (GString) shown = g_string_new (NULL);
  CfRedactCommand command = { 0 };

  cf_redact_command_begin (&command, shown, name, secret, line, strlen (line));
  cf_redact_command_literal (&command, shown, 12);
  cf_redact_command_line (&command, shown, line, strlen (line));
  cf_redact_continuation (shown, line, strlen (line));
  check_printable (shown);
}

/* The password is behind tag and name. */
static void
check_secret (const char *arguments)
{
  g_autofree char *line = g_strconcat ("a1 LOGIN SesAme", arguments, NULL);
  g_autoptr (GString) shown = g_string_new (NULL);
  CfRedactCommand command = { 0 };

  cf_redact_command_begin (&command, shown, "LOGIN", TRUE, line, strlen (line));
  cf_redact_command_line (&command, shown, line, strlen (line));
  FUZZ_CHECK (strstr (shown->str, "SesAme") == NULL, "%s", shown->str);
}

static void
try_client (FuzzInput *input)
{
  static const char *const names[]
      = { "FETCH", "UID SEARCH", "SELECT", "APPEND", "STORE", "LIST", "STATUS", NULL };

  while (input->size > 0) {
    g_autofree char *line = fuzz_take_line (input);

    for (guint i = 0; i < G_N_ELEMENTS (names); i++)
      try_command (names[i], FALSE, line);
    try_command ("LOGIN", TRUE, line);
    check_secret (line);
  }
}

/* ---- The server ---- */

static void
keep_line (const GString *line, gpointer shown)
{
  check_printable (line);
  g_string_append_printf (shown, "%s\n", line->str);
}

static GString *
redact (const guint8 *data, gsize size, gsize slice)
{
  GString *shown = g_string_new (NULL);
  CfRedactOutput *output = cf_redact_output_new (keep_line, shown);

  cf_redact_output_set_tag (output, "a1");
  for (gsize at = 0; at < size; at += slice)
    cf_redact_output_feed (output, data + at, MIN (slice, size - at));
  cf_redact_output_free (output);
  return shown;
}

static void
try_server (const guint8 *data, gsize size)
{
  g_autoptr (GString) whole = redact (data, size, MAX (size, 1));
  g_autoptr (GString) single = redact (data, size, 1);
  g_autoptr (GString) pieces = redact (data, size, 7);

  FUZZ_CHECK (g_string_equal (whole, single), "%s\nin single octets: %s", whole->str, single->str);
  FUZZ_CHECK (g_string_equal (whole, pieces), "%s\nin pieces: %s", whole->str, pieces->str);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const guint8 *separator = size > 0 ? memchr (data, 1, size) : NULL;
  FuzzInput client = { data, separator != NULL ? (gsize) (separator - data) : size };

  try_client (&client);
  if (separator != NULL)
    try_server (separator + 1, (gsize) (data + size - separator - 1));
  return 0;
}
