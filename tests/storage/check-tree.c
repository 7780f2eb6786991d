/* tests/storage/check-tree.c - the mailbox tree. */
#include "kit.h"

#include <string.h>

static gboolean
tree_is (Kit *kit, CfAccountId account, const char *wanted)
{
  g_autofree char *names = kit_mailbox_names (kit, account);

  if (!g_str_equal (names, wanted))
    return kit_fail (kit, "mailboxes are \"%s\", not \"%s\"", names, wanted);
  return TRUE;
}

static gboolean
rename_mailbox (Kit *kit, CfAccountId account, const char *from, const char *to)
{
  g_autoptr (GError) error = NULL;

  if (!kit->slots->mailbox_rename (kit->conn, kit_call (kit), account, from, to, &error))
    return kit_fail (kit, "renaming %s to %s failed: %s", from, to,
                     error != NULL ? error->message : "no error set");
  return TRUE;
}

static gboolean
delete_mailbox (Kit *kit, const KitMailbox *mailbox)
{
  g_autoptr (GError) error = NULL;

  if (!kit->slots->mailbox_delete (kit->conn, kit_call (kit), mailbox->account, mailbox->id, &error))
    return kit_fail (kit, "mailbox_delete failed: %s", error != NULL ? error->message : "no error set");
  return TRUE;
}

typedef struct {
  CfMailboxSink sink;
  GString *names;
  guint32 special_use;
} Created;

static void
created_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  g_string_append_printf (((Created *) sink)->names, "%s,", info->name);
  ((Created *) sink)->special_use = info->special_use;
}

static void
check_create (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autoptr (GString) names = g_string_new (NULL);
  Created created = { { sizeof (CfMailboxSink), created_mailbox }, names, 0 };
  g_autoptr (GError) error = NULL;
  KitMailbox mailbox;
  CfMailboxInfo info;
  gboolean ok;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "a", &mailbox));
  KIT_EXPECT (kit,
              kit->slots->mailbox_create (kit->conn, kit_call (kit), account, "a/b/c",
                                          CF_SPECIAL_USE_SENT | CF_SPECIAL_USE_ARCHIVE, &created.sink,
                                          &error),
              "mailbox_create failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, g_str_equal (names->str, "a/b,a/b/c,"), "the sink was told of \"%s\"", names->str);
  KIT_EXPECT (kit, created.special_use == (CF_SPECIAL_USE_SENT | CF_SPECIAL_USE_ARCHIVE),
              "special_use is 0x%x", created.special_use);
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "a/b", &info) && info.special_use == 0,
              "the parent got the special use of its child");
  KIT_TRY (tree_is (kit, account, "INBOX,a,a/b,a/b/c"));
  ok = kit->slots->mailbox_create (kit->conn, kit_call (kit), account, "a/b", 0, &created.sink, &error);
  KIT_TRY (kit_failed_with (kit, "mailbox_create of one that is there", ok, &error, CF_ERROR_ALREADYEXISTS));
}

static void
check_order (Kit *kit)
{
  static const char *const names[]
      = { "\xc3\xa4", "a.b", "a", "a/b", "Z", "a b", "a/\xe2\x82\xac", "inbox2" };
  CfAccountId account = kit_account_new (kit, NULL);
  KitMailbox mailbox;

  KIT_TRY (account != 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    KIT_TRY (kit_mailbox_new (kit, account, names[i], &mailbox));
  KIT_TRY (tree_is (kit, account, "INBOX,Z,a,a b,a.b,a/b,a/\xe2\x82\xac,inbox2,\xc3\xa4"));
}

static void
check_rename (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  KitMailbox a, b, aa;
  CfMailboxInfo before, after;
  g_autoptr (KitIndex) index = NULL;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "a", &a)
           && kit_mailbox_new (kit, account, "a/b", &b) && kit_mailbox_new (kit, account, "a0", &aa)
           && kit_append_many (kit, &b, 2));
  KIT_TRY (kit_mailbox_find (kit, account, "a/b", &before));
  KIT_TRY (rename_mailbox (kit, account, "a", "x/y"));
  KIT_TRY (tree_is (kit, account, "INBOX,a0,x,x/y,x/y/b"));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "x/y/b", &after), "x/y/b cannot be found");
  KIT_EXPECT (kit,
              after.id == before.id && after.uid_validity == before.uid_validity
                  && after.uid_next == before.uid_next,
              "id, UIDVALIDITY or UIDNEXT changed");
  index = kit_load (kit, &b, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 2, "%u of 2 messages are there after the rename", index->rows->len);
}

static void
check_rename_errors (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  KitMailbox mailbox;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "a/x", &mailbox)
           && kit_mailbox_new (kit, account, "b", &mailbox)
           && kit_mailbox_new (kit, account, "c/x", &mailbox));
  ok = kit->slots->mailbox_rename (kit->conn, kit_call (kit), account, "none", "d", &error);
  KIT_TRY (kit_failed_with (kit, "renaming what is not there", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->mailbox_rename (kit->conn, kit_call (kit), account, "a", "b", &error);
  KIT_TRY (kit_failed_with (kit, "renaming to a name that is there", ok, &error, CF_ERROR_ALREADYEXISTS));
  ok = kit->slots->mailbox_rename (kit->conn, kit_call (kit), account, "none", "b", &error);
  KIT_EXPECT (kit, !ok, "renaming what is not there to a name that is there succeeded");
  g_clear_error (&error);
  KIT_TRY (tree_is (kit, account, "INBOX,a,a/x,b,c,c/x"));
}

/* Leaves "c" without a row, as a deleted parent of "c/x" is. */
static void
check_rename_rowless (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  KitMailbox parent, child, other;
  CfMailboxInfo info;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "c/x", &child)
           && kit_mailbox_new (kit, account, "d/x", &other));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "c", &info), "the missing parent was not created");
  parent = (KitMailbox){ account, info.id };
  KIT_TRY (delete_mailbox (kit, &parent));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "d", &info), "the missing parent was not created");
  parent = (KitMailbox){ account, info.id };
  KIT_TRY (delete_mailbox (kit, &parent));
  KIT_TRY (tree_is (kit, account, "INBOX,c/x,d/x"));
  ok = kit->slots->mailbox_rename (kit->conn, kit_call (kit), account, "c", "d", &error);
  KIT_TRY (
      kit_failed_with (kit, "a rename that collides below the new name", ok, &error, CF_ERROR_ALREADYEXISTS));
  KIT_TRY (tree_is (kit, account, "INBOX,c/x,d/x"));
  KIT_TRY (rename_mailbox (kit, account, "c", "e"));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "e/x", &info) && info.id == child.id,
              "c/x did not become e/x");
  KIT_EXPECT (kit, !kit_mailbox_find (kit, account, "c/x", &info), "c/x is still there");
}

static void
check_rename_inbox (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  CfMailboxInfo inbox, moved, fresh;
  KitMailbox child, old;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "INBOX/child", &child));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "INBOX", &inbox), "there is no INBOX");
  old = (KitMailbox){ account, inbox.id };
  KIT_TRY (kit_append_many (kit, &old, 3) && rename_mailbox (kit, account, "INBOX", "old/mail"));
  KIT_TRY (tree_is (kit, account, "INBOX,INBOX/child,old,old/mail"));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "old/mail", &moved) && moved.id == inbox.id,
              "its row did not move");
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "INBOX", &fresh), "no new INBOX took its place");
  KIT_EXPECT (kit, fresh.id != inbox.id && fresh.uid_validity > inbox.uid_validity,
              "the new INBOX has UIDVALIDITY %u, the old one had %u", fresh.uid_validity, inbox.uid_validity);
  before = kit_load (kit, &old, 0);
  old.id = fresh.id;
  after = kit_load (kit, &old, 0);
  KIT_TRY (before != NULL && after != NULL);
  KIT_EXPECT (kit, before->rows->len == 3 && after->rows->len == 0, "the messages did not move with the row");

  KIT_TRY (rename_mailbox (kit, account, "INBOX", "INBOX/below"));
  KIT_TRY (tree_is (kit, account, "INBOX,INBOX/below,INBOX/child,old,old/mail"));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "INBOX/below", &moved) && moved.id == fresh.id,
              "INBOX did not move below itself");
}

static void
check_delete (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  KitMailbox parent, child;
  g_autoptr (KitIndex) index = kit_index_new ();
  CfIndexQuery query = { .struct_size = sizeof query, .account = account };
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (account != 0 && kit_mailbox_new (kit, account, "a", &parent)
           && kit_mailbox_new (kit, account, "a/b", &child)
           && kit_append (kit, &parent, KIT_MESSAGE, 0) != 0);
  KIT_TRY (delete_mailbox (kit, &parent) && tree_is (kit, account, "INBOX,a/b"));
  query.mailbox = parent.id;
  ok = kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error);
  KIT_TRY (kit_failed_with (kit, "index_load of a deleted mailbox", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->mailbox_delete (kit->conn, kit_call (kit), account, parent.id, &error);
  KIT_TRY (kit_failed_with (kit, "deleting a mailbox twice", ok, &error, CF_ERROR_NONEXISTENT));
}

static void
check_foreign (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL), other = kit_account_new (kit, NULL);
  KitMailbox mailbox;
  CfMailboxInfo info;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (account != 0 && other != 0 && kit_mailbox_new (kit, account, "a", &mailbox));
  ok = kit->slots->mailbox_delete (kit->conn, kit_call (kit), other, mailbox.id, &error);
  KIT_TRY (kit_failed_with (kit, "deleting another account's mailbox", ok, &error, CF_ERROR_NONEXISTENT));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "a", &info), "another account's mailbox was deleted");
}

static void
check_uid_validity (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  guint32 last = 0;

  KIT_TRY (account != 0);
  for (guint i = 0; i < 5; i++) {
    KitMailbox mailbox;
    CfMailboxInfo info;

    KIT_TRY (kit_mailbox_new (kit, account, "again", &mailbox));
    KIT_EXPECT (kit, kit_mailbox_find (kit, account, "again", &info), "a new mailbox is not listed");
    KIT_EXPECT (kit, info.uid_validity > last, "UIDVALIDITY %u, after %u before it was deleted",
                info.uid_validity, last);
    last = info.uid_validity;
    KIT_TRY (delete_mailbox (kit, &mailbox));
  }
}

static void
check_status (Kit *kit)
{
  KitMailbox inbox;
  CfMailboxStatus status = { .struct_size = sizeof status };
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 10));
  KIT_TRY (kit_store (kit, &inbox, "1:4", CF_STORE_ADD, CF_FLAG_SEEN, NULL)
           && kit_store (kit, &inbox, "3:5", CF_STORE_ADD, CF_FLAG_DELETED, NULL)
           && kit_expunge (kit, &inbox, "10"));
  KIT_EXPECT (kit,
              kit->slots->mailbox_status (kit->conn, kit_call (kit), inbox.account, "INBOX", &status, &error),
              "mailbox_status failed: %s", error != NULL ? error->message : "no error set");
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit,
              status.messages == 9 && status.unseen == 5 && status.deleted == 3 && status.recent == 9
                  && status.octets == 9 * strlen (KIT_MESSAGE),
              "messages %u, unseen %u, deleted %u, recent %u, octets %u; 9, 5, 3, 9, %u were due",
              status.messages, status.unseen, status.deleted, status.recent, (guint) status.octets,
              (guint) (9 * strlen (KIT_MESSAGE)));
  KIT_EXPECT (kit,
              status.id == inbox.id && status.uid_next == index->info.uid_next
                  && status.uid_validity == index->info.uid_validity
                  && status.highest_modseq == index->info.highest_modseq,
              "its info is not index_load's");
  ok = kit->slots->mailbox_status (kit->conn, kit_call (kit), inbox.account, "none", &status, &error);
  KIT_TRY (kit_failed_with (kit, "mailbox_status of what is not there", ok, &error, CF_ERROR_NONEXISTENT));
}

typedef struct {
  CfStatusSink sink;
  GString *text; /* "name:messages/unseen/deleted/recent/octets," */
  gboolean ids_differ;
} StatusesSink;

static void
statuses_mailbox (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  StatusesSink *self = (StatusesSink *) sink;

  g_string_append_printf (self->text, "%s:%u/%u/%u/%u/%u,", info->name, status->messages, status->unseen,
                          status->deleted, status->recent, (guint) status->octets);
  self->ids_differ = self->ids_differ || info->id != status->id || info->uid_validity != status->uid_validity
                     || info->uid_next != status->uid_next || info->highest_modseq != status->highest_modseq;
}

static gboolean
statuses_are (Kit *kit, CfAccountId account, const char *prefix, const char *wanted)
{
  g_autoptr (GString) text = g_string_new (NULL);
  StatusesSink sink = { { sizeof sink.sink, statuses_mailbox }, text, FALSE };
  g_autoptr (GError) error = NULL;

  if (!kit->slots->mailbox_list_status (kit->conn, kit_call (kit), account, prefix, &sink.sink, &error))
    return kit_fail (kit, "mailbox_list_status failed: %s", error != NULL ? error->message : "no error set");
  if (sink.ids_differ)
    return kit_fail (kit, "a mailbox's info and status disagree");
  if (!g_str_equal (text->str, wanted))
    return kit_fail (kit, "with the prefix \"%s\" it gives %s instead of %s", prefix, text->str, wanted);
  return TRUE;
}

static void
check_list_status (Kit *kit)
{
  guint size = strlen (KIT_MESSAGE);
  g_autofree char *inbox_is = g_strdup_printf ("INBOX:3/2/1/3/%u,", 3 * size);
  g_autofree char *b_is = g_strdup_printf ("a/b:1/1/0/1/%u,", size);
  g_autofree char *a_is = g_strconcat ("a:0/0/0/0/0,", b_is, NULL);
  g_autofree char *all = g_strconcat ("A:0/0/0/0/0,", inbox_is, a_is, "a_b:0/0/0/0/0,", NULL);
  g_autofree char *a_all = g_strconcat (a_is, "a_b:0/0/0/0/0,", NULL);
  KitMailbox inbox, mailbox;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3)
           && kit_store (kit, &inbox, "1", CF_STORE_ADD, CF_FLAG_SEEN, NULL)
           && kit_store (kit, &inbox, "2", CF_STORE_ADD, CF_FLAG_DELETED, NULL));
  KIT_TRY (kit_mailbox_new (kit, inbox.account, "a/b", &mailbox) && kit_append_many (kit, &mailbox, 1));
  KIT_TRY (kit_mailbox_new (kit, inbox.account, "A", &mailbox)
           && kit_mailbox_new (kit, inbox.account, "a_b", &mailbox));
  KIT_TRY (statuses_are (kit, inbox.account, "", all) && statuses_are (kit, inbox.account, "a", a_all)
           && statuses_are (kit, inbox.account, "a/", b_is)
           && statuses_are (kit, inbox.account, "INBOX", inbox_is)
           && statuses_are (kit, inbox.account, "%", "") && statuses_are (kit, inbox.account, "a/b/", ""));
}

const KitCheck kit_tree_checks[]
    = { { "tree/create",
          "Creates a mailbox and each missing parent. The sink gets the new ones, parents first. "
          "CF_ERROR_ALREADYEXISTS when @name is there.",
          0, check_create },
        { "tree/list-order", "Every mailbox of the account, in octet order of names.", 0, check_order },
        { "tree/rename",
          "Gives @from and all below it a new name, and creates missing parents of @to; ids, UIDs, "
          "UIDVALIDITY and attributes stay.",
          0, check_rename },
        { "tree/rename-errors", "CF_ERROR_NONEXISTENT: neither. CF_ERROR_ALREADYEXISTS: @to is there.", 0,
          check_rename_errors },
        { "tree/rename-without-row",
          "@from may have no row of its own when only mailboxes below it exist. "
          "CF_ERROR_ALREADYEXISTS: a name below @to that would collide is there.",
          0, check_rename_rowless },
        { "tree/rename-inbox",
          "INBOX is special: its row moves to @to without those below it, and a new empty INBOX "
          "takes its place.",
          0, check_rename_inbox },
        { "tree/delete", "Deletes the mailbox with its messages and attributes, not those below it.", 0,
          check_delete },
        { "tree/foreign-account", "An account's data is reachable only through that account's id.", 0,
          check_foreign },
        { "tree/uid-validity-is-new", "Its UIDVALIDITY is never given out again in the account.", 0,
          check_uid_validity },
        { "tree/status", "Counts for STATUS.", KIT_NEEDS (mailbox_status), check_status },
        { "tree/list-status",
          "Every mailbox of the account whose name begins with @prefix with its counts, in octet order of "
          "names.",
          KIT_NEEDS (mailbox_list_status), check_list_status },
        { NULL } };
