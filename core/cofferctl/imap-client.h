/* core/cofferctl/imap-client.h - as much of an IMAP client as moving mail in and out takes. Blocks; one
 * thread. */
#ifndef CF_CTL_IMAP_CLIENT_H
#define CF_CTL_IMAP_CLIENT_H

#include "cofferctl/connection.h"
#include "cofferctl/imap-value.h"
#include "cofferctl/message.h"

G_BEGIN_DECLS

typedef struct _CtlImap CtlImap;

/* Makes the control connection (borrowed) an IMAP session of @user, authenticated. */
CtlImap *ctl_imap_open (CtlConnection *connection, const char *user, GError **error);
void ctl_imap_free (CtlImap *imap);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlImap, ctl_imap_free)

/* The server's APPENDLIMIT (RFC 7889); G_MAXUINT64: it gives none. */
guint64 ctl_imap_get_append_limit (CtlImap *imap);

/* Receives an untagged response: @values without the "*". FALSE with @error: the command fails so, once its
 * tagged response has come. */
typedef gboolean (*CtlImapFunc) (GPtrArray *values, gpointer user_data, GError **error);

/* Sends a command of one line and waits for its end. @func may be NULL. NO and BAD: the code is the response
 * code's where it is one of TOOBIG, ALREADYEXISTS, NONEXISTENT, OVERQUOTA, LIMIT or UNAVAILABLE; CF_ERROR_BAD
 * for BAD; else CF_ERROR_NO. The connection lost: G_IO_ERROR. */
gboolean ctl_imap_command (CtlImap *imap, CtlImapFunc func, gpointer user_data, GError **error,
                           const char *format, ...) G_GNUC_PRINTF (5, 6);

/* The name of a mailbox in UTF-8 as an argument: in modified UTF-7, quoted. The caller frees. */
char *ctl_imap_quote_mailbox (const char *name);
/* And back from what LIST says. The caller frees; NULL: not such a name. */
char *ctl_imap_unquote_mailbox (const char *wire);

/* Adds @messages (of CtlMessage), all or none, with one APPEND (RFC 3502). Errors as above. */
gboolean ctl_imap_append (CtlImap *imap, const char *mailbox, GPtrArray *messages, GError **error);

/* Creates the mailbox and subscribes to it, unless it is there. */
gboolean ctl_imap_create (CtlImap *imap, const char *mailbox, GError **error);

/* The names of all mailboxes in UTF-8, in the server's order, NULL-terminated; the caller frees. */
char **ctl_imap_list (CtlImap *imap, GError **error);

/* EXAMINE. *@out_uid_validity may be NULL. */
gboolean ctl_imap_examine (CtlImap *imap, const char *mailbox, guint32 *out_uid_validity, GError **error);

/* Takes a FETCH response apart: the UID and the data items. FALSE: it is another response, or has no UID. */
gboolean ctl_imap_is_fetch (GPtrArray *values, guint32 *out_uid, GPtrArray **out_items);

G_END_DECLS

#endif
