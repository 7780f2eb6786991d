/* modules/auth/verifier.c - SCRAM-SHA-256 verifiers (verifier.h).
 *
 * GnuTLS derives the key: its PBKDF2 is several times faster than the one in GNU SASL, and a
 * server derives often.
 */
#include "verifier.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gsasl.h>
#include <string.h>

#define VERIFIER_PREFIX "SCRAM-SHA-256$"

#define VERIFIER_ITERATIONS_MAX 10000000
#define VERIFIER_TEXT_MAX       512
#define PASSWORD_MAX            1024 /* octets */

static gint verifier_derivations;

/* Decodes @text, base64 without anything else, to at most @max octets. */
static gboolean
verifier_decode (const char *text, guint8 *out, gsize max, gsize *out_length)
{
  g_autofree guchar *octets = NULL;
  g_autofree char *canonical = NULL;
  gsize length;

  octets = g_base64_decode (text, &length);
  canonical = g_base64_encode (octets, length);
  if (length == 0 || length > max || strcmp (canonical, text) != 0)
    return FALSE;
  memcpy (out, octets, length);
  *out_length = length;
  return TRUE;
}

static gboolean
verifier_decode_key (const char *text, guint8 out[VERIFIER_KEY_LENGTH])
{
  gsize length;

  return verifier_decode (text, out, VERIFIER_KEY_LENGTH, &length) && length == VERIFIER_KEY_LENGTH;
}

gboolean
verifier_parse (GBytes *value, Verifier *out_verifier)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) fields = NULL;
  Verifier verifier = { 0 };
  guint64 iterations;
  gsize length;
  const char *octets = g_bytes_get_data (value, &length);

  if (length > VERIFIER_TEXT_MAX)
    return FALSE;
  text = g_strndup (octets, length);
  if (strlen (text) != length || !g_str_has_prefix (text, VERIFIER_PREFIX))
    return FALSE;

  fields = g_strsplit_set (text + strlen (VERIFIER_PREFIX), ":$", -1);
  if (g_strv_length (fields) != 4
      || !g_ascii_string_to_unsigned (fields[0], 10, 1, VERIFIER_ITERATIONS_MAX, &iterations, NULL)
      || !verifier_decode (fields[1], verifier.salt, sizeof verifier.salt, &verifier.salt_length)
      || !verifier_decode_key (fields[2], verifier.stored_key)
      || !verifier_decode_key (fields[3], verifier.server_key))
    return FALSE;
  verifier.iterations = (guint) iterations;
  *out_verifier = verifier;
  return TRUE;
}

GBytes *
verifier_format (const Verifier *verifier)
{
  g_autofree char *salt = g_base64_encode (verifier->salt, verifier->salt_length);
  g_autofree char *stored_key = g_base64_encode (verifier->stored_key, VERIFIER_KEY_LENGTH);
  g_autofree char *server_key = g_base64_encode (verifier->server_key, VERIFIER_KEY_LENGTH);
  char *text
      = g_strdup_printf (VERIFIER_PREFIX "%u:%s$%s:%s", verifier->iterations, salt, stored_key, server_key);

  return g_bytes_new_take (text, strlen (text));
}

/* Computes the keys from @password and the verifier's salt and iterations (RFC 5802, 3). */
static gboolean
verifier_derive (Verifier *verifier, const char *password, GError **error)
{
  const gnutls_datum_t key = { (guchar *) password, (guint) strlen (password) };
  const gnutls_datum_t salt = { verifier->salt, (guint) verifier->salt_length };
  guint8 salted_password[VERIFIER_KEY_LENGTH], client_key[VERIFIER_KEY_LENGTH];
  int code;

  g_atomic_int_inc (&verifier_derivations);
  g_debug ("Derived a key");
  code = gnutls_pbkdf2 (GNUTLS_MAC_SHA256, &key, &salt, verifier->iterations, salted_password,
                        sizeof salted_password);
  if (code == 0)
    code = gnutls_hmac_fast (GNUTLS_MAC_SHA256, salted_password, sizeof salted_password, "Client Key",
                             strlen ("Client Key"), client_key);
  if (code == 0)
    code = gnutls_hash_fast (GNUTLS_DIG_SHA256, client_key, sizeof client_key, verifier->stored_key);
  if (code == 0)
    code = gnutls_hmac_fast (GNUTLS_MAC_SHA256, salted_password, sizeof salted_password, "Server Key",
                             strlen ("Server Key"), verifier->server_key);
  gnutls_memset (salted_password, 0, sizeof salted_password);
  gnutls_memset (client_key, 0, sizeof client_key);
  if (code == 0)
    return TRUE;

  g_set_error (error, CF_ERROR, CF_ERROR_SERVERBUG, "A key could not be derived: %s", gnutls_strerror (code));
  return FALSE;
}

gboolean
verifier_new (const char *password, guint iterations, Verifier *out_verifier, GError **error)
{
  Verifier verifier = { .iterations = iterations, .salt_length = VERIFIER_SALT_LENGTH };
  int code = gnutls_rnd (GNUTLS_RND_RANDOM, verifier.salt, verifier.salt_length);

  if (code != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "No random numbers: %s", gnutls_strerror (code));
    return FALSE;
  }
  if (!verifier_derive (&verifier, password, error))
    return FALSE;
  *out_verifier = verifier;
  return TRUE;
}

gboolean
verifier_check (const Verifier *verifier, const char *password, GError **error)
{
  Verifier derived = *verifier;
  gboolean equal;

  if (!verifier_derive (&derived, password, error))
    return FALSE;
  equal = gnutls_memcmp (derived.stored_key, verifier->stored_key, VERIFIER_KEY_LENGTH) == 0;
  gnutls_memset (&derived, 0, sizeof derived);
  return equal;
}

char *
verifier_prepare_password (const char *password, gboolean stored)
{
  char *prepared = NULL, *strict = NULL;

  if (strlen (password) > PASSWORD_MAX
      || gsasl_saslprep (password, GSASL_ALLOW_UNASSIGNED, &prepared, NULL) != GSASL_OK)
    return NULL;

  /* libgsasl 2.2 takes its flag the wrong way round. A password to be kept passes both ways, so that no
   * mechanism of any version refuses it later. */
  if (prepared[0] != '\0' && (!stored || gsasl_saslprep (password, 0, &strict, NULL) == GSASL_OK)) {
    verifier_free_password (strict);
    return prepared;
  }
  verifier_free_password (prepared);
  return NULL;
}

void
verifier_free_password (char *password)
{
  if (password == NULL)
    return;

  gnutls_memset (password, 0, strlen (password));
  gsasl_free (password);
}

guint
verifier_get_derivations (void)
{
  return (guint) g_atomic_int_get (&verifier_derivations);
}
