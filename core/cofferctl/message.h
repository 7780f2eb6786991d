/* core/cofferctl/message.h - a message on its way in or out, and what its forms on disk share.
 *
 * Files of mail end their lines with LF, IMAP with CRLF; both ways are made here.
 */
#ifndef CF_CTL_MESSAGE_H
#define CF_CTL_MESSAGE_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef struct {
  GBytes *octets;      /* lines end with CRLF */
  guint flags;         /* CfFlags */
  GPtrArray *keywords; /* of char *; NULL: none */
  gint64 date;         /* INTERNALDATE, seconds since the epoch */
  char *origin;        /* where it was read, for messages to the operator; or NULL */
  guint64 cost;        /* octets of the source that it stands for, for the progress */
} CtlMessage;

CtlMessage *ctl_message_new (void);
void ctl_message_free (CtlMessage *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlMessage, ctl_message_free)

/* Adds a keyword unless @name cannot be one (RFC 3501: an atom without "\") or is there already. */
void ctl_message_add_keyword (CtlMessage *message, const char *name);
gboolean ctl_message_has_keyword (const CtlMessage *message, const char *name);
/* A flag as FETCH and APPEND have it: "\Seen", or a keyword. Others, such as "\Recent", are passed over. */
void ctl_message_add_flag (CtlMessage *message, const char *name);

/* "\Seen $Forwarded"; "01-Jan-2026 12:00:00 +0000" (UTC). The caller frees. */
char *ctl_message_dup_flags (const CtlMessage *message);
char *ctl_message_dup_date (const CtlMessage *message);
/* Seconds since the epoch of an INTERNALDATE. FALSE: it is none. */
gboolean ctl_message_parse_date (const char *text, gint64 *out_date);

/* Appends @length octets with CR put before each LF that has none. */
void ctl_message_append_crlf (GByteArray *out, const char *data, gsize length);
/* @octets with LF for each CRLF. The caller unrefs. */
GBytes *ctl_message_to_lf (GBytes *octets);

G_END_DECLS

#endif
