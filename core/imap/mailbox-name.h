/* core/imap/mailbox-name.h - which mailbox names there can be (coffer/types.h, "Mailboxes"), and how they are
 * written on the wire.
 */
#ifndef CF_MAILBOX_NAME_H
#define CF_MAILBOX_NAME_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef enum {
  /* A name of a mailbox: no empty level, so no '/' at either end. */
  CF_MAILBOX_NAME_PLAIN,
  /* As CREATE has it: one '/' at the end says that children will come (RFC 3501, 6.3.3); it is left out. */
  CF_MAILBOX_NAME_CREATE,
  /* LIST's reference or pattern (RFC 3501, 6.3.8): may be empty, begin or end with '/', and have empty
     levels. */
  CF_MAILBOX_NAME_PATTERN,
} CfMailboxNameKind;

/* How a client and the server write names to each other. A session has one spelling at a time. */
typedef enum {
  /* Modified UTF-7 (RFC 3501, 5.1.3). UTF-8 is taken too, as deployed clients send it, and never written. */
  CF_MAILBOX_SPELLING_UTF7,
  /* As they are (RFC 9051, 5.1; RFC 6855, 3): "&" stands for itself. */
  CF_MAILBOX_SPELLING_UTF8,
} CfMailboxSpelling;

/* The name that @wire stands for, in UTF-8, with a first level INBOX of any case in upper case. NULL with
 * CF_ERROR_CANNOT, saying why, for one that cannot be: invalid UTF-7 or UTF-8, control characters, an empty
 * level, more than CF_MAILBOX_NAME_MAX octets. The caller frees. */
char *cf_mailbox_name_from_wire (const char *wire, CfMailboxSpelling spelling, CfMailboxNameKind kind,
                                 GError **error);
/* The other way. The caller frees. */
char *cf_mailbox_name_to_wire (const char *name, CfMailboxSpelling spelling);

/* The same for @name in UTF-8, such as one made by RENAME from two others. */
char *cf_mailbox_name_normalise (const char *name, CfMailboxNameKind kind, GError **error);

/* @name, which is UTF-8, in Normalization Form C (RFC 5198, 2); NULL: it is. The caller frees. */
char *cf_mailbox_name_compose (const char *name);

G_END_DECLS

#endif
