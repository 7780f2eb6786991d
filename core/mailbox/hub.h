/* core/mailbox/hub.h - the watch hub: news of an account's mailboxes for sessions that watch more than the
 * one they have selected (NOTIFY, RFC 5465).
 *
 * A watching session costs one record here, whatever the number of mailboxes it watches. Who changes
 * something notes it: every watcher of the account gets the mailbox into its pending news, and is woken. What
 * the news are worth to its client the session finds out itself, when it has time. Per account, and shared by
 * its watchers, there are the names (account-tree.h) and the counts that some session has asked the store for
 * since the last change, so that many watchers cost one question.
 *
 * Any thread; one lock, held for moments, inside of which no other is taken.
 */
#ifndef CF_HUB_H
#define CF_HUB_H

#include "mailbox/account-tree.h"
#include "net/net.h"

G_BEGIN_DECLS

typedef enum {
  CF_NEWS_ARRIVED = 1 << 0,
  CF_NEWS_EXPUNGED = 1 << 1,
  CF_NEWS_FLAGS = 1 << 2,
  CF_NEWS_ALL = 7,
} CfNewsKinds;

typedef struct {
  CfMailboxId mailbox;
  guint kinds; /* CfNewsKinds */
} CfNews;

/* Mailboxes with news that wait for one session; of more it is told that there were too many. */
#define CF_HUB_PENDING_MAX 1024
/* Mailboxes of an account whose counts are kept. */
#define CF_HUB_COUNTS_MAX 4096
/* A watcher that is further behind the newest names has overflowed: older ones are not kept for it. */
#define CF_HUB_TREES_MAX 8

/* ---- Noting; costs next to nothing where nobody watches --------------------------------------------- */

/* After it is durable, and known to the mailbox if that is in memory. @except: whose own doing it is; 0:
 * nobody's. */
void cf_hub_note (CfAccountId account, CfMailboxId mailbox, guint kinds, CfConnRef except);
/* Mailboxes were created, deleted or renamed, or subscriptions changed. */
void cf_hub_note_tree (CfAccountId account, CfConnRef except);
/* Another process did something: as CfWatchFunc has it. */
void cf_hub_note_elsewhere (CfAccountId account, CfMailboxId mailbox);

/* ---- Watching ---------------------------------------------------------------------------------------- */

typedef struct _CfHubWatcher CfHubWatcher;

/* From here on @ref is woken with CF_WAKE_PUSH. The caller, one session, unwatches. */
CfHubWatcher *cf_hub_watch (CfAccountId account, CfConnRef ref);
/* NULL is allowed. */
void cf_hub_unwatch (CfHubWatcher *watcher);
/* Has there been anything since the last take? */
gboolean cf_hub_has_news (CfHubWatcher *watcher);
/* The pending news, in order of mailbox; NULL: none. *@out_overflow: there were too many, and they are lost.
 * The caller unrefs. */
GArray *cf_hub_take (CfHubWatcher *watcher, gboolean *out_overflow);

/* The account's names as they are now, a new reference. *@out_before: those that the watcher was given
 * before, if they were others, else NULL; *@out_scan: meanwhile anything may have changed in any mailbox,
 * unheard. FALSE: the names have changed since they were asked for. */
gboolean cf_hub_take_tree (CfHubWatcher *watcher, CfAccountTree **out_tree, CfAccountTree **out_before,
                           gboolean *out_scan);
/* FALSE: nobody has asked since the mailbox changed last. */
gboolean cf_hub_lookup_counts (CfHubWatcher *watcher, CfMailboxId mailbox, CfMailboxStatus *out_counts);
/* Before asking for counts: the number to put them with. */
guint64 cf_hub_get_serial (CfHubWatcher *watcher);
void cf_hub_put_counts (CfHubWatcher *watcher, const CfMailboxStatus *counts, guint64 serial);

/* The right to ask the store for what is missing. FALSE: another session does, and this one is woken when it
 * has. Whoever has it keeps it until end_load or unwatch, and begins anew in each step, just before it asks.
 */
gboolean cf_hub_begin_load (CfHubWatcher *watcher);
/* What was asked for after begin_load; takes over the reference. */
void cf_hub_put_tree (CfHubWatcher *watcher, CfAccountTree *tree);
/* Does nothing for one that has it not. */
void cf_hub_end_load (CfHubWatcher *watcher);

/* Octets of the hub for @account: watchers, pending news, counts. For tests. */
gsize cf_hub_get_size (CfAccountId account);

G_END_DECLS

#endif
