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

#include <coffer/protocol.h>

G_BEGIN_DECLS

/* ---- The loop -------------------------------------------------------------------------------------- */

typedef struct {
  guint workers;         /* 0: 2 per core, at least 4 */
  guint max_connections; /* 0: 65536. At the limit, connections that are not established give
                          * way to others; if there are none, clients wait in the kernel's backlog */
  gsize input_max;       /* octets of unconsumed input kept per connection; 0: 64 KB */
  gsize high_water;      /* octets of output at which no input is read any more; 0: 64 KB */
  gsize low_water;       /* octets of output at which MORE runs again; 0: a quarter of high_water */
  guint handshake_ms;    /* milliseconds for a TLS handshake; 0: 30 s. Within STARTTLS the session's own
                          * timeout stays in force if it is set */
  guint proxy_ms;        /* milliseconds that a proxy has for its header; 0: 5 s */
  guint linger_ms;       /* milliseconds that a closing connection has to take its last output; 0: 5 s */
  int backlog;           /* of listening sockets; 0: SOMAXCONN */
  guint unix_mode;       /* permissions of unix sockets; 0: 0660 */
  /* Name of a protocol that has a few connections beyond max_connections, so that who operates a full server
   * gets in; a constant. NULL: none has. */
  const char *operator_protocol;

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

/* Closes every connection (closed is called for each), then ends and joins the workers. Waits for a
 * worker that is inside a storage call. Main thread; after it only cf_net_free() and wakes, which do
 * nothing, are allowed. */
void cf_net_stop (CfNet *net);

/* Stops if need be, then frees. No other thread may still hold @net. NULL is allowed. */
void cf_net_free (CfNet *net);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfNet, cf_net_free)

/* Serves @fd, a connected stream socket that becomes the loop's own (also on failure), with @protocol, in
 * clear or with implicit TLS. Any thread, after cf_net_start(). Returns its ref; 0 with CF_ERROR_LIMIT at
 * max_connections, CF_ERROR_UNAVAILABLE otherwise. */
CfConnRef cf_net_attach_fd (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, GError **error);

/* Limits may change while the loop runs; what is connected stays. */
typedef struct {
  /* Connections of one address at a time; 0: no limit. IPv6 addresses count by their first 64 bits. One too
   * many is sent the protocol's refusal and closed. */
  guint per_address;
  char *const *trusted; /* networks without that limit, "192.0.2.0/24"; NULL: none */
} CfNetLimits;

/* @limits is copied. CF_ERROR_CANNOT: something in a list is no network; nothing has changed then. Main
 * thread, at any time. */
gboolean cf_net_set_limits (CfNet *net, const CfNetLimits *limits, GError **error);

/* Who may connect to listeners for proxies ("imap+proxy://..."), and speak for clients there by the PROXY
 * protocol, version 2. Unix sockets are guarded by their permissions. May change while the loop runs. */
typedef struct {
  char *const *networks; /* NULL: none */
  gboolean believe_tls;  /* what it says of the client's TLS counts */
} CfNetProxies;

/* As cf_net_set_limits(). */
gboolean cf_net_set_proxies (CfNet *net, const CfNetProxies *proxies, GError **error);

/* The calling worker's number from 0; -1 on any other thread. */
int cf_net_get_worker_index (void);
/* What config.worker_start returned for the calling worker; NULL on any other thread. */
gpointer cf_net_get_worker_data (void);
guint cf_net_get_n_workers (CfNet *net);

/* Leaves the workers something that costs nothing, for one of them to take up, and says whether that of the
 * call before has been: FALSE when no worker has come out of its turn or its store call since then. For a
 * watchdog. Main thread, after cf_net_start(). */
gboolean cf_net_probe (CfNet *net);

/* Any thread. Octets are those of the protocol, without TLS's own. */
typedef struct {
  guint64 open;         /* connections now */
  guint64 accepted;     /* connections since the start, attached ones included */
  guint64 gave_way;     /* connections ended because the server was full and they had not logged in */
  guint64 tls_failures; /* handshakes that did not succeed */
  guint64 refused;      /* connections beyond CfNetLimits, or not as a proxy's must be */
  guint64 addresses;    /* that have connections now, as CfNetLimits counts them */
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
  guint64 owner;     /* as set by cf_conn_set_owner(); 0 before */
  gboolean tls;
  gboolean proxy_tls; /* as in CfPeer */
  gint64 since;       /* microseconds since the epoch */
  guint64 bytes_in, bytes_out;
} CfConnInfo;

/* Calls @func on the calling thread for every live connection, in no order; those that come or go meanwhile
 * may be missed. FALSE from @func ends the walk. @info and its strings are valid during the call. Holds no
 * lock. Any thread. */
typedef gboolean (*CfNetForeachFunc) (const CfConnInfo *info, gpointer user_data);
void cf_net_foreach (CfNet *net, CfNetForeachFunc func, gpointer user_data);

/* Whose the connection is, for cf_net_foreach(): an account. For the owner. */
void cf_conn_set_owner (CfConn *conn, guint64 owner);

/* ---- Calls that block too long ------------------------------------------------------------------------
 *
 * A worker that is inside a blocking call is interrupted by nobody. What its connection's client is told when
 * the call's deadline has passed is written by the sweep: the worker lends it the connection (late.c). */
typedef struct {
  /* The owner is about to block. FALSE: nothing can be said now (a response is half written). */
  gboolean (*lend) (CfConn *conn, gpointer data);
  /* On the main thread, once, after the deadline, while the owner is blocked: may write to the connection and
   * touch what the owner, in its call, does not. Must not block. */
  void (*tell) (CfConn *conn, gpointer data);
} CfConnLate;

/* What holds until the run under way returns. For the owner. @late is static. Not called: nobody is told. */
void cf_conn_set_late (CfConn *conn, const CfConnLate *late, gpointer data);

/* Around a call that may block until @deadline (monotonic microseconds) or, against all promises, longer. The
 * last: TRUE, the client has been told meanwhile. In between, the call may be given more time. Do nothing on
 * other threads than workers. */
void cf_net_block (gint64 deadline);
void cf_net_prolong (gint64 deadline);
gboolean cf_net_unblock (void);
/* The client was told in this run; nothing more should be begun for it. */
gboolean cf_net_is_late (void);

/* ---- Listeners ------------------------------------------------------------------------------------- */

/* Opens what @text says, for the one of @protocols (NULL-terminated array) whose name the scheme has:
 *
 *   imap://127.0.0.1:1143  imap://[::1]:1143  imap://mail.example:143  imap://0.0.0.0  imap://[::]
 *   imaps://...            implicit TLS; cf_net_set_tls() comes first
 *   imap+unix:/path        a unix socket
 *   unix:/path             the same as control+unix:/path
 *   imaps+proxy://...      a proxy connects, and says first who the client is (cf_net_set_proxies());
 *   imap+proxy+unix:/path  likewise with the others
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

/* What a listen text asks for, besides an address. */
typedef struct {
  gboolean tls;     /* implicit TLS */
  gboolean proxies; /* connections of proxies, not on a unix socket */
} CfNetListenNeeds;

/* Whether cf_net_listen() would find @text well formed; opens and looks up nothing. CF_ERROR_BAD as there. */
gboolean cf_net_check_listen (const char *text, const CfProtocol *const *protocols,
                              CfNetListenNeeds *out_needs, GError **error);

/* What is listened on, with actual ports, in the order of cf_net_listen(), in its syntax
 * ("imap://127.0.0.1:40123"). A NULL-terminated array; the caller frees (g_strfreev). Main thread. */
char **cf_net_dup_addresses (CfNet *net);

/* Closes every socket that was handed down and not asked for, and logs a warning for each. After
 * the last cf_net_listen(). */
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

G_END_DECLS

#endif
