/* storage-sqlite/commit.h - a batch being carried out, shared by commit.c, operations.c, append.c and
 * restore.c. */
#ifndef STORAGE_SQLITE_COMMIT_H
#define STORAGE_SQLITE_COMMIT_H

#include "store.h"

/* A mailbox of the batch: its row as it was read, and what becomes of it. */
typedef struct {
  CfMailboxId id;
  gint64 uid_next;
  gint64 modseq; /* of this commit: one above the highest before */
  gint64 messages, octets, unseen, deleted;
  gint64 octets_before, messages_before;
  CfUidSet *changed, *expunged; /* by this commit */
} CommitMailbox;

typedef enum {
  REPORT_APPENDED,
  REPORT_COPIED,
  REPORT_NOT_MODIFIED,
  REPORT_EXPUNGED,
  REPORT_OBJECT_GONE,
  REPORT_FAILED,
} ReportKind;

/* An outcome, told to the batch when the commit is durable. */
typedef struct {
  ReportKind kind;
  guint op;
  guint32 uid, new_uid;
  CfObjectId object;
  GError *error;
} Report;

typedef struct {
  CfStore *store;
  Db *db;
  CfWriteBatch *batch; /* NULL: this restores a mailbox */
  CfAccountId account;
  CommitMailbox mailboxes[2];
  CommitMailbox *source;
  CommitMailbox *destination; /* == source when they are one; NULL: none, or not there */
  gint64 now;
  guint64 octets_before, messages_before; /* of the account; only when a quota is set */
  GArray *reports;
  guint8 *buffer; /* CHUNK_SIZE, when first needed */
} Commit;

/* A row of the mailbox, as an operation reads it. */
typedef struct {
  CfIndexRow row;
  CfKeywords *keywords; /* owned; row.keywords */
} Placement;

/* Reads a mailbox of the account. 1: it is there. */
int commit_mailbox_load (Commit *commit, CfMailboxId id, CommitMailbox *mailbox, GError **error);
void commit_mailbox_clear (CommitMailbox *mailbox);
/* One of the commit's reports. */
void commit_clear_report (gpointer report);
void commit_report (Commit *commit, ReportKind kind, guint op, guint32 uid, guint32 new_uid);
void commit_report_object_gone (Commit *commit, guint op, CfObjectId object);
/* Adds a message to @mailbox under a new UID. @row gives its flags, keywords, dates, size and content. */
gboolean commit_place (Commit *commit, CommitMailbox *mailbox, const CfIndexRow *row, guint32 *out_uid,
                       GError **error);

/* append.c: FALSE leaves what it wrote to the caller's savepoint. append_write() writes the content alone, of
 * operation @i. */
gboolean append_write (Commit *commit, guint i, const CfAppend *append, CfContentId *out_content,
                       GError **error);
gboolean append_run (Commit *commit, guint i, const CfWriteOp *op, GError **error);
/* operations.c: STORE, EXPUNGE, COPY, MOVE, ANNOTATE. The same. */
gboolean operation_run (Commit *commit, guint i, const CfWriteOp *op, GError **error);

#endif
