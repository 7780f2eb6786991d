/* tests/storage/check-objects.c - parts kept apart, and messages made of them. */
#include "objects.h"

#include <gnutls/crypto.h>
#include <fcntl.h>
#include <string.h>

gboolean
kit_object_put (Kit *kit, const char *scope, GBytes *octets, CfObjectId *out_id)
{
  g_autoptr (CfSource) source = cf_source_new_bytes (octets);
  CfObject object
      = { .struct_size = sizeof object, .octets = source, .media_type = "application/octet-stream" };
  const CfObject *objects[] = { &object };
  g_autoptr (GError) error = NULL;

  gnutls_hash_fast (GNUTLS_DIG_SHA256, g_bytes_get_data (octets, NULL), g_bytes_get_size (octets),
                    object.sha256);
  if (!kit->slots->object_put (kit->conn, kit_call (kit), scope, 1, objects, out_id, &error))
    return kit_fail (kit, "object_put failed: %s", error != NULL ? error->message : "no error set");
  if (*out_id == 0)
    return kit_fail (kit, "object_put gave the id 0");
  return TRUE;
}

char *
kit_scope (CfAccountId account)
{
  return g_strdup_printf ("account/%" G_GUINT64_FORMAT, account);
}

static void
add_segment (KitBatch *batch, CfAppend *append, CfSegment segment)
{
  const CfSegment **segments = (const CfSegment **) append->segments;
  CfSegment *copy = kit_batch_own (batch, g_memdup2 (&segment, sizeof segment), g_free);

  copy->struct_size = sizeof *copy;
  segments[append->n_segments++] = copy;
}

CfWriteOp
kit_op_append_object (KitBatch *batch, const char *head, GBytes *octets, CfObjectId object, const char *tail)
{
  g_autoptr (GByteArray) message = g_byte_array_new ();
  gsize before = strlen (head), length = g_bytes_get_size (octets), after = strlen (tail);
  CfWriteOp op;
  CfAppend *append;

  g_byte_array_append (message, (const guint8 *) head, before);
  g_byte_array_append (message, g_bytes_get_data (octets, NULL), length);
  g_byte_array_append (message, (const guint8 *) tail, after);
  op = kit_op_append (batch, (const char *) message->data, message->len);
  append = kit_op_get_append (&op);
  append->segments = kit_batch_own (batch, g_new0 (const CfSegment *, 3), g_free);
  if (before > 0)
    add_segment (batch, append, (CfSegment){ .kind = CF_SEGMENT_INLINE, .offset = 0, .length = before });
  add_segment (
      batch, append,
      (CfSegment){ .kind = CF_SEGMENT_OBJECT, .offset = before, .length = length, .object = object });
  if (after > 0)
    add_segment (batch, append,
                 (CfSegment){ .kind = CF_SEGMENT_INLINE, .offset = before + length, .length = after });
  return op;
}

static void
check_once (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autofree char *scope = kit_scope (account);
  g_autofree char *elsewhere = kit_scope (account + 1000000);
  g_autoptr (GBytes) octets = kit_noise (100000, 5);
  CfObjectId a, b, c;

  KIT_TRY (account != 0 && kit_object_put (kit, scope, octets, &a) && kit_object_put (kit, scope, octets, &b)
           && kit_object_put (kit, elsewhere, octets, &c));
  KIT_EXPECT (kit, a == b, "the same octets in the same scope became objects %u and %u", (guint) a,
              (guint) b);
  KIT_EXPECT (kit, a != c, "two scopes share an object");
}

/* A source that fails when it is read: the object is there already. */
static void
check_not_read (Kit *kit)
{
  CfAccountId account = kit_account_new (kit, NULL);
  g_autofree char *scope = kit_scope (account);
  g_autoptr (GBytes) octets = kit_noise (70000, 6);
  g_autoptr (CfSource) unreadable = cf_source_new_fd (open ("/dev/null", O_RDONLY), 70000);
  CfObject object = { .struct_size = sizeof object, .octets = unreadable };
  const CfObject *objects[] = { &object };
  g_autoptr (GError) error = NULL;
  CfObjectId first, second = 4711;
  gboolean ok;

  KIT_TRY (account != 0 && kit_object_put (kit, scope, octets, &first));
  gnutls_hash_fast (GNUTLS_DIG_SHA256, g_bytes_get_data (octets, NULL), 70000, object.sha256);
  ok = kit->slots->object_put (kit->conn, kit_call (kit), scope, 1, objects, &second, &error);
  KIT_EXPECT (kit, ok && second == first, "the octets of an object that is there already were read");
  object.sha256[0] ^= 1;
  second = 4711;
  ok = kit->slots->object_put (kit->conn, kit_call (kit), scope, 1, objects, &second, &error);
  KIT_TRY (
      kit_failed_with (kit, "object_put of octets that cannot be read", ok, &error, CF_ERROR_UNAVAILABLE));
  KIT_EXPECT (kit, second == 4711, "object_put failed, but wrote to out_ids");
}

/* Every range that begins or ends near a seam between segments. */
static void
check_segments (Kit *kit)
{
  static const char head[] = "Subject: object\r\n\r\n", tail[] = "\r\nthe end\r\n";
  g_autoptr (GBytes) octets = kit_noise (300000, 7);
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autoptr (GByteArray) whole = g_byte_array_new ();
  g_autofree char *scope = NULL;
  const guint seams[] = { 0, sizeof head - 1, sizeof head - 1 + 262144, sizeof head - 1 + 300000,
                          sizeof head - 1 + 300000 + sizeof tail - 1 };
  KitMailbox inbox;
  CfObjectId object;
  CfContentId content;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  scope = kit_scope (inbox.account);
  KIT_TRY (kit_object_put (kit, scope, octets, &object));
  batch = kit_batch_new (&inbox, NULL, 0, 0, G_MAXUINT64);
  op = kit_op_append_object (batch, head, octets, object, tail);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  content = g_array_index (index->rows, CfIndexRow, 0).content;

  g_byte_array_append (whole, (const guint8 *) head, sizeof head - 1);
  g_byte_array_append (whole, g_bytes_get_data (octets, NULL), 300000);
  g_byte_array_append (whole, (const guint8 *) tail, sizeof tail - 1);
  KIT_TRY (kit_content_is (kit, inbox.account, content, whole->data, whole->len));
  for (guint a = 0; a < 15; a++)
    for (guint b = a; b < 15; b++) {
      guint from = CLAMP ((int) (seams[a / 3] + a % 3) - 1, 0, (int) whole->len);
      guint to = CLAMP ((int) (seams[b / 3] + b % 3) - 1, (int) from, (int) whole->len);
      g_autoptr (KitRead) read = kit_read (kit, inbox.account, content, NULL, 0, from, to - from);

      KIT_TRY (read != NULL);
      KIT_EXPECT (kit,
                  read->octets->len == to - from
                      && (from == to || memcmp (read->octets->data, whole->data + from, to - from) == 0),
                  "octets %u to %u of a message in three segments are wrong", from, to);
    }
}

/* A range that begins where a part ends, or behind, has nothing: also where the octets there are another
 * part's.
 */
static void
check_part_ends (Kit *kit)
{
  static const char head[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                             "--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
                             "--b\r\nContent-Type: application/octet-stream\r\n\r\n",
                    tail[] = "\r\n--b\r\n\r\nlast part\r\n--b--\r\n";
  static const struct {
    const char *path;
    CfSectionKind section;
    guint length;
  } parts[] = { { "", CF_SECTION_HEADER, 45 },
                { "1", CF_SECTION_ALL, 10 },
                { "2", CF_SECTION_MIME, 42 },
                { "2", CF_SECTION_ALL, 70000 },
                { "3", CF_SECTION_ALL, 9 } };
  g_autofree guint8 *letters = g_malloc (70000);
  g_autoptr (GBytes) octets = g_bytes_new (memset (letters, 'x', 70000), 70000);
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  g_autofree char *scope = NULL;
  KitMailbox inbox;
  CfObjectId object;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  scope = kit_scope (inbox.account);
  KIT_TRY (kit_object_put (kit, scope, octets, &object));
  batch = kit_batch_new (&inbox, NULL, 0, 0, G_MAXUINT64);
  op = kit_op_append_object (batch, head, octets, object, tail);
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit (kit, batch));
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  for (guint i = 0; i < G_N_ELEMENTS (parts) * 4; i++) {
    guint length = parts[i / 4].length, offset = length - 1 + i % 4;
    g_autoptr (KitRead) read
        = kit_read (kit, inbox.account, g_array_index (index->rows, CfIndexRow, 0).content, parts[i / 4].path,
                    parts[i / 4].section, offset, 5);

    KIT_TRY (read != NULL);
    KIT_EXPECT (kit, read->octets->len == (offset < length),
                "part \"%s\" from its octet %u of %u: %u octets came", parts[i / 4].path, offset, length,
                read->octets->len);
  }
}

static void
check_gone (Kit *kit)
{
  g_autoptr (GBytes) octets = kit_noise (1000, 8);
  g_autoptr (KitBatch) batch = NULL;
  g_autoptr (KitIndex) index = NULL;
  const CfObjectId none = 1u << 30;
  GArray *gone;
  KitMailbox inbox;
  CfWriteOp op;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  batch = kit_batch_new (&inbox, NULL, 0, 0, 0);
  op = kit_op_append (batch, KIT_MESSAGE, -1);
  kit_batch_add (batch, &op);
  op = kit_op_append_object (batch, "A: b\r\n\r\n", octets, none, "");
  kit_batch_add (batch, &op);
  KIT_TRY (kit_commit_any (kit, batch) && kit_op_failed_with (kit, batch, 1, CF_ERROR_CONTENT_GONE));
  gone = kit_batch_result (batch, 1)->objects_gone;
  KIT_EXPECT (kit, gone != NULL && gone->len == 1 && g_array_index (gone, CfObjectId, 0) == none,
              "the object that is gone was not named");
  KIT_EXPECT (kit, kit_batch_result (batch, 0)->error == NULL, "its neighbour failed with it");
  index = kit_load (kit, &inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (kit, index->rows->len == 1, "%u messages are there instead of 1", index->rows->len);
}

const KitCheck kit_object_checks[]
    = { { "object/stored-once", "Stores parts apart, each once per @scope and hash.", KIT_NEEDS (object_put),
          check_once },
        { "object/read-only-if-needed", "octets: read only if the store does not have them yet.",
          KIT_NEEDS (object_put), check_not_read },
        { "object/segments", "segments are in order and leave no gap; octets come back in ascending order.",
          KIT_NEEDS (object_put), check_segments },
        { "object/part-ends", "offset, length: clipped at the area's end; length 0: no octets wanted.",
          KIT_NEEDS (object_put), check_part_ends },
        { "object/gone",
          "An APPEND names an object that is not there any more: it fails with CF_ERROR_CONTENT_GONE. One "
          "call for each.",
          KIT_NEEDS (object_put), check_gone },
        { NULL } };
