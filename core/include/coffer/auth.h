/* coffer/auth.h - the authentication class: mechanisms that turn credentials into an identity.
 *
 * AUTHENTICATE and LOGIN are core's commands; what they prove is a module's business. Core asks
 * each class loaded for the mechanism's name, drives the exchange, charges failed logins their
 * delay, and asks CF_HOOK_LOGIN.
 */
#ifndef COFFER_AUTH_H
#define COFFER_AUTH_H

#include <coffer/storage.h>

G_BEGIN_DECLS

typedef struct _CfSession CfSession;
typedef struct _CfExchange CfExchange; /* the module's: one authentication under way */

typedef enum {
  CF_MECHANISM_PLAINTEXT = 1 << 0,       /* sends the password: only where the session is private */
  CF_MECHANISM_CHANNEL_BINDING = 1 << 1, /* needs TLS's channel binding */
  CF_MECHANISM_CLIENT_FIRST = 1 << 2, /* the client speaks first: an initial response may come (RFC 4959) */
  CF_MECHANISM_CERTIFICATE = 1 << 3,  /* needs a client certificate */
} CfMechanismFlags;

typedef struct {
  const char *name; /* upper case: "SCRAM-SHA-256" */
  guint flags;      /* CfMechanismFlags */
} CfMechanism;

/* Who has logged in. Strings are owned by the struct (cf_identity_clear). */
typedef struct {
  gsize struct_size;
  CfAccountId account; /* whose mailboxes */
  char *user;          /* account name, for logs */
  char *address;       /* the address the client used */
  char *actor;         /* who acts for it when that is another (a trusted server), else NULL */
} CfIdentity;

CF_API void cf_identity_clear (CfIdentity *identity);

typedef enum {
  CF_AUTH_CONTINUE, /* send @out_data as a challenge, call step with the answer */
  CF_AUTH_SUCCESS,  /* @out_identity is filled; @out_data may hold data that goes with success */
  CF_AUTH_FAILURE,  /* @error is set */
} CfAuthResult;

typedef struct {
  gsize struct_size; /* sizeof (CfAuthenticationClass) */
  const CfMechanism *mechanisms;
  gsize mechanism_size; /* sizeof (CfMechanism), so that it can grow at its end */
  guint n_mechanisms;   /* 0: a class that only checks passwords, without start, step and free */

  /* Begins an exchange. @mechanism is one of the above. No I/O. NULL with @error. */
  CfExchange *(*start) (CfSession *session, const char *mechanism, GError **error);
  /* One step: @data is the client's response, decoded from base64; NULL before the client has said anything.
   * May ask the store (cf_store_account_lookup), one round trip an exchange. Failure with
   * CF_ERROR_AUTHENTICATIONFAILED counts as a failed login of the address written to @out_identity (or none);
   * other codes are not charged. */
  CfAuthResult (*step) (CfExchange *exchange, GBytes *data, GBytes **out_data, CfIdentity *out_identity,
                        GError **error);
  void (*free) (CfExchange *exchange);

  /* LOGIN: NULL when this class knows no passwords. As a step that ends at once. */
  CfAuthResult (*check_password) (CfSession *session, const char *user, const char *password,
                                  CfIdentity *out_identity, GError **error);
  /* What to keep in the store so that @password is accepted for @user from now on: kind and value for
   * account_update. NULL when this class keeps nothing. CF_ERROR_CANNOT: not a usable password. No I/O; may
   * compute for long. The caller frees both. */
  gboolean (*derive_credential) (const char *user, const char *password, char **out_kind, GBytes **out_value,
                                 GError **error);
} CfAuthenticationClass;

/* The form in which addresses are kept and looked up, so that one account is found by all spellings of its
 * address:
 *   - Unicode in form NFKC, as SASLprep has it (RFC 4013);
 *   - a scheme in lower case; so is the host behind the last '@', of mail addresses too. What stands before
 *     the '@' keeps its case;
 *   - "tel:" numbers without visual separators, parameters in lower case (RFC 3966, 4);
 *   - '+' and digits without a scheme are a "tel:" URI: "+33-642" is "tel:+33642". Digits without '+' stay as
 *     they are (an MSISDN as login name), as nobody can tell which country's number they are: an account that
 *     is to be found by them has them as an address of its own;
 *   - "sip:" and "sips:" without parameters and headers (RFC 3261, 19.1.1).
 * Normalising twice changes nothing. The caller frees. NULL: @address is empty or has nothing behind its
 * scheme, is longer than 250 octets, not UTF-8, or holds control characters. */
CF_API char *cf_address_normalise (const char *address);

G_END_DECLS

#endif
