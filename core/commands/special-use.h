/* core/commands/special-use.h - the names of special uses (RFC 6154, 2). */
#ifndef CF_SPECIAL_USE_H
#define CF_SPECIAL_USE_H

#include <coffer/types.h>

G_BEGIN_DECLS

/* The bit for "Sent" (without backslash, any case); 0: unknown. */
guint cf_special_use_from_name (const char *name);
/* "\\Sent" for one bit; NULL: there is no such bit. */
const char *cf_special_use_get_name (guint bit);

G_END_DECLS

#endif
