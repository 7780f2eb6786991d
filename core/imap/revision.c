/* core/imap/revision.c - which revision of the protocol a session speaks (revision.h). */
#include "imap/revision.h"

#include "imap/session.h"
#include "module/settings.h"

gboolean
cf_session_is_rev2 (CfSession *session)
{
  return session->rev2;
}

gboolean
cf_session_is_utf8 (CfSession *session)
{
  return session->utf8;
}

gboolean
cf_session_enable_rev2 (CfSession *session)
{
  if (cf_session_is_selected (session))
    return FALSE;
  session->rev2 = session->utf8 = TRUE;
  cf_session_take_settings (session);
  return TRUE;
}

gboolean
cf_session_enable_utf8 (CfSession *session)
{
  if (cf_session_is_selected (session) || !cf_settings_get ()->utf8_accept)
    return FALSE;
  session->utf8 = TRUE;
  cf_session_take_settings (session);
  return TRUE;
}
