/* coffer/error.h - the one error domain.
 *
 * Every failure in Coffer is a GError in the domain CF_ERROR. Its code decides the response a client sees:
 * one switch in core turns it into a tagged NO or BAD and the response code (RFC 5530 unless another RFC is
 * named). The message is shown to the client as the human-readable text: one line of UTF-8, no CR or LF, and
 * nothing a client must not learn (no file names, no SQL).
 *
 * Errors are passed up unchanged and logged once, at the session boundary.
 */
#ifndef COFFER_ERROR_H
#define COFFER_ERROR_H

#include <coffer/version.h>

G_BEGIN_DECLS

#define CF_ERROR (cf_error_quark ())

typedef enum {
  /* Answered with BAD. */
  CF_ERROR_BAD,       /* the command is not well formed, or not allowed in this state (RFC 3501, 7.1.3) */
  CF_ERROR_CLIENTBUG, /* BAD [CLIENTBUG]: well formed, but no correct client sends it */

  /* Answered with NO. */
  CF_ERROR_NO,          /* refused; no response code says it better */
  CF_ERROR_UNAVAILABLE, /* a subsystem cannot be asked now; the same command may succeed later */
  CF_ERROR_UNKNOWN,     /* a commit's outcome is unknown; sent as UNAVAILABLE, the index is refreshed */
  CF_ERROR_AUTHENTICATIONFAILED, /* wrong credentials; never says which part was wrong */
  CF_ERROR_AUTHORIZATIONFAILED,  /* right credentials, but not for that authorisation identity */
  CF_ERROR_EXPIRED,              /* right credentials, no longer accepted */
  CF_ERROR_PRIVACYREQUIRED,      /* not without TLS */
  CF_ERROR_CONTACTADMIN,         /* the account is disabled */
  CF_ERROR_NOPERM,               /* access refused */
  CF_ERROR_INUSE,                /* locked by another session; try again */
  CF_ERROR_EXPUNGEISSUED,        /* some of the messages have been expunged */
  CF_ERROR_CORRUPTION,           /* stored data is damaged */
  CF_ERROR_SERVERBUG,            /* an internal contradiction */
  CF_ERROR_CANNOT,               /* this server never does that: bad name, unsupported operation */
  CF_ERROR_LIMIT,                /* more than the server allows */
  CF_ERROR_OVERQUOTA,            /* would exceed a quota */
  CF_ERROR_ALREADYEXISTS,        /* the mailbox (or account) exists */
  CF_ERROR_NONEXISTENT,          /* "not there": asked, and the store knows no such thing */
  CF_ERROR_TRYCREATE,            /* the destination mailbox does not exist (RFC 3501, 7.1) */
  CF_ERROR_BADCHARSET,           /* SEARCH CHARSET unknown (RFC 3501, 6.4.4) */
  CF_ERROR_TOOBIG,               /* message larger than APPENDLIMIT (RFC 7889, 4) */
  CF_ERROR_UNKNOWN_CTE,          /* UNKNOWN-CTE (RFC 3516, 4.3) */
  CF_ERROR_USEATTR,              /* special-use attribute refused (RFC 6154, 3) */
  CF_ERROR_HASCHILDREN,          /* a mailbox with children cannot do that (RFC 9051, 7.1) */
  CF_ERROR_NOTSAVED,             /* SEARCH's result cannot be kept for "$" (RFC 5182, 2.5) */

  /* Between core and a store; a client sees SERVERBUG if one ever reaches it. */
  CF_ERROR_CONTENT_GONE,  /* an object named by a batch no longer exists: put it again and retry */
  CF_ERROR_NOT_SUPPORTED, /* an optional slot is absent and core has no fallback; sent as CANNOT */
} CfError;

CF_API GQuark cf_error_quark (void);

G_END_DECLS

#endif
