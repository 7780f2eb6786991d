/* core/commands/cmd-authenticate.c - AUTHENTICATE (RFC 3501, 6.2.2; RFC 4959 for the initial response).
 *
 * Drives one exchange of an authentication class: challenge, line, step. Which address is being tried is
 * not known before the mechanism says so, so an attempt waits for its turn when its outcome is known already,
 * whichever that is.
 */
#include "base/secret.h"
#include "commands/commands.h"
#include "commands/login.h"
#include "module/registry.h"

#define MAX_RESPONSE (16 * 1024) /* octets of one line in base64 */

typedef struct {
  const CfAuthenticationClass *class;
  CfExchange *exchange;
  gboolean stepping;   /* `data` holds what the next step is to get */
  CfIdentity identity; /* proved; account 0: not yet */
  GBytes *data;        /* NULL: nothing yet */
  gboolean is_decided; /* what came of it is known and not told: `failure`, or success with `final` */
  GError *failure;
  GBytes *final; /* data that goes with success, or NULL */
  CfLoginHold hold;
} Authenticate;

static void
authenticate_free (gpointer data)
{
  Authenticate *self = data;

  if (self->exchange != NULL)
    self->class->free (self->exchange);
  g_clear_pointer (&self->data, g_bytes_unref);
  g_clear_pointer (&self->final, g_bytes_unref);
  g_clear_error (&self->failure);
  cf_login_hold_clear (&self->hold);
  cf_identity_clear (&self->identity);
  g_free (self);
}

static const CfMechanism *
authenticate_lookup (const char *name, const CfAuthenticationClass **out_class)
{
  const CfAuthenticationClass *const *classes = cf_registry_get_authentication ();

  for (; classes != NULL && *classes != NULL; classes++)
    for (guint i = 0; i < (*classes)->n_mechanisms; i++) {
      const CfMechanism *mechanism = cf_login_get_mechanism (*classes, i);

      if (g_ascii_strcasecmp (mechanism->name, name) != 0)
        continue;
      *out_class = *classes;
      return mechanism;
    }
  return NULL;
}

/* A line from the client: base64, or "*" to give up. */
static gboolean
authenticate_decode (Authenticate *self, const char *line, GError **error)
{
  guchar *octets;
  gsize length;

  g_clear_pointer (&self->data, g_bytes_unref);
  if (g_str_equal (line, "*")) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Authentication given up");
    return FALSE;
  }
  if (strspn (line, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") != strlen (line)
      || strlen (line) % 4 != 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Not base64");
    return FALSE;
  }
  octets = g_base64_decode (line, &length);
  self->data = cf_secret_new_bytes (octets, length);
  self->stepping = TRUE;
  return TRUE;
}

static gboolean
authenticate_parse (CfCommandCall *call, Authenticate *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *name = NULL;
  g_autoptr (CfSecret) initial = NULL;
  const CfMechanism *mechanism;

  if (!cf_input_space (input, error) || !cf_input_atom (input, &name, error))
    return FALSE;
  if (cf_input_skip (input, ' ')) {
    initial = cf_input_take (input, CF_INPUT_ASTRING);
    if (initial == NULL) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "The initial response is not base64");
      return FALSE;
    }
  }
  if (!cf_input_end (input, error))
    return FALSE;

  mechanism = authenticate_lookup (name, &self->class);
  if (mechanism == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "There is no such mechanism");
    return FALSE;
  }
  if (!cf_login_is_offered (call->session, mechanism)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_PRIVACYREQUIRED, "Not without TLS");
    return FALSE;
  }
  if (initial != NULL && (mechanism->flags & CF_MECHANISM_CLIENT_FIRST) == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "The server speaks first in this mechanism");
    return FALSE;
  }
  self->hold.mechanism = mechanism->name;
  self->exchange = self->class->start (call->session, mechanism->name, error);
  if (self->exchange == NULL)
    return FALSE;
  if (initial == NULL) {
    self->stepping = TRUE;
    return TRUE;
  }
  /* "=" stands for an initial response without octets (RFC 4959, 3). */
  return authenticate_decode (self, g_str_equal (initial, "=") ? "" : initial, error);
}

static void
authenticate_challenge (CfCommandCall *call, GBytes *challenge)
{
  gsize length = 0;
  const guchar *octets = challenge != NULL ? g_bytes_get_data (challenge, &length) : NULL;
  g_autofree char *text = g_base64_encode (octets != NULL ? octets : (const guchar *) "", length);

  cf_output_printf (cf_call_get_output (call), "+ %s\r\n", text);
}

static CfRun
authenticate_succeed (CfCommandCall *call, Authenticate *self, GError **error)
{
  return cf_login_succeed (&self->hold, call, &self->identity, error) ? CF_RUN_DONE : CF_RUN_ERROR;
}

/* The attempt has had its turn: tells what came of it. */
static CfRun
authenticate_tell (CfCommandCall *call, Authenticate *self, GError **error)
{
  self->is_decided = FALSE;
  if (self->failure != NULL) {
    self->hold.failure = g_steal_pointer (&self->failure);
    CfRun run = cf_login_hold_fail (&self->hold, call, self->identity.address, error);
    cf_identity_clear (&self->identity);
    return run;
  }
  if (self->final == NULL)
    return authenticate_succeed (call, self, error);
  /* IMAP's OK carries no data: it goes as a challenge, answered by an empty line (RFC 4422, 3.6). */
  authenticate_challenge (call, self->final);
  return CF_RUN_MORE;
}

/* Success waits for its turn as failure does, or who guesses over many connections would know it by its
 * haste. */
static CfRun
authenticate_decide (CfCommandCall *call, Authenticate *self, GError **error)
{
  CfRun run = CF_RUN_DONE;

  self->is_decided = TRUE;
  if (self->failure == NULL || g_error_matches (self->failure, CF_ERROR, CF_ERROR_AUTHENTICATIONFAILED))
    run = cf_login_hold_begin (&self->hold, call, self->identity.address);
  return run == CF_RUN_DONE ? authenticate_tell (call, self, error) : run;
}

static CfRun
authenticate_step (CfCommandCall *call, Authenticate *self, GError **error)
{
  g_autoptr (GBytes) out = NULL;
  CfAuthResult result;

  self->stepping = FALSE;
  result = self->class->step (self->exchange, self->data, &out, &self->identity, &self->failure);
  if (result == CF_AUTH_CONTINUE) {
    authenticate_challenge (call, out);
    return CF_RUN_MORE;
  }
  self->final = g_steal_pointer (&out);
  return authenticate_decide (call, self, error);
}

CfRun
cmd_authenticate (CfCommandCall *call, GError **error)
{
  Authenticate *self = cf_call_get_state (call);

  if (self == NULL) {
    self = g_new0 (Authenticate, 1);
    self->identity.struct_size = sizeof self->identity;
    cf_call_set_state (call, self, authenticate_free);
    if (!authenticate_parse (call, self, error))
      return CF_RUN_ERROR;
  } else {
    CfRun run = cf_login_hold_resume (&self->hold, call, error);

    if (run != CF_RUN_DONE)
      return run;
    if (self->is_decided)
      return authenticate_tell (call, self, error);
  }
  if (!self->stepping) {
    g_autoptr (CfSecret) line = cf_call_read_line (call, MAX_RESPONSE);

    if (line == NULL)
      return CF_RUN_WAIT;
    if (!authenticate_decode (self, line, error))
      return CF_RUN_ERROR;
  }
  if (self->identity.account != 0)
    return authenticate_succeed (call, self, error);
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  return authenticate_step (call, self, error);
}
