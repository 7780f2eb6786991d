/* tests/storage/check-lifetime.c - what outlives closing the store. Last in the run, as it closes it. */
#include "kit.h"

#include <string.h>

static void
check_reopen (Kit *kit)
{
  g_autofree char *name = NULL;
  KitMailbox inbox = { kit_account_new (kit, &name), 0 }, other;
  CfMailboxInfo info, again;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *unlike = NULL;
  CfAccountInfo account;

  KIT_TRY (inbox.account != 0 && kit_mailbox_find (kit, inbox.account, "INBOX", &info));
  inbox.id = info.id;
  KIT_TRY (kit_mailbox_new (kit, inbox.account, "other", &other) && kit_append_many (kit, &inbox, 10)
           && kit_store (kit, &inbox, "2:4", CF_STORE_ADD, CF_FLAG_SEEN, "kw")
           && kit_copy (kit, &inbox, "3", &other));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL && kit_expunge (kit, &inbox, "9:10"));

  if (!kit_reopen (kit, 0, &error)) {
    if (g_error_matches (error, CF_ERROR, CF_ERROR_NONEXISTENT) && !kit_wants_durable (kit)) {
      kit_skip (kit, "the store is volatile: after closing it is not there any more");
      return;
    }
    kit_fail (kit, "the store does not open again: %s", error != NULL ? error->message : "no error set");
    return;
  }
  KIT_TRY (kit_account_info (kit, name, &account));
  KIT_EXPECT (kit, account.id == inbox.account && account.messages == 9,
              "the account has another id, or %u messages", (guint) account.messages);
  KIT_EXPECT (kit,
              kit_mailbox_find (kit, inbox.account, "INBOX", &again) && again.id == inbox.id
                  && again.uid_validity == info.uid_validity && again.uid_next == 11,
              "INBOX has another id, UIDVALIDITY or UIDNEXT");
  after = kit_load (kit, &inbox, 0);
  difference = kit_load (kit, &inbox, before->info.highest_modseq);
  KIT_TRY (after != NULL && difference != NULL);
  kit_index_apply (before, difference);
  unlike = kit_index_compare (before, after);
  KIT_EXPECT (kit, unlike == NULL, "the state is another one: %s", unlike);
  KIT_EXPECT (kit, after->rows->len == 8, "%u of 8 messages are there", after->rows->len);
  KIT_TRY (kit_content_is (kit, inbox.account, kit_index_find (after, 2)->content,
                           (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
  KIT_TRY (kit_append (kit, &inbox, KIT_MESSAGE, 0) == 11);
}

const KitCheck kit_lifetime_checks[]
    = { { "lifetime/reopen",
          "Durable when it returns: what was committed is there when the store is opened again, without "
          "CF_STORE_OPEN_CREATE.",
          0, check_reopen },
        { NULL } };
