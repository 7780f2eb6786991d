/* core/commands/list-tree.h - the names that a LIST or LSUB looks at, and which of them it selects (RFC 5258,
 * 3).
 *
 * Names come from the mailboxes of the account and from its subscriptions. A name that only exists because
 * others are below it has no row in the store; it is derived here.
 */
#ifndef CF_LIST_TREE_H
#define CF_LIST_TREE_H

#include <coffer/storage.h>

G_BEGIN_DECLS

/* What a name must be to be selected: all of these. */
typedef enum {
  CF_LIST_SELECT_SUBSCRIBED = 1 << 0,
  CF_LIST_SELECT_SPECIAL_USE = 1 << 1, /* has one */
} CfListSelect;

typedef struct {
  char *name;
  CfMailboxInfo info;     /* name is the above; all else 0 without a row in the store */
  CfMailboxStatus status; /* id 0: not known */
  gboolean exists;        /* has a row */
  gboolean has_children;  /* some that exist */
  gboolean is_subscribed;
  gboolean is_selected;
  gboolean has_selected; /* some below it are selected, */
  gboolean has_hidden;   /* and some of these match no pattern */
} CfListEntry;

typedef struct _CfListTree CfListTree;

CfListTree *cf_list_tree_new (void);
void cf_list_tree_free (CfListTree *tree);

/* @status may be NULL. Both are copied. */
void cf_list_tree_add_mailbox (CfListTree *tree, const CfMailboxInfo *info, const CfMailboxStatus *status);
/* A subscription; with @keep also a name that does not exist becomes one of the tree, else it must come after
 * the mailboxes. */
void cf_list_tree_subscribe (CfListTree *tree, const char *name, gboolean keep);

/* Settles is_selected, has_selected and has_hidden. @patterns: strings, with the reference in front. */
void cf_list_tree_select (CfListTree *tree, guint select, const GPtrArray *patterns);
gboolean cf_list_matches (const GPtrArray *patterns, const char *name);
/* What all names that match one of @patterns begin with. The caller frees. */
char *cf_list_dup_prefix (const GPtrArray *patterns);

/* The entries that match one of @patterns, sorted by name. The caller unrefs; entries belong to the tree. */
GPtrArray *cf_list_tree_match (CfListTree *tree, const GPtrArray *patterns);

G_END_DECLS

#endif
