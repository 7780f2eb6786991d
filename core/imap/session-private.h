/* core/imap/session-private.h - what session.c and session-late.c share. The session's owner calls it. */
#ifndef CF_SESSION_PRIVATE_H
#define CF_SESSION_PRIVATE_H

#include "imap/session.h"

G_BEGIN_DECLS

/* ---- session.c ---- */

/* Gives the connection what the output holds. */
void cf_session_flush (CfSession *session);
/* Says BYE, once; @code may be NULL. The session ends with this turn. */
void cf_session_bye (CfSession *session, const char *code, const char *text);
/* TRUE: the selected mailbox was deleted, and BYE has been said. */
gboolean cf_session_leave_if_gone (CfSession *session);
gboolean cf_session_is_waiting_for_input (CfSession *session);

/* ---- session-late.c ---- */

/* While a command is inside the store; the data is the session. */
extern const CfConnLate cf_session_late;

/* The call's time to wait for the store is over: it ends, or goes on without. */
void cf_session_give_up_waiting (CfSession *session);
/* The call, which the client was told is over, has come back from the store. @mailbox and @account are those
 * of before. What to answer to the connection. */
CfRun cf_session_finish_late (CfSession *session, CfMailbox *mailbox, CfAccountId account);

G_END_DECLS

#endif
