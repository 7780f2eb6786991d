/* core/store/attributes.c - the limits of keys and values, in one place: stores need not look
 * (coffer/storage.h).
 */
#include "store/attributes.h"

#include <string.h>

#include <coffer/error.h>

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
