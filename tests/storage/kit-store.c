/* tests/storage/kit-store.c - accounts, mailboxes and content of the store under test. */
#include "kit.h"

#include "mime/mime.h"

#include <string.h>
#include <unistd.h>

/* ---- Accounts and mailboxes ---------------------------------------------------------------------------- */

CfAccountId
kit_account_new (Kit *kit, char **out_name)
{
  static gint last; /* atomic; the process id tells apart runs against one durable store */
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_strdup_printf ("kit-%d-%" G_GINT64_FORMAT "-%d@example.org", (int) getpid (),
                                           g_get_real_time (), g_atomic_int_add (&last, 1));
  CfAccountId id = 0;

  if (!kit->slots->account_create (kit->conn, kit_call (kit), name, &id, &error))
    kit_fail (kit, "account_create failed: %s", error != NULL ? error->message : "without an error");
  else if (id == 0)
    kit_fail (kit, "account_create gave the id 0");
  if (out_name != NULL)
    *out_name = g_steal_pointer (&name);
  return id;
}

typedef struct {
  CfMailboxSink sink;
  const char *wanted;
  gboolean found;
  CfMailboxInfo info;
  GString *names;
} KitTree;

static void
tree_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  KitTree *tree = (KitTree *) sink;

  g_string_append_printf (tree->names, "%s%s", tree->names->len > 0 ? "," : "", info->name);
  if (tree->wanted == NULL || strcmp (info->name, tree->wanted) != 0)
    return;
  tree->found = TRUE;
  tree->info = *info;
  tree->info.name = NULL;
}

gboolean
kit_mailbox_find (Kit *kit, CfAccountId account, const char *name, CfMailboxInfo *out_info)
{
  g_autoptr (GString) names = g_string_new (NULL);
  KitTree tree = { .sink = { sizeof (CfMailboxSink), tree_mailbox }, .wanted = name, .names = names };

  if (!kit->slots->mailbox_list (kit->conn, kit_call (kit), account, &tree.sink, NULL) || !tree.found)
    return FALSE;
  *out_info = tree.info;
  return TRUE;
}

char *
kit_mailbox_names (Kit *kit, CfAccountId account)
{
  KitTree tree = { .sink = { sizeof (CfMailboxSink), tree_mailbox }, .names = g_string_new (NULL) };
  g_autoptr (GError) error = NULL;

  if (!kit->slots->mailbox_list (kit->conn, kit_call (kit), account, &tree.sink, &error))
    kit_fail (kit, "mailbox_list failed: %s", error != NULL ? error->message : "without an error");
  return g_string_free (tree.names, FALSE);
}

gboolean
kit_inbox_new (Kit *kit, KitMailbox *out_mailbox)
{
  CfMailboxInfo info;

  out_mailbox->account = kit_account_new (kit, NULL);
  if (out_mailbox->account == 0)
    return FALSE;
  if (!kit_mailbox_find (kit, out_mailbox->account, "INBOX", &info))
    return kit_fail (kit, "a new account has no INBOX");
  out_mailbox->id = info.id;
  return TRUE;
}

gboolean
kit_mailbox_new (Kit *kit, CfAccountId account, const char *name, KitMailbox *out_mailbox)
{
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  KitTree tree = { .sink = { sizeof (CfMailboxSink), tree_mailbox }, .wanted = name, .names = names };

  if (!kit->slots->mailbox_create (kit->conn, kit_call (kit), account, name, 0, &tree.sink, &error))
    return kit_fail (kit, "mailbox_create \"%.100s\" failed: %s", name,
                     error != NULL ? error->message : "without an error");
  if (!tree.found)
    return kit_fail (kit, "mailbox_create \"%.100s\" told its sink of \"%.200s\"", name, names->str);
  *out_mailbox = (KitMailbox){ account, tree.info.id };
  return TRUE;
}

typedef struct {
  CfAccountSink sink;
  gboolean found;
  CfAccountInfo info;
} KitAccount;

static void
account_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  KitAccount *account = (KitAccount *) sink;

  account->found = TRUE;
  account->info = *info;
  account->info.name = NULL;
}

static void
account_address (CfAccountSink *sink, const char *address)
{
}

static void
account_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

gboolean
kit_account_info (Kit *kit, const char *address, CfAccountInfo *out_info)
{
  KitAccount account
      = { .sink = { sizeof (CfAccountSink), account_account, account_address, account_credential } };
  g_autoptr (GError) error = NULL;

  if (!kit->slots->account_lookup (kit->conn, kit_call (kit), address, &account.sink, &error))
    return kit_fail (kit, "account_lookup failed: %s", error != NULL ? error->message : "without an error");
  if (!account.found)
    return kit_fail (kit, "account_lookup succeeded without an account");
  *out_info = account.info;
  return TRUE;
}

gboolean
kit_collect_all (Kit *kit, guint64 grace)
{
  gboolean more = TRUE;

  for (guint i = 0; more; i++) {
    g_autoptr (GError) error = NULL;
    guint64 freed = 0;

    if (!kit->slots->collect (kit->conn, kit_call (kit), grace, &freed, &more, &error))
      return kit_fail (kit, "collect failed: %s", error != NULL ? error->message : "no error set");
    if (i > 100000)
      return kit_fail (kit, "collect says *out_more for ever");
  }
  return TRUE;
}

/* ---- Content ------------------------------------------------------------------------------------------- */

CfFacts *
kit_facts_new (GBytes *octets)
{
  g_autoptr (CfSource) source = cf_source_new_bytes (octets);
  CfFacts *facts = cf_facts_scan (source, NULL);

  if (facts == NULL)
    g_error ("A buffer could not be scanned");
  return facts;
}

typedef struct {
  CfReadSink sink;
  KitRead *read;
  const char *disorder;
} KitReadSink;

static void
read_missing (CfReadSink *sink, guint i)
{
  ((KitReadSink *) sink)->read->missing = TRUE;
}

static void
read_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  KitReadSink *own = (KitReadSink *) sink;

  if (own->read->has_area || own->read->octets->len > 0)
    own->disorder = "facts after area or octets";
  g_clear_pointer (&own->read->facts, g_bytes_unref);
  own->read->facts = g_bytes_ref (encoded);
}

static void
read_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
  KitReadSink *own = (KitReadSink *) sink;

  if (own->read->octets->len > 0)
    own->disorder = "area after octets";
  own->read->has_area = TRUE;
  own->read->area_offset = offset;
  own->read->area_length = length;
}

static void
read_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_byte_array_append (((KitReadSink *) sink)->read->octets, data, length);
}

void
kit_read_free (KitRead *read)
{
  if (read == NULL)
    return;
  g_clear_pointer (&read->facts, g_bytes_unref);
  g_byte_array_unref (read->octets);
  g_free (read);
}

KitRead *
kit_read (Kit *kit, CfAccountId account, CfContentId content, const char *path, CfSectionKind section,
          guint64 offset, guint64 length)
{
  CfReadRequest request = {
    .struct_size = sizeof request,
    .content = content,
    .want_facts = TRUE,
    .path = path,
    .section = section,
    .offset = offset,
    .length = length,
  };
  const CfReadRequest *requests[] = { &request };
  g_autoptr (KitRead) read = g_new0 (KitRead, 1);
  KitReadSink own = { .sink = { sizeof (CfReadSink), read_missing, read_facts, read_area, read_octets } };
  g_autoptr (GError) error = NULL;

  read->octets = g_byte_array_new ();
  own.read = read;
  if (!kit->slots->read (kit->conn, kit_call (kit), account, 1, requests, &own.sink, &error)) {
    kit_fail (kit, "read failed: %s", error != NULL ? error->message : "without an error");
    return NULL;
  }
  if (own.disorder != NULL) {
    kit_fail (kit, "read breaks the order \"missing, or [facts] [area] octets*\": %s", own.disorder);
    return NULL;
  }
  return g_steal_pointer (&read);
}

gboolean
kit_content_is (Kit *kit, CfAccountId account, CfContentId content, const guint8 *octets, gsize length)
{
  g_autoptr (KitRead) read = kit_read (kit, account, content, NULL, 0, 0, G_MAXUINT64);

  if (read == NULL)
    return FALSE;
  if (read->missing)
    return kit_fail (kit, "the content is missing");
  if (read->octets->len != length)
    return kit_fail (kit, "%" G_GSIZE_FORMAT " octets were appended, %u came back", length,
                     read->octets->len);
  for (gsize i = 0; i < length; i++)
    if (read->octets->data[i] != octets[i])
      return kit_fail (kit,
                       "octet %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " was 0x%02x and came back as 0x%02x",
                       i, length, octets[i], read->octets->data[i]);
  return TRUE;
}

GBytes *
kit_noise (gsize length, guint32 seed)
{
  guint8 *octets = g_malloc (length);
  guint32 state = seed * 2654435761u + 1;

  for (gsize i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    octets[i] = (guint8) (state >> 24);
  }
  return g_bytes_new_take (octets, length);
}
