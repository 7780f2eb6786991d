/* tests/storage/check-index.c - the index: rows, differences, tombstones, \Recent. */
#include "kit.h"

#include <string.h>

static void
check_rows (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (KitBatch) batch = NULL;
  const CfIndexRow *row;
  CfAppend *append;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  append = kit_op_get_append (&op);
  append->flags = CF_FLAG_SEEN | CF_FLAG_DRAFT;
  append->zone = -330;
  append->internal_date = -86400 * 365;
  append->size = 123456789012;
  append->keywords = kit_batch_own (batch, cf_keywords_from_string ("$Forwarded \\read-report-sent"),
                                    (GDestroyNotify) cf_keywords_unref);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 1, "%u rows after one append", index->rows->len);
  row = &g_array_index (index->rows, CfIndexRow, 0);
  KIT_EXPECT (kit, row->flags == append->flags && row->keywords == append->keywords,
              "flags 0x%x or keywords differ", row->flags);
  KIT_EXPECT (kit, row->zone == append->zone && row->internal_date == append->internal_date,
              "INTERNALDATE %" G_GINT64_FORMAT " zone %d came back as %" G_GINT64_FORMAT " zone %d",
              append->internal_date, append->zone, row->internal_date, row->zone);
  KIT_EXPECT (kit, row->size == append->size, "size came back as %" G_GUINT64_FORMAT, row->size);
  KIT_EXPECT (kit, ABS (row->save_date - g_get_real_time () / G_USEC_PER_SEC) < 60,
              "save_date is %" G_GINT64_FORMAT, row->save_date);
}

static void
check_by_name (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) index = kit_index_new ();
  g_autoptr (KitIndex) all = kit_index_new ();
  CfIndexQuery query = { .struct_size = sizeof query, .name = "INBOX" };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  query.account = inbox.account;
  query.since = 1000000;
  query.since_of = inbox.id + 1;
  ok = kit->slots->index_load (kit->conn, kit_call (kit), &query, &all->sink, &error);
  KIT_EXPECT (kit, ok, "index_load by name failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, all->info.id == inbox.id, "index_load by name found another mailbox");
  KIT_EXPECT (kit, all->rows->len == 3, "since of another mailbox: %u rows of 3, though it counts as 0",
              all->rows->len);
  query = (CfIndexQuery){ .struct_size = sizeof query, .account = inbox.account, .name = "none" };
  ok = kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error);
  KIT_TRY (kit_failed_with (kit, "index_load of a name that is not there", ok, &error, CF_ERROR_NONEXISTENT));
}

static void
check_since (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) first = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autoptr (KitIndex) nothing = NULL;
  g_autoptr (KitIndex) all = NULL;
  g_autofree char *uids = NULL;
  g_autofree char *unlike = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 10));
  first = kit_load (kit, &inbox, 0);
  KIT_TRY (first != NULL && kit_store (kit, &inbox, "3,7", CF_STORE_ADD, CF_FLAG_SEEN, "kw")
           && kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
  difference = kit_load (kit, &inbox, first->info.highest_modseq);
  KIT_TRY (difference != NULL);
  uids = kit_index_uids_text (difference);
  KIT_EXPECT (kit, difference->reset || g_str_equal (uids, "3,7,11"),
              "the difference has UIDs %s instead of 3,7,11", uids);
  all = kit_load (kit, &inbox, 0);
  KIT_TRY (all != NULL);
  kit_index_apply (first, difference);
  unlike = kit_index_compare (first, all);
  KIT_EXPECT (kit, unlike == NULL, "state and difference do not make the new state: %s", unlike);
  nothing = kit_load (kit, &inbox, all->info.highest_modseq);
  KIT_TRY (nothing != NULL);
  KIT_EXPECT (kit, nothing->rows->len == 0 && cf_uid_set_is_empty (nothing->expunged),
              "a difference since highest_modseq is not empty");
}

static void
check_tombstones (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) first = NULL;
  g_autoptr (KitIndex) middle = NULL;
  g_autoptr (KitIndex) last = NULL;
  g_autofree char *expunged = NULL;
  g_autofree char *later = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 10));
  first = kit_load (kit, &inbox, 0);
  KIT_TRY (first != NULL && kit_expunge (kit, &inbox, "2,4:5"));
  middle = kit_load (kit, &inbox, first->info.highest_modseq);
  KIT_TRY (middle != NULL);
  KIT_EXPECT (kit, middle->info.highest_modseq > first->info.highest_modseq,
              "an expunge did not raise highest_modseq");
  expunged = cf_uid_set_to_string (middle->expunged);
  KIT_EXPECT (kit, middle->reset || g_str_equal (expunged, "2,4:5"),
              "2,4:5 were expunged; the difference says \"%s\"", expunged);
  KIT_TRY (kit_expunge (kit, &inbox, "10"));
  last = kit_load (kit, &inbox, middle->info.highest_modseq);
  KIT_TRY (last != NULL);
  later = cf_uid_set_to_string (last->expunged);
  KIT_EXPECT (kit, last->reset || g_str_equal (later, "10"),
              "10 was expunged after 2,4:5; the difference since then says \"%s\"", later);
}

/* Not what was asked for matters, but that the answer leads to the right state: by a difference,
 * or by reset. */
static void
check_reset (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) future = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 5));
  future = kit_load (kit, &inbox, 1000000);
  KIT_TRY (future != NULL);
  KIT_EXPECT (kit, future->reset && future->rows->len == 5,
              "a difference since a MODSEQ that the mailbox never had: %s, %u rows of 5",
              future->reset ? "reset" : "no reset", future->rows->len);
}

static void
check_chain (Kit *kit)
{
  static const char *const steps[]
      = { "e3", "s5", "a", "e1,7", "s2,9", "a", "s11", "e11", "s11", "e2:20", "a", "s1:99" };
  KitMailbox inbox;
  g_autoptr (KitIndex) follower = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 10));
  follower = kit_load (kit, &inbox, 0);
  KIT_TRY (follower != NULL);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autoptr (KitIndex) difference = NULL;
    g_autoptr (KitIndex) all = NULL;
    g_autofree char *unlike = NULL;

    if (steps[i][0] == 'a')
      KIT_TRY (kit_append (kit, &inbox, KIT_MESSAGE, CF_FLAG_FLAGGED) != 0);
    else if (steps[i][0] == 'e')
      KIT_TRY (kit_expunge (kit, &inbox, steps[i] + 1));
    else
      KIT_TRY (kit_store (kit, &inbox, steps[i] + 1, CF_STORE_ADD, CF_FLAG_SEEN, "x"));
    difference = kit_load (kit, &inbox, follower->info.highest_modseq);
    all = kit_load (kit, &inbox, 0);
    KIT_TRY (difference != NULL && all != NULL);
    kit_index_apply (follower, difference);
    unlike = kit_index_compare (follower, all);
    KIT_EXPECT (kit, unlike == NULL, "after step %u (%s): %s", i, steps[i], unlike);
  }
}

static gboolean
load_recent (Kit *kit, const KitMailbox *mailbox, gboolean claim, guint32 known, guint32 wanted)
{
  g_autoptr (KitIndex) index = kit_index_new ();
  g_autoptr (GError) error = NULL;
  CfIndexQuery query = { .struct_size = sizeof query,
                         .account = mailbox->account,
                         .mailbox = mailbox->id,
                         .claim_recent = claim,
                         .known_recent = known };

  if (!kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error))
    return kit_fail (kit, "index_load failed: %s", error != NULL ? error->message : "no error set");
  if (index->info.recent_uid != wanted)
    return kit_fail (kit, "recent_uid is %u instead of %u", index->info.recent_uid, wanted);
  return TRUE;
}

static void
check_recent (Kit *kit)
{
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  KIT_TRY (load_recent (kit, &inbox, FALSE, 0, 1));
  KIT_TRY (load_recent (kit, &inbox, TRUE, 0, 1));
  KIT_TRY (load_recent (kit, &inbox, TRUE, 0, 4));
  KIT_TRY (kit_append_many (kit, &inbox, 2));
  KIT_TRY (load_recent (kit, &inbox, FALSE, 0, 4));
  KIT_TRY (load_recent (kit, &inbox, TRUE, 5, 5));
  KIT_TRY (load_recent (kit, &inbox, FALSE, 0, 6));
}

/* Of INBOX, whose name both forms of the query know. */
static void
check_info_alone (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) all = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3) && kit_expunge (kit, &inbox, "2"));
  all = kit_load (kit, &inbox, 0);
  KIT_TRY (all != NULL);
  for (guint by_name = 0; by_name < 2; by_name++) {
    g_autoptr (KitIndex) index = kit_index_new ();
    g_autoptr (GError) error = NULL;
    CfIndexQuery query = { .struct_size = sizeof query,
                           .account = inbox.account,
                           .mailbox = by_name ? 0 : inbox.id,
                           .name = by_name ? "INBOX" : NULL,
                           .since = G_MAXUINT64 };

    KIT_EXPECT (kit, kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error),
                "index_load failed: %s", error != NULL ? error->message : "no error set");
    KIT_EXPECT (kit, index->n_mailboxes == 1, "mailbox was called %u times", index->n_mailboxes);
    KIT_EXPECT (kit, !index->reset && index->rows->len == 0 && cf_uid_set_is_empty (index->expunged),
                "besides the info came %s%u rows%s", index->reset ? "a reset, " : "", index->rows->len,
                cf_uid_set_is_empty (index->expunged) ? "" : " and expunged UIDs");
    KIT_EXPECT (kit,
                index->info.id == inbox.id && index->info.uid_next == all->info.uid_next
                    && index->info.uid_validity == all->info.uid_validity
                    && index->info.highest_modseq == all->info.highest_modseq,
                "the info is another one than with rows");
  }
}

static gboolean
status_recent_is (Kit *kit, const KitMailbox *mailbox, guint32 wanted)
{
  CfMailboxStatus status;
  g_autoptr (GError) error = NULL;

  if (!kit->slots->mailbox_status (kit->conn, kit_call (kit), mailbox->account, "INBOX", &status, &error))
    return kit_fail (kit, "mailbox_status failed: %s", error != NULL ? error->message : "no error set");
  if (status.recent != wanted)
    return kit_fail (kit, "%u messages are recent instead of %u", status.recent, wanted);
  return TRUE;
}

/* STATUS claims nothing, and sees what was claimed. */
static void
check_status_recent (Kit *kit)
{
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox) && status_recent_is (kit, &inbox, 0)
           && kit_append_many (kit, &inbox, 3));
  KIT_TRY (status_recent_is (kit, &inbox, 3) && status_recent_is (kit, &inbox, 3));
  KIT_TRY (load_recent (kit, &inbox, FALSE, 0, 1) && status_recent_is (kit, &inbox, 3));
  KIT_TRY (load_recent (kit, &inbox, TRUE, 0, 1) && status_recent_is (kit, &inbox, 0));
  KIT_TRY (kit_append_many (kit, &inbox, 4) && status_recent_is (kit, &inbox, 4));
  KIT_TRY (kit_expunge (kit, &inbox, "1,5") && status_recent_is (kit, &inbox, 3));
}

static void
check_in_commit (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitIndex) other_after = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autofree char *unlike = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_append_many (kit, &inbox, 5));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL);
  /* Another process's change, which the commit's report must bring as well. */
  KIT_TRY (kit_store (kit, &inbox, "1", CF_STORE_ADD, CF_FLAG_FLAGGED, NULL)
           && kit_expunge (kit, &inbox, "2"));
  batch = kit_batch_new (&inbox, &other, 0, 0, before->info.highest_modseq);
  cf_write_batch_set_index (batch->batch, 1, 0, &batch->index[1]->sink);
  batch->since[1] = 0;
  op = kit_op_store (batch, "3", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  op = kit_op_uids (batch, CF_WRITE_COPY, "3:4");
  kit_batch_add (batch, &op);
  op = kit_op_uids (batch, CF_WRITE_MOVE, "5");
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));

  after = kit_load (kit, &inbox, 0);
  other_after = kit_load (kit, &other, 0);
  KIT_TRY (after != NULL && other_after != NULL);
  kit_index_apply (before, batch->index[0]);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "the commit's report does not lead to the state after it: %s", unlike);
  unlike = kit_index_compare (batch->index[1], other_after);
  KIT_EXPECT (kit, unlike == NULL, "the report of the destination is not its state: %s", unlike);
}

const KitCheck kit_index_checks[] = {
  { "index/rows", "CfIndexRow: a message as a mailbox holds it, with what the append gave.", 0, check_rows },
  { "index/by-name",
    "mailbox 0: by name. since counts only if the mailbox found is since_of; else as if it were 0.", 0,
    check_by_name },
  { "index/since",
    "since: rows with MODSEQ > since, and what was expunged after it. The report is complete up to the "
    "highest_modseq it gives.",
    0, check_since },
  { "index/tombstones", "since: ... and what was expunged after it.", 0, check_tombstones },
  { "index/reset",
    "if the store cannot tell the difference from the MODSEQ it was asked for, reset, after which every "
    "row follows.",
    0, check_reset },
  { "index/differences-add-up", "The report is complete up to the highest_modseq it gives.", 0, check_chain },
  { "index/recent",
    "messages from recent_uid on have been shown to no session as \\Recent; claim_recent: after this, "
    "recent_uid is uid_next; known_recent: recent_uid is at least this already.",
    0, check_recent },
  { "index/status-recent", "CfMailboxStatus.recent: with UID >= recent_uid.", KIT_NEEDS (mailbox_status),
    check_status_recent },
  { "index/info-alone", "since G_MAXUINT64: the mailbox's info alone, one call of mailbox.", 0,
    check_info_alone },
  { "index/in-commit",
    "the store reports after the operations, inside the same commit, everything that index_load "
    "would report: this batch's changes and those of other processes alike.",
    0, check_in_commit },
  { NULL }
};
