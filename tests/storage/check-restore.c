/* tests/storage/check-restore.c - mailbox_restore: a mailbox becomes exactly what it was elsewhere. */
#include "objects.h"

#include <string.h>

#define VALIDITY 1234567890u

/* A restore to be changed and then carried out; @owner keeps what it points to. */
typedef struct {
  KitBatch *owner;
  CfRestore restore;
  CfMailboxInfo info;
  GPtrArray *messages; /* CfRestoreMessage */
  CfContentId contents[8];
  CfMailboxId mailbox;
} Moved;

static void
moved_free (Moved *moved)
{
  kit_batch_free (moved->owner);
  g_ptr_array_unref (moved->messages);
  g_free (moved);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Moved, moved_free)

static Moved *
moved_new (CfAccountId account, CfMailboxId mailbox, const char *name)
{
  Moved *moved = g_new0 (Moved, 1);
  KitMailbox place = { account, mailbox };

  moved->owner = kit_batch_new (&place, NULL, 0, 0, G_MAXUINT64);
  moved->messages = g_ptr_array_new ();
  moved->info = (CfMailboxInfo){ .struct_size = sizeof moved->info,
                                 .id = mailbox,
                                 .name = name,
                                 .uid_validity = VALIDITY,
                                 .uid_next = 1000,
                                 .highest_modseq = 77777777777,
                                 .recent_uid = 8,
                                 .special_use = CF_SPECIAL_USE_SENT };
  moved->restore = (CfRestore){ .struct_size = sizeof moved->restore, .account = account };
  return moved;
}

/* A message with a row that nothing else would give it. Its content is @content, or 0: the one of @append. */
static CfIndexRow *
moved_add (Moved *moved, guint32 uid, CfContentId content, const CfAppend *append)
{
  CfRestoreMessage *message = kit_batch_own (moved->owner, g_new0 (CfRestoreMessage, 1), g_free);
  CfIndexRow *row = kit_batch_own (moved->owner, g_new0 (CfIndexRow, 1), g_free);

  *row = (CfIndexRow){ .struct_size = sizeof *row,
                       .uid = uid,
                       .flags = CF_FLAG_SEEN,
                       .zone = -570,
                       .internal_date = -123456789 + (gint64) uid,
                       .save_date = 1111111111 + (gint64) uid,
                       .modseq = 5000000000 + uid,
                       .size = 100 + uid,
                       .content = content };
  *message = (CfRestoreMessage){ .struct_size = sizeof *message, .row = row, .append = append };
  g_ptr_array_add (moved->messages, message);
  return row;
}

static const CfAppend *
moved_append (Moved *moved, const char *text)
{
  return kit_op_append (moved->owner, text, -1).append;
}

/* The message added last gets an attribute. */
static void
moved_annotate (Moved *moved, const char *key, const char *value)
{
  CfRestoreMessage *message = g_ptr_array_index (moved->messages, moved->messages->len - 1);
  CfWriteOp op = kit_op_annotate (moved->owner, "1", key, value);

  message->n_attributes = op.n_attributes;
  message->attributes = op.attributes;
}

static gboolean
moved_try (Kit *kit, Moved *moved, GError **error)
{
  moved->restore.mailbox = &moved->info;
  moved->restore.n_messages = moved->messages->len;
  moved->restore.messages = (const CfRestoreMessage *const *) moved->messages->pdata;
  return kit->slots->mailbox_restore (kit->conn, kit_call (kit), &moved->restore, &moved->mailbox,
                                      moved->contents, error);
}

static gboolean
moved_carry_out (Kit *kit, Moved *moved)
{
  g_autoptr (GError) error = NULL;

  if (!moved_try (kit, moved, &error))
    return kit_fail (kit, "mailbox_restore failed: %s", error != NULL ? error->message : "no error set");
  return TRUE;
}

/* The mailbox of @moved has exactly its numbers, and its rows where they are given. */
static gboolean
moved_is_there (Kit *kit, Moved *moved)
{
  KitMailbox place = { moved->restore.account, moved->mailbox };
  g_autoptr (KitIndex) index = kit_load (kit, &place, 0);
  CfMailboxInfo info;

  if (index == NULL)
    return FALSE;
  if (!kit_mailbox_find (kit, place.account, moved->info.name, &info) || info.id != moved->mailbox)
    return kit_fail (kit, "the mailbox is not listed under its name");
  if (index->info.uid_validity != moved->info.uid_validity || index->info.uid_next != moved->info.uid_next
      || index->info.highest_modseq != moved->info.highest_modseq
      || index->info.recent_uid != moved->info.recent_uid
      || index->info.special_use != moved->info.special_use)
    return kit_fail (kit, "the mailbox has other numbers than were given");
  for (guint i = 0; i < moved->messages->len; i++) {
    CfIndexRow wanted = *((CfRestoreMessage *) g_ptr_array_index (moved->messages, i))->row;
    const CfIndexRow *row = kit_index_find (index, wanted.uid);

    if (row == NULL)
      return kit_fail (kit, "message %u is not there", wanted.uid);
    if (row->flags != wanted.flags || row->zone != wanted.zone || row->internal_date != wanted.internal_date
        || row->save_date != wanted.save_date || row->modseq != wanted.modseq || row->size != wanted.size
        || row->keywords != wanted.keywords || row->content != moved->contents[i])
      return kit_fail (kit, "message %u has another row than was given", wanted.uid);
  }
  return TRUE;
}

typedef struct {
  CfAttributeSink sink;
  GString *text;
} Told;

static void
told_attribute (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  g_string_append_printf (((Told *) sink)->text, "%u %s=%.*s;", target->uid, attribute->key,
                          (int) g_bytes_get_size (attribute->value),
                          (const char *) g_bytes_get_data (attribute->value, NULL));
}

/* The attributes of all messages are @wanted. */
static gboolean
attributes_are (Kit *kit, const Moved *moved, const char *wanted)
{
  const CfAttributeTarget target = { sizeof target, moved->restore.account, moved->mailbox, G_MAXUINT32 };
  g_autoptr (GString) text = g_string_new (NULL);
  Told told = { { sizeof told.sink, told_attribute }, text };
  g_autoptr (GError) error = NULL;

  if (!kit->slots->attribute_get (kit->conn, kit_call (kit), &target, "", &told.sink, &error))
    return kit_fail (kit, "attribute_get failed");
  return g_str_equal (text->str, wanted)
         || kit_fail (kit, "the attributes are \"%s\", not \"%s\"", text->str, wanted);
}

static void
check_exact (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountId account = kit_account_new (kit, &name);
  g_autoptr (Moved) moved = moved_new (account, 0, "a/b");
  const CfAppend *append = moved_append (moved, KIT_MESSAGE);
  g_autoptr (CfKeywords) keywords = cf_keywords_from_string ("$Forwarded blue");
  g_autoptr (KitIndex) index = NULL;
  KitMailbox place = { account, 0 };
  guint32 uid;

  KIT_TRY (account != 0);
  moved_add (moved, 7, 0, append)->keywords = keywords;
  moved_annotate (moved, "kit/note", "seven");
  moved_add (moved, 9, 0, moved_append (moved, "Subject: other\r\n\r\n"))->flags = CF_FLAG_DELETED;
  moved_add (moved, 999, 0, append)->flags = 0;
  KIT_TRY (moved_carry_out (kit, moved) && moved_is_there (kit, moved));
  KIT_EXPECT (kit, moved->contents[0] == moved->contents[2] && moved->contents[0] != moved->contents[1],
              "messages with the same append have two contents, or others one");
  KIT_TRY (
      kit_content_is (kit, account, moved->contents[0], (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE))
      && attributes_are (kit, moved, "7 kit/note=seven;"));
  KIT_EXPECT (kit, !kit_mailbox_find (kit, account, "a", &(CfMailboxInfo){ 0 }), "a parent was made");

  place.id = moved->mailbox;
  uid = kit_append (kit, &place, KIT_MESSAGE, 0);
  KIT_TRY (uid != 0);
  index = kit_load (kit, &place, moved->info.highest_modseq);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, uid == 1000 && index->info.highest_modseq > moved->info.highest_modseq,
              "an append afterwards does not go on from UIDNEXT and the highest MODSEQ");
}

static void
check_status (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autoptr (Moved) moved = moved_new (account, 0, "box");
  g_autoptr (Moved) other = moved_new (account, 0, "another");
  CfMailboxStatus status = { 0 };
  g_autoptr (GError) error = NULL;

  KIT_TRY (account != 0);
  moved_add (moved, 7, 0, moved_append (moved, KIT_MESSAGE));
  moved_add (moved, 9, 0, moved_append (moved, KIT_MESSAGE))->flags = CF_FLAG_DELETED;
  KIT_TRY (moved_carry_out (kit, moved) && moved_carry_out (kit, other));
  moved->info.id = moved->mailbox;
  g_ptr_array_set_size (moved->messages, 0);
  moved_add (moved, 9, moved->contents[1], NULL)->flags = 0;
  KIT_TRY (moved_carry_out (kit, moved));
  KIT_EXPECT (kit, kit->slots->mailbox_status (kit->conn, kit_call (kit), account, "box", &status, &error),
              "mailbox_status failed");
  KIT_EXPECT (kit,
              status.messages == 2 && status.unseen == 1 && status.deleted == 0 && status.recent == 1
                  && status.octets == 216,
              "mailbox_status counts %u messages, %u unseen, %u deleted, %u recent, %u octets",
              status.messages, status.unseen, status.deleted, status.recent, (guint) status.octets);
}

static void
check_again (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autoptr (Moved) first = moved_new (account, 0, "box");
  g_autoptr (Moved) second = NULL;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) difference = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autofree char *differs = NULL;
  KitMailbox place = { account, 0 };

  KIT_TRY (account != 0);
  for (guint32 uid = 1; uid <= 3; uid++) {
    moved_add (first, uid, 0, moved_append (first, KIT_MESSAGE));
    moved_annotate (first, "kit/n", "old");
  }
  KIT_TRY (moved_carry_out (kit, first));
  place.id = first->mailbox;
  before = kit_load (kit, &place, 0);
  second = moved_new (account, first->mailbox, "box");
  second->info.highest_modseq += 5;
  second->info.uid_next = 2000;
  second->info.recent_uid = 4;
  second->info.special_use = 0;
  moved_add (second, 1, first->contents[0], NULL); /* as it is, without its attribute */
  moved_add (second, 2, first->contents[1], NULL)->flags = CF_FLAG_FLAGGED;
  ((CfIndexRow *) ((CfRestoreMessage *) g_ptr_array_index (second->messages, 1))->row)->modseq
      = second->info.highest_modseq;
  moved_annotate (second, "kit/n", "new");
  moved_add (second, 1500, first->contents[2], NULL);
  KIT_TRY (before != NULL && moved_carry_out (kit, second) && moved_is_there (kit, second)
           && attributes_are (kit, second, "2 kit/n=new;3 kit/n=old;"));

  /* What core knew before comes up to date. */
  difference = kit_load (kit, &place, before->info.highest_modseq);
  after = kit_load (kit, &place, 0);
  KIT_TRY (difference != NULL && after != NULL);
  KIT_EXPECT (kit, after->rows->len == 4, "%u messages are there, not 4", after->rows->len);
  kit_index_apply (before, difference);
  differs = kit_index_compare (before, after);
  KIT_EXPECT (kit, differs == NULL, "the difference since before is wrong: %s", differs);
}

static void
check_expunged (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autoptr (Moved) moved = moved_new (account, 0, "box");
  g_autoptr (Moved) lost = moved_new (account, 0, "elsewhere");
  g_autoptr (CfUidSet) gone = cf_uid_set_from_string ("2:500", NULL);
  g_autofree char *uids = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GError) error = NULL;
  KitMailbox place = { account, 0 };

  KIT_TRY (account != 0);
  for (guint32 uid = 1; uid <= 3; uid++)
    moved_add (moved, uid, 0, moved_append (moved, KIT_MESSAGE));
  KIT_TRY (moved_carry_out (kit, moved));
  place.id = moved->info.id = moved->mailbox;
  g_ptr_array_set_size (moved->messages, 0);
  moved_add (moved, 900, moved->contents[2], NULL);
  moved->restore.expunged = gone;
  moved_add (lost, 1, moved->contents[1], NULL);
  KIT_TRY (moved_carry_out (kit, moved));
  index = kit_load (kit, &place, 0);
  KIT_TRY (index != NULL);
  uids = kit_index_uids_text (index);
  KIT_EXPECT (kit, g_str_equal (uids, "1,900"), "the messages are %s, not 1,900", uids);
  KIT_TRY (kit_failed_with (kit, "placing a content without placements", moved_try (kit, lost, &error),
                            &error, CF_ERROR_CONTENT_GONE));
}

/* Each of these is refused, and the mailbox is as it was. */
static void
check_refused (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL), other = kit_account_new (kit, NULL);
  g_autoptr (Moved) there = moved_new (account, 0, "box");
  g_autoptr (Moved) theirs = moved_new (other, 0, "box");
  g_autoptr (GError) error = NULL;
  KitMailbox place = { account, 0 };

  KIT_TRY (account != 0 && other != 0);
  moved_add (there, 1, 0, moved_append (there, KIT_MESSAGE));
  moved_add (there, 2, 0, moved_append (there, KIT_MESSAGE));
  moved_add (theirs, 1, 0, moved_append (theirs, KIT_MESSAGE));
  KIT_TRY (moved_carry_out (kit, there) && moved_carry_out (kit, theirs));
  place.id = there->mailbox;

  struct {
    const char *what, *name;
    CfMailboxId mailbox;
    CfContentId content;
    guint32 uid;
    CfError code;
  } rows[] = {
    { "a new mailbox with a name that is there", "box", 0, there->contents[0], 5, CF_ERROR_ALREADYEXISTS },
    { "another mailbox's name", "INBOX", there->mailbox, there->contents[0], 5, CF_ERROR_ALREADYEXISTS },
    { "an unknown mailbox", "x", there->mailbox + 1000000, there->contents[0], 5, CF_ERROR_NONEXISTENT },
    { "another account's content", "box", there->mailbox, theirs->contents[0], 5, CF_ERROR_CONTENT_GONE },
    { "an unknown content", "box", there->mailbox, theirs->contents[0] + 1000000, 5, CF_ERROR_CONTENT_GONE },
    { "a UID with another content", "box", there->mailbox, there->contents[0], 2, CF_ERROR_ALREADYEXISTS },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (Moved) moved = moved_new (account, rows[i].mailbox, rows[i].name);
    g_autoptr (CfUidSet) gone = cf_uid_set_from_string ("1", NULL);

    moved->info.highest_modseq++;
    moved->restore.expunged = gone;
    moved_add (moved, 4, 0, moved_append (moved, KIT_MESSAGE));
    moved_add (moved, rows[i].uid, rows[i].content, NULL);
    if (rows[i].uid < 4)
      g_ptr_array_remove_index (moved->messages, 0);
    KIT_TRY (kit_failed_with (kit, rows[i].what, moved_try (kit, moved, &error), &error, rows[i].code)
             && moved_is_there (kit, there));
    g_clear_error (&error);
  }
  {
    g_autoptr (KitIndex) index = kit_load (kit, &place, 0);

    KIT_TRY (index != NULL);
    KIT_EXPECT (kit, index->rows->len == 2, "a restore that failed added messages");
  }
}

static void
check_rename (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autoptr (Moved) moved = NULL;
  CfMailboxInfo info;

  KIT_TRY (account != 0);
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "INBOX", &info), "there is no INBOX");
  moved = moved_new (account, info.id, "Old \xc3\xbc");
  KIT_TRY (moved_carry_out (kit, moved) && moved_is_there (kit, moved));
  KIT_EXPECT (kit, moved->mailbox == info.id, "the mailbox has another id");
  KIT_EXPECT (kit, !kit_mailbox_find (kit, account, "INBOX", &info), "the old name is there as well");
}

static void
check_objects (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autofree char *scope = kit_scope (account);
  g_autoptr (GBytes) octets = kit_noise (300000, 31);
  g_autoptr (Moved) moved = moved_new (account, 0, "box");
  g_autoptr (Moved) lost = moved_new (account, 0, "other");
  g_autoptr (GError) error = NULL;
  const guint8 *data = g_bytes_get_data (octets, NULL);
  g_autoptr (KitRead) read = NULL;
  CfMailboxInfo info;
  CfObjectId object;

  KIT_TRY (account != 0 && kit_object_put (kit, scope, octets, &object));
  moved_add (moved, 1, 0,
             kit_op_append_object (moved->owner, "Subject: a\r\n\r\n", octets, object, "x").append);
  moved_add (moved, 2, 0, moved_append (moved, KIT_MESSAGE));
  moved_add (moved, 3, 0, kit_op_append_object (moved->owner, "", octets, object, "").append);
  KIT_TRY (moved_carry_out (kit, moved) && moved_is_there (kit, moved));
  KIT_TRY (kit_content_is (kit, account, moved->contents[2], data, 300000)
           && kit_content_is (kit, account, moved->contents[1], (const guint8 *) KIT_MESSAGE,
                              strlen (KIT_MESSAGE)));
  read = kit_read (kit, account, moved->contents[0], NULL, 0, 0, G_MAXUINT64);
  KIT_TRY (read != NULL);
  KIT_EXPECT (kit,
              read->octets->len == 14 + 300000 + 1 && memcmp (read->octets->data + 14, data, 300000) == 0,
              "a content with an object reads otherwise than it was written");

  moved_add (lost, 1, 0, moved_append (lost, KIT_MESSAGE));
  moved_add (lost, 2, 0, kit_op_append_object (lost->owner, "", octets, object + 1000000, "").append);
  KIT_TRY (kit_failed_with (kit, "naming an object that is not there", moved_try (kit, lost, &error), &error,
                            CF_ERROR_CONTENT_GONE));
  KIT_EXPECT (kit, !kit_mailbox_find (kit, account, "other", &info),
              "a restore that failed left its mailbox behind");
}

static void
check_uid_validity (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountId account = kit_account_new (kit, &name);
  const guint32 future = 4000000000u;
  CfAccountChange change = { .struct_size = sizeof change, .disabled = -1, .last_uid_validity = future };
  g_autoptr (Moved) moved = moved_new (account, 0, "box");
  g_autoptr (GError) error = NULL;
  CfAccountInfo info;
  KitMailbox fresh;
  CfMailboxInfo found;

  KIT_TRY (account != 0);
  KIT_EXPECT (kit, kit->slots->account_update (kit->conn, kit_call (kit), account, &change, &error),
              "account_update failed");
  change.last_uid_validity = 5;
  KIT_EXPECT (kit, kit->slots->account_update (kit->conn, kit_call (kit), account, &change, &error),
              "account_update failed");
  KIT_TRY (kit_account_info (kit, name, &info));
  KIT_EXPECT (kit, info.last_uid_validity == future, "the last UIDVALIDITY is %u, not %u",
              info.last_uid_validity, future);
  moved->info.uid_validity = future + 10;
  KIT_TRY (moved_carry_out (kit, moved) && kit_mailbox_new (kit, account, "next", &fresh));
  KIT_EXPECT (kit, kit_mailbox_find (kit, account, "next", &found) && found.uid_validity > future + 10,
              "a new mailbox has a UIDVALIDITY from before");
}

const KitCheck kit_restore_checks[] = {
  { "restore/exact",
    "Makes a mailbox and messages in it what they were in another store: names, UIDs, UIDVALIDITY, "
    "UIDNEXT, MODSEQs, dates and all else as given. Messages of one call with the same append have one "
    "content. Missing parents are not made.",
    KIT_NEEDS (mailbox_restore), check_exact },
  { "restore/status", "What is counted is what is there.", KIT_NEEDS (mailbox_restore), check_status },
  { "restore/again",
    "A message whose UID is there becomes the one given, messages that are not named stay, and what is "
    "so already may be told again. A difference from below the highest MODSEQ may be told by reset.",
    KIT_NEEDS (mailbox_restore), check_again },
  { "restore/expunged",
    "expunged: what is to go, of what is there. CF_ERROR_CONTENT_GONE: a content that no message of the "
    "account has any more.",
    KIT_NEEDS (mailbox_restore), check_expunged },
  { "restore/all-or-nothing",
    "One durable commit. CF_ERROR_NONEXISTENT: the mailbox with that id. CF_ERROR_ALREADYEXISTS: the "
    "name is another mailbox's, or a UID another message's. CF_ERROR_CONTENT_GONE: a content that no "
    "message of the account has.",
    KIT_NEEDS (mailbox_restore), check_refused },
  { "restore/rename", "A mailbox that is there gets the name and numbers given.", KIT_NEEDS (mailbox_restore),
    check_rename },
  { "restore/objects", "CF_ERROR_CONTENT_GONE: an object that is not there.", KIT_NEEDS (mailbox_restore),
    check_objects },
  { "restore/uid-validity",
    "The account's last UIDVALIDITY rises to the mailbox's; account_update raises it, unless it is higher.",
    KIT_NEEDS (mailbox_restore), check_uid_validity },
  { NULL }
};
