/* core/commands/net-unicode.h - names whose characters are not composed, in sessions whose names are UTF-8.
 *
 * RFC 9051, 5.1, wants names in Net-Unicode (RFC 5198), that is in Normalization Form C, and lets a server
 * take others for them. Here a session that writes names in UTF-8 makes composed names only. A name that it
 * sends in another form is that of the mailbox which has exactly this name, as clients of IMAP4rev1 may make
 * it (RFC 9051, A.1), or else its composed form. So no mailbox is out of reach, and what CREATE took, SELECT
 * takes.
 */
#ifndef CF_NET_UNICODE_H
#define CF_NET_UNICODE_H

#include <coffer/session.h>

G_BEGIN_DECLS

/* For names to be made: *@name composed, as above; a session of other names keeps it. @known_as: what the
 * client knows the mailbox by, *@name or another. FALSE: no mailbox can have the composed name. */
gboolean cf_net_unicode_make (CfCommandCall *call, char **name, const char *known_as, GError **error);

/* For the name of a mailbox that is there, before it is used: *@name becomes what it stands for. Once in a
 * command. CF_RUN_DONE: settled, for most names at once; else return it, and call again. It may ask the
 * store, for which it enters it. */
CfRun cf_net_unicode_settle (CfCommandCall *call, char **name, GError **error);
/* The same for DELETE and RENAME: a level without a mailbox is there too, if there are mailboxes below it.
 * LIST shows it, and what is done to it must not be done to another mailbox. */
CfRun cf_net_unicode_settle_level (CfCommandCall *call, char **name, GError **error);

/* What the client knows the mailbox by, where make() or settle() has replaced a name and the client is to be
 * told (RFC 9051, 6.3.9.7): in IMAP4rev2. Else NULL. Borrowed. */
const char *cf_net_unicode_get_sent (CfCommandCall *call);
/* Tells it then, by a LIST response for @name, which there is or, @exists FALSE, is no longer. */
void cf_net_unicode_tell (CfCommandCall *call, const char *name, gboolean exists);

G_END_DECLS

#endif
