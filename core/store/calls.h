/* core/store/calls.h - core's own calls of the store; those that modules may use are in coffer/store.h.
 *
 * Each wrapper asks for the rights, asks the hooks that may veto, frames the call, and keeps what core
 * remembers (names, mailbox objects) true. They block; the caller holds a permit (cf_call_enter_store()).
 */
#ifndef CF_STORE_CALLS_H
#define CF_STORE_CALLS_H

#include <coffer/store.h>

#include "mailbox/mailbox.h"
#include "mailbox/write-queue.h"

G_BEGIN_DECLS

/* ---- The tree ---- */

gboolean cf_store_mailbox_create (CfSession *session, const char *name, guint32 special_use,
                                  guint32 *out_uid_validity, GError **error);
gboolean cf_store_mailbox_rename (CfSession *session, const char *from, const char *to, GError **error);
gboolean cf_store_mailbox_delete (CfSession *session, const char *name, GError **error);
gboolean cf_store_mailbox_status (CfSession *session, const char *name, CfMailboxStatus *out_status,
                                  GError **error);
/* Mailboxes whose name begins with @prefix, those with the right l; @sink gets NULL for the counts of those
 * without r. */
gboolean cf_store_mailbox_list_status (CfSession *session, const char *prefix, CfStatusSink *sink,
                                       GError **error);

/* ---- The index ---- */

/* Before cf_store_select() or cf_store_refresh(), and without a permit: FALSE, another session is loading
 * this mailbox, of which there is nothing in memory; the session is woken when that is over, and asks again.
 * After TRUE, and when it waits no longer, end_load. @self: the session's connection, here and below. */
gboolean cf_store_begin_load (CfSession *session, CfConnRef self, const char *name);
/* The same before cf_store_refresh() where the mailbox is in memory, for who can do without: FALSE, another
 * session is asking for what is new. */
gboolean cf_store_begin_refresh (CfSession *session, CfConnRef self, const char *name);
void cf_store_end_load (CfConnRef self);
/* What a client that resynchronises knows of the mailbox, and what has gone since (RFC 7162, 3.2.5). */
typedef struct {
  guint32 uid_validity;
  guint64 modseq;
  gboolean is_valid; /* out: that is the mailbox's UIDVALIDITY */
  /* Out: what was expunged after modseq; NULL: the store does not remember. The caller frees. */
  CfUidSet *expunged;
} CfResyncQuery;

/* What comes with a mailbox's index. */
typedef struct {
  guint32 recent;      /* where the UIDs begin that no session has been shown as \Recent */
  guint32 special_use; /* CfSpecialUse bits */
} CfSelectInfo;

/* SELECT (@claim_recent) or EXAMINE: the mailbox of this name and its newest snapshot; right r. The caller
 * releases and unrefs. With @resync (or NULL) it may take a second round trip, if the mailbox is not in
 * memory. */
gboolean cf_store_select (CfSession *session, CfConnRef self, const char *name, gboolean claim_recent,
                          CfResyncQuery *resync, CfMailbox **out_mailbox, CfSnapshot **out_snapshot,
                          CfSelectInfo *out_info, GError **error);
/* What was expunged of @mailbox after @since; *@out_expunged NULL: the store does not remember as far back,
 * and it can be any message that is not there. The caller frees. */
gboolean cf_store_load_expunged (CfSession *session, CfMailbox *mailbox, guint64 since,
                                 CfUidSet **out_expunged, GError **error);
/* Brings a mailbox that is stale or has no snapshot up to date. */
gboolean cf_store_refresh (CfSession *session, CfConnRef self, CfMailbox *mailbox, CfSnapshot **out_snapshot,
                           GError **error);
/* The mailbox a name stands for, from memory or, costing a round trip, from the store. No right is asked.
 * CF_ERROR_NONEXISTENT. */
gboolean cf_store_resolve (CfSession *session, const char *name, CfMailboxId *out_mailbox, GError **error);

/* ---- Writes ---- */

/* Whether the session may carry out @write's operations on mailbox @name (and @destination, or NULL): rights
 * of RFC 4314 and hooks. */
gboolean cf_store_may_write (CfSession *session, const char *name, const char *destination,
                             const CfWriteOp *op, GError **error);
/* Commits what waits in @mailbox's queue as one batch. FALSE: somebody else is committing,
 * or nothing waits. */
gboolean cf_store_commit_queue (CfSession *session, CfMailbox *mailbox, CfConnRef self);

/* ---- Content ---- */

/* The facts of @content computed from its octets, in the cache, and kept by the store if it can. Reads the
 * whole message. *@out_facts NULL: there is no such content any more. The caller unrefs. */
gboolean cf_store_scan_anew (CfSession *session, CfContentId content, CfFacts **out_facts, GError **error);
/* Facts of a newer scanner, kept if the store can; failures do not matter. */
void cf_store_facts_update (CfSession *session, CfContentId content, CfFacts *facts);

/* Stores parts apart in the account's scope; fills @out_ids. */
gboolean cf_store_object_put (CfSession *session, const char *scope, guint n, const CfObject *const *objects,
                              CfObjectId *out_ids, GError **error);

G_END_DECLS

#endif
