/* modules/auth/auth.c - passwords and SCRAM: the authentication class `auth`.
 *
 * Registers the settings and the class. exchange.c carries out AUTHENTICATE, account.c decides about
 * passwords and identities, verifier.c knows what is kept of a password, login-cache.c saves deriving a key
 * for every repeated login, and decoy.c keeps strangers from learning who has an account.
 */
#include <coffer/module.h>

#include "account.h"
#include "decoy.h"
#include "exchange.h"
#include "settings.h"

#include <stddef.h>
#include <string.h>

AuthSettings auth_settings;

static LoginCache *auth_cache;

static const CfConfigKey auth_keys[] = {
  { "iterations", CF_CONFIG_INTEGER, "15000", 4096, 10000000, NULL,
    "PBKDF2 iterations for new passwords; clients compute them too (RFC 7677, 4)",
    offsetof (AuthSettings, iterations), TRUE },
  { "login_cache", CF_CONFIG_INTEGER, "10000", 0, 10000000, NULL,
    "Good logins remembered, so that a repeated one derives no key; 0: none",
    offsetof (AuthSettings, cache_entries), TRUE },
  { "login_cache_lifetime", CF_CONFIG_DURATION, "1h", 0, 86400, NULL, "For how long they are remembered",
    offsetof (AuthSettings, cache_lifetime), TRUE },
  { "secret_file", CF_CONFIG_FILE, NULL, 0, 0, NULL,
    "32 random octets, made if missing, under which unknown users' salts are computed; the same file on "
    "every node",
    offsetof (AuthSettings, secret_file), FALSE },
};

/* LOGIN: the password of a user, for no other identity than his own. */
static CfAuthResult
auth_check_password (CfSession *session, const char *user, const char *password, CfIdentity *out_identity,
                     GError **error)
{
  Account account = { 0 };
  gboolean right;

  right = account_lookup (&account, session, user, error)
          && account_check_password (&account, auth_cache, password, error)
          && account_get_identity (&account, NULL, out_identity, error);
  if (!right)
    account_name_failed (&account, out_identity);
  account_clear (&account);
  return right ? CF_AUTH_SUCCESS : CF_AUTH_FAILURE;
}

static gboolean
auth_derive_credential (const char *user, const char *password, char **out_kind, GBytes **out_value,
                        GError **error)
{
  char *prepared = verifier_prepare_password (password, TRUE);
  Verifier verifier;
  gboolean derived;

  if (prepared == NULL) {
    g_set_error (
        error, CF_ERROR, CF_ERROR_CANNOT,
        "Not a password: it is empty, longer than 1024 octets, or holds characters that SASLprep (RFC "
        "4013) forbids");
    return FALSE;
  }
  derived = verifier_new (prepared, (guint) auth_settings.iterations, &verifier, error);
  verifier_free_password (prepared);
  if (!derived)
    return FALSE;
  *out_kind = g_strdup (VERIFIER_KIND);
  *out_value = verifier_format (&verifier);
  return TRUE;
}

static const CfAuthenticationClass auth_class = {
  .struct_size = sizeof (CfAuthenticationClass),
  .mechanisms = exchange_mechanisms,
  .mechanism_size = sizeof (CfMechanism),
  .n_mechanisms = EXCHANGE_N_MECHANISMS,
  .start = exchange_start,
  .step = exchange_step,
  .free = exchange_free,
  .check_password = auth_check_password,
  .derive_credential = auth_derive_credential,
};

static const CfClass auth_classes[] = {
  { CF_CLASS_AUTHENTICATION, "auth", &auth_class },
};

static void
auth_shutdown (void)
{
  exchange_shutdown ();
  g_clear_pointer (&auth_cache, login_cache_free);
  decoy_shutdown ();
}

static gboolean
auth_init (CfRegistrar *registrar, GError **error)
{
  if (!cf_registrar_add_config (registrar, "auth", auth_keys, &auth_settings, error)
      || !decoy_init (auth_settings.secret_file, error))
    return FALSE;

  auth_cache = login_cache_new (error);
  if (auth_cache == NULL)
    return FALSE;
  if (exchange_init (auth_cache, error) && cf_registrar_add_classes (registrar, auth_classes, error))
    return TRUE;
  auth_shutdown ();
  return FALSE;
}

CF_MODULE_DEFINE (auth, .summary = "Passwords and SCRAM-SHA-256", .init = auth_init,
                  .shutdown = auth_shutdown)
