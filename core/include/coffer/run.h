/* coffer/run.h - what a step of work answers to the worker that called it.
 *
 * A worker owns a connection for one turn and must not stand still in it. Long work is cut into steps; each
 * step says when it wants to be called again, and keeps nothing pinned until then: no database connection,
 * no transaction, no lock.
 */
#ifndef COFFER_RUN_H
#define COFFER_RUN_H

#include <coffer/version.h>

G_BEGIN_DECLS

typedef enum {
  /* Finished. The next call comes with new input or with a wake. */
  CF_RUN_DONE,
  /* There is more to do: call again as soon as the output waiting for the client is below the low-water
   * mark, at once if it is so already. Other connections may get their turn in between. No input is
   * read until then. */
  CF_RUN_MORE,
  /* Something else must happen first (write queue, storage permit, converter): call when woken. No input is
   * read until then. A wake can have another cause, so the step looks for itself whether what it waits for
   * has happened, and answers WAIT again if not. */
  CF_RUN_WAIT,
  /* The step failed. A command's step has set its GError, which becomes the tagged response. From a protocol:
   * close the connection now, whatever output is left. */
  CF_RUN_ERROR,
  /* Send what has been written, then close the connection. There is no further call. */
  CF_RUN_CLOSE,
} CfRun;

G_END_DECLS

#endif
