/* tests/storage/check-upkeep.c - collect, check, restored, watch. */
#include "objects.h"

#include <string.h>

/* One message inline, one with an object where the store has them; both copied, the originals expunged. */
static void
check_keeps_used (Kit *kit)
{
  KitMailbox inbox, other;
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GBytes) octets = kit_noise (100000, 21);
  g_autofree char *scope = NULL;
  guint n = 1;
  CfObjectId object;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other));
  scope = kit_scope (inbox.account);
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op);
  if (kit->slots->object_put != NULL) {
    KIT_TRY (kit_object_put (kit, scope, octets, &object));
    op = kit_op_append_object (batch, "", octets, object, "");
    kit_batch_add (batch, &op);
    n = 2;
  }
  KIT_TRY (kit_commit (kit, batch) && kit_copy (kit, &inbox, "1:2", &other)
           && kit_expunge (kit, &inbox, "1:2"));
  KIT_TRY (kit_collect_all (kit, 0));
  index = kit_load (kit, &other, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == n, "%u of %u copies are there", index->rows->len, n);
  KIT_TRY (kit_content_is (kit, inbox.account, kit_index_find (index, 1)->content,
                           (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
  if (n == 2)
    KIT_TRY (kit_content_is (kit, inbox.account, kit_index_find (index, 2)->content,
                             g_bytes_get_data (octets, NULL), 100000));
}

static void
check_frees (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (KitRead) kept = NULL;
  g_autoptr (KitRead) gone = NULL;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL && kit_expunge (kit, &inbox, "1"));
  content = g_array_index (index->rows, CfIndexRow, 0).content;
  KIT_TRY (kit_collect_all (kit, 3600));
  kept = kit_read (kit, inbox.account, content, NULL, 0, 0, G_MAXUINT64);
  KIT_TRY (kept != NULL);
  KIT_EXPECT (kit, !kept->missing, "content expunged just now was collected with an hour's grace");
  KIT_TRY (kit_collect_all (kit, 0));
  gone = kit_read (kit, inbox.account, content, NULL, 0, 0, G_MAXUINT64);
  KIT_TRY (gone != NULL);
  KIT_EXPECT (kit, gone->missing, "content that nothing refers to outlives collect with grace 0");
}

static void
check_object_grace (Kit *kit)
{
  KitMailbox inbox;
  g_autoptr (GBytes) octets = kit_noise (50000, 22);
  g_autofree char *scope = NULL;
  g_autoptr (KitBatch) kept = NULL;
  g_autoptr (KitBatch) gone = NULL;
  CfObjectId object;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  scope = kit_scope (inbox.account);
  KIT_TRY (kit_object_put (kit, scope, octets, &object) && kit_collect_all (kit, 3600));
  kept = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append_object (kept, "A: b\r\n\r\n", octets, object, "");
  kit_batch_add (kept, &op);
  KIT_TRY (kit_commit (kit, kept) && kit_expunge (kit, &inbox, "1") && kit_collect_all (kit, 0)
           && kit_collect_all (kit, 0));
  gone = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append_object (gone, "A: b\r\n\r\n", octets, object, "");
  kit_batch_add (gone, &op);
  KIT_TRY (kit_commit_any (kit, gone) && kit_op_failed_with (kit, gone, 0, CF_ERROR_CONTENT_GONE));
}

/* Puts @octets as an object and lets it be collected; 0: said. */
static CfObjectId
put_and_collect (Kit *kit, const char *scope, GBytes *octets)
{
  CfObjectId id = 0;

  /* The first round takes its name, another the object itself, where a store does it so. */
  if (!kit_object_put (kit, scope, octets, &id) || !kit_collect_all (kit, 0) || !kit_collect_all (kit, 0))
    return 0;
  return id;
}

static void
check_ids (Kit *kit)
{
  KitMailbox inbox;
  CfContentId contents[4];
  CfObjectId objects[4];
  g_autofree char *scope = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  scope = kit_scope (inbox.account);
  for (guint i = 0; i < G_N_ELEMENTS (contents); i++) {
    g_autoptr (KitIndex) index = NULL;
    g_autoptr (GBytes) octets = kit_noise (5000, 40 + i);

    KIT_TRY (kit_append (kit, &inbox, KIT_MESSAGE, 0) != 0);
    index = kit_load (kit, &inbox, 0);
    KIT_TRY (index != NULL);
    KIT_EXPECT (kit, index->rows->len == 1, "%u messages instead of 1", index->rows->len);
    contents[i] = g_array_index (index->rows, CfIndexRow, 0).content;
    KIT_TRY (kit_expunge (kit, &inbox, "1:1000") && kit_collect_all (kit, 0));
    objects[i] = kit->slots->object_put != NULL ? put_and_collect (kit, scope, octets) : i + 1;
    KIT_TRY (objects[i] != 0);
    for (guint j = 0; j < i; j++)
      KIT_EXPECT (kit, contents[j] != contents[i] && objects[j] != objects[i],
                  "content ids %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT ", object ids %" G_GUINT64_FORMAT
                  " and %" G_GUINT64_FORMAT ": one is used again",
                  contents[j], contents[i], objects[j], objects[i]);
  }
}

typedef struct {
  guint n;
  char *first;
} Findings;

static void
note (const char *text, gpointer user_data)
{
  Findings *findings = user_data;

  if (findings->n++ == 0)
    findings->first = g_strdup (text);
}

static gboolean
go_on (guint64 done, guint64 total, gpointer user_data)
{
  return TRUE;
}

static void
check_check (Kit *kit)
{
  Findings findings = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL;
  gboolean ok = kit->slots->check (kit->conn, kit_call (kit), note, go_on, &findings, &error);

  first = findings.first;
  KIT_EXPECT (kit, ok, "check failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, findings.n == 0, "%u findings after the checks so far; the first: %s", findings.n, first);
}

static void
check_check_account (Kit *kit)
{
  Findings findings = { 0 };
  g_autoptr (GError) error = NULL;
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_append_many (kit, &inbox, 3));
  KIT_EXPECT (
      kit,
      kit->slots->check_account (kit->conn, kit_call (kit), inbox.account, note, go_on, &findings, &error),
      "check_account failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, findings.n == 0, "%u findings; the first: %s", findings.n, findings.first);
  g_free (findings.first);
}

static void
check_restored (Kit *kit)
{
  KitMailbox inbox, other;
  CfMailboxInfo a, b, a2, b2;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;
  g_autoptr (GError) error = NULL;
  CfContentId last, next;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_append_many (kit, &inbox, 1));
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL);
  KIT_EXPECT (kit,
              kit_mailbox_find (kit, inbox.account, "INBOX", &a)
                  && kit_mailbox_find (kit, inbox.account, "other", &b),
              "mailboxes are not listed");
  KIT_EXPECT (kit, kit->slots->restored (kit->conn, kit_call (kit), &error), "restored failed: %s",
              error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit,
              kit_mailbox_find (kit, inbox.account, "INBOX", &a2)
                  && kit_mailbox_find (kit, inbox.account, "other", &b2),
              "mailboxes are not listed");
  KIT_EXPECT (kit, MIN (a2.uid_validity, b2.uid_validity) > MAX (a.uid_validity, b.uid_validity),
              "UIDVALIDITY was %u and %u, and is %u and %u", a.uid_validity, b.uid_validity, a2.uid_validity,
              b2.uid_validity);
  KIT_TRY (kit_append_many (kit, &inbox, 1));
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  last = kit_index_find (before, 1)->content;
  next = kit_index_find (after, 2)->content;
  KIT_EXPECT (kit, next > last + 1000,
              "content %" G_GUINT64_FORMAT " follows on %" G_GUINT64_FORMAT
              ": it may have been given out since",
              next, last);
}

static void
check_probe (Kit *kit)
{
  g_autoptr (GError) error = NULL;

  KIT_EXPECT (kit, kit->slots->probe (kit->conn, kit_call (kit), &error), "probe of an open store failed: %s",
              error != NULL ? error->message : "no error set");
}

static void
check_schema (Kit *kit)
{
  g_autoptr (GError) error = NULL;
  guint current = 0, wanted = 0;

  KIT_EXPECT (kit, kit->slots->schema_version (kit->store, &current, &wanted, &error),
              "schema_version failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, current == wanted && wanted > 0, "a new store has schema %u, the plugin wants %u", current,
              wanted);
}

static void
ignore_change (CfAccountId account, CfMailboxId mailbox, guint64 modseq, gpointer user_data)
{
}

static void
check_watch (Kit *kit)
{
  g_autoptr (GError) error = NULL;

  KIT_EXPECT (kit, kit->slots->unwatch != NULL, "there is watch without unwatch");
  KIT_EXPECT (kit, kit->slots->watch (kit->store, ignore_change, NULL, &error), "watch failed: %s",
              error != NULL ? error->message : "no error set");
  kit->slots->unwatch (kit->store);
}

/* What is there afterwards the contract does not say; nothing else may have changed. */
static void
check_note_logins (Kit *kit)
{
  g_autofree char *name = NULL;
  CfAccountId account = kit_account_new (kit, &name);
  const CfLoginRecord known = { .struct_size = sizeof known,
                                .at = 1700000000,
                                .outcome = CF_LOGIN_OK,
                                .account = account,
                                .name = name,
                                .remote = "192.0.2.1",
                                .mechanism = "SCRAM-SHA-256",
                                .actor = "a server" },
                      unknown = { .struct_size = sizeof unknown,
                                  .at = 1700000001,
                                  .outcome = CF_LOGIN_FAILED,
                                  .name = "",
                                  .remote = "2001:db8::1",
                                  .mechanism = "LOGIN" },
                      refused = { .struct_size = sizeof refused,
                                  .at = 1700000002,
                                  .outcome = CF_LOGIN_REFUSED,
                                  .name = "jos\xc3\xa9 '\"\\{}, NULL",
                                  .remote = "unix",
                                  .mechanism = "PLAIN",
                                  .reason = "too many" };
  const CfLoginRecord *records[1000];
  g_autoptr (GError) error = NULL;

  KIT_TRY (account != 0);
  for (guint i = 0; i < G_N_ELEMENTS (records); i++)
    records[i] = i % 3 == 0 ? &known : i % 3 == 1 ? &unknown : &refused;
  KIT_EXPECT (kit, kit->slots->note_logins (kit->conn, kit_call (kit), 1, records + 1, &error),
              "note_logins of a login of nobody failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit,
              kit->slots->note_logins (kit->conn, kit_call (kit), G_N_ELEMENTS (records), records, &error),
              "note_logins of %u failed: %s", (guint) G_N_ELEMENTS (records),
              error != NULL ? error->message : "no error set");
}

const KitCheck kit_upkeep_checks[]
    = { { "upkeep/probe", "Is the store there again?", KIT_NEEDS (probe), check_probe },
        { "upkeep/schema", "The schema's number, and the number this plugin wants.",
          KIT_NEEDS (schema_version), check_schema },
        { "upkeep/collect-keeps-what-is-used", "Frees content and objects that nothing refers to.",
          KIT_NEEDS (collect), check_keeps_used },
        { "upkeep/collect-grace",
          "nothing has touched for @grace seconds; content stays readable until collect takes it.",
          KIT_NEEDS (collect), check_frees },
        { "upkeep/collect-objects",
          "An object that is there already is touched, so that collect leaves it for the grace "
          "period.",
          KIT_NEEDS (collect), check_object_grace },
        { "upkeep/ids-never-reused", "CfContentId, CfObjectId: never reused.", KIT_NEEDS (collect),
          check_ids },
        { "upkeep/watch", "Tell @func of what other processes change, until unwatch.", KIT_NEEDS (watch),
          check_watch },
        { "upkeep/check-finds-nothing", "Verifies invariants and content hashes; @finding for each fault.",
          KIT_NEEDS (check), check_check },
        { "upkeep/check-account-finds-nothing", "As check, of one account", KIT_NEEDS (check_account),
          check_check_account },
        { "upkeep/note-logins", "Notes logins and failed ones for whoever asks later.",
          KIT_NEEDS (note_logins), check_note_logins },
        { "upkeep/restored",
          "gives every mailbox a new UIDVALIDITY, and skips the ids that may have been given out since.",
          KIT_NEEDS (restored), check_restored },
        { NULL } };
