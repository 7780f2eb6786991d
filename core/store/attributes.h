/* core/store/attributes.h - what core holds attributes to before a store sees them. */
#ifndef CF_STORE_ATTRIBUTES_H
#define CF_STORE_ATTRIBUTES_H

#include <coffer/types.h>

G_BEGIN_DECLS

/* Whether each key and value keeps to its limit (coffer/types.h). CF_ERROR_LIMIT. Any thread. */
gboolean cf_attributes_check (guint n, const CfAttribute *const *attributes, GError **error);

G_END_DECLS

#endif
