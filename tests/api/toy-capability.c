/* tests/api/toy-capability.c - capabilities: one that is always shown, one that depends on the session and
 * writes its own text, and two that ENABLE knows, of which one refuses.
 */
#include <coffer/module.h>

/* Only for those who have logged in: "XACCOUNT=7". */
static gboolean
account_visible (CfSession *session, GString *out_text)
{
  g_string_printf (out_text, "XACCOUNT=%" G_GUINT64_FORMAT, cf_session_get_account (session));
  return TRUE;
}

/* Gone once it is enabled. */
static gboolean
once_visible (CfSession *session, GString *out_text)
{
  return !cf_session_is_enabled (session, "XONCE");
}

static gboolean
once_enable (CfSession *session)
{
  return TRUE;
}

static gboolean
never_enable (CfSession *session)
{
  return FALSE;
}

static const CfCapability capabilities[] = {
  { "XSTATIC", CF_STATE_ANY },
  { "XACCOUNT", CF_STATE_LOGGED_IN, account_visible },
  { "XONCE", CF_STATE_LOGGED_IN, once_visible, once_enable },
  { "XNEVER", CF_STATE_LOGGED_IN, NULL, never_enable },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_capabilities (registrar, capabilities, error);
}

CF_MODULE_DEFINE (toy_capability, .summary = "Four capabilities", .init = toy_init)
