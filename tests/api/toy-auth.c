/* tests/api/toy-auth.c - the smallest authentication class: a token and the address to act for.
 *
 * It shows what a module for trusted servers or OAuth does: it adds a mechanism of its own, checks what the
 * client proved, asks the store whose account that is, and says who acts. One message, from the client:
 *
 *   C: open-sesame SP address
 *
 * The identity is the account of the address, its actor "toy-server".
 */
#include <coffer/module.h>
#include <coffer/store.h>

#include <string.h>

#define TOY_TOKEN "open-sesame "
#define TOY_ACTOR "toy-server"

struct _CfExchange {
  CfSession *session;
};

/* Takes from the store's report what the identity needs; credentials and addresses say nothing to us. */
typedef struct {
  CfAccountSink sink;
  CfIdentity *identity;
  gboolean disabled;
} ToySink;

static void
toy_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  ToySink *toy = (ToySink *) sink;

  toy->identity->account = info->id;
  toy->identity->user = g_strdup (info->name);
  toy->disabled = info->disabled;
}

static void
toy_address (CfAccountSink *sink, const char *address)
{
}

static void
toy_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

static CfExchange *
toy_start (CfSession *session, const char *mechanism, GError **error)
{
  CfExchange *exchange = g_new0 (CfExchange, 1);

  exchange->session = session;
  return exchange;
}

static void
toy_free (CfExchange *exchange)
{
  g_free (exchange);
}

/* Fills @identity with the account of @address. A name that nobody has is a wrong credential
 * like any other. */
static gboolean
toy_find (CfSession *session, const char *address, CfIdentity *identity, GError **error)
{
  ToySink toy = { .sink = { sizeof (CfAccountSink), toy_account, toy_address, toy_credential },
                  .identity = identity };
  GError *local = NULL;

  if (!cf_store_account_lookup (session, address, &toy.sink, &local)) {
    if (g_error_matches (local, CF_ERROR, CF_ERROR_NONEXISTENT)) {
      g_clear_error (&local);
      g_set_error (&local, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED, "Wrong token or address");
    }
    g_propagate_error (error, local);
    return FALSE;
  }
  if (toy.disabled) {
    g_set_error (error, CF_ERROR, CF_ERROR_CONTACTADMIN, "This account is disabled");
    return FALSE;
  }
  identity->actor = g_strdup (TOY_ACTOR);
  return TRUE;
}

static CfAuthResult
toy_step (CfExchange *exchange, GBytes *data, GBytes **out_data, CfIdentity *out_identity, GError **error)
{
  g_autofree char *text = NULL;
  g_autofree char *address = NULL;

  if (data == NULL) {
    *out_data = g_bytes_new (NULL, 0);
    return CF_AUTH_CONTINUE;
  }

  text = g_strndup (g_bytes_get_data (data, NULL), g_bytes_get_size (data));
  if (!g_str_has_prefix (text, TOY_TOKEN)) {
    g_set_error (error, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED, "Wrong token or address");
    return CF_AUTH_FAILURE;
  }
  address = cf_address_normalise (text + strlen (TOY_TOKEN));
  if (address == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Not an address");
    return CF_AUTH_FAILURE;
  }

  cf_identity_clear (out_identity);
  if (toy_find (exchange->session, address, out_identity, error)) {
    out_identity->address = g_steal_pointer (&address);
    return CF_AUTH_SUCCESS;
  }
  cf_identity_clear (out_identity);
  out_identity->address = g_steal_pointer (&address);
  return CF_AUTH_FAILURE;
}

static const CfMechanism toy_mechanisms[] = {
  { "X-TOKEN", CF_MECHANISM_PLAINTEXT | CF_MECHANISM_CLIENT_FIRST },
};

static const CfAuthenticationClass toy_class = {
  .struct_size = sizeof (CfAuthenticationClass),
  .mechanisms = toy_mechanisms,
  .mechanism_size = sizeof (CfMechanism),
  .n_mechanisms = G_N_ELEMENTS (toy_mechanisms),
  .start = toy_start,
  .step = toy_step,
  .free = toy_free,
};

static const CfClass toy_classes[] = {
  { CF_CLASS_AUTHENTICATION, "toy-auth", &toy_class },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_classes (registrar, toy_classes, error);
}

CF_MODULE_DEFINE (toy_auth, .summary = "A token instead of a password", .init = toy_init)
