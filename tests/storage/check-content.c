/* tests/storage/check-content.c - octets come back as they were appended, whole, by range and by part. */
#include "kit.h"

#include <string.h>

/* Appends @octets and gives their content id; 0: said. */
static CfContentId
append_octets (Kit *kit, const KitMailbox *mailbox, GBytes *octets)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);
  CfWriteOp op = kit_op_append (batch, g_bytes_get_data (octets, NULL), g_bytes_get_size (octets));
  g_autoptr (KitIndex) index = NULL;
  const CfIndexRow *row;

  kit_batch_add (batch, &op);
  if (!kit_commit (kit, batch))
    return 0;
  index = kit_load (kit, mailbox, 0);
  if (index == NULL)
    return 0;
  row = kit_index_find (index, kit_batch_result (batch, 0)->uid);
  if (row == NULL)
    kit_fail (kit, "UID %u was appended and is not in the index", kit_batch_result (batch, 0)->uid);
  return row != NULL ? row->content : 0;
}

static void
check_exact (Kit *kit)
{
  static const struct {
    const char *octets;
    gsize length;
  } texts[] = {
#define TEXT(text) { text, sizeof (text) - 1 }
    TEXT (""),
    TEXT ("x"),
    TEXT ("\0"),
    TEXT ("\r"),
    TEXT ("\n\n"),
    TEXT ("A: b\r\n\r\n"),
    TEXT ("A: b\n\nbare\rcr and\nlf\r\r\n"),
    TEXT ("A: \xff\xfe\x80\r\n\r\n\0nul\0\0end\0"),
    TEXT ("A: b\r\n\r\n'; DROP TABLE message; -- %s \\ \\\\ \\x41 \\000"),
#undef TEXT
  };
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GBytes) octets = g_bytes_new (texts[i].octets, texts[i].length);
    CfContentId content = append_octets (kit, &inbox, octets);

    KIT_TRY (
        content != 0
        && kit_content_is (kit, inbox.account, content, g_bytes_get_data (octets, NULL), texts[i].length));
  }
}

static void
check_large (Kit *kit)
{
  static const gsize lengths[] = { 4095, 4096, 65536, 262143, 262144, 262145, 5 * 1024 * 1024 };
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (GBytes) octets = kit_noise (lengths[i], i);
    CfContentId content = append_octets (kit, &inbox, octets);

    KIT_TRY (content != 0
             && kit_content_is (kit, inbox.account, content, g_bytes_get_data (octets, NULL), lengths[i]));
  }
}

static void
check_ranges (Kit *kit)
{
  enum { LENGTH = 600000 };
  static const struct {
    guint64 offset, length, due;
  } ranges[] = {
    { 0, 1, 1 },
    { LENGTH - 1, 1, 1 },
    { LENGTH - 1, 2, 1 },
    { LENGTH, 1, 0 },
    { LENGTH + 1, 1, 0 },
    { 0, 0, 0 },
    { 7, 0, 0 },
    { 1, 10, 10 },
    { 0, LENGTH, LENGTH },
    { 1, LENGTH, LENGTH - 1 },
    { 0, G_MAXUINT64, LENGTH },
    { 5, G_MAXUINT64, LENGTH - 5 },
    { G_MAXUINT64, 5, 0 },
    { G_MAXUINT64, G_MAXUINT64, 0 },
    { 262143, 2, 2 },
    { 262144, 1, 1 },
    { 262143, 262146, 262146 },
    { 65535, 65537, 65537 },
  };
  g_autoptr (GBytes) octets = kit_noise (LENGTH, 99);
  const guint8 *data = g_bytes_get_data (octets, NULL);
  KitMailbox inbox;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0);
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++) {
    g_autoptr (KitRead) read
        = kit_read (kit, inbox.account, content, NULL, 0, ranges[i].offset, ranges[i].length);

    KIT_TRY (read != NULL);
    KIT_EXPECT (kit, !read->missing && read->octets->len == ranges[i].due,
                "offset %" G_GUINT64_FORMAT ", length %" G_GUINT64_FORMAT
                " of %u octets: %u octets came, %u were due",
                ranges[i].offset, ranges[i].length, LENGTH, read->octets->len, (guint) ranges[i].due);
    KIT_EXPECT (
        kit, ranges[i].due == 0 || memcmp (read->octets->data, data + ranges[i].offset, ranges[i].due) == 0,
        "offset %" G_GUINT64_FORMAT ", length %" G_GUINT64_FORMAT ": other octets came", ranges[i].offset,
        ranges[i].length);
  }
}

static void
check_parts (Kit *kit)
{
  static const char text[] = "Subject: parts\r\n"
                             "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                             "--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
                             "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner body\r\n"
                             "--b--\r\n";
  static const struct {
    const char *path;
    CfSectionKind section;
    guint64 offset, length;
    const char *due; /* NULL: no such section */
  } parts[] = {
    { "1", CF_SECTION_ALL, 0, G_MAXUINT64, "first part" },
    { "1", CF_SECTION_ALL, 6, 100, "part" },
    { "1", CF_SECTION_ALL, 0, 5, "first" },
    { "1", CF_SECTION_ALL, 10, 5, "" },
    { "1", CF_SECTION_ALL, 11, 5, "" },
    { "1", CF_SECTION_MIME, 0, G_MAXUINT64, "Content-Type: text/plain\r\n\r\n" },
    { "2", CF_SECTION_HEADER, 0, G_MAXUINT64, "Subject: inner\r\n\r\n" },
    { "2", CF_SECTION_TEXT, 0, G_MAXUINT64, "inner body" },
    { "", CF_SECTION_HEADER, 0, 16, "Subject: parts\r\n" },
    { "3", CF_SECTION_ALL, 0, G_MAXUINT64, NULL },
    { "1.1.1", CF_SECTION_ALL, 0, 1, NULL },
  };
  g_autoptr (GBytes) octets = g_bytes_new_static (text, sizeof text - 1);
  KitMailbox inbox;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    g_autoptr (KitRead) read = kit_read (kit, inbox.account, content, parts[i].path, parts[i].section,
                                         parts[i].offset, parts[i].length);
    const char *due = parts[i].due != NULL ? parts[i].due : "";

    KIT_TRY (read != NULL);
    KIT_EXPECT (kit, read->has_area, "part \"%s\": no area was given", parts[i].path);
    KIT_EXPECT (kit, parts[i].due != NULL || (read->area_offset == 0 && read->area_length == 0),
                "part \"%s\" does not exist, and has an area", parts[i].path);
    KIT_EXPECT (kit,
                read->octets->len == strlen (due)
                    && (*due == '\0' || memcmp (read->octets->data, due, strlen (due)) == 0),
                "part \"%s\" from %u, %u octets: got \"%.*s\", \"%s\" was due", parts[i].path,
                (guint) parts[i].offset, (guint) parts[i].length, (int) read->octets->len,
                (const char *) read->octets->data, due);
  }
}

static void
check_facts (Kit *kit)
{
  g_autoptr (GBytes) octets = g_bytes_new_static (KIT_MESSAGE, strlen (KIT_MESSAGE));
  g_autoptr (CfFacts) facts = kit_facts_new (octets);
  g_autoptr (KitRead) read = NULL;
  KitMailbox inbox;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0);
  read = kit_read (kit, inbox.account, content, NULL, 0, 0, 0);
  KIT_TRY (read != NULL);
  KIT_EXPECT (kit, read->facts != NULL && g_bytes_equal (read->facts, cf_facts_get_encoded (facts)),
              "the encoded facts did not come back unchanged");
  KIT_EXPECT (kit, read->octets->len == 0, "length 0 gave %u octets", read->octets->len);
}

static gboolean
update_facts (Kit *kit, CfAccountId account, CfContentId content, CfFacts *facts)
{
  g_autoptr (GError) error = NULL;

  return kit->slots->facts_update (kit->conn, kit_call (kit), account, content, facts, &error)
         || kit_fail (kit, "facts_update failed: %s", error != NULL ? error->message : "no error set");
}

static void
check_facts_update (Kit *kit)
{
  static const char other_text[] = "Subject: another one\r\nX: y\r\n\r\nbody\r\n";
  g_autoptr (GBytes) octets = g_bytes_new_static (KIT_MESSAGE, strlen (KIT_MESSAGE));
  g_autoptr (GBytes) other_octets = g_bytes_new_static (other_text, strlen (other_text));
  g_autoptr (CfFacts) other = kit_facts_new (other_octets);
  g_autoptr (KitRead) read = NULL;
  g_autoptr (GError) error = NULL;
  KitMailbox inbox, stranger;
  CfContentId content;
  gboolean ok;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_inbox_new (kit, &stranger));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0 && update_facts (kit, inbox.account, content, other));
  read = kit_read (kit, inbox.account, content, NULL, 0, 0, G_MAXUINT64);
  KIT_TRY (read != NULL);
  KIT_EXPECT (kit, read->facts != NULL && g_bytes_equal (read->facts, cf_facts_get_encoded (other)),
              "the facts given last did not come back");
  KIT_TRY (kit_content_is (kit, inbox.account, content, (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));

  ok = kit->slots->facts_update (kit->conn, kit_call (kit), stranger.account, content, other, &error);
  KIT_TRY (
      kit_failed_with (kit, "facts_update of another account's content", ok, &error, CF_ERROR_NONEXISTENT));
  ok = kit->slots->facts_update (kit->conn, kit_call (kit), inbox.account, content + 1000000, other, &error);
  KIT_TRY (kit_failed_with (kit, "facts_update of content that never was", ok, &error, CF_ERROR_NONEXISTENT));
}

/* Facts that this version cannot read are an append's, so that the check does not need facts_update. */
static void
check_unreadable_facts (Kit *kit)
{
  g_autoptr (GBytes) octets = g_bytes_new_static (KIT_MESSAGE, strlen (KIT_MESSAGE));
  g_autoptr (CfFacts) facts = kit_facts_new (octets);
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitRead) part = NULL;
  g_autoptr (KitRead) whole = NULL;
  g_autoptr (KitRead) again = NULL;
  KitMailbox inbox;
  CfContentId content;
  CfWriteOp op;

  kit_facts_make_unreadable (facts);
  KIT_TRY (kit_inbox_new (kit, &inbox));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_op_get_append (&op)->facts = facts;
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  content = g_array_index (batch->index[0]->rows, CfIndexRow, 0).content;

  part = kit_read (kit, inbox.account, content, "", CF_SECTION_TEXT, 0, G_MAXUINT64);
  KIT_TRY (part != NULL);
  KIT_EXPECT (kit, !part->missing && !part->has_area && part->octets->len == 0,
              "a part of a message whose facts cannot be read: %s",
              part->missing    ? "\"missing\""
              : part->has_area ? "an area was given"
                               : "octets came");
  KIT_EXPECT (kit, part->facts != NULL && g_bytes_equal (part->facts, cf_facts_get_encoded (facts)),
              "the facts that cannot be read were not given as they are");
  whole = kit_read (kit, inbox.account, content, NULL, 0, 9, 3);
  KIT_TRY (whole != NULL);
  KIT_EXPECT (kit, whole->octets->len == 3 && memcmp (whole->octets->data, "kit", 3) == 0,
              "reading by offset does not do without facts");
  if (kit->slots->facts_update == NULL)
    return;

  g_autoptr (CfFacts) readable = kit_facts_new (octets);
  KIT_TRY (update_facts (kit, inbox.account, content, readable));
  again = kit_read (kit, inbox.account, content, "", CF_SECTION_TEXT, 0, G_MAXUINT64);
  KIT_TRY (again != NULL);
  KIT_EXPECT (kit,
              again->has_area && again->octets->len == 6 && memcmp (again->octets->data, "body\r\n", 6) == 0,
              "with facts computed anew the part does not come");
}

static void
check_missing (Kit *kit)
{
  g_autoptr (GBytes) octets = g_bytes_new_static (KIT_MESSAGE, strlen (KIT_MESSAGE));
  g_autoptr (KitRead) none = NULL;
  g_autoptr (KitRead) foreign = NULL;
  KitMailbox inbox, other;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_inbox_new (kit, &other));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0);
  none = kit_read (kit, inbox.account, content + 1000000, NULL, 0, 0, 10);
  KIT_TRY (none != NULL);
  KIT_EXPECT (kit, none->missing && none->octets->len == 0, "content that never was is not \"missing\"");
  foreign = kit_read (kit, other.account, content, NULL, 0, 0, 10);
  KIT_TRY (foreign != NULL);
  KIT_EXPECT (kit, foreign->missing && foreign->octets->len == 0, "another account's content was read");
}

static void
check_after_expunge (Kit *kit)
{
  g_autoptr (GBytes) octets = g_bytes_new_static (KIT_MESSAGE, strlen (KIT_MESSAGE));
  KitMailbox inbox;
  CfContentId content;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  content = append_octets (kit, &inbox, octets);
  KIT_TRY (content != 0 && kit_expunge (kit, &inbox, "1"));
  KIT_TRY (kit_content_is (kit, inbox.account, content, (const guint8 *) KIT_MESSAGE, strlen (KIT_MESSAGE)));
}

/* Many requests in one call, with a missing one among them. */
typedef struct {
  CfReadSink sink;
  GByteArray *octets[3];
  guint missing;
} Many;

static void
many_missing (CfReadSink *sink, guint i)
{
  ((Many *) sink)->missing |= 1u << i;
}

static void
many_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
}

static void
many_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
}

static void
many_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_byte_array_append (((Many *) sink)->octets[i], data, length);
}

static void
check_many (Kit *kit)
{
  g_autoptr (GByteArray) a = g_byte_array_new ();
  g_autoptr (GByteArray) b = g_byte_array_new ();
  g_autoptr (GByteArray) c = g_byte_array_new ();
  Many many = { { sizeof (CfReadSink), many_missing, many_facts, many_area, many_octets }, { a, b, c }, 0 };
  CfReadRequest first = { .struct_size = sizeof first, .offset = 3, .length = 10 };
  CfReadRequest absent = { .struct_size = sizeof absent, .content = 1u << 30, .length = 10 };
  CfReadRequest third = { .struct_size = sizeof third, .length = G_MAXUINT64 };
  const CfReadRequest *requests[] = { &first, &absent, &third };
  g_autoptr (GBytes) x = kit_noise (100, 1);
  g_autoptr (GBytes) y = kit_noise (50, 2);
  g_autoptr (GError) error = NULL;
  KitMailbox inbox;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  first.content = append_octets (kit, &inbox, x);
  third.content = append_octets (kit, &inbox, y);
  KIT_TRY (first.content != 0 && third.content != 0);
  KIT_EXPECT (kit,
              kit->slots->read (kit->conn, kit_call (kit), inbox.account, 3, requests, &many.sink, &error),
              "read failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, many.missing == 2, "missing were requests 0x%x", many.missing);
  KIT_EXPECT (kit,
              a->len == 10 && memcmp (a->data, (const guint8 *) g_bytes_get_data (x, NULL) + 3, 10) == 0
                  && b->len == 0 && c->len == 50 && memcmp (c->data, g_bytes_get_data (y, NULL), 50) == 0,
              "the octets of several requests came to the wrong ones");
}

const KitCheck kit_content_checks[]
    = { { "content/octet-for-octet", "names immutable octets: what was appended comes back octet for octet.",
          0, check_exact },
        { "content/large", "what was appended comes back octet for octet, whatever its size.", 0,
          check_large },
        { "content/ranges", "offset, length: clipped at the area's end; length 0: no octets wanted.", 0,
          check_ranges },
        { "content/parts",
          "offset counts within that part's area; area: where that area is. length 0 and offset 0: no such "
          "section.",
          0, check_parts },
        { "content/facts", "the encoded form, opaque and versioned, which it must return unchanged.", 0,
          check_facts },
        { "content/facts-update",
          "Replaces the facts of @content by @facts. CF_ERROR_NONEXISTENT: no such content in this account.",
          KIT_NEEDS (facts_update), check_facts_update },
        { "content/unreadable-facts",
          "A store whose facts of the message cannot be read gives neither area nor octets, but the facts as "
          "they are, if they are wanted.",
          0, check_unreadable_facts },
        { "content/missing",
          "a content id of another account is \"not there\"; missing: there is no such content in this "
          "account.",
          0, check_missing },
        { "content/several", "Receives what was read; @i is the request's index.", 0, check_many },
        { "content/after-expunge",
          "Content stays readable by id after its last placement went, until collect takes it.", 0,
          check_after_expunge },
        { NULL } };
