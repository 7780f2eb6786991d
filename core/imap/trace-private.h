/* core/imap/trace-private.h - what trace.c and trace-log.c share: a trace that runs. */
#ifndef CF_TRACE_PRIVATE_H
#define CF_TRACE_PRIVATE_H

#include "imap/trace.h"

G_BEGIN_DECLS

typedef struct {
  gatomicrefcount refs;
  CfTraceKind kind;
  char *target;
  int dir_fd;
  gint64 until; /* microseconds since the epoch; with the table's lock held */

  /* Atomic; the sessions' owners change them. */
  gint ended;    /* no session goes on with it */
  gint sessions; /* with an open log */
  gint files;
  guint64 octets;
} CfTrace;

/* The one that wants a session like this, with a reference; NULL: none. */
CfTrace *cf_trace_lookup (const char *address, const char *user);
void cf_trace_unref (CfTrace *trace);
/* Its space is used up, or the disk is full: ends it, and says why in the log. */
void cf_trace_give_up (CfTrace *trace, const char *reason);

G_END_DECLS

#endif
