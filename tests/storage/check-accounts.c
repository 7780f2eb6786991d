/* tests/storage/check-accounts.c - accounts, addresses and credentials. */
#include "kit.h"

#include <string.h>

/* Everything a sink was told, as lines of text. */
typedef struct {
  CfAccountSink sink;
  GString *text;
  CfAccountInfo info;
  CfAccountId last;
  gboolean descending;
} Told;

static void
told_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  Told *told = (Told *) sink;

  told->descending |= info->id <= told->last;
  told->last = info->id;
  told->info = *info;
  g_string_append_printf (told->text, "account %s %s\n", info->name, info->disabled ? "disabled" : "enabled");
}

static void
told_address (CfAccountSink *sink, const char *address)
{
  g_string_append_printf (((Told *) sink)->text, "address %s\n", address);
}

static void
told_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
  g_string_append_printf (((Told *) sink)->text, "credential %s %u octets\n", kind,
                          (guint) g_bytes_get_size (value));
}

static void
told_init (Told *told, GString *text)
{
  *told = (Told){ .sink = { sizeof (CfAccountSink), told_account, told_address, told_credential },
                  .text = text };
}

/* What account_lookup says of @address; NULL: said. */
static GString *
look_up (Kit *kit, const char *address, Told *told)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  told_init (told, text);
  if (!kit->slots->account_lookup (kit->conn, kit_call (kit), address, &told->sink, &error)) {
    kit_fail (kit, "account_lookup of %s failed: %s", address,
              error != NULL ? error->message : "no error set");
    return NULL;
  }
  return g_steal_pointer (&text);
}

static gboolean
says (Kit *kit, const GString *text, const char *line, gboolean wanted)
{
  if ((strstr (text->str, line) != NULL) != wanted)
    return kit_fail (kit, "account_lookup %s \"%s\"", wanted ? "does not tell" : "still tells", line);
  return TRUE;
}

static void
check_create (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountId id = kit_account_new (kit, &name), again = 4711;
  g_autoptr (GString) text = NULL;
  g_autofree char *mailboxes = NULL;
  g_autofree char *line = g_strdup_printf ("address %s\n", name);
  g_autoptr (GError) error = NULL;
  gboolean ok;
  Told told;

  KIT_TRY (id != 0);
  text = look_up (kit, name, &told);
  KIT_TRY (text != NULL && says (kit, text, line, TRUE));
  KIT_EXPECT (kit, told.info.id == id, "account_lookup gives another id than account_create");
  KIT_EXPECT (kit, told.info.octets == 0 && told.info.messages == 0, "a new account uses space already");
  mailboxes = kit_mailbox_names (kit, id);
  KIT_EXPECT (kit, g_str_equal (mailboxes, "INBOX"), "the mailboxes of a new account are \"%s\"", mailboxes);

  ok = kit->slots->account_create (kit->conn, kit_call (kit), name, &again, &error);
  KIT_TRY (
      kit_failed_with (kit, "account_create of a name that is taken", ok, &error, CF_ERROR_ALREADYEXISTS));
  KIT_EXPECT (kit, again == 4711, "account_create failed, but wrote to out_id");
}

static void
check_lookup_nonexistent (Kit *kit)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autofree char *name = NULL;
  g_autofree char *upper = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;
  Told told;

  told_init (&told, text);
  ok = kit->slots->account_lookup (kit->conn, kit_call (kit), "nobody@nowhere.example", &told.sink, &error);
  KIT_TRY (kit_failed_with (kit, "account_lookup of an unknown address", ok, &error, CF_ERROR_NONEXISTENT));
  KIT_TRY (kit_account_new (kit, &name) != 0);
  upper = g_ascii_strup (name, -1);
  ok = kit->slots->account_lookup (kit->conn, kit_call (kit), upper, &told.sink, &error);
  KIT_TRY (kit_failed_with (kit, "account_lookup in other case", ok, &error, CF_ERROR_NONEXISTENT));
}

static void
check_unknown_account (Kit *kit)
{
  const CfAccountId nobody = G_GUINT64_CONSTANT (0x7ffffffffff);
  KitMailbox mailbox = { nobody, 1 };
  g_autoptr (KitBatch) batch = kit_batch_new (&mailbox, NULL, 0, 0, G_MAXUINT64);
  g_autoptr (KitIndex) index = kit_index_new ();
  CfIndexQuery query = { .struct_size = sizeof query, .account = nobody, .name = "INBOX" };
  CfWriteOp op = kit_op_append (batch, KIT_MESSAGE, -1);
  g_autoptr (GError) error = NULL;
  gboolean ok;

  kit_batch_add (batch, &op);
  ok = kit->slots->commit (kit->conn, kit_call (kit), batch->batch, &error);
  KIT_TRY (kit_failed_with (kit, "commit for an unknown account", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error);
  KIT_TRY (kit_failed_with (kit, "index_load for an unknown account", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->mailbox_rename (kit->conn, kit_call (kit), nobody, "a", "b", &error);
  KIT_TRY (kit_failed_with (kit, "mailbox_rename for an unknown account", ok, &error, CF_ERROR_NONEXISTENT));
}

static gboolean
update (Kit *kit, CfAccountId id, CfAccountChange change)
{
  g_autoptr (GError) error = NULL;

  change.struct_size = sizeof change;
  if (!kit->slots->account_update (kit->conn, kit_call (kit), id, &change, &error))
    return kit_fail (kit, "account_update failed: %s", error != NULL ? error->message : "no error set");
  return TRUE;
}

static void
check_update (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountId id = kit_account_new (kit, &name);
  g_autofree char *alias = g_strconcat ("alias-", name, NULL);
  g_autofree char *line = g_strdup_printf ("address %s\n", alias);
  g_autoptr (GBytes) secret = kit_noise (70, 1);
  g_autoptr (GBytes) secret2 = kit_noise (80, 2);
  g_autoptr (GString) first = NULL;
  g_autoptr (GString) second = NULL;
  g_autoptr (GString) third = NULL;
  Told told;

  KIT_TRY (id != 0);
  KIT_TRY (update (
      kit, id,
      (CfAccountChange){
          .disabled = 1, .add_address = alias, .credential_kind = "scram-sha-256", .credential = secret }));
  first = look_up (kit, alias, &told);
  KIT_TRY (first != NULL && says (kit, first, "disabled", TRUE) && says (kit, first, line, TRUE)
           && says (kit, first, "credential scram-sha-256 70 octets", TRUE));
  KIT_TRY (update (
      kit, id,
      (CfAccountChange){ .disabled = -1, .credential_kind = "scram-sha-256", .credential = secret2 }));
  second = look_up (kit, name, &told);
  KIT_TRY (second != NULL && says (kit, second, "disabled", TRUE)
           && says (kit, second, "credential scram-sha-256 80 octets", TRUE)
           && says (kit, second, "70 octets", FALSE));
  KIT_TRY (update (
      kit, id,
      (CfAccountChange){ .disabled = 0, .remove_address = alias, .credential_kind = "scram-sha-256" }));
  third = look_up (kit, name, &told);
  KIT_TRY (third != NULL && says (kit, third, "enabled", TRUE) && says (kit, third, line, FALSE)
           && says (kit, third, "credential", FALSE));
}

static void
check_update_atomic (Kit *kit)
{
  g_autofree char *name = NULL;
  g_autofree char *other = NULL;
  CfAccountId id = kit_account_new (kit, &name), other_id = kit_account_new (kit, &other);
  g_autoptr (GString) text = NULL;
  CfAccountChange taken = { .struct_size = sizeof taken, .disabled = 1, .add_address = other };
  CfAccountChange foreign = {
    .struct_size = sizeof foreign, .disabled = 1, .add_address = "never@kit.example", .remove_address = other
  };
  g_autoptr (GError) error = NULL;
  gboolean ok;
  Told told;

  KIT_TRY (id != 0 && other_id != 0);
  ok = kit->slots->account_update (kit->conn, kit_call (kit), id, &taken, &error);
  KIT_TRY (kit_failed_with (kit, "adding another account's address", ok, &error, CF_ERROR_ALREADYEXISTS));
  ok = kit->slots->account_update (kit->conn, kit_call (kit), id, &foreign, &error);
  KIT_TRY (kit_failed_with (kit, "removing another account's address", ok, &error, CF_ERROR_NONEXISTENT));
  text = look_up (kit, name, &told);
  KIT_TRY (text != NULL && says (kit, text, "disabled", FALSE)
           && says (kit, text, "never@kit.example", FALSE));
}

static void
check_list (Kit *kit)
{
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  Told told;

  KIT_TRY (kit_account_new (kit, &a) != 0 && kit_account_new (kit, &b) != 0);
  told_init (&told, text);
  KIT_EXPECT (kit, kit->slots->account_list (kit->conn, kit_call (kit), &told.sink, &error),
              "account_list failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, !told.descending, "accounts are not listed in order of id");
  KIT_EXPECT (kit, strstr (text->str, a) != NULL && strstr (text->str, b) != NULL,
              "a new account is not listed");
  KIT_EXPECT (kit, strstr (text->str, "credential") == NULL, "account_list tells credentials");
}

static void
check_usage (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountInfo info;
  KitMailbox inbox = { kit_account_new (kit, &name), 0 }, other;
  CfMailboxInfo mailbox;
  const guint size = strlen (KIT_MESSAGE);

  KIT_TRY (inbox.account != 0 && kit_mailbox_find (kit, inbox.account, "INBOX", &mailbox));
  inbox.id = mailbox.id;
  KIT_TRY (kit_mailbox_new (kit, inbox.account, "other", &other));
  KIT_TRY (kit_append_many (kit, &inbox, 3) && kit_copy (kit, &inbox, "1:2", &other));
  KIT_TRY (kit_account_info (kit, name, &info));
  KIT_EXPECT (kit, info.messages == 5 && info.octets == 5 * size,
              "3 messages of %u octets and copies of 2: %u messages, %u octets", size, (guint) info.messages,
              (guint) info.octets);
  KIT_TRY (kit_expunge (kit, &inbox, "1:2") && kit_account_info (kit, name, &info));
  KIT_EXPECT (kit, info.messages == 3 && info.octets == 3 * size,
              "after expunging 2 of 5: %u messages, %u octets", (guint) info.messages, (guint) info.octets);
}

static void
check_delete (Kit *kit)
{
  g_autofree char *name = NULL;
  KitMailbox inbox = { kit_account_new (kit, &name), 0 };
  CfAccountId again = 0;
  CfMailboxInfo info;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  KitMailbox fresh;
  gboolean ok;
  Told told;

  KIT_TRY (inbox.account != 0 && kit_mailbox_find (kit, inbox.account, "INBOX", &info));
  inbox.id = info.id;
  KIT_TRY (kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, kit->slots->account_delete (kit->conn, kit_call (kit), inbox.account, &error),
              "account_delete failed: %s", error != NULL ? error->message : "no error set");

  told_init (&told, text);
  ok = kit->slots->account_lookup (kit->conn, kit_call (kit), name, &told.sink, &error);
  KIT_TRY (kit_failed_with (kit, "account_lookup of a deleted account", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->account_delete (kit->conn, kit_call (kit), inbox.account, &error);
  KIT_TRY (kit_failed_with (kit, "deleting an account twice", ok, &error, CF_ERROR_NONEXISTENT));
  KIT_EXPECT (kit, !kit_mailbox_find (kit, inbox.account, "INBOX", &info), "its INBOX is still listed");

  KIT_EXPECT (kit, kit->slots->account_create (kit->conn, kit_call (kit), name, &again, &error),
              "the name of a deleted account cannot be used again: %s", error != NULL ? error->message : "");
  KIT_EXPECT (kit, again != inbox.account, "the id of a deleted account was given out again");
  KIT_EXPECT (kit, kit_mailbox_find (kit, again, "INBOX", &info), "the new account has no INBOX");
  fresh = (KitMailbox){ again, info.id };
  {
    g_autoptr (KitIndex) empty = kit_load (kit, &fresh, 0);
    g_autoptr (KitRead) read = NULL;

    KIT_TRY (empty != NULL);
    KIT_EXPECT (kit, empty->rows->len == 0, "the new account has the old one's messages");
    read = kit_read (kit, again, g_array_index (index->rows, CfIndexRow, 0).content, NULL, 0, 0, G_MAXUINT64);
    KIT_TRY (read != NULL);
    KIT_EXPECT (kit, read->missing, "the new account reads the old one's content");
  }
}

const KitCheck kit_account_checks[]
    = { { "account/create",
          "Creates an account with @name as its first address, and its INBOX. CF_ERROR_ALREADYEXISTS "
          "when @name is an address of any account. Outputs are untouched when the slot fails.",
          0, check_create },
        { "account/not-there",
          "Addresses compare octet by octet. CF_ERROR_NONEXISTENT means \"not there\": the store "
          "looked, and knows. Never answer UNAVAILABLE for it.",
          0, check_lookup_nonexistent },
        { "account/unknown-id", "CF_ERROR_NONEXISTENT means \"not there\", in every slot.", 0,
          check_unknown_account },
        { "account/usage",
          "octets: what its placements present, a message in two mailboxes twice; messages: placements.", 0,
          check_usage },
        { "account/update", "NULL or 0 fields change nothing; a credential is set, replaced or removed.",
          KIT_NEEDS (account_update), check_update },
        { "account/update-all-or-nothing", "Changes an account; all of @change or nothing.",
          KIT_NEEDS (account_update), check_update_atomic },
        { "account/list", "Every account in order of id with its addresses, without credentials.",
          KIT_NEEDS (account_list), check_list },
        { "account/delete-leaves-nothing",
          "Removes the account and all that is its own. Nothing is left behind when it "
          "returns. Account ids are never reused.",
          KIT_NEEDS (account_delete), check_delete },
        { NULL } };
