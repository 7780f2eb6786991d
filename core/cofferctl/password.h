/* core/cofferctl/password.h - a password, from stdin or asked for on the terminal; never from the command
 * line, where every user of the machine could see it.
 */
#ifndef CF_CTL_PASSWORD_H
#define CF_CTL_PASSWORD_H

#include <glib.h>

G_BEGIN_DECLS

/* @from_stdin: the first line of stdin. Else asks twice, without echo. NULL with @error; free with
 * ctl_password_free(). */
char *ctl_password_read (gboolean from_stdin, GError **error);
/* Wipes it; NULL is allowed. */
void ctl_password_free (char *password);

G_END_DECLS

#endif
