/* tests/load/swarm/swarm.h - thousands of IMAP clients in one process, on one epoll, in one thread.
 *
 * A scenario (a row of the table in main.c) is a function that reads from top to bottom: it opens groups of
 * clients, waits until they are where it wants them, tells the driver that a stage is reached, measures. What
 * the clients of a group do is their role: the commands that each gives one after another, and callbacks.
 *
 * The program talks to its driver, load.py, in lines:
 *
 *   figure NAME VALUE UNIT   what was measured
 *   stage NAME               the driver may look at the server; swarm goes on when it gets a line
 *   failed TEXT              what must not happen; the exit status is 1
 *
 * Times are monotonic microseconds. Memory that lives until the end of the process is not freed.
 */
#ifndef SWARM_H
#define SWARM_H

#include <glib.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>

typedef struct _Swarm Swarm;
typedef struct _Group Group;
typedef struct _Client Client;

/* ---- Roles ------------------------------------------------------------------------------------------- */

/* Every function may be NULL. */
typedef struct {
  const char *name;

  /* The client's command number @step, without tag; the caller frees. NULL: it is ready. The next is
   * asked for when the server has said OK, or has asked for the lines of IDLE. */
  char *(*next) (Client *client, guint step);

  /* In place of the greeting, and of next: the connection is there, and ready. */
  gboolean is_mute;

  void (*ready) (Client *client);
  /* A response after that, without its end; one with literals comes in pieces and without these. */
  void (*line) (Client *client, const char *line);
  /* A command of next() failed. NULL: that is a failure. */
  void (*refused) (Client *client, const char *line);
  /* The server has ended the connection, which may be opened again. NULL: that is a failure. */
  void (*closed) (Client *client);
} Role;

typedef enum {
  CLIENT_IDLE, /* no connection */
  CLIENT_CONNECTING,
  CLIENT_HANDSHAKE,
  CLIENT_OPEN,
} ClientState;

struct _Client {
  Group *group;
  guint index; /* in the group */
  ClientState state;
  int fd;
  guint32 interest;
  gnutls_session_t tls;
  GString *in, *out;
  gsize at; /* in @in: lines before are served */
  guint64 literal_left;
  guint step;
  gboolean is_greeted, is_ready;
  gboolean is_deaf; /* reads nothing */
  gint64 since;     /* connect() */
  gint64 asked;     /* the last command was given; for the role's use */
  guint number;     /* for the role's use */
};

struct _Group {
  Swarm *swarm;
  const Role *role;
  gboolean tls;
  guint port;             /* of another server than the swarm's, in clear; 0: of none */
  const char *priorities; /* of GnuTLS; NULL: its own */
  GPtrArray *clients;
  guint opened;
  guint window;                 /* how many may be on their way to being ready */
  guint ready, refused, closed; /* events so far; ready counts again what was opened again */
  guint pending;                /* opened and not ready */
  guint turn;                   /* for the role's use */
  gpointer data;                /* for the role's use */
};

/* ---- The swarm --------------------------------------------------------------------------------------- */

typedef struct {
  guint clients, accounts, probes;
  guint mailboxes;      /* of an account, each client in one or watching all; 0: all are in INBOX */
  guint messages, size; /* in each mailbox; octets of each */
  guint seconds;        /* for how long to measure */
  guint rate;           /* a second */
  guint writer_port;    /* the server that writers use; 0: all use one */
  gboolean tls;
} SwarmOptions;

struct _Swarm {
  SwarmOptions options;
  struct sockaddr_in address, tls_address;
  int epoll_fd;
  GPtrArray *groups;
  GArray *tickers;
  gnutls_certificate_credentials_t credentials;
  gboolean failed;
  guint64 octets; /* received by all */
  GString *line;  /* from the driver */
};

typedef struct {
  const char *name;
  const char *summary;
  gboolean (*run) (Swarm *swarm);
} Scenario;

Swarm *swarm_new (const SwarmOptions *options, guint port, guint tls_port);

/* @n clients, of which at most @window are on their way to being ready at a time. They are opened while the
 * swarm turns. */
Group *swarm_add_group (Swarm *swarm, const Role *role, guint n, guint window, gboolean tls);
void swarm_every (Swarm *swarm, guint us, void (*func) (gpointer data), gpointer data);
void swarm_no_more (Swarm *swarm, void (*func) (gpointer data), gpointer data);

/* Waits for events and serves them. FALSE: something has failed. */
gboolean swarm_turn (Swarm *swarm);
gboolean swarm_turn_for (Swarm *swarm, gdouble seconds);
/* Until every client of @group is ready; it is a failure if that takes longer. */
gboolean swarm_wait_ready (Group *group, guint seconds);
/* Tells the driver, and turns until it answers. */
gboolean swarm_stage (Swarm *swarm, const char *name);
void swarm_fail (Swarm *swarm, const char *format, ...) G_GNUC_PRINTF (2, 3);
void swarm_figure (const char *name, gdouble value, const char *unit);

gint64 swarm_now (void);

/* ---- Clients ----------------------------------------------------------------------------------------- */

void client_open (Client *client);
void client_close (Client *client);
void client_serve (Client *client, guint32 events);
void client_write (Client *client, const char *octets, gsize length);
/* With the tag "t". */
void client_command (Client *client, const char *command);
/* The handshake begins once what was written is sent. */
void client_start_tls (Client *client);
void client_set_deaf (Client *client, gboolean deaf);

/* The account that a client of a group uses, and "LOGIN ..." for it. */
guint client_get_account (Client *client);
char *client_dup_login (Client *client);
char *client_dup_login_as (guint account);
/* One message, @size octets at least, as APPEND takes it: with its literal's marker. */
void append_message (GString *command, guint number, gsize size);
/* For next(): LOGIN, SELECT of @mailbox; NULL from step 2 on. */
char *client_dup_select (Client *client, guint step, const char *mailbox);

/* ---- Measuring --------------------------------------------------------------------------------------- */

typedef struct {
  GArray *values; /* gint64 */
} Samples;

void samples_add (Samples *samples, gint64 value);
/* NAME.n, NAME.min, NAME.p50, NAME.p90, NAME.p99, NAME.max, in milliseconds. */
void samples_report (Samples *samples, const char *name);

/* Clients that give NOOP each 100 ms and count how long the answer takes. */
typedef struct {
  Group *group;
  Samples samples;
  gboolean is_counting;
  guint turn;
} Probe;

Probe *probe_new (Swarm *swarm);
/* Until they are ready. */
gboolean probe_start (Probe *probe);
/* For so many seconds; tells NAME.noop. */
gboolean probe_measure (Probe *probe, const char *name, gdouble seconds);

/* Users who come at a steady rate, log in and leave: how long that takes each, and how many did not get in.
 */
typedef struct {
  Group *group;
  Samples samples;
  guint lost, turn;
  guint first, accounts;
} Visitors;

/* --rate a second, by turns of @accounts accounts from @first on. */
Visitors *visitors_start (Swarm *swarm, guint first, guint accounts);
/* For so many seconds, and then until the last has left; tells NAME.login and NAME.lost. */
gboolean visitors_measure (Visitors *visitors, const char *name, gdouble seconds);

/* ---- Scenarios --------------------------------------------------------------------------------------- */

gboolean fill_run (Swarm *swarm);
gboolean idle_run (Swarm *swarm);
gboolean push_run (Swarm *swarm);
gboolean nonreaders_run (Swarm *swarm);
gboolean reader_run (Swarm *swarm);
gboolean slow_run (Swarm *swarm);
gboolean flood_run (Swarm *swarm);
gboolean half_open_run (Swarm *swarm);
gboolean injection_run (Swarm *swarm);
gboolean renegotiation_run (Swarm *swarm);

#endif
