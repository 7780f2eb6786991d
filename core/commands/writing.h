/* core/commands/writing.h - what STORE, EXPUNGE, COPY, MOVE and APPEND share: getting one write through its
 * mailbox's queue.
 */
#ifndef CF_WRITING_H
#define CF_WRITING_H

#include "imap/session.h"
#include "mailbox/write-queue.h"

G_BEGIN_DECLS

typedef struct {
  CfMailbox *mailbox;
  CfWrite *write; /* NULL: none under way */
} CfWriting;

/* Asks rights and hooks for each operation, and puts them into @mailbox's queue. @name and
 * @destination_name are the mailboxes' names; the latter NULL with destination 0. Starting again replaces a
 * write that is done. */
gboolean cf_writing_start (CfWriting *writing, CfCommandCall *call, CfMailbox *mailbox, const char *name,
                           CfMailboxId destination, const char *destination_name, const CfWriteOp *ops,
                           guint n_ops, GError **error);
/* CF_RUN_DONE: the write is done, look at its results. CF_RUN_WAIT: return that. */
CfRun cf_writing_run (CfWriting *writing, CfCommandCall *call);
/* Gives up what is not done; results are gone. */
void cf_writing_clear (CfWriting *writing);

/* Keywords a client may add: CF_ERROR_LIMIT beyond the setting. */
gboolean cf_writing_check_keywords (const CfKeywords *keywords, GError **error);

/* The mailbox that a destination name stands for; CF_ERROR_TRYCREATE when there is none. The caller
 * holds a permit. */
gboolean cf_writing_resolve (CfCommandCall *call, const char *name, CfMailboxId *out_mailbox, GError **error);

G_END_DECLS

#endif
