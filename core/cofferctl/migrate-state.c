/* core/cofferctl/migrate-state.c - what an account is, and the mark that migrate leaves on it (migrate.h).
 *
 * All of an account but its messages is little: it is read whole, and compared by a digest that has no ids,
 * so that it is the same on both sides. Messages are in it by their mailboxes' UIDNEXT and highest MODSEQ,
 * one of which changes with each of them.
 *
 * The mark is an attribute of the account at the destination. "copying": it is not complete, and disabled.
 * "copied DIGEST RECENT": it was what these say. If it is something else now, a client or an operator has
 * changed it, and copying again would destroy that.
 */
#include "cofferctl/migrate.h"

#include <string.h>

#define MARK_KEY "migrate/state"
#define COPYING  "copying"

/* ---- Attributes ---- */

static CfAttribute *
attribute_new (const char *key, GBytes *value)
{
  CfAttribute *attribute = g_new (CfAttribute, 1);

  *attribute = (CfAttribute){ sizeof *attribute, g_strdup (key), value != NULL ? g_bytes_ref (value) : NULL };
  return attribute;
}

static void
attribute_free (gpointer data)
{
  CfAttribute *attribute = data;

  g_free ((char *) attribute->key);
  g_clear_pointer (&attribute->value, g_bytes_unref);
  g_free (attribute);
}

static GPtrArray *
attributes_new (void)
{
  return g_ptr_array_new_with_free_func (attribute_free);
}

static int
attribute_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(CfAttribute *const *) a)->key, (*(CfAttribute *const *) b)->key);
}

typedef struct {
  CfAttributeSink sink;
  GPtrArray *attributes;
} AttributeSink;

static void
take_attribute (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  g_ptr_array_add (((AttributeSink *) sink)->attributes, attribute_new (attribute->key, attribute->value));
}

GPtrArray *
migrate_attributes_load (MigrateStore *store, const CfAttributeTarget *target, GError **error)
{
  g_autoptr (GPtrArray) attributes = attributes_new ();
  AttributeSink sink = { { sizeof sink.sink, take_attribute }, attributes };

  if (!store->slots.attribute_get (store->conn, &store->call, target, "", &sink.sink, error))
    return NULL;
  return g_steal_pointer (&attributes);
}

gboolean
migrate_attributes_apply (MigrateStore *store, const CfAttributeTarget *target, GPtrArray *wanted,
                          GPtrArray *there, GError **error)
{
  g_autoptr (GPtrArray) changes = attributes_new ();

  for (guint w = 0, t = 0; w < wanted->len || t < there->len;) {
    const CfAttribute *new = w < wanted->len ? g_ptr_array_index (wanted, w) : NULL;
    const CfAttribute *old = t < there->len ? g_ptr_array_index (there, t) : NULL;
    int order = new == NULL ? 1 : old == NULL ? -1 : strcmp (new->key, old->key);

    if (order < 0 || (order == 0 && !g_bytes_equal (new->value, old->value)))
      g_ptr_array_add (changes, attribute_new (new->key, new->value));
    else if (order > 0)
      g_ptr_array_add (changes, attribute_new (old->key, NULL));
    w += order <= 0;
    t += order >= 0;
  }
  return changes->len == 0
         || store->slots.attribute_set (store->conn, &store->call, target, changes->len,
                                        (const CfAttribute *const *) changes->pdata, error);
}

/* ---- Reading ---- */

typedef struct {
  CfAccountSink sink;
  MigrateState *state;
} AccountSink;

static void
take_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  MigrateState *state = ((AccountSink *) sink)->state;

  state->disabled = info->disabled;
  /* A plugin of before does not tell: the mailboxes' will have to do. */
  if (info->struct_size > G_STRUCT_OFFSET (CfAccountInfo, last_uid_validity))
    state->last_uid_validity = info->last_uid_validity;
}

static void
take_address (CfAccountSink *sink, const char *address)
{
  g_ptr_array_add (((AccountSink *) sink)->state->addresses, g_strdup (address));
}

static void
take_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
  g_ptr_array_add (((AccountSink *) sink)->state->credentials, attribute_new (kind, value));
}

typedef struct {
  CfMailboxSink sink;
  GArray *mailboxes;
} MailboxSink;

static void
take_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  CfMailboxInfo copy = *info;

  copy.name = g_strdup (info->name);
  g_array_append_val (((MailboxSink *) sink)->mailboxes, copy);
}

static void
mailbox_clear (gpointer mailbox)
{
  g_free ((char *) ((CfMailboxInfo *) mailbox)->name);
}

static int
address_compare (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Takes the mark out of the attributes. */
static void
state_take_mark (MigrateState *state)
{
  for (guint i = 0; i < state->attributes->len; i++) {
    const CfAttribute *attribute = g_ptr_array_index (state->attributes, i);
    gsize length;
    const char *text = g_bytes_get_data (attribute->value, &length);

    if (!g_str_equal (attribute->key, MARK_KEY))
      continue;
    state->mark = g_strndup (text, length);
    g_ptr_array_remove_index (state->attributes, i);
    return;
  }
}

static gboolean
state_read (MigrateState *state, MigrateStore *store, const char *name, CfAccountId account, GError **error)
{
  AccountSink accounts = { { sizeof accounts.sink, take_account, take_address, take_credential }, state };
  MailboxSink mailboxes = { { sizeof mailboxes.sink, take_mailbox }, state->mailboxes };
  const CfAttributeTarget target = { .struct_size = sizeof target, .account = account };

  if (!store->slots.account_lookup (store->conn, &store->call, name, &accounts.sink, error)
      || !store->slots.mailbox_list (store->conn, &store->call, account, &mailboxes.sink, error))
    return FALSE;
  g_ptr_array_sort (state->addresses, address_compare);
  g_ptr_array_sort (state->credentials, attribute_compare);
  state->attributes = migrate_attributes_load (store, &target, error);
  if (state->attributes == NULL)
    return FALSE;
  state_take_mark (state);
  return TRUE;
}

/* ---- The digest ---- */

static void
digest_add (GChecksum *digest, const char *what, const char *name, gconstpointer value, gsize length)
{
  g_autofree char *head
      = g_strdup_printf ("%s %" G_GSIZE_FORMAT " %s %" G_GSIZE_FORMAT " ", what, strlen (name), name, length);

  g_checksum_update (digest, (const guchar *) head, -1);
  g_checksum_update (digest, value, (gssize) length);
}

static void
digest_add_attributes (GChecksum *digest, const char *what, GPtrArray *attributes)
{
  for (guint i = 0; i < attributes->len; i++) {
    const CfAttribute *attribute = g_ptr_array_index (attributes, i);
    gsize length;
    gconstpointer value = g_bytes_get_data (attribute->value, &length);

    digest_add (digest, what, attribute->key, value, length);
  }
}

static void
digest_add_number (GChecksum *digest, const char *what, guint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

  digest_add (digest, "number", what, text, strlen (text));
}

static gboolean
digest_add_mailbox (GChecksum *digest, MigrateStore *store, CfAccountId account, const CfMailboxInfo *info,
                    GError **error)
{
  const CfAttributeTarget target = { .struct_size = sizeof target, .account = account, .mailbox = info->id };
  g_autoptr (GPtrArray) attributes = migrate_attributes_load (store, &target, error);

  if (attributes == NULL)
    return FALSE;
  digest_add (digest, "mailbox", info->name, "", 0);
  digest_add_number (digest, "uidvalidity", info->uid_validity);
  digest_add_number (digest, "uidnext", info->uid_next);
  digest_add_number (digest, "modseq", info->highest_modseq);
  digest_add_number (digest, "use", info->special_use);
  digest_add_attributes (digest, "of the mailbox", attributes);
  return TRUE;
}

static gboolean
state_compute_digest (MigrateState *state, MigrateStore *store, CfAccountId account, GError **error)
{
  g_autoptr (GChecksum) digest = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (GChecksum) recent = g_checksum_new (G_CHECKSUM_SHA256);

  digest_add_number (digest, "disabled", state->disabled);
  for (guint i = 0; i < state->addresses->len; i++)
    digest_add (digest, "address", g_ptr_array_index (state->addresses, i), "", 0);
  digest_add_attributes (digest, "credential", state->credentials);
  digest_add_attributes (digest, "attribute", state->attributes);
  for (guint i = 0; i < state->mailboxes->len; i++) {
    const CfMailboxInfo *info = &g_array_index (state->mailboxes, CfMailboxInfo, i);

    if (!digest_add_mailbox (digest, store, account, info, error))
      return FALSE;
    digest_add_number (recent, info->name, info->recent_uid);
  }
  state->digest = g_strdup (g_checksum_get_string (digest));
  state->recent = g_strdup (g_checksum_get_string (recent));
  return TRUE;
}

MigrateState *
migrate_state_load (MigrateStore *store, const char *name, CfAccountId account, GError **error)
{
  g_autoptr (MigrateState) state = g_new0 (MigrateState, 1);

  state->addresses = g_ptr_array_new_with_free_func (g_free);
  state->credentials = attributes_new ();
  state->mailboxes = g_array_new (FALSE, FALSE, sizeof (CfMailboxInfo));
  g_array_set_clear_func (state->mailboxes, mailbox_clear);
  if (!state_read (state, store, name, account, error)
      || !state_compute_digest (state, store, account, error))
    return NULL;
  return g_steal_pointer (&state);
}

void
migrate_state_free (MigrateState *state)
{
  if (state == NULL)
    return;
  g_ptr_array_unref (state->addresses);
  g_ptr_array_unref (state->credentials);
  g_clear_pointer (&state->attributes, g_ptr_array_unref);
  g_array_unref (state->mailboxes);
  g_free (state->digest);
  g_free (state->recent);
  g_free (state->mark);
  g_free (state);
}

gboolean
migrate_state_is_fresh (const MigrateState *state)
{
  const CfMailboxInfo *inbox = &g_array_index (state->mailboxes, CfMailboxInfo, 0);

  return state->mark == NULL && state->credentials->len == 0 && state->attributes->len == 0
         && state->mailboxes->len == 1 && g_str_equal (inbox->name, "INBOX") && inbox->uid_next == 1
         && inbox->highest_modseq == 1;
}

/* ---- The mark ---- */

static gboolean
mark_write (MigrateStore *store, CfAccountId account, const char *text, GError **error)
{
  const CfAttributeTarget target = { .struct_size = sizeof target, .account = account };
  g_autoptr (GBytes) value = g_bytes_new (text, strlen (text));
  const CfAttribute attribute = { sizeof attribute, MARK_KEY, value };
  const CfAttribute *const attributes[] = { &attribute };

  return store->slots.attribute_set (store->conn, &store->call, &target, 1, attributes, error);
}

gboolean
migrate_mark_copying (MigrateStore *store, CfAccountId account, GError **error)
{
  return mark_write (store, account, COPYING, error);
}

gboolean
migrate_mark_copied (MigrateStore *store, CfAccountId account, const MigrateState *state, gboolean whole,
                     GError **error)
{
  g_autofree char *text = g_strdup_printf ("copied %s %s", state->digest, whole ? state->recent : "-");

  return mark_write (store, account, text, error);
}

gboolean
migrate_mark_is_copying (const MigrateState *state)
{
  return g_strcmp0 (state->mark, COPYING) == 0;
}

gboolean
migrate_mark_holds (const MigrateState *state)
{
  g_autofree char *start = g_strdup_printf ("copied %s ", state->digest);

  return state->mark != NULL && g_str_has_prefix (state->mark, start);
}

gboolean
migrate_mark_is_of (const MigrateState *state, const MigrateState *from)
{
  g_autofree char *text = g_strdup_printf ("copied %s %s", from->digest, from->recent);

  return migrate_mark_holds (state) && g_str_equal (state->mark, text);
}
