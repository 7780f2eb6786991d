/* core/commands/login.h - what LOGIN and AUTHENTICATE share: delays for failures, and the end of both. */
#ifndef CF_LOGIN_H
#define CF_LOGIN_H

#include "imap/session.h"

G_BEGIN_DECLS

/* The process's delays, as the settings have them. Main thread. */
void cf_login_init (void);
void cf_login_shutdown (void);

/* Before the credentials of @name (as sent; NULL: not known yet) are looked at. TRUE with *@out_wait 0: go
 * on; TRUE with a wait: sleep so many milliseconds first. FALSE: refused. */
gboolean cf_login_admit (CfSession *session, const char *name, guint *out_wait, GError **error);
/* The credentials are right: logs in with @identity (emptied) and sets the tagged OK. FALSE: a hook
 * refused. */
gboolean cf_login_succeed (CfCommandCall *call, CfIdentity *identity, GError **error);
/* They are not: counts it if @error is CF_ERROR_AUTHENTICATIONFAILED. Returns how many milliseconds the
 * answer is to be held back. @name as for admit. */
guint cf_login_fail (CfSession *session, const char *name, const GError *error);

/* Row @i of @class, whatever size the module knows it by; borrowed. */
const CfMechanism *cf_login_get_mechanism (const CfAuthenticationClass *class, guint i);
/* Whether @mechanism may be used in the session as it is. */
gboolean cf_login_is_offered (CfSession *session, const CfMechanism *mechanism);

G_END_DECLS

#endif
