/* core/cofferctl/migrate.h - copying accounts from one store to another, shared by its files.
 *
 * migrate.c goes through the accounts, migrate-account.c brings one up to date, migrate-mailbox.c a mailbox
 * of it, migrate-batch.c some messages of that. migrate-state.c tells whether there is anything to do, and
 * migrate-stores.c opens the two stores.
 *
 * There is no record of what has been copied: each run compares what is there on both sides, by UIDVALIDITY
 * and UID, and writes what differs. So it does not matter where the last one ended. One thread.
 */
#ifndef CF_CTL_MIGRATE_H
#define CF_CTL_MIGRATE_H

#include <coffer/storage.h>

#include "cofferctl/progress.h"
#include "module/config.h"

G_BEGIN_DECLS

/* ---- Stores (migrate-stores.c) ---- */

/* A store, its class made whole, and a connection. */
typedef struct {
  CfConfig *config;
  char *class_name;
  CfStorageClass slots;
  gboolean keeps_parts; /* has object_put of its own */
  CfStore *store;       /* NULL: not open */
  CfStoreConn *conn;
  CfCall call;
} MigrateStore;

/* Opens the stores that two configuration files name. On failure *@out_code is the exit code. Before threads
 * exist, once in a process. */
gboolean migrate_stores_open (const char *from_path, const char *to_path, MigrateStore *from,
                              MigrateStore *to, int *out_code, GError **error);
/* Also after a failure. */
void migrate_stores_close (MigrateStore *from, MigrateStore *to);
/* After an error a connection is replaced by a new one. */
gboolean migrate_store_reconnect (MigrateStore *store, GError **error);

/* ---- The whole ---- */

typedef struct {
  MigrateStore from, to;
  const char *spool_dir;
  CtlProgress progress;
  guint64 done, total;                           /* octets of messages, for the progress */
  guint64 n_copied, n_changed, n_expunged;       /* messages */
  guint64 n_compared_messages, n_compared_boxes; /* after copying */
} Migration;

/* An account on both sides. */
typedef struct {
  Migration *migration;
  const char *name;
  CfAccountId from, to;
  GHashTable *contents; /* CfContentId: which one it is at the destination; 0: it cannot be read */
  guint n_faults;       /* lines about what could not be copied, and is left out */
} MigrateAccount;

/* A line on stderr about what is left out of the account's copy. */
void migrate_account_fault (MigrateAccount *account, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Where @content of the source is at the destination. FALSE: not known. 0: it is left out. */
gboolean migrate_account_lookup (MigrateAccount *account, CfContentId content, CfContentId *out);
void migrate_account_insert (MigrateAccount *account, CfContentId content, CfContentId there);

/* Brings the account up to date. *@out_unchanged: there was nothing to do. @name and @from are set; @to is
 * 0 when it is not there yet, and set then. */
gboolean migrate_account (MigrateAccount *account, gboolean may_skip, gboolean *out_unchanged,
                          GError **error);

/* ---- What an account is (migrate-state.c) ---- */

/* All of an account but its messages. */
typedef struct {
  gboolean disabled;
  guint32 last_uid_validity;
  GPtrArray *addresses;   /* char *, sorted */
  GPtrArray *credentials; /* CfAttribute *, by kind */
  GPtrArray *attributes;  /* CfAttribute *, by key, without the mark */
  GArray *mailboxes;      /* CfMailboxInfo with names of its own, in octet order */
  char *digest;           /* of all that, and of the mailboxes' attributes; equal on both sides */
  char *recent;           /* digest of what \Recent was claimed */
  char *mark;             /* what migrate noted at the destination; NULL: nothing */
} MigrateState;

MigrateState *migrate_state_load (MigrateStore *store, const char *name, CfAccountId account, GError **error);
void migrate_state_free (MigrateState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MigrateState, migrate_state_free)
/* An account that has just been created, and never used. */
gboolean migrate_state_is_fresh (const MigrateState *state);

/* The mark: an account is being copied; or it was, and is as @state says (@whole: nothing was left out). */
gboolean migrate_mark_copying (MigrateStore *store, CfAccountId account, GError **error);
gboolean migrate_mark_copied (MigrateStore *store, CfAccountId account, const MigrateState *state,
                              gboolean whole, GError **error);
gboolean migrate_mark_is_copying (const MigrateState *state);
/* Nothing but migrate has changed the account since. */
gboolean migrate_mark_holds (const MigrateState *state);
/* And it was then what @from is now. */
gboolean migrate_mark_is_of (const MigrateState *state, const MigrateState *from);

/* The attributes of @target, by key (of CfAttribute). NULL: @error. The caller unrefs. */
GPtrArray *migrate_attributes_load (MigrateStore *store, const CfAttributeTarget *target, GError **error);
/* Gives an account or a mailbox those of @wanted in place of those of @there. */
gboolean migrate_attributes_apply (MigrateStore *store, const CfAttributeTarget *target, GPtrArray *wanted,
                                   GPtrArray *there, GError **error);

/* ---- A mailbox (migrate-mailbox.c) ---- */

typedef struct {
  CfMailboxId from, to;
  CfMailboxInfo info; /* as it is at the source, with the rows; the name is its own */
  gboolean gone;      /* it was deleted at the source meanwhile */
  CfUidSet *expunged; /* what is still to go at the destination */
  guint n_messages;   /* it is to have */
  char *digest;       /* of the rows that it is to have */
} MigrateMailbox;

MigrateMailbox *migrate_mailbox_new (CfMailboxId from, CfMailboxId to);
void migrate_mailbox_free (MigrateMailbox *mailbox);

/* Learns from the messages that are on both sides where contents are. */
gboolean migrate_mailbox_learn (MigrateAccount *account, MigrateMailbox *mailbox, GError **error);
/* Makes the mailbox at the destination what it is at the source, without what is to go. */
gboolean migrate_mailbox_copy (MigrateAccount *account, MigrateMailbox *mailbox, GError **error);
/* Takes out what is to go, and compares the rows. */
gboolean migrate_mailbox_finish (MigrateAccount *account, MigrateMailbox *mailbox, GError **error);

/* ---- Some messages (migrate-batch.c) ---- */

typedef struct _MigrateBatch MigrateBatch;

MigrateBatch *migrate_batch_new (MigrateAccount *account, MigrateMailbox *mailbox);
void migrate_batch_free (MigrateBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MigrateBatch, migrate_batch_free)
/* Adds a message as the source has it, and writes when there are enough. Rows come in order of UID; the
 * keywords are borrowed until flush. */
gboolean migrate_batch_add (MigrateBatch *batch, const CfIndexRow *row, GError **error);
/* Writes what was added, and the mailbox. */
gboolean migrate_batch_flush (MigrateBatch *batch, GError **error);
/* Something was added since. */
gboolean migrate_batch_has_rows (const MigrateBatch *batch);
/* How often it was written. */
guint migrate_batch_get_n_written (const MigrateBatch *batch);

G_END_DECLS

#endif
