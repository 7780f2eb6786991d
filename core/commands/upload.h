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

/* Computes the facts and decides which parts are kept apart; none, unless @apart. May block on the disk. */
gboolean cf_upload_scan (CfUpload *upload, gboolean apart, GError **error);
/* After scan: whether there is an octet above 0x7f in the message's own header. */
gboolean cf_upload_has_8bit_header (const CfUpload *upload, gboolean *out_is_8bit, GError **error);
/* Where equal parts of an account's messages are one, as [storage] object_scope says; @name is the account's
 * own. The caller frees. */
char *cf_upload_dup_scope (const char *name, CfAccountId account);
/* Stores the parts of @uploads (of CfUpload) that are kept apart and are not stored yet, by one call of the
 * store at most. CF_RUN_DONE: all are, nothing was asked; CF_RUN_MORE: call again; CF_RUN_ERROR. The caller
 * holds a permit. */
CfRun cf_uploads_store_parts (GPtrArray *uploads, CfCommandCall *call, GError **error);
/* The same where there is no session: those that come next, enough for one call (of CfObject, borrowed), and
 * then that they are stored, as @ids. None left: the uploads are described. */
GPtrArray *cf_uploads_get_next (GPtrArray *uploads);
void cf_uploads_set_stored (GPtrArray *uploads, const CfObjectId *ids, guint n);
void cf_uploads_describe (GPtrArray *uploads);
/* They are to be stored once more; or, with @keep_inline, not apart at all. */
void cf_upload_forget_parts (CfUpload *upload, gboolean keep_inline);
/* For the batch; borrowed. After scan and store_parts. */
const CfAppend *cf_upload_get_append (CfUpload *upload);

G_END_DECLS

#endif
