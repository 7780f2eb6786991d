/* core/cofferctl/connection.h - a connection to the server's control socket, and requests over it
 * (control/wire.h).
 *
 * Everything blocks. One thread.
 */
#ifndef CF_CTL_CONNECTION_H
#define CF_CTL_CONNECTION_H

#include <coffer/error.h>

G_BEGIN_DECLS

typedef struct _CtlConnection CtlConnection;

/* Takes over @fd, connected. */
CtlConnection *ctl_connection_new (int fd);
void ctl_connection_free (CtlConnection *connection);

/* All of @length octets. CF_ERROR_UNAVAILABLE: the server has gone. */
gboolean ctl_connection_write (CtlConnection *connection, const void *data, gsize length, GError **error);
/* A line without its LF, or CR LF; the caller frees. NULL with CF_ERROR_UNAVAILABLE: the server has gone. */
char *ctl_connection_read_line (CtlConnection *connection, GError **error);
/* @length octets, to @buffer. */
gboolean ctl_connection_read (CtlConnection *connection, void *buffer, gsize length, GError **error);

/* A request whose data lines are given to @func as they come, each as its words without "*". FALSE as below.
 */
typedef void (*CtlLineFunc) (char **words, gpointer user_data);
gboolean ctl_connection_request_each (CtlConnection *connection, const char *const *words, CtlLineFunc func,
                                      gpointer user_data, GError **error);

/* A request and its answer: the words of each data line, without "*", as an array of NULL-terminated arrays
 * that the caller unrefs. @words ends with NULL. NULL: the server said ERROR, with its text; codes it may
 * have are CF_ERROR_NONEXISTENT and CF_ERROR_ALREADYEXISTS, all others are CF_ERROR_NO. Or it is gone. */
GPtrArray *ctl_connection_request (CtlConnection *connection, const char *const *words, GError **error);

G_END_DECLS

#endif
