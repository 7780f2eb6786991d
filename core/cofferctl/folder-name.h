/* core/cofferctl/folder-name.h - names of mailboxes as names of files and directories.
 *
 * One level of a name is one file name: in modified UTF-7 (RFC 3501, 5.1.3), as other servers keep them, with
 * "\2e" for a dot, which separates levels in Maildir++, and "\5c" for the backslash.
 */
#ifndef CF_CTL_FOLDER_NAME_H
#define CF_CTL_FOLDER_NAME_H

#include <glib.h>

G_BEGIN_DECLS

/* The caller frees. */
char *ctl_folder_name_encode (const char *level);
/* Takes UTF-8 as well. NULL: not a name that a mailbox can have. The caller frees. */
char *ctl_folder_name_decode (const char *file);

/* ".Work.2026" and "Work/2026" (Maildir++). The caller frees; NULL as above. */
char *ctl_folder_name_to_maildir (const char *mailbox);
char *ctl_folder_name_from_maildir (const char *directory);

G_END_DECLS

#endif
