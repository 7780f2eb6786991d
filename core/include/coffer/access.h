/* coffer/access.h - the question "may this identity do that here?".
 *
 * Core asks before every storage call (core/store), so that no command can forget. With no access class
 * loaded an account's owner may do everything in it and nobody else anything. Each class loaded narrows: what
 * all of them allow is allowed.
 */
#ifndef COFFER_ACCESS_H
#define COFFER_ACCESS_H

#include <coffer/storage.h>

G_BEGIN_DECLS

typedef struct _CfSession CfSession;

/* Rights by the letters of RFC 4314, 2.1. */
typedef enum {
  CF_RIGHT_LOOKUP = 1 << 0,         /* l: see the mailbox in LIST, subscribe */
  CF_RIGHT_READ = 1 << 1,           /* r: select, fetch, search, copy from, status */
  CF_RIGHT_SEEN = 1 << 2,           /* s: set and clear \Seen */
  CF_RIGHT_WRITE = 1 << 3,          /* w: other flags and keywords */
  CF_RIGHT_INSERT = 1 << 4,         /* i: append, copy into */
  CF_RIGHT_POST = 1 << 5,           /* p */
  CF_RIGHT_CREATE = 1 << 6,         /* k: create below, rename into */
  CF_RIGHT_DELETE = 1 << 7,         /* x: delete or rename the mailbox */
  CF_RIGHT_DELETE_MESSAGE = 1 << 8, /* t: set and clear \Deleted */
  CF_RIGHT_EXPUNGE = 1 << 9,        /* e */
  CF_RIGHT_ADMINISTER = 1 << 10,    /* a */
} CfRights;

#define CF_RIGHTS_ALL 0x7ff

typedef struct {
  gsize struct_size; /* sizeof (CfAccessClass) */
  /* The rights @session has on mailbox @name of account @owner; for a name that does not exist, those its
   * creation would be judged by. Any worker; one round trip at most, and usually none: keep what you learn.
   * FALSE: could not tell, the command fails with @error. */
  gboolean (*rights) (CfSession *session, CfAccountId owner, const char *name, guint *out_rights,
                      GError **error);
} CfAccessClass;

G_END_DECLS

#endif
