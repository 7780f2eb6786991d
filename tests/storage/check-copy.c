/* tests/storage/check-copy.c - COPY, MOVE, and operations that succeed or fail together. */
#include "kit.h"

#include <string.h>

static gboolean
two_mailboxes (Kit *kit, KitMailbox *inbox, KitMailbox *other, guint n)
{
  return kit_inbox_new (kit, inbox) && kit_mailbox_new (kit, inbox->account, "other", other)
         && kit_append_many (kit, inbox, n);
}

/* "2,4 -> 1:2" */
static char *
copied_text (KitBatch *batch, guint i)
{
  CfWriteResult *result = kit_batch_result (batch, i);
  g_autofree char *from = NULL;
  g_autofree char *to = NULL;

  if (result->copied_from == NULL || result->copied_to == NULL)
    return g_strdup ("nothing");
  from = cf_uid_set_to_string (result->copied_from);
  to = cf_uid_set_to_string (result->copied_to);
  return g_strdup_printf ("%s -> %s", from, to);
}

static void
check_copy (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) source = NULL;
  g_autofree char *copied = NULL;
  CfWriteOp op;

  KIT_TRY (two_mailboxes (kit, &inbox, &other, 5) && kit_append_many (kit, &other, 2));
  KIT_TRY (kit_store (kit, &inbox, "2", CF_STORE_ADD, CF_FLAG_FLAGGED, "kw"));
  source = kit_load (kit, &inbox, 0);
  batch = kit_batch_new (&inbox, &other, 0, 0, 0);
  op = kit_op_uids (batch, CF_WRITE_COPY, "2,4,77");
  kit_batch_add (batch, &op);
  KIT_TRY (source != NULL && kit_commit (kit, batch));
  copied = copied_text (batch, 0);
  KIT_EXPECT (kit, g_str_equal (copied, "2,4 -> 3:4"), "2,4 were copied to a mailbox with UIDNEXT 3: %s",
              copied);
  for (guint i = 0; i < 2; i++) {
    const CfIndexRow *from = kit_index_find (source, i == 0 ? 2 : 4),
                     *to = kit_index_find (batch->index[1], 3 + i);

    KIT_EXPECT (kit, to != NULL, "a copy is not in the destination's report");
    KIT_EXPECT (kit,
                to->flags == from->flags && to->keywords == from->keywords
                    && to->internal_date == from->internal_date && to->zone == from->zone
                    && to->size == from->size,
                "flags, keywords, INTERNALDATE or size of a copy differ from the original");
    KIT_TRY (
        kit_content_is (kit, inbox.account, to->content, (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
  }
  KIT_EXPECT (kit,
              batch->index[0]->rows->len == 5
                  && batch->index[0]->info.highest_modseq == source->info.highest_modseq,
              "a COPY changed its source");
}

static void
check_independent_flags (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitIndex) originals = NULL;
  g_autoptr (KitIndex) copies = NULL;

  KIT_TRY (two_mailboxes (kit, &inbox, &other, 2) && kit_copy (kit, &inbox, "1:2", &other));
  KIT_TRY (kit_store (kit, &inbox, "1", CF_STORE_ADD, CF_FLAG_SEEN, "original")
           && kit_store (kit, &other, "2", CF_STORE_ADD, CF_FLAG_DELETED, "copy"));
  originals = kit_load (kit, &inbox, 0);
  copies = kit_load (kit, &other, 0);
  KIT_TRY (originals != NULL && copies != NULL);
  KIT_EXPECT (kit, kit_index_find (copies, 1)->flags == 0 && kit_index_find (copies, 1)->keywords == NULL,
              "flags set on the original (0x%x) show on the copy", kit_index_find (copies, 1)->flags);
  KIT_EXPECT (kit,
              kit_index_find (originals, 2)->flags == 0 && kit_index_find (originals, 2)->keywords == NULL,
              "flags set on the copy (0x%x) show on the original", kit_index_find (originals, 2)->flags);
  KIT_TRY (kit_expunge (kit, &inbox, "1:2"));
  g_clear_pointer (&copies, kit_index_free);
  copies = kit_load (kit, &other, 0);
  KIT_TRY (copies != NULL);
  KIT_EXPECT (kit, copies->rows->len == 2, "expunging the originals left %u of 2 copies", copies->rows->len);
  KIT_TRY (kit_content_is (kit, inbox.account, kit_index_find (copies, 1)->content,
                           (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
}

static void
check_move (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autofree char *copied = NULL;
  g_autofree char *left = NULL;
  g_autofree char *expunged = NULL;
  CfWriteOp op;

  KIT_TRY (two_mailboxes (kit, &inbox, &other, 4));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL);
  batch = kit_batch_new (&inbox, &other, 0, 0, 0);
  op = kit_op_uids (batch, CF_WRITE_MOVE, "2:3");
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  copied = copied_text (batch, 0);
  left = kit_index_uids_text (batch->index[0]);
  KIT_EXPECT (
      kit, g_str_equal (copied, "2:3 -> 1:2") && g_str_equal (left, "1,4") && batch->index[1]->rows->len == 2,
      "moving 2:3 of 1:4: %s, left are %s, there are %u", copied, left, batch->index[1]->rows->len);
  difference = kit_load (kit, &inbox, before->info.highest_modseq);
  KIT_TRY (difference != NULL);
  expunged = cf_uid_set_to_string (difference->expunged);
  KIT_EXPECT (kit, difference->reset || g_str_equal (expunged, "2:3"),
              "after the MOVE the source reports \"%s\" expunged", expunged);
}

static void
check_same_mailbox (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) copy = NULL;
  g_autoptr (KitBatch) move = NULL;
  g_autofree char *copied = NULL;
  g_autofree char *left = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  copy = kit_batch_new (&inbox, &inbox, 0, 0, 0);
  op = kit_op_uids (copy, CF_WRITE_COPY, "1:1000");
  kit_batch_add (copy, &op);
  KIT_TRY (kit_commit (kit, copy));
  copied = copied_text (copy, 0);
  KIT_EXPECT (kit, g_str_equal (copied, "1:3 -> 4:6") && copy->index[0]->rows->len == 6,
              "copying 1:3 into its own mailbox: %s, %u rows", copied, copy->index[0]->rows->len);
  move = kit_batch_new (&inbox, &inbox, 0, 0, 0);
  op = kit_op_uids (move, CF_WRITE_MOVE, "1:2");
  kit_batch_add (move, &op);
  KIT_TRY (kit_commit (kit, move));
  left = kit_index_uids_text (move->index[0]);
  KIT_EXPECT (kit, g_str_equal (left, "3:8"), "moving 1:2 of 1:6 into their own mailbox left %s", left);
}

/* In one batch: a message that arrives takes part in the MOVE after it, and the report, of the one mailbox,
 * adds up. */
static void
check_same_mailbox_batch (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *left = NULL;
  g_autofree char *expunged = NULL;
  g_autofree char *unlike = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL);
  batch = kit_batch_new (&inbox, &inbox, 0, 0, before->info.highest_modseq);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op); /* 3 */
  op = kit_op_uids (batch, CF_WRITE_COPY, "2");
  kit_batch_add (batch, &op); /* 4 */
  op = kit_op_uids (batch, CF_WRITE_MOVE, "1,3:100");
  kit_batch_add (batch, &op); /* 5 6 7 */
  op = kit_op_store (batch, "5:7", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  left = kit_index_uids_text (batch->index[0]);
  expunged = cf_uid_set_to_string (batch->index[0]->expunged);
  /* 3 and 4 came and went inside the commit: whether they are told as expunged is the store's. */
  KIT_EXPECT (kit,
              g_str_equal (left, "5:7") && cf_uid_set_contains (batch->index[0]->expunged, 1)
                  && !cf_uid_set_contains (batch->index[0]->expunged, 2),
              "2 stays, 1 and two new ones became 5:7; reported were rows %s and expunged %s", left,
              expunged);
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  kit_index_apply (before, batch->index[0]);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "the report does not lead to the state after it: %s", unlike);
  KIT_EXPECT (kit, after->rows->len == 4 && kit_index_find (after, 6)->flags == CF_FLAG_SEEN,
              "%u messages instead of 4, or a moved one was not found by STORE", after->rows->len);
  KIT_TRY (kit_content_is (kit, inbox.account, kit_index_find (after, 6)->content,
                           (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
}

static void
check_try_create (Kit *kit)
{
  KitMailbox inbox, gone;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2));
  gone = (KitMailbox){ inbox.account, inbox.id + 1000000 };
  batch = kit_batch_new (&inbox, &gone, 0, 0, 0);
  op = kit_op_uids (batch, CF_WRITE_COPY, "1");
  kit_batch_add (batch, &op);
  op = kit_op_uids (batch, CF_WRITE_MOVE, "2");
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "1", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  KIT_EXPECT (kit, kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error),
              "the whole commit failed for want of a destination: %s",
              error != NULL ? error->message : "no error set");
  KIT_TRY (kit_op_failed_with (kit, batch, 0, CF_ERROR_TRYCREATE)
           && kit_op_failed_with (kit, batch, 1, CF_ERROR_TRYCREATE));
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 2 && kit_index_find (index, 1)->flags == CF_FLAG_SEEN,
              "the operations beside it were not carried out, or it moved something");
}

static void
check_foreign (Kit *kit)
{
  KitMailbox inbox, foreign;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_inbox_new (kit, &foreign) && kit_append_many (kit, &inbox, 2));
  batch = kit_batch_new (&inbox, &foreign, 0, 0, 0);
  op = kit_op_uids (batch, CF_WRITE_COPY, "1");
  kit_batch_add (batch, &op);
  kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error);
  index = kit_load (kit, &foreign, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 0, "a message was copied into another account");
}

const KitCheck kit_copy_checks[] = {
  { "copy/copy",
    "COPY gives new UIDs, in the order of the old, with flags, keywords, INTERNALDATE, attributes.", 0,
    check_copy },
  { "copy/flags-are-not-shared", "flags are shared with the original at no time.", 0,
    check_independent_flags },
  { "copy/move", "COPY and MOVE: message @uid became @new_uid. In ascending order of both.", 0, check_move },
  { "copy/same-mailbox", "Where COPY and MOVE put the messages. May be the same mailbox.", 0,
    check_same_mailbox },
  { "copy/same-mailbox-batch",
    "Carries out @batch's operations in order. For a destination that is the same mailbox only which 0 is "
    "asked.",
    0, check_same_mailbox_batch },
  { "copy/try-create", "as an operation's outcome (CF_ERROR_TRYCREATE), the destination.", 0,
    check_try_create },
  { "copy/foreign-account", "An account's data is reachable only through that account's id.", 0,
    check_foreign },
  { NULL }
};

/* ---- Groups -------------------------------------------------------------------------------------------- */

static void
check_all_or_nothing (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitIndex) other_after = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *unlike = NULL;
  CfWriteOp ops[5];

  KIT_TRY (two_mailboxes (kit, &inbox, &other, 4));
  before = kit_load (kit, &inbox, 0);
  batch = kit_batch_new (&inbox, &other, 0, 0, G_MAXUINT64);
  ops[0] = kit_op_append (batch, KIT_MESSAGE, -1);
  ops[1] = kit_op_store (batch, "1", CF_STORE_ADD, CF_FLAG_SEEN, "kw");
  ops[2] = kit_op_uids (batch, CF_WRITE_COPY, "2");
  ops[3] = kit_op_uids (batch, CF_WRITE_EXPUNGE, "3");
  ops[4] = kit_op_uids (batch, CF_WRITE_EXPUNGE, "4,99");
  ops[4].require_all = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++) {
    ops[i].group = 7;
    kit_batch_add (batch, &ops[i]);
  }
  KIT_TRY (before != NULL && kit_commit_any (kit, batch));
  for (guint i = 0; i < G_N_ELEMENTS (ops); i++) {
    KIT_EXPECT (kit, kit_batch_result (batch, i)->error != NULL,
                "operation %u of a group that failed succeeded", i);
    KIT_EXPECT (kit, kit_batch_result (batch, i)->uid == 0 && kit_batch_result (batch, i)->expunged == NULL,
                "operation %u of a group that failed has a result", i);
  }
  KIT_TRY (kit_op_failed_with (kit, batch, 4, CF_ERROR_EXPUNGEISSUED));
  after = kit_load (kit, &inbox, 0);
  other_after = kit_load (kit, &other, 0);
  KIT_TRY (after != NULL && other_after != NULL);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "a group that failed changed the mailbox: %s", unlike);
  KIT_EXPECT (kit, other_after->rows->len == 0, "a group that failed left a copy");
}

static void
check_groups_apart (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitBatch) batch = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 1));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  for (guint group = 1; group <= 3; group++)
    for (guint i = 0; i < 2; i++) {
      op = i == 0 ? kit_op_append (batch, KIT_MESSAGE, -1)
                  : kit_op_uids (batch, CF_WRITE_STORE, group == 2 ? "50" : "1");
      op.require_all = i == 1;
      op.unchanged_since = G_MAXUINT64;
      op.group = group;
      kit_batch_add (batch, &op);
    }
  KIT_TRY (kit_commit_any (kit, batch));
  for (guint i = 0; i < 6; i++)
    KIT_EXPECT (kit, (kit_batch_result (batch, i)->error != NULL) == (i / 2 == 1),
                "only the second of three groups should fail; operation %u %s", i,
                kit_batch_result (batch, i)->error != NULL ? "failed" : "succeeded");
  KIT_EXPECT (kit, batch->index[0]->rows->len == 3, "%u messages instead of 3", batch->index[0]->rows->len);
}

/* REPLACE (RFC 8508): the new message and the end of the old one, both or neither. */
static void
check_replace (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autofree char *left = NULL;
  g_autofree char *unlike = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  for (guint again = 0; again < 2; again++) {
    g_autoptr (KitBatch) batch = NULL;
    const CfUidSet *expunged;
    CfWriteOp op;

    g_clear_pointer (&before, kit_index_free);
    before = kit_load (kit, &inbox, 0);
    KIT_TRY (before != NULL);
    batch = kit_batch_new (&inbox, NULL, 0, 0, before->info.highest_modseq);
    op = kit_op_append (batch, KIT_MESSAGE, -1);
    op.group = 1;
    kit_batch_add (batch, &op);
    op = kit_op_uids (batch, CF_WRITE_EXPUNGE, "2");
    op.require_all = TRUE;
    op.group = 1;
    kit_batch_add (batch, &op);
    KIT_TRY (kit_commit_any (kit, batch));
    if (again) {
      KIT_TRY (kit_op_failed_with (kit, batch, 0, CF_ERROR_EXPUNGEISSUED)
               && kit_op_failed_with (kit, batch, 1, CF_ERROR_EXPUNGEISSUED));
      KIT_EXPECT (kit, batch->index[0]->info.highest_modseq == before->info.highest_modseq,
                  "a group that failed raised highest_modseq");
      continue;
    }
    expunged = kit_batch_result (batch, 1)->expunged;
    KIT_EXPECT (
        kit, kit_batch_result (batch, 0)->uid == 4 && expunged != NULL && cf_uid_set_contains (expunged, 2),
        "the new message has UID %u instead of 4, or 2 was not expunged", kit_batch_result (batch, 0)->uid);
    left = kit_index_uids_text (batch->index[0]);
    KIT_EXPECT (kit, g_str_equal (left, "4") && cf_uid_set_contains (batch->index[0]->expunged, 2),
                "the report has rows %s instead of 4, or not 2 as expunged", left);
  }
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "to replace what is gone changed the mailbox: %s", unlike);
}

/* REPLACE at the limit: the new message fits because the old one goes. */
static void
check_group_quota (Kit *kit)
{
  const guint64 size = strlen (KIT_MESSAGE);
  KitMailbox inbox;
  g_autoptr (KitBatch) replace = NULL;
  g_autoptr (KitBatch) over = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2));
  replace = kit_batch_new (&inbox, NULL, 2 * size, 2, 0);
  op = kit_op_append (replace, KIT_MESSAGE, -1);
  op.group = 1;
  kit_batch_add (replace, &op);
  op = kit_op_uids (replace, CF_WRITE_EXPUNGE, "1");
  op.group = 1;
  kit_batch_add (replace, &op);
  KIT_TRY (kit_commit (kit, replace));

  over = kit_batch_new (&inbox, NULL, 3 * size, 0, 0);
  op = kit_op_append (over, KIT_MESSAGE, -1);
  op.group = 1;
  kit_batch_add (over, &op);
  kit_batch_add (over, &op);
  KIT_TRY (kit_commit_any (kit, over) && kit_op_failed_with (kit, over, 0, CF_ERROR_OVERQUOTA)
           && kit_op_failed_with (kit, over, 1, CF_ERROR_OVERQUOTA));
  KIT_EXPECT (kit, over->index[0]->rows->len == 2, "a group above the quota left a message");
}

/* An APPEND to @destination and the end of message 1 of @mailbox, in one group. */
static KitBatch *
replace_batch_new (const KitMailbox *mailbox, const KitMailbox *destination)
{
  KitBatch *batch = kit_batch_new (mailbox, destination, 0, 0, 0);
  CfWriteOp op = kit_op_append (batch, KIT_MESSAGE, -1);

  op.in_destination = TRUE;
  op.group = 1;
  kit_batch_add (batch, &op);
  op = kit_op_uids (batch, CF_WRITE_EXPUNGE, "1");
  op.require_all = TRUE;
  op.group = 1;
  kit_batch_add (batch, &op);
  return batch;
}

/* REPLACE into another mailbox: the message arrives there and goes here in one commit, or neither. */
static void
check_replace_elsewhere (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitBatch) refused = NULL;
  g_autoptr (KitIndex) there = NULL;
  g_autofree char *left = NULL;
  g_autofree char *arrived = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2)
           && kit_mailbox_new (kit, inbox.account, "Other", &other));
  batch = replace_batch_new (&inbox, &other);
  KIT_TRY (kit_commit (kit, batch));
  left = kit_index_uids_text (batch->index[0]);
  arrived = kit_index_uids_text (batch->index[1]);
  KIT_EXPECT (kit, g_str_equal (left, "2") && g_str_equal (arrived, "1"),
              "the mailbox has %s instead of 2, the destination %s instead of 1", left, arrived);

  refused = replace_batch_new (&inbox, &other);
  KIT_TRY (kit_commit_any (kit, refused) && kit_op_failed_with (kit, refused, 0, CF_ERROR_EXPUNGEISSUED));
  there = kit_load (kit, &other, 0);
  KIT_TRY (there != NULL);
  KIT_EXPECT (kit, there->rows->len == 1 && there->info.uid_next == 2,
              "a group that failed left %u messages in the destination and UIDNEXT %u", there->rows->len,
              there->info.uid_next);
}

const KitCheck kit_group_checks[] = {
  { "group/all-or-nothing", "operations side by side with the same group, not 0, succeed or fail together.",
    0, check_all_or_nothing },
  { "group/apart", "One that fails does not undo its neighbours, except those of its group.", 0,
    check_groups_apart },
  { "group/replace", "operations side by side with the same group, not 0, succeed or fail together.", 0,
    check_replace },
  { "group/replace-elsewhere", "in_destination: into the batch's destination", 0, check_replace_elsewhere },
  { "group/quota",
    "An APPEND, COPY or group that would bring the account above these fails with CF_ERROR_OVERQUOTA.", 0,
    check_group_quota },
  { NULL }
};
