/* core/commands/upload.h - one message on its way into the store: scanned, its large parts stored apart,
 * described as the segments it is made of.
 */
#ifndef CF_UPLOAD_H
#define CF_UPLOAD_H

#include "imap/session.h"

G_BEGIN_DECLS

typedef struct _CfUpload CfUpload;

/* Keeps references. @date and @zone: INTERNALDATE. */
CfUpload *cf_upload_new (CfSource *source, guint flags, CfKeywords *keywords, gint64 date, gint zone);
void cf_upload_free (CfUpload *upload);

/* Computes the facts and decides what is kept apart. May block on the disk. */
gboolean cf_upload_scan (CfUpload *upload, GError **error);
/* Stores the parts of @uploads (of CfUpload) that are kept apart and are not stored yet, by one call of the
 * store at most. CF_RUN_DONE: all are, nothing was asked; CF_RUN_MORE: call again; CF_RUN_ERROR. The caller
 * holds a permit. */
CfRun cf_uploads_store_parts (GPtrArray *uploads, CfCommandCall *call, GError **error);
/* They are to be stored once more. */
void cf_upload_forget_parts (CfUpload *upload);
/* For the batch; borrowed. After scan and store_parts. */
const CfAppend *cf_upload_get_append (CfUpload *upload);

G_END_DECLS

#endif
