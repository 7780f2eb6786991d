/* tests/unit/test-search.c - a SEARCH in steps, over a mailbox and a store that are doubles: what matches,
 * and what was asked for to know it.
 */
#include "search.h"

#include <coffer/module.h>
#include <coffer/store.h>

#include "mime-fixture.h"

/* ---- The mailbox and the store ---- */

#define MESSAGES_MAX 1000

typedef struct {
  CfIndexRow row;
  gboolean recent, ghost, gone;
  GString *octets;
  CfFacts *facts;
} Message;

static struct {
  Message messages[MESSAGES_MAX];
  guint32 n;
  gboolean no_permit; /* every other question for a permit is answered no */
  guint permits_asked;
  CfUidSet *answer; /* of the search slot; NULL: the candidates, not exact */
  gboolean exact;
  char *candidates; /* what it was asked for */
  guint n_children; /* of the tree it was given */
  guint n_searches, n_loads, n_reads;
  guint64 octets_read, largest_read;
  gint fail; /* CfError of each call; -1: none */
} world;

static const char plain[] = "From: =?utf-8?q?J=C3=BCrgen?= <juergen@example.org>\n"
                            "To: Alice <alice@example.net>\n"
                            "Subject: First\n"
                            "Date: Mon, 7 Feb 1994 21:52:25 -0800\n"
                            "IMDN-Message-ID: abc\n"
                            "\n"
                            "Hello world\n";

static Message *
world_add (const char *text, gsize length)
{
  Message *message = &world.messages[world.n++];

  message->row = (CfIndexRow){
    .struct_size = sizeof (CfIndexRow), .uid = world.n * 10, .content = world.n, .modseq = world.n
  };
  message->octets = fixture_crlf (text, length);
  message->row.size = message->octets->len;
  message->facts = fixture_scan (message->octets->str, message->octets->len);
  return message;
}

static void
world_clear (void)
{
  for (guint32 i = 0; i < world.n; i++) {
    g_string_free (world.messages[i].octets, TRUE);
    cf_facts_unref (world.messages[i].facts);
    cf_keywords_unref ((CfKeywords *) world.messages[i].row.keywords);
  }
  g_clear_pointer (&world.answer, cf_uid_set_free);
  g_free (world.candidates);
  memset (&world, 0, sizeof world);
  world.fail = -1;
}

/* ---- Doubles of core ---- */

CfSession *
cf_call_get_session (CfCommandCall *call)
{
  return NULL;
}

gboolean
cf_call_enter_store (CfCommandCall *call)
{
  return !world.no_permit || ++world.permits_asked % 2 == 0;
}

guint32
cf_session_get_exists (CfSession *session)
{
  return world.n;
}

const CfIndexRow *
cf_session_get_row (CfSession *session, guint32 seq)
{
  return seq >= 1 && seq <= world.n ? &world.messages[seq - 1].row : NULL;
}

guint32
cf_session_lookup_seq (CfSession *session, guint32 uid)
{
  return uid % 10 == 0 && uid / 10 <= world.n ? uid / 10 : 0;
}

gboolean
cf_session_is_recent (CfSession *session, guint32 uid)
{
  return world.messages[uid / 10 - 1].recent;
}

gboolean
cf_session_is_ghost (CfSession *session, guint32 uid)
{
  return world.messages[uid / 10 - 1].ghost;
}

struct _CfMessage {
  guint32 seq;
  CfFacts *facts;
};

CfMessage *
cf_message_new (CfSession *session, guint32 seq, const CfIndexRow *row)
{
  CfMessage *message = g_new0 (CfMessage, 1);

  message->seq = seq;
  return message;
}

void
cf_message_free (CfMessage *message)
{
  g_free (message);
}

void
cf_message_set_facts (CfMessage *message, CfFacts *facts)
{
  message->facts = facts;
}

static gboolean
world_fails (GError **error)
{
  if (world.fail < 0)
    return FALSE;
  g_set_error_literal (error, CF_ERROR, world.fail, "As the test wants");
  return TRUE;
}

gboolean
cf_store_search (CfSession *session, const CfSearchNode *tree, const CfUidSet *candidates,
                 CfUidSet **out_uids, gboolean *out_exact, GError **error)
{
  world.n_searches++;
  if (world_fails (error))
    return FALSE;
  g_free (world.candidates);
  world.candidates = cf_uid_set_to_string (candidates);
  world.n_children = tree->children->len;
  *out_uids = cf_uid_set_copy (world.answer != NULL ? world.answer : candidates);
  *out_exact = world.exact;
  return TRUE;
}

gboolean
cf_store_load_facts (CfSession *session, guint n, const CfContentId *contents, CfFacts **out_facts,
                     GError **error)
{
  world.n_loads++;
  if (world_fails (error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const Message *message = &world.messages[contents[i] - 1];

    out_facts[i] = message->gone ? NULL : cf_facts_ref (message->facts);
  }
  return TRUE;
}

gboolean
cf_store_read (CfSession *session, guint n_requests, const CfReadRequest *const *requests, CfReadSink *sink,
               GError **error)
{
  guint64 octets = 0;

  world.n_reads++;
  g_assert_cmpuint (n_requests, >, 0);
  /* Any order between requests; pieces in order within one. */
  for (guint i = n_requests; i-- > 0;) {
    const CfReadRequest *request = requests[i];
    const Message *message = &world.messages[request->content - 1];
    guint64 half = request->length / 2;

    if (message->gone) {
      sink->missing (sink, i);
      continue;
    }
    g_assert_cmpuint (request->offset + request->length, <=, message->octets->len);
    sink->octets (sink, i, (const guint8 *) message->octets->str + request->offset, half);
    sink->octets (sink, i, (const guint8 *) message->octets->str + request->offset + half,
                  request->length - half);
    octets += request->length;
  }
  world.octets_read += octets;
  world.largest_read = MAX (world.largest_read, octets);
  return TRUE;
}

/* ---- Trees ---- */

static CfSearchNode *
node_text (CfSearchKind kind, const char *name, const char *text)
{
  CfSearchNode *node = cf_search_node_new (kind);

  node->name = g_strdup (name);
  node->text = g_strdup (text);
  return node;
}

static CfSearchNode *
node_number (CfSearchKind kind, guint64 number)
{
  CfSearchNode *node = cf_search_node_new (kind);

  node->number = number;
  node->day = (gint32) number;
  return node;
}

static CfSearchNode *
node_uids (const char *uids)
{
  CfSearchNode *node = cf_search_node_new (CF_SEARCH_UID);

  node->uids = cf_uid_set_from_string (uids, NULL);
  return node;
}

/* Takes over the children. */
static CfSearchNode *
node_of (CfSearchKind kind, CfSearchNode *first, CfSearchNode *second)
{
  CfSearchNode *node = cf_search_node_new (kind);

  cf_search_node_add (node, first);
  if (second != NULL)
    cf_search_node_add (node, second);
  return node;
}

/* Runs to the end; takes over @tree. */
static void
assert_search (CfSearchNode *tree, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Search) search = search_new (NULL, tree, &error);
  g_autofree char *found = NULL;
  CfRun run;

  g_assert_no_error (error);
  while ((run = search_run (search, NULL, &error)) == CF_RUN_MORE || run == CF_RUN_WAIT)
    ;
  g_assert_no_error (error);
  g_assert_cmpint (run, ==, CF_RUN_DONE);
  found = cf_uid_set_to_string (search_get_uids (search));
  g_assert_cmpstr (found, ==, expected);
}

static guint
world_count_calls (void)
{
  return world.n_searches + world.n_loads + world.n_reads;
}

/* ---- Tests ---- */

/* What the index tells asks the store for nothing. */
static void
test_index (void)
{
  const char *keyword = "$Work";
  Message *message;

  world_add (plain, sizeof plain - 1)->row.flags = CF_FLAG_SEEN;
  message = world_add (plain, sizeof plain - 1);
  message->row.flags = CF_FLAG_SEEN | CF_FLAG_FLAGGED;
  message->row.keywords = cf_keywords_new (&keyword, 1);
  message->recent = TRUE;
  message->row.size = 5000;
  /* 1969-12-31 23:30 in its zone, 1970-01-01 in UTC. */
  message->row.internal_date = 1800;
  message->row.zone = -60;
  world_add (plain, sizeof plain - 1)->row.internal_date = 86400;

  assert_search (cf_search_node_new (CF_SEARCH_ALL), "10,20,30");
  assert_search (node_uids ("1:20"), "10,20");
  assert_search (node_number (CF_SEARCH_FLAG, CF_FLAG_SEEN), "10,20");
  assert_search (node_of (CF_SEARCH_NOT, node_number (CF_SEARCH_FLAG, CF_FLAG_SEEN), NULL), "30");
  assert_search (node_text (CF_SEARCH_KEYWORD, NULL, "$work"), "20");
  assert_search (cf_search_node_new (CF_SEARCH_RECENT), "20");
  assert_search (node_number (CF_SEARCH_LARGER, 4999), "20");
  assert_search (node_number (CF_SEARCH_LARGER, 5000), "");
  assert_search (node_number (CF_SEARCH_SMALLER, 5000), "10,30");
  assert_search (node_number (CF_SEARCH_MODSEQ, 2), "20,30");
  assert_search (node_number (CF_SEARCH_BEFORE, 0), "20");
  assert_search (node_number (CF_SEARCH_ON, 0), "10");
  assert_search (node_number (CF_SEARCH_SINCE, 1), "30");
  assert_search (node_of (CF_SEARCH_OR, node_uids ("30"), node_number (CF_SEARCH_FLAG, CF_FLAG_FLAGGED)),
                 "20,30");
  /* A text beside a flag that nobody has is not looked for. */
  assert_search (node_of (CF_SEARCH_AND, node_number (CF_SEARCH_FLAG, CF_FLAG_DRAFT),
                          node_text (CF_SEARCH_BODY, NULL, "hello")),
                 "");
  g_assert_cmpuint (world_count_calls (), ==, 0);
  world_clear ();
}

/* UIDs that must match bound what is looked at; sets of others, or none of the view, do not mislead. */
static void
test_bounds (void)
{
  for (guint i = 0; i < 5; i++)
    world_add (plain, sizeof plain - 1);
  assert_search (node_of (CF_SEARCH_AND, node_uids ("20:40"), node_uids ("30,50")), "30");
  assert_search (node_of (CF_SEARCH_AND, node_uids ("1:45"), cf_search_node_new (CF_SEARCH_ALL)),
                 "10,20,30,40");
  assert_search (node_of (CF_SEARCH_AND, cf_search_node_new (CF_SEARCH_ALL), node_uids ("")), "");
  assert_search (node_of (CF_SEARCH_AND, node_uids ("10"), node_uids ("50")), "");
  assert_search (node_of (CF_SEARCH_NOT, node_uids ("20"), NULL), "10,30,40,50");
  world_clear ();
}

/* However many keys there are, a step stays short, and the outcome is the same. */
static void
test_many_keys (void)
{
  CfSearchNode *tree = cf_search_node_new (CF_SEARCH_AND);
  g_autoptr (GError) error = NULL;
  g_autoptr (Search) search = NULL;
  guint steps = 1;

  for (guint i = 0; i < 10; i++)
    world_add (plain, sizeof plain - 1);
  for (guint i = 0; i < 20000; i++)
    cf_search_node_add (tree, cf_search_node_new (CF_SEARCH_ALL));
  search = search_new (NULL, tree, &error);
  g_assert_no_error (error);
  while (search_run (search, NULL, &error) == CF_RUN_MORE)
    steps++;
  g_assert_no_error (error);
  g_assert_cmpuint (cf_uid_set_get_count (search_get_uids (search)), ==, 10);
  g_assert_cmpuint (steps, ==, 4);
  world_clear ();
}

/* Nor does it grow with each level of keys within keys but by that level. */
static void
test_nested_keys (void)
{
  static const CfSearchKind kinds[] = { CF_SEARCH_AND, CF_SEARCH_OR };

  for (guint i = 0; i < 3; i++)
    world_add (plain, sizeof plain - 1);
  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    CfSearchNode *tree = node_text (CF_SEARCH_HEADER, "Subject", "nosuch");

    for (guint i = 0; i < 400; i++)
      tree = node_of (kinds[k], tree, node_text (CF_SEARCH_BODY, NULL, "nosuch"));
    assert_search (node_of (CF_SEARCH_NOT, tree, NULL), "10,20,30");
  }
  world_clear ();
}

static void
test_empty (void)
{
  assert_search (cf_search_node_new (CF_SEARCH_ALL), "");
  assert_search (node_text (CF_SEARCH_BODY, NULL, "x"), "");
  g_assert_cmpuint (world_count_calls (), ==, 0);
}

static void
test_facts (void)
{
  static const char other[] = "Subject:\nX-Long: one\n  two\n\ntext\n";

  world_add (plain, sizeof plain - 1);
  world_add (other, sizeof other - 1);
  assert_search (node_text (CF_SEARCH_HEADER, "imdn-message-id", "ABC"), "10");
  assert_search (node_text (CF_SEARCH_HEADER, "Subject", ""), "10,20");
  assert_search (node_text (CF_SEARCH_HEADER, "X-None", ""), "");
  assert_search (node_text (CF_SEARCH_HEADER, "X-Long", "one two"), "");
  assert_search (node_text (CF_SEARCH_HEADER, "X-Long", "two"), "20");
  assert_search (node_text (CF_SEARCH_HEADER, "Sub", "first"), "");
  assert_search (node_text (CF_SEARCH_ADDRESS, "From", "J\303\234RGEN"), "10");
  assert_search (node_text (CF_SEARCH_ADDRESS, "To", "alice@"), "10");
  assert_search (node_text (CF_SEARCH_ADDRESS, "Cc", "alice"), "");
  /* 1994-02-07 in its own zone */
  assert_search (node_number (CF_SEARCH_SENTON, 8803), "10");
  assert_search (node_number (CF_SEARCH_SENTBEFORE, 8804), "10");
  assert_search (node_number (CF_SEARCH_SENTSINCE, 8804), "");
  assert_search (node_of (CF_SEARCH_NOT, node_number (CF_SEARCH_SENTSINCE, 0), NULL), "20");
  g_assert_cmpuint (world.n_reads, ==, 0);
  g_assert_cmpuint (world.n_loads, ==, 13);
  world_clear ();
}

static void
test_bodies (void)
{
  static const char other[] = "Subject: hello\nContent-Type: text/html\n\n<p>other</p>\n";

  world_add (plain, sizeof plain - 1);
  world_add (other, sizeof other - 1);
  assert_search (node_text (CF_SEARCH_BODY, NULL, "HELLO"), "10");
  assert_search (node_text (CF_SEARCH_TEXT, NULL, "HELLO"), "10,20");
  assert_search (node_text (CF_SEARCH_TEXT, NULL, "subject: hello"), "20");
  assert_search (node_text (CF_SEARCH_BODY, NULL, ""), "10,20");
  assert_search (node_of (CF_SEARCH_NOT, node_text (CF_SEARCH_BODY, NULL, "hello"), NULL), "20");
  assert_search (node_of (CF_SEARCH_AND, node_text (CF_SEARCH_BODY, NULL, "hello"),
                          node_text (CF_SEARCH_BODY, NULL, "world")),
                 "10");
  assert_search (node_of (CF_SEARCH_OR, node_text (CF_SEARCH_HEADER, "Subject", "hello"),
                          node_text (CF_SEARCH_BODY, NULL, "world")),
                 "10,20");
  world_clear ();
}

/* Many messages share a call, and a large one is read in slices, across which a match counts. */
static void
test_slices (void)
{
  GString *large = g_string_new ("Subject: large\n\n");

  for (guint i = 0; i < 450; i++)
    world_add (plain, sizeof plain - 1);
  while (large->len < 256 * 1024 - 5)
    g_string_append_c (large, 'x');
  g_string_append (large, "needle");
  while (large->len < 700 * 1024)
    g_string_append_c (large, 'y');
  world_add (large->str, large->len);
  assert_search (node_text (CF_SEARCH_BODY, NULL, "needle"), "4510");
  g_assert_cmpuint (world.n_searches, ==, 1);
  g_assert_cmpuint (world.n_loads, ==, 3);
  /* Two batches of 200, then 50 with the beginning of the large one, then its needle; the rest is
   * of no use. */
  g_assert_cmpuint (world.n_reads, ==, 4);
  g_assert_cmpuint (world.largest_read, ==, 256 * 1024);
  g_string_free (large, TRUE);
  world_clear ();
}

static void
test_store (void)
{
  for (guint i = 0; i < 4; i++)
    world_add (plain, sizeof plain - 1);
  world.messages[3].row.flags = CF_FLAG_SEEN;
  world.messages[2].ghost = TRUE;

  /* Exact: nothing else is asked, but about the ghost. The flag is settled and not passed on. */
  world.answer = cf_uid_set_from_string ("20,40", NULL);
  world.exact = TRUE;
  assert_search (node_of (CF_SEARCH_AND,
                          node_of (CF_SEARCH_NOT, node_number (CF_SEARCH_FLAG, CF_FLAG_SEEN), NULL),
                          node_text (CF_SEARCH_HEADER, "Subject", "first")),
                 "20,30");
  g_assert_cmpstr (world.candidates, ==, "10,20");
  g_assert_cmpuint (world.n_children, ==, 1);
  g_assert_cmpuint (world.n_loads, ==, 1);
  g_assert_cmpuint (world.n_searches, ==, 1);

  /* More than match: each is looked at. */
  world.exact = FALSE;
  assert_search (node_text (CF_SEARCH_HEADER, "Subject", "second"), "");
  assert_search (node_text (CF_SEARCH_HEADER, "Subject", "first"), "20,30,40");
  world_clear ();
}

/* Content that is gone matches nothing, a negation neither, at whatever stage it is missed. */
static void
test_gone (void)
{
  for (guint i = 0; i < 3; i++)
    world_add (plain, sizeof plain - 1);
  world.messages[0].row.content = 0;
  world.messages[1].gone = TRUE;
  assert_search (node_text (CF_SEARCH_BODY, NULL, "hello"), "30");
  assert_search (node_of (CF_SEARCH_NOT, node_text (CF_SEARCH_BODY, NULL, "none"), NULL), "30");
  assert_search (cf_search_node_new (CF_SEARCH_ALL), "10,20,30");
  world_clear ();
}

static void
test_permits (void)
{
  world_add (plain, sizeof plain - 1);
  world.no_permit = TRUE;
  assert_search (node_text (CF_SEARCH_BODY, NULL, "hello"), "10");
  g_assert_cmpuint (world.permits_asked, ==, 6);
  world_clear ();
}

static void
test_errors (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Search) search = NULL;
  g_autoptr (CfSearchNode) many = cf_search_node_new (CF_SEARCH_AND);
  CfRun run;

  world_add (plain, sizeof plain - 1);
  world.fail = CF_ERROR_UNAVAILABLE;
  search = search_new (NULL, node_text (CF_SEARCH_BODY, NULL, "hello"), &error);
  g_assert_no_error (error);
  while ((run = search_run (search, NULL, &error)) == CF_RUN_MORE)
    ;
  g_assert_cmpint (run, ==, CF_RUN_ERROR);
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_clear_error (&error);

  for (guint i = 0; i < SEARCH_BODY_NEEDLES_MAX + 1; i++) {
    g_autofree char *text = g_strdup_printf ("text %u", i);

    cf_search_node_add (many, node_text (CF_SEARCH_BODY, NULL, "the same"));
    if (i > 0)
      cf_search_node_add (many, node_text (CF_SEARCH_TEXT, NULL, text));
  }
  g_assert_null (search_new (NULL, g_steal_pointer (&many), &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
  world_clear ();
}

static gboolean
odd_match (CfMessage *message, const CfSearchNode *node)
{
  g_assert_true (message->facts != NULL || node->number == 0);
  return message->seq % 2 == 1;
}

/* Another module's key is evaluated as soon as there is what it needs. */
static void
test_module (void)
{
  static const CfSearchKey row_key = { .name = "ODD", .match = odd_match };
  static const CfSearchKey facts_key = { .name = "ODDFACTS", .match = odd_match, .needs = CF_NEED_FACTS };
  CfSearchNode *node = node_number (CF_SEARCH_MODULE, 0);

  for (guint i = 0; i < 3; i++)
    world_add (plain, sizeof plain - 1);
  node->key = &row_key;
  assert_search (node, "10,30");
  g_assert_cmpuint (world_count_calls (), ==, 0);
  node = node_number (CF_SEARCH_MODULE, 1);
  node->key = &facts_key;
  assert_search (node, "10,30");
  g_assert_cmpuint (world.n_loads, ==, 1);
  world_clear ();
}

int
main (int argc, char **argv)
{
  world.fail = -1;
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/search/index", test_index);
  g_test_add_func ("/search/bounds", test_bounds);
  g_test_add_func ("/search/many-keys", test_many_keys);
  g_test_add_func ("/search/nested-keys", test_nested_keys);
  g_test_add_func ("/search/empty", test_empty);
  g_test_add_func ("/search/facts", test_facts);
  g_test_add_func ("/search/bodies", test_bodies);
  g_test_add_func ("/search/slices", test_slices);
  g_test_add_func ("/search/store", test_store);
  g_test_add_func ("/search/gone", test_gone);
  g_test_add_func ("/search/permits", test_permits);
  g_test_add_func ("/search/errors", test_errors);
  g_test_add_func ("/search/module", test_module);
  return g_test_run ();
}
