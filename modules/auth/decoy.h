/* modules/auth/decoy.h - verifiers for users who do not exist.
 *
 * A stranger must not learn who has an account. So an unknown name is answered with a salt and an iteration
 * count like everybody's, always the same ones, and its password is checked with the same work. The salt is
 * computed from the name under a secret. Where that is kept in a file (`secret_file`), it survives restarts
 * and can be shared by nodes; otherwise it is random for each start, and who asks before and after a restart
 * can tell.
 */
#ifndef AUTH_DECOY_H
#define AUTH_DECOY_H

#include "verifier.h"

/* Reads the secret from @path, which is made when it is not there; NULL or "": a random one. Main thread.
 * FALSE with CF_ERROR_CANNOT. */
gboolean decoy_init (const char *path, GError **error);
void decoy_shutdown (void);

/* The verifier that @name seems to have; no password matches it. Any thread. */
void decoy_get (const char *name, Verifier *out_verifier);

#endif
