/* core/imap/notify.h - NOTIFY in a session (RFC 5465): what its client wants to be told of, and what is still
 * to be told.
 *
 * Telling is the work of a call without a tag, the push: the row of NOTIFY, run with nothing to read
 * (call->is_push). session.c begins one between commands when there may be news, and drops it when the client
 * sends something while it waits; so what is to be told stands here and not in the call. IDLE does the same
 * work in its own call (commands/notify-tell.h).
 */
#ifndef CF_IMAP_NOTIFY_H
#define CF_IMAP_NOTIFY_H

#include "imap/notify-filter.h"
#include "imap/session.h"
#include "mailbox/hub.h"

G_BEGIN_DECLS

/* Own doings, and names with news, that wait to be told; of more the client is told that there were too many.
 */
#define CF_NOTIFY_NAMES_MAX 1024

struct _CfNotify {
  CfNotifyFilter *filter;
  GArray *items;         /* of MessageNew in the selected mailbox (CfFetchItem); NULL: none */
  CfHubWatcher *watcher; /* NULL: other mailboxes do not matter */

  /* Other mailboxes. */
  GPtrArray *own;     /* CfTreeOp: what the client did since the names were compared */
  GArray *pending;    /* CfNews, by mailbox: taken from the hub; NULL: none */
  GPtrArray *changed; /* CfTreeOp: names to be listed, and what happened to them */

  GHashTable *told; /* the last STATUS of mailboxes, as notify-tell.c keeps it; NULL: none */

  /* The selected mailbox. */
  CfUidSet *arrived; /* EXISTS was told, FETCH is not; NULL: none */
  CfUidSet *brought; /* appended or copied by this client, and not announced; NULL: none */
  gpointer fetch;    /* tells these; NULL: none under way */
  GDestroyNotify free_fetch;
  gboolean overflow; /* to be told */
  gboolean look;     /* there may be something to tell */
  gint64 retry_at;   /* news that could not be had are asked for again; monotonic microseconds, 0: none */
};

/* After how long news that the store did not tell are asked for again. */
#define CF_NOTIFY_RETRY_US (2 * G_USEC_PER_SEC)

/* Takes over all three; @items may be NULL. */
CfNotify *cf_notify_new (CfNotifyFilter *filter, GArray *items, CfHubWatcher *watcher);
/* NULL is allowed. */
void cf_notify_free (CfNotify *notify);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfNotify, cf_notify_free)

/* NOTIFY SET or NONE: takes @notify over. What was announced and not fetched yet is still fetched. */
void cf_notify_replace (CfSession *session, CfNotify *notify);

/* What may be told of the selected mailbox (CfViewNews); all of it without NOTIFY. */
guint cf_notify_get_tellable (CfSession *session);
/* May EXPUNGE be told between commands? */
gboolean cf_notify_may_expunge (CfSession *session);

/* EXISTS has been told of the messages of @snapshot from UID @first to below @end. */
void cf_notify_arrived (CfSession *session, const CfSnapshot *snapshot, guint32 first, guint32 end);
/* This client has put @uids into @mailbox: if that is the selected one, no FETCH is sent for them (5.2). */
void cf_notify_brought (CfSession *session, CfMailboxId mailbox, const CfUidSet *uids);
/* This client has changed names or subscriptions: others are told, it is not (5). @id: of what it created, or
 * 0. */
void cf_notify_note_tree (CfSession *session, CfTreeOpKind kind, const char *name, const char *to,
                          CfMailboxId id);
/* The selected mailbox is left. */
void cf_notify_leave (CfSession *session);

/* The call that was telling is over or dropped: what it has not told stays to be told. */
void cf_notify_pause (CfSession *session);
/* The monotonic time at which the session is to look again; 0: none. */
gint64 cf_notify_get_retry (CfSession *session);
/* Is a push to be begun? */
gboolean cf_notify_has_news (CfSession *session);

G_END_DECLS

#endif
