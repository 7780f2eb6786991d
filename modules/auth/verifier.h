/* modules/auth/verifier.h - what is kept of a password: a SCRAM-SHA-256 verifier (RFC 5802, 3; RFC 7677).
 *
 * The store holds it as the credential of kind VERIFIER_KIND, one line of text:
 *
 *   SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>      (the last three in base64)
 *
 * which is also how PostgreSQL writes its own, so that verifiers can be taken over. Any thread.
 */
#ifndef AUTH_VERIFIER_H
#define AUTH_VERIFIER_H

#include <coffer/auth.h>

#define VERIFIER_KIND        "scram-sha-256"
#define VERIFIER_KEY_LENGTH  32
#define VERIFIER_SALT_LENGTH 16 /* of new ones */

typedef struct {
  guint iterations;
  gsize salt_length;
  guint8 salt[64];
  guint8 stored_key[VERIFIER_KEY_LENGTH], server_key[VERIFIER_KEY_LENGTH];
} Verifier;

/* FALSE: not such a text. */
gboolean verifier_parse (GBytes *value, Verifier *out_verifier);
GBytes *verifier_format (const Verifier *verifier);

/* A verifier of @password, prepared, with a new salt. */
gboolean verifier_new (const char *password, guint iterations, Verifier *out_verifier, GError **error);
/* Whether @password, prepared, is the verifier's; the same work whatever the answer. FALSE without @error: it
 * is not. */
gboolean verifier_check (const Verifier *verifier, const char *password, GError **error);

/* @password after SASLprep (RFC 4013); verifier_free_password() it. @stored: one to be kept, which may not
 * hold code points unassigned in Unicode 3.2. NULL: not a password, such as one that is empty or holds
 * control characters. */
char *verifier_prepare_password (const char *password, gboolean stored);
/* Wipes it; NULL is allowed. */
void verifier_free_password (char *password);

/* Keys derived from passwords by this process: what the login cache saves. */
guint verifier_get_derivations (void);

#endif
