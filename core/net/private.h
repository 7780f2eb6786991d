/* core/net/private.h - what the files of this directory share. README.md has the invariants. */
#ifndef CF_NET_PRIVATE_H
#define CF_NET_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/tally.h"
#include "net/net.h"

/* ---- The state word -----------------------------------------------------------------------------------
 *
 * generation (32 bits) | reasons (24) | state (8). Reasons live in the word, not beside it, so that a wake
 * with an old generation cannot leave its reason to the slot's next connection. Without LIVE the slot is
 * free; LIVE alone is ARMED. */
#define CF_SLOT_LIVE  ((guint64) 1)
#define CF_SLOT_OWNED ((guint64) 2)
#define CF_SLOT_PENDING                                                                                      \
  ((guint64) 4) /* only together with OWNED: the owner must look again before it leaves */
#define CF_SLOT_STATE   ((guint64) 0xff)
#define CF_SLOT_REASONS ((guint64) 0xffffff00)

#define CF_SLOT_GENERATION(word)  ((guint32) ((word) >> 32))
#define CF_SLOT_GET_REASONS(word) ((guint) (((word) &CF_SLOT_REASONS) >> 8))

#define CF_SLOTS_PER_CHUNK 256

/* A reason that no protocol sees: the server is full, and this connection has not shown whose it is. */
#define CF_WAKE_GIVE_WAY (1u << 23)

/* epoll data that is not a connection: a generation no slot ever has. */
#define CF_EVENT_READY ((guint64) 0) /* the ready stack has an entry */
#define CF_EVENT_EXIT  ((guint64) 1) /* workers end */
#define CF_EVENT_PROBE ((guint64) 2) /* the main thread asks for a sign of life */

/* Octets from start to end of an allocated block; all zero when nothing is kept. */
typedef struct {
  guint8 *data;
  gsize start, end, capacity;
} CfBuffer;

typedef struct {
  CfNet *net;
  guint index;
  GThread *thread;
  gpointer data;    /* what worker_start returned */
  guint8 *spare[2]; /* blocks of net->block octets that turns borrow, so that idle connections keep none */
  _Atomic guint64 bytes_in, bytes_out; /* written by this worker alone */

  /* late.c. Who holds the loan may touch late_conn; the others are the worker's. */
  _Atomic int loan;
  _Atomic gint64 late_at;
  const CfConnLate *late; /* NULL: whatever is served now is never lent */
  CfConn *late_conn;
  gpointer late_data;
  gboolean was_late; /* in the run under way */
} CfWorker;

typedef enum {
  CF_PHASE_NEW,       /* no turn yet */
  CF_PHASE_PROXY,     /* a proxy is to say who the client is */
  CF_PHASE_HANDSHAKE, /* the protocol sees nothing */
  CF_PHASE_OPEN,
  CF_PHASE_CLOSING, /* sends the rest of the output */
  CF_PHASE_LINGER,  /* sent all and its end; discards input, so that no reset overtakes the last output */
} CfPhase;

/* What cf_net_foreach() shows: written by the owner, copied by anybody under a sequence count. */
typedef struct {
  guint64 id;
  gint64 since;
  const CfProtocol *protocol;
  guint64 tls;
  guint64 proxy_tls;
  guint64 owner;
  char peer[72];
  char label[128];
} CfConnCard;
#define CF_CARD_WORDS (sizeof (CfConnCard) / sizeof (guint64))

typedef struct _CfAdmission CfAdmission;
typedef struct _CfTls CfTls;
typedef struct _CfTlsCredentials CfTlsCredentials;

/* A slot, and the connection in it. Never freed while the net lives. */
struct _CfConn {
  /* Any thread. */
  _Atomic guint64 word;
  _Atomic gint64 deadline; /* monotonic microseconds, 0 none; the owner writes, the sweep reads */
  _Atomic guint32 next;    /* link of whichever stack the slot is on: free, or ready */
  _Atomic guint32 card_sequence;
  union {
    CfConnCard card;
    _Atomic guint64 words[CF_CARD_WORDS];
  };
  _Atomic guint64 bytes_in, bytes_out;
  _Atomic gboolean established; /* it is known whose it is; the owner writes */
  guint32 index;                /* constant */
  CfNet *net;                   /* constant */

  /* The owner's. */
  int fd;
  CfPhase phase;
  CfRun last; /* run's last answer */
  guint held; /* reasons that wait: for the handshake, or for output to drain */
  guint implicit_tls : 1;
  guint proxied : 1;      /* the listener is for proxies */
  guint tls_wanted : 1;   /* start_tls was called; begins when the output is sent */
  guint own_deadline : 1; /* the deadline is the handshake's, not the session's */
  guint eof : 1;          /* the client's end has been read */
  guint more_input : 1;   /* the last read filled the buffer: there may be more without an event */
  guint drain_told : 1;
  guint hangup_told : 1;
  gpointer session;
  CfTls *tls;
  CfWorker *worker; /* during a turn */
  CfBuffer in, out;
  CfPeer peer;
  CfTallyEntry *tally_entry; /* of the peer's address; NULL: not counted */
};

/* ---- The loop ---------------------------------------------------------------------------------------- */

struct _CfNet {
  CfNetConfig config;
  gsize block; /* size of the workers' spare blocks */
  int epoll_fd, ready_fd, exit_fd, probe_fd;

  _Atomic (CfConn *) *chunks; /* max_connections / CF_SLOTS_PER_CHUNK of them, made when needed */
  _Atomic guint32 n_slots;
  _Atomic guint64 free_stack, ready_stack; /* tag (32) | index + 1 (32); the tag defeats ABA */

  CfWorker *workers;
  gboolean started, stopped;
  _Atomic gboolean draining; /* every connection is told once */
  _Atomic gboolean killing;  /* every turn ends its connection */
  _Atomic gboolean exiting;
  _Atomic gboolean probe_waits; /* no worker has taken the probe up yet */
  gint64 drain_deadline;
  gboolean drained_told;
  GMainContext *context;
  GSource *sweep;

  GPtrArray *listeners; /* CfListener; main thread */
  GArray *handed;       /* int: sockets of socket activation not yet used; NULL: not looked for yet */
  GArray *strangers;    /* CfConnRef, in order of arrival from strangers_begin on; main thread */
  guint strangers_begin;

  CfAdmission *admission;

  pthread_mutex_t tls_mutex; /* guards the pointer, for as long as it takes to ref what it points to */
  CfTlsCredentials *tls_credentials;
  guint8 *ticket_key; /* GnuTLS's memory; made once, so that tickets outlive a reload */
  guint ticket_key_length;
  _Atomic gboolean has_tls;

  _Atomic guint64 last_id, n_open, n_accepted, n_tls_failures, n_gave_way;
};

typedef struct {
  struct sockaddr_storage storage;
  socklen_t length;
} CfSockaddr;

/* slot.c */
CfConn *cf_slot_acquire (CfNet *net);
void cf_slot_release (CfConn *conn);
/* Slots there can be: max_connections, and those of the operator. */
guint cf_slot_get_max (const CfNet *net);
CfConn *cf_slot_get (CfNet *net, guint32 index);
CfConnRef cf_slot_get_ref (CfConn *conn);
gboolean cf_slot_take (CfConn *conn, CfConnRef ref, guint *out_reasons);
gboolean cf_slot_leave (CfConn *conn);
guint cf_slot_take_reasons (CfConn *conn);
void cf_slot_arm_for_work (CfConn *conn);
CfConn *cf_slot_pop_ready (CfNet *net);
void cf_slot_free_all (CfNet *net);

/* conn.c */
CfConn *cf_conn_new (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, gboolean proxied,
                     GError **error);
void cf_conn_set_peer (CfConn *conn, const CfSockaddr *address, gboolean proxy_tls);
void cf_conn_end_session (CfConn *conn);
void cf_conn_destroy (CfConn *conn);

/* admission.c */
CfAdmission *cf_admission_new (void);
void cf_admission_free (CfAdmission *admission);
/* Counts @conn for its address. FALSE: that one has too many, and the log says so. */
gboolean cf_admission_enter (CfConn *conn);
/* Does nothing for one that was not counted. */
void cf_admission_leave (CfConn *conn);
/* Sends the protocol's refusal, if that can be said in clear. */
void cf_admission_refuse (CfConn *conn);
/* Whether a refusal of @conn, not for its number, is to be logged; counts it. Refusals of different @kind,
 * any character, are logged apart. */
gboolean cf_admission_note_refusal (CfConn *conn, char kind);
/* Whether @conn's peer may speak for others; *@out_tls: and is believed when it says they came by TLS. */
gboolean cf_admission_is_proxy (CfConn *conn, gboolean *out_tls);
void cf_admission_get_counters (CfAdmission *admission, CfNetCounters *out);

/* proxy.c */
typedef enum {
  CF_PROXY_STEP_READ, /* wait for input */
  CF_PROXY_STEP_DONE, /* who it is is known */
  CF_PROXY_STEP_DEAD,
} CfProxyStep;
/* For a connection to a proxies' listener; DONE, to go on, or DEAD. */
CfProxyStep cf_proxy_begin (CfConn *conn);
CfProxyStep cf_proxy_read (CfConn *conn);
void cf_proxy_time_out (CfConn *conn);
/* Whether the first input of @conn, whose listener is not for proxies, is what one would send; it is then
 * logged. */
gboolean cf_proxy_is_misdirected (CfConn *conn);

/* strangers.c; main thread */
/* An accepted connection. */
void cf_strangers_add (CfNet *net, CfConnRef ref);
/* Whether there is little room left. */
gboolean cf_strangers_are_in_the_way (const CfNet *net);
/* For a newcomer that waits: the oldest stranger is told to go; if there is no room at all, some are. */
void cf_strangers_make_room (CfNet *net);
/* Forgets those who are strangers no longer. */
void cf_strangers_sweep (CfNet *net);

/* turn.c */
gboolean cf_turn_make (CfConn *conn, guint reasons, guint32 events, gboolean again, guint32 *out_interest);

/* Sends what the socket takes; that the connection is broken, its owner finds out. */
void cf_turn_send (CfConn *conn);

/* loop.c */
/* As cf_net_attach_fd(), for a listener; @proxied: a proxy is to say first who the client is. */
CfConnRef cf_net_adopt (CfNet *net, int fd, const CfProtocol *protocol, gboolean tls, gboolean proxied,
                        GError **error);
/* The calling worker; NULL on any other thread. */
CfWorker *cf_net_get_worker (void);

/* late.c: tells the clients whose owner's call is late. Main thread. */
void cf_late_sweep (CfNet *net);

/* buffer.c */
guint8 *cf_buffer_reserve (CfBuffer *buffer, CfWorker *worker, gsize room);
void cf_buffer_settle (CfBuffer *buffer, CfWorker *worker);
void cf_buffer_clear (CfBuffer *buffer, CfWorker *worker);

static inline gsize
cf_buffer_get_length (const CfBuffer *buffer)
{
  return buffer->end - buffer->start;
}

/* tls.c. Each answers like recv(2) and send(2): octets, 0 at the end, -1 with errno, EAGAIN included. */
CfTls *cf_tls_new (CfNet *net, int fd);
void cf_tls_free (CfTls *tls);
int cf_tls_handshake (CfTls *tls, const char **out_cause);
gssize cf_tls_recv (CfTls *tls, void *buffer, gsize size);
gssize cf_tls_send (CfTls *tls, const void *data, gsize size);
gsize cf_tls_get_pending (CfTls *tls);
gboolean cf_tls_wants_write (CfTls *tls);
int cf_tls_bye (CfTls *tls);
void cf_tls_credentials_unref (CfTlsCredentials *credentials);
void cf_tls_clear_ticket_key (CfNet *net);

/* listener.c; main thread */
GPtrArray *cf_listener_array_new (void);
/* Starts accepting wherever it is not going on: at the start, and after a pause. */
void cf_listener_resume_all (CfNet *net);
void cf_listener_close_all (CfNet *net);
/* Adds a listening socket to those handed down by socket activation. */
void cf_listener_offer_fd (CfNet *net, int fd);
/* Closes those that nobody asked for. */
void cf_listener_close_handed (CfNet *net);

/* activation.c */
/* How many sockets were handed to process @pid, from the values of LISTEN_PID and LISTEN_FDS (either may be
 * NULL); 0 if none or not for it. */
guint cf_activation_parse (const char *listen_pid, const char *listen_fds, gint64 pid);
/* The handed-down sockets (int), close-on-exec; empty if none. Takes the variables out of the environment. */
GArray *cf_activation_take (void);

/* endpoint.c */
typedef struct {
  const CfProtocol *protocol;
  gboolean tls;
  gboolean proxied; /* a proxy says who the client is */
  char *path;       /* of a unix socket, or NULL */
  char *host;       /* without brackets; NULL: every address */
  guint16 port;
} CfEndpoint;

gboolean cf_endpoint_parse (const char *text, const CfProtocol *const *protocols, CfEndpoint *out,
                            GError **error);
void cf_endpoint_clear (CfEndpoint *endpoint);
/* CfSockaddr elements, at least one. */
GArray *cf_endpoint_resolve (const CfEndpoint *endpoint, GError **error);
gboolean cf_sockaddr_equal (const CfSockaddr *a, const CfSockaddr *b);
/* "192.0.2.1" or "192.0.2.1:50000"; an IPv6 address with brackets only if with the port. */
char *cf_sockaddr_to_string (const CfSockaddr *address, gboolean with_port);
gboolean cf_sockaddr_is_local (const CfSockaddr *address);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CfEndpoint, cf_endpoint_clear)

#endif
