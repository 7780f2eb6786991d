/* core/module/refuse.h - how this directory says that something it was given cannot be used. */
#ifndef CF_REFUSE_H
#define CF_REFUSE_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* Sets CF_ERROR_CANNOT with this reason, one line for the operator. Always FALSE. */
gboolean cf_refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS

#endif
