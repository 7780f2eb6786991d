/* tests/storage/test-sqlite-batch.c - batches, the tree, searches and differences of storage-sqlite, where
 * its way of doing them has corners that the conformance kit cannot know of. */
#include "sqlite-fixture.h"

#include <string.h>

static void
store_flags (Fixture *fixture, guint32 uid, CfStoreMode mode, guint16 flags)
{
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  CfWriteOp op = { .struct_size = sizeof op,
                   .kind = CF_WRITE_STORE,
                   .uids = uids,
                   .mode = mode,
                   .flags = flags,
                   .unchanged_since = G_MAXUINT64 };

  cf_uid_set_add (uids, uid);
  cf_write_batch_free (fixture_run (fixture, &op, 0));
}

/* ---- Batches ----------------------------------------------------------------------------------------- */

/* A group with an operation that is refused changes nothing; the operations beside it are carried out. */
static void
test_group_fails_together (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autoptr (CfUidSet) first = cf_uid_set_new (), missing = cf_uid_set_new ();
  CfWriteOp flag = { .struct_size = sizeof flag,
                     .kind = CF_WRITE_STORE,
                     .group = 1,
                     .uids = first,
                     .mode = CF_STORE_ADD,
                     .flags = CF_FLAG_FLAGGED,
                     .unchanged_since = G_MAXUINT64 };
  CfWriteOp refused = {
    .struct_size = sizeof refused, .kind = CF_WRITE_EXPUNGE, .group = 1, .uids = missing, .require_all = TRUE
  };
  CfWriteOp alone = flag;
  g_autoptr (CfWriteBatch) batch = cf_write_batch_new (fixture->account, fixture->inbox, 0, 0, 0);
  g_autoptr (Index) index = NULL;
  g_autoptr (GError) error = NULL;

  fixture_append_text (fixture, fixture->conn, "x", NULL);
  cf_uid_set_add (first, 1);
  cf_uid_set_add_range (missing, 1, 2);
  alone.group = 0;
  alone.flags = CF_FLAG_SEEN;
  cf_write_batch_add_op (batch, &flag);
  cf_write_batch_add_op (batch, &refused);
  cf_write_batch_add_op (batch, &alone);
  fixture->class->commit (fixture->conn, &fixture_call, batch, &error);
  g_assert_no_error (error);
  g_assert_error (cf_write_batch_get_result (batch, 0)->error, CF_ERROR, CF_ERROR_EXPUNGEISSUED);
  g_assert_error (cf_write_batch_get_result (batch, 1)->error, CF_ERROR, CF_ERROR_EXPUNGEISSUED);
  g_assert_no_error (cf_write_batch_get_result (batch, 2)->error);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);
  g_assert_cmpstr (index->text->str, ==, "1:8: ");
  g_assert_cmpuint (index->modseq, ==, 3);
  fixture_check (fixture);
}

/* COPY and MOVE into the same mailbox: neither sees its own copies, across several blocks. */
static void
test_copy_to_itself (void)
{
  g_autoptr (Fixture) fixture = fixture_new ("synchronous = off\n");
  g_autoptr (CfUidSet) all = cf_uid_set_new ();
  CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_COPY, .uids = all };
  g_autofree char *copied = NULL, *moved = NULL;

  for (guint i = 0; i < 1000; i++)
    fixture_append_text (fixture, fixture->conn, "x", NULL);
  cf_uid_set_add_range (all, 1, G_MAXUINT32);
  cf_write_batch_free (fixture_run (fixture, &op, fixture->inbox));
  copied = fixture_uids (fixture);
  g_assert_cmpstr (copied, ==, "1:2000");
  op.kind = CF_WRITE_MOVE;
  cf_write_batch_free (fixture_run (fixture, &op, fixture->inbox));
  moved = fixture_uids (fixture);
  g_assert_cmpstr (moved, ==, "2001:4000");
  fixture_check (fixture);
}

static void
test_rename_inbox_below_itself (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (Index) moved = NULL;
  CfMailboxStatus status;

  fixture_append_text (fixture, fixture->conn, "x", NULL);
  fixture->class->mailbox_rename (fixture->conn, &fixture_call, fixture->account, "INBOX", "INBOX/old/mail",
                                  &error);
  g_assert_no_error (error);
  fixture->class->mailbox_status (fixture->conn, &fixture_call, fixture->account, "INBOX/old/mail", &status,
                                  &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.messages, ==, 1);
  g_assert_cmpuint (status.id, ==, fixture->inbox);
  fixture->class->mailbox_status (fixture->conn, &fixture_call, fixture->account, "INBOX", &status, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.messages, ==, 0);
  fixture->class->mailbox_rename (fixture->conn, &fixture_call, fixture->account, "INBOX/old",
                                  "INBOX/old/old", &error);
  g_assert_no_error (error);
  fixture->class->mailbox_status (fixture->conn, &fixture_call, fixture->account, "INBOX/old/old/mail",
                                  &status, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (status.messages, ==, 1);
}

/* ---- Search ------------------------------------------------------------------------------------------ */

static void
node_free (gpointer data)
{
  CfSearchNode *self = data;

  if (self->children != NULL)
    g_ptr_array_unref (self->children);
  g_free (self);
}

/* Searches for @tree, which it frees, among all UIDs: "1:3" or, for a superset, "1:3?". */
static char *
search (Fixture *fixture, CfSearchNode *tree)
{
  g_autoptr (CfUidSet) all = cf_uid_set_new ();
  g_autoptr (CfUidSet) found = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  gboolean exact = FALSE;

  cf_uid_set_add_range (all, 1, 4);
  fixture->class->search (fixture->conn, &fixture_call, fixture->account, fixture->inbox, tree, all, &found,
                          &exact, &error);
  g_assert_no_error (error);
  node_free (tree);
  text = cf_uid_set_to_string (found);
  return g_strconcat (text, exact ? "" : "?", NULL);
}

static CfSearchNode *
node (CfSearchKind kind, guint64 number, gint32 day)
{
  CfSearchNode *self = g_new0 (CfSearchNode, 1);

  self->struct_size = sizeof *self;
  self->kind = kind;
  self->number = number;
  self->day = day;
  return self;
}

static CfSearchNode *
pair (CfSearchKind kind, CfSearchNode *a, CfSearchNode *b)
{
  CfSearchNode *self = node (kind, 0, 0);

  self->children = g_ptr_array_new_with_free_func (node_free);
  g_ptr_array_add (self->children, a);
  if (b != NULL)
    g_ptr_array_add (self->children, b);
  return self;
}

static void
assert_search (Fixture *fixture, CfSearchNode *tree, const char *expected)
{
  g_autofree char *found = search (fixture, tree);

  g_assert_cmpstr (found, ==, expected);
}

static void
test_search (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *message = fixture_message ("short", "x");
  CfSearchNode *deep = node (CF_SEARCH_FLAG, CF_FLAG_SEEN, 0);

  for (guint i = 0; i < 4; i++)
    fixture_append_text (fixture, fixture->conn, i == 3 ? "a longer text" : "x", NULL);
  store_flags (fixture, 2, CF_STORE_ADD, CF_FLAG_SEEN);
#define SEEN node (CF_SEARCH_FLAG, CF_FLAG_SEEN, 0)
#define BODY node (CF_SEARCH_BODY, 0, 0)
  assert_search (fixture, node (CF_SEARCH_ALL, 0, 0), "1:4");
  assert_search (fixture, SEEN, "2");
  assert_search (fixture, pair (CF_SEARCH_NOT, SEEN, NULL), "1,3:4");
  assert_search (fixture, pair (CF_SEARCH_AND, SEEN, BODY), "2?");
  assert_search (fixture, pair (CF_SEARCH_AND, BODY, SEEN), "2?");
  assert_search (fixture, pair (CF_SEARCH_OR, SEEN, BODY), "1:4?");
  assert_search (fixture, pair (CF_SEARCH_NOT, BODY, NULL), "1:4?");
  assert_search (fixture, pair (CF_SEARCH_NOT, pair (CF_SEARCH_AND, SEEN, BODY), NULL), "1:4?");
  assert_search (fixture, pair (CF_SEARCH_AND, pair (CF_SEARCH_OR, SEEN, BODY), SEEN), "2?");
  assert_search (fixture, node (CF_SEARCH_LARGER, strlen (message), 0), "4");
  /* 2 January 2023 at 03:04 +0100 is day 19359; INTERNALDATE is 14 November 2023, day 19675. */
  assert_search (fixture, node (CF_SEARCH_SENTON, 0, 19359), "1:4");
  assert_search (fixture, node (CF_SEARCH_SENTBEFORE, 0, 19359), "");
  assert_search (fixture, node (CF_SEARCH_ON, 0, 19675), "1:4");
  assert_search (fixture, node (CF_SEARCH_SINCE, 0, 19676), "");
  /* Deeper than SQLite's parser goes. */
  for (guint i = 0; i < 3000; i++)
    deep = pair (CF_SEARCH_NOT, deep, NULL);
  assert_search (fixture, deep, "1:4?");
}

/* ---- Facts ------------------------------------------------------------------------------------------- */

static void
lookup_on_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
}

typedef struct {
  CfIndexSink sink;
  guint rows;
} Lookup;

static void
lookup_on_row (CfIndexSink *sink, const CfIndexRow *row)
{
  ((Lookup *) sink)->rows++;
}

static guint
count_found (Fixture *fixture, const char *conversation)
{
  Lookup lookup = { { sizeof (CfIndexSink), lookup_on_mailbox, NULL, NULL, lookup_on_row } };
  g_autoptr (GError) error = NULL;

  fixture->class->header_lookup (fixture->conn, &fixture_call, fixture->account, "Conversation-ID",
                                 conversation, &lookup.sink, &error);
  g_assert_no_error (error);
  return lookup.rows;
}

/* New facts replace the looked-up fields as well; those of a content of nobody are refused. */
static void
test_facts_update (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *other = fixture_message ("other", "x");
  g_autoptr (GBytes) bytes = g_bytes_new_static (other, strlen (other));
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (CfFacts) facts = cf_facts_scan (source, NULL);
  g_autoptr (Index) index = NULL;
  g_autoptr (GError) error = NULL;

  fixture_append_text (fixture, fixture->conn, "x", NULL);
  g_assert_cmpuint (count_found (fixture, "conv-short"), ==, 1);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);
  fixture->class->facts_update (fixture->conn, &fixture_call, fixture->account, index->last_content, facts,
                                &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_found (fixture, "conv-short"), ==, 0);
  g_assert_cmpuint (count_found (fixture, "conv-other"), ==, 1);
  g_assert_false (fixture->class->facts_update (fixture->conn, &fixture_call, fixture->account + 1,
                                                index->last_content, facts, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_NONEXISTENT);
  fixture_check (fixture);
}

/* ---- Differences ------------------------------------------------------------------------------------- */

/* With few changes and tombstones kept: a scan where the first are trimmed, a reset where the second are. */
static void
test_trimmed_changes (void)
{
  g_autoptr (Fixture) fixture = fixture_new ("synchronous = off\nkeep_changes = 10\nkeep_tombstones = 100\n");
  g_autoptr (Index) early = NULL, middle = NULL, late = NULL;

  for (guint i = 0; i < 4; i++)
    fixture_append_text (fixture, fixture->conn, "x", NULL);
  for (guint i = 0; i < 100; i++)
    store_flags (fixture, 1, i % 2 == 0 ? CF_STORE_ADD : CF_STORE_REMOVE, CF_FLAG_FLAGGED);
  store_flags (fixture, 2, CF_STORE_ADD, CF_FLAG_SEEN);
  fixture_expunge (fixture, 3, 3);
  for (guint i = 0; i < 100; i++)
    store_flags (fixture, 1, i % 2 == 0 ? CF_STORE_ADD : CF_STORE_REMOVE, CF_FLAG_FLAGGED);
  /* MODSEQ 1 + 4 + 100 + 1 + 1 + 100 = 207; trimmed last at 192: changes above 182, tombstones above 92. */
  late = fixture_load (fixture, fixture->inbox, 200, FALSE);
  g_assert_false (late->reset);
  g_assert_cmpstr (late->text->str, ==, "1:0: ");
  middle = fixture_load (fixture, fixture->inbox, 105, FALSE);
  g_assert_cmpuint (middle->modseq, ==, 207);
  g_assert_false (middle->reset);
  g_assert_cmpstr (middle->text->str, ==, "1:0: 2:8: ");
  g_assert_true (cf_uid_set_contains (middle->expunged, 3));
  early = fixture_load (fixture, fixture->inbox, 5, FALSE);
  g_assert_true (early->reset);
  g_assert_cmpstr (early->text->str, ==, "1:0: 2:8: 4:0: ");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/storage/sqlite/batch/group-fails-together", test_group_fails_together);
  g_test_add_func ("/storage/sqlite/batch/copy-to-itself", test_copy_to_itself);
  g_test_add_func ("/storage/sqlite/tree/rename-inbox-below-itself", test_rename_inbox_below_itself);
  g_test_add_func ("/storage/sqlite/search/exact-or-superset", test_search);
  g_test_add_func ("/storage/sqlite/facts/update", test_facts_update);
  g_test_add_func ("/storage/sqlite/index/trimmed-changes", test_trimmed_changes);
  return g_test_run ();
}
