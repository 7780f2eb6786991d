/* tests/storage/check-commit.c - APPEND, STORE, EXPUNGE: UIDs, MODSEQ, results. */
#include "kit.h"

#include <fcntl.h>
#include <string.h>

/* What index_load says of UID @uid; a zero row when it is not there. */
static CfIndexRow
row_of (Kit *kit, const KitMailbox *mailbox, guint32 uid, CfMailboxInfo *out_info)
{
  g_autoptr (KitIndex) index = kit_load (kit, mailbox, 0);
  const CfIndexRow *row = index != NULL ? kit_index_find (index, uid) : NULL;

  if (index != NULL && out_info != NULL)
    *out_info = index->info;
  return row != NULL ? *row : (CfIndexRow){ 0 };
}

static void
check_uids (Kit *kit)
{
  KitMailbox inbox;
  guint32 last = 0;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  for (guint i = 0; i < 4; i++) {
    CfMailboxInfo info = { 0 };
    guint32 uid = kit_append (kit, &inbox, KIT_MESSAGE, 0);

    KIT_TRY (uid != 0);
    KIT_EXPECT (kit, uid > last, "UID %u after UID %u", uid, last);
    row_of (kit, &inbox, uid, &info);
    KIT_EXPECT (kit, info.uid_next > uid, "UIDNEXT %u after UID %u", info.uid_next, uid);
    last = uid;
  }
}

static void
check_uid_never_reused (Kit *kit)
{
  KitMailbox inbox;
  CfMailboxInfo info = { 0 };
  guint32 first, second;
  char uid[16];

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  first = kit_append (kit, &inbox, KIT_MESSAGE, 0);
  KIT_TRY (first != 0);
  g_snprintf (uid, sizeof uid, "%u", first);
  KIT_TRY (kit_expunge (kit, &inbox, uid));
  row_of (kit, &inbox, first, &info);
  KIT_EXPECT (kit, info.uid_next > first, "UIDNEXT fell to %u after the last message, UID %u, went",
              info.uid_next, first);
  second = kit_append (kit, &inbox, KIT_MESSAGE, 0);
  KIT_TRY (second != 0);
  KIT_EXPECT (kit, second > first, "UID %u was expunged; the next message got UID %u", first, second);
  KIT_TRY (kit_expunge (kit, &inbox, "1:1000"));
  row_of (kit, &inbox, first, &info);
  KIT_EXPECT (kit, info.uid_next > second, "UIDNEXT fell to %u when the mailbox became empty", info.uid_next);
}

static void
check_modseq_rises (Kit *kit)
{
  KitMailbox inbox;
  CfMailboxInfo before = { 0 }, after = { 0 };
  CfIndexRow other, row;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  other = row_of (kit, &inbox, 1, &before);
  KIT_TRY (kit_store (kit, &inbox, "2", CF_STORE_ADD, CF_FLAG_SEEN, NULL));
  row = row_of (kit, &inbox, 2, &after);
  KIT_EXPECT (kit, row.modseq > before.highest_modseq,
              "a changed message has MODSEQ %" G_GUINT64_FORMAT ", the mailbox had %" G_GUINT64_FORMAT
              " before",
              row.modseq, before.highest_modseq);
  KIT_EXPECT (kit, after.highest_modseq >= row.modseq, "highest_modseq is below a message's");
  KIT_EXPECT (kit, row_of (kit, &inbox, 1, NULL).modseq == other.modseq,
              "a message that did not change got a new MODSEQ");
  KIT_TRY (kit_expunge (kit, &inbox, "3"));
  row_of (kit, &inbox, 1, &before);
  KIT_EXPECT (kit, before.highest_modseq > after.highest_modseq, "an expunge did not raise highest_modseq");
}

static void
check_no_op_keeps_modseq (Kit *kit)
{
  static const struct {
    CfStoreMode mode;
    guint16 flags;
    const char *keywords;
  } no_ops[] = {
    { CF_STORE_ADD, CF_FLAG_SEEN, NULL },
    { CF_STORE_ADD, 0, "KW" },
    { CF_STORE_REMOVE, CF_FLAG_DRAFT, "absent" },
    { CF_STORE_REPLACE, CF_FLAG_SEEN, "kw" },
    { CF_STORE_ADD, 0, NULL },
  };
  KitMailbox inbox;
  CfMailboxInfo before = { 0 }, after = { 0 };
  CfIndexRow row, same;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 1));
  KIT_TRY (kit_store (kit, &inbox, "1", CF_STORE_ADD, CF_FLAG_SEEN, "kw"));
  row = row_of (kit, &inbox, 1, &before);
  for (guint i = 0; i < G_N_ELEMENTS (no_ops); i++) {
    KIT_TRY (kit_store (kit, &inbox, "1", no_ops[i].mode, no_ops[i].flags, no_ops[i].keywords));
    same = row_of (kit, &inbox, 1, &after);
    KIT_EXPECT (kit, same.modseq == row.modseq,
                "STORE number %u changed nothing, and raised the message's MODSEQ from %" G_GUINT64_FORMAT
                " to %" G_GUINT64_FORMAT,
                i, row.modseq, same.modseq);
  }
}

static void
check_store_modes (Kit *kit)
{
  static const struct {
    CfStoreMode mode;
    guint16 flags;
    const char *keywords;
    guint16 due;
    const char *due_keywords;
  } steps[] = {
    { CF_STORE_ADD, CF_FLAG_SEEN | CF_FLAG_ANSWERED, "a b", CF_FLAG_SEEN | CF_FLAG_ANSWERED, "a b" },
    { CF_STORE_REMOVE, CF_FLAG_SEEN, "b c", CF_FLAG_ANSWERED, "a" },
    { CF_STORE_ADD, CF_FLAG_DELETED, "$x", CF_FLAG_ANSWERED | CF_FLAG_DELETED, "$x a" },
    { CF_STORE_REPLACE, CF_FLAG_DRAFT, "z", CF_FLAG_DRAFT, "z" },
    { CF_STORE_REPLACE, 0, NULL, 0, "" },
  };
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2));
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autofree char *keywords = NULL;
    CfIndexRow row;
    g_autoptr (KitIndex) index = NULL;

    KIT_TRY (kit_store (kit, &inbox, "1", steps[i].mode, steps[i].flags, steps[i].keywords));
    index = kit_load (kit, &inbox, 0);
    KIT_TRY (index != NULL);
    row = *kit_index_find (index, 1);
    keywords = cf_keywords_to_string (row.keywords);
    KIT_EXPECT (kit, row.flags == steps[i].due && g_str_equal (keywords, steps[i].due_keywords),
                "step %u: flags 0x%x keywords \"%s\"; 0x%x \"%s\" were due", i, row.flags, keywords,
                steps[i].due, steps[i].due_keywords);
  }
  KIT_EXPECT (kit, row_of (kit, &inbox, 2, NULL).flags == 0, "a message that was not named changed");
}

static void
check_unchanged_since (Kit *kit)
{
  KitMailbox inbox;
  CfMailboxInfo info = { 0 };
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  row_of (kit, &inbox, 1, &info);
  KIT_TRY (kit_store (kit, &inbox, "2", CF_STORE_ADD, CF_FLAG_SEEN, NULL));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_store (batch, "1:2", CF_STORE_ADD, CF_FLAG_FLAGGED, NULL);
  op.unchanged_since = info.highest_modseq;
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "1:3", CF_STORE_ADD, CF_FLAG_DELETED, NULL);
  op.unchanged_since = info.highest_modseq;
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  first = kit_batch_result (batch, 0)->not_modified != NULL
              ? cf_uid_set_to_string (kit_batch_result (batch, 0)->not_modified)
              : g_strdup ("");
  second = kit_batch_result (batch, 1)->not_modified != NULL
               ? cf_uid_set_to_string (kit_batch_result (batch, 1)->not_modified)
               : g_strdup ("");
  KIT_EXPECT (kit, g_str_equal (first, "2"), "UID 2 had changed; not modified were \"%s\"", first);
  KIT_EXPECT (kit, g_str_equal (second, "1:2"),
              "UID 1 had been changed by the operation before, in the same batch; not modified were \"%s\"",
              second);
  KIT_EXPECT (kit,
              kit_index_find (batch->index[0], 3)->flags == CF_FLAG_DELETED
                  && kit_index_find (batch->index[0], 1)->flags == CF_FLAG_FLAGGED
                  && kit_index_find (batch->index[0], 2)->flags == CF_FLAG_SEEN,
              "the flags are not what the results say");
}

static void
check_expunge (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *expunged = NULL;
  g_autofree char *left = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 6));
  KIT_TRY (kit_store (kit, &inbox, "2,5", CF_STORE_ADD, CF_FLAG_DELETED, NULL));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_uids (batch, CF_WRITE_EXPUNGE, "1:4,90");
  op.only_deleted = TRUE;
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  KIT_EXPECT (kit, kit_batch_result (batch, 0)->expunged != NULL, "no UID was reported as expunged");
  expunged = cf_uid_set_to_string (kit_batch_result (batch, 0)->expunged);
  left = kit_index_uids_text (batch->index[0]);
  KIT_EXPECT (kit, g_str_equal (expunged, "2") && g_str_equal (left, "1,3:6"),
              "2 and 5 have \\Deleted; expunging 1:4 took \"%s\" and left \"%s\"", expunged, left);
}

/* \Deleted is looked at when the operation is carried out, after those before it. */
static void
check_expunge_in_order (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *left = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 4));
  KIT_TRY (kit_store (kit, &inbox, "1:2", CF_STORE_ADD, CF_FLAG_DELETED, NULL));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_store (batch, "2", CF_STORE_REMOVE, CF_FLAG_DELETED, NULL);
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "3", CF_STORE_ADD, CF_FLAG_DELETED, NULL);
  kit_batch_add (batch, &op);
  op = kit_op_uids (batch, CF_WRITE_EXPUNGE, "1:100");
  op.only_deleted = TRUE;
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "1:4", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  left = kit_index_uids_text (batch->index[0]);
  KIT_EXPECT (kit, g_str_equal (left, "2,4"), "2,4 should be left; \"%s\" are", left);
  KIT_EXPECT (kit, kit_index_find (batch->index[0], 4)->flags == CF_FLAG_SEEN,
              "an operation after an expunge was lost");
}

static void
check_require_all (Kit *kit)
{
  static const CfWriteKind kinds[] = { CF_WRITE_STORE, CF_WRITE_EXPUNGE, CF_WRITE_COPY, CF_WRITE_MOVE };
  KitMailbox inbox, other;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *unlike = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_append_many (kit, &inbox, 4) && kit_expunge (kit, &inbox, "2"));
  before = kit_load (kit, &inbox, 0);
  batch = kit_batch_new (&inbox, &other, 0, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    op = kinds[i] == CF_WRITE_STORE ? kit_op_store (batch, "1:3", CF_STORE_ADD, CF_FLAG_SEEN, NULL)
                                    : kit_op_uids (batch, kinds[i], "1:3");
    op.require_all = TRUE;
    kit_batch_add (batch, &op);
  }
  KIT_TRY (before != NULL && kit_commit_any (kit, batch));
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    KIT_TRY (kit_op_failed_with (kit, batch, i, CF_ERROR_EXPUNGEISSUED));
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "an operation that failed changed the mailbox: %s", unlike);
  KIT_EXPECT (kit, batch->index[1]->rows->len == 0, "an operation that failed copied messages");
}

static void
check_neighbours (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_store (batch, "1", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "1:9", CF_STORE_ADD, CF_FLAG_FLAGGED, NULL);
  op.require_all = TRUE;
  kit_batch_add (batch, &op);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit_any (kit, batch) && kit_op_failed_with (kit, batch, 1, CF_ERROR_EXPUNGEISSUED));
  KIT_EXPECT (kit,
              kit_batch_result (batch, 0)->error == NULL && kit_batch_result (batch, 2)->error == NULL
                  && kit_batch_result (batch, 2)->uid == 3,
              "an operation that failed took its neighbours with it");
  KIT_EXPECT (kit,
              batch->index[0]->rows->len == 3 && kit_index_find (batch->index[0], 1)->flags == CF_FLAG_SEEN,
              "the neighbours of an operation that failed are not there");
}

static void
check_nonexistent (Kit *kit)
{
  KitMailbox inbox, gone;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  gone = (KitMailbox){ inbox.account, inbox.id + 1000000 };
  batch = kit_batch_new (&gone, NULL, 0, 0, 0);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op);
  ok = kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error);
  KIT_TRY (kit_failed_with (kit, "commit to a mailbox that is not there", ok, &error, CF_ERROR_NONEXISTENT));
}

static void
check_deadline (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  CfCall call;
  gboolean ok;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  batch = kit_batch_new (&inbox, NULL, 0, 0, G_MAXUINT64);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op);
  call = *kit_call (kit);
  call.deadline = g_get_monotonic_time () - G_USEC_PER_SEC;
  ok = kit->slots->commit (kit->conn, &call, batch->batch, &error);
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  if (ok) { /* a store that cannot give up may go on, but then it has done it */
    KIT_EXPECT (kit, index->rows->len == 1, "commit succeeded after its deadline, and stored nothing");
    return;
  }
  KIT_TRY (kit_failed_with (kit, "commit after its deadline", ok, &error, CF_ERROR_UNAVAILABLE));
  KIT_EXPECT (kit, index->rows->len == 0, "commit said UNAVAILABLE, and stored the message");
}

/* An append whose source cannot be read is its own failure. */
static void
check_bad_source (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  batch = kit_batch_new (&inbox, NULL, 0, 0, G_MAXUINT64);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_op_get_append (&op)->octets = kit_batch_own (
      batch, cf_source_new_fd (open ("/dev/null", O_RDONLY), 100000), (GDestroyNotify) cf_source_unref);
  kit_batch_add (batch, &op);
  ok = kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error);
  KIT_EXPECT (kit, !ok || kit_batch_result (batch, 0)->error != NULL,
              "an append that cannot be read succeeded");
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 0, "an append that failed left a message");
  KIT_TRY (kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
}

static void
check_quota (Kit *kit)
{
  const guint64 size = strlen (KIT_MESSAGE);
  KitMailbox inbox, other;
  g_autoptr (KitBatch) octets = NULL;
  g_autoptr (KitBatch) count = NULL;
  g_autoptr (KitBatch) copy = NULL;
  g_autoptr (KitBatch) move = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other));
  octets = kit_batch_new (&inbox, NULL, 2 * size, 0, 0);
  count = kit_batch_new (&inbox, NULL, 0, 3, 0);
  op = kit_op_append (octets, KIT_MESSAGE, -1);
  for (guint i = 0; i < 3; i++)
    kit_batch_add (octets, &op);
  KIT_TRY (kit_commit_any (kit, octets) && kit_op_failed_with (kit, octets, 2, CF_ERROR_OVERQUOTA));
  KIT_EXPECT (kit, octets->index[0]->rows->len == 2, "%u of 2 messages fit", octets->index[0]->rows->len);

  op = kit_op_append (count, KIT_MESSAGE, -1);
  for (guint i = 0; i < 2; i++)
    kit_batch_add (count, &op);
  KIT_TRY (kit_commit_any (kit, count) && kit_op_failed_with (kit, count, 1, CF_ERROR_OVERQUOTA));
  KIT_EXPECT (kit, kit_batch_result (count, 0)->error == NULL, "the third of 3 messages did not fit");

  copy = kit_batch_new (&inbox, &other, 4 * size, 0, 0);
  op = kit_op_uids (copy, CF_WRITE_COPY, "1:2");
  kit_batch_add (copy, &op);
  op = kit_op_uids (copy, CF_WRITE_COPY, "1");
  kit_batch_add (copy, &op);
  KIT_TRY (kit_commit_any (kit, copy) && kit_op_failed_with (kit, copy, 0, CF_ERROR_OVERQUOTA));
  KIT_EXPECT (kit, kit_batch_result (copy, 1)->error == NULL && copy->index[1]->rows->len == 1,
              "a COPY that fits failed, or one that does not left something");

  move = kit_batch_new (&inbox, &other, 1, 1, 0);
  op = kit_op_uids (move, CF_WRITE_MOVE, "1:3");
  kit_batch_add (move, &op);
  KIT_TRY (kit_commit (kit, move)); /* takes no space */
}

const KitCheck kit_commit_checks[]
    = { { "commit/uids-ascend", "An APPEND's new UID; below uid_next.", 0, check_uids },
        { "commit/uid-never-reused", "uid_next: never falls, not even when the last message goes.", 0,
          check_uid_never_reused },
        { "commit/modseq-rises",
          "a message that changes gets one above the mailbox's highest before this commit; so does "
          "the mailbox for an expunge.",
          0, check_modseq_rises },
        { "commit/no-op-keeps-modseq", "One that a STORE leaves as it was keeps its own.", 0,
          check_no_op_keeps_modseq },
        { "commit/store-modes", "FLAGS, +FLAGS, -FLAGS.", 0, check_store_modes },
        { "commit/unchanged-since",
          "STORE: only messages with MODSEQ <= this; what an operation reads it reads after those "
          "before it.",
          0, check_unchanged_since },
        { "commit/expunge",
          "EXPUNGE: only messages that have \\Deleted when it is carried out; those that do not exist are "
          "passed over.",
          0, check_expunge },
        { "commit/in-order", "Carries out @batch's operations in order.", 0, check_expunge_in_order },
        { "commit/require-all", "require_all: CF_ERROR_EXPUNGEISSUED, and nothing is done.", 0,
          check_require_all },
        { "commit/neighbours", "One that fails changes nothing and does not undo its neighbours.", 0,
          check_neighbours },
        { "commit/nonexistent", "CF_ERROR_NONEXISTENT: the mailbox.", 0, check_nonexistent },
        { "commit/deadline",
          "A store that can, gives up at the deadline with CF_ERROR_UNAVAILABLE: nothing was stored.", 0,
          check_deadline },
        { "commit/unreadable-source", "FALSE from cf_source_read: nothing of that append is stored.", 0,
          check_bad_source },
        { "commit/quota",
          "An APPEND, COPY or group that would bring the account above these fails with CF_ERROR_OVERQUOTA.",
          0, check_quota },
        { NULL } };
