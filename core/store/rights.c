/* core/store/rights.c - asks the access classes (rights.h, coffer/access.h). */
#include "store/rights.h"

#include <coffer/store.h>

#include "module/registry.h"

gboolean
cf_store_get_rights (CfSession *session, const char *name, guint *out_rights, GError **error)
{
  CfAccountId owner = cf_session_get_account (session);
  guint rights = CF_RIGHTS_ALL;

  for (const CfAccessClass *const *access = cf_registry_get_access (); access != NULL && *access != NULL;
       access++) {
    guint allowed;

    if (!(*access)->rights (session, owner, name, &allowed, error))
      return FALSE;
    rights &= allowed;
  }
  *out_rights = rights;
  return TRUE;
}

gboolean
cf_rights_check (CfSession *session, const char *name, guint needed, GError **error)
{
  guint rights;

  if (!cf_store_get_rights (session, name, &rights, error))
    return FALSE;
  if ((rights & needed) == needed)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NOPERM, "Permission denied");
  return FALSE;
}
