/* core/base/secret.h - freeing what may hold a password: it is wiped first, so that it stays in no memory
 * that is used again or dumped.
 *
 * What malloc moved when a buffer grew is out of reach; a password seldom comes in pieces.
 */
#ifndef CF_BASE_SECRET_H
#define CF_BASE_SECRET_H

#include <glib.h>

G_BEGIN_DECLS

typedef char CfSecret; /* for g_autoptr (CfSecret) */

/* NULL is allowed. */
void cf_secret_free (CfSecret *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSecret, cf_secret_free)

/* With all that was ever in its buffer. */
void cf_secret_free_string (GString *string);
/* Bytes that are wiped with their last reference. Takes over @octets, from g_malloc(). */
GBytes *cf_secret_new_bytes (gpointer octets, gsize length);

G_END_DECLS

#endif
