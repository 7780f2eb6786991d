/* core/commands/special-use.c - special uses by name (special-use.h). */
#include "commands/special-use.h"

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
