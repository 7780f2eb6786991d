/* tests/unit/test-log.c - what a line of the log looks like, whatever a client put into it. */
#include "base/log.h"

#include <string.h>

#define TIME (G_GINT64_CONSTANT (1772366400) * G_USEC_PER_SEC + 123456)

static char *
format_one (const char *message, const char *key, const char *value)
{
  const GLogField fields[] = { { "MESSAGE", message, -1 }, { "PRIORITY", "4", -1 }, { key, value, -1 } };

  return cf_log_format (G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS (fields), TIME);
}

static void
test_line (void)
{
  g_autofree char *line = format_one ("Cannot reach the store", "COFFER_SESSION", "7");

  g_assert_cmpstr (line, ==, "2026-03-01T12:00:00.123Z warning Cannot reach the store session=7\n");
}

static void
test_escapes (void)
{
  static const struct {
    const char *value, *shown;
  } cases[] = {
    { "plain", " user=plain\n" },
    { "", " user=\"\"\n" },
    { "two words", " user=\"two words\"\n" },
    { "a=\"b\"", " user=\"a=\\\"b\\\"\"\n" },
    { "a\r\nb", " user=a\\x0d\\nb\n" },
    { "esc\x1b[31m", " user=esc\\x1b[31m\n" },
    { "back\\slash", " user=back\\\\slash\n" },
    { "bad\xff\xc3", " user=bad\\xff\\xc3\n" },
    { "\xc3\xa9", " user=\xc3\xa9\n" },
    { "\xc2\x85", " user=\\x85\n" },       /* NEL, a C1 control */
    { "\xe2\x80\xae", " user=\\u202e\n" }, /* right-to-left override */
    { "\xe2\x80\xa8", " user=\\u2028\n" }, /* line separator */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *line = format_one ("m", "COFFER_USER", cases[i].value);

    g_assert_cmpstr (strstr (line, " user="), ==, cases[i].shown);
  }
}

static void
test_message_is_one_line (void)
{
  g_autofree char *line = format_one ("a\nb\x01\n", "OTHER", "not shown");

  g_assert_true (g_str_has_suffix (line, " warning a\\nb\\x01\\n\n"));
  g_assert_cmpuint (strcspn (line, "\n"), ==, strlen (line) - 1);
}

static void
test_level (void)
{
  g_assert_false (cf_log_set_level ("loud"));
  g_assert_true (cf_log_set_level ("warning"));
  g_assert_true (cf_log_is_enabled (G_LOG_LEVEL_CRITICAL));
  g_assert_true (cf_log_is_enabled (G_LOG_LEVEL_WARNING));
  g_assert_false (cf_log_is_enabled (G_LOG_LEVEL_MESSAGE));
  g_assert_true (cf_log_set_level ("error"));
  g_assert_true (cf_log_is_enabled (G_LOG_LEVEL_CRITICAL));
  g_assert_false (cf_log_is_enabled (G_LOG_LEVEL_WARNING));
  g_assert_true (cf_log_set_level ("debug"));
  g_assert_true (cf_log_is_enabled (G_LOG_LEVEL_DEBUG));
}

static void
test_written (void)
{
  if (g_test_subprocess ()) {
    const CfLogContext context
        = { .session = 9, .user = "ann", .peer = "[::1]:5", .command = "UID FETCH", .module = "acl" };

    cf_log_install ();
    cf_log (G_LOG_LEVEL_INFO, &context, "not shown");
    cf_log (G_LOG_LEVEL_WARNING, &context, "shown %d", 1);
    g_message ("from glib");
    return;
  }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr (
      "*Z warning shown 1 session=9 user=ann peer=[::1]:5 command=\"UID FETCH\" module=acl\n"
      "*Z message from glib\n");
  g_test_trap_assert_stderr_unmatched ("*not shown*");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/log/line", test_line);
  g_test_add_func ("/core/log/escapes", test_escapes);
  g_test_add_func ("/core/log/message-is-one-line", test_message_is_one_line);
  g_test_add_func ("/core/log/level", test_level);
  g_test_add_func ("/core/log/written", test_written);
  return g_test_run ();
}
