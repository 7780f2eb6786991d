/* core/imap/spool.h - where the literals of one command are kept as they arrive: in memory, or on disk. */
#ifndef CF_SPOOL_H
#define CF_SPOOL_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef struct _CfSpool CfSpool;

/* Literals are kept in memory as long as they are together at most @threshold octets (G_MAXUINT64: always);
 * one that goes beyond is written to a file without a name in @directory, which is borrowed. */
CfSpool *cf_spool_new (guint64 threshold, const char *directory);
/* NULL is allowed. Sources made by the spool outlive it. */
void cf_spool_free (CfSpool *spool);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSpool, cf_spool_free)

/* Begins a literal of @length octets. FALSE: the file cannot be made (CF_ERROR_UNAVAILABLE, or CF_ERROR_LIMIT
 * when there is no room), and no literal has begun. */
gboolean cf_spool_begin (CfSpool *spool, guint64 length, GError **error);
/* The literal's next octets. FALSE: as above; what it has is of no use. May block on the disk. */
gboolean cf_spool_write (CfSpool *spool, const void *octets, gsize length, GError **error);
/* All that was written of the literal; ends it. The caller unrefs. */
CfSource *cf_spool_end (CfSpool *spool);

G_END_DECLS

#endif
