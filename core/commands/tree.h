/* core/commands/tree.h - what the commands on the mailbox tree share: special uses and subscriptions by name.
 */
#ifndef CF_TREE_H
#define CF_TREE_H

#include <coffer/types.h>

G_BEGIN_DECLS

/* The bit for "Sent" (without backslash, any case); 0: unknown. */
guint cf_special_use_from_name (const char *name);
/* "\\Sent" for one bit; NULL: there is no such bit. */
const char *cf_special_use_get_name (guint bit);

#define CF_SUBSCRIPTION_PREFIX "subscription/"
/* The account attribute that holds the subscription to @name: the prefix and the name, or for a name too long
 * for a key its hash; the value is always the name. The caller frees. */
char *cf_tree_dup_subscription_key (const char *name);

G_END_DECLS

#endif
