/* tests/storage/broken/broken.c - storage-memory with one deliberate fault: the kit must fail it, and name
 * the check.
 *
 * `fault=NAME` chooses. Each fault is one that a real store has had, or nearly: it is put in from outside
 * where a slot can be wrapped, and done to the data after a correct commit where it cannot. The default,
 * "none", must pass.
 */
#include "../../../plugins/storage-memory/storage-memory.c"

static struct {
  char *fault;
} broken_config;

static gboolean
is_broken (const char *fault)
{
  return g_str_equal (broken_config.fault, fault);
}

/* ---- Before a commit: what it is to do is spoilt ------------------------------------------------------- */

/* The set of what is there before the lock is taken. Then a pause, for the world to change. */
static CfUidSet *
stale_uids (CfStore *store, CfWriteBatch *batch, const CfUidSet *wanted)
{
  CfCall call = { .deadline = G_MAXINT64 };
  CfUidSet *uids = cf_uid_set_new ();
  Mailbox *mailbox;

  g_rw_lock_reader_lock (&store->lock);
  mailbox = find_mailbox (store, &call, cf_write_batch_get_account (batch),
                          cf_write_batch_get_mailbox (batch), NULL);
  if (mailbox != NULL) {
    g_autoptr (GPtrArray) messages = mailbox_select (mailbox, wanted);

    for (guint i = 0; i < messages->len; i++)
      cf_uid_set_add (uids, ((Message *) messages->pdata[i])->uid);
  }
  g_rw_lock_reader_unlock (&store->lock);
  g_usleep (1000);
  return uids;
}

/* +FLAGS as a replacement by flags and keywords that were read before the lock was taken. Only
 * for one message. */
static void
stale_flags (CfStore *store, CfWriteBatch *batch, CfWriteOp *op, CfKeywords **out_keywords)
{
  CfCall call = { .deadline = G_MAXINT64 };
  Mailbox *mailbox;

  g_rw_lock_writer_lock (&store->lock); /* messages are counted */
  mailbox = find_mailbox (store, &call, cf_write_batch_get_account (batch),
                          cf_write_batch_get_mailbox (batch), NULL);
  if (mailbox != NULL && cf_uid_set_get_count (op->uids) == 1) {
    g_autoptr (GPtrArray) messages = mailbox_select (mailbox, op->uids);
    const Message *message = messages->len == 1 ? messages->pdata[0] : NULL;

    if (message != NULL) {
      op->mode = CF_STORE_REPLACE;
      op->flags |= message->flags;
      op->keywords = *out_keywords = cf_keywords_union (message->keywords, op->keywords);
    }
  }
  g_rw_lock_writer_unlock (&store->lock);
  g_usleep (500);
}

/* Spoils @op, which is the batch's own copy. What it then points to is added to @sets and @keywords. */
static void
spoil_operation (CfStore *store, CfWriteBatch *batch, CfWriteOp *op, GPtrArray *sets, GPtrArray *keywords)
{
  CfKeywords *replacement = NULL;

  if (is_broken ("group-not-atomic"))
    op->group = 0;
  if (is_broken ("ignores-require-all"))
    op->require_all = FALSE;
  if (is_broken ("ignores-unchanged-since") && op->kind == CF_WRITE_STORE)
    op->unchanged_since = G_MAXUINT64;
  if (is_broken ("stale-read") && op->kind == CF_WRITE_COPY) {
    op->uids = stale_uids (store, batch, op->uids);
    g_ptr_array_add (sets, (gpointer) op->uids);
  }
  if (is_broken ("lost-update") && op->kind == CF_WRITE_STORE && op->mode == CF_STORE_ADD)
    stale_flags (store, batch, op, &replacement);
  if (replacement != NULL)
    g_ptr_array_add (keywords, replacement);
}

/* ---- After a commit: what it did is spoilt ------------------------------------------------------------- */

static void
spoil_mailbox (Mailbox *mailbox)
{
  GTreeNode *last = g_tree_node_last (mailbox->messages);

  if (is_broken ("lost-tombstone"))
    g_queue_clear_full (&mailbox->tombstones, tombstone_free);
  if (is_broken ("uid-reuse"))
    mailbox->uid_next = last != NULL ? ((Message *) g_tree_node_value (last))->uid + 1 : 1;

  for (GTreeNode *node = g_tree_node_first (mailbox->messages); node != NULL;
       node = g_tree_node_next (node)) {
    Message *message = g_tree_node_value (node);

    if (is_broken ("wrong-modseq") && message->modseq == mailbox->highest_modseq && message->modseq > 1)
      message->modseq--;
    for (guint i = 0; is_broken ("shared-flags") && i < message->content->placements->len; i++)
      ((Message *) message->content->placements->pdata[i])->flags = message->flags;
  }
}

static void
spoil_after (CfStore *store, CfWriteBatch *batch)
{
  CfCall call = { .deadline = G_MAXINT64 };
  Mailbox *mailbox;

  g_rw_lock_writer_lock (&store->lock);
  mailbox = find_mailbox (store, &call, cf_write_batch_get_account (batch),
                          cf_write_batch_get_mailbox (batch), NULL);
  if (mailbox != NULL)
    spoil_mailbox (mailbox);
  g_rw_lock_writer_unlock (&store->lock);
}

/* A commit in as many pieces as it has operations, and time for a reader between them. */
static gboolean
torn_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error)
{
  CfStore *store = conn->store;
  CfMailboxId destination = cf_write_batch_get_destination (batch);
  Commit commit = { .store = store, .batch = batch, .drafts = drafts_read (batch) };

  for (guint i = 0; i < cf_write_batch_get_n_ops (batch); i++) {
    g_rw_lock_writer_lock (&store->lock);
    commit.mailbox = find_mailbox (store, call, cf_write_batch_get_account (batch),
                                   cf_write_batch_get_mailbox (batch), error);
    if (commit.mailbox != NULL) {
      commit.account = commit.mailbox->account;
      commit.destination = g_hash_table_lookup (commit.account->mailboxes_by_id, &destination);
      commit.changes = g_array_new (FALSE, FALSE, sizeof (Change));
      g_array_set_clear_func (commit.changes, change_clear);
      commit_unit (&commit, i, i + 1);
      commit_seal (&commit, commit.mailbox);
      if (i + 1 == cf_write_batch_get_n_ops (batch))
        commit_report (&commit, commit.mailbox, 0);
      g_array_unref (commit.changes);
    }
    g_rw_lock_writer_unlock (&store->lock);
    if (commit.mailbox == NULL)
      break;
    g_usleep (200);
  }
  drafts_free (commit.drafts, cf_write_batch_get_n_ops (batch));
  return commit.mailbox != NULL;
}

static gboolean
broken_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error)
{
  g_autoptr (GPtrArray) sets = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_uid_set_free);
  g_autoptr (GPtrArray) keywords = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_keywords_unref);
  gboolean ok;

  for (guint i = 0; i < cf_write_batch_get_n_ops (batch); i++)
    spoil_operation (conn->store, batch, (CfWriteOp *) cf_write_batch_get_op (batch, i), sets, keywords);
  if (is_broken ("torn-append") && cf_write_batch_get_destination (batch) == 0)
    ok = torn_commit (conn, call, batch, error);
  else
    ok = memory_commit (conn, call, batch, error);
  if (ok)
    spoil_after (conn->store, batch);
  return ok;
}

/* ---- The other slots ----------------------------------------------------------------------------------- */

/* Contents that collect took though they are in use. */
static GMutex collected_lock;
static GHashTable *collected;

/* The next content gets the lowest id above those that are there, as from a table without AUTOINCREMENT. */
static void
spoil_last_content (CfStore *store)
{
  CfContentId last = 0;

  g_rw_lock_writer_lock (&store->lock);
  for (GTreeNode *node = g_tree_node_first (store->accounts); node != NULL; node = g_tree_node_next (node)) {
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init (&iter, ((Account *) g_tree_node_value (node))->contents);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      last = MAX (last, ((Content *) value)->id);
  }
  store->last_content = last;
  g_rw_lock_writer_unlock (&store->lock);
}

static gboolean
broken_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed, gboolean *out_more,
                GError **error)
{
  GTreeNode *node;
  gboolean ok;

  g_rw_lock_reader_lock (&conn->store->lock);
  node = is_broken ("collects-in-use") && grace == 0 ? g_tree_node_last (conn->store->accounts) : NULL;
  if (node != NULL) {
    GHashTableIter iter;
    gpointer value;

    g_mutex_lock (&collected_lock);
    g_hash_table_iter_init (&iter, ((Account *) g_tree_node_value (node))->contents);
    while (g_hash_table_iter_next (&iter, NULL, &value))
      g_hash_table_add (collected, GSIZE_TO_POINTER (((Content *) value)->id));
    g_mutex_unlock (&collected_lock);
  }
  g_rw_lock_reader_unlock (&conn->store->lock);
  ok = memory_collect (conn, call, grace, out_freed, out_more, error);
  if (is_broken ("content-id-reuse"))
    spoil_last_content (conn->store);
  return ok;
}

/* All facts that a path needs can be read. */
static gboolean
facts_are_readable (CfStore *store, CfAccountId id, guint n_requests, const CfReadRequest *const *requests)
{
  g_autoptr (GRWLockReaderLocker) locker = g_rw_lock_reader_locker_new (&store->lock);
  Account *account = g_tree_lookup (store->accounts, &id);

  for (guint i = 0; account != NULL && i < n_requests; i++) {
    const Content *content = g_hash_table_lookup (account->contents, &requests[i]->content);
    g_autoptr (CfFacts) facts = NULL;

    if (content == NULL || requests[i]->path == NULL)
      continue;
    facts = cf_facts_new_from_encoded (content->facts, NULL);
    if (facts == NULL)
      return FALSE;
  }
  return TRUE;
}

/* The requests one by one would all be number 0, so a copy of the list is spoilt. */
static gboolean
broken_read (CfStoreConn *conn, const CfCall *call, CfAccountId id, guint n_requests,
             const CfReadRequest *const *requests, CfReadSink *sink, GError **error)
{
  g_autofree CfReadRequest *spoilt = g_new (CfReadRequest, n_requests);
  g_autofree const CfReadRequest **list = g_new (const CfReadRequest *, n_requests);

  if (is_broken ("fails-on-facts") && !facts_are_readable (conn->store, id, n_requests, requests))
    return refuse (error, CF_ERROR_CORRUPTION, "The facts are damaged");
  g_mutex_lock (&collected_lock);
  for (guint i = 0; i < n_requests; i++) {
    spoilt[i] = *requests[i];
    list[i] = &spoilt[i];
    if (g_hash_table_contains (collected, GSIZE_TO_POINTER (spoilt[i].content)))
      spoilt[i].content = 0;
    if (is_broken ("range-off-by-one") && spoilt[i].offset > 0)
      spoilt[i].offset--;
  }
  g_mutex_unlock (&collected_lock);
  return memory_read (conn, call, id, n_requests, list, sink, error);
}

static gboolean
broken_mailbox_create (CfStoreConn *conn, const CfCall *call, CfAccountId id, const char *name,
                       guint32 special_use, CfMailboxSink *sink, GError **error)
{
  Account *account;

  if (is_broken ("uid-validity-repeats")) {
    g_rw_lock_writer_lock (&conn->store->lock);
    account = g_tree_lookup (conn->store->accounts, &id);
    if (account != NULL)
      account->last_uid_validity = G_MAXINT32 - 1; /* as if it were kept with the mailboxes */
    g_rw_lock_writer_unlock (&conn->store->lock);
  }
  return memory_mailbox_create (conn, call, id, name, special_use, sink, error);
}

static gboolean
broken_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                       CfMailboxStatus *out_status, GError **error)
{
  gboolean ok = memory_mailbox_status (conn, call, account, name, out_status, error);

  if (ok && is_broken ("recent-unclaimed"))
    out_status->recent = out_status->messages;
  return ok;
}

static gboolean
broken_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *prefix,
                            CfStatusSink *sink, GError **error)
{
  return memory_mailbox_list_status (conn, call, account, is_broken ("prefix-ignored") ? "" : prefix, sink,
                                     error);
}

static gboolean
broken_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                   GError **error)
{
  CfIndexQuery spoilt = *query;

  if (is_broken ("rows-unasked") && spoilt.since == G_MAXUINT64)
    spoilt.since--; /* a MODSEQ that never was */
  return memory_index_load (conn, call, &spoilt, sink, error);
}

static gboolean
broken_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId id, CfContentId content,
                     CfFacts *facts, GError **error)
{
  return is_broken ("facts-not-kept") || memory_facts_update (conn, call, id, content, facts, error);
}

static gboolean
broken_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                       GError **error)
{
  gboolean ok = memory_account_lookup (conn, call, address, sink, error);

  if (!ok && is_broken ("unavailable-for-nonexistent") && error != NULL)
    (*error)->code = CF_ERROR_UNAVAILABLE;
  return ok;
}

/* The highest MODSEQ as a write would give it. */
static gboolean
broken_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *restore,
                        CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error)
{
  CfMailboxInfo info = *restore->mailbox;
  CfRestore spoilt = *restore;

  info.highest_modseq += is_broken ("restore-renumbers");
  spoilt.mailbox = &info;
  return memory_mailbox_restore (conn, call, &spoilt, out_mailbox, out_contents, error);
}

/* ---- The module ---------------------------------------------------------------------------------------- */

static CfStorageClass broken_class;

static const CfClass broken_classes[] = {
  { CF_CLASS_STORAGE, "broken", &broken_class },
};

static const CfConfigKey broken_keys[] = {
  { .name = "fault",
    .type = CF_CONFIG_CHOICE,
    .default_text = "none",
    .choices
    = "none;prefix-ignored;lost-tombstone;uid-reuse;torn-append;wrong-modseq;shared-flags;range-off-by-one;"
      "stale-read;"
      "lost-update;collects-in-use;uid-validity-repeats;group-not-atomic;ignores-require-all;"
      "ignores-unchanged-since;unavailable-for-nonexistent;content-id-reuse;facts-not-kept;fails-on-facts;"
      "recent-unclaimed;rows-unasked;restore-renumbers",
    .help = "What is wrong with this store",
    .offset = 0 },
};

static gboolean
broken_init (CfRegistrar *registrar, GError **error)
{
  config.tombstones = 1000;
  collected = g_hash_table_new (NULL, NULL);
  broken_class = memory_class;
  broken_class.commit = broken_commit;
  broken_class.collect = broken_collect;
  broken_class.read = broken_read;
  broken_class.facts_update = broken_facts_update;
  broken_class.index_load = broken_index_load;
  broken_class.mailbox_create = broken_mailbox_create;
  broken_class.mailbox_status = broken_mailbox_status;
  broken_class.mailbox_list_status = broken_mailbox_list_status;
  broken_class.account_lookup = broken_account_lookup;
  broken_class.mailbox_restore = broken_mailbox_restore;
  return cf_registrar_add_config (registrar, "broken", broken_keys, &broken_config, error)
         && cf_registrar_add_classes (registrar, broken_classes, error);
}

static void
broken_shutdown (void)
{
  g_clear_pointer (&collected, g_hash_table_unref);
}

CF_MODULE_DEFINE (broken, .summary = "A store with a fault of your choice", .init = broken_init,
                  .shutdown = broken_shutdown)
