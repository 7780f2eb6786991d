/* core/store/login-audit.h - telling the store of logins, off their way.
 *
 * A login leaves a record in memory. A thread hands what has gathered in about a second to the store's slot
 * note_logins; where the store has none, nothing is gathered. While the store is away records wait, 20,000 of
 * them; then the oldest are dropped. A process that dies loses those of the last second.
 */
#ifndef CF_LOGIN_AUDIT_H
#define CF_LOGIN_AUDIT_H

#include "store/login-queue.h"

G_BEGIN_DECLS

/* The store is open. Main thread. */
void cf_login_audit_start (void);
/* Writes what is left, in two seconds at most as far as the store keeps its deadlines. No session is there
 * any more. Does nothing when it was not started. Main thread. */
void cf_login_audit_stop (void);

/* Copies @record, whose time it sets. Any thread. */
void cf_login_audit_note (CfLoginRecord *record);

/* All 0 where nothing is gathered. Any thread. */
void cf_login_audit_get_counters (CfLoginQueueCounters *out);

G_END_DECLS

#endif
