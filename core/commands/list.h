/* core/commands/list.h - what every LIST response has, whoever sends it. */
#ifndef CF_LIST_H
#define CF_LIST_H

#include <coffer/session.h>

G_BEGIN_DECLS

/* "\HasChildren \Subscribed \Sent", without parentheses, and what modules add: the attributes of @info
 * besides those that say whether there is such a mailbox. */
void cf_list_write_attributes (CfSession *session, const CfMailboxInfo *info, gboolean has_children,
                               gboolean subscribed);

/* What ends a LIST response whose attributes have been written: ') "/" name'; with @old_name (or NULL) also
 * the name that the client knows it by (RFC 9051, 6.3.9.7). */
void cf_list_write_name (CfSession *session, const char *name, const char *old_name);

/* A LIST response of its own, for what a command did to @info->name or found under it. It says what is known
 * without looking at other names, so nothing of children and subscriptions. @old_name may be NULL. */
void cf_list_write_one (CfSession *session, const CfMailboxInfo *info, gboolean exists, const char *old_name);

G_END_DECLS

#endif
