/* storage-sqlite/store.h - the store, its connections, and what the plugin's files share.
 *
 * Functions named slot_* fill CfStorageClass; their contract is coffer/storage.h's.
 */
#ifndef STORAGE_SQLITE_STORE_H
#define STORAGE_SQLITE_STORE_H

#include "db.h"
#include "file-identity.h"
#include "writer.h"

/* Octets in one chunk of content or of an object. */
#define CHUNK_SIZE (256 * 1024)

/* The configuration; module.c says what the keys mean. */
typedef struct {
  char *path;
  char *synchronous;
  gint64 cache_size;
  gint64 keep_changes;
  gint64 keep_tombstones;
} StoreConfig;
extern StoreConfig store_config;

struct _CfStore {
  char *path;
  int lock_fd;  /* PATH.lock, locked for as long as the store is open */
  guint schema; /* the file's schema version */
  gboolean read_only;
  FileIdentity file;
  Writer writer;
  GMutex recent_lock;
  GHashTable *recent; /* mailbox id to recent_uid: claims of \Recent that are not written yet */
};

struct _CfStoreConn {
  CfStore *store;
  Db *db; /* reads only; writes go through the store's writer */
};

/* schema.c */
extern const guint schema_wanted;
/* Runs the steps from @from on, each in a transaction of its own. */
gboolean schema_run_steps (Db *db, guint from, CfProgressFunc progress, gpointer user_data, GError **error);

/* store.c */
gboolean slot_open (CfStoreOpenFlags flags, CfStore **out_store, GError **error);
void slot_close (CfStore *store);
gboolean slot_connect (CfStore *store, CfStoreConn **out_conn, GError **error);
void slot_disconnect (CfStoreConn *conn);
gboolean slot_probe (CfStoreConn *conn, const CfCall *call, GError **error);
gboolean slot_schema_version (CfStore *store, guint *out_current, guint *out_wanted, GError **error);
gboolean slot_schema_upgrade (CfStore *store, CfProgressFunc progress, gpointer user_data, GError **error);
/* Makes a directory entry durable. */
gboolean store_sync_directory_of (const char *path, GError **error);

/* accounts.c */
/* CF_ERROR_NONEXISTENT: there is no such account, or it is being removed. */
gboolean account_require (Db *db, CfAccountId account, GError **error);
/* The account gives out no UIDVALIDITY up to this any more. */
gboolean account_raise_uid_validity (Db *db, CfAccountId account, guint32 uid_validity, GError **error);
gboolean slot_account_create (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                              GError **error);
gboolean slot_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                              GError **error);
gboolean slot_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error);
gboolean slot_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                              const CfAccountChange *change, GError **error);
gboolean slot_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error);

/* mailboxes.c */
/* Fills @info from a row of MAILBOX_COLUMNS; the name is borrowed from the row. */
#define MAILBOX_COLUMNS "id, name, uid_validity, uid_next, highest_modseq, recent_uid, special_use"
void mailbox_read_info (CfStore *store, DbRows *rows, CfMailboxInfo *info);
/* Adds a mailbox that is not there. */
gboolean mailbox_insert (Db *db, CfAccountId account, const char *name, guint32 special_use,
                         CfMailboxId *out_id, GError **error);
/* The recent_uid that counts: the greatest of what is stored, claimed and known. @claim, when not
 * 0, is claimed. */
guint32 mailbox_claim_recent (CfStore *store, CfMailboxId mailbox, guint32 known, guint32 claim);
/* Writes the claims kept in memory. Holding the writer's turn. */
gboolean mailbox_write_recent (CfStore *store, Db *db, GError **error);
/* Forgets the claim of a mailbox whose stored recent_uid counts. */
void mailbox_forget_claim (CfStore *store, CfMailboxId mailbox);
/* Writes them when they have become many. */
void mailbox_limit_claims (CfStore *store, const CfCall *call);
gboolean slot_mailbox_list (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxSink *sink,
                            GError **error);
gboolean slot_mailbox_create (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                              guint32 special_use, CfMailboxSink *sink, GError **error);
gboolean slot_mailbox_rename (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *from,
                              const char *to, GError **error);
gboolean slot_mailbox_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                              GError **error);
gboolean slot_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                                   const char *prefix, CfStatusSink *sink, GError **error);
gboolean slot_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                              CfMailboxStatus *out_status, GError **error);

/* index.c */
#define PLACEMENT_COLUMNS "uid, flags, zone, internal_date, save_date, modseq, size, content, keywords"
/* Fills @row from the nine PLACEMENT_COLUMNS, the first of them being column @first;
 * keywords are borrowed. */
void index_read_row (Db *db, DbRows *rows, int first, CfIndexRow *row);
/* Reports a mailbox and, unless @since is G_MAXUINT64, its difference from there. @query, or NULL: whose
 * wishes for \Recent count. */
gboolean index_report (CfStore *store, Db *db, CfAccountId account, CfMailboxId mailbox, guint64 since,
                       const CfIndexQuery *query, CfIndexSink *sink, GError **error);
gboolean slot_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                          GError **error);

/* content.c */
gboolean slot_read (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
                    const CfReadRequest *const *requests, CfReadSink *sink, GError **error);

/* facts.c */
/* Writes what is known of a content that has a row and no looked-up fields. */
gboolean facts_write (Db *db, CfAccountId account, CfContentId content, CfFacts *facts, GError **error);
gboolean slot_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                            CfFacts *facts, GError **error);

/* objects.c */
gboolean slot_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                          const CfObject *const *objects, CfObjectId *out_ids, GError **error);

/* commit.c */
gboolean slot_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error);

/* restore.c */
gboolean slot_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *restore,
                               CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error);

/* attributes.c */
/* Sets or removes one attribute; *out_changed says whether that changed anything. */
gboolean attribute_write (Db *db, const CfAttributeTarget *target, const CfAttribute *attribute,
                          gboolean *out_changed, GError **error);
gboolean slot_attribute_get (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                             const char *prefix, CfAttributeSink *sink, GError **error);
gboolean slot_attribute_set (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                             const CfAttribute *const *attributes, GError **error);

/* search.c */
/* The names that header_lookup finds, lower case, NULL-terminated. Every message has its
 * values in `lookup`. */
extern const char *const search_lookup_names[];
gboolean slot_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                      const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids,
                      gboolean *out_exact, GError **error);
gboolean slot_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                             const char *value, CfIndexSink *sink, GError **error);

/* collect.c */
/* Notes that @content lost a placement: without any left it may be collected once its grace is over. */
gboolean collect_note_unplaced (Db *db, CfAccountId account, CfContentId content, gint64 now, GError **error);
/* Removes a bounded amount of what a dying account owns, in one write; *out_more: call again. */
gboolean collect_purge_account (CfStore *store, const CfCall *call, CfAccountId account, guint64 *out_freed,
                                gboolean *out_more, GError **error);
gboolean slot_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed,
                       gboolean *out_more, GError **error);

/* check.c */
gboolean slot_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                             CfFindingFunc finding, CfProgressFunc progress, gpointer user_data,
                             GError **error);
gboolean slot_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
                     gpointer user_data, GError **error);

/* upkeep.c */
gboolean slot_backup (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
                      gpointer user_data, GError **error);
gboolean slot_restored (CfStoreConn *conn, const CfCall *call, GError **error);

#endif
