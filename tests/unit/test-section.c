/* tests/unit/test-section.c - part specifiers (RFC 3501, 6.4.5), raw and presented. */
#include "mime-fixture.h"

#define A CF_SECTION_ALL
#define H CF_SECTION_HEADER
#define T CF_SECTION_TEXT
#define M CF_SECTION_MIME

typedef struct {
  const char *path;
  CfSectionKind kind;
  const char *octets; /* NULL: no such section */
} Row;

typedef struct {
  const char *name, *message;
  Row rows[16];
} Case;

static const Case cases[] = {
  { "leaf",
    "Subject: x\n\nbody",
    { { "", A, "Subject: x\n\nbody" },
      { "", H, "Subject: x\n\n" },
      { "", T, "body" },
      { "", M, NULL },
      { "1", A, "body" },
      { "1", M, "Subject: x\n\n" },
      { "1", H, NULL },
      { "1", T, NULL },
      { "2", A, NULL },
      { "1.1", A, NULL },
      { "01", A, NULL },
      { "0", A, NULL },
      { "1.", A, NULL } } },
  { "no-header",
    "body",
    { { "", A, "body" }, { "", H, "" }, { "", T, "body" }, { "1", A, "body" }, { "1", M, "" } } },
  { "multipart",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nA: b\n\none\n--b\nContent-Type: message/rfc822\n\n"
    "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--b--\n",
    { { "", H, "Content-Type: multipart/mixed; boundary=b\n\n" },
      { "", T,
        "--b\nA: b\n\none\n--b\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; "
        "boundary=c\n\n--c\n\nx\n--c--\n--b--\n" },
      { "1", A, "one" },
      { "1", M, "A: b\n\n" },
      { "1", H, NULL },
      { "1.1", A, NULL },
      { "2", A, "Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--" },
      { "2", M, "Content-Type: message/rfc822\n\n" },
      { "2", H, "Content-Type: multipart/mixed; boundary=c\n\n" },
      { "2", T, "--c\n\nx\n--c--" },
      { "2.1", A, "x" },
      { "2.1", M, "\n" },
      { "2.1", T, NULL },
      { "2.2", A, NULL },
      { "3", A, NULL } } },
  { "message-with-leaf",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: "
    "s\n\nx\n--b--\n",
    { { "1", A, "Subject: s\n\nx" },
      { "1", H, "Subject: s\n\n" },
      { "1", T, "x" },
      { "1.1", A, "x" },
      { "1.1", M, "Subject: s\n\n" },
      { "1.2", A, NULL } } },
  { "message-at-root",
    "Content-Type: message/rfc822\n\nSubject: s\n\nx",
    { { "", H, "Content-Type: message/rfc822\n\n" },
      { "", T, "Subject: s\n\nx" },
      { "1", A, "Subject: s\n\nx" },
      { "1", M, "Content-Type: message/rfc822\n\n" },
      { "1", H, "Subject: s\n\n" },
      { "1", T, "x" },
      { "1.1", A, "x" } } },
};

static void
test_case (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (GString) message = fixture_crlf (test->message, strlen (test->message));
  g_autoptr (CfFacts) facts = fixture_scan (message->str, message->len);

  for (gsize i = 0; i < G_N_ELEMENTS (test->rows) && test->rows[i].path != NULL; i++) {
    const Row *row = &test->rows[i];
    guint64 offset = 0, length = 0, raw_offset = 0, raw_length = 0;
    gboolean found = cf_facts_locate (facts, row->path, row->kind, &offset, &length);

    g_assert_cmpint (found, ==, row->octets != NULL);
    g_assert_cmpint (cf_facts_locate_raw (facts, row->path, row->kind, &raw_offset, &raw_length), ==, found);
    g_assert_cmpuint (offset, ==, raw_offset);
    g_assert_cmpuint (length, ==, raw_length);
    if (found) {
      g_autoptr (GString) expected = fixture_crlf (row->octets, strlen (row->octets));

      fixture_assert_octets (message, offset, length, expected->str, expected->len);
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/core/section/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_case);
  }
  return g_test_run ();
}
