/* core/imap/login-limit.h - how many sessions an account may have at a time.
 *
 * Sessions that cofferctl has act for the operator: they are neither counted nor refused. Any thread, between
 * init and shutdown.
 */
#ifndef CF_LOGIN_LIMIT_H
#define CF_LOGIN_LIMIT_H

#include <coffer/types.h>

#include "base/tally.h"

G_BEGIN_DECLS

/* Main thread. */
void cf_login_limit_init (void);
void cf_login_limit_shutdown (void);

/* Counts a session of @account; what it gives is given back by cf_login_limit_leave(). @user is its name, for
 * the log. NULL with CF_ERROR_LIMIT: the account has [server] connections_per_account already. */
CfTallyEntry *cf_login_limit_enter (CfAccountId account, const char *user, GError **error);
/* NULL is allowed. */
void cf_login_limit_leave (CfTallyEntry *entry);

void cf_login_limit_get_counters (CfTallyCounters *out);

G_END_DECLS

#endif
