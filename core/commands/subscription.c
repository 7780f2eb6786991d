/* core/commands/subscription.c - where a subscription is kept (subscription.h). */
#include "commands/subscription.h"

#include <coffer/types.h>
#include <string.h>

char *
cf_subscription_dup_key (const char *name)
{
  g_autofree char *hash = NULL;

  if (strlen (CF_SUBSCRIPTION_PREFIX) + strlen (name) <= CF_ATTRIBUTE_KEY_MAX)
    return g_strconcat (CF_SUBSCRIPTION_PREFIX, name, NULL);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  return g_strconcat (CF_SUBSCRIPTION_PREFIX, "/", hash, NULL);
}
