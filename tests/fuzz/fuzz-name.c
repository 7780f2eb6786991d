/* tests/fuzz/fuzz-name.c - mailbox names and addresses: on the wire, normalised, and as LIST's patterns match
 * them.
 *
 * The input is lines. Checked: a name has one form on the wire and comes back from it; normalising twice
 * changes nothing; patterns match as a recursive matcher has it, each line matched by the one before.
 */
#include "commands/pattern.h"
#include "fuzz.h"
#include "imap/mailbox-name.h"
#include "imap/utf7.h"

#include <coffer/auth.h>
#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

static gboolean
is_printable (const char *text)
{
  for (; *text != '\0'; text++)
    if (*text < ' ' || *text == 127)
      return FALSE;
  return TRUE;
}

static void
check_utf7 (const char *wire)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = cf_utf7_decode (wire, &error), *encoded = NULL, *again = NULL;

  FUZZ_CHECK ((name == NULL) == (error != NULL), "result and error disagree");
  if (name == NULL)
    return;
  FUZZ_CHECK (g_utf8_validate (name, -1, NULL), "%s", name);
  encoded = cf_utf7_encode (name);
  again = cf_utf7_decode (encoded, &error);
  FUZZ_CHECK (again != NULL && g_str_equal (again, name), "%s comes back as %s", name, again);
  if (is_printable (wire))
    FUZZ_CHECK (g_str_equal (encoded, wire), "%s has another form: %s", wire, encoded);
}

static void
check_encode (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *encoded = cf_utf7_encode (text);
  g_autofree char *decoded = NULL;
  g_autoptr (GError) error = NULL;

  for (const char *at = encoded; *at != '\0'; at++)
    FUZZ_CHECK (*at >= 0x20 && *at < 0x7f, "%s", encoded);
  decoded = cf_utf7_decode (encoded, &error);
  FUZZ_CHECK (decoded != NULL, "%s: %s", encoded, error->message);
  if (g_utf8_validate (text, -1, NULL))
    FUZZ_CHECK (g_str_equal (decoded, text), "%s comes back as %s", text, decoded);
}

static void
check_name (const char *wire, CfMailboxSpelling spelling, CfMailboxNameKind kind)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = cf_mailbox_name_from_wire (wire, spelling, kind, &error), *again = NULL,
                  *back = NULL;
  g_autofree char *encoded = NULL;

  FUZZ_CHECK ((name == NULL) == (error != NULL), "result and error disagree");
  if (name == NULL)
    return;
  FUZZ_CHECK (strlen (name) <= CF_MAILBOX_NAME_MAX && g_utf8_validate (name, -1, NULL), "%s", name);
  if (kind == CF_MAILBOX_NAME_CREATE)
    kind = CF_MAILBOX_NAME_PLAIN;
  again = cf_mailbox_name_normalise (name, kind, &error);
  FUZZ_CHECK (again != NULL && g_str_equal (again, name), "%s becomes %s", name, again);
  encoded = cf_mailbox_name_to_wire (name, spelling);
  back = cf_mailbox_name_from_wire (encoded, spelling, kind, &error);
  FUZZ_CHECK (back != NULL && g_str_equal (back, name), "%s comes back as %s", name, back);
}

static void
check_compose (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *composed = cf_mailbox_name_compose (valid), *again = NULL;

  if (composed == NULL)
    return;
  again = cf_mailbox_name_compose (composed);
  FUZZ_CHECK (again == NULL, "%s becomes %s, which becomes %s", valid, composed, again);
}

static void
check_address (const char *address)
{
  g_autofree char *normal = cf_address_normalise (address), *again = NULL;

  if (normal == NULL)
    return;
  again = cf_address_normalise (normal);
  FUZZ_CHECK (g_utf8_validate (normal, -1, NULL), "%s", normal);
  FUZZ_CHECK (g_strcmp0 (normal, again) == 0, "%s becomes %s", normal, again);
}

/* Takes exponential time, so only for short ones. */
static gboolean
matches (const char *pattern, const char *name)
{
  if (*pattern == '\0')
    return *name == '\0';
  if (*pattern != '*' && *pattern != '%')
    return *pattern == *name && matches (pattern + 1, name + 1);
  if (matches (pattern + 1, name))
    return TRUE;
  return *name != '\0' && (*pattern == '*' || *name != '/') && matches (pattern, name + 1);
}

static void
check_pattern (const char *pattern, const char *name)
{
  gboolean result = cf_pattern_matches (pattern, name);

  if (strlen (pattern) <= 8 && strlen (name) <= 12)
    FUZZ_CHECK (result == matches (pattern, name), "'%s' and '%s'", pattern, name);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };
  g_autofree char *before = g_strdup ("*");

  while (input.size > 0) {
    char *line = fuzz_take_line (&input);

    check_utf7 (line);
    check_encode (line);
    for (guint kind = CF_MAILBOX_NAME_PLAIN; kind <= CF_MAILBOX_NAME_PATTERN; kind++)
      for (guint spelling = CF_MAILBOX_SPELLING_UTF7; spelling <= CF_MAILBOX_SPELLING_UTF8; spelling++)
        check_name (line, spelling, kind);
    check_compose (line);
    check_address (line);
    check_pattern (before, line);
    g_free (before);
    before = line;
  }
  return 0;
}
