/* tests/unit/test-search-body.c - which octets of a message are looked through, and what is found in them. */
#include "body.h"
#include "mime-fixture.h"

static const char message[] = "Subject: outer subject\n"
                              "MIME-Version: 1.0\n"
                              "Content-Type: multipart/mixed; boundary=b\n"
                              "\n"
                              "a preamble\n"
                              "--b\n"
                              "Content-Type: text/plain; charset=iso-8859-1\n"
                              "Content-Transfer-Encoding: quoted-printable\n"
                              "\n"
                              "Caf=E9 cr=E8me, soft=\n"
                              "ware, one\n"
                              "--b\n"
                              "Content-Type: text/plain; charset=utf-8\n"
                              "Content-Transfer-Encoding: base64\n"
                              "\n"
                              "w4RwZmVsIHVuZCBC\n"
                              "aXJuZW4=\n"
                              "--b\n"
                              "Content-Type: application/octet-stream; name=\"filename.bin\"\n"
                              "\n"
                              "binary attachment\n"
                              "--b\n"
                              "Content-Type: message/rfc822\n"
                              "\n"
                              "Subject: =?utf-8?q?inn=C3=A9r?=\n"
                              " topic\n"
                              "\n"
                              "inner text\n"
                              "--b\n"
                              "Content-Type: application/vnd.gsma.rcs-ft-http+xml\n"
                              "\n"
                              "<file>photo</file>\n"
                              "--b\n"
                              "Content-Type: text/plain\n"
                              "Content-Transfer-Encoding: x-unknown\n"
                              "\n"
                              "two unknown encoding\n"
                              "--b--\n"
                              "an epilogue\n";

static gboolean
body_finds (const GString *octets, CfFacts *facts, const char *text, gsize slice)
{
  g_autofree char *folded = search_fold (text, -1);
  SearchNeedle needle = { folded, strlen (folded) };
  g_autoptr (SearchBody) body = search_body_new (facts, &needle, 1);
  guint64 offset;
  gsize length;

  while (search_body_ask (body, slice, &offset, &length)) {
    g_assert_cmpuint (length, >, 0);
    g_assert_cmpuint (length, <=, slice);
    g_assert_cmpuint (offset + length, <=, octets->len);
    search_body_feed (body, (const guint8 *) octets->str + offset, length);
  }
  g_assert_true (search_body_is_complete (body));
  return search_stream_has_found (search_body_get_stream (body), 0);
}

static void
test_found (void)
{
  static const struct {
    const char *text;
    gboolean found;
  } cases[] = {
    { "CAF\303\211 CR\303\210ME", TRUE },
    { "software", TRUE },
    { "\303\244pfel UND birnen", TRUE },
    { "filename.bin", TRUE },
    { "inn\303\251r topic", TRUE },
    { "Subject: inn\303\251r", TRUE },
    { "inner text", TRUE },
    { "<file>photo", TRUE },
    { "unknown encoding", TRUE },
    { "binary attachment", FALSE },
    { "outer subject", FALSE },
    { "preamble", FALSE },
    { "epilogue", FALSE },
    { "w4RwZm", FALSE },
    { "one\303\204pfel", FALSE }, /* across two parts */
  };
  g_autoptr (CfFacts) facts = NULL;
  GString *octets = fixture_crlf (message, sizeof message - 1);

  facts = fixture_scan (octets->str, octets->len);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize slice = 1; slice < 2000; slice = slice * 2 + 1)
      g_assert_cmpint (body_finds (octets, facts, cases[i].text, slice), ==, cases[i].found);
  g_string_free (octets, TRUE);
}

/* Several ranges are asked for before the first is fed. */
static void
test_ask_ahead (void)
{
  GString *octets = fixture_crlf (message, sizeof message - 1);
  g_autoptr (CfFacts) facts = fixture_scan (octets->str, octets->len);
  SearchNeedle needle = { "software", 8 };
  g_autoptr (SearchBody) body = search_body_new (facts, &needle, 1);
  guint64 offsets[200];
  gsize lengths[200];
  guint n = 0;

  while (search_body_ask (body, 10, &offsets[n], &lengths[n]))
    n++;
  for (guint i = 0; i < n; i++) {
    g_assert_false (search_body_is_complete (body));
    search_body_feed (body, (const guint8 *) octets->str + offsets[i], lengths[i]);
  }
  g_assert_true (search_body_is_complete (body));
  g_assert_true (search_stream_has_found_all (search_body_get_stream (body)));
  g_string_free (octets, TRUE);
}

static void
test_nothing (void)
{
  static const char attachment[] = "Content-Type: image/png\r\n\r\ntext";
  g_autoptr (CfFacts) facts = fixture_scan (attachment, sizeof attachment - 1);
  g_autoptr (CfFacts) empty = fixture_scan ("", 0);
  SearchNeedle needle = { "text", 4 };
  g_autoptr (SearchBody) body = search_body_new (facts, &needle, 1);
  g_autoptr (SearchBody) empty_body = search_body_new (empty, &needle, 1);
  guint64 offset;
  gsize length;

  g_assert_true (search_body_is_complete (body));
  g_assert_false (search_body_ask (body, 10, &offset, &length));
  g_assert_true (search_body_is_complete (empty_body));
}

/* NUL is text that matches nothing, not the end. */
static void
test_nul (void)
{
  static const char octets[] = "Subject: x\r\n\r\nbefore\0after";
  g_autoptr (CfFacts) facts = fixture_scan (octets, sizeof octets - 1);
  const GString text = { .str = (char *) octets, .len = sizeof octets - 1 };

  g_assert_true (body_finds (&text, facts, "after", 100));
  g_assert_true (body_finds (&text, facts, "before", 100));
  g_assert_false (body_finds (&text, facts, "beforeafter", 100));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/search/body/found", test_found);
  g_test_add_func ("/search/body/ask-ahead", test_ask_ahead);
  g_test_add_func ("/search/body/nothing", test_nothing);
  g_test_add_func ("/search/body/nul", test_nul);
  return g_test_run ();
}
