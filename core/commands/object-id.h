/* core/commands/object-id.h - identifiers of mailboxes, contents and threads (RFC 8474).
 *
 * None of them is kept anywhere: each follows from what is immutable.
 *
 * MAILBOXID  "F" and the UIDVALIDITY, which an account gives to one mailbox alone and never again. It
 * survives RENAME and, as that must change it, not a restored backup. EMAILID    "M" and the content id,
 * which copies share. THREADID   "T" and a hash of what names the thread in the message's own header: its
 * Conversation-ID, as CPM's threads are conversations; else the first of References, the first of
 * In-Reply-To, or, of a message that answers none, its Message-ID. So a message and all that refer to it back
 * to the first have the same, in whatever order and whichever mailbox they arrive, without looking for each
 * other. NIL where the header has none of these.
 */
#ifndef CF_OBJECT_ID_H
#define CF_OBJECT_ID_H

#include <coffer/facts.h>

G_BEGIN_DECLS

/* Room for any of them, with its NUL. */
#define CF_OBJECT_ID_SIZE 40

void cf_object_id_of_mailbox (guint32 uid_validity, char out_id[CF_OBJECT_ID_SIZE]);
void cf_object_id_of_content (CfContentId content, char out_id[CF_OBJECT_ID_SIZE]);
/* FALSE: it has none (NIL). */
gboolean cf_object_id_of_thread (const CfFacts *facts, char out_id[CF_OBJECT_ID_SIZE]);

G_END_DECLS

#endif
