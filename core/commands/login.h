/* core/commands/login.h - what LOGIN and AUTHENTICATE share: delays for failures, and the end of both. */
#ifndef CF_LOGIN_H
#define CF_LOGIN_H

#include "imap/session.h"

G_BEGIN_DECLS

/* The process's delays, as the settings have them. Main thread. */
void cf_login_init (void);
void cf_login_shutdown (void);

/* What a command that checks credentials is held back for: its turn to look at them, then the answer that
 * they are wrong. Zero at first but for the mechanism. The functions return CF_RUN_DONE: go on; or what run
 * is to return. What becomes of the attempt is noted for the store (store/login-audit.h) when it is known,
 * which may be long before it is told. */
typedef struct {
  const char *mechanism; /* "LOGIN", "SCRAM-SHA-256"; static */
  GError *failure;       /* known, and not told yet; NULL: none */
  CfSession *waiting;    /* not NULL: for its turn */
  char *name;            /* ... of this address, or NULL */
} CfLoginHold;

/* Before the credentials of @name (as sent; NULL: not known) are looked at, or where that is when the name
 * becomes known, before what they are worth is told. Too many attempts waiting is a failure, which is told
 * later as well: who hears of it at once tries again at once. */
CfRun cf_login_hold_begin (CfLoginHold *hold, CfCommandCall *call, const char *name);
/* At the beginning of every further step. ERROR: the failure, whose time has come. */
CfRun cf_login_hold_resume (CfLoginHold *hold, CfCommandCall *call, GError **error);
/* hold->failure says what was wrong with the credentials of @name (as sent; NULL: not known): counts it if it
 * is CF_ERROR_AUTHENTICATIONFAILED. WAIT: it is answered later. ERROR: now. */
CfRun cf_login_hold_fail (CfLoginHold *hold, CfCommandCall *call, const char *name, GError **error);
/* While the session is there. */
void cf_login_hold_clear (CfLoginHold *hold);

/* The credentials are right: logs in with @identity (emptied) and sets the tagged OK. FALSE: a hook refused,
 * or the account has too many sessions. */
gboolean cf_login_succeed (CfLoginHold *hold, CfCommandCall *call, CfIdentity *identity, GError **error);

/* Row @i of @class, whatever size the module knows it by; borrowed. */
const CfMechanism *cf_login_get_mechanism (const CfAuthenticationClass *class, guint i);
/* Whether @mechanism may be used in the session as it is. */
gboolean cf_login_is_offered (CfSession *session, const CfMechanism *mechanism);

G_END_DECLS

#endif
