/* core/commands/status.h - STATUS items and responses, for STATUS and for LIST ... RETURN (STATUS (...)) (RFC
 * 5819).
 */
#ifndef CF_STATUS_H
#define CF_STATUS_H

#include <coffer/module.h>

G_BEGIN_DECLS

/* "(MESSAGES UNSEEN ...)": the items (const CfItem *) in the order asked; NULL with CF_ERROR_BAD. The caller
 * unrefs. */
GPtrArray *cf_status_items_read (CfCommandCall *call, CfInput *input, GError **error);
/* "* STATUS name (...)" */
void cf_status_write (CfCommandCall *call, const char *name, const GPtrArray *items,
                      const CfMailboxStatus *status);

G_END_DECLS

#endif
