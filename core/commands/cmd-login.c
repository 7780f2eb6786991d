/* core/commands/cmd-login.c - LOGIN (RFC 3501, 6.2.3). */
#include "base/secret.h"
#include "commands/commands.h"
#include "commands/login.h"
#include "module/registry.h"

typedef struct {
  char *user, *password;
  CfLoginHold hold;
} Login;

static void
login_free (gpointer data)
{
  Login *login = data;

  cf_secret_free (login->password);
  g_free (login->user);
  cf_login_hold_clear (&login->hold);
  g_free (login);
}

static gboolean
login_parse (CfCommandCall *call, Login *login, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error) || !cf_input_astring (input, &login->user, error)
      || !cf_input_space (input, error) || !cf_input_astring (input, &login->password, error)
      || !cf_input_end (input, error))
    return FALSE;
  if (cf_session_is_private (cf_call_get_session (call)))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_PRIVACYREQUIRED, "Passwords are taken under TLS only");
  return FALSE;
}

/* The first class that knows passwords decides. */
static CfAuthResult
login_check (CfSession *session, Login *login, CfIdentity *identity, GError **error)
{
  const CfAuthenticationClass *const *classes = cf_registry_get_authentication ();

  for (; classes != NULL && *classes != NULL; classes++)
    if ((*classes)->check_password != NULL)
      return (*classes)->check_password (session, login->user, login->password, identity, error);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "No module checks passwords");
  return CF_AUTH_FAILURE;
}

static CfRun
login_decide (CfCommandCall *call, Login *login, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfIdentity identity = { .struct_size = sizeof identity };
  CfRun result = CF_RUN_ERROR;

  if (login_check (session, login, &identity, &login->hold.failure) != CF_AUTH_SUCCESS)
    result = cf_login_hold_fail (&login->hold, call, login->user, error);
  else if (cf_login_succeed (&login->hold, call, &identity, error))
    result = CF_RUN_DONE;
  cf_identity_clear (&identity);
  return result;
}

CfRun
cmd_login (CfCommandCall *call, GError **error)
{
  Login *login = cf_call_get_state (call);
  CfRun run;

  if (login == NULL) {
    login = g_new0 (Login, 1);
    login->hold.mechanism = "LOGIN";
    cf_call_set_state (call, login, login_free);
    if (!login_parse (call, login, error))
      return CF_RUN_ERROR;
    run = cf_login_hold_begin (&login->hold, call, login->user);
  } else {
    run = cf_login_hold_resume (&login->hold, call, error);
  }
  if (run != CF_RUN_DONE)
    return run;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  return login_decide (call, login, error);
}
