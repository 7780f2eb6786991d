/* core/imap/session.h - one IMAP session: a protocol on a connection, the state RFC 3501, 3 draws, and
 * the command that is being carried out. Its owner is whoever owns the connection; everybody else knows
 * it by its CfConnRef.
 */
#ifndef CF_SESSION_H
#define CF_SESSION_H

#include <coffer/module.h>

#include "imap/call.h"
#include "imap/command-reader.h"
#include "imap/login-limit.h"
#include "imap/trace.h"
#include "mailbox/mailbox.h"
#include "mailbox/view.h"
#include "net/net.h"

G_BEGIN_DECLS

/* See notify.h. */
typedef struct _CfNotify CfNotify;

/* See modseq.h. */
typedef struct {
  gboolean condstore; /* the client is CONDSTORE-aware */
  gboolean qresync;
  guint64
      kept; /* HIGHESTMODSEQ of the selected mailbox as the client has it since its last tagged response */
  guint64 told;      /* the highest MODSEQ of FETCH responses since; 0: none */
  gboolean vanished; /* a VANISHED since */
} CfModseqState;

struct _CfSession {
  CfConn *conn;
  CfConnRef ref;
  CfCommandReaderConfig reader_config;
  CfCommandReader *reader;
  CfOutput *output;
  CfCommandCall *call; /* NULL: waiting for a command */

  CfIdentity identity;      /* account 0: not authenticated */
  GPtrArray *enabled_names; /* as capabilities are written; NULL: none */
  gboolean rev2, utf8;      /* see revision.h */
  gpointer *data;           /* by session slot; NULL: none set */

  /* The selected mailbox; all NULL when none is. */
  CfMailbox *mailbox;
  CfView *view;
  char *mailbox_name;
  guint names_serial; /* of cf_mailbox_get_names_serial() when mailbox_name was taken; 0: not yet */
  gboolean read_only;
  guint32 special_use; /* CfSpecialUse bits, as they were when it was opened */
  CfModseqState modseq;
  CfNotify *notify; /* NULL: NOTIFY has not been used */
  CfUidSet *saved;  /* "$" (search-result.h); NULL: empty */

  gint64 autologout_at;  /* monotonic microseconds */
  gint64 demote_at;      /* when the view of an idle session gives its snapshot back; 0: never */
  gboolean draining;     /* the server goes down */
  gboolean closing;      /* BYE has been written */
  gboolean logged_in;    /* CF_HOOK_LOGIN was asked, so CF_HOOK_LOGOUT is told */
  CfTraceLog *trace;     /* NULL: none is kept */
  guint trace_serial;    /* of cf_trace_get_serial() when that was decided; 0: not yet, or none ever ran */
  CfTallyEntry *counted; /* of the account; NULL: not counted */
};

/* IMAP on a listener; and, for an account authenticated by other means, the greeting PREAUTH on
 * @conn: see cf_session_preauthenticate(). */
extern const CfProtocol cf_imap_protocol;

/* Makes the connection, which speaks another protocol so far, an IMAP session of @identity (copied) that is
 * authenticated from the start. For the control socket: whoever can open it may act for every account.
 * Returns the session, for cf_imap_protocol's run and closed. */
gpointer cf_session_preauthenticate (CfConn *conn, const CfIdentity *identity);

/* What the configuration and the client's ENABLE say of reading and writing holds from the next octets on. */
void cf_session_take_settings (CfSession *session);

/* Whether a trace is kept is looked at again, if anything has changed since the last time. */
void cf_session_follow_trace (CfSession *session);

/* The client did something: the time until autologout begins anew. */
void cf_session_touch (CfSession *session);

CfConnRef cf_session_get_ref (CfSession *session);
CfOutput *cf_session_get_output (CfSession *session);
CfStates cf_session_get_state (CfSession *session);
gboolean cf_session_is_output_full (CfSession *session);

/* After a successful login: takes over @identity's strings. FALSE: CF_HOOK_LOGIN vetoed, or the account has
 * as many sessions as it may (CF_ERROR_LIMIT); @identity is as it was. */
gboolean cf_session_login (CfSession *session, CfIdentity *identity, GError **error);
void cf_session_enable (CfSession *session, const char *capability);

/* "IMAP4rev1 ..." for the session's state. The caller frees. */
char *cf_session_dup_capabilities (CfSession *session);

/* Logs @error once, with the session's context; see cf_response_get_log_level(). */
void cf_session_log_error (CfSession *session, const char *command, const GError *error);

G_END_DECLS

#endif
