/* tests/fuzz/net-double.h - connections in memory, in place of core/net.
 *
 * A target is linked with these definitions of cf_conn_...() and cf_net_...(), so that protocols run without
 * sockets and threads, and the same input always does the same. What turn.c promises a protocol holds here:
 * when run is called and when not, what is read, when the connection is closed. TLS is a flag: the octets
 * stay as they are, but STARTTLS throws away what came in clear behind it.
 *
 * Time stands still unless it is moved: g_get_monotonic_time() and g_get_real_time() are defined here too.
 */
#ifndef NET_DOUBLE_H
#define NET_DOUBLE_H

#include "net/net.h"

G_BEGIN_DECLS

/* Small, so that pieces and limits are met by small inputs. Octets. */
#define NET_DOUBLE_INPUT_MAX  (64 * 1024)
#define NET_DOUBLE_HIGH_WATER (4 * 1024)

/* A client connects, from an address of loopback or another; by a unix socket if @protocol is the control
 * protocol. */
CfConn *net_double_connect (const CfProtocol *protocol, gboolean local);
/* A connection whose session is there already: for one that is authenticated from the start. */
void net_double_set_session (CfConn *conn, gpointer session);
/* It is gone, with its session; what was sent to the client goes too. */
void net_double_free (CfConn *conn);

/* The client sends; @data is copied. It sends nothing more. It reads nothing for a while, or again. */
void net_double_send (CfConn *conn, const void *data, gsize length);
void net_double_hang_up (CfConn *conn);
void net_double_set_stalled (CfConn *conn, gboolean stalled);
/* Serves every connection until none has anything to do. */
void net_double_serve (void);
/* What the client has received since the last call; the caller unrefs. */
GByteArray *net_double_take (CfConn *conn);
/* FALSE: the server has closed it. */
gboolean net_double_is_open (CfConn *conn);
/* It was closed without regard to what was still to be sent. */
gboolean net_double_is_cut (CfConn *conn);
/* The server waits for something else than input: time, at most. */
gboolean net_double_is_waiting (CfConn *conn);
/* Octets that the server has written so far, received or not. */
guint64 net_double_get_written (CfConn *conn);
gpointer net_double_get_session (CfConn *conn);

/* Sets the clock back to its beginning; no connection may be there. Moves it on by so many milliseconds. */
void net_double_reset (void);
void net_double_pass_time (guint64 ms);
/* What cf_net_get_worker_data() answers. */
void net_double_set_worker_data (gpointer data);
/* For cf_mailbox_init() and the like. */
CfNet *net_double_get (void);

G_END_DECLS

#endif
