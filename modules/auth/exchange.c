/* modules/auth/exchange.c - SASL exchanges (exchange.h).
 *
 * GNU SASL reads and writes the messages, and asks its one callback for what it needs to know; the account is
 * looked up there, when the user name has become known. What the callback finds out that GNU SASL has no code
 * for (the store is away, the account is disabled) waits in the exchange until the step returns.
 *
 * One Gsasl context serves all threads: it is only read after exchange_init(), and the state of an exchange
 * is in its Gsasl_session ("multiple library handles and session handles may be used in parallel", GNU SASL
 * manual, 1.3).
 */
#include "exchange.h"
#include "account.h"

#include <coffer/session.h>

#include <gnutls/gnutls.h>
#include <gsasl.h>
#include <string.h>

struct _CfExchange {
  CfSession *session;
  const CfMechanism *mechanism;
  Gsasl_session *sasl;
  Account account;
  gboolean begun; /* a step was made */
  GError *error;  /* what the callback met with */
};

const CfMechanism exchange_mechanisms[EXCHANGE_N_MECHANISMS] = {
  { "SCRAM-SHA-256-PLUS", CF_MECHANISM_CLIENT_FIRST | CF_MECHANISM_CHANNEL_BINDING },
  { "SCRAM-SHA-256", CF_MECHANISM_CLIENT_FIRST },
  { "PLAIN", CF_MECHANISM_CLIENT_FIRST | CF_MECHANISM_PLAINTEXT },
  { "LOGIN", CF_MECHANISM_PLAINTEXT },
};

static Gsasl *exchange_sasl;
static LoginCache *exchange_cache;

static int
exchange_set_base64 (Gsasl_session *sasl, Gsasl_property property, const guint8 *octets, gsize length)
{
  g_autofree char *text = g_base64_encode (octets, length);

  return gsasl_property_set (sasl, property, text);
}

/* SCRAM, when the user name is known: what the account keeps of its password. */
static int
exchange_give_verifier (CfExchange *exchange)
{
  const Verifier *verifier = &exchange->account.verifier;
  const char *user = gsasl_property_fast (exchange->sasl, GSASL_AUTHID);
  char iterations[16];
  int code;

  if (user == NULL)
    return GSASL_NO_AUTHID;
  if (!account_lookup (&exchange->account, exchange->session, user, &exchange->error))
    return GSASL_NO_CALLBACK;

  g_snprintf (iterations, sizeof iterations, "%u", verifier->iterations);
  code = gsasl_property_set (exchange->sasl, GSASL_SCRAM_ITER, iterations);
  if (code == GSASL_OK)
    code = exchange_set_base64 (exchange->sasl, GSASL_SCRAM_SALT, verifier->salt, verifier->salt_length);
  if (code == GSASL_OK)
    code = exchange_set_base64 (exchange->sasl, GSASL_SCRAM_STOREDKEY, verifier->stored_key,
                                VERIFIER_KEY_LENGTH);
  if (code == GSASL_OK)
    code = exchange_set_base64 (exchange->sasl, GSASL_SCRAM_SERVERKEY, verifier->server_key,
                                VERIFIER_KEY_LENGTH);
  return code;
}

/* Asked for in SCRAM-SHA-256 too: a client that would have bound the channel, and believes that we do not
 * offer it where we do, has been lied to on the way (RFC 5802, 6). */
static int
exchange_give_binding (CfExchange *exchange, Gsasl_property property, const char *type)
{
  g_autoptr (GBytes) binding = cf_session_dup_channel_binding (exchange->session, type);

  if (binding == NULL)
    return GSASL_NO_CALLBACK;
  return exchange_set_base64 (exchange->sasl, property, g_bytes_get_data (binding, NULL),
                              g_bytes_get_size (binding));
}

/* PLAIN and LOGIN, when everything is known. */
static int
exchange_validate_password (CfExchange *exchange)
{
  const char *user = gsasl_property_fast (exchange->sasl, GSASL_AUTHID);
  const char *password = gsasl_property_fast (exchange->sasl, GSASL_PASSWORD);
  gboolean right;

  if (user == NULL || password == NULL)
    return GSASL_NO_PASSWORD;

  right = account_lookup (&exchange->account, exchange->session, user, &exchange->error)
          && account_check_password (&exchange->account, exchange_cache, password, &exchange->error);
  /* GNU SASL frees its copy without wiping it. */
  gnutls_memset ((char *) password, 0, strlen (password));
  return right ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int
exchange_callback (Gsasl *context, Gsasl_session *sasl, Gsasl_property property)
{
  CfExchange *exchange = gsasl_session_hook_get (sasl);

  switch (property) {
  case GSASL_SCRAM_ITER: /* the first of the four that SCRAM asks for; the others are there by then */
    return exchange_give_verifier (exchange);
  case GSASL_CB_TLS_EXPORTER:
    return exchange_give_binding (exchange, property, "tls-exporter");
  case GSASL_CB_TLS_UNIQUE:
    return exchange_give_binding (exchange, property, "tls-unique");
  case GSASL_VALIDATE_SIMPLE:
    return exchange_validate_password (exchange);
  default:
    return GSASL_NO_CALLBACK;
  }
}

gboolean
exchange_init (LoginCache *cache, GError **error)
{
  int code = gsasl_init (&exchange_sasl);

  if (code != GSASL_OK) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "GNU SASL: %s", gsasl_strerror (code));
    return FALSE;
  }
  gsasl_callback_set (exchange_sasl, exchange_callback);
  exchange_cache = cache;
  for (gsize i = 0; i < EXCHANGE_N_MECHANISMS; i++)
    if (!gsasl_server_support_p (exchange_sasl, exchange_mechanisms[i].name)) {
      g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "GNU SASL was built without %s",
                   exchange_mechanisms[i].name);
      exchange_shutdown ();
      return FALSE;
    }
  return TRUE;
}

void
exchange_shutdown (void)
{
  g_clear_pointer (&exchange_sasl, gsasl_done);
  exchange_cache = NULL;
}

CfExchange *
exchange_start (CfSession *session, const char *mechanism, GError **error)
{
  CfExchange *exchange = g_new0 (CfExchange, 1);
  int code = GSASL_UNKNOWN_MECHANISM;

  exchange->session = session;
  for (gsize i = 0; i < EXCHANGE_N_MECHANISMS; i++)
    if (strcmp (mechanism, exchange_mechanisms[i].name) == 0)
      exchange->mechanism = &exchange_mechanisms[i];
  if (exchange->mechanism != NULL)
    code = gsasl_server_start (exchange_sasl, mechanism, &exchange->sasl);
  if (code != GSASL_OK) {
    g_set_error (error, CF_ERROR, code == GSASL_UNKNOWN_MECHANISM ? CF_ERROR_CANNOT : CF_ERROR_UNAVAILABLE,
                 "%s: %s", mechanism, gsasl_strerror (code));
    exchange_free (exchange);
    return NULL;
  }
  gsasl_session_hook_set (exchange->sasl, exchange);
  return exchange;
}

void
exchange_free (CfExchange *exchange)
{
  if (exchange == NULL)
    return;

  if (exchange->sasl != NULL)
    gsasl_finish (exchange->sasl);
  account_clear (&exchange->account);
  g_clear_error (&exchange->error);
  g_free (exchange);
}

/* What no step can make sense of, before GNU SASL sees it. CF_ERROR_BAD, CF_ERROR_AUTHENTICATIONFAILED. */
static gboolean
exchange_check_response (const CfExchange *exchange, GBytes *data, GError **error)
{
  gboolean client_first = (exchange->mechanism->flags & CF_MECHANISM_CLIENT_FIRST) != 0;
  gsize length;
  const char *octets;

  if (data == NULL)
    return TRUE;
  if (!exchange->begun && !client_first) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "%s takes no initial response", exchange->mechanism->name);
    return FALSE;
  }
  /* None of the mechanisms has empty messages; and where the client begins, GNU SASL would ask for ever. */
  octets = g_bytes_get_data (data, &length);
  if (length == 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Empty response");
    return FALSE;
  }
  /* "p=": the client binds the channel, which only -PLUS checks; the server must fail then (RFC 5802, 6). */
  if (octets[0] == 'p' && strcmp (exchange->mechanism->name, "SCRAM-SHA-256") == 0) {
    account_set_failed (error);
    return FALSE;
  }
  return TRUE;
}

static void
exchange_set_error (CfExchange *exchange, int code, GError **error)
{
  if (exchange->error != NULL) {
    g_propagate_error (error, g_steal_pointer (&exchange->error));
    return;
  }

  switch (code) {
  case GSASL_MECHANISM_PARSE_ERROR:
  case GSASL_BASE64_ERROR:
  case GSASL_MECHANISM_CALLED_TOO_MANY_TIMES:
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Not a message of %s", exchange->mechanism->name);
    break;
  case GSASL_MALLOC_ERROR:
  case GSASL_CRYPTO_ERROR:
    g_set_error (error, CF_ERROR, CF_ERROR_SERVERBUG, "%s: %s", exchange->mechanism->name,
                 gsasl_strerror (code));
    break;
  default: /* a wrong proof, a name or password that SASLprep refuses, a binding that we do not have */
    account_set_failed (error);
    break;
  }
}

/* GNU SASL is content. Whether we are. */
static CfAuthResult
exchange_succeed (CfExchange *exchange, CfIdentity *out_identity, GError **error)
{
  const char *authorisation = gsasl_property_fast (exchange->sasl, GSASL_AUTHZID);

  /* An unknown user's verifier matches nothing; were it otherwise, this is where it would end. */
  if (!exchange->account.known) {
    account_set_failed (error);
    return CF_AUTH_FAILURE;
  }
  return account_get_identity (&exchange->account, authorisation, out_identity, error) ? CF_AUTH_SUCCESS
                                                                                       : CF_AUTH_FAILURE;
}

static CfAuthResult
exchange_advance (CfExchange *exchange, GBytes *data, GBytes **out_data, CfIdentity *out_identity,
                  GError **error)
{
  CfAuthResult result = CF_AUTH_FAILURE;
  gsize length = 0, output_length = 0;
  const char *octets = data != NULL ? g_bytes_get_data (data, &length) : NULL;
  char *output = NULL;
  int code = gsasl_step (exchange->sasl, octets, length, &output, &output_length);

  if (exchange->error != NULL || (code != GSASL_OK && code != GSASL_NEEDS_MORE))
    exchange_set_error (exchange, code, error);
  else if (code == GSASL_NEEDS_MORE)
    result = CF_AUTH_CONTINUE;
  else
    result = exchange_succeed (exchange, out_identity, error);

  if (result == CF_AUTH_CONTINUE || (result == CF_AUTH_SUCCESS && output_length > 0))
    *out_data = g_bytes_new (output, output_length);
  gsasl_free (output);
  return result;
}

CfAuthResult
exchange_step (CfExchange *exchange, GBytes *data, GBytes **out_data, CfIdentity *out_identity,
               GError **error)
{
  CfAuthResult result = CF_AUTH_FAILURE;

  if (exchange_check_response (exchange, data, error)) {
    exchange->begun = TRUE;
    result = exchange_advance (exchange, data, out_data, out_identity, error);
  }
  if (result == CF_AUTH_FAILURE)
    account_name_failed (&exchange->account, out_identity);
  return result;
}
