/* core/store/loads.h - loads of whole mailboxes under way: one session loads, and others that want the same
 * mailbox wait for what it brings.
 *
 * A mailbox that is not in memory is read as a whole, which for a large one takes seconds and as much memory
 * as its snapshot. When many sessions come at once (after a restart, or when a message wakes hundreds in
 * IDLE) the first of them loads; the others hold no worker and no permit meanwhile, and find the snapshot
 * then. A mailbox goes by its name here, which is a hint: under two names it would be loaded twice, and
 * nothing else is wrong. Any thread; one short lock, never held while anything else is called.
 */
#ifndef CF_LOADS_H
#define CF_LOADS_H

#include <coffer/types.h>

#include "net/net.h"

G_BEGIN_DECLS

typedef struct _CfLoads CfLoads;

/* Tells a parked connection that it need not wait any longer; as CfPermitsWake. */
typedef void (*CfLoadsWake) (CfConnRef ref, gpointer user_data);

CfLoads *cf_loads_new (CfLoadsWake wake, gpointer user_data);
/* NULL is allowed. Nobody loads or waits any more. */
void cf_loads_free (CfLoads *loads);

/* TRUE: @ref is the one that loads, until it ends. FALSE: another session loads this mailbox; @ref is woken
 * when that has ended, and calls again. */
gboolean cf_loads_begin (CfLoads *loads, CfConnRef ref, CfAccountId account, const char *name);
/* @ref does not load any longer, whether it succeeded or not, and those who waited are woken; or it does not
 * wait any longer. Nothing if it did neither. */
void cf_loads_end (CfLoads *loads, CfConnRef ref);

/* The load by @ref has brought something, and has until @until (monotonic microseconds) to bring more. */
void cf_loads_go_on (CfLoads *loads, CfConnRef ref, gint64 until);
/* Until when the load that @ref waits for is expected to bring something; 0: not known, or it does not wait.
 */
gint64 cf_loads_get_until (CfLoads *loads, CfConnRef ref);

G_END_DECLS

#endif
