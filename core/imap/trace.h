/* core/imap/trace.h - traces of the protocol: what an account's sessions, or a client's address, say and are
 * told, each session in a file of its own, without passwords and people's text (redact.h).
 *
 * A trace is switched on and off while the server runs; it ends by itself when its time or its space is used
 * up. A session asks once for each turn whether anything has changed since, which is one atomic load.
 */
#ifndef CF_TRACE_H
#define CF_TRACE_H

#include <coffer/error.h>

G_BEGIN_DECLS

typedef enum {
  CF_TRACE_ACCOUNT, /* the target is an account's name */
  CF_TRACE_ADDRESS, /* or a client's address, as cf_ip_to_string() gives it: before login, too */
} CfTraceKind;

/* ---- Switching; any thread --------------------------------------------------------------------------- */

/* Called when the sessions of @target should look again, on whatever thread; it wakes them. */
typedef void (*CfTraceChangedFunc) (CfTraceKind kind, const char *target, gpointer user_data);

/* @changed may be called until cf_trace_shutdown() has returned. Main thread. */
void cf_trace_init (CfTraceChangedFunc changed, gpointer user_data);
void cf_trace_shutdown (void);

/* For @seconds. One that runs has its time set anew. CF_ERROR_CANNOT: there is no [server] trace_dir;
 * CF_ERROR_UNAVAILABLE: it cannot be written. */
gboolean cf_trace_start (CfTraceKind kind, const char *target, guint seconds, GError **error);
/* CF_ERROR_NONEXISTENT: no such trace runs. */
gboolean cf_trace_stop (CfTraceKind kind, const char *target, GError **error);

typedef struct {
  CfTraceKind kind;
  const char *target;
  gint64 until;   /* microseconds since the epoch */
  guint sessions; /* that are traced now */
  guint files;    /* that were written */
  guint64 octets;
} CfTraceInfo;

/* @func is called with a lock held: it must not come back here. */
void cf_trace_foreach (void (*func) (const CfTraceInfo *info, gpointer user_data), gpointer user_data);

/* ---- For a session, whose owner alone uses its log --------------------------------------------------- */

typedef struct _CfTraceLog CfTraceLog;

/* Changes whenever a trace begins or ends; 0: none ever did. */
guint cf_trace_get_serial (void);
/* The log of a session, if a trace wants one: @number and @peer are those of the connection, @address the
 * peer's without port, @user the account's name or NULL. NULL: none. */
CfTraceLog *cf_trace_log_open (guint64 number, const char *peer, const char *address, const char *user);
/* Whether its trace still goes on. */
gboolean cf_trace_log_is_wanted (const CfTraceLog *log);
/* Adds the lines of what was read, and of what is sent. */
void cf_trace_log_command (CfTraceLog *log, const char *name, gboolean secret, const char *tag,
                           const char *line, gsize length);
void cf_trace_log_line (CfTraceLog *log, const char *line, gsize length);
void cf_trace_log_literal (CfTraceLog *log, guint64 length);
void cf_trace_log_continuation (CfTraceLog *log, const char *line, gsize length);
void cf_trace_log_refused (CfTraceLog *log);
void cf_trace_log_output (CfTraceLog *log, const guint8 *data, gsize length);
/* The tag of a command that was read before the trace began, and may be seen. */
void cf_trace_log_set_tag (CfTraceLog *log, const char *tag);
/* Writes what was added; one write(2), which waits for a disk that does not answer. */
void cf_trace_log_flush (CfTraceLog *log);
/* Says that the session's trace ends, and why; frees. NULL is allowed. */
void cf_trace_log_close (CfTraceLog *log, const char *reason);

G_END_DECLS

#endif
