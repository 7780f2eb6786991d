/* core/commands/list.h - what every LIST response has, whoever sends it. */
#ifndef CF_LIST_H
#define CF_LIST_H

#include <coffer/session.h>

G_BEGIN_DECLS

/* "\HasChildren \Subscribed \Sent", without parentheses, and what modules add: the attributes of @info
 * besides those that say whether there is such a mailbox. */
void cf_list_write_attributes (CfSession *session, const CfMailboxInfo *info, gboolean has_children,
                               gboolean subscribed);

G_END_DECLS

#endif
