/* core/control/new-mailboxes.c - what a new account has: the mailboxes of [storage] create_mailboxes.
 *
 * A setting's element is a name, spaces in it included, and behind it its special uses: "Sent \Sent". The
 * account is subscribed to them and to INBOX, as clients that show subscriptions alone would otherwise show
 * nothing.
 */
#include "commands/special-use.h"
#include "commands/subscription.h"
#include "control/private.h"
#include "imap/mailbox-name.h"
#include "module/settings.h"
#include "store/names.h"

/* @out_name is the caller's. */
static gboolean
parse_element (const char *text, char **out_name, guint *out_uses, GError **error)
{
  g_autofree char *name = g_strdup (text);
  guint uses = 0;
  char *space;

  for (g_strstrip (name); (space = strrchr (name, ' ')) != NULL && space[1] == '\\'; g_strchomp (name)) {
    guint use = cf_special_use_from_name (space + 2);

    if (use == 0) {
      g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s is not a special use known here", space + 1);
      return FALSE;
    }
    uses |= use;
    *space = '\0';
  }
  *out_name = cf_mailbox_name_normalise (name, CF_MAILBOX_NAME_PLAIN, error);
  if (*out_name == NULL) {
    g_prefix_error (error, "'%s': ", text);
    return FALSE;
  }
  *out_uses = uses;
  return TRUE;
}

gboolean
cf_control_check_settings (GError **error)
{
  char **elements = cf_settings_get ()->create_mailboxes;

  for (guint i = 0; elements[i] != NULL; i++) {
    g_autofree char *name = NULL;
    guint uses;

    if (!parse_element (elements[i], &name, &uses, error))
      return FALSE;
  }
  return TRUE;
}

static void
ignore_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
}

static gboolean
make_mailbox (CfControl *control, CfAccountId account, const char *name, guint uses, GError **error)
{
  CfMailboxSink sink = { sizeof sink, ignore_mailbox };
  g_autoptr (GError) local = NULL;
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  if (cf_store_end (&frame,
                    frame.slots->mailbox_create (frame.conn, &frame.call, account, name, uses, &sink, &local),
                    &local))
    return TRUE;
  /* INBOX, or the parent of one before it. */
  if (g_error_matches (local, CF_ERROR, CF_ERROR_ALREADYEXISTS))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
subscribe (CfControl *control, CfAccountId account, const char *name, GError **error)
{
  CfAttributeTarget target = { .struct_size = sizeof target, .account = account };
  g_autofree char *key = cf_subscription_dup_key (name);
  g_autoptr (GBytes) value = g_bytes_new (name, strlen (name));
  CfAttribute attribute = { .struct_size = sizeof attribute, .key = key, .value = value };
  const CfAttribute *const attributes[] = { &attribute };
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  return cf_store_end (
      &frame, frame.slots->attribute_set (frame.conn, &frame.call, &target, 1, attributes, error), error);
}

gboolean
cf_control_make_mailboxes (CfControl *control, CfAccountId account, GError **error)
{
  char **elements = cf_settings_get ()->create_mailboxes;

  if (!subscribe (control, account, "INBOX", error))
    return FALSE;
  for (guint i = 0; elements[i] != NULL; i++) {
    g_autofree char *name = NULL;
    guint uses;

    if (!parse_element (elements[i], &name, &uses, error)
        || !make_mailbox (control, account, name, uses, error) || !subscribe (control, account, name, error))
      return FALSE;
  }
  return TRUE;
}
