/* core/net/net.h - sockets, TLS and the event loop; knows no IMAP.
 *
 * One epoll instance is shared by N workers. A connection belongs to one worker at a time, from the event
 * that started its turn until it is armed again; in between, nobody else touches it. The words used here:
 *
 *   owner     the worker that has the connection now. A CfConn * is valid for the owner only, during the call
 *             that was given it; every cf_conn_...() function is for the owner, unless it says "any thread".
 *   ref       what everybody else holds: a number that is safe to use at any time, even long after the
 *             connection has gone (it then names nothing).
 *   wake      a request, by ref and from any thread, that the connection's run be called.
 *
 * README.md explains why no event and no wake is lost and why a connection never has two owners.
 */
#ifndef CF_NET_H
#define CF_NET_H

#include <coffer/error.h>
#include <coffer/run.h>

G_BEGIN_DECLS

typedef struct _CfNet CfNet;
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
} CfProtocol;

/* ---- The loop -------------------------------------------------------------------------------------- */

typedef struct {
  guint workers;         /* 0: 2 per core, at least 4 */
  guint max_connections; /* 0: 65536. At the limit, clients wait in the kernel's backlog */
  gsize input_max;       /* octets of unconsumed input kept per connection; 0: 64 KB */
  gsize high_water;      /* octets of output at which no input is read any more; 0: 64 KB */
  gsize low_water;       /* octets of output at which MORE runs again; 0: a quarter of high_water */
  guint handshake_ms;    /* milliseconds for a TLS handshake; 0: 30 s. Within STARTTLS the session's own
                          * timeout stays in force if it is set */
  guint linger_ms;       /* milliseconds that a closing connection has to take its last output; 0: 5 s */
  int backlog;           /* of listening sockets; 0: SOMAXCONN */
  guint unix_mode;       /* permissions of unix sockets; 0: 0660 */

  /* Per-worker data, such as its store connection. Called in the worker's thread, before its first turn and
   * after its last. @worker counts from 0. Either may be NULL. */
  gpointer (*worker_start) (guint worker, gpointer user_data);
  void (*worker_stop) (guint worker, gpointer worker_data, gpointer user_data);

  /* After cf_net_drain(): the last connection has gone. Called once, on the main context. May be NULL. */
  void (*drained) (CfNet *net, gpointer user_data);
  gpointer user_data;
} CfNetConfig;

/* Makes a loop; nothing runs before cf_net_start(). @config is copied; NULL: all defaults. NULL with
 * CF_ERROR_UNAVAILABLE when the kernel refuses. Main thread. */
CfNet *cf_net_new (const CfNetConfig *config, GError **error);

/* Starts the workers, arms the listeners, and attaches the sweep (a timer of 250 ms: deadlines, paused
 * listeners, the end of a drain) to the thread-default main context of the caller, which must be iterated.
 * Main thread, once. CF_ERROR_UNAVAILABLE: threads cannot be made. */
gboolean cf_net_start (CfNet *net, GError **error);

/* Stops accepting, gives every session CF_WAKE_DRAIN, and closes what is still there after @seconds. Returns
 * at once; config.drained tells the end. A second call can only shorten the time. Main thread. */
void cf_net_drain (CfNet *net, guint seconds);

/* Closes every connection (closed is called for each), then ends and joins the workers. Waits for a worker
 * that is inside a storage call. Main thread; after it only cf_net_free() and wakes, which do nothing, are
 * allowed. */
void cf_net_stop (CfNet *net);

/* Stops if need be, then frees. No other thread may still hold @net. NULL is allowed. */
void cf_net_free (CfNet *net);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfNet, cf_net_free)

/* Makes run be called with @reason (CfWake bits: PUSH, KICK, COMPLETION) soon, on some worker. Any thread, at
 * any time, also from within run (which is then called again) and for a connection that has gone. Never
 * blocks, takes no lock. Wakes that come before run gets to it are one call. */
void cf_net_wake (CfNet *net, CfConnRef ref, guint reason);

/* Serves @fd, a connected stream socket that becomes the loop's own (also on failure), with @protocol, in
 * clear or with implicit TLS. Any thread, after cf_net_start(). Returns its ref; 0 with CF_ERROR_LIMIT at
 * max_connections, CF_ERROR_UNAVAILABLE otherwise. */
CfConnRef cf_net_attach_fd (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, GError **error);

/* The calling worker's number from 0; -1 on any other thread. */
int cf_net_get_worker_index (void);
/* What config.worker_start returned for the calling worker; NULL on any other thread. */
gpointer cf_net_get_worker_data (void);
guint cf_net_get_n_workers (CfNet *net);

/* Any thread. Octets are those of the protocol, without TLS's own. */
typedef struct {
  guint64 open;         /* connections now */
  guint64 accepted;     /* connections since the start, attached ones included */
  guint64 tls_failures; /* handshakes that did not succeed */
  guint64 bytes_in, bytes_out;
} CfNetCounters;

void cf_net_get_counters (CfNet *net, CfNetCounters *out);

/* A live connection as cf_net_foreach() saw it. */
typedef struct {
  CfConnRef ref;
  guint64 id;
  const char *protocol;
  const char *peer;  /* as in CfPeer.text */
  const char *label; /* as set by cf_conn_set_label(); "" before */
  gboolean tls;
  gint64 since; /* microseconds since the epoch */
  guint64 bytes_in, bytes_out;
} CfConnInfo;

/* Calls @func on the calling thread for every live connection, in no order; those that come or go meanwhile
 * may be missed. FALSE from @func ends the walk. @info and its strings are valid during the call. Holds no
 * lock. Any thread. */
typedef gboolean (*CfNetForeachFunc) (const CfConnInfo *info, gpointer user_data);
void cf_net_foreach (CfNet *net, CfNetForeachFunc func, gpointer user_data);

/* ---- Listeners ------------------------------------------------------------------------------------- */

/* Opens what @text says, for the one of @protocols (NULL-terminated array) whose name the scheme has:
 *
 *   imap://127.0.0.1:1143  imap://[::1]:1143  imap://mail.example:143  imap://0.0.0.0  imap://[::]
 *   imaps://...            implicit TLS; cf_net_set_tls() comes first
 *   imap+unix:/path        a unix socket
 *   unix:/path             the same as control+unix:/path
 *
 * A host name is looked up (it may give several sockets), an empty host ("imap://:143") is every address.
 * IPv6 sockets are V6ONLY. Port 0 takes a free one. A unix socket file nobody answers on is replaced.
 *
 * Socket activation (sd_listen_fds(3)): a listening socket handed down in LISTEN_FDS whose address equals the
 * one asked for is used in its place; cf_net_listen_check_activation() tells of those that no text asked for.
 *
 * CF_ERROR_BAD: @text is not well formed or names no protocol; CF_ERROR_UNAVAILABLE: the system refuses. The
 * message names @text and the cause. Main thread, before cf_net_start(). */
gboolean cf_net_listen (CfNet *net, const char *text, const CfProtocol *const *protocols, GError **error);

/* Whether cf_net_listen() would find @text well formed; opens and looks up nothing. *@out_tls, which may be NULL:
 * it asks for implicit TLS. CF_ERROR_BAD as there. */
gboolean cf_net_check_listen (const char *text, const CfProtocol *const *protocols, gboolean *out_tls,
                              GError **error);

/* What is listened on, with actual ports, in the order of cf_net_listen(), in its syntax
 * ("imap://127.0.0.1:40123"). A NULL-terminated array; the caller frees (g_strfreev). Main thread. */
char **cf_net_dup_addresses (CfNet *net);

/* Closes every socket that was handed down and not asked for, and logs a warning for each. After the last
 * cf_net_listen(). */
void cf_net_listen_check_activation (CfNet *net);

/* ---- TLS ------------------------------------------------------------------------------------------- */

#define CF_TLS_PRIORITIES_DEFAULT "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

typedef struct {
  const char *certificate; /* PEM file: the chain, the server's own first */
  const char *key;         /* PEM file; NULL: in the same file */
  const char *priorities;  /* GnuTLS priority string; NULL: CF_TLS_PRIORITIES_DEFAULT */
  const char *client_ca; /* PEM file: clients are asked for a certificate, which these must have signed; NULL:
                          * they are not asked. A client without one is served all the same */
} CfTlsConfig;

/* Reads certificate and key, and serves handshakes that start from now on with them; connections that have
 * one keep theirs. On failure (CF_ERROR_UNAVAILABLE, message with file and cause) what was there before
 * stays. Main thread, at any time (SIGHUP). */
gboolean cf_net_set_tls (CfNet *net, const CfTlsConfig *config, GError **error);

/* Whether TLS can be had: STARTTLS is offered if so. Any thread. */
gboolean cf_net_has_tls (CfNet *net);

/* Turns the connection into TLS once what has been written so far is sent (so write the OK first). Everything
 * read in clear and not yet consumed is thrown away, and no more is read in clear (RFC 3501, 6.2.1; RFC
 * 9051, 11.1);
 * *@out_discarded says how many octets that were: not 0 means a client that pipelined where it must not, or
 * somebody injecting commands. run is not called before the handshake is done; wakes wait until then. If the
 * handshake fails the connection is closed. CF_ERROR_BAD: there is TLS already; CF_ERROR_UNAVAILABLE: no
 * certificate. */
gboolean cf_conn_start_tls (CfConn *conn, gsize *out_discarded, GError **error);

gboolean cf_conn_is_tls (CfConn *conn);

/* Protocol version and cipher for the log, "TLS1.3-...". NULL in clear; the caller frees. */
char *cf_conn_dup_tls_description (CfConn *conn);

/* Channel binding data: @type is "tls-exporter" (RFC 9266), "tls-unique" (RFC 5929; not with TLS 1.3) or
 * "tls-server-end-point" (RFC 5929). NULL in clear, or where that type does not exist; the caller unrefs. */
GBytes *cf_conn_get_channel_binding (CfConn *conn, const char *type);

/* The client's certificate as DER, if it gave one and CfTlsConfig.client_ca vouches for it; else NULL.
 * Borrowed, valid while the connection is open. */
const guint8 *cf_conn_get_peer_certificate (CfConn *conn, gsize *out_length);

/* ---- Connections, for their owner ------------------------------------------------------------------ */

/* The input that has been read and not consumed: *@out_length octets, contiguous, not NUL-terminated. May be
 * written to (an unmasking parser can work in place). Valid until cf_conn_consume() or the return of run. */
guint8 *cf_conn_peek (CfConn *conn, gsize *out_length);

/* Takes the first @length octets out of the input; at most what cf_conn_peek() gave. */
void cf_conn_consume (CfConn *conn, gsize length);

/* Whether the input buffer holds input_max octets, so that nothing more is read until something is consumed.
 */
gboolean cf_conn_is_input_full (CfConn *conn);

/* Whether the client has ended its sending side and everything it sent is in the input buffer. */
gboolean cf_conn_is_eof (CfConn *conn);

/* Appends to the output; copies. Never fails and never blocks: a step stops by itself at the high-water mark
 * and answers MORE. Sent when run returns. */
void cf_conn_write (CfConn *conn, const void *data, gsize length);
void cf_conn_write_string (CfConn *conn, const char *text);
void cf_conn_printf (CfConn *conn, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Octets written and not yet taken by the kernel, and whether that is the high-water mark or more. */
gsize cf_conn_get_output_length (CfConn *conn);
gboolean cf_conn_is_output_full (CfConn *conn);

/* Wakes the connection with CF_WAKE_TIMEOUT in @ms milliseconds (precision: 250 ms late), in place of the
 * time set before. 0: never. */
void cf_conn_set_timeout (CfConn *conn, guint64 ms);

typedef struct {
  const char *text; /* "192.0.2.1:50000", "[2001:db8::1]:50000", "unix:1000" (the uid) */
  const char
      *address; /* without the port, for delays and limits per address: "192.0.2.1", "2001:db8::1", "unix" */
  gboolean local; /* a unix socket or a loopback address */
  gint64 uid;     /* of a unix socket's peer; -1 otherwise */
} CfPeer;

/* Borrowed, constant for the life of the connection. */
const CfPeer *cf_conn_get_peer (CfConn *conn);

/* A short UTF-8 text that cf_net_foreach() shows, such as the user; cut at 127 octets. */
void cf_conn_set_label (CfConn *conn, const char *label);

/* The number of this session in logs: from 1, never reused while the process lives. */
guint64 cf_conn_get_id (CfConn *conn);
CfConnRef cf_conn_get_ref (CfConn *conn);
CfNet *cf_conn_get_net (CfConn *conn);
const CfProtocol *cf_conn_get_protocol (CfConn *conn);

G_END_DECLS

#endif
