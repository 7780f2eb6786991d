/* core/store/rights.h - asks the access classes; every wrapper round a storage slot begins here. */
#ifndef CF_STORE_RIGHTS_H
#define CF_STORE_RIGHTS_H

#include <coffer/access.h>

G_BEGIN_DECLS

/* TRUE when @session has every right of @needed on mailbox @name of its account. CF_ERROR_NOPERM when not. */
gboolean cf_rights_check (CfSession *session, const char *name, guint needed, GError **error);

G_END_DECLS

#endif
