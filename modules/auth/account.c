/* modules/auth/account.c - the account behind a login name (account.h). */
#include "account.h"
#include "decoy.h"
#include "settings.h"

#include <coffer/store.h>

#include <gnutls/gnutls.h>
#include <string.h>

typedef struct {
  CfAccountSink sink; /* first: the functions get its address */
  Account *account;
  GBytes *credential; /* of VERIFIER_KIND */
} Receiver;

static void
receiver_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  Account *account = ((Receiver *) sink)->account;

  g_free (account->name);
  account->name = g_strdup (info->name);
  account->id = info->id;
  account->disabled = info->disabled;
}

static void
receiver_address (CfAccountSink *sink, const char *address)
{
  g_ptr_array_add (((Receiver *) sink)->account->addresses, g_strdup (address));
}

static void
receiver_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
  Receiver *receiver = (Receiver *) sink;

  if (strcmp (kind, VERIFIER_KIND) != 0)
    return;
  g_clear_pointer (&receiver->credential, g_bytes_unref);
  receiver->credential = g_bytes_ref (value);
}

/* An account without a password of ours is as good as unknown. */
static void
account_take_verifier (Account *account, GBytes *credential)
{
  if (credential == NULL)
    return;
  account->known = verifier_parse (credential, &account->verifier);
  if (!account->known)
    g_warning ("Account %s: its credential %s is damaged; it cannot log in", account->name, VERIFIER_KIND);
}

gboolean
account_lookup (Account *account, CfSession *session, const char *user, GError **error)
{
  g_autoptr (GError) local = NULL;
  Receiver receiver = {
    .sink = { sizeof (CfAccountSink), receiver_account, receiver_address, receiver_credential },
    .account = account,
  };
  gboolean found;

  account_clear (account);
  account->addresses = g_ptr_array_new_with_free_func (g_free);
  account->address = cf_address_normalise (user);
  if (account->address != NULL) {
    found = cf_store_account_lookup (session, account->address, &receiver.sink, &local);
    if (found)
      account_take_verifier (account, receiver.credential);
    g_clear_pointer (&receiver.credential, g_bytes_unref);
    if (!found && !g_error_matches (local, CF_ERROR, CF_ERROR_NONEXISTENT)) {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  }
  if (!account->known)
    decoy_get (account->address != NULL ? account->address : user, &account->verifier);
  return TRUE;
}

void
account_clear (Account *account)
{
  g_free (account->address);
  g_free (account->name);
  g_clear_pointer (&account->addresses, g_ptr_array_unref);
  gnutls_memset (account, 0, sizeof *account);
}

static gboolean
account_verify (const Account *account, LoginCache *cache, const char *password, GError **error)
{
  gint64 lifetime = auth_settings.cache_lifetime * G_USEC_PER_SEC;
  guint8 digest[LOGIN_DIGEST_LENGTH];
  gboolean digested;

  digested = cache != NULL && account->address != NULL
             && login_cache_digest (cache, &account->verifier, account->address, password, digest);
  if (digested && login_cache_contains (cache, digest, g_get_monotonic_time (), lifetime))
    return TRUE;
  if (!verifier_check (&account->verifier, password, error) || !account->known)
    return FALSE;
  if (digested)
    login_cache_add (cache, digest, g_get_monotonic_time (), (guint) auth_settings.cache_entries);
  return TRUE;
}

gboolean
account_check_password (const Account *account, LoginCache *cache, const char *password, GError **error)
{
  char *prepared = verifier_prepare_password (password, FALSE);
  GError *local = NULL;
  gboolean right = prepared != NULL && account_verify (account, cache, prepared, &local);

  verifier_free_password (prepared);
  if (right)
    return TRUE;
  if (local != NULL)
    g_propagate_error (error, local);
  else
    account_set_failed (error);
  return FALSE;
}

/* The one place that says for whom an account may act: for itself, by any of its addresses. (A trusted server
 * acts for others by a right of its own; it then stands in CfIdentity.actor.) */
static gboolean
account_may_act_for (const Account *account, const char *address)
{
  return strcmp (address, account->address) == 0
         || g_ptr_array_find_with_equal_func (account->addresses, address, g_str_equal, NULL);
}

gboolean
account_get_identity (const Account *account, const char *authorisation, CfIdentity *out_identity,
                      GError **error)
{
  g_autofree char *address = NULL;

  if (account->disabled) {
    g_set_error (error, CF_ERROR, CF_ERROR_CONTACTADMIN, "This account is disabled");
    return FALSE;
  }
  address = authorisation == NULL || authorisation[0] == '\0' ? g_strdup (account->address)
                                                              : cf_address_normalise (authorisation);
  if (address == NULL || !account_may_act_for (account, address)) {
    g_set_error (error, CF_ERROR, CF_ERROR_AUTHORIZATIONFAILED, "These credentials are not for that user");
    return FALSE;
  }

  cf_identity_clear (out_identity);
  out_identity->account = account->id;
  out_identity->user = g_strdup (account->name);
  out_identity->address = g_steal_pointer (&address);
  return TRUE;
}

void
account_name_failed (const Account *account, CfIdentity *out_identity)
{
  cf_identity_clear (out_identity);
  out_identity->address = g_strdup (account->address);
}

void
account_set_failed (GError **error)
{
  g_set_error (error, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED, "Wrong user name or password");
}
