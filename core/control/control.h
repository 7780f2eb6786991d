/* core/control/control.h - the control protocol: what cofferctl says to the server.
 *
 * It is spoken on a unix socket that root and the server's own user may use, and nobody else; each can then
 * act for every account. wire.h has the form of its lines, control.c the table of commands. One command makes
 * the connection an IMAP session, so that mail is moved in and out by the same code that serves clients.
 */
#ifndef CF_CONTROL_H
#define CF_CONTROL_H

#include <coffer/module.h>

#include "imap/trace.h"
#include "net/net.h"

G_BEGIN_DECLS

extern const CfProtocol cf_control_protocol;

/* Waits until no job is left: threads of requests whose connections may have gone. They need the loop and the
 * store. Main thread, after the loop has stopped. */
void cf_control_jobs_wait (void);
/* The same, but not for those that are carried through. */
void cf_control_jobs_wait_stopped (void);

/* Whether [storage] create_mailboxes makes sense. CF_ERROR_CANNOT. Main thread. */
gboolean cf_control_check_settings (GError **error);

/* What reads the configuration again when cofferctl asks for it; called on the main thread. The names of keys
 * that now hold, and of those that wait for a restart: NULL-terminated, freed by the caller. Before the
 * server starts; without it the request is refused. */
typedef gboolean (*CfControlReloadFunc) (char ***out_applied, char ***out_waiting, gpointer user_data,
                                         GError **error);
void cf_control_set_reload (CfControlReloadFunc func, gpointer user_data);

/* Tells every session of @account to end. How many. Any thread. */
guint cf_control_kick_account (CfNet *net, CfAccountId account);

/* A CfTraceChangedFunc: wakes the sessions; @net is the CfNet. */
void cf_control_trace_changed (CfTraceKind kind, const char *target, gpointer net);

G_END_DECLS

#endif
