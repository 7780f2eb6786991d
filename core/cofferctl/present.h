/* core/cofferctl/present.h - which messages a mailbox holds already, by their octets.
 *
 * This is how an interrupted import goes on: nothing is remembered between two runs, and so nothing can be
 * remembered wrongly. What the server confirmed, what it stored without being able to say so, and what
 * somebody else delivered in the meantime all count for what they are. Messages are compared by size first,
 * and by SHA-256 where sizes agree; each message of the mailbox stands for one of the source, so a source
 * with two equal messages is imported whole.
 */
#ifndef CF_CTL_PRESENT_H
#define CF_CTL_PRESENT_H

#include "cofferctl/imap-client.h"

G_BEGIN_DECLS

typedef struct _CtlPresent CtlPresent;

/* What @mailbox, which the session then has selected, holds now. */
CtlPresent *ctl_present_new (CtlImap *imap, const char *mailbox, GError **error);
void ctl_present_free (CtlPresent *present);

/* *@out_found: the mailbox holds @octets, and this was not told of that message before. */
gboolean ctl_present_take (CtlPresent *present, GBytes *octets, gboolean *out_found, GError **error);

G_END_DECLS

#endif
