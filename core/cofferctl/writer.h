/* core/cofferctl/writer.h - writing a mailbox as a folder of mail, whatever its form on disk.
 *
 * @root is as ctl_nofollow_root() gives it; below it no symbolic link is followed, and no file that is there
 * is written into. A writer can be stopped at any point and the same mailbox be written there again: what is
 * complete stays.
 */
#ifndef CF_CTL_WRITER_H
#define CF_CTL_WRITER_H

#include "cofferctl/message.h"

G_BEGIN_DECLS

typedef struct {
  gpointer self;
  gboolean complete; /* all of it is there from an earlier run: nothing is to be written */
  /* Whether message @uid is there already; its flags are then made those of @message, whose octets are NULL.
   */
  gboolean (*has) (gpointer self, guint32 uid, const CtlMessage *message, gboolean *out_has, GError **error);
  gboolean (*write) (gpointer self, guint32 uid, const CtlMessage *message, GError **error);
  /* All have been written: makes it last. */
  gboolean (*finish) (gpointer self, GError **error);
  GDestroyNotify free;
} CtlWriter;

/* A Maildir for @mailbox in the Maildir++ at @root: cur holds each message in a file named after UIDVALIDITY
 * and UID, with its flags and keywords, its time INTERNALDATE. */
gboolean ctl_maildir_create (CtlWriter *writer, const char *root, const char *mailbox, guint32 uid_validity,
                             GError **error);
/* A file in the directory @root, mboxrd. It is written beside its place and moved there when complete; then
 * it is left as it is by later runs. */
gboolean ctl_mbox_create (CtlWriter *writer, const char *root, const char *mailbox, guint32 uid_validity,
                          GError **error);

G_END_DECLS

#endif
