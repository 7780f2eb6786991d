/* tests/storage/check-sizes.c - many messages, long names, many keywords. */
#include "kit.h"

#include <string.h>

enum { MANY = 10000 };

static void
check_many (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (GString) odd = g_string_new ("1");
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) all = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autoptr (KitBatch) copy = NULL;
  g_autofree char *unlike = NULL;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_append_many (kit, &inbox, MANY));
  for (guint i = 3; i < MANY; i += 2)
    g_string_append_printf (odd, ",%u", i);
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL);
  KIT_EXPECT (kit, before->rows->len == MANY, "%u of %u messages are there", before->rows->len, MANY);
  KIT_TRY (kit_store (kit, &inbox, odd->str, CF_STORE_ADD, CF_FLAG_DELETED, "odd"));
  copy = kit_batch_new (&inbox, &other, 0, 0, 0);
  op = kit_op_uids (copy, CF_WRITE_COPY, odd->str);
  kit_batch_add (copy, &op);
  KIT_TRY (kit_commit (kit, copy));
  KIT_EXPECT (kit, copy->index[1]->rows->len == MANY / 2 && copy->index[0]->rows->len == MANY,
              "a COPY of %u messages made %u", MANY / 2, copy->index[1]->rows->len);
  KIT_TRY (kit_expunge (kit, &inbox, odd->str));
  all = kit_load (kit, &inbox, 0);
  difference = kit_load (kit, &inbox, before->info.highest_modseq);
  KIT_TRY (all != NULL && difference != NULL);
  KIT_EXPECT (kit, all->rows->len == MANY / 2, "%u messages are left instead of %u", all->rows->len,
              MANY / 2);
  kit_index_apply (before, difference);
  unlike = kit_index_compare (before, all);
  KIT_EXPECT (kit, unlike == NULL, "the difference does not lead to the state: %s", unlike);
}

static void
check_names (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autofree char *flat = g_strnfill (CF_MAILBOX_NAME_MAX, 'n');
  g_autoptr (GString) deep = g_string_new ("d");
  KitMailbox mailbox;
  CfMailboxInfo info;

  while (deep->len + 2 <= CF_MAILBOX_NAME_MAX)
    g_string_append (deep, "/d");
  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, flat, &mailbox)
           && kit_mailbox_new (kit, account, deep->str, &mailbox));
  KIT_EXPECT (
      kit, kit_mailbox_find (kit, account, flat, &info) && kit_mailbox_find (kit, account, deep->str, &info),
      "a name of %u octets was not kept", CF_MAILBOX_NAME_MAX);
}

static void
check_keywords (Kit *kit)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (CfKeywords) wanted = NULL;
  KitMailbox inbox;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (names, "keyword-number-%u ", i);
  wanted = cf_keywords_from_string (names->str);
  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2)
           && kit_store (kit, &inbox, "1:2", CF_STORE_ADD, 0, names->str)
           && kit_store (kit, &inbox, "2", CF_STORE_REMOVE, 0, "keyword-number-7"));
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, kit_index_find (index, 1)->keywords == wanted, "%u of 1000 keywords were kept",
              (guint) cf_keywords_get_n (kit_index_find (index, 1)->keywords));
  KIT_EXPECT (kit, cf_keywords_get_n (kit_index_find (index, 2)->keywords) == 999,
              "one of 1000 could not be removed");
}

static void
check_large_uids (Kit *kit)
{
  g_autoptr (KitBatch) batch = NULL;
  KitMailbox inbox;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_store (batch, "1:4294967295", CF_STORE_ADD, CF_FLAG_SEEN, NULL);
  kit_batch_add (batch, &op);
  op = kit_op_store (batch, "4294967295", CF_STORE_ADD, CF_FLAG_DRAFT, NULL);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  KIT_EXPECT (kit, kit_index_find (batch->index[0], 3)->flags == CF_FLAG_SEEN,
              "1:4294967295 does not include UID 3");
}

const KitCheck kit_size_checks[]
    = { { "size/messages", "Everything holds for 10,000 messages and UID sets of thousands of ranges.", 0,
          check_many },
        { "size/uids", "UIDs are 32 bits wide.", 0, check_large_uids },
        { "size/names", "CF_MAILBOX_NAME_MAX: mailbox names have up to 1000 octets.", 0, check_names },
        { "size/keywords", "A message may have 1000 keywords.", 0, check_keywords },
        { NULL } };
