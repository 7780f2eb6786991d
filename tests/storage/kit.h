/* tests/storage/kit.h - what the checks of the conformance kit are written with.
 *
 * A check is a function and the sentence of the contract (coffer/storage.h) that it checks. It makes accounts
 * of its own, so that checks depend on nothing but the store. At the first thing that is not as it should be
 * it says what was seen and returns; helpers that return FALSE have said so already.
 */
#ifndef KIT_H
#define KIT_H

#include "kit-facts.h"
#include "store/batch.h"

#include <coffer/coffer.h>

typedef struct _KitRun KitRun; /* one run of the kit; shared by its threads */

/* One user of the store: a connection, and the thread that owns it. */
typedef struct {
  KitRun *run;
  const CfStorageClass *slots; /* as the plugin gave them: optional ones may be NULL */
  CfStore *store;
  CfStoreConn *conn;
  CfCall call;
} Kit;

typedef struct {
  const char *name; /* "group/what-is-checked" */
  const char *rule; /* the contract's words */
  gsize slot;       /* offset of an optional slot that it needs, or 0 */
  void (*check) (Kit *kit);
} KitCheck;

#define KIT_NEEDS(slot) G_STRUCT_OFFSET (CfStorageClass, slot)

/* The tables of the check-*.c files; each ends with a row without a name. */
extern const KitCheck kit_account_checks[], kit_tree_checks[], kit_index_checks[], kit_content_checks[],
    kit_object_checks[], kit_commit_checks[], kit_copy_checks[], kit_group_checks[], kit_attribute_checks[],
    kit_search_checks[], kit_size_checks[], kit_race_checks[], kit_upkeep_checks[], kit_restore_checks[],
    kit_lifetime_checks[];

/* ---- Verdicts ------------------------------------------------------------------------------------------ */

/* The check under way failed; the first such message counts. Any thread. Returns FALSE. */
gboolean kit_fail (Kit *kit, const char *format, ...) G_GNUC_PRINTF (2, 3);
gboolean kit_has_failed (Kit *kit);
/* The check cannot be made on this store. */
void kit_skip (Kit *kit, const char *why);
/* "NONEXISTENT" for CF_ERROR_NONEXISTENT. */
const char *kit_error_name (int code);
/* @ok and @error as a slot left them: TRUE if it failed with @code and left @error in CF_ERROR. */
gboolean kit_failed_with (Kit *kit, const char *what, gboolean ok, GError **error, CfError code);

#define KIT_TRY(expression)                                                                                  \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    if (!(expression))                                                                                       \
      return;                                                                                                \
  }                                                                                                          \
  G_STMT_END
#define KIT_EXPECT(kit, condition, ...)                                                                      \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    if (!(condition)) {                                                                                      \
      kit_fail ((kit), __VA_ARGS__);                                                                         \
      return;                                                                                                \
    }                                                                                                        \
  }                                                                                                          \
  G_STMT_END

/* ---- The run ------------------------------------------------------------------------------------------- */

/* The call to pass to a slot, with a fresh deadline. */
const CfCall *kit_call (Kit *kit);
/* Closes the store and opens it again. FALSE with @error: it could not be opened. */
gboolean kit_reopen (Kit *kit, CfStoreOpenFlags flags, GError **error);
/* The same, with the store at @path, which needs --backup-key; NULL: where it was at first. */
gboolean kit_reopen_at (Kit *kit, const char *path, GError **error);
/* --durable: the store is held to be one that outlives its process. */
gboolean kit_wants_durable (Kit *kit);
/* --backup-key: the plugin's key for the place that backup writes to; NULL: not given. */
const char *kit_get_backup_key (Kit *kit);

/* Runs @n threads, each with a connection of its own, until all have returned. @number counts them from 0. */
typedef void (*KitThreadFunc) (Kit *kit, guint number, gpointer data);
void kit_run_threads (Kit *kit, guint n, KitThreadFunc func, gpointer data);

/* ---- Accounts and mailboxes ---------------------------------------------------------------------------- */

typedef struct {
  CfAccountId account;
  CfMailboxId id;
} KitMailbox;

/* A new account with a name not used before; 0: said. @out_name may be NULL, else the caller frees it. */
CfAccountId kit_account_new (Kit *kit, char **out_name);
/* The INBOX of a new account. */
gboolean kit_inbox_new (Kit *kit, KitMailbox *out_mailbox);
gboolean kit_mailbox_new (Kit *kit, CfAccountId account, const char *name, KitMailbox *out_mailbox);
/* What mailbox_list says of @name; @out_info->name is NULL. FALSE: not listed. Nothing is said. */
gboolean kit_mailbox_find (Kit *kit, CfAccountId account, const char *name, CfMailboxInfo *out_info);
/* The listed names, with "," between. The caller frees. */
char *kit_mailbox_names (Kit *kit, CfAccountId account);
gboolean kit_account_info (Kit *kit, const char *address, CfAccountInfo *out_info);
/* Calls collect until there is no more. */
gboolean kit_collect_all (Kit *kit, guint64 grace);

/* ---- The index ----------------------------------------------------------------------------------------- */

/* What an index sink was told. */
typedef struct {
  CfIndexSink sink;
  guint n_mailboxes;
  CfMailboxInfo info; /* of the last mailbox; name is NULL */
  gboolean reset;
  CfUidSet *expunged;
  GArray *rows;         /* CfIndexRow, with references to the keywords */
  const char *disorder; /* the first breach of the sink's order, or NULL */
} KitIndex;

KitIndex *kit_index_new (void);
void kit_index_free (KitIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KitIndex, kit_index_free)

/* NULL: said. The report has been looked at as kit_index_verify() does. */
KitIndex *kit_load (Kit *kit, const KitMailbox *mailbox, guint64 since);
/* Order, ranges and completeness that hold for every report. */
gboolean kit_index_verify (Kit *kit, const KitIndex *index, guint64 since);
const CfIndexRow *kit_index_find (const KitIndex *index, guint32 uid);
/* The UIDs of the rows. The caller frees. */
CfUidSet *kit_index_uids (const KitIndex *index);
char *kit_index_uids_text (const KitIndex *index);
/* Brings @index up to date with @difference, as core does. */
void kit_index_apply (KitIndex *index, const KitIndex *difference);
/* NULL when both hold the same rows; else what differs. The caller frees. */
char *kit_index_compare (const KitIndex *a, const KitIndex *b);

/* ---- Batches ------------------------------------------------------------------------------------------- */

/* A batch with everything its operations point to, and the reports on its mailboxes. */
typedef struct {
  CfWriteBatch *batch;
  GPtrArray *owned; /* KitOwned */
  KitIndex *index[2];
  guint64 since[2];
} KitBatch;

/* @destination may be NULL. Asks for the difference from @since of both mailboxes; G_MAXUINT64: for none. */
KitBatch *kit_batch_new (const KitMailbox *mailbox, const KitMailbox *destination, guint64 max_octets,
                         guint64 max_messages, guint64 since);
void kit_batch_free (KitBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KitBatch, kit_batch_free)

/* Operations, to be changed and then added. What they point to belongs to @batch. */
CfWriteOp kit_op_append (KitBatch *batch, const char *octets, gssize length);
CfWriteOp kit_op_uids (KitBatch *batch, CfWriteKind kind, const char *uids);
CfWriteOp kit_op_store (KitBatch *batch, const char *uids, CfStoreMode mode, guint16 flags,
                        const char *keywords);
CfWriteOp kit_op_annotate (KitBatch *batch, const char *uids, const char *key, const char *value);
/* The append of @op, for changing. */
CfAppend *kit_op_get_append (const CfWriteOp *op);
/* Keeps @data as long as the batch. */
gpointer kit_batch_own (KitBatch *batch, gpointer data, GDestroyNotify destroy);
guint kit_batch_add (KitBatch *batch, const CfWriteOp *op);
CfWriteResult *kit_batch_result (KitBatch *batch, guint i);

/* Commits; FALSE: the commit or one of its operations failed, which is said. Verifies the reports. */
gboolean kit_commit (Kit *kit, KitBatch *batch);
/* The same, but operations may fail. */
gboolean kit_commit_any (Kit *kit, KitBatch *batch);
/* TRUE when operation @i failed with @code. */
gboolean kit_op_failed_with (Kit *kit, KitBatch *batch, guint i, CfError code);

/* One operation, one commit. */
guint32 kit_append (Kit *kit, const KitMailbox *mailbox, const char *text, guint16 flags); /* 0: said */
gboolean kit_append_many (Kit *kit, const KitMailbox *mailbox, guint n);
gboolean kit_store (Kit *kit, const KitMailbox *mailbox, const char *uids, CfStoreMode mode, guint16 flags,
                    const char *keywords);
gboolean kit_expunge (Kit *kit, const KitMailbox *mailbox, const char *uids);
gboolean kit_copy (Kit *kit, const KitMailbox *mailbox, const char *uids, const KitMailbox *destination);

/* ---- Content ------------------------------------------------------------------------------------------- */

#define KIT_MESSAGE "Subject: kit\r\n\r\nbody\r\n"

/* Facts of @octets as core computes them. The caller unrefs. */
CfFacts *kit_facts_new (GBytes *octets);
/* What read gives for a request. */
typedef struct {
  gboolean missing;
  GBytes *facts; /* NULL: not given */
  gboolean has_area;
  guint64 area_offset, area_length;
  GByteArray *octets;
} KitRead;

void kit_read_free (KitRead *read);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KitRead, kit_read_free)
/* NULL: said. @path NULL: of the whole message. */
KitRead *kit_read (Kit *kit, CfAccountId account, CfContentId content, const char *path,
                   CfSectionKind section, guint64 offset, guint64 length);
/* Reads all of the content and compares; FALSE: said. */
gboolean kit_content_is (Kit *kit, CfAccountId account, CfContentId content, const guint8 *octets,
                         gsize length);
/* 8-bit octets that repeat nowhere soon, the same for the same seed. */
GBytes *kit_noise (gsize length, guint32 seed);

#endif
