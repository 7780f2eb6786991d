/* core/commands/subscription.h - subscriptions are attributes of the account, one for each name (RFC 3501,
 * 6.3.6: the mailbox need not exist).
 */
#ifndef CF_SUBSCRIPTION_H
#define CF_SUBSCRIPTION_H

#include <glib.h>

G_BEGIN_DECLS

#define CF_SUBSCRIPTION_PREFIX "subscription/"

/* The attribute that holds the subscription to @name: the prefix and the name, or for a name too long for a
 * key its hash; the value is always the name. The caller frees. */
char *cf_subscription_dup_key (const char *name);

G_END_DECLS

#endif
