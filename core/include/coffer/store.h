/* coffer/store.h - calling the store: the wrappers that commands and modules use.
 *
 * Each asks the access classes first (CF_ERROR_NOPERM), sets the deadline, fails at once while the store is
 * known to be away, and supplies what the loaded plugin leaves out. They block; a command calls them after
 * cf_call_enter_store(). Parameters and errors are those of the slots in coffer/storage.h; names are mailbox
 * names of the session's account.
 */
#ifndef COFFER_STORE_H
#define COFFER_STORE_H

#include <coffer/session.h>

G_BEGIN_DECLS

/* No right is asked: this is how a login begins. @address is normalised here. */
CF_API gboolean cf_store_account_lookup (CfSession *session, const char *address, CfAccountSink *sink,
                                         GError **error);

/* Only mailboxes with the right l. */
CF_API gboolean cf_store_mailbox_list (CfSession *session, CfMailboxSink *sink, GError **error);

/* r on the mailbox (account attributes need none); s, for attribute_set, is l: a module asks
 * for more itself. */
CF_API gboolean cf_store_attribute_get (CfSession *session, const CfAttributeTarget *target,
                                        const char *mailbox_name, const char *prefix, CfAttributeSink *sink,
                                        GError **error);
CF_API gboolean cf_store_attribute_set (CfSession *session, const CfAttributeTarget *target,
                                        const char *mailbox_name, guint n,
                                        const CfAttribute *const *attributes, GError **error);

/* The selected mailbox, right r. */
CF_API gboolean cf_store_search (CfSession *session, const CfSearchNode *tree, const CfUidSet *candidates,
                                 CfUidSet **out_uids, gboolean *out_exact, GError **error);
CF_API gboolean cf_store_read (CfSession *session, guint n_requests, const CfReadRequest *const *requests,
                               CfReadSink *sink, GError **error);

/* The facts of @n messages of the selected mailbox, one call of the store for all that core has not in
 * memory. @out_facts has room for @n; NULL where there is no such content any more. The caller unrefs each.
 * Right r. */
CF_API gboolean cf_store_load_facts (CfSession *session, guint n, const CfContentId *contents,
                                     CfFacts **out_facts, GError **error);

/* The rights the session has on @name of its own account: what all access classes allow. */
CF_API gboolean cf_store_get_rights (CfSession *session, const char *name, guint *out_rights, GError **error);

G_END_DECLS

#endif
