/* core/imap/spool.h - an unlinked file that large literals are written to as they arrive. */
#ifndef CF_SPOOL_H
#define CF_SPOOL_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef struct _CfSpool CfSpool;

/* A new file in @directory without a name. NULL: CF_ERROR_UNAVAILABLE. */
CfSpool *cf_spool_new (const char *directory, GError **error);
/* NULL is allowed. */
void cf_spool_free (CfSpool *spool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSpool, cf_spool_free)

/* Appends. FALSE: CF_ERROR_LIMIT when there is no room, else CF_ERROR_UNAVAILABLE. */
gboolean cf_spool_write (CfSpool *spool, const void *octets, gsize length, GError **error);
/* What was written since the last cut. It outlives @spool, which can be written to further. The caller
 * unrefs. */
CfSource *cf_spool_cut (CfSpool *spool);

G_END_DECLS

#endif
