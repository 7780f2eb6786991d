/* tests/unit/test-object-id.c - identifiers of mailboxes, contents and threads: which messages are one
 * thread. */
#include "commands/object-id.h"

#include "mime-fixture.h"

/* NULL: none. The caller frees. */
static char *
thread_of (const char *header)
{
  g_autofree char *text = g_strconcat (header, "\nHello\n", NULL);
  g_autoptr (CfFacts) facts = NULL;
  char id[CF_OBJECT_ID_SIZE];
  GString *crlf = fixture_crlf (text, strlen (text));

  facts = fixture_scan (crlf->str, crlf->len);
  g_string_free (crlf, TRUE);
  return cf_object_id_of_thread (facts, id) ? g_strdup (id) : NULL;
}

static void
test_same (void)
{
  static const char *const rows[] = {
    "Message-ID: <a@x>\n",
    "message-id:  <a@x>\n",
    "Message-ID: <b@x>\nReferences: <a@x>\n",
    "Message-ID: <c@x>\nReferences: <a@x> <b@x>\n",
    "Message-ID: <c@x>\nReferences:\n <a@x>\n <b@x>\n",
    "Message-ID: <c@x>\nReferences: \nIn-Reply-To: <a@x>\n",
    "Message-ID: <d@x>\nIn-Reply-To: Joe's of Monday <a@x>\n",
    "Message-ID: <e@x>\nReferences: nothing\nIn-Reply-To: <a@x>\n",
    "References: <a@x>\nIn-Reply-To: <b@x>\n",
  };
  g_autofree char *first = thread_of (rows[0]);

  g_assert_cmpuint (strlen (first), ==, 33);
  g_assert_cmpint (first[0], ==, 'T');
  for (gsize i = 1; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *thread = thread_of (rows[i]);

    g_assert_cmpstr (thread, ==, first);
  }
}

static void
test_different (void)
{
  static const char *const rows[] = {
    "Message-ID: <a@x>\n",
    "Message-ID: <A@x>\n",
    "Message-ID: <b@x>\n",
    "Conversation-ID: 1\nMessage-ID: <a@x>\n",
    "Conversation-ID: 2\nMessage-ID: <a@x>\n",
    "Conversation-ID: <a@x>\n",
  };
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_true (g_hash_table_add (seen, thread_of (rows[i])));
}

static void
test_none (void)
{
  static const char *const rows[] = {
    "Subject: x\n",       "Message-ID: a@x\n", "Message-ID: <>\n",
    "Message-ID: <a@x\n", "References: >a<\n", "Conversation-ID:\n",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_null (thread_of (rows[i]));
}

static void
test_fits (void)
{
  char id[CF_OBJECT_ID_SIZE];

  cf_object_id_of_content (G_MAXUINT64, id);
  g_assert_cmpstr (id, ==, "M18446744073709551615");
  cf_object_id_of_mailbox (G_MAXUINT32, id);
  g_assert_cmpstr (id, ==, "F4294967295");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/object-id/thread/same", test_same);
  g_test_add_func ("/core/object-id/thread/different", test_different);
  g_test_add_func ("/core/object-id/thread/none", test_none);
  g_test_add_func ("/core/object-id/fits", test_fits);
  return g_test_run ();
}
