/* core/store/upkeep.h - the thread that frees what nothing refers to any more, every now and then. */
#ifndef CF_UPKEEP_H
#define CF_UPKEEP_H

#include <glib.h>

G_BEGIN_DECLS

/* Starts it; the store is open. Interval and grace are read from the settings each time. Main thread. */
void cf_upkeep_start (void);
/* Ends it, waiting for a call under way. Does nothing when it does not run. Main thread. */
void cf_upkeep_stop (void);

/* One bounded step: frees what nothing has touched for [storage] collect_grace, adding to *@freed.
 * *@out_more: there is more to free. Any thread but a worker without a permit. */
gboolean cf_upkeep_collect (guint64 *freed, gboolean *out_more, GError **error);

G_END_DECLS

#endif
