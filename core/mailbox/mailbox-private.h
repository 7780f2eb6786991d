/* core/mailbox/mailbox-private.h - the object that mailbox.c, mailbox-table.c and write-queue.c share. */
#ifndef CF_MAILBOX_PRIVATE_H
#define CF_MAILBOX_PRIVATE_H

#include "mailbox/mailbox.h"

G_BEGIN_DECLS

struct _CfMailbox {
  CfAccountId account; /* constant, like id */
  CfMailboxId id;

  /* Under the table's lock (mailbox-table.c). */
  guint ref_count;
  gboolean in_table;
  char *name;    /* as last reported; the key in the table of names; NULL: not known */
  GList link;    /* in the LRU, if charged is not 0 */
  gsize charged; /* octets of the snapshot, as the LRU counts them */

  /* Under lock. */
  GMutex lock;
  CfSnapshot *snapshot; /* the newest; NULL: none in memory */
  gboolean is_stale, is_gone;
  guint stale_serial;         /* counts set_stale, so that a report begun before does not undo it */
  guint32 known_uid_validity; /* of the newest snapshot there ever was; 0: none */
  guint64 known_modseq;
  guint32 known_recent;
  GArray *watchers; /* CfConnRef */

  /* Under lock: the write queue's. */
  GQueue waiting; /* CfWrite, each with a reference */
  gboolean is_committing;
};

/* cf_mailbox_publish() with several that are not woken, sorted. */
CfSnapshot *cf_mailbox_publish_except (CfMailbox *mailbox, CfSnapshotReport *report, const CfConnRef *except,
                                       guint n_except, GError **error);
/* The store is known to be at @modseq (G_MAXUINT64: further than before): if that is news, the mailbox is
 * stale and its watchers but @except are woken. */
void cf_mailbox_note_modseq (CfMailbox *mailbox, guint64 modseq, const CfConnRef *except, guint n_except);
/* The mailbox is gone: nobody finds it any more. Without a lock, like update. */
void cf_mailbox_table_remove (CfMailbox *mailbox);
/* After a new snapshot: the name it was reported under (NULL: none), and its place among the snapshots that
 * stay. */
void cf_mailbox_table_update (CfMailbox *mailbox, const char *name);
/* Takes no lock; @ref 0 is nobody. */
void cf_mailbox_wake (CfConnRef ref, guint reason);

G_END_DECLS

#endif
