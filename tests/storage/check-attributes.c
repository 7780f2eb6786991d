/* tests/storage/check-attributes.c - attributes of accounts, mailboxes and messages. */
#include "kit.h"

#include <string.h>

typedef struct {
  CfAttributeSink sink;
  GString *text;
} Told;

static void
told_attribute (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  gsize length = 0;
  const char *value = g_bytes_get_data (attribute->value, &length);
  GString *text = ((Told *) sink)->text;

  if (target->uid != 0)
    g_string_append_printf (text, "%u:", target->uid);
  g_string_append_printf (text, "%s=", attribute->key);
  for (gsize i = 0; i < length; i++)
    g_string_append_c (text, value[i] != '\0' ? value[i] : '0');
  g_string_append_c (text, ';');
}

static gboolean
attributes_are (Kit *kit, const CfAttributeTarget *target, const char *prefix, const char *wanted)
{
  g_autoptr (GString) text = g_string_new (NULL);
  Told told = { { sizeof (CfAttributeSink), told_attribute }, text };
  g_autoptr (GError) error = NULL;

  if (!kit->slots->attribute_get (kit->conn, kit_call (kit), target, prefix, &told.sink, &error))
    return kit_fail (kit, "attribute_get failed: %s", error != NULL ? error->message : "no error set");
  if (!g_str_equal (text->str, wanted))
    return kit_fail (kit, "attributes with prefix \"%s\" are \"%s\" instead of \"%s\"", prefix, text->str,
                     wanted);
  return TRUE;
}

/* @n pairs of key and value; a NULL value removes. */
static gboolean
set (Kit *kit, const CfAttributeTarget *target, guint n, const char *const pairs[][2])
{
  g_autofree CfAttribute *attributes = g_new0 (CfAttribute, n);
  g_autofree const CfAttribute **list = g_new0 (const CfAttribute *, n);
  g_autoptr (GError) error = NULL;
  gboolean ok;

  for (guint i = 0; i < n; i++) {
    attributes[i] = (CfAttribute){ sizeof (CfAttribute), pairs[i][0], NULL };
    if (pairs[i][1] != NULL)
      attributes[i].value = g_bytes_new (pairs[i][1], strlen (pairs[i][1]));
    list[i] = &attributes[i];
  }
  ok = kit->slots->attribute_set (kit->conn, kit_call (kit), target, n, list, &error);
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&attributes[i].value, g_bytes_unref);
  return ok || kit_fail (kit, "attribute_set failed: %s", error != NULL ? error->message : "no error set");
}

static void
check_set_get (Kit *kit)
{
  static const char *const first[][2]
      = { { "b/2", "two" }, { "a", "" }, { "b/1", "one" }, { "c", "x" }, { "b", "bare" } };
  static const char *const second[][2] = { { "b/2", "deux" }, { "c", NULL }, { "none", NULL } };
  KitMailbox inbox;
  CfAttributeTarget targets[2];

  KIT_TRY (kit_inbox_new (kit, &inbox));
  targets[0] = (CfAttributeTarget){ sizeof (CfAttributeTarget), inbox.account, 0, 0 };
  targets[1] = (CfAttributeTarget){ sizeof (CfAttributeTarget), inbox.account, inbox.id, 0 };
  for (guint i = 0; i < 2; i++) {
    KIT_TRY (attributes_are (kit, &targets[i], "", "") && set (kit, &targets[i], 5, first));
    KIT_TRY (attributes_are (kit, &targets[i], "", "a=;b=bare;b/1=one;b/2=two;c=x;"));
    KIT_TRY (attributes_are (kit, &targets[i], "b/", "b/1=one;b/2=two;")
             && attributes_are (kit, &targets[i], "d", ""));
    KIT_TRY (set (kit, &targets[i], 3, second));
    KIT_TRY (attributes_are (kit, &targets[i], "", "a=;b=bare;b/1=one;b/2=deux;"));
    KIT_TRY (attributes_are (kit, &targets[i], "B", "")); /* octet by octet; '%' and '_' mean themselves */
    KIT_TRY (attributes_are (kit, &targets[i], "b_", "") && attributes_are (kit, &targets[i], "%", ""));
  }
}

/* The key that core makes of a subscription to a mailbox with a long name, and any octets as its value. */
static void
check_large (Kit *kit)
{
  KitMailbox inbox;
  g_autofree char *name = g_strnfill (CF_ATTRIBUTE_KEY_MAX - strlen ("subscription/"), 'n');
  g_autofree char *key = g_strconcat ("subscription/", name, NULL);
  g_autofree char *value = g_strnfill (CF_ATTRIBUTE_VALUE_MAX, 'v');
  g_autofree char *wanted = g_strdup_printf ("%s=%s;subscription/x=;", key, value);
  const char *const pairs[][2] = { { key, value }, { "subscription/x", "" }, { "subscriptions", "no" } };
  CfAttributeTarget targets[2];

  KIT_TRY (kit_inbox_new (kit, &inbox));
  targets[0] = (CfAttributeTarget){ sizeof (CfAttributeTarget), inbox.account, 0, 0 };
  targets[1] = (CfAttributeTarget){ sizeof (CfAttributeTarget), inbox.account, inbox.id, 0 };
  for (guint i = 0; i < G_N_ELEMENTS (targets); i++)
    KIT_TRY (set (kit, &targets[i], G_N_ELEMENTS (pairs), pairs)
             && attributes_are (kit, &targets[i], "subscription/", wanted));
}

/* attributes_are() shows NUL as '0'. */
static void
check_octets (Kit *kit)
{
  static const guint8 octets[] = { 'a', 0, 'b', 0, 0 };
  KitMailbox inbox;
  CfAttributeTarget target = { .struct_size = sizeof target };
  g_autoptr (GBytes) value = g_bytes_new_static (octets, sizeof octets);
  CfAttribute attribute = { sizeof attribute, "k", value };
  const CfAttribute *list[] = { &attribute };
  g_autoptr (GError) error = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  target.account = inbox.account;
  KIT_EXPECT (kit, kit->slots->attribute_set (kit->conn, kit_call (kit), &target, 1, list, &error),
              "attribute_set failed: %s", error != NULL ? error->message : "no error set");
  KIT_TRY (attributes_are (kit, &target, "", "k=a0b00;"));
}

static void
check_missing (Kit *kit)
{
  CfAttributeTarget target = { .struct_size = sizeof target };
  CfAttribute attribute = { sizeof attribute, "k", NULL };
  const CfAttribute *list[] = { &attribute };
  g_autoptr (GBytes) value = g_bytes_new_static ("v", 1);
  g_autoptr (GError) error = NULL;
  KitMailbox inbox;
  gboolean ok;

  KIT_TRY (kit_inbox_new (kit, &inbox));
  attribute.value = value;
  target.account = inbox.account;
  target.mailbox = inbox.id + 1000000;
  ok = kit->slots->attribute_set (kit->conn, kit_call (kit), &target, 1, list, &error);
  KIT_TRY (kit_failed_with (kit, "attribute_set of a mailbox that is not there", ok, &error,
                            CF_ERROR_NONEXISTENT));
}

static gboolean
annotate (Kit *kit, const KitMailbox *mailbox, const char *uids, const char *key, const char *value)
{
  g_autoptr (KitBatch) batch = kit_batch_new (mailbox, NULL, 0, 0, G_MAXUINT64);
  CfWriteOp op = kit_op_annotate (batch, uids, key, value);

  kit_batch_add (batch, &op);
  return kit_commit (kit, batch);
}

static void
check_messages (Kit *kit)
{
  KitMailbox inbox, other;
  CfAttributeTarget all, one, copies;
  g_autoptr (KitIndex) before = NULL;
  g_autoptr (KitIndex) after = NULL;

  KIT_TRY (kit_inbox_new (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_append_many (kit, &inbox, 3));
  all = (CfAttributeTarget){ sizeof all, inbox.account, inbox.id, G_MAXUINT32 };
  one = (CfAttributeTarget){ sizeof one, inbox.account, inbox.id, 2 };
  copies = (CfAttributeTarget){ sizeof copies, inbox.account, other.id, G_MAXUINT32 };
  before = kit_load (kit, &inbox, 0);
  KIT_TRY (before != NULL && annotate (kit, &inbox, "2:3", "a/x", "1")
           && annotate (kit, &inbox, "2", "b/y", "2"));
  KIT_TRY (attributes_are (kit, &one, "", "2:a/x=1;2:b/y=2;") && attributes_are (kit, &one, "b", "2:b/y=2;"));
  KIT_TRY (attributes_are (kit, &all, "", "2:a/x=1;2:b/y=2;3:a/x=1;"));
  after = kit_load (kit, &inbox, 0);
  KIT_TRY (after != NULL);
  KIT_EXPECT (kit, kit_index_find (after, 3)->modseq > before->info.highest_modseq,
              "an attribute of a message did not raise its MODSEQ");
  KIT_TRY (kit_copy (kit, &inbox, "2", &other) && attributes_are (kit, &copies, "", "1:a/x=1;1:b/y=2;"));
  KIT_TRY (annotate (kit, &inbox, "2", "a/x", NULL) && attributes_are (kit, &one, "", "2:b/y=2;"));
  KIT_TRY (attributes_are (kit, &copies, "", "1:a/x=1;1:b/y=2;"));
  KIT_TRY (kit_expunge (kit, &inbox, "2") && attributes_are (kit, &all, "", "3:a/x=1;"));
}

const KitCheck kit_attribute_checks[]
    = { { "attribute/set-and-get",
          "The attributes of @target whose keys begin with @prefix, in key order. Sets or removes; "
          "keys are compared octet by octet. Nothing found is success.",
          0, check_set_get },
        { "attribute/large",
          "A store keeps every key up to CF_ATTRIBUTE_KEY_MAX octets and every value up to "
          "CF_ATTRIBUTE_VALUE_MAX.",
          0, check_large },
        { "attribute/octets", "Values are octets, NUL included.", 0, check_octets },
        { "attribute/not-there", "CF_ERROR_NONEXISTENT means \"not there\".", 0, check_missing },
        { "attribute/messages",
          "Those of a message are written by CF_WRITE_ANNOTATE, as they raise its MODSEQ. COPY gives "
          "attributes, and shares none.",
          0, check_messages },
        { NULL } };
