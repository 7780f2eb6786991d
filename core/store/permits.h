/* core/store/permits.h - permits: how many storage calls may run at once, and whose turn it is.
 *
 * There are fewer permits than workers, so that commands which need only memory always find a worker. Who
 * finds none is put in a queue and woken when one is set aside for it: first come, first served, except that
 * one account never has more than its share (a share it can exceed would let one busy user stop all others).
 * Any thread; one short lock, never held while anything else is called except the wake.
 */
#ifndef CF_PERMITS_H
#define CF_PERMITS_H

#include <coffer/types.h>

#include "net/net.h"

G_BEGIN_DECLS

typedef struct _CfPermits CfPermits;

/* Tells a parked connection that its permit is set aside: cf_net_wake() with CF_WAKE_COMPLETION. */
typedef void (*CfPermitsWake) (CfConnRef ref, gpointer user_data);

/* @total permits, of which one account has at most @share; both at least 1. */
CfPermits *cf_permits_new (guint total, guint share, CfPermitsWake wake, gpointer user_data);
/* Nobody holds or waits any more. */
void cf_permits_free (CfPermits *permits);

/* Takes a permit for @ref, or queues it. TRUE: it holds one. FALSE: call again when woken. Calling it again
 * while queued keeps the place. */
gboolean cf_permits_try (CfPermits *permits, CfConnRef ref, CfAccountId account);
/* Gives back the permit that @ref holds or that is set aside for it, or its place in the queue; nothing if it
 * has none of these. */
void cf_permits_release (CfPermits *permits, CfConnRef ref);

G_END_DECLS

#endif
