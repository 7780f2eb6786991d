/* tests/unit/test-structure.c - ENVELOPE, BODY and BODYSTRUCTURE as they are sent. */
#include "mime-fixture.h"

#define PLAIN "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" "

static const struct {
  const char *name, *message, *envelope;
} envelopes[] = {
  { "empty", "", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)" },
  /* RFC 3501, 7.4.2. */
  { "rfc3501",
    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\nFrom: Terry Gray <gray@cac.washington.edu>\n"
    "Subject: IMAP4rev1 WG mtg summary and minutes\nTo: imap@cac.washington.edu\n"
    "cc: minutes@CNRI.Reston.VA.US,\n  John Klensin <KLENSIN@MIT.EDU>\n"
    "Message-Id: <B27397-0100000@cac.washington.edu>\n\n",
    "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" "
    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((\"Terry Gray\" NIL \"gray\" "
    "\"cac.washington.edu\")) "
    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) ((NIL NIL \"imap\" \"cac.washington.edu\")) "
    "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
    "\"<B27397-0100000@cac.washington.edu>\")" },
  { "sender-and-reply-to", "From: a@b\nSender: c@d\nReply-To: \nIn-Reply-To: <x> <y>\n\n",
    "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL \"<x> "
    "<y>\" NIL)" },
  { "group", "To: G: a@b;, U:;\n\n",
    "(NIL NIL NIL NIL NIL ((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)(NIL NIL \"U\" NIL)"
    "(NIL NIL NIL NIL)) NIL NIL NIL NIL)" },
  { "raw-words", "Subject: =?utf-8?q?h=C3=A9?=\n =?utf-8?q?x?=\nTo: =?utf-8?q?h=C3=A9?= <a@b>\n\n",
    "(NIL \"=?utf-8?q?h=C3=A9?= =?utf-8?q?x?=\" NIL NIL NIL ((\"=?utf-8?q?h=C3=A9?=\" NIL \"a\" \"b\")) NIL "
    "NIL NIL "
    "NIL)" },
  { "quoting", "Subject: a \"b\" \\c\n\n", "(NIL \"a \\\"b\\\" \\\\c\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
  { "literal", "Subject: h\303\251\n\n", "(NIL {3}\r\nh\303\251 NIL NIL NIL NIL NIL NIL NIL NIL)" },
  { "empty-subject", "Subject:\n\n", "(NIL \"\" NIL NIL NIL NIL NIL NIL NIL NIL)" },
  { "uri", "From: tel:+336\nTo: \"B\" <sip:c@d>, root\n\n",
    "(NIL NIL ((NIL NIL \"tel:+336\" \"\")) ((NIL NIL \"tel:+336\" \"\")) ((NIL NIL \"tel:+336\" \"\")) "
    "((\"B\" NIL \"sip:c\" \"d\")(NIL NIL \"root\" \"\")) NIL NIL NIL NIL)" },
  { "repeated", "Subject: one\nSubject: two\nTo: a@b\nTo: c@d\n\n",
    "(NIL \"one\" NIL NIL NIL ((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)" },
};

static const struct {
  const char *name, *message, *body, *bodystructure;
} structures[] = {
  { "empty", "", PLAIN "0 0)", PLAIN "0 0 NIL NIL NIL NIL)" },
  { "everything",
    "Content-Type: text/html; charset=\"utf-8\"; name*0=\"a\"; name*1=b\nContent-Transfer-Encoding: "
    "Quoted-Printable\n"
    "Content-ID: <i@d>\nContent-Description: some\n thing\nContent-MD5: Q2hlY2s=\nContent-Language: en, fr\n"
    "Content-Location: http://x/\nContent-Disposition: inline; filename=\"a \\\"b\\\".html\"; "
    "size=3\n\na\nb\n",
    "(\"TEXT\" \"HTML\" (\"CHARSET\" \"utf-8\" \"NAME*0\" \"a\" \"NAME*1\" \"b\") \"<i@d>\" \"some thing\" "
    "\"QUOTED-PRINTABLE\" 6 2)",
    "(\"TEXT\" \"HTML\" (\"CHARSET\" \"utf-8\" \"NAME*0\" \"a\" \"NAME*1\" \"b\") \"<i@d>\" \"some thing\" "
    "\"QUOTED-PRINTABLE\" 6 2 \"Q2hlY2s=\" (\"INLINE\" (\"FILENAME\" \"a \\\"b\\\".html\" \"SIZE\" \"3\")) "
    "(\"en\" \"fr\") \"http://x/\")" },
  { "no-parameters", "Content-Type: image/png\nContent-Disposition: attachment\n\nx",
    "(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 1)",
    "(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 1 NIL (\"ATTACHMENT\" NIL) NIL NIL)" },
  { "tolerant-parameters",
    "Content-Type: text/x-a charset=utf-8; name=my file.txt; junk; e=\"\"; u=\"open\n\nx",
    "(\"TEXT\" \"X-A\" (\"CHARSET\" \"utf-8\" \"NAME\" \"my file.txt\" \"E\" \"\" \"U\" \"open\") NIL NIL "
    "\"7BIT\" 1 0)",
    NULL },
  { "multipart",
    "Content-Type: multipart/alternative; boundary=b\nContent-Language: en\n\n--b\n\nx\n\n--b\nContent-Type: "
    "multipart/related; boundary=c\n\n--c\n\n--c--\n--b--\n",
    "(" PLAIN "3 1)(" PLAIN "0 0) \"RELATED\") \"ALTERNATIVE\")",
    "(" PLAIN "3 1 NIL NIL NIL NIL)(" PLAIN
    "0 0 NIL NIL NIL NIL) \"RELATED\" (\"BOUNDARY\" \"c\") NIL NIL NIL) "
    "\"ALTERNATIVE\" (\"BOUNDARY\" \"b\") NIL (\"en\") NIL)" },
  { "message",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: "
    "s\n\nx\n--b--\n",
    "((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 15 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " PLAIN
    "1 0) 2) \"MIXED\")",
    "((\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 15 (NIL \"s\" NIL NIL NIL NIL NIL NIL NIL NIL) " PLAIN
    "1 0 NIL NIL NIL NIL) 2 NIL NIL NIL NIL) \"MIXED\" (\"BOUNDARY\" \"b\") NIL NIL NIL)" },
  { "message-multipart-message",
    "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n",
    "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 62 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (" PLAIN
    "1 0) \"MIXED\") 6)",
    NULL },
  { "empty-multipart", "Content-Type: multipart/mixed; boundary=b\n\n", "(" PLAIN "0 0) \"MIXED\")", NULL },
};

static void
assert_text (const char *text, gsize length, const char *expected)
{
  g_autofree char *copy = g_strndup (text, length);

  g_assert_cmpstr (copy, ==, expected);
}

static void
test_envelope (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data), length;
  g_autoptr (GString) message = fixture_crlf (envelopes[i].message, strlen (envelopes[i].message));
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);
  const char *text = cf_facts_get_envelope (facts, &length);

  assert_text (text, length, envelopes[i].envelope);
}

static void
test_structure (gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE (data), length;
  g_autoptr (GString) message = fixture_crlf (structures[i].message, strlen (structures[i].message));
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);
  const char *text = cf_facts_get_body (facts, &length);

  assert_text (text, length, structures[i].body);
  text = cf_facts_get_bodystructure (facts, &length);
  if (structures[i].bodystructure != NULL)
    assert_text (text, length, structures[i].bodystructure);
}

/* Quoted strings are for short texts. */
static void
test_long_string (void)
{
  g_autofree char *subject = g_strnfill (1001, 's');
  g_autofree char *message = g_strdup_printf ("Subject: %s\r\n\r\n", subject);
  g_autofree char *expected = g_strdup_printf ("(NIL {1001}\r\n%s NIL NIL NIL NIL NIL NIL NIL NIL)", subject);
  g_autoptr (CfFacts) facts = fixture_scan (message, strlen (message));
  gsize length;
  const char *text = cf_facts_get_envelope (facts, &length);

  assert_text (text, length, expected);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (envelopes); i++) {
    g_autofree char *path = g_strdup_printf ("/core/envelope/%s", envelopes[i].name);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_envelope);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (structures); i++) {
    g_autofree char *path = g_strdup_printf ("/core/structure/%s", structures[i].name);

    g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_structure);
  }
  g_test_add_func ("/core/structure/long-string/literal", test_long_string);
  return g_test_run ();
}
