/* modules/auth/account.h - the account behind a login name, and what it takes to become its identity. */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include "login-cache.h"

/* An account as the store reported it; or, when known is FALSE, the semblance of one: nothing but a verifier
 * that no password matches. */
typedef struct {
  gboolean known;
  char *address; /* what the client called it, normalised; NULL: that is no address */
  CfAccountId id;
  char *name;
  gboolean disabled;
  GPtrArray *addresses; /* char * */
  Verifier verifier;
} Account;

/* Finds the account of @user in one round trip. TRUE for unknown users too. FALSE: the store could not be
 * asked; @error is the store's. Clear it in any case. */
gboolean account_lookup (Account *account, CfSession *session, const char *user, GError **error);
void account_clear (Account *account);

/* Whether @password is the account's. FALSE with CF_ERROR_AUTHENTICATIONFAILED: it is not, or there is no
 * such account, which takes as long and sounds the same. @cache may be NULL. */
gboolean account_check_password (const Account *account, LoginCache *cache, const char *password,
                                 GError **error);

/* The credentials are right: who are they? @authorisation: the authorisation identity asked for, NULL or ""
 * for none. Errors: CF_ERROR_CONTACTADMIN, CF_ERROR_AUTHORIZATIONFAILED. */
gboolean account_get_identity (const Account *account, const char *authorisation, CfIdentity *out_identity,
                               GError **error);

/* The login failed: puts down the address that was attempted. */
void account_name_failed (const Account *account, CfIdentity *out_identity);

/* The one answer to wrong credentials of any kind. */
void account_set_failed (GError **error);

#endif
