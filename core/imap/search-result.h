/* core/imap/search-result.h - "$", the messages that the last SEARCH with SAVE found (RFC 5182).
 *
 * The variable is the session's, kept as UIDs: numbers that move and messages that go change nothing in it,
 * as a UID never comes back. What it stands for is decided when a command names it: those of its messages
 * that are still there. It is emptied when a mailbox is left, and so by SELECT, and by a SEARCH with SAVE
 * that ends in NO, however it came to that.
 */
#ifndef CF_SEARCH_RESULT_H
#define CF_SEARCH_RESULT_H

#include "imap/session.h"

G_BEGIN_DECLS

/* Ranges of UIDs kept for one session, at most; beyond, SAVE is answered NO [NOTSAVED]. */
#define CF_SEARCH_RESULT_RANGES_MAX (128 * 1024)

void cf_search_result_clear (CfSession *session);
/* The saved messages that are in the view and not expunged. The caller frees. */
CfUidSet *cf_search_result_dup (CfSession *session);
/* @call is answered with @error: empties the variable if it was to be set (RFC 5182, 2.1). Moves the cursor.
 */
void cf_search_result_fail (CfCommandCall *call, const GError *error);

G_END_DECLS

#endif
