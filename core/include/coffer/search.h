/* coffer/search.h - a SEARCH as a tree of predicates (RFC 3501, 6.4.4).
 *
 * A search key's parser builds nodes; the tree then goes to the store's search slot, which may answer all or
 * part of it, and to the module that evaluates what the store left open. Nodes are made by
 * cf_search_node_new() and owned by their parent; a store only reads them. Sequence numbers never occur: they
 * are resolved to UIDs when the command is parsed, as RFC 3501 has them mean the mailbox at that moment.
 */
#ifndef COFFER_SEARCH_H
#define COFFER_SEARCH_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef enum {
  CF_SEARCH_ALL,        /* every message */
  CF_SEARCH_AND,        /* all of children */
  CF_SEARCH_OR,         /* one of children, or more */
  CF_SEARCH_NOT,        /* not the only child */
  CF_SEARCH_UID,        /* UID in uids */
  CF_SEARCH_FLAG,       /* has the system flag number (a CfFlags bit) */
  CF_SEARCH_KEYWORD,    /* has the keyword text */
  CF_SEARCH_RECENT,     /* \Recent in this session; core answers it */
  CF_SEARCH_LARGER,     /* RFC822.SIZE > number */
  CF_SEARCH_SMALLER,    /* RFC822.SIZE < number */
  CF_SEARCH_BEFORE,     /* INTERNALDATE, its date disregarding time and zone, < day */
  CF_SEARCH_ON,         /* == day */
  CF_SEARCH_SINCE,      /* >= day */
  CF_SEARCH_SENTBEFORE, /* the same for the Date field */
  CF_SEARCH_SENTON,
  CF_SEARCH_SENTSINCE,
  CF_SEARCH_HEADER,  /* field name contains text; an empty text asks for presence */
  CF_SEARCH_ADDRESS, /* envelope structure name (From, To, Cc, Bcc) contains text */
  CF_SEARCH_BODY,    /* decoded text of the body contains text */
  CF_SEARCH_TEXT,    /* header or body contains text */
  CF_SEARCH_MODSEQ,  /* MODSEQ >= number (RFC 7162, 3.1.5) */
  CF_SEARCH_MODULE,  /* a module's own key: evaluated by its match function alone */
} CfSearchKind;

typedef struct _CfSearchNode CfSearchNode;
struct _CfSearchNode {
  gsize struct_size; /* sizeof (CfSearchNode), as core knows it */
  CfSearchKind kind;
  GPtrArray *children; /* of CfSearchNode, or NULL */
  CfUidSet *uids;      /* or NULL */
  guint64 number;
  gint32 day;        /* days since 1970-01-01 */
  char *name;        /* or NULL */
  char *text;        /* UTF-8, as the client sent it: compare without regard to case */
  gconstpointer key; /* CF_SEARCH_MODULE: its CfSearchKey; core sets it where the parser left NULL */
  gpointer data;     /* CF_SEARCH_MODULE: what its parser left */
  GDestroyNotify data_free;
};

/* A zeroed node of @kind. The caller frees it, or gives it to a parent. */
CF_API CfSearchNode *cf_search_node_new (CfSearchKind kind);
CF_API void cf_search_node_free (CfSearchNode *node);
/* Gives @child to @parent. */
CF_API void cf_search_node_add (CfSearchNode *parent, CfSearchNode *child);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSearchNode, cf_search_node_free)

G_END_DECLS

#endif
