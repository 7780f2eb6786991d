/* core/commands/notify-tell.h - telling a client what it asked for by NOTIFY (RFC 5465, 5). */
#ifndef CF_NOTIFY_TELL_H
#define CF_NOTIFY_TELL_H

#include "imap/notify.h"

G_BEGIN_DECLS

/* Tells what there is, EXPUNGE only with @expunge, in a session that has used NOTIFY. A step as
 * CfCommand.run: WAIT and MORE are to be returned, DONE: there is nothing more. What has not been told, after
 * an error too, stays to be told. */
CfRun cf_notify_tell (CfCommandCall *call, gboolean expunge, GError **error);

/* The account's names and those that the watcher was given before, from the hub or the store, as
 * cf_hub_take_tree(). CF_RUN_DONE, or WAIT, to be returned, or ERROR. */
CfRun cf_notify_load_tree (CfCommandCall *call, CfHubWatcher *watcher, CfAccountTree **out_tree,
                           CfAccountTree **out_before, gboolean *out_scan, GError **error);
/* "* STATUS name (...)" with what @events (CfNotifyEvents) need; @modseq: HIGHESTMODSEQ too. */
void cf_notify_write_status (CfSession *session, const char *name, const CfMailboxStatus *counts,
                             guint events, gboolean modseq);

G_END_DECLS

#endif
