/* core/commands/login.c - what LOGIN and AUTHENTICATE share (login.h). */
#include "commands/login.h"

#include "imap/login-delay.h"
#include "module/settings.h"

static CfLoginDelay *delay;

void
cf_login_init (void)
{
  const CfSettings *settings = cf_settings_get ();
  CfLoginDelayConfig config = CF_LOGIN_DELAY_CONFIG_DEFAULT;

  config.maximum = (guint) settings->login_delay_max * 1000;
  config.peer_failures = (guint) settings->login_failures_max;
  delay = cf_login_delay_new (&config);
}

void
cf_login_shutdown (void)
{
  g_clear_pointer (&delay, cf_login_delay_free);
}

static const char *
login_get_peer (CfSession *session)
{
  return cf_conn_get_peer (session->conn)->address;
}

gboolean
cf_login_admit (CfSession *session, const char *name, guint *out_wait, GError **error)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;

  return cf_login_delay_admit (delay, normal, login_get_peer (session), out_wait, error);
}

gboolean
cf_login_succeed (CfCommandCall *call, CfIdentity *identity, GError **error)
{
  CfSession *session = call->session;
  g_autofree char *capabilities = NULL;

  cf_login_delay_clear (delay, identity->address, login_get_peer (session));
  if (!cf_session_login (session, identity, error))
    return FALSE;
  capabilities = cf_session_dup_capabilities (session);
  cf_call_set_ok (call, "[CAPABILITY %s] Logged in", capabilities);
  return TRUE;
}

guint
cf_login_fail (CfSession *session, const char *name, const GError *error)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;

  if (!g_error_matches (error, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED))
    return 0;
  return cf_login_delay_charge (delay, normal, login_get_peer (session));
}

/* ---- Mechanisms -------------------------------------------------------------------------------------- */

const CfMechanism *
cf_login_get_mechanism (const CfAuthenticationClass *class, guint i)
{
  return (const CfMechanism *) ((const char *) class->mechanisms + i * class->mechanism_size);
}

gboolean
cf_login_is_offered (CfSession *session, const CfMechanism *mechanism)
{
  if ((mechanism->flags & CF_MECHANISM_PLAINTEXT) != 0 && !cf_session_is_private (session))
    return FALSE;
  if ((mechanism->flags & CF_MECHANISM_CHANNEL_BINDING) != 0 && !cf_session_is_tls (session))
    return FALSE;
  return (mechanism->flags & CF_MECHANISM_CERTIFICATE) == 0
         || cf_conn_get_peer_certificate (session->conn, NULL) != NULL;
}
