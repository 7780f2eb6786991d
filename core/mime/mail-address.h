/* core/mime/mail-address.h - address lists, raw. Private to core/mime. */
#ifndef CF_MIME_MAIL_ADDRESS_H
#define CF_MIME_MAIL_ADDRESS_H

#include <coffer/facts.h>

#define CF_MAIL_ADDRESS_N_ROLES (CF_ADDRESS_BCC + 1)

/* The field of each role; the order is ENVELOPE's too. */
extern const char *const cf_mail_address_fields[CF_MAIL_ADDRESS_N_ROLES];

typedef enum {
  CF_MAIL_ADDRESS_MAILBOX,
  CF_MAIL_ADDRESS_URI,         /* tel:, sip:, sips:; the whole URI is the mailbox */
  CF_MAIL_ADDRESS_GROUP_BEGIN, /* the group's name is the mailbox */
  CF_MAIL_ADDRESS_GROUP_END,
} CfMailAddressKind;

/* Not decoded; quoting and comments removed. */
typedef struct {
  CfMailAddressKind kind;
  char *name;    /* display name, or the last comment; or NULL */
  char *mailbox; /* NULL at a group's end only */
  char *host;    /* NULL where there is none */
} CfMailAddress;

/* Appends the addresses of the unfolded field value @text to @addresses, an array of CfMailAddress made by
 * cf_mail_address_list_new(). Never fails: what is not an address is taken for a mailbox without a host. */
void cf_mail_address_parse (const char *text, GPtrArray *addresses);
GPtrArray *cf_mail_address_list_new (void);

#endif
