/* core/commands/tree.c - special uses and subscriptions by name (tree.h). */
#include "commands/tree.h"

#include <string.h>

static const struct {
  CfSpecialUse bit;
  const char *name;
} special_uses[] = {
  { CF_SPECIAL_USE_ALL, "\\All" },       { CF_SPECIAL_USE_ARCHIVE, "\\Archive" },
  { CF_SPECIAL_USE_DRAFTS, "\\Drafts" }, { CF_SPECIAL_USE_FLAGGED, "\\Flagged" },
  { CF_SPECIAL_USE_JUNK, "\\Junk" },     { CF_SPECIAL_USE_SENT, "\\Sent" },
  { CF_SPECIAL_USE_TRASH, "\\Trash" },   { CF_SPECIAL_USE_IMPORTANT, "\\Important" },
};

guint
cf_special_use_from_name (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (special_uses); i++)
    if (g_ascii_strcasecmp (special_uses[i].name + 1, name) == 0)
      return special_uses[i].bit;
  return 0;
}

const char *
cf_special_use_get_name (guint bit)
{
  for (gsize i = 0; i < G_N_ELEMENTS (special_uses); i++)
    if (special_uses[i].bit == bit)
      return special_uses[i].name;
  return NULL;
}

char *
cf_tree_dup_subscription_key (const char *name)
{
  g_autofree char *hash = NULL;

  if (strlen (CF_SUBSCRIPTION_PREFIX) + strlen (name) <= CF_ATTRIBUTE_KEY_MAX)
    return g_strconcat (CF_SUBSCRIPTION_PREFIX, name, NULL);
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, name, -1);
  return g_strconcat (CF_SUBSCRIPTION_PREFIX, "/", hash, NULL);
}
