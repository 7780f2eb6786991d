/* core/imap/session-state.c - what commands and modules ask of a session (session.h, coffer/session.h): who,
 * where, in which state, with which capabilities.
 */
#include "base/log.h"
#include "imap/output.h"
#include "imap/response.h"
#include "imap/session.h"
#include "module/registry.h"
#include "module/settings.h"

CfConnRef
cf_session_get_ref (CfSession *session)
{
  return session->ref;
}

CfOutput *
cf_session_get_output (CfSession *session)
{
  return session->output;
}

CfStates
cf_session_get_state (CfSession *session)
{
  if (session->identity.account == 0)
    return CF_STATE_NOT_AUTHENTICATED;
  return session->view != NULL ? CF_STATE_SELECTED : CF_STATE_AUTHENTICATED;
}

gboolean
cf_session_is_output_full (CfSession *session)
{
  return cf_conn_is_output_full (session->conn) || cf_output_get_length (session->output) >= 64 * 1024;
}

/* Who, from where and how well protected; the same for every way of logging in. */
static void
session_log_login (CfSession *session)
{
  g_autofree char *tls = cf_conn_dup_tls_description (session->conn);
  const char *actor = session->identity.actor, *proxy = cf_conn_get_peer (session->conn)->proxy;

  cf_log (G_LOG_LEVEL_INFO,
          &(CfLogContext){ .session = cf_session_get_number (session),
                           .user = session->identity.user,
                           .peer = cf_session_get_peer (session) },
          "Logged in %s%s%s%s%s%s%s", tls != NULL ? "under " : "", tls != NULL ? tls : "in clear",
          actor != NULL ? ", " : "", actor != NULL ? actor : "", actor != NULL ? " acts for it" : "",
          proxy != NULL ? ", through the proxy " : "", proxy != NULL ? proxy : "");
}

gboolean
cf_session_login (CfSession *session, CfIdentity *identity, GError **error)
{
  CfHookInfo hook = { .struct_size = sizeof hook, .event = CF_HOOK_LOGIN, .session = session };

  session->counted = cf_login_limit_enter (identity->account, identity->user, error);
  if (session->counted == NULL)
    return FALSE;
  session->identity = *identity;
  memset (identity, 0, sizeof *identity);
  hook.account = session->identity.account;
  if (!cf_registry_run_hooks (&hook, error)) {
    *identity = session->identity;
    memset (&session->identity, 0, sizeof session->identity);
    cf_login_limit_leave (g_steal_pointer (&session->counted));
    return FALSE;
  }
  session->logged_in = TRUE;
  cf_command_reader_set_authenticated (session->reader, TRUE);
  cf_conn_set_label (session->conn, session->identity.user);
  cf_conn_set_owner (session->conn, session->identity.account);
  cf_conn_set_established (session->conn);
  cf_session_touch (session);
  session_log_login (session);
  session->trace_serial = 0; /* its account may be traced */
  cf_session_follow_trace (session);
  return TRUE;
}

void
cf_session_log_error (CfSession *session, const char *command, const GError *error)
{
  cf_log (cf_response_get_log_level (error),
          &(CfLogContext){ .session = cf_session_get_number (session),
                           .user = session->identity.user,
                           .peer = cf_session_get_peer (session),
                           .command = command },
          "%s", error->message);
}

guint64
cf_session_get_number (CfSession *session)
{
  return cf_conn_get_id (session->conn);
}

const char *
cf_session_get_peer (CfSession *session)
{
  return cf_conn_get_peer (session->conn)->text;
}

gboolean
cf_session_is_tls (CfSession *session)
{
  return cf_conn_is_tls (session->conn);
}

gboolean
cf_session_is_private (CfSession *session)
{
  const char *plaintext = cf_settings_get ()->plaintext_login;

  if (cf_conn_is_tls (session->conn) || cf_conn_get_peer (session->conn)->proxy_tls)
    return TRUE;
  if (g_strcmp0 (plaintext, "always") == 0)
    return TRUE;
  return g_strcmp0 (plaintext, "loopback") == 0 && cf_conn_get_peer (session->conn)->local;
}

GBytes *
cf_session_dup_channel_binding (CfSession *session, const char *type)
{
  return cf_conn_dup_channel_binding (session->conn, type);
}

const CfIdentity *
cf_session_get_identity (CfSession *session)
{
  return session->identity.account != 0 ? &session->identity : NULL;
}

CfAccountId
cf_session_get_account (CfSession *session)
{
  return session->identity.account;
}

gpointer
cf_session_get_data (CfSession *session, guint slot)
{
  return session->data != NULL ? session->data[slot] : NULL;
}

void
cf_session_set_data (CfSession *session, guint slot, gpointer data)
{
  if (session->data == NULL)
    session->data = g_new0 (gpointer, cf_registry_get_n_session_slots ());
  if (session->data[slot] != NULL && session->data[slot] != data)
    cf_registry_free_session_data (slot, session->data[slot]);
  session->data[slot] = data;
}

gboolean
cf_session_is_enabled (CfSession *session, const char *capability)
{
  return session->enabled_names != NULL
         && g_ptr_array_find_with_equal_func (session->enabled_names, capability, g_str_equal, NULL);
}

void
cf_session_enable (CfSession *session, const char *capability)
{
  if (cf_session_is_enabled (session, capability))
    return;
  if (session->enabled_names == NULL)
    session->enabled_names = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (session->enabled_names, g_strdup (capability));
}

char *
cf_session_dup_capabilities (CfSession *session)
{
  GString *text = g_string_new (NULL);
  CfStates state = cf_session_get_state (session);

  for (guint i = 0; i < cf_registry_get_n_capabilities (); i++) {
    const CfCapability *row = cf_registry_get_capability (i);
    g_autoptr (GString) dynamic = g_string_new (NULL);

    if ((row->states & state) == 0)
      continue;
    if (row->visible != NULL && !row->visible (session, dynamic))
      continue;
    if (text->len > 0)
      g_string_append_c (text, ' ');
    g_string_append (text, dynamic->len > 0 ? dynamic->str : row->text);
  }
  return g_string_free (text, FALSE);
}
