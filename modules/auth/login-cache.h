/* modules/auth/login-cache.h - good logins remembered, so that a repeated one derives no key.
 *
 * What is remembered is a digest: HMAC-SHA-256 over verifier, address and password, under a key that is
 * random for each process and never leaves it. A changed password changes the verifier, and so misses by
 * construction. Bounded; the entry longest unused goes first. Any thread.
 */
#ifndef AUTH_LOGIN_CACHE_H
#define AUTH_LOGIN_CACHE_H

#include "verifier.h"

#define LOGIN_DIGEST_LENGTH 32

typedef struct _LoginCache LoginCache;

LoginCache *login_cache_new (GError **error);
/* NULL is allowed. */
void login_cache_free (LoginCache *cache);

/* FALSE: could not be computed; then do without the cache. */
gboolean login_cache_digest (const LoginCache *cache, const Verifier *verifier, const char *address,
                             const char *password, guint8 out_digest[LOGIN_DIGEST_LENGTH]);

/* Whether @digest was added less than @lifetime microseconds before @now (monotonic). */
gboolean login_cache_contains (LoginCache *cache, const guint8 digest[LOGIN_DIGEST_LENGTH], gint64 now,
                               gint64 lifetime);
/* Adds it, and keeps at most @max_entries. */
void login_cache_add (LoginCache *cache, const guint8 digest[LOGIN_DIGEST_LENGTH], gint64 now,
                      guint max_entries);

#endif
