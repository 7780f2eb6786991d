/* core/imap/revision.h - which revision of the protocol a session speaks: IMAP4rev1 (RFC 3501) until the
 * client enables IMAP4rev2 (RFC 9051); and whether its names and strings are UTF-8, which that implies and
 * UTF8=ACCEPT (RFC 6855) asks for alone. doc/imap4rev2.md says what differs.
 */
#ifndef CF_REVISION_H
#define CF_REVISION_H

#include <coffer/session.h>

G_BEGIN_DECLS

gboolean cf_session_is_rev2 (CfSession *session);
/* Mailbox names are UTF-8, not modified UTF-7, and quoted strings may have UTF-8. */
gboolean cf_session_is_utf8 (CfSession *session);

/* CfCapability.enable. FALSE while a mailbox is selected: what the client has been told of it would not be of
 * one kind (RFC 9051, 6.3.1; RFC 6855, 3). */
gboolean cf_session_enable_rev2 (CfSession *session);
gboolean cf_session_enable_utf8 (CfSession *session);

G_END_DECLS

#endif
