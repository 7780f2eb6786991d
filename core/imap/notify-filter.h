/* core/imap/notify-filter.h - what a client wants to be told of (NOTIFY SET; RFC 5465, 3.1, 6).
 *
 * All of a filter is what the client said: nothing is resolved to mailboxes when it is registered, so it
 * costs the same whatever the account holds, and follows what is created, renamed and subscribed to.
 * Immutable once made.
 */
#ifndef CF_NOTIFY_FILTER_H
#define CF_NOTIFY_FILTER_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef enum {
  CF_NOTIFY_MESSAGE_NEW = 1 << 0,
  CF_NOTIFY_MESSAGE_EXPUNGE = 1 << 1,
  CF_NOTIFY_FLAG_CHANGE = 1 << 2,
  CF_NOTIFY_MAILBOX_NAME = 1 << 3,
  CF_NOTIFY_SUBSCRIPTION_CHANGE = 1 << 4,
  CF_NOTIFY_MESSAGE_EVENTS = 7,
} CfNotifyEvents;

typedef enum {
  CF_NOTIFY_SELECTED,
  CF_NOTIFY_SELECTED_DELAYED,
  CF_NOTIFY_PERSONAL, /* also what INBOXES is: messages can come into any mailbox (6.3) */
  CF_NOTIFY_SUBSCRIBED,
  CF_NOTIFY_SUBTREE,
  CF_NOTIFY_MAILBOXES,
} CfNotifyWhere;

typedef struct _CfNotifyFilter CfNotifyFilter;

/* Of nothing: NOTIFY NONE. */
CfNotifyFilter *cf_notify_filter_new (void);
/* NULL is allowed. */
void cf_notify_filter_free (CfNotifyFilter *filter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfNotifyFilter, cf_notify_filter_free)

/* An event-group. @names (strings; SUBTREE and MAILBOXES, else NULL) is taken over. @events 0: NONE. FALSE: a
 * second one for the selected mailbox. */
gboolean cf_notify_filter_add (CfNotifyFilter *filter, CfNotifyWhere where, GPtrArray *names, guint events);

/* Of the selected mailbox; 0: nothing. */
guint cf_notify_filter_get_selected (const CfNotifyFilter *filter);
/* EXPUNGE waits for a command that allows it. */
gboolean cf_notify_filter_is_delayed (const CfNotifyFilter *filter);
/* All that is wanted of any other mailbox. */
guint cf_notify_filter_get_others (const CfNotifyFilter *filter);
/* Of a mailbox of this name, selected or not: what all groups that it is in want together (6); nothing, if
 * one that names it (SUBTREE, MAILBOXES) says NONE (8). */
guint cf_notify_filter_match (const CfNotifyFilter *filter, const char *name, gboolean subscribed);

G_END_DECLS

#endif
