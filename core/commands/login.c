/* core/commands/login.c - what LOGIN and AUTHENTICATE share (login.h). */
#include "commands/login.h"

#include "imap/login-delay.h"
#include "module/settings.h"
#include "store/login-audit.h"

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

/* ---- Notes for the store ----------------------------------------------------------------------------- */

/* @name: as sent, or NULL. */
static void
login_note (CfSession *session, const char *mechanism, const char *name, CfLoginOutcome outcome,
            const char *reason)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;
  CfLoginRecord record = { .struct_size = sizeof record,
                           .outcome = outcome,
                           .name = normal != NULL ? normal
                                   : name != NULL ? name
                                                  : "",
                           .remote = login_get_peer (session),
                           .mechanism = mechanism,
                           .reason = reason };

  cf_login_audit_note (&record);
}

/* An error that says nothing of credentials or account is no outcome: the store could not be asked, or what
 * the client sent was no attempt. */
static void
login_note_failure (CfSession *session, const char *mechanism, const char *name, const GError *failure)
{
  switch (failure->code) {
  case CF_ERROR_AUTHENTICATIONFAILED:
    login_note (session, mechanism, name, CF_LOGIN_FAILED, NULL);
    break;
  case CF_ERROR_UNAVAILABLE:
  case CF_ERROR_UNKNOWN:
  case CF_ERROR_SERVERBUG:
  case CF_ERROR_BAD:
  case CF_ERROR_CLIENTBUG:
    break;
  default:
    login_note (session, mechanism, name, CF_LOGIN_REFUSED, failure->message);
    break;
  }
}

/* @error: why a hook or a limit refused it; NULL: it has logged in. */
static void
login_note_identity (CfSession *session, const char *mechanism, const CfIdentity *identity,
                     const GError *error)
{
  CfLoginRecord record = { .struct_size = sizeof record,
                           .outcome = error != NULL ? CF_LOGIN_REFUSED : CF_LOGIN_OK,
                           .account = identity->account,
                           .name = identity->address,
                           .remote = login_get_peer (session),
                           .mechanism = mechanism,
                           .actor = identity->actor,
                           .reason = error != NULL ? error->message : NULL };

  cf_login_audit_note (&record);
}

/* ---- Holding back ------------------------------------------------------------------------------------ */

CfRun
cf_login_hold_begin (CfLoginHold *hold, CfCommandCall *call, const char *name)
{
  g_autofree char *normal = name != NULL ? cf_address_normalise (name) : NULL;
  guint wait;

  if (!cf_login_delay_admit (delay, normal, login_get_peer (call->session), &wait, &hold->failure)) {
    wait = (guint) cf_settings_get ()->login_delay_max * 1000;
    login_note_failure (call->session, hold->mechanism, name, hold->failure);
  }
  if (wait == 0)
    return CF_RUN_DONE;
  if (hold->failure == NULL) {
    hold->waiting = call->session;
    hold->name = g_strdup (name);
  }
  cf_call_sleep (call, wait);
  return CF_RUN_WAIT;
}

CfRun
cf_login_hold_resume (CfLoginHold *hold, CfCommandCall *call, GError **error)
{
  if (call->wake_at != 0 && !cf_call_has_slept (call))
    return CF_RUN_WAIT;
  call->wake_at = 0;
  hold->waiting = NULL;
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

  login_note_failure (call->session, hold->mechanism, name, hold->failure);
  if (g_error_matches (hold->failure, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED))
    wait = cf_login_delay_charge (delay, normal, login_get_peer (call->session));
  if (wait > 0) {
    cf_call_sleep (call, wait);
    return CF_RUN_WAIT;
  }
  g_propagate_error (error, g_steal_pointer (&hold->failure));
  return CF_RUN_ERROR;
}

/* Who guesses may hang up as soon as it has to wait. */
void
cf_login_hold_clear (CfLoginHold *hold)
{
  if (hold->waiting != NULL)
    login_note (hold->waiting, hold->mechanism, hold->name, CF_LOGIN_REFUSED,
                "The connection ended before its turn");
  g_free (hold->name);
  g_clear_error (&hold->failure);
}

/* ---- The end ----------------------------------------------------------------------------------------- */

gboolean
cf_login_succeed (CfLoginHold *hold, CfCommandCall *call, CfIdentity *identity, GError **error)
{
  CfSession *session = call->session;
  g_autofree char *capabilities = NULL;

  cf_login_delay_clear (delay, identity->address, login_get_peer (session));
  if (!cf_session_login (session, identity, error)) {
    login_note_identity (session, hold->mechanism, identity, *error);
    return FALSE;
  }
  login_note_identity (session, hold->mechanism, &session->identity, NULL);
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
