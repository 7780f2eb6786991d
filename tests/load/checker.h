/* tests/load/checker.h - what the files of the checker share: options, counters, and how a contradiction is
 * reported.
 *
 * The checker is many IMAP clients in one process, a thread each. They send random commands, and hold every
 * response against RFC 3501 and against what they know of each other (README.md).
 */
#ifndef CHECKER_H
#define CHECKER_H

#include <glib.h>

typedef struct {
  char *address; /* as given: imap://127.0.0.1:1143 */
  char *host;
  char *port;
  gboolean tls;
} Server;

typedef struct {
  int clients;
  int accounts;
  int mailboxes; /* an account's that its clients share, INBOX among them */
  int seconds;
  int rate;          /* mean time between a client's steps, ms */
  int idle_patience; /* seconds */
  guint64 seed;
  char *user; /* with the account's number in place of %u */
  char *password;
  gboolean unavailable; /* NO [UNAVAILABLE] is a legitimate answer */
  gboolean strict;      /* one server: what one session was told OK is known to all others at once */
  GPtrArray *servers;   /* of Server */
} Options;

extern Options options;

/* Microseconds, monotonic. */
#define NEVER  G_MAXINT64
#define SECOND ((gint64) G_USEC_PER_SEC)

#endif
