/* core/cofferctl/reader.h - reading a folder of mail, message by message, whatever its form on disk. */
#ifndef CF_CTL_READER_H
#define CF_CTL_READER_H

#include "cofferctl/message.h"

G_BEGIN_DECLS

typedef struct {
  gpointer self;
  /* The next message, the caller's; *@out_message NULL: there is none. FALSE: this one cannot be read; the
   * next can be asked for. */
  gboolean (*next) (gpointer self, CtlMessage **out_message, GError **error);
  GDestroyNotify free;
  guint64 octets; /* of all messages' costs, about */
} CtlReader;

/* A Maildir: new and cur, without the folders below it. Flags come from the names (":2,FS"), keywords from
 * dovecot-keywords if there is one, INTERNALDATE from the files' times. */
gboolean ctl_maildir_open (CtlReader *reader, const char *path, GError **error);
/* Whether there is one at @path. */
gboolean ctl_maildir_is_at (const char *path);

/* An mbox file, mboxrd or mboxo. Flags come from Status, X-Status and X-Keywords, which are taken out, as are
 * X-UID, X-IMAP and X-IMAPbase; INTERNALDATE from the "From " line. */
gboolean ctl_mbox_open (CtlReader *reader, const char *path, GError **error);
/* Whether @path is a file that begins as an mbox, or is empty. */
gboolean ctl_mbox_is_at (const char *path);

G_END_DECLS

#endif
