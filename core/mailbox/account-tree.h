/* core/mailbox/account-tree.h - the names of an account at one moment: its mailboxes, and what is subscribed
 * to.
 *
 * Immutable once sealed, and shared by all sessions of the account that watch it (hub.h). What happened
 * between two of them, here or in another process, is found by comparing them.
 */
#ifndef CF_ACCOUNT_TREE_H
#define CF_ACCOUNT_TREE_H

#include <coffer/storage.h>

G_BEGIN_DECLS

typedef struct _CfAccountTree CfAccountTree;

/* Empty, to be filled by one thread and then sealed. */
CfAccountTree *cf_account_tree_new (void);
void cf_account_tree_add (CfAccountTree *tree, const CfMailboxInfo *info);
void cf_account_tree_subscribe (CfAccountTree *tree, const char *name);
void cf_account_tree_seal (CfAccountTree *tree);

/* From here on any thread. Atomic reference count; NULL is allowed for unref. */
CfAccountTree *cf_account_tree_ref (CfAccountTree *tree);
void cf_account_tree_unref (CfAccountTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfAccountTree, cf_account_tree_unref)

/* Mailboxes, sorted by name; borrowed as long as the tree. */
guint cf_account_tree_get_n (const CfAccountTree *tree);
const CfMailboxInfo *cf_account_tree_get (const CfAccountTree *tree, guint i);
/* NULL: there is none. O(log n). */
const CfMailboxInfo *cf_account_tree_lookup (const CfAccountTree *tree, CfMailboxId id);
const CfMailboxInfo *cf_account_tree_lookup_name (const CfAccountTree *tree, const char *name);
/* Whether mailboxes are below @name, which need not exist. */
gboolean cf_account_tree_has_children (const CfAccountTree *tree, const char *name);
gboolean cf_account_tree_is_subscribed (const CfAccountTree *tree, const char *name);

/* ---- What leads from one to the next ---- */

typedef enum {
  CF_TREE_CREATE,
  CF_TREE_DELETE,
  CF_TREE_RENAME,
  CF_TREE_SUBSCRIBE,
  CF_TREE_UNSUBSCRIBE,
} CfTreeOpKind;

/* Something a client did itself, and need not be told of. */
typedef struct {
  CfTreeOpKind kind;
  char *name;
  char *to;       /* RENAME; else NULL */
  CfMailboxId id; /* CREATE: of the mailbox; 0: not known */
} CfTreeOp;

CfTreeOp *cf_tree_op_new (CfTreeOpKind kind, const char *name, const char *to);
void cf_tree_op_free (CfTreeOp *op);

/* A difference. Of RENAME only the topmost mailbox: what is below it went with it (RFC 5465, 5.4). SUBSCRIBE
 * stands for any change of a subscription. INBOX, which RENAME makes anew, is never CREATEd. */
typedef void (*CfAccountTreeFunc) (CfTreeOpKind kind, const char *name, const char *old_name,
                                   gpointer user_data);

/* Calls @func for what leads from @before, as it is after @own (CfTreeOp in order; NULL: none), to @after. */
void cf_account_tree_diff (const CfAccountTree *before, const GPtrArray *own, const CfAccountTree *after,
                           CfAccountTreeFunc func, gpointer user_data);

/* @name after RENAME of @from to @to, a new string; NULL: it is not among what is renamed. */
char *cf_account_tree_map (const char *name, const char *from, const char *to);

G_END_DECLS

#endif
