/* storage-postgresql/store.h - the store, its connections, and what the module's files share.
 *
 * Functions named slot_* fill CfStorageClass; their contract is coffer/storage.h's.
 */
#ifndef STORAGE_POSTGRESQL_STORE_H
#define STORAGE_POSTGRESQL_STORE_H

#include "errors.h"
#include "known.h"
#include "pg.h"

/* The configuration; module.c says what the keys mean. */
typedef struct {
  char *dsn;
  gint64 keep_changes;
  gint64 keep_tombstones;
  gint64 repair_interval;
  char *node; /* NULL: the host's name */
  _Atomic gboolean login_audit;
  _Atomic gint64 keep_logins; /* 0: for ever */
} StoreConfig;
extern StoreConfig store_config;

typedef struct _Watch Watch;

struct _CfStore {
  guint schema; /* the database's schema version */
  PgGuard guard;
  Watch *watch;
};

struct _CfStoreConn {
  CfStore *store;
  Pg *pg;
};

/* store.c */
gboolean slot_open (CfStoreOpenFlags flags, CfStore **out_store, GError **error);
void slot_close (CfStore *store);
gboolean slot_connect (CfStore *store, CfStoreConn **out_conn, GError **error);
void slot_disconnect (CfStoreConn *conn);
gboolean slot_probe (CfStoreConn *conn, const CfCall *call, GError **error);
gboolean slot_schema_version (CfStore *store, guint *out_current, guint *out_wanted, GError **error);
gboolean slot_schema_upgrade (CfStore *store, CfProgressFunc progress, gpointer user_data, GError **error);
gboolean slot_schema_describe (CfStore *store, CfTextFunc print, gpointer user_data, GError **error);

/* accounts.c */
gboolean slot_account_create (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                              GError **error);
gboolean slot_account_lookup (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                              GError **error);
gboolean slot_account_list (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error);
gboolean slot_account_update (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                              const CfAccountChange *change, GError **error);
gboolean slot_account_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error);

/* mailboxes.c */
/* Fills @info from a row that begins with MAILBOX_COLUMNS; the name is borrowed from the row. */
void mailbox_read_info (const Row *row, CfMailboxInfo *info);
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
/* A report under way: what its rows are told to. */
typedef struct {
  CfStoreConn *conn;
  CfAccountId account;
  CfIndexSink *sink; /* NULL: nobody wants it */
  guint64 since;
  guint32 known_recent;
  KnownMailbox state; /* what was reported; of mailbox 0: nothing yet */
} IndexReport;
/* Fills @row from the nine PLACEMENT_COLUMNS, the first of them being column @first; keywords are
 * borrowed. */
void index_read_row (Pg *pg, const Row *from, int first, CfIndexRow *row);
/* Queues what reports mailbox @id, or the one named @name, from @report->since on. */
void index_send_report (IndexReport *report, CfMailboxId id, const char *name, CfMailboxId since_of);
/* What @report says is durable; @own: it is of a commit of this process. */
void index_note_report (const IndexReport *report, gboolean own);
gboolean slot_index_load (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                          GError **error);

/* content.c */
gboolean slot_read (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
                    const CfReadRequest *const *requests, CfReadSink *sink, GError **error);

/* facts.c */
/* Adds the parameters for the columns of a content. */
void facts_add_columns (Params *params, CfFacts *facts);
/* Queues everything else that is known of a content. */
void facts_send (Pg *pg, CfAccountId account, CfContentId content, CfFacts *facts);
gboolean slot_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                            CfFacts *facts, GError **error);

/* objects.c */
gboolean slot_object_put (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                          const CfObject *const *objects, CfObjectId *out_ids, GError **error);

/* append.c */
/* The segments of @append are in order and leave no gap. *out_inline: how many octets are inline. */
gboolean append_check_segments (const CfAppend *append, guint64 *out_inline);
/* How many rows its segments take: none when all is inline. */
guint append_count_segments (const CfAppend *append);
/* The columns of such a row. */
typedef enum {
  SEGMENT_POSITION,
  SEGMENT_LENGTH,
  SEGMENT_OBJECT,
  SEGMENT_SOURCE,
} SegmentColumn;
/* Adds a column's values to the array under way. */
void append_add_segments (Params *params, const CfAppend *append, SegmentColumn column);
/* Queues a new content, all but its segments. FALSE: its octets cannot be read or hashed. */
gboolean append_send (Pg *pg, CfAccountId account, CfContentId content, const CfAppend *append,
                      guint64 inline_octets, GError **error);

/* commit.c */
gboolean slot_commit (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error);

/* restore.c */
gboolean slot_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *restore,
                               CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error);

/* logins.c */
gboolean slot_note_logins (CfStoreConn *conn, const CfCall *call, guint n,
                           const CfLoginRecord *const *records, GError **error);

/* attributes.c */
gboolean slot_attribute_get (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                             const char *prefix, CfAttributeSink *sink, GError **error);
gboolean slot_attribute_set (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                             const CfAttribute *const *attributes, GError **error);

/* search.c */
/* The names that header_lookup finds, lower case, NULL-terminated. Every message has its values in
 * coffer.lookup. */
extern const char *const search_lookup_names[];
gboolean slot_search (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                      const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids,
                      gboolean *out_exact, GError **error);
gboolean slot_header_lookup (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                             const char *value, CfIndexSink *sink, GError **error);

/* upkeep.c */
gboolean slot_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed,
                       gboolean *out_more, GError **error);
gboolean slot_backup (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
                      gpointer user_data, GError **error);
gboolean slot_restored (CfStoreConn *conn, const CfCall *call, GError **error);

/* check.c */
gboolean slot_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                             CfFindingFunc finding, CfProgressFunc progress, gpointer user_data,
                             GError **error);
gboolean slot_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
                     gpointer user_data, GError **error);

/* compare.c */
/* Compares all of @known with the database, and tells @func what is news. FALSE: the connection is lost. */
gboolean compare_run (Watch *watch, Pg *pg, Known *known, CfWatchFunc func, gpointer user_data);
/* Tells @func which of @accounts are closed. As above. */
gboolean compare_run_accounts (Watch *watch, Pg *pg, Known *accounts, CfWatchFunc func, gpointer user_data);

/* watch.c */
/* Tells other nodes of a commit; what it changed is said as to a CfWatchFunc. Any thread. */
void watch_publish (CfStore *store, CfAccountId account, CfMailboxId mailbox, guint64 modseq);
/* Notes that this process has seen the mailbox so, for the repair check; @own: in a commit of its own. Any
 * thread. */
void watch_note (CfStore *store, const KnownMailbox *state, gboolean own);
/* Notes that this process has renamed the mailbox. Any thread. */
void watch_note_renamed (CfStore *store, CfAccountId account, CfMailboxId mailbox, guint name_hash);
/* Notes that somebody may be about to log in to the account, for the same. Any thread. */
void watch_note_account (CfStore *store, CfAccountId account);
/* For the thread's own calls of the database. */
void watch_call (CfCall *call);
gboolean watch_is_asked_to_stop (Watch *watch);
gboolean slot_watch (CfStore *store, CfWatchFunc func, gpointer user_data, GError **error);
void slot_unwatch (CfStore *store);

#endif
