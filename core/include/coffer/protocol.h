/* coffer/protocol.h - the protocol class: what speaks on a connection.
 *
 * IMAP and the control socket are core's own; a module adds others (LMTP, metrics) by registering a
 * CfProtocol as CF_CLASS_PROTOCOL. A listen text whose scheme is the protocol's name is then served by it.
 *
 * A connection belongs to one worker at a time, its owner, from the event that started its turn until it
 * waits again; in between nobody else touches it. A CfConn * is valid for the owner only, during the call
 * that was given it; every cf_conn_ function is for the owner. Everybody else holds a ref, a number that is
 * safe to use at any time, even long after the connection has gone (it then names nothing).
 */
#ifndef COFFER_PROTOCOL_H
#define COFFER_PROTOCOL_H

#include <coffer/error.h>
#include <coffer/run.h>

G_BEGIN_DECLS

typedef struct _CfNet CfNet; /* the loop; one for the process */
typedef struct _CfConn CfConn;

/* Names one connection for the life of its CfNet; never 0, never reused in practice (32 bits of generation
 * per slot). */
typedef guint64 CfConnRef;

/* Why run is called; bits, several can come together. Without any bit there is new input, or MORE's output
 * has drained. */
typedef enum {
  CF_WAKE_PUSH = 1 << 0,       /* something to tell the client; waits while the client does not read */
  CF_WAKE_TIMEOUT = 1 << 1,    /* the time of cf_conn_set_timeout() is over; given once per setting */
  CF_WAKE_KICK = 1 << 2,       /* the operator ends this session: say so and answer CF_RUN_CLOSE */
  CF_WAKE_COMPLETION = 1 << 3, /* what WAIT waited for may have happened */
  CF_WAKE_DRAIN = 1 << 4,  /* the server is going down: finish, say so and answer CF_RUN_CLOSE; given once */
  CF_WAKE_HANGUP = 1 << 5, /* while WAITing: the client sends nothing more; given once. It may still read:
                            * stop only work that is worth nothing without its reader */
} CfWake;

/* ---- Protocols ----------------------------------------------------------------------------------------
 *
 * What speaks on a connection. The row is static, or outlives the CfNet. All three functions are called by
 * the connection's owner, never two at once for one connection, on whichever worker has the turn. */
typedef struct {
  gsize struct_size; /* sizeof (CfProtocol) */
  /* "imap": the scheme of its listen texts; "control" is also meant by plain "unix:". */
  const char *name;
  /* Ports for a listen text without one; 0: a port must be given. */
  guint16 port, tls_port;
  /* For the protocol's own use: cf_conn_get_protocol (conn)->data. */
  gpointer data;

  /* Required. A connection is there (on an implicit TLS listener: its handshake is done). Makes the session,
   * sets the first timeout, writes a greeting if there is one. run follows when input comes. NULL refuses:
   * what has been written is sent and the connection closed, without a call of closed. */
  gpointer (*opened) (CfConn *conn);

  /* Required. Does one step: consumes input that is complete, appends output. Should return after one
   * command, or about one high-water mark of output, answering MORE if input is left that it could act on, so
   * that work per turn stays bounded. Leaves incomplete input where it is (it is kept, at exact size) and
   * returns DONE; but must take something out of a full buffer (cf_conn_is_input_full()), else the connection
   * is closed.
   *
   * @reasons are CfWake bits. Any of them can come at any time, also between a WAIT and its completion. After
   * the end of input (cf_conn_is_eof()) DONE is the same as CLOSE. */
  CfRun (*run) (CfConn *conn, gpointer session, guint reasons);

  /* Required. The connection is going; frees @session. Called exactly once for each session, whoever ended
   * it. Reading the connection's properties is still allowed, writing is not. Wakes for its ref do nothing
   * from now on. */
  void (*closed) (CfConn *conn, gpointer session);

  /* Optional. What a client is sent, with its line ends, whose address has as many connections as it may; no
   * session is made for it. Not sent where TLS would come first. */
  const char *refusal;
} CfProtocol;

/* ---- TLS ---------------------------------------------------------------------------------------------- */

/* Turns the connection into TLS once what has been written so far is sent (so write the OK first).
 * Everything read in clear and not yet consumed is thrown away, and no more is read in clear (RFC 3501,
 * 6.2.1; RFC 9051, 11.1); *@out_discarded says how many octets that were: not 0 means a client that
 * pipelined where it must not, or somebody injecting commands. run is not called before the handshake is
 * done; wakes wait until then. If the handshake fails the connection is closed. CF_ERROR_BAD: there is TLS
 * already; CF_ERROR_UNAVAILABLE: no certificate. */
CF_API gboolean cf_conn_start_tls (CfConn *conn, gsize *out_discarded, GError **error);

CF_API gboolean cf_conn_is_tls (CfConn *conn);

/* Protocol version and cipher for the log, "TLS1.3-...". NULL in clear; the caller frees. */
CF_API char *cf_conn_dup_tls_description (CfConn *conn);

/* Channel binding data: @type is "tls-exporter" (RFC 9266), "tls-unique" (RFC 5929; not with TLS 1.3) or
 * "tls-server-end-point" (RFC 5929). NULL in clear, or where that type does not exist; the caller unrefs. */
CF_API GBytes *cf_conn_dup_channel_binding (CfConn *conn, const char *type);

/* The client's certificate as DER, if it gave one and CfTlsConfig.client_ca vouches for it; else NULL.
 * Borrowed, valid while the connection is open. */
CF_API const guint8 *cf_conn_get_peer_certificate (CfConn *conn, gsize *out_length);

/* ---- Connections, for their owner ------------------------------------------------------------------ */

/* The input that has been read and not consumed: *@out_length octets, contiguous, not NUL-terminated. May be
 * written to (an unmasking parser can work in place). Valid until cf_conn_consume() or the return of run. */
CF_API guint8 *cf_conn_peek (CfConn *conn, gsize *out_length);

/* Takes the first @length octets out of the input; at most what cf_conn_peek() gave. */
CF_API void cf_conn_consume (CfConn *conn, gsize length);

/* Whether the input buffer holds input_max octets, so that nothing more is read until
 * something is consumed. */
CF_API gboolean cf_conn_is_input_full (CfConn *conn);

/* Whether the client has ended its sending side and everything it sent is in the input buffer. */
CF_API gboolean cf_conn_is_eof (CfConn *conn);

/* Appends to the output; copies. Never fails and never blocks: a step stops by itself at the high-water mark
 * and answers MORE. Sent when run returns. */
CF_API void cf_conn_write (CfConn *conn, const void *data, gsize length);
CF_API void cf_conn_write_string (CfConn *conn, const char *text);
CF_API void cf_conn_printf (CfConn *conn, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Octets written and not yet taken by the kernel, and whether that is the high-water mark or more. */
CF_API gsize cf_conn_get_output_length (CfConn *conn);
CF_API gboolean cf_conn_is_output_full (CfConn *conn);

/* Wakes the connection with CF_WAKE_TIMEOUT in @ms milliseconds (precision: 250 ms late), in place of the
 * time set before. 0: never. */
CF_API void cf_conn_set_timeout (CfConn *conn, guint64 ms);

typedef struct {
  const char *text; /* "192.0.2.1:50000", "[2001:db8::1]:50000", "unix:1000" (the uid) */
  /* Without the port, for delays and limits per address: "192.0.2.1", "2001:db8::1", "unix". */
  const char *address;
  gboolean local; /* a unix socket or a loopback address */
  gint64 uid;     /* of a unix socket's peer; -1 otherwise */
  /* Where a proxy has told who the client is: text and address are the client's, this is the proxy's address.
   * NULL: no proxy, or the proxy itself. Nothing that comes through a proxy is local. */
  const char *proxy;
  gboolean proxy_tls; /* the client came to the proxy by TLS, and the proxy is believed */
} CfPeer;

/* Borrowed, constant for the life of the connection. */
CF_API const CfPeer *cf_conn_get_peer (CfConn *conn);

/* A short UTF-8 text that cf_net_foreach() shows, such as the user; cut at 127 octets. */
CF_API void cf_conn_set_label (CfConn *conn, const char *label);

/* It is known whose the connection is: it has logged in, or came from where only friends come from. Until
 * then it ends without notice when the server has max_connections and others want to connect, the oldest
 * first. */
CF_API void cf_conn_set_established (CfConn *conn);

/* The number of this session in logs: from 1, never reused while the process lives. */
CF_API guint64 cf_conn_get_id (CfConn *conn);
CF_API CfConnRef cf_conn_get_ref (CfConn *conn);
CF_API const CfProtocol *cf_conn_get_protocol (CfConn *conn);
CF_API CfNet *cf_conn_get_net (CfConn *conn);

/* Makes run be called with @reason (CfWake bits: PUSH, KICK, COMPLETION) soon, on some worker. Any thread, at
 * any time, also from within run (which is then called again) and for a connection that has gone. Never
 * blocks, takes no lock. Wakes that come before run gets to it are one call. */
CF_API void cf_net_wake (CfNet *net, CfConnRef ref, guint reason);

G_END_DECLS

#endif
