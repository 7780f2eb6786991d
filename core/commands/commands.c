/* core/commands/commands.c - the tables of the base commands and capabilities (commands.h). */
#include "commands/commands.h"
#include "commands/login.h"
#include "imap/revision.h"
#include "imap/session.h"
#include "module/registry.h"
#include "module/settings.h"

static const CfCommand commands[] = {
  { "CAPABILITY", CF_STATE_ANY, 0, cmd_capability },
  { "NOOP", CF_STATE_ANY, 0, cmd_noop },
  { "LOGOUT", CF_STATE_ANY, CF_COMMAND_LAST, cmd_logout },
  { "ID", CF_STATE_ANY, 0, cmd_id },

  { "STARTTLS", CF_STATE_NOT_AUTHENTICATED, 0, cmd_starttls },
  { "AUTHENTICATE", CF_STATE_NOT_AUTHENTICATED, CF_COMMAND_QUIET_LOG, cmd_authenticate },
  { "LOGIN", CF_STATE_NOT_AUTHENTICATED, CF_COMMAND_QUIET_LOG, cmd_login },

  { "ENABLE", CF_STATE_LOGGED_IN, 0, cmd_enable },
  { "SELECT", CF_STATE_LOGGED_IN, 0, cmd_select },
  { "EXAMINE", CF_STATE_LOGGED_IN, 0, cmd_examine },
  { "CREATE", CF_STATE_LOGGED_IN, 0, cmd_create },
  { "DELETE", CF_STATE_LOGGED_IN, 0, cmd_delete },
  { "RENAME", CF_STATE_LOGGED_IN, 0, cmd_rename },
  { "SUBSCRIBE", CF_STATE_LOGGED_IN, 0, cmd_subscribe },
  { "UNSUBSCRIBE", CF_STATE_LOGGED_IN, 0, cmd_unsubscribe },
  { "LIST", CF_STATE_LOGGED_IN, 0, cmd_list },
  { "LSUB", CF_STATE_LOGGED_IN, 0, cmd_lsub },
  { "STATUS", CF_STATE_LOGGED_IN, 0, cmd_status },
  { "APPEND", CF_STATE_LOGGED_IN, CF_COMMAND_MESSAGE, cmd_append },
  { "NAMESPACE", CF_STATE_LOGGED_IN, 0, cmd_namespace },
  { "IDLE", CF_STATE_LOGGED_IN, 0, cmd_idle },
  { "NOTIFY", CF_STATE_LOGGED_IN, 0, cmd_notify },

  { "CHECK", CF_STATE_SELECTED, 0, cmd_noop },
  { "CLOSE", CF_STATE_SELECTED, 0, cmd_close },
  { "UNSELECT", CF_STATE_SELECTED, 0, cmd_unselect },
  { "EXPUNGE", CF_STATE_SELECTED, 0, cmd_expunge },
  { "UID EXPUNGE", CF_STATE_SELECTED, 0, cmd_uid_expunge },
  { "FETCH", CF_STATE_SELECTED, CF_COMMAND_SEQUENCE, cmd_fetch },
  { "UID FETCH", CF_STATE_SELECTED, 0, cmd_fetch },
  { "STORE", CF_STATE_SELECTED, CF_COMMAND_SEQUENCE, cmd_store },
  { "UID STORE", CF_STATE_SELECTED, 0, cmd_store },
  { "COPY", CF_STATE_SELECTED, 0, cmd_copy },
  { "UID COPY", CF_STATE_SELECTED, 0, cmd_copy },
  { "MOVE", CF_STATE_SELECTED, 0, cmd_move },
  { "UID MOVE", CF_STATE_SELECTED, 0, cmd_move },
};

/* ---- Capabilities that depend on the session ---- */

static gboolean
starttls_visible (CfSession *session, GString *out_text)
{
  return !cf_session_is_tls (session) && !cf_conn_get_peer (session->conn)->proxy_tls
         && cf_net_has_tls (cf_conn_get_net (session->conn));
}

static gboolean
logindisabled_visible (CfSession *session, GString *out_text)
{
  return !cf_session_is_private (session);
}

static gboolean
appendlimit_visible (CfSession *session, GString *out_text)
{
  g_string_printf (out_text, "APPENDLIMIT=%" G_GINT64_FORMAT, cf_settings_get ()->append_limit);
  return TRUE;
}

static gboolean
auth_visible (CfSession *session, GString *out_text)
{
  const CfAuthenticationClass *const *classes = cf_registry_get_authentication ();

  for (; classes != NULL && *classes != NULL; classes++)
    for (guint i = 0; i < (*classes)->n_mechanisms; i++) {
      const CfMechanism *mechanism = cf_login_get_mechanism (*classes, i);

      if (cf_login_is_offered (session, mechanism))
        g_string_append_printf (out_text, "%sAUTH=%s", out_text->len > 0 ? " " : "", mechanism->name);
    }
  return out_text->len > 0;
}

static gboolean
utf8_visible (CfSession *session, GString *out_text)
{
  return cf_settings_get ()->utf8_accept;
}

/* Clients of the first revision look no further than the first word, so that comes first. */
static const CfCapability capabilities[] = {
  { "IMAP4rev1", CF_STATE_ANY },
  { "IMAP4rev2", CF_STATE_ANY, NULL, cf_session_enable_rev2 },
  { "LITERAL+", CF_STATE_ANY },
  { "SASL-IR", CF_STATE_NOT_AUTHENTICATED },
  { "STARTTLS", CF_STATE_NOT_AUTHENTICATED, starttls_visible },
  { "LOGINDISABLED", CF_STATE_NOT_AUTHENTICATED, logindisabled_visible },
  { "AUTH", CF_STATE_NOT_AUTHENTICATED, auth_visible },
  { "ID", CF_STATE_ANY },
  { "ENABLE", CF_STATE_ANY },
  { "UTF8=ACCEPT", CF_STATE_ANY, utf8_visible, cf_session_enable_utf8 },
  { "IDLE", CF_STATE_ANY },
  { "NAMESPACE", CF_STATE_LOGGED_IN },
  { "NOTIFY", CF_STATE_LOGGED_IN },
  { "CHILDREN", CF_STATE_LOGGED_IN },
  { "SPECIAL-USE", CF_STATE_LOGGED_IN },
  { "CREATE-SPECIAL-USE", CF_STATE_LOGGED_IN },
  { "LIST-EXTENDED", CF_STATE_LOGGED_IN },
  { "LIST-STATUS", CF_STATE_LOGGED_IN },
  { "STATUS=SIZE", CF_STATE_LOGGED_IN },
  { "UNSELECT", CF_STATE_LOGGED_IN },
  { "UIDPLUS", CF_STATE_LOGGED_IN },
  { "MOVE", CF_STATE_LOGGED_IN },
  { "MULTIAPPEND", CF_STATE_LOGGED_IN },
  { "BINARY", CF_STATE_LOGGED_IN },
  { "OBJECTID", CF_STATE_LOGGED_IN },
  { "APPENDLIMIT", CF_STATE_LOGGED_IN, appendlimit_visible },
};

gboolean
cf_commands_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_commands (registrar, commands, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error)
         && cf_create_parameters_register (registrar, error) && cf_list_parameters_register (registrar, error)
         && cf_status_items_register (registrar, error) && cf_fetch_items_register (registrar, error)
         && cf_fetch_parameters_register (registrar, error) && cf_binary_items_register (registrar, error)
         && cf_condstore_register (registrar, error) && cf_qresync_register (registrar, error)
         && cf_object_id_register (registrar, error);
}
