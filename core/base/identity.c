/* core/base/identity.c - who has logged in (coffer/auth.h). */
#include <coffer/auth.h>

void
cf_identity_clear (CfIdentity *identity)
{
  identity->account = 0;
  g_clear_pointer (&identity->user, g_free);
  g_clear_pointer (&identity->address, g_free);
  g_clear_pointer (&identity->actor, g_free);
}
