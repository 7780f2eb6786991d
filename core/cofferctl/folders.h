/* core/cofferctl/folders.h - which folders there are under a path, and which mailbox each belongs to. */
#ifndef CF_CTL_FOLDERS_H
#define CF_CTL_FOLDERS_H

#include "cofferctl/reader.h"

G_BEGIN_DECLS

typedef struct {
  char *mailbox;
  char *path;
  gboolean (*open) (CtlReader *reader, const char *path, GError **error);
} CtlFolder;

/* An array of CtlFolder, those nearer to the root first; the caller unrefs. @mailbox: where the folder at
 * @path itself goes and below which all others go; NULL: INBOX, and beside it. @format: "maildir" or "mbox"
 * looks for these alone; NULL: for both. *@out_left_out: how many things below @path were not looked into, as
 * a line on standard error says of each. NULL: @error, also when there is none. */
GPtrArray *ctl_folders_find (const char *path, const char *mailbox, const char *format, guint *out_left_out,
                             GError **error);

G_END_DECLS

#endif
