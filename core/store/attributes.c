/* core/store/attributes.c - the wrappers round the attribute slots (coffer/store.h), and the limits of keys
 * and values, in one place: stores need not look (coffer/storage.h).
 */
#include "store/attributes.h"

#include <string.h>

#include <coffer/store.h>

#include "store/rights.h"
#include "store/service.h"

gboolean
cf_attributes_check (guint n, const CfAttribute *const *attributes, GError **error)
{
  for (guint i = 0; i < n; i++) {
    const CfAttribute *attribute = attributes[i];
    gsize length = strlen (attribute->key);

    if (length == 0 || length > CF_ATTRIBUTE_KEY_MAX) {
      g_set_error (error, CF_ERROR, CF_ERROR_LIMIT,
                   "The name has %" G_GSIZE_FORMAT " octets; 1 to %d are allowed", length,
                   CF_ATTRIBUTE_KEY_MAX);
      return FALSE;
    }
    if (attribute->value != NULL && g_bytes_get_size (attribute->value) > CF_ATTRIBUTE_VALUE_MAX) {
      g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "The value has more than %d octets",
                   CF_ATTRIBUTE_VALUE_MAX);
      return FALSE;
    }
  }
  return TRUE;
}

/* Attributes of the account itself are its owner's; those of a mailbox follow its rights. */
static gboolean
attributes_may (CfSession *session, const CfAttributeTarget *target, const char *mailbox_name, guint right,
                GError **error)
{
  if (target->account != cf_session_get_account (session)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NOPERM, "Permission denied");
    return FALSE;
  }
  return target->mailbox == 0 || cf_rights_check (session, mailbox_name, right, error);
}

gboolean
cf_store_attribute_get (CfSession *session, const CfAttributeTarget *target, const char *mailbox_name,
                        const char *prefix, CfAttributeSink *sink, GError **error)
{
  CfStoreFrame frame;

  if (!attributes_may (session, target, mailbox_name, CF_RIGHT_READ, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  return cf_store_end (
      &frame, frame.slots->attribute_get (frame.conn, &frame.call, target, prefix, sink, error), error);
}

gboolean
cf_store_attribute_set (CfSession *session, const CfAttributeTarget *target, const char *mailbox_name,
                        guint n, const CfAttribute *const *attributes, GError **error)
{
  CfStoreFrame frame;

  if (!cf_attributes_check (n, attributes, error)
      || !attributes_may (session, target, mailbox_name, CF_RIGHT_LOOKUP, error)
      || !cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  return cf_store_end (
      &frame, frame.slots->attribute_set (frame.conn, &frame.call, target, n, attributes, error), error);
}
