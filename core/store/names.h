/* core/store/names.h - which mailbox id a name stands for, remembered.
 *
 * So that APPEND and COPY need no round trip to find their destination. An entry is a hint: a commit that
 * finds the mailbox gone says so, the entry is dropped and the name asked for again. The wrappers that
 * create, rename and delete drop what they make untrue. Bounded; any thread; one short lock.
 */
#ifndef CF_STORE_NAMES_H
#define CF_STORE_NAMES_H

#include <coffer/types.h>

G_BEGIN_DECLS

/* FALSE: not remembered. */
gboolean cf_names_lookup (CfAccountId account, const char *name, CfMailboxId *out_mailbox);
void cf_names_remember (CfAccountId account, const char *name, CfMailboxId mailbox);
void cf_names_forget (CfAccountId account, const char *name);
/* Everything about the account: its tree changed in more than one place. */
void cf_names_forget_account (CfAccountId account);
void cf_names_forget_all (void);

G_END_DECLS

#endif
