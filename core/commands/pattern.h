/* core/commands/pattern.h - LIST's wildcards (RFC 3501, 6.3.8). */
#ifndef CF_PATTERN_H
#define CF_PATTERN_H

#include <glib.h>

G_BEGIN_DECLS

/* Does @name match @pattern, where "*" stands for any octets and "%" for any but the separator? Time is at
 * most the product of their lengths, whatever the pattern. */
gboolean cf_pattern_matches (const char *pattern, const char *name);

G_END_DECLS

#endif
