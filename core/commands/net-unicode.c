/* core/commands/net-unicode.c - names whose characters are not composed (net-unicode.h). */
#include "commands/net-unicode.h"

#include <string.h>

#include "commands/list.h"
#include "imap/call.h"
#include "imap/mailbox-name.h"
#include "imap/revision.h"
#include "store/calls.h"

/* Takes over @composed. FALSE: no mailbox can have that name. */
static gboolean
net_unicode_replace (CfCommandCall *call, char **name, const char *known_as, char *composed, GError **error)
{
  char *normal = cf_mailbox_name_normalise (composed, CF_MAILBOX_NAME_PLAIN, error);

  g_free (composed);
  if (normal == NULL)
    return FALSE;
  if (call->sent_name == NULL)
    call->sent_name = g_strdup (known_as);
  g_free (*name);
  *name = normal;
  return TRUE;
}

gboolean
cf_net_unicode_make (CfCommandCall *call, char **name, const char *known_as, GError **error)
{
  char *composed = cf_session_is_utf8 (cf_call_get_session (call)) ? cf_mailbox_name_compose (*name) : NULL;

  return composed == NULL || net_unicode_replace (call, name, known_as, composed, error);
}

typedef struct {
  CfMailboxSink sink;
  const char *name;
  gboolean found;
} BelowSink;

static void
below_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  BelowSink *self = (BelowSink *) sink;
  gsize length = strlen (self->name);

  if (g_str_has_prefix (info->name, self->name) && info->name[length] == CF_MAILBOX_SEPARATOR)
    self->found = TRUE;
}

/* @levels: or there is a mailbox below it. */
static gboolean
net_unicode_find (CfSession *session, const char *name, gboolean levels, gboolean *out_found, GError **error)
{
  BelowSink below = { { sizeof below.sink, below_mailbox }, name, FALSE };
  g_autoptr (GError) local_error = NULL;
  CfMailboxId id;

  *out_found = cf_store_resolve (session, name, &id, &local_error);
  if (*out_found)
    return TRUE;
  if (!g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT)) {
    g_propagate_error (error, g_steal_pointer (&local_error));
    return FALSE;
  }
  if (!levels)
    return TRUE;
  if (!cf_store_mailbox_list (session, &below.sink, error))
    return FALSE;
  *out_found = below.found;
  return TRUE;
}

static CfRun
net_unicode_settle (CfCommandCall *call, char **name, gboolean levels, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autofree char *composed = NULL;
  gboolean found;

  if (call->has_settled || !cf_session_is_utf8 (session))
    return CF_RUN_DONE;
  composed = cf_mailbox_name_compose (*name);
  if (composed == NULL)
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  call->has_settled = TRUE;
  if (!net_unicode_find (session, *name, levels, &found, error))
    return CF_RUN_ERROR;
  if (!found && !net_unicode_replace (call, name, *name, g_steal_pointer (&composed), error))
    return CF_RUN_ERROR;
  return CF_RUN_MORE;
}

CfRun
cf_net_unicode_settle (CfCommandCall *call, char **name, GError **error)
{
  return net_unicode_settle (call, name, FALSE, error);
}

CfRun
cf_net_unicode_settle_level (CfCommandCall *call, char **name, GError **error)
{
  return net_unicode_settle (call, name, TRUE, error);
}

const char *
cf_net_unicode_get_sent (CfCommandCall *call)
{
  return cf_session_is_rev2 (cf_call_get_session (call)) ? call->sent_name : NULL;
}

void
cf_net_unicode_tell (CfCommandCall *call, const char *name, gboolean exists)
{
  CfMailboxInfo info = { .struct_size = sizeof info, .name = name };
  const char *sent = cf_net_unicode_get_sent (call);

  if (sent != NULL)
    cf_list_write_one (cf_call_get_session (call), &info, exists, sent);
}
