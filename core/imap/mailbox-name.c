/* core/imap/mailbox-name.c - which mailbox names there can be, and how they are written on the wire.
 *
 * Names are kept in UTF-8 and compare octet by octet, but for INBOX. What no client could show or send back
 * is refused when it comes in: control characters (RFC 9051, 5.1) and levels without a name.
 */
#include "imap/mailbox-name.h"

#include <string.h>

#include "imap/utf7.h"

static gboolean
name_fail (GError **error, const char *reason)
{
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "No mailbox can have this name: %s", reason);
  return FALSE;
}

static gboolean
name_has_control (const char *name)
{
  for (; *name != '\0'; name = g_utf8_next_char (name)) {
    gunichar c = g_utf8_get_char (name);

    if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029)
      return TRUE;
  }
  return FALSE;
}

static gboolean
name_check_levels (const char *name, GError **error)
{
  gsize length = strlen (name);

  if (length == 0)
    return name_fail (error, "it is empty");
  if (name[0] == CF_MAILBOX_SEPARATOR || name[length - 1] == CF_MAILBOX_SEPARATOR
      || strstr (name, "//") != NULL)
    return name_fail (error, "a level of the hierarchy is empty");
  return TRUE;
}

char *
cf_mailbox_name_normalise (const char *name, CfMailboxNameKind kind, GError **error)
{
  g_autofree char *normal = NULL;
  gsize length = strlen (name);

  if (!g_utf8_validate (name, (gssize) length, NULL)) {
    name_fail (error, "it is not UTF-8");
    return NULL;
  }
  if (name_has_control (name)) {
    name_fail (error, "it has control characters");
    return NULL;
  }

  normal = g_strdup (name);
  if (kind == CF_MAILBOX_NAME_CREATE && length > 0 && normal[length - 1] == CF_MAILBOX_SEPARATOR)
    normal[--length] = '\0';
  if (kind != CF_MAILBOX_NAME_PATTERN && !name_check_levels (normal, error))
    return NULL;
  if (length > CF_MAILBOX_NAME_MAX) {
    name_fail (error, "it is too long");
    return NULL;
  }

  if (g_ascii_strncasecmp (normal, "INBOX", 5) == 0
      && (normal[5] == '\0' || normal[5] == CF_MAILBOX_SEPARATOR))
    memcpy (normal, "INBOX", 5);
  return g_steal_pointer (&normal);
}

char *
cf_mailbox_name_compose (const char *name)
{
  g_autofree char *composed = NULL;

  if (g_str_is_ascii (name))
    return NULL;
  composed = g_utf8_normalize (name, -1, G_NORMALIZE_NFC);
  return composed != NULL && !g_str_equal (composed, name) ? g_steal_pointer (&composed) : NULL;
}

char *
cf_mailbox_name_from_wire (const char *wire, CfMailboxSpelling spelling, CfMailboxNameKind kind,
                           GError **error)
{
  g_autofree char *name = NULL;

  if (spelling == CF_MAILBOX_SPELLING_UTF8)
    return cf_mailbox_name_normalise (wire, kind, error);
  name = cf_utf7_decode (wire, error);
  return name != NULL ? cf_mailbox_name_normalise (name, kind, error) : NULL;
}

char *
cf_mailbox_name_to_wire (const char *name, CfMailboxSpelling spelling)
{
  return spelling == CF_MAILBOX_SPELLING_UTF8 ? g_strdup (name) : cf_utf7_encode (name);
}
