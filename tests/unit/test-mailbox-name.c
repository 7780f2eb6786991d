/* tests/unit/test-mailbox-name.c - which names there can be, and what they become. */
#include "imap/mailbox-name.h"

#include <string.h>

#define PLAIN   (1 << CF_MAILBOX_NAME_PLAIN)
#define CREATE  (1 << CF_MAILBOX_NAME_CREATE)
#define PATTERN (1 << CF_MAILBOX_NAME_PATTERN)
#define ALL     (PLAIN | CREATE | PATTERN)

/* @kinds accept @wire as @name; the others refuse it. */
static const struct {
  const char *wire;
  guint kinds;
  const char *name;
} names[] = {
  { "Default/tel:+33642575779", ALL, "Default/tel:+33642575779" },
  { "inbox", ALL, "INBOX" },
  { "iNbOx/Sent", ALL, "INBOX/Sent" },
  { "inboxes", ALL, "inboxes" },
  { "x/inbox", ALL, "x/inbox" },
  { "caf&AOk-", ALL, "caf\303\251" },
  { "caf\303\251", ALL, "caf\303\251" },
  { "a&-b", ALL, "a&b" },
  { "a b", ALL, "a b" },
  { "a%b*", ALL, "a%b*" },
  { "\342\200\250", 0, NULL }, /* U+2028 */
  { "&AIA-", 0, NULL },        /* U+0080 */
  { "&AH8-", 0, NULL },
  { "a\001b", 0, NULL },
  { "a\rb", 0, NULL },
  { "a&b", 0, NULL },
  { "\377", 0, NULL },
  { "", PATTERN, "" },
  { "/", PATTERN, "/" },
  { "/a", PATTERN, "/a" },
  { "a//b", PATTERN, "a//b" },
  { "a//", PATTERN, "a//" },
  { "Default/%", ALL, "Default/%" },
};

static void
test_names (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    for (guint kind = CF_MAILBOX_NAME_PLAIN; kind <= CF_MAILBOX_NAME_PATTERN; kind++) {
      g_autoptr (GError) error = NULL;
      g_autofree char *name
          = cf_mailbox_name_from_wire (names[i].wire, CF_MAILBOX_SPELLING_UTF7, kind, &error);

      g_test_message ("row %u as kind %u", i, kind);
      if ((names[i].kinds & 1u << kind) != 0)
        g_assert_cmpstr (name, ==, names[i].name);
      else {
        g_assert_null (name);
        g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
      }
    }
}

/* A name has the same form there and back; "&" is nothing special, and nothing but UTF-8 is a name. */
static void
test_utf8 (void)
{
  static const char *const same[] = { "caf\303\251", "&AOk-", "a&b", "\360\237\230\200/x", "e\314\201" };
  static const char *const bad[]
      = { "\377", "\303", "a\001", "\302\205", "\342\200\251", "\355\240\200", "" };

  for (guint i = 0; i < G_N_ELEMENTS (same); i++) {
    g_autofree char *name
        = cf_mailbox_name_from_wire (same[i], CF_MAILBOX_SPELLING_UTF8, CF_MAILBOX_NAME_PLAIN, NULL);
    g_autofree char *wire = cf_mailbox_name_to_wire (same[i], CF_MAILBOX_SPELLING_UTF8);

    g_assert_cmpstr (name, ==, same[i]);
    g_assert_cmpstr (wire, ==, same[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (
        cf_mailbox_name_from_wire (bad[i], CF_MAILBOX_SPELLING_UTF8, CF_MAILBOX_NAME_PLAIN, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  }
}

static void
test_compose (void)
{
  static const struct {
    const char *name, *composed; /* NULL: it is */
  } rows[] = {
    { "", NULL },
    { "INBOX/R&D", NULL },
    { "caf\303\251", NULL },
    { "cafe\314\201", "caf\303\251" },
    { "e\314\201/e\314\201", "\303\251/\303\251" },
    { "\341\204\200\341\205\241", "\352\260\200" },           /* Hangul syllables */
    { "\342\204\252", "K" },                                  /* U+212A: a singleton */
    { "\340\245\230", "\340\244\225\340\244\274" },           /* U+0958: composition is excluded */
    { "q\314\207\314\243", "q\314\243\314\207" },             /* order of marks */
    { "\357\254\201 \357\274\241 \302\262", NULL },           /* compatibility characters stay */
    { "\360\237\221\250\342\200\215\360\237\221\251", NULL }, /* joined emoji */
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *composed = cf_mailbox_name_compose (rows[i].name);

    g_test_message ("row %u", i);
    g_assert_cmpstr (composed, ==, rows[i].composed);
    if (composed != NULL)
      g_assert_null (cf_mailbox_name_compose (composed));
  }
}

static void
test_trailing_separator (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *plain
      = cf_mailbox_name_from_wire ("a/b/", CF_MAILBOX_SPELLING_UTF7, CF_MAILBOX_NAME_PLAIN, &error);
  g_autofree char *create
      = cf_mailbox_name_from_wire ("a/b/", CF_MAILBOX_SPELLING_UTF7, CF_MAILBOX_NAME_CREATE, NULL);
  g_autofree char *inbox
      = cf_mailbox_name_from_wire ("inbox/", CF_MAILBOX_SPELLING_UTF7, CF_MAILBOX_NAME_CREATE, NULL);
  g_autofree char *pattern
      = cf_mailbox_name_from_wire ("a/b/", CF_MAILBOX_SPELLING_UTF7, CF_MAILBOX_NAME_PATTERN, NULL);

  g_assert_null (plain);
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_assert_cmpstr (create, ==, "a/b");
  g_assert_cmpstr (inbox, ==, "INBOX");
  g_assert_cmpstr (pattern, ==, "a/b/");
}

static void
test_length (void)
{
  g_autofree char *most = g_strnfill (CF_MAILBOX_NAME_MAX, 'x');
  g_autofree char *over = g_strnfill (CF_MAILBOX_NAME_MAX + 1, 'x');
  g_autofree char *taken = cf_mailbox_name_normalise (most, CF_MAILBOX_NAME_PLAIN, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (taken, ==, most);
  g_assert_null (cf_mailbox_name_normalise (over, CF_MAILBOX_NAME_PLAIN, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  over[CF_MAILBOX_NAME_MAX] = '/';
  g_free (taken);
  taken = cf_mailbox_name_normalise (over, CF_MAILBOX_NAME_CREATE, NULL);
  g_assert_cmpstr (taken, ==, most);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/mailbox-name/names", test_names);
  g_test_add_func ("/core/mailbox-name/utf8", test_utf8);
  g_test_add_func ("/core/mailbox-name/compose", test_compose);
  g_test_add_func ("/core/mailbox-name/trailing-separator", test_trailing_separator);
  g_test_add_func ("/core/mailbox-name/length", test_length);
  return g_test_run ();
}
