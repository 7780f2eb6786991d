/* plugins/storage-memory/storage-memory.c - a complete store that lives in memory.
 *
 * The store to copy when you write your own, and the one that tests and fuzzers run on. It fills every slot
 * of CfStorageClass that means something without a disk, and is written to be read from top to bottom: the
 * data, then how contents, messages and mailboxes come and go, then the slots in the order of the header.
 *
 * The idea: one reader-writer lock over everything, so that each slot sees one moment and a commit is seen
 * whole or not at all. A commit is a list of changes "this message became that one"; the list undoes a group
 * that fails, and at the end tells which mailboxes rise in MODSEQ and what was expunged. What may be slow,
 * reading the octets of an append, happens before the lock is taken.
 */
#include <coffer/module.h>

#include <string.h>

/* ======================================================================================================
 * The data
 *
 *   store -> accounts -> mailboxes -> messages (placements: UID, flags, MODSEQ)
 *                     \-> contents <-/        (octets and facts; what COPY shares)
 *         -> objects <-/                      (parts kept apart, once per scope and hash)
 * ====================================================================================================== */

/* A part kept apart. */
typedef struct {
  CfObjectId id;
  char *scope;
  guint8 sha256[32];
  GBytes *octets;
  guint references; /* pieces of contents that use it */
  gint64 touched;   /* when it was last put or released, g_get_monotonic_time() */
  GList idle;       /* its link in CfStore.idle_objects while references is 0 */
} Object;

/* A run of a content's octets: its own, or a range of an object. */
typedef struct {
  guint64 offset, length; /* in the content; pieces are in order and leave no gap */
  GBytes *octets;
  gsize start;    /* the first octet's place in octets */
  Object *object; /* NULL: the octets are its own */
} Piece;

typedef struct _Account Account;

/* Immutable octets and what is known of them. */
typedef struct {
  CfContentId id;
  Account *account;
  guint64 length;
  GArray *pieces;         /* Piece */
  GBytes *facts;          /* encoded, given back as they came */
  GPtrArray *header_keys; /* char *: under which keys Account.headers lists it */
  GPtrArray *placements;  /* Message; when empty, the content is idle and collect may take it */
  gint64 touched;         /* when its last placement went */
  GList idle;             /* its link in CfStore.idle_contents while there are no placements */
} Content;

typedef struct {
  CfMailboxId id;
  Account *account;
  char *name;
  guint32 uid_validity;
  guint32 uid_next;
  guint32 recent_uid;
  guint32 special_use;
  guint64 highest_modseq;
  GTree *messages;   /* UID: Message */
  GTree *attributes; /* key: GBytes */
  GQueue tombstones; /* Tombstone, in order of MODSEQ */
  guint64
      forgotten; /* tombstones up to this MODSEQ were dropped: differences from before it cannot be told */
} Mailbox;

/* What one commit expunged from a mailbox. */
typedef struct {
  guint64 modseq;
  CfUidSet *uids;
} Tombstone;

/* A message as a mailbox holds it. Never modified: a change puts another one in its place, which is what
 * makes undoing a group simple. Reference counted (g_rc_box), under the write lock. */
typedef struct {
  Mailbox *mailbox;
  guint32 uid;
  guint16 flags;
  gint16 zone;
  gint64 internal_date;
  gint64 save_date;
  guint64 modseq;
  guint64 size;
  Content *content;
  CfKeywords *keywords;
  GTree *attributes; /* key: GBytes, never modified; NULL when there are none */
} Message;

struct _Account {
  CfAccountId id;
  CfStore *store;
  char *name;
  gboolean disabled;
  GPtrArray *addresses;    /* char *, in the order they were added */
  GHashTable *credentials; /* kind: GBytes */
  GTree *attributes;       /* key: GBytes */
  GTree *mailboxes;        /* name (Mailbox.name): Mailbox, in octet order */
  GHashTable *mailboxes_by_id;
  GHashTable *contents;      /* id: Content */
  GHashTable *headers;       /* "name:value": GPtrArray of Content, for header_lookup */
  guint32 last_uid_validity; /* outlives the mailboxes it was given to */
  guint64 octets, messages;  /* sums over the placements */
};

struct _CfStore {
  GRWLock lock;    /* everything below, and all that hangs on it */
  GTree *accounts; /* id: Account, in order of id */
  GHashTable *accounts_by_address;
  GHashTable *objects;                /* id: Object */
  GHashTable *objects_by_hash;        /* (scope, hash): the same Object */
  GQueue idle_contents, idle_objects; /* what collect may take, longest untouched first */
  CfAccountId last_account;           /* numbers are never given out twice */
  CfMailboxId last_mailbox;
  CfContentId last_content;
  CfObjectId last_object;
};

struct _CfStoreConn {
  CfStore *store;
};

static struct {
  gint64 tombstones;
} config;

/* ---- Small helpers ----------------------------------------------------------------------------------- */

static gboolean
refuse (GError **error, CfError code, const char *message)
{
  g_set_error_literal (error, CF_ERROR, code, message);
  return FALSE;
}

/* Every slot asks this once it holds the lock, before it changes or reports anything: that is all a store
 * that never waits for anything else needs to do about deadlines. */
static gboolean
check_deadline (const CfCall *call, GError **error)
{
  if (g_get_monotonic_time () >= call->deadline)
    return refuse (error, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
  return TRUE;
}

static gint
compare_text (gconstpointer a, gconstpointer b, gpointer unused)
{
  return strcmp (a, b);
}

static gint
compare_id (gconstpointer a, gconstpointer b, gpointer unused)
{
  guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x < y ? -1 : x > y;
}

static gint
compare_uid (gconstpointer a, gconstpointer b, gpointer unused)
{
  guint x = GPOINTER_TO_UINT (a), y = GPOINTER_TO_UINT (b);

  return x < y ? -1 : x > y;
}

static GTree *
attributes_new (void)
{
  return g_tree_new_full (compare_text, NULL, g_free, (GDestroyNotify) g_bytes_unref);
}

/* TRUE when @attribute changed anything. */
static gboolean
attributes_set (GTree *attributes, const CfAttribute *attribute)
{
  GBytes *old = g_tree_lookup (attributes, attribute->key);

  if (attribute->value == NULL)
    return g_tree_remove (attributes, attribute->key);
  if (old != NULL && g_bytes_equal (old, attribute->value))
    return FALSE;
  g_tree_insert (attributes, g_strdup (attribute->key), g_bytes_ref (attribute->value));
  return TRUE;
}

static GTree *
attributes_copy (GTree *attributes)
{
  GTree *copy = attributes_new ();

  for (GTreeNode *node = attributes != NULL ? g_tree_node_first (attributes) : NULL; node != NULL;
       node = g_tree_node_next (node))
    g_tree_insert (copy, g_strdup (g_tree_node_key (node)), g_bytes_ref (g_tree_node_value (node)));
  return copy;
}

/* ======================================================================================================
 * Objects: parts kept apart
 * ====================================================================================================== */

static guint
object_hash (gconstpointer key)
{
  guint hash;

  memcpy (&hash, ((const Object *) key)->sha256, sizeof hash);
  return hash;
}

static gboolean
object_equal (gconstpointer a, gconstpointer b)
{
  const Object *x = a, *y = b;

  return memcmp (x->sha256, y->sha256, sizeof x->sha256) == 0 && strcmp (x->scope, y->scope) == 0;
}

static void
object_free (CfStore *store, Object *object)
{
  if (object->references == 0)
    g_queue_unlink (&store->idle_objects, &object->idle);
  g_hash_table_remove (store->objects, &object->id);
  g_hash_table_remove (store->objects_by_hash, object);
  g_bytes_unref (object->octets);
  g_free (object->scope);
  g_free (object);
}

/* To the end of the queue: idle things lie there in the order they were touched, so collect only looks
 * at the front. */
static void
object_touch (CfStore *store, Object *object)
{
  object->touched = g_get_monotonic_time ();
  if (object->references > 0)
    return;
  g_queue_unlink (&store->idle_objects, &object->idle);
  g_queue_push_tail_link (&store->idle_objects, &object->idle);
}

static void
object_reference (CfStore *store, Object *object)
{
  if (object->references++ == 0)
    g_queue_unlink (&store->idle_objects, &object->idle);
}

static void
object_release (CfStore *store, Object *object)
{
  if (--object->references > 0)
    return;
  object->touched = g_get_monotonic_time ();
  g_queue_push_tail_link (&store->idle_objects, &object->idle);
}

static Object *
object_lookup (CfStore *store, const char *scope, const guint8 *sha256)
{
  Object key = { .scope = (char *) scope };

  memcpy (key.sha256, sha256, sizeof key.sha256);
  return g_hash_table_lookup (store->objects_by_hash, &key);
}

static Object *
object_new (CfStore *store, const char *scope, const guint8 *sha256, GBytes *octets)
{
  Object *object = g_new0 (Object, 1);

  object->id = ++store->last_object;
  object->scope = g_strdup (scope);
  memcpy (object->sha256, sha256, sizeof object->sha256);
  object->octets = g_bytes_ref (octets);
  object->touched = g_get_monotonic_time ();
  object->idle.data = object;
  g_queue_push_tail_link (&store->idle_objects, &object->idle);
  g_hash_table_insert (store->objects, &object->id, object);
  g_hash_table_add (store->objects_by_hash, object);
  return object;
}

/* ======================================================================================================
 * Contents: the octets of a message
 * ====================================================================================================== */

static void
piece_clear (gpointer data)
{
  g_clear_pointer (&((Piece *) data)->octets, g_bytes_unref);
}

/* The key of header_lookup's table. Field names have no regard to case (RFC 5322, 1.2.2) and
 * hold no colon. */
static char *
header_key (const char *name, const char *value)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  return g_strconcat (lower, ":", value, NULL);
}

static void
content_index_headers (Content *content, const CfFacts *facts)
{
  GHashTable *headers = content->account->headers;

  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++) {
    const CfHeaderField *field = cf_facts_get_header (facts, i);
    g_autofree char *key = header_key (field->name, field->value);
    GPtrArray *contents = g_hash_table_lookup (headers, key);

    if (contents == NULL) {
      contents = g_ptr_array_new ();
      g_hash_table_insert (headers, g_strdup (key), contents);
    } else if (contents->pdata[contents->len - 1] == content) {
      continue; /* the same field twice */
    }
    g_ptr_array_add (contents, content);
    g_ptr_array_add (content->header_keys, g_steal_pointer (&key));
  }
}

static void
content_unindex_headers (Content *content)
{
  GHashTable *headers = content->account->headers;

  for (guint i = 0; i < content->header_keys->len; i++) {
    GPtrArray *contents = g_hash_table_lookup (headers, content->header_keys->pdata[i]);

    g_ptr_array_remove (contents, content);
    if (contents->len == 0)
      g_hash_table_remove (headers, content->header_keys->pdata[i]);
  }
  g_ptr_array_set_size (content->header_keys, 0);
}

/* Takes over @pieces, whose objects must exist. It is idle until a message places it. */
static Content *
content_new (Account *account, GArray *pieces, guint64 length, CfFacts *facts)
{
  CfStore *store = account->store;
  Content *content = g_new0 (Content, 1);

  content->id = ++store->last_content;
  content->account = account;
  content->length = length;
  content->pieces = pieces;
  content->facts = g_bytes_ref (cf_facts_get_encoded (facts));
  content->header_keys = g_ptr_array_new_with_free_func (g_free);
  content->placements = g_ptr_array_new ();
  content->touched = g_get_monotonic_time ();
  content->idle.data = content;
  for (guint i = 0; i < pieces->len; i++)
    if (g_array_index (pieces, Piece, i).object != NULL)
      object_reference (store, g_array_index (pieces, Piece, i).object);
  content_index_headers (content, facts);
  g_queue_push_tail_link (&store->idle_contents, &content->idle);
  g_hash_table_insert (account->contents, &content->id, content);
  return content;
}

/* Frees a content without placements. Its objects become idle, and with @purge those that nothing else uses
 * are freed at once. */
static void
content_free (Content *content, gboolean purge)
{
  CfStore *store = content->account->store;

  content_unindex_headers (content);
  g_queue_unlink (&store->idle_contents, &content->idle);
  g_hash_table_remove (content->account->contents, &content->id);
  for (guint i = 0; i < content->pieces->len; i++) {
    Object *object = g_array_index (content->pieces, Piece, i).object;

    if (object == NULL)
      continue;
    object_release (store, object);
    if (purge && object->references == 0)
      object_free (store, object);
  }
  g_array_unref (content->pieces);
  g_bytes_unref (content->facts);
  g_ptr_array_unref (content->header_keys);
  g_ptr_array_unref (content->placements);
  g_free (content);
}

static void
content_place (Content *content, Message *message)
{
  if (content->placements->len == 0)
    g_queue_unlink (&content->account->store->idle_contents, &content->idle);
  g_ptr_array_add (content->placements, message);
}

static void
content_displace (Content *content, Message *message)
{
  g_ptr_array_remove_fast (content->placements, message);
  if (content->placements->len > 0)
    return;
  content->touched = g_get_monotonic_time ();
  g_queue_push_tail_link (&content->account->store->idle_contents, &content->idle);
}

/* ======================================================================================================
 * Messages and mailboxes
 * ====================================================================================================== */

/* A message that differs from @model, which may be NULL, in what the caller then sets; @content
 * NULL: its own. */
static Message *
message_new (const Message *model, Mailbox *mailbox, Content *content)
{
  Message *message = g_rc_box_new0 (Message);

  if (model != NULL)
    *message = *model;
  message->mailbox = mailbox;
  message->modseq = mailbox->highest_modseq + 1;
  if (content != NULL)
    message->content = content;
  cf_keywords_ref (message->keywords);
  if (message->attributes != NULL)
    g_tree_ref (message->attributes);
  return message;
}

static void
message_clear (gpointer data)
{
  Message *message = data;

  cf_keywords_unref (message->keywords);
  g_clear_pointer (&message->attributes, g_tree_unref);
}

static void
message_unref (gpointer message)
{
  g_rc_box_release_full (message, message_clear);
}

/* The two functions through which every placement comes and goes: they keep the account's totals and the
 * content's placements true. */
static void
mailbox_place (Mailbox *mailbox, Message *message)
{
  mailbox->account->octets += message->size;
  mailbox->account->messages++;
  content_place (message->content, message);
  g_tree_insert (mailbox->messages, GUINT_TO_POINTER (message->uid), g_rc_box_acquire (message));
}

static void
mailbox_displace (Mailbox *mailbox, Message *message)
{
  mailbox->account->octets -= message->size;
  mailbox->account->messages--;
  content_displace (message->content, message);
  g_tree_remove (mailbox->messages, GUINT_TO_POINTER (message->uid));
}

/* The messages of @mailbox that @uids names, in ascending order, with a reference each. */
static GPtrArray *
mailbox_select (Mailbox *mailbox, const CfUidSet *uids)
{
  GPtrArray *messages = g_ptr_array_new_with_free_func (message_unref);

  for (gsize i = 0; i < cf_uid_set_get_n_ranges (uids); i++) {
    CfUidRange range = cf_uid_set_get_range (uids, i);
    GTreeNode *node = g_tree_lower_bound (mailbox->messages, GUINT_TO_POINTER (range.first));

    for (; node != NULL; node = g_tree_node_next (node)) {
      Message *message = g_tree_node_value (node);

      if (message->uid > range.last)
        break;
      g_ptr_array_add (messages, g_rc_box_acquire (message));
    }
  }
  return messages;
}

static void
tombstone_free (gpointer data)
{
  Tombstone *tombstone = data;

  cf_uid_set_free (tombstone->uids);
  g_free (tombstone);
}

static Mailbox *
mailbox_new (Account *account, const char *name, guint32 special_use)
{
  Mailbox *mailbox = g_new0 (Mailbox, 1);

  account->last_uid_validity = cf_uid_validity_next (account->last_uid_validity);
  mailbox->id = ++account->store->last_mailbox;
  mailbox->account = account;
  mailbox->name = g_strdup (name);
  mailbox->uid_validity = account->last_uid_validity;
  mailbox->uid_next = 1;
  mailbox->recent_uid = 1;
  mailbox->special_use = special_use;
  mailbox->highest_modseq = 1;
  mailbox->messages = g_tree_new_full (compare_uid, NULL, NULL, message_unref);
  mailbox->attributes = attributes_new ();
  g_queue_init (&mailbox->tombstones);
  g_tree_insert (account->mailboxes, mailbox->name, mailbox);
  g_hash_table_insert (account->mailboxes_by_id, &mailbox->id, mailbox);
  return mailbox;
}

static void
mailbox_free (Mailbox *mailbox)
{
  Account *account = mailbox->account;
  GTreeNode *node;

  while ((node = g_tree_node_first (mailbox->messages)) != NULL)
    mailbox_displace (mailbox, g_tree_node_value (node));
  g_tree_remove (account->mailboxes, mailbox->name);
  g_hash_table_remove (account->mailboxes_by_id, &mailbox->id);
  g_tree_unref (mailbox->messages);
  g_tree_unref (mailbox->attributes);
  g_queue_clear_full (&mailbox->tombstones, tombstone_free);
  g_free (mailbox->name);
  g_free (mailbox);
}

static CfMailboxInfo
mailbox_get_info (const Mailbox *mailbox)
{
  return (CfMailboxInfo){
    .struct_size = sizeof (CfMailboxInfo),
    .id = mailbox->id,
    .name = mailbox->name,
    .uid_validity = mailbox->uid_validity,
    .uid_next = mailbox->uid_next,
    .highest_modseq = mailbox->highest_modseq,
    .recent_uid = mailbox->recent_uid,
    .special_use = mailbox->special_use,
  };
}

static void
mailbox_report_row (const Message *message, CfIndexSink *sink)
{
  CfIndexRow row = {
    .struct_size = sizeof row,
    .uid = message->uid,
    .flags = message->flags,
    .zone = message->zone,
    .internal_date = message->internal_date,
    .save_date = message->save_date,
    .modseq = message->modseq,
    .size = message->size,
    .content = message->content->id,
    .keywords = message->keywords,
  };

  sink->row (sink, &row);
}

/* What happened to @mailbox after MODSEQ @since; 0: all rows; G_MAXUINT64: the mailbox alone. */
static void
mailbox_report (Mailbox *mailbox, guint64 since, CfIndexSink *sink)
{
  CfMailboxInfo info = mailbox_get_info (mailbox);
  g_autoptr (CfUidSet) expunged = cf_uid_set_new ();

  sink->mailbox (sink, &info);
  if (since == G_MAXUINT64)
    return;

  /* A MODSEQ from before the oldest tombstone, or one this mailbox never gave out. */
  if (since != 0 && (since < mailbox->forgotten || since > mailbox->highest_modseq)) {
    sink->reset (sink);
    since = 0;
  }

  if (since != 0) {
    for (GList *link = mailbox->tombstones.tail; link != NULL; link = link->prev) {
      const Tombstone *tombstone = link->data;

      if (tombstone->modseq <= since)
        break;
      cf_uid_set_add_set (expunged, tombstone->uids);
    }
    if (!cf_uid_set_is_empty (expunged))
      sink->expunged (sink, expunged);
  }

  for (GTreeNode *node = g_tree_node_first (mailbox->messages); node != NULL;
       node = g_tree_node_next (node)) {
    const Message *message = g_tree_node_value (node);

    if (message->modseq > since)
      mailbox_report_row (message, sink);
  }
}

/* ======================================================================================================
 * Accounts
 * ====================================================================================================== */

static Account *
account_new (CfStore *store, const char *name)
{
  Account *account = g_new0 (Account, 1);

  account->id = ++store->last_account;
  account->store = store;
  account->name = g_strdup (name);
  account->addresses = g_ptr_array_new_with_free_func (g_free);
  account->credentials
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_bytes_unref);
  account->attributes = attributes_new ();
  account->mailboxes = g_tree_new_full (compare_text, NULL, NULL, NULL);
  account->mailboxes_by_id = g_hash_table_new (g_int64_hash, g_int64_equal);
  account->contents = g_hash_table_new (g_int64_hash, g_int64_equal);
  account->headers
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
  g_tree_insert (store->accounts, &account->id, account);
  return account;
}

static void
account_add_address (Account *account, const char *address)
{
  g_ptr_array_add (account->addresses, g_strdup (address));
  g_hash_table_insert (account->store->accounts_by_address, g_strdup (address), account);
}

static void
account_remove_address (Account *account, const char *address)
{
  guint i;

  g_hash_table_remove (account->store->accounts_by_address, address);
  if (g_ptr_array_find_with_equal_func (account->addresses, address, g_str_equal, &i))
    g_ptr_array_remove_index (account->addresses, i);
}

/* Frees the account with all its contents, and the objects that only it used or that lie in its own scope. */
static void
account_free (Account *account)
{
  CfStore *store = account->store;
  g_autofree char *scope = g_strdup_printf ("account/%" G_GUINT64_FORMAT, account->id);
  g_autoptr (GList) contents = NULL;
  GTreeNode *node;

  while ((node = g_tree_node_first (account->mailboxes)) != NULL)
    mailbox_free (g_tree_node_value (node));
  contents = g_hash_table_get_values (account->contents);
  for (GList *link = contents; link != NULL; link = link->next)
    content_free (link->data, TRUE);
  for (GList *link = store->idle_objects.head, *next; link != NULL; link = next) {
    Object *object = link->data;

    next = link->next;
    if (strcmp (object->scope, scope) == 0)
      object_free (store, object);
  }
  while (account->addresses->len > 0)
    account_remove_address (account, account->addresses->pdata[account->addresses->len - 1]);
  g_tree_remove (store->accounts, &account->id);
  g_ptr_array_unref (account->addresses);
  g_hash_table_unref (account->credentials);
  g_tree_unref (account->attributes);
  g_tree_unref (account->mailboxes);
  g_hash_table_unref (account->mailboxes_by_id);
  g_hash_table_unref (account->contents);
  g_hash_table_unref (account->headers);
  g_free (account->name);
  g_free (account);
}

/* How most slots begin, with the lock held. NULL: @error. */
static Account *
find_account (CfStore *store, const CfCall *call, CfAccountId id, GError **error)
{
  Account *account = NULL;

  if (!check_deadline (call, error))
    return NULL;
  account = g_tree_lookup (store->accounts, &id);
  if (account == NULL)
    refuse (error, CF_ERROR_NONEXISTENT, "There is no such account");
  return account;
}

static Mailbox *
find_mailbox (CfStore *store, const CfCall *call, CfAccountId account_id, CfMailboxId id, GError **error)
{
  Account *account = find_account (store, call, account_id, error);
  Mailbox *mailbox;

  if (account == NULL)
    return NULL;
  mailbox = g_hash_table_lookup (account->mailboxes_by_id, &id);
  if (mailbox == NULL)
    refuse (error, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  return mailbox;
}

static Mailbox *
find_mailbox_by_name (CfStore *store, const CfCall *call, CfAccountId account_id, const char *name,
                      GError **error)
{
  Account *account = find_account (store, call, account_id, error);
  Mailbox *mailbox;

  if (account == NULL)
    return NULL;
  mailbox = g_tree_lookup (account->mailboxes, name);
  if (mailbox == NULL)
    refuse (error, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  return mailbox;
}

/* ======================================================================================================
 * Slots: lifecycle
 *
 * schema_version and schema_upgrade are absent: nothing outlives the program that made it.
 * ====================================================================================================== */

static gboolean
memory_open (CfStoreOpenFlags flags, CfStore **out_store, GError **error)
{
  CfStore *store;

  if ((flags & CF_STORE_OPEN_CREATE) == 0)
    return refuse (error, CF_ERROR_NONEXISTENT, "A store in memory is always a new one: it must be created");

  store = g_new0 (CfStore, 1);
  g_rw_lock_init (&store->lock);
  store->accounts = g_tree_new_full (compare_id, NULL, NULL, NULL);
  store->accounts_by_address = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  store->objects = g_hash_table_new (g_int64_hash, g_int64_equal);
  store->objects_by_hash = g_hash_table_new (object_hash, object_equal);
  g_queue_init (&store->idle_contents);
  g_queue_init (&store->idle_objects);
  *out_store = store;
  return TRUE;
}

static void
memory_close (CfStore *store)
{
  GTreeNode *node;
  Object *object;

  while ((node = g_tree_node_first (store->accounts)) != NULL)
    account_free (g_tree_node_value (node));
  while ((object = g_queue_peek_head (&store->idle_objects)) != NULL)
    object_free (store, object);
  g_tree_unref (store->accounts);
  g_hash_table_unref (store->accounts_by_address);
  g_hash_table_unref (store->objects);
  g_hash_table_unref (store->objects_by_hash);
  g_rw_lock_clear (&store->lock);
  g_free (store);
}

static gboolean
memory_connect (CfStore *store, CfStoreConn **out_conn, GError **error)
{
  *out_conn = g_new0 (CfStoreConn, 1);
  (*out_conn)->store = store;
  return TRUE;
}

static void
memory_disconnect (CfStoreConn *conn)
{
  g_free (conn);
}

static gboolean
memory_probe (CfStoreConn *conn, const CfCall *call, GError **error)
{
  return check_deadline (call, error);
}

/* ======================================================================================================
 * Slots: accounts and credentials
 * ====================================================================================================== */

static gboolean
memory_account_create (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                       GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account;

  if (!check_deadline (call, error))
    return FALSE;
  if (g_hash_table_contains (conn->store->accounts_by_address, name))
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The address belongs to an account");

  account = account_new (conn->store, name);
  account_add_address (account, name);
  mailbox_new (account, "INBOX", 0);
  *out_id = account->id;
  return TRUE;
}

static void
account_report (const Account *account, CfAccountSink *sink)
{
  CfAccountInfo info = {
    .struct_size = sizeof info,
    .id = account->id,
    .name = account->name,
    .disabled = account->disabled,
    .octets = account->octets,
    .messages = account->messages,
    .last_uid_validity = account->last_uid_validity,
  };

  sink->account (sink, &info);
  for (guint i = 0; i < account->addresses->len; i++)
    sink->address (sink, account->addresses->pdata[i]);
}

static gboolean
memory_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                       GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  const Account *account;
  GHashTableIter iter;
  gpointer kind, value;

  if (!check_deadline (call, error))
    return FALSE;
  account = g_hash_table_lookup (conn->store->accounts_by_address, address);
  if (account == NULL)
    return refuse (error, CF_ERROR_NONEXISTENT, "There is no such account");

  account_report (account, sink);
  g_hash_table_iter_init (&iter, account->credentials);
  while (g_hash_table_iter_next (&iter, &kind, &value))
    sink->credential (sink, kind, value);
  return TRUE;
}

static gboolean
memory_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);

  if (!check_deadline (call, error))
    return FALSE;
  for (GTreeNode *node = g_tree_node_first (conn->store->accounts); node != NULL;
       node = g_tree_node_next (node))
    account_report (g_tree_node_value (node), sink);
  return TRUE;
}

/* Everything that can be refused is, before anything is changed: all or nothing. */
static gboolean
memory_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId id, const CfAccountChange *change,
                       GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);

  if (account == NULL)
    return FALSE;
  if (change->add_address != NULL
      && g_hash_table_contains (conn->store->accounts_by_address, change->add_address))
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The address belongs to an account");
  if (change->remove_address != NULL
      && g_hash_table_lookup (conn->store->accounts_by_address, change->remove_address) != account)
    return refuse (error, CF_ERROR_NONEXISTENT, "The account does not have this address");

  if (change->disabled >= 0)
    account->disabled = change->disabled;
  if (change->add_address != NULL)
    account_add_address (account, change->add_address);
  if (change->remove_address != NULL)
    account_remove_address (account, change->remove_address);
  if (change->credential_kind != NULL && change->credential != NULL)
    g_hash_table_insert (account->credentials, g_strdup (change->credential_kind),
                         g_bytes_ref (change->credential));
  else if (change->credential_kind != NULL)
    g_hash_table_remove (account->credentials, change->credential_kind);
  account->last_uid_validity = MAX (account->last_uid_validity, change->last_uid_validity);
  return TRUE;
}

static gboolean
memory_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId id, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);

  if (account == NULL)
    return FALSE;
  account_free (account);
  return TRUE;
}

/* ======================================================================================================
 * Slots: mailbox tree
 * ====================================================================================================== */

/* Creates what is missing of "a", "a/b" for "a/b/c". */
static void
tree_create_parents (Account *account, const char *name, CfMailboxSink *sink)
{
  for (const char *slash = strchr (name, '/'); slash != NULL; slash = strchr (slash + 1, '/')) {
    g_autofree char *parent = g_strndup (name, slash - name);
    CfMailboxInfo info;

    if (g_tree_lookup (account->mailboxes, parent) != NULL)
      continue;
    info = mailbox_get_info (mailbox_new (account, parent, 0));
    if (sink != NULL)
      sink->mailbox (sink, &info);
  }
}

static gboolean
memory_mailbox_list (CfStoreConn *conn, const CfCall *call, CfAccountId id, CfMailboxSink *sink,
                     GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);

  if (account == NULL)
    return FALSE;
  for (GTreeNode *node = g_tree_node_first (account->mailboxes); node != NULL;
       node = g_tree_node_next (node)) {
    CfMailboxInfo info = mailbox_get_info (g_tree_node_value (node));

    sink->mailbox (sink, &info);
  }
  return TRUE;
}

static gboolean
memory_mailbox_create (CfStoreConn *conn, const CfCall *call, CfAccountId id, const char *name,
                       guint32 special_use, CfMailboxSink *sink, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);
  CfMailboxInfo info;

  if (account == NULL)
    return FALSE;
  if (g_tree_lookup (account->mailboxes, name) != NULL)
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The mailbox exists");

  tree_create_parents (account, name, sink);
  info = mailbox_get_info (mailbox_new (account, name, special_use));
  sink->mailbox (sink, &info);
  return TRUE;
}

static void
tree_rename (Mailbox *mailbox, const char *name)
{
  GTree *mailboxes = mailbox->account->mailboxes;

  g_tree_remove (mailboxes, mailbox->name);
  g_free (mailbox->name);
  mailbox->name = g_strdup (name);
  g_tree_insert (mailboxes, mailbox->name, mailbox);
}

/* @from, when it has a row, and all below it. */
static GPtrArray *
tree_select (Account *account, const char *from)
{
  GPtrArray *mailboxes = g_ptr_array_new ();
  g_autofree char *below = g_strconcat (from, "/", NULL);
  Mailbox *own = g_tree_lookup (account->mailboxes, from);

  if (own != NULL)
    g_ptr_array_add (mailboxes, own);
  for (GTreeNode *node = g_tree_lower_bound (account->mailboxes, below);
       node != NULL && g_str_has_prefix (g_tree_node_key (node), below); node = g_tree_node_next (node))
    g_ptr_array_add (mailboxes, g_tree_node_value (node));
  return mailboxes;
}

static gboolean
memory_mailbox_rename (CfStoreConn *conn, const CfCall *call, CfAccountId id, const char *from,
                       const char *to, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);
  g_autoptr (GPtrArray) moving = NULL;
  g_autoptr (GPtrArray) names = NULL;
  gboolean inbox = strcmp (from, "INBOX") == 0;

  if (account == NULL)
    return FALSE;

  moving = tree_select (account, from);
  if (inbox) /* its own row, which is the first, moves alone (RFC 3501, 6.3.5) */
    g_ptr_array_set_size (moving, 1);
  if (moving->len == 0)
    return refuse (error, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  if (g_tree_lookup (account->mailboxes, to) != NULL)
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The mailbox exists");
  names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < moving->len; i++) {
    g_ptr_array_add (names, g_strconcat (to, ((Mailbox *) moving->pdata[i])->name + strlen (from), NULL));
    if (g_tree_lookup (account->mailboxes, names->pdata[i]) != NULL)
      return refuse (error, CF_ERROR_ALREADYEXISTS, "A mailbox below the new name exists");
  }

  for (guint i = 0; i < moving->len; i++)
    tree_rename (moving->pdata[i], names->pdata[i]);
  if (inbox) /* before the parents: INBOX may be one of them */
    mailbox_new (account, "INBOX", 0);
  tree_create_parents (account, to, NULL);
  return TRUE;
}

static gboolean
memory_mailbox_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId id,
                       GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Mailbox *mailbox = find_mailbox (conn->store, call, account, id, error);

  if (mailbox == NULL)
    return FALSE;
  mailbox_free (mailbox);
  return TRUE;
}

static CfMailboxStatus
mailbox_get_status (const Mailbox *mailbox)
{
  CfMailboxStatus status = { .struct_size = sizeof status,
                             .id = mailbox->id,
                             .uid_validity = mailbox->uid_validity,
                             .uid_next = mailbox->uid_next,
                             .highest_modseq = mailbox->highest_modseq,
                             .recent_uid = mailbox->recent_uid };

  for (GTreeNode *node = g_tree_node_first (mailbox->messages); node != NULL;
       node = g_tree_node_next (node)) {
    const Message *message = g_tree_node_value (node);

    status.messages++;
    status.unseen += (message->flags & CF_FLAG_SEEN) == 0;
    status.deleted += (message->flags & CF_FLAG_DELETED) != 0;
    status.recent += message->uid >= mailbox->recent_uid;
    status.octets += message->size;
  }
  return status;
}

static gboolean
memory_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId id, const char *prefix,
                            CfStatusSink *sink, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);

  if (account == NULL)
    return FALSE;
  for (GTreeNode *node = g_tree_node_first (account->mailboxes); node != NULL;
       node = g_tree_node_next (node)) {
    const Mailbox *mailbox = g_tree_node_value (node);
    CfMailboxInfo info = mailbox_get_info (mailbox);
    CfMailboxStatus status;

    if (!g_str_has_prefix (mailbox->name, prefix))
      continue;
    status = mailbox_get_status (mailbox);
    sink->mailbox (sink, &info, &status);
  }
  return TRUE;
}

static gboolean
memory_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                       CfMailboxStatus *out_status, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Mailbox *mailbox = find_mailbox_by_name (conn->store, call, account, name, error);

  if (mailbox == NULL)
    return FALSE;
  *out_status = mailbox_get_status (mailbox);
  return TRUE;
}

/* ======================================================================================================
 * Slots: index
 * ====================================================================================================== */

/* \Recent is claimed by whoever reports it first; the report shows what there was to claim. */
static gboolean
memory_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                   GError **error)
{
  gboolean claims = query->claim_recent || query->known_recent != 0;
  g_autoptr (GRWLockWriterLocker) writer = claims ? g_rw_lock_writer_locker_new (&conn->store->lock) : NULL;
  g_autoptr (GRWLockReaderLocker) reader = claims ? NULL : g_rw_lock_reader_locker_new (&conn->store->lock);
  guint64 since = query->since;
  Mailbox *mailbox;

  mailbox = query->mailbox != 0
                ? find_mailbox (conn->store, call, query->account, query->mailbox, error)
                : find_mailbox_by_name (conn->store, call, query->account, query->name, error);
  if (mailbox == NULL)
    return FALSE;
  if (query->since_of != 0 && query->since_of != mailbox->id)
    since = 0;

  if (claims)
    mailbox->recent_uid = MIN (MAX (mailbox->recent_uid, query->known_recent), mailbox->uid_next);
  mailbox_report (mailbox, since, sink);
  if (query->claim_recent)
    mailbox->recent_uid = mailbox->uid_next;
  return TRUE;
}

/* ======================================================================================================
 * Slots: content
 * ====================================================================================================== */

static void
content_emit (const Content *content, guint64 offset, guint64 length, guint i, CfReadSink *sink)
{
  guint64 end = offset + length;

  for (guint p = 0; p < content->pieces->len; p++) {
    const Piece *piece = &g_array_index (content->pieces, Piece, p);
    guint64 from = MAX (offset, piece->offset), to = MIN (end, piece->offset + piece->length);
    const guint8 *data = g_bytes_get_data (piece->octets, NULL);

    if (from < to)
      sink->octets (sink, i, data + piece->start + (from - piece->offset), to - from);
  }
}

static void
content_read (const Content *content, const CfReadRequest *request, guint i, CfReadSink *sink)
{
  guint64 area = 0, area_length = content->length, offset;

  if (request->want_facts)
    sink->facts (sink, i, content->facts);
  if (request->path != NULL) {
    g_autoptr (CfFacts) facts = cf_facts_new_from_encoded (content->facts, NULL);

    if (facts == NULL) /* core computes them anew, and asks by offset then */
      return;
    if (!cf_facts_locate_raw (facts, request->path, request->section, &area, &area_length))
      area = area_length = 0;
    sink->area (sink, i, area, area_length);
  }
  offset = MIN (request->offset, area_length);
  content_emit (content, area + offset, MIN (request->length, area_length - offset), i, sink);
}

static gboolean
memory_read (CfStoreConn *conn, const CfCall *call, CfAccountId id, guint n_requests,
             const CfReadRequest *const *requests, CfReadSink *sink, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);

  if (account == NULL)
    return FALSE;
  for (guint i = 0; i < n_requests; i++) {
    const Content *content = g_hash_table_lookup (account->contents, &requests[i]->content);

    if (content == NULL)
      sink->missing (sink, i);
    else
      content_read (content, requests[i], i, sink);
  }
  return TRUE;
}

static gboolean
memory_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId id, CfContentId content_id,
                     CfFacts *facts, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);
  Content *content;

  if (account == NULL)
    return FALSE;
  content = g_hash_table_lookup (account->contents, &content_id);
  if (content == NULL)
    return refuse (error, CF_ERROR_NONEXISTENT, "There is no such content");

  content_unindex_headers (content);
  g_bytes_unref (content->facts);
  content->facts = g_bytes_ref (cf_facts_get_encoded (facts));
  content_index_headers (content, facts);
  return TRUE;
}

/* A source as one block of memory, or NULL with @error. */
static GBytes *
source_load (CfSource *source, guint64 offset, guint64 length, GError **error)
{
  g_autofree guint8 *octets = length <= G_MAXSIZE - 1 ? g_try_malloc (length + 1) : NULL;

  if (octets == NULL) {
    refuse (error, CF_ERROR_LIMIT, "The message does not fit into memory");
    return NULL;
  }
  if (!cf_source_read (source, offset, octets, length, error))
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&octets), length);
}

/* The octets are read without the lock, so another connection may put the same object in the meantime: the
 * look-up after that decides. */
static gboolean
object_put_one (CfStore *store, const CfCall *call, const char *scope, const CfObject *wanted,
                CfObjectId *out_id, GError **error)
{
  g_autoptr (GBytes) octets = NULL;

  for (;;) {
    g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&store->lock);
    Object *object;

    if (!check_deadline (call, error))
      return FALSE;
    object = object_lookup (store, scope, wanted->sha256);
    if (object != NULL)
      object_touch (store, object);
    else if (octets != NULL)
      object = object_new (store, scope, wanted->sha256, octets);
    if (object != NULL) {
      *out_id = object->id;
      return TRUE;
    }

    g_clear_pointer (&locker, g_rw_lock_writer_locker_free);
    octets = source_load (wanted->octets, 0, cf_source_get_length (wanted->octets), error);
    if (octets == NULL)
      return FALSE;
  }
}

static gboolean
memory_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                   const CfObject *const *objects, CfObjectId *out_ids, GError **error)
{
  g_autofree CfObjectId *ids = g_new (CfObjectId, n);

  for (guint i = 0; i < n; i++)
    if (!object_put_one (conn->store, call, scope, objects[i], &ids[i], error))
      return FALSE; /* those put so far are idle, and go by collect */
  for (guint i = 0; i < n; i++)
    out_ids[i] = ids[i];
  return TRUE;
}

/* ======================================================================================================
 * Slots: commit
 *
 * A unit is an operation, or a group. Each unit is carried out through commit_change(), which notes every
 * change; a unit that fails is undone from the notes, backwards. What remains at the end is what the commit
 * did, and says how the mailboxes' MODSEQ rise and which tombstones they get.
 * ====================================================================================================== */

/* A message became another: no `before` is an arrival, no `after` an expunge. */
typedef struct {
  Message *before, *after; /* a reference each */
} Change;

/* An append's octets, read before the lock is taken; objects are found once it is held. */
typedef struct {
  GBytes **octets; /* one for each segment; NULL for those kept apart */
  guint n;
  GError *error; /* why they could not be read */
} Draft;

typedef struct {
  CfStore *store;
  Account *account;
  Mailbox *mailbox;
  Mailbox *destination; /* NULL: there is none */
  CfWriteBatch *batch;
  Draft *drafts;   /* one for each operation */
  GArray *changes; /* Change */
} Commit;

static void
change_clear (gpointer data)
{
  Change *change = data;

  g_clear_pointer (&change->before, message_unref);
  g_clear_pointer (&change->after, message_unref);
}

/* The one way a commit changes a mailbox. Takes over @after. */
static void
commit_change (Commit *commit, Message *before, Message *after)
{
  Change change = { before != NULL ? g_rc_box_acquire (before) : NULL, after };

  if (before != NULL)
    mailbox_displace (before->mailbox, before);
  if (after != NULL)
    mailbox_place (after->mailbox, after);
  g_array_append_val (commit->changes, change);
}

/* Takes back all changes from the @mark-th on. A content without placements after that was made
 * by this unit. */
static void
commit_undo (Commit *commit, guint mark)
{
  for (guint i = commit->changes->len; i-- > mark;) {
    Change *change = &g_array_index (commit->changes, Change, i);
    Content *content = (change->after != NULL ? change->after : change->before)->content;

    if (change->after != NULL)
      mailbox_displace (change->after->mailbox, change->after);
    if (change->before != NULL)
      mailbox_place (change->before->mailbox, change->before);
    else if (content->placements->len == 0)
      content_free (content, FALSE);
  }
  g_array_set_size (commit->changes, mark);
}

/* ---- Appends ----------------------------------------------------------------------------------------- */

static Draft
draft_read (const CfAppend *append)
{
  Draft draft = { .n = MAX (append->n_segments, 1) };

  draft.octets = g_new0 (GBytes *, draft.n);
  if (append->n_segments == 0)
    draft.octets[0] = source_load (append->octets, 0, cf_source_get_length (append->octets), &draft.error);
  for (guint i = 0; i < append->n_segments && draft.error == NULL; i++) {
    const CfSegment *segment = append->segments[i];

    if (segment->kind == CF_SEGMENT_INLINE)
      draft.octets[i] = source_load (append->octets, segment->offset, segment->length, &draft.error);
  }
  return draft;
}

static void
draft_clear (Draft *draft)
{
  for (guint i = 0; i < draft->n; i++)
    g_clear_pointer (&draft->octets[i], g_bytes_unref);
  g_clear_pointer (&draft->octets, g_free);
  g_clear_error (&draft->error);
}

static Draft *
drafts_read (const CfWriteBatch *batch)
{
  Draft *drafts = g_new0 (Draft, cf_write_batch_get_n_ops (batch));

  for (guint i = 0; i < cf_write_batch_get_n_ops (batch); i++)
    if (cf_write_batch_get_op (batch, i)->kind == CF_WRITE_APPEND)
      drafts[i] = draft_read (cf_write_batch_get_op (batch, i)->append);
  return drafts;
}

static void
drafts_free (Draft *drafts, guint n)
{
  for (guint i = 0; i < n; i++)
    draft_clear (&drafts[i]);
  g_free (drafts);
}

static gboolean
append_add_object (CfStore *store, const CfSegment *segment, Piece *piece, GArray *gone)
{
  Object *object = g_hash_table_lookup (store->objects, &segment->object);

  if (object == NULL) {
    g_array_append_val (gone, segment->object);
    return TRUE;
  }
  if (segment->object_offset > g_bytes_get_size (object->octets)
      || segment->length > g_bytes_get_size (object->octets) - segment->object_offset)
    return FALSE;
  piece->octets = g_bytes_ref (object->octets);
  piece->start = segment->object_offset;
  piece->object = object;
  return TRUE;
}

/* The append's pieces, or NULL with @error. @gone (of CfObjectId) gets every object that is gone, so that
 * core can put them all again in one go. */
static GArray *
append_get_pieces (CfStore *store, const Draft *draft, const CfAppend *append, GArray *gone, GError **error)
{
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  guint64 end = 0;

  if (draft->error != NULL) {
    g_propagate_error (error, g_error_copy (draft->error));
    return NULL;
  }
  g_array_set_clear_func (pieces, piece_clear);
  for (guint s = 0; s < draft->n; s++) {
    const CfSegment *segment = append->n_segments > 0 ? append->segments[s] : NULL;
    Piece piece = { .offset = end, .octets = draft->octets[s] };

    if (segment != NULL && segment->offset != end)
      break;
    if (piece.octets != NULL) {
      piece.length = g_bytes_get_size (piece.octets);
      g_bytes_ref (piece.octets);
    } else {
      piece.length = segment->length;
      if (!append_add_object (store, segment, &piece, gone))
        break;
    }
    end += piece.length;
    if (piece.octets != NULL)
      g_array_append_val (pieces, piece);
  }

  if (gone->len > 0) {
    refuse (error, CF_ERROR_CONTENT_GONE, "A part of the message is no longer stored");
    return NULL;
  }
  if (end != cf_source_get_length (append->octets)) {
    refuse (error, CF_ERROR_SERVERBUG, "The message's segments do not cover it");
    return NULL;
  }
  return g_steal_pointer (&pieces);
}

static gboolean
mailbox_has_uids (const Mailbox *mailbox, guint n, GError **error)
{
  if (n > G_MAXUINT32 - mailbox->uid_next)
    return refuse (error, CF_ERROR_LIMIT, "The mailbox has no UIDs left");
  return TRUE;
}

static gboolean
commit_append (Commit *commit, guint i, const CfWriteOp *op, GError **error)
{
  const CfAppend *append = op->append;
  Mailbox *mailbox = op->in_destination ? commit->destination : commit->mailbox;
  g_autoptr (GArray) gone = g_array_new (FALSE, FALSE, sizeof (CfObjectId));
  GArray *pieces;
  Message *message;

  if (mailbox == NULL)
    return refuse (error, CF_ERROR_TRYCREATE, "The destination mailbox does not exist");
  if (!mailbox_has_uids (mailbox, 1, error))
    return FALSE;
  pieces = append_get_pieces (commit->store, &commit->drafts[i], append, gone, error);
  for (guint o = 0; o < gone->len; o++)
    cf_write_batch_object_gone (commit->batch, i, g_array_index (gone, CfObjectId, o));
  if (pieces == NULL)
    return FALSE;

  message = message_new (
      NULL, mailbox,
      content_new (commit->account, pieces, cf_source_get_length (append->octets), append->facts));
  message->uid = mailbox->uid_next++;
  message->flags = append->flags & CF_FLAG_ALL;
  message->keywords = cf_keywords_ref (append->keywords);
  message->zone = append->zone;
  message->internal_date = append->internal_date;
  message->save_date = g_get_real_time () / G_USEC_PER_SEC;
  message->size = append->size;
  commit_change (commit, NULL, message);
  cf_write_batch_appended (commit->batch, i, message->uid);
  return TRUE;
}

/* ---- The other operations ---------------------------------------------------------------------------- */

static void
commit_store (Commit *commit, guint i, const CfWriteOp *op, GPtrArray *messages)
{
  for (guint m = 0; m < messages->len; m++) {
    Message *before = messages->pdata[m], *after;
    g_autoptr (CfKeywords) keywords = NULL;
    guint16 flags = op->flags & CF_FLAG_ALL;

    if (before->modseq > op->unchanged_since) {
      cf_write_batch_not_modified (commit->batch, i, before->uid);
      continue;
    }
    switch (op->mode) {
    case CF_STORE_REPLACE:
      keywords = cf_keywords_ref (op->keywords);
      break;
    case CF_STORE_ADD:
      flags |= before->flags;
      keywords = cf_keywords_union (before->keywords, op->keywords);
      break;
    case CF_STORE_REMOVE:
      flags = before->flags & ~flags;
      keywords = cf_keywords_minus (before->keywords, op->keywords);
      break;
    }
    if (flags == before->flags && keywords == before->keywords)
      continue; /* nothing changes, so MODSEQ does not */

    after = message_new (before, commit->mailbox, NULL);
    after->flags = flags;
    cf_keywords_unref (after->keywords);
    after->keywords = g_steal_pointer (&keywords);
    commit_change (commit, before, after);
  }
}

static void
commit_expunge (Commit *commit, guint i, const CfWriteOp *op, GPtrArray *messages)
{
  for (guint m = 0; m < messages->len; m++) {
    Message *message = messages->pdata[m];

    if (op->only_deleted && (message->flags & CF_FLAG_DELETED) == 0)
      continue;
    commit_change (commit, message, NULL);
    cf_write_batch_expunged (commit->batch, i, message->uid);
  }
}

/* COPY, and MOVE, which expunges each message as soon as its copy is there. */
static gboolean
commit_copy (Commit *commit, guint i, const CfWriteOp *op, GPtrArray *messages, GError **error)
{
  Mailbox *destination = commit->destination;

  if (destination == NULL)
    return refuse (error, CF_ERROR_TRYCREATE, "The destination mailbox does not exist");
  if (!mailbox_has_uids (destination, messages->len, error))
    return FALSE;
  for (guint m = 0; m < messages->len; m++) {
    Message *original = messages->pdata[m];
    Message *copy = message_new (original, destination, NULL);

    copy->uid = destination->uid_next++;
    copy->save_date = g_get_real_time () / G_USEC_PER_SEC;
    commit_change (commit, NULL, copy);
    if (op->kind == CF_WRITE_MOVE)
      commit_change (commit, original, NULL);
    cf_write_batch_copied (commit->batch, i, original->uid, copy->uid);
  }
  return TRUE;
}

static void
commit_annotate (Commit *commit, const CfWriteOp *op, GPtrArray *messages)
{
  for (guint m = 0; m < messages->len; m++) {
    Message *before = messages->pdata[m], *after;
    g_autoptr (GTree) attributes = attributes_copy (before->attributes);
    gboolean changed = FALSE;

    for (guint a = 0; a < op->n_attributes; a++)
      changed |= attributes_set (attributes, op->attributes[a]);
    if (!changed)
      continue;
    after = message_new (before, commit->mailbox, NULL);
    g_clear_pointer (&after->attributes, g_tree_unref);
    after->attributes = g_steal_pointer (&attributes);
    commit_change (commit, before, after);
  }
}

static gboolean
commit_operation (Commit *commit, guint i, GError **error)
{
  const CfWriteOp *op = cf_write_batch_get_op (commit->batch, i);
  g_autoptr (GPtrArray) messages = NULL;

  if (op->kind == CF_WRITE_APPEND)
    return commit_append (commit, i, op, error);

  messages = mailbox_select (commit->mailbox, op->uids);
  if (op->require_all && messages->len < cf_uid_set_get_count (op->uids))
    return refuse (error, CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged");

  switch (op->kind) {
  case CF_WRITE_STORE:
    commit_store (commit, i, op, messages);
    return TRUE;
  case CF_WRITE_EXPUNGE:
    commit_expunge (commit, i, op, messages);
    return TRUE;
  case CF_WRITE_COPY:
  case CF_WRITE_MOVE:
    return commit_copy (commit, i, op, messages, error);
  case CF_WRITE_ANNOTATE:
    commit_annotate (commit, op, messages);
    return TRUE;
  default: /* a later core's */
    return refuse (error, CF_ERROR_NOT_SUPPORTED, "The store does not know this operation");
  }
}

/* ---- Units and the whole ----------------------------------------------------------------------------- */

/* Above the limit and grown: what shrinks an account, or leaves it as it was, is always allowed. */
static gboolean
exceeds (guint64 limit, guint64 before, guint64 after)
{
  return limit != 0 && after > limit && after > before;
}

/* Carries out the operations from @first to before @end: all of them, or none. */
static void
commit_unit (Commit *commit, guint first, guint end)
{
  Account *account = commit->account;
  Mailbox *destination = commit->destination != NULL ? commit->destination : commit->mailbox;
  guint mark = commit->changes->len;
  guint32 uid_next = commit->mailbox->uid_next, destination_uid_next = destination->uid_next;
  guint64 octets = account->octets, messages = account->messages;
  g_autoptr (GError) failure = NULL;
  gboolean done = TRUE;

  for (guint i = first; i < end && done; i++)
    done = commit_operation (commit, i, &failure);
  if (done
      && (exceeds (cf_write_batch_get_max_octets (commit->batch), octets, account->octets)
          || exceeds (cf_write_batch_get_max_messages (commit->batch), messages, account->messages)))
    done = refuse (&failure, CF_ERROR_OVERQUOTA, "The quota would be exceeded");
  if (done)
    return;

  /* Nobody has seen the UIDs: the lock is still held. */
  commit_undo (commit, mark);
  commit->mailbox->uid_next = uid_next;
  destination->uid_next = destination_uid_next;
  cf_write_batch_fail (commit->batch, first, g_steal_pointer (&failure));
}

/* Raises @mailbox's MODSEQ if the commit changed it, and buries what was expunged. */
static void
commit_seal (Commit *commit, Mailbox *mailbox)
{
  g_autoptr (CfUidSet) expunged = cf_uid_set_new ();
  gboolean changed = FALSE;
  Tombstone *tombstone;

  for (guint i = 0; i < commit->changes->len; i++) {
    const Change *change = &g_array_index (commit->changes, Change, i);

    if ((change->after != NULL ? change->after : change->before)->mailbox != mailbox)
      continue;
    changed = TRUE;
    if (change->after == NULL)
      cf_uid_set_add (expunged, change->before->uid);
  }
  if (changed)
    mailbox->highest_modseq++;
  if (cf_uid_set_is_empty (expunged))
    return;

  tombstone = g_new (Tombstone, 1);
  tombstone->modseq = mailbox->highest_modseq;
  tombstone->uids = g_steal_pointer (&expunged);
  g_queue_push_tail (&mailbox->tombstones, tombstone);
  while (mailbox->tombstones.length > config.tombstones) {
    Tombstone *oldest = g_queue_pop_head (&mailbox->tombstones);

    mailbox->forgotten = oldest->modseq;
    tombstone_free (oldest);
  }
}

static void
commit_report (Commit *commit, Mailbox *mailbox, guint which)
{
  mailbox_report (mailbox, cf_write_batch_get_since (commit->batch, which),
                  cf_write_batch_get_sink (commit->batch, which));
}

static void
commit_run (Commit *commit)
{
  guint n = cf_write_batch_get_n_ops (commit->batch);
  guint end;

  for (guint first = 0; first < n; first = end) {
    guint group = cf_write_batch_get_op (commit->batch, first)->group;

    for (end = first + 1; end < n && group != 0; end++)
      if (cf_write_batch_get_op (commit->batch, end)->group != group)
        break;
    commit_unit (commit, first, end);
  }

  commit_seal (commit, commit->mailbox);
  if (commit->destination != NULL && commit->destination != commit->mailbox)
    commit_seal (commit, commit->destination);
  commit_report (commit, commit->mailbox, 0);
  if (commit->destination != NULL && commit->destination != commit->mailbox)
    commit_report (commit, commit->destination, 1);
}

static gboolean
memory_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error)
{
  CfStore *store = conn->store;
  CfMailboxId destination = cf_write_batch_get_destination (batch);
  Commit commit = { .store = store, .batch = batch };

  commit.drafts = drafts_read (batch);
  commit.changes = g_array_new (FALSE, FALSE, sizeof (Change));
  g_array_set_clear_func (commit.changes, change_clear);

  g_rw_lock_writer_lock (&store->lock);
  commit.mailbox = find_mailbox (store, call, cf_write_batch_get_account (batch),
                                 cf_write_batch_get_mailbox (batch), error);
  if (commit.mailbox != NULL) {
    commit.account = commit.mailbox->account;
    commit.destination = g_hash_table_lookup (commit.account->mailboxes_by_id, &destination);
    commit_run (&commit);
  }
  g_array_unref (commit.changes); /* messages are counted under the lock */
  g_rw_lock_writer_unlock (&store->lock);

  drafts_free (commit.drafts, cf_write_batch_get_n_ops (batch));
  return commit.mailbox != NULL;
}

/* ======================================================================================================
 * Slots: attributes
 * ====================================================================================================== */

static void
attributes_report (GTree *attributes, const CfAttributeTarget *target, const char *prefix,
                   CfAttributeSink *sink)
{
  GTreeNode *node = attributes != NULL ? g_tree_lower_bound (attributes, prefix) : NULL;

  for (; node != NULL && g_str_has_prefix (g_tree_node_key (node), prefix); node = g_tree_node_next (node)) {
    CfAttribute attribute = { sizeof attribute, g_tree_node_key (node), g_tree_node_value (node) };

    sink->attribute (sink, target, &attribute);
  }
}

static void
attributes_report_messages (Mailbox *mailbox, const CfAttributeTarget *target, const char *prefix,
                            CfAttributeSink *sink)
{
  for (GTreeNode *node = g_tree_node_first (mailbox->messages); node != NULL;
       node = g_tree_node_next (node)) {
    const Message *message = g_tree_node_value (node);
    CfAttributeTarget own = { sizeof own, target->account, target->mailbox, message->uid };

    attributes_report (message->attributes, &own, prefix, sink);
  }
}

static gboolean
memory_attribute_get (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                      const char *prefix, CfAttributeSink *sink, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, target->account, error);
  const Message *message;
  Mailbox *mailbox;

  if (account == NULL)
    return FALSE;
  if (target->mailbox == 0) {
    attributes_report (account->attributes, target, prefix, sink);
    return TRUE;
  }

  mailbox = find_mailbox (conn->store, call, target->account, target->mailbox, error);
  if (mailbox == NULL)
    return FALSE;
  if (target->uid == 0) {
    attributes_report (mailbox->attributes, target, prefix, sink);
  } else if (target->uid == G_MAXUINT32) {
    attributes_report_messages (mailbox, target, prefix, sink);
  } else {
    message = g_tree_lookup (mailbox->messages, GUINT_TO_POINTER (target->uid));
    attributes_report (message != NULL ? message->attributes : NULL, target, prefix, sink);
  }
  return TRUE;
}

static gboolean
memory_attribute_set (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                      const CfAttribute *const *attributes, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, target->account, error);
  Mailbox *mailbox = NULL;

  if (account == NULL)
    return FALSE;
  if (target->uid != 0)
    return refuse (error, CF_ERROR_SERVERBUG, "Attributes of a message are written by a commit");
  if (target->mailbox != 0) {
    mailbox = find_mailbox (conn->store, call, target->account, target->mailbox, error);
    if (mailbox == NULL)
      return FALSE;
  }

  for (guint i = 0; i < n; i++)
    attributes_set (mailbox != NULL ? mailbox->attributes : account->attributes, attributes[i]);
  return TRUE;
}

/* ======================================================================================================
 * Slots: search
 *
 * What the placements tell is answered exactly. Of the rest this store says "perhaps", in three-valued logic,
 * so that NOT and OR over something unknown stay right: the answer then holds more than matches, never less.
 * ====================================================================================================== */

typedef enum {
  MATCH_NO,
  MATCH_PERHAPS,
  MATCH_YES,
} Match;

/* Days since 1970-01-01 of INTERNALDATE, "disregarding time and timezone" (RFC 3501, 6.4.4): in
 * its own zone. */
static gint64
message_get_day (const Message *message)
{
  gint64 seconds = message->internal_date + message->zone * 60;

  return seconds >= 0 ? seconds / 86400 : -((86399 - seconds) / 86400);
}

static Match
match_known (gboolean matches)
{
  return matches ? MATCH_YES : MATCH_NO;
}

static Match
search_match (const CfSearchNode *node, const Message *message)
{
  guint n = node->children != NULL ? node->children->len : 0;
  Match match, child; /* MIN() and MAX() would evaluate it twice, and that at every level */

  switch (node->kind) {
  case CF_SEARCH_ALL:
    return MATCH_YES;
  case CF_SEARCH_AND:
    match = MATCH_YES;
    for (guint i = 0; i < n && match != MATCH_NO; i++) {
      child = search_match (node->children->pdata[i], message);
      match = MIN (match, child);
    }
    return match;
  case CF_SEARCH_OR:
    match = MATCH_NO;
    for (guint i = 0; i < n && match != MATCH_YES; i++) {
      child = search_match (node->children->pdata[i], message);
      match = MAX (match, child);
    }
    return match;
  case CF_SEARCH_NOT:
    return MATCH_YES - search_match (node->children->pdata[0], message);
  case CF_SEARCH_UID:
    return match_known (cf_uid_set_contains (node->uids, message->uid));
  case CF_SEARCH_FLAG:
    return match_known ((message->flags & node->number) != 0);
  case CF_SEARCH_KEYWORD:
    return match_known (cf_keywords_contains (message->keywords, node->text));
  case CF_SEARCH_LARGER:
    return match_known (message->size > node->number);
  case CF_SEARCH_SMALLER:
    return match_known (message->size < node->number);
  case CF_SEARCH_BEFORE:
    return match_known (message_get_day (message) < node->day);
  case CF_SEARCH_ON:
    return match_known (message_get_day (message) == node->day);
  case CF_SEARCH_SINCE:
    return match_known (message_get_day (message) >= node->day);
  case CF_SEARCH_MODSEQ:
    return match_known (message->modseq >= node->number);
  default:
    return MATCH_PERHAPS;
  }
}

static gboolean
memory_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId id,
               const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids, gboolean *out_exact,
               GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Mailbox *mailbox = find_mailbox (conn->store, call, account, id, error);
  CfUidSet *uids;

  if (mailbox == NULL)
    return FALSE;
  uids = cf_uid_set_new ();
  *out_exact = TRUE;
  for (gsize i = 0; i < cf_uid_set_get_n_ranges (candidates); i++) {
    CfUidRange range = cf_uid_set_get_range (candidates, i);
    GTreeNode *node = g_tree_lower_bound (mailbox->messages, GUINT_TO_POINTER (range.first));

    for (; node != NULL; node = g_tree_node_next (node)) {
      const Message *message = g_tree_node_value (node);
      Match match;

      if (message->uid > range.last)
        break;
      match = search_match (tree, message);
      if (match != MATCH_NO)
        cf_uid_set_add (uids, message->uid);
      if (match == MATCH_PERHAPS)
        *out_exact = FALSE;
    }
  }
  *out_uids = uids;
  return TRUE;
}

static gint
compare_placements (gconstpointer a, gconstpointer b)
{
  const Message *x = *(const Message *const *) a, *y = *(const Message *const *) b;

  return x->mailbox != y->mailbox ? strcmp (x->mailbox->name, y->mailbox->name)
                                  : (x->uid < y->uid ? -1 : x->uid > y->uid);
}

static gboolean
memory_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId id, const char *name,
                      const char *value, CfIndexSink *sink, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  Account *account = find_account (conn->store, call, id, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new ();
  g_autofree char *key = header_key (name, value);
  const Mailbox *mailbox = NULL;
  GPtrArray *contents;

  if (account == NULL)
    return FALSE;
  contents = g_hash_table_lookup (account->headers, key);
  for (guint i = 0; contents != NULL && i < contents->len; i++) {
    const Content *content = contents->pdata[i];

    for (guint p = 0; p < content->placements->len; p++)
      g_ptr_array_add (found, content->placements->pdata[p]);
  }

  g_ptr_array_sort (found, compare_placements);
  for (guint i = 0; i < found->len; i++) {
    const Message *message = found->pdata[i];

    if (message->mailbox != mailbox) {
      CfMailboxInfo info = mailbox_get_info (message->mailbox);

      mailbox = message->mailbox;
      sink->mailbox (sink, &info);
    }
    mailbox_report_row (message, sink);
  }
  return TRUE;
}

/* ======================================================================================================
 * Slots: upkeep
 *
 * watch and unwatch are absent: no other process can see this store. So is backup: there is nothing that
 * could take such a copy back.
 * ====================================================================================================== */

enum { COLLECT_AT_ONCE = 1000 };

static gboolean
is_old (gint64 touched, guint64 grace)
{
  return (guint64) (g_get_monotonic_time () - touched) / G_USEC_PER_SEC >= grace;
}

/* Both queues are in the order of touching, so this looks at what it frees, and one more. */
static gboolean
memory_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed, gboolean *out_more,
                GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);
  CfStore *store = conn->store;
  guint64 freed = 0;
  Content *content;
  Object *object;

  if (!check_deadline (call, error))
    return FALSE;
  for (; freed < COLLECT_AT_ONCE; freed++) {
    content = g_queue_peek_head (&store->idle_contents);
    if (content == NULL || !is_old (content->touched, grace))
      break;
    content_free (content, FALSE);
  }
  for (; freed < COLLECT_AT_ONCE; freed++) {
    object = g_queue_peek_head (&store->idle_objects);
    if (object == NULL || !is_old (object->touched, grace))
      break;
    object_free (store, object);
  }
  *out_freed = freed;
  *out_more = freed == COLLECT_AT_ONCE;
  return TRUE;
}

/* What must hold of one account. */
static void
check_account (const Account *account, CfFindingFunc finding, gpointer user_data)
{
  guint64 octets = 0, messages = 0;

  for (GTreeNode *m = g_tree_node_first (account->mailboxes); m != NULL; m = g_tree_node_next (m)) {
    const Mailbox *mailbox = g_tree_node_value (m);

    for (GTreeNode *node = g_tree_node_first (mailbox->messages); node != NULL;
         node = g_tree_node_next (node)) {
      const Message *message = g_tree_node_value (node);

      octets += message->size;
      messages++;
      if (message->uid >= mailbox->uid_next || message->modseq > mailbox->highest_modseq
          || g_hash_table_lookup (account->contents, &message->content->id) != message->content) {
        g_autofree char *text = g_strdup_printf ("Account %s, mailbox %s, UID %u: inconsistent",
                                                 account->name, mailbox->name, message->uid);
        finding (text, user_data);
      }
    }
  }
  if (octets != account->octets || messages != account->messages) {
    g_autofree char *text = g_strdup_printf ("Account %s: totals are wrong", account->name);

    finding (text, user_data);
  }
}

static void
check_object (const guint8 *sha256, GBytes *octets, CfFindingFunc finding, gpointer user_data)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8 digest[32];
  gsize length = sizeof digest;

  g_checksum_update (checksum, g_bytes_get_data (octets, NULL), g_bytes_get_size (octets));
  g_checksum_get_digest (checksum, digest, &length);
  if (memcmp (digest, sha256, sizeof digest) != 0)
    finding ("An object's octets do not have its hash", user_data);
}

typedef struct {
  guint8 sha256[32];
  GBytes *octets;
} Sample;

static void
sample_clear (gpointer data)
{
  g_bytes_unref (((Sample *) data)->octets);
}

static GArray *
samples_new (void)
{
  GArray *samples = g_array_new (FALSE, FALSE, sizeof (Sample));

  g_array_set_clear_func (samples, sample_clear);
  return samples;
}

static void
samples_add (GArray *samples, const Object *object)
{
  Sample sample = { .octets = g_bytes_ref (object->octets) };

  memcpy (sample.sha256, object->sha256, sizeof sample.sha256);
  g_array_append_val (samples, sample);
}

/* Takes long, so it works on references, without the lock. */
static gboolean
samples_check (const GArray *samples, CfFindingFunc finding, CfProgressFunc progress, gpointer user_data,
               GError **error)
{
  guint64 done = 0, total = 0;

  for (guint i = 0; i < samples->len; i++)
    total += g_bytes_get_size (g_array_index (samples, Sample, i).octets);
  for (guint i = 0; i < samples->len; i++) {
    const Sample *sample = &g_array_index (samples, Sample, i);

    if (progress != NULL && !progress (done, total, user_data))
      return refuse (error, CF_ERROR_NO, "The check was stopped");
    check_object (sample->sha256, sample->octets, finding, user_data);
    done += g_bytes_get_size (sample->octets);
  }
  return TRUE;
}

static gboolean
memory_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
              gpointer user_data, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  g_autoptr (GArray) samples = samples_new ();
  GHashTableIter iter;
  gpointer object;

  if (!check_deadline (call, error))
    return FALSE;
  for (GTreeNode *node = g_tree_node_first (conn->store->accounts); node != NULL;
       node = g_tree_node_next (node))
    check_account (g_tree_node_value (node), finding, user_data);
  g_hash_table_iter_init (&iter, conn->store->objects);
  while (g_hash_table_iter_next (&iter, NULL, &object))
    samples_add (samples, object);
  g_clear_pointer (&locker, g_rw_lock_reader_locker_free);
  return samples_check (samples, finding, progress, user_data, error);
}

/* An object that is used twice is looked at twice. */
static gboolean
memory_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId id, CfFindingFunc finding,
                      CfProgressFunc progress, gpointer user_data, GError **error)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&conn->store->lock);
  g_autoptr (GArray) samples = samples_new ();
  const Account *account = find_account (conn->store, call, id, error);
  GHashTableIter iter;
  gpointer content;

  if (account == NULL)
    return FALSE;
  check_account (account, finding, user_data);
  g_hash_table_iter_init (&iter, account->contents);
  while (g_hash_table_iter_next (&iter, NULL, &content)) {
    const GArray *pieces = ((const Content *) content)->pieces;

    for (guint i = 0; i < pieces->len; i++)
      if (g_array_index (pieces, Piece, i).object != NULL)
        samples_add (samples, g_array_index (pieces, Piece, i).object);
  }
  g_clear_pointer (&locker, g_rw_lock_reader_locker_free);
  return samples_check (samples, finding, progress, user_data, error);
}

static gboolean
memory_restored (CfStoreConn *conn, const CfCall *call, GError **error)
{
  g_autoptr (GRWLockWriterLocker) locker = g_rw_lock_writer_locker_new (&conn->store->lock);

  if (!check_deadline (call, error))
    return FALSE;
  for (GTreeNode *a = g_tree_node_first (conn->store->accounts); a != NULL; a = g_tree_node_next (a)) {
    Account *account = g_tree_node_value (a);

    for (GTreeNode *m = g_tree_node_first (account->mailboxes); m != NULL; m = g_tree_node_next (m)) {
      account->last_uid_validity = cf_uid_validity_next (account->last_uid_validity);
      ((Mailbox *) g_tree_node_value (m))->uid_validity = account->last_uid_validity;
    }
  }
  conn->store->last_content += 1000000; /* may have been given out since the backup */
  return TRUE;
}

/* ======================================================================================================
 * Slots: moving in
 *
 * What may be refused is looked at first: contents become known (prepare), then everything is put in its
 * place (carry out), which cannot fail.
 * ====================================================================================================== */

typedef struct {
  CfStore *store;
  const CfRestore *what;
  Account *account;
  Mailbox *mailbox;   /* NULL: it is to be made */
  Draft *drafts;      /* one for each message */
  GArray **pieces;    /* of a new content; NULL: it is there, or comes with an earlier message */
  Content **contents; /* one for each message */
} Restore;

static void
restore_read_drafts (Restore *restore)
{
  for (guint i = 0; i < restore->what->n_messages; i++) {
    const CfAppend *append = restore->what->messages[i]->append;

    if (append != NULL && cf_restore_find_first (restore->what, i) == i)
      restore->drafts[i] = draft_read (append);
  }
}

static gboolean
restore_prepare_message (Restore *restore, guint i, GError **error)
{
  const CfRestoreMessage *wanted = restore->what->messages[i];
  g_autoptr (GArray) gone = g_array_new (FALSE, FALSE, sizeof (CfObjectId));
  const Message *there = NULL;

  if (restore->mailbox != NULL)
    there = g_tree_lookup (restore->mailbox->messages, GUINT_TO_POINTER (wanted->row->uid));
  if (there != NULL && there->content->id != wanted->row->content)
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The UID is another message's");
  if (wanted->append == NULL) {
    Content *content = g_hash_table_lookup (restore->account->contents, &wanted->row->content);

    if (content == NULL || content->placements->len == 0)
      return refuse (error, CF_ERROR_CONTENT_GONE, "The message is no longer stored");
    restore->contents[i] = content;
    return TRUE;
  }
  if (cf_restore_find_first (restore->what, i) < i)
    return TRUE;
  restore->pieces[i] = append_get_pieces (restore->store, &restore->drafts[i], wanted->append, gone, error);
  return restore->pieces[i] != NULL;
}

static gboolean
restore_prepare (Restore *restore, const CfCall *call, GError **error)
{
  const CfMailboxInfo *info = restore->what->mailbox;
  Mailbox *named;

  restore->account = find_account (restore->store, call, restore->what->account, error);
  if (restore->account == NULL)
    return FALSE;
  restore->mailbox = g_hash_table_lookup (restore->account->mailboxes_by_id, &info->id);
  if (restore->mailbox == NULL && info->id != 0)
    return refuse (error, CF_ERROR_NONEXISTENT, "There is no such mailbox");
  named = g_tree_lookup (restore->account->mailboxes, info->name);
  if (named != NULL && named != restore->mailbox)
    return refuse (error, CF_ERROR_ALREADYEXISTS, "The mailbox exists");
  for (guint i = 0; i < restore->what->n_messages; i++)
    if (!restore_prepare_message (restore, i, error))
      return FALSE;
  return TRUE;
}

static void
restore_place (Restore *restore, guint i)
{
  const CfRestoreMessage *wanted = restore->what->messages[i];
  const CfIndexRow *row = wanted->row;
  Message *there = g_tree_lookup (restore->mailbox->messages, GUINT_TO_POINTER (row->uid));
  Message *message;

  if (restore->pieces[i] != NULL)
    restore->contents[i] = content_new (restore->account, g_steal_pointer (&restore->pieces[i]),
                                        cf_source_get_length (wanted->append->octets), wanted->append->facts);
  else if (restore->contents[i] == NULL)
    restore->contents[i] = restore->contents[cf_restore_find_first (restore->what, i)];

  message = message_new (NULL, restore->mailbox, restore->contents[i]);
  message->uid = row->uid;
  message->flags = row->flags & CF_FLAG_ALL;
  message->keywords = cf_keywords_ref ((CfKeywords *) row->keywords);
  message->zone = row->zone;
  message->internal_date = row->internal_date;
  message->save_date = row->save_date;
  message->modseq = row->modseq;
  message->size = row->size;
  if (wanted->n_attributes > 0)
    message->attributes = attributes_new ();
  for (guint a = 0; a < wanted->n_attributes; a++)
    attributes_set (message->attributes, wanted->attributes[a]);
  if (there != NULL)
    mailbox_displace (restore->mailbox, there);
  mailbox_place (restore->mailbox, message);
  message_unref (message);
}

static void
restore_carry_out (Restore *restore)
{
  const CfMailboxInfo *info = restore->what->mailbox;
  guint32 last = MAX (restore->account->last_uid_validity, info->uid_validity);
  Mailbox *mailbox = restore->mailbox;

  if (mailbox == NULL)
    restore->mailbox = mailbox = mailbox_new (restore->account, info->name, info->special_use);
  else if (strcmp (mailbox->name, info->name) != 0)
    tree_rename (mailbox, info->name);
  restore->account->last_uid_validity = last;
  mailbox->uid_validity = info->uid_validity;
  mailbox->uid_next = info->uid_next;
  mailbox->recent_uid = info->recent_uid;
  mailbox->special_use = info->special_use;
  mailbox->highest_modseq = mailbox->forgotten = info->highest_modseq;
  g_queue_clear_full (&mailbox->tombstones, tombstone_free);
  for (guint i = 0; i < restore->what->n_messages; i++)
    restore_place (restore, i);
  if (restore->what->expunged != NULL) {
    g_autoptr (GPtrArray) gone = mailbox_select (mailbox, restore->what->expunged);

    for (guint i = 0; i < gone->len; i++)
      mailbox_displace (mailbox, gone->pdata[i]);
  }
}

static void
restore_clear (Restore *restore)
{
  drafts_free (restore->drafts, restore->what->n_messages);
  for (guint i = 0; i < restore->what->n_messages; i++)
    g_clear_pointer (&restore->pieces[i], g_array_unref);
  g_free (restore->pieces);
  g_free (restore->contents);
}

static gboolean
memory_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *what,
                        CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error)
{
  Restore restore = { .store = conn->store,
                      .what = what,
                      .drafts = g_new0 (Draft, what->n_messages),
                      .pieces = g_new0 (GArray *, what->n_messages),
                      .contents = g_new0 (Content *, what->n_messages) };
  gboolean ok;

  restore_read_drafts (&restore);
  g_rw_lock_writer_lock (&conn->store->lock);
  ok = restore_prepare (&restore, call, error);
  if (ok) {
    restore_carry_out (&restore);
    *out_mailbox = restore.mailbox->id;
    for (guint i = 0; i < what->n_messages; i++)
      out_contents[i] = restore.contents[i]->id;
  }
  g_rw_lock_writer_unlock (&conn->store->lock);
  restore_clear (&restore);
  return ok;
}

/* ======================================================================================================
 * The module
 * ====================================================================================================== */

static const CfStorageClass memory_class = {
  .struct_size = sizeof (CfStorageClass),
  .open = memory_open,
  .close = memory_close,
  .connect = memory_connect,
  .disconnect = memory_disconnect,
  .probe = memory_probe,
  .account_create = memory_account_create,
  .account_lookup = memory_account_lookup,
  .account_list = memory_account_list,
  .account_update = memory_account_update,
  .account_delete = memory_account_delete,
  .mailbox_list = memory_mailbox_list,
  .mailbox_create = memory_mailbox_create,
  .mailbox_rename = memory_mailbox_rename,
  .mailbox_delete = memory_mailbox_delete,
  .mailbox_status = memory_mailbox_status,
  .index_load = memory_index_load,
  .read = memory_read,
  .facts_update = memory_facts_update,
  .object_put = memory_object_put,
  .commit = memory_commit,
  .attribute_get = memory_attribute_get,
  .attribute_set = memory_attribute_set,
  .search = memory_search,
  .header_lookup = memory_header_lookup,
  .collect = memory_collect,
  .check = memory_check,
  .check_account = memory_check_account,
  .restored = memory_restored,
  .mailbox_restore = memory_mailbox_restore,
  .mailbox_list_status = memory_mailbox_list_status,
};

static const CfClass memory_classes[] = {
  { CF_CLASS_STORAGE, "memory", &memory_class },
};

static const CfConfigKey memory_keys[] = {
  { .name = "tombstones",
    .type = CF_CONFIG_INTEGER,
    .default_text = "1000",
    .minimum = 1,
    .maximum = G_MAXINT32,
    .help = "How many commits' expunges a mailbox remembers for clients that resynchronise",
    .offset = 0 },
};

static gboolean
memory_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "storage-memory", memory_keys, &config, error)
         && cf_registrar_add_classes (registrar, memory_classes, error);
}

CF_MODULE_DEFINE (storage_memory, .summary = "A store in memory: complete, fast, and gone with the process",
                  .init = memory_init)
