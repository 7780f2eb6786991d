/* tests/storage/check-lifetime.c - what outlives closing the store, and what is in a backup. Last in the run,
 * as it closes the store. */
#include "objects.h"

#include <glib/gstdio.h>
#include <string.h>

/* FALSE: the check is over; a store that may be volatile, and is, was skipped. */
static gboolean
reopen (Kit *kit)
{
  g_autoptr (GError) error = NULL;

  if (kit_reopen (kit, 0, &error))
    return TRUE;
  if (!g_error_matches (error, CF_ERROR, CF_ERROR_NONEXISTENT) || kit_wants_durable (kit))
    return kit_fail (kit, "the store does not open again: %s",
                     error != NULL ? error->message : "no error set");
  kit_skip (kit, "not applicable: the store is volatile: after closing it is not there any more");
  kit_reopen (kit, CF_STORE_OPEN_CREATE, NULL); /* for the checks to come */
  return FALSE;
}

static void
check_reopen (Kit *kit)
{
  g_autofree char *name = NULL;
  KitMailbox inbox = { kit_account_new (kit, &name), 0 }, other;
  CfMailboxInfo info, again;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autofree char *unlike = NULL;
  CfAccountInfo account;

  KIT_TRY (inbox.account != 0 && kit_mailbox_find (kit, inbox.account, "INBOX", &info));
  inbox.id = info.id;
  KIT_TRY (kit_mailbox_new (kit, inbox.account, "other", &other) && kit_append_many (kit, &inbox, 10)
           && kit_store (kit, &inbox, "2:4", CF_STORE_ADD, CF_FLAG_SEEN, "kw")
           && kit_copy (kit, &inbox, "3", &other));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL && kit_expunge (kit, &inbox, "9:10"));

  KIT_TRY (reopen (kit));
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

/* The newest ids are gone without a trace when the store closes, so it has to have written them down. */
static void
check_ids (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (GBytes) octets = kit_noise (5000, 50);
  g_autoptr (GBytes) other = kit_noise (5000, 51);
  g_autofree char *scope = NULL;
  CfObjectId object = 1, new_object = 2;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
  scope = kit_scope (inbox.account);
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL
           && (kit->slots->object_put == NULL || kit_object_put (kit, scope, octets, &object)));
  KIT_TRY (kit_expunge (kit, &inbox, "1") && kit_collect_all (kit, 0) && kit_collect_all (kit, 0));
  KIT_TRY (reopen (kit) && kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL
           && (kit->slots->object_put == NULL || kit_object_put (kit, scope, other, &new_object)));
  KIT_EXPECT (kit,
              g_array_index (after->rows, CfIndexRow, 0).content
                  != g_array_index (before->rows, CfIndexRow, 0).content,
              "the content collected before the store closed and one appended since have the same id");
  KIT_EXPECT (kit, new_object != object,
              "the object collected before the store closed and one put since have the same id");
}

/* ---- Backup -------------------------------------------------------------------------------------------- */

static gboolean
go_on (guint64 done, guint64 total, gpointer user_data)
{
  return TRUE;
}

/* The copy opens, and holds what there was and not what came after. */
static gboolean
copy_is (Kit *kit, const char *path, const KitMailbox *mailbox, const KitIndex *wanted, GBytes *octets)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autofree char *unlike = NULL;

  if (!kit_reopen_at (kit, path, &error))
    return kit_fail (kit, "the copy does not open: %s", error != NULL ? error->message : "no error set");
  index = kit_load (kit, mailbox, 0);
  if (index == NULL)
    return FALSE;
  unlike = kit_index_compare (wanted, index);
  if (unlike != NULL)
    return kit_fail (kit, "the copy and the store differ: %s", unlike);
  return kit_content_is (kit, mailbox->account, kit_index_find (index, 3)->content,
                         g_bytes_get_data (octets, NULL), g_bytes_get_size (octets))
         && kit_append (kit, mailbox, KIT_MESSAGE, 0) == index->info.uid_next;
}

static void
remove_directory (const char *directory)
{
  GDir *entries = g_dir_open (directory, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL) {
    g_autofree char *path = g_build_filename (directory, name, NULL);

    g_remove (path);
  }
  g_clear_pointer (&entries, g_dir_close);
  g_rmdir (directory);
}

static gboolean
make_copy (Kit *kit, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) second = NULL;

  if (!kit->slots->backup (kit->conn, kit_call (kit), path, go_on, NULL, &error))
    return kit_fail (kit, "backup failed: %s", error != NULL ? error->message : "no error set");
  if (kit->slots->backup (kit->conn, kit_call (kit), path, go_on, NULL, &second))
    return kit_fail (kit, "backup wrote over a file that is there");
  return TRUE;
}

/* A store may answer that others take its backups: then there is nothing to check. */
static gboolean
backup_is_elsewhere (Kit *kit)
{
  g_autofree char *directory = g_dir_make_tmp ("coffer-backup-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (directory != NULL ? directory : "", "copy", NULL);
  g_autoptr (GError) error = NULL;
  gboolean elsewhere = directory != NULL
                       && !kit->slots->backup (kit->conn, kit_call (kit), path, go_on, NULL, &error)
                       && g_error_matches (error, CF_ERROR, CF_ERROR_NOT_SUPPORTED);

  if (directory != NULL)
    remove_directory (directory);
  return elsewhere;
}

static void
check_backup (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (GBytes) octets = kit_noise (700000, 60);
  g_autofree char *directory = NULL;
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  CfWriteOp op;

  if (kit_get_backup_key (kit) == NULL) {
    if (!backup_is_elsewhere (kit))
      kit_skip (kit, "--backup-key=KEY was not given");
    return;
  }
  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 2)
           && kit_store (kit, &inbox, "1", CF_STORE_ADD, CF_FLAG_SEEN, "kw"));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append (batch, g_bytes_get_data (octets, NULL), (gssize) g_bytes_get_size (octets));
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  before = kit_load (kit, &inbox, 0);
  directory = g_dir_make_tmp ("coffer-backup-XXXXXX", NULL);
  KIT_EXPECT (kit, directory != NULL, "no directory for a copy can be made");
  path = g_build_filename (directory, "copy", NULL);
  if (before != NULL && make_copy (kit, path) && kit_expunge (kit, &inbox, "2"))
    copy_is (kit, path, &inbox, before, octets);

  KIT_EXPECT (kit, kit_reopen_at (kit, NULL, &error), "the store does not open again: %s",
              error != NULL ? error->message : "no error set");
  remove_directory (directory);
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  KIT_EXPECT (kit, after->rows->len == 2 && kit_index_find (after, 2) == NULL,
              "the store itself is another one after a backup");
}

const KitCheck kit_lifetime_checks[]
    = { { "lifetime/backup", "A consistent copy at @path, which must not exist, while the store serves.",
          KIT_NEEDS (backup), check_backup },
        { "lifetime/ids-never-reused", "CfContentId, CfObjectId: never reused.", KIT_NEEDS (collect),
          check_ids },
        { "lifetime/reopen",
          "Durable when it returns: what was committed is there when the store is opened again, without "
          "CF_STORE_OPEN_CREATE.",
          0, check_reopen },
        { NULL } };
