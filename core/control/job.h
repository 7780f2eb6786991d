/* core/control/job.h - work of the control protocol that takes long: in a thread of its own, watched by the
 * connection that asked for it.
 *
 * The connection waits meanwhile and holds no worker and no storage permit; what the work has to say reaches
 * it while the work goes on. When the connection goes, the work is told to stop, and not waited for: a call
 * of the store may keep it for long, and the worker that ends the connection has others to serve. Work that
 * must not be left half done does not stop, and says so: whoever interrupts cofferctl interrupts nothing but
 * the report, and a server that ends gives it more time. The loop and the store stay until
 * cf_control_jobs_wait() has returned.
 */
#ifndef CF_CONTROL_JOB_H
#define CF_CONTROL_JOB_H

#include "net/net.h"

G_BEGIN_DECLS

typedef struct _CfControlJob CfControlJob;

/* The work, in the job's thread. May block for as long as it takes. FALSE: @error is the answer. */
typedef gboolean (*CfControlWork) (CfControlJob *job, const char *argument, GError **error);

/* ---- For the connection's owner ---- */

/* Starts @work with a copy of @argument, which may be NULL. The connection is woken with CF_WAKE_COMPLETION
 * whenever there is something to take. NULL with CF_ERROR_UNAVAILABLE: no thread can be made. */
CfControlJob *cf_control_job_start (CfConn *conn, CfControlWork work, const char *argument, GError **error);
/* Writes what the work has said since the last time to @conn. TRUE: it has ended; *@out_error, the caller's,
 * is how, NULL for well. */
gboolean cf_control_job_take (CfControlJob *job, CfConn *conn, GError **out_error);
/* Asks the work to end early. */
void cf_control_job_stop (CfControlJob *job);
/* The connection is done with it: tells it to stop, if it has not ended. NULL is allowed. */
void cf_control_job_leave (CfControlJob *job);

/* ---- For the work ---- */

CfNet *cf_control_job_get_net (CfControlJob *job);
/* The number of the session that asked. */
guint64 cf_control_job_get_session (CfControlJob *job);
gboolean cf_control_job_is_stopped (CfControlJob *job);
/* The work will not stop until it is done. Once, before it does anything. */
void cf_control_job_carry_through (CfControlJob *job);
/* A data line; the words end with NULL. All are kept until the client takes them: the work bounds how
 * many there are. */
void cf_control_job_reply (CfControlJob *job, ...) G_GNUC_NULL_TERMINATED;
/* A CfProgressFunc; @user_data is the job. The client is sent a data line "progress DONE TOTAL" now and then.
 * FALSE: stop. */
gboolean cf_control_job_progress (guint64 done, guint64 total, gpointer user_data);

G_END_DECLS

#endif
