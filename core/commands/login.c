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

/* ---- Holding back ------------------------------------------------------------------------------------ */

CfRun
cf_login_hold_begin (CfLoginHold *hold, CfCommandCall *call, const char *name)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;
  guint wait;

  if (!cf_login_delay_admit (delay, normal, login_get_peer (call->session), &wait, &hold->failure))
    wait = (guint) cf_settings_get ()->login_delay_max * 1000;
  if (wait == 0)
    return CF_RUN_DONE;
  cf_call_sleep (call, wait);
  return CF_RUN_WAIT;
}

CfRun
cf_login_hold_resume (CfLoginHold *hold, CfCommandCall *call, GError **error)
{
  if (call->wake_at != 0 && !cf_call_has_slept (call))
    return CF_RUN_WAIT;
  call->wake_at = 0;
  if (hold->failure == NULL)
    return CF_RUN_DONE;
  g_propagate_error (error, g_steal_pointer (&hold->failure));
  return CF_RUN_ERROR;
}

CfRun
cf_login_hold_fail (CfLoginHold *hold, CfCommandCall *call, const char *name, GError **error)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;
  guint wait = 0;

  if (g_error_matches (hold->failure, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED))
    wait = cf_login_delay_charge (delay, normal, login_get_peer (call->session));
  if (wait > 0) {
    cf_call_sleep (call, wait);
    return CF_RUN_WAIT;
  }
  g_propagate_error (error, g_steal_pointer (&hold->failure));
  return CF_RUN_ERROR;
}

void
cf_login_hold_clear (CfLoginHold *hold)
{
  g_clear_error (&hold->failure);
}

/* ---- The end ----------------------------------------------------------------------------------------- */

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
