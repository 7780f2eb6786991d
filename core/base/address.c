/* core/base/address.c - addresses of accounts in the one form in which they are kept (coffer/auth.h).
 *
 * Only spellings that the address's own standard calls equal become one: RFC 3966, 4 for numbers, RFC 3261,
 * 19.1.4 for hosts. Two different parties never do.
 */
#include <coffer/auth.h>

#include <string.h>

#define ADDRESS_MAX 250 /* octets */

static gboolean
address_is_text (const char *text)
{
  for (; *text != '\0'; text = g_utf8_next_char (text)) {
    GUnicodeType type = g_unichar_type (g_utf8_get_char (text));

    if (type == G_UNICODE_CONTROL || type == G_UNICODE_LINE_SEPARATOR
        || type == G_UNICODE_PARAGRAPH_SEPARATOR)
      return FALSE;
  }
  return TRUE;
}

static gboolean
address_is_visual_separator (char c)
{
  return c == '-' || c == '.' || c == '(' || c == ')';
}

/* The octets of a scheme (RFC 3986, 3.1), the colon included; 0: there is none. */
static gsize
address_scheme_length (const char *address)
{
  const char *c = address;

  if (!g_ascii_isalpha (*c))
    return 0;
  while (g_ascii_isalnum (*c) || *c == '+' || *c == '-' || *c == '.')
    c++;
  return *c == ':' ? (gsize) (c - address) + 1 : 0;
}

static void
address_append_lower (GString *out, const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    g_string_append_c (out, g_ascii_tolower (text[i]));
}

/* A number goes without visual separators, then its parameters: they belong to it ("phone-context"). */
static void
address_append_number (GString *out, const char *number)
{
  gsize length = strcspn (number, ";");

  for (gsize i = 0; i < length; i++)
    if (!address_is_visual_separator (number[i]))
      g_string_append_c (out, g_ascii_tolower (number[i]));
  if (out->len > strlen ("tel:"))
    address_append_lower (out, number + length, strlen (number + length));
}

/* user@host: what stands before the last '@' is the host's business. */
static void
address_append_at_host (GString *out, const char *address, gsize length)
{
  const char *at = memrchr (address, '@', length);
  gsize user = at != NULL ? (gsize) (at - address) + 1 : 0;

  g_string_append_len (out, address, (gssize) user);
  address_append_lower (out, address + user, length - user);
}

/* RFC 3261, 19.1.1: parameters and headers follow the host, but the user may hold ';' and '?' too. */
static gsize
address_sip_length (const char *rest)
{
  const char *at = strrchr (rest, '@');
  gsize user = at != NULL ? (gsize) (at - rest) : 0;

  return user + strcspn (rest + user, ";?");
}

/* "+33 ..." without a scheme: '+', then digits and visual separators alone. */
static gboolean
address_is_global_number (const char *address)
{
  gboolean digits = FALSE;

  if (*address++ != '+')
    return FALSE;
  for (; *address != '\0'; address++) {
    digits |= g_ascii_isdigit (*address);
    if (!g_ascii_isdigit (*address) && !address_is_visual_separator (*address))
      return FALSE;
  }
  return digits;
}

/* What was taken out or made lower case stood before a mark, perhaps, that goes with the letter now. */
static char *
address_end (GString *out)
{
  g_autofree char *again = g_utf8_normalize (out->str, (gssize) out->len, G_NORMALIZE_ALL_COMPOSE);

  return again != NULL && strlen (again) <= ADDRESS_MAX ? g_steal_pointer (&again) : NULL;
}

char *
cf_address_normalise (const char *address)
{
  g_autofree char *composed = NULL;
  g_autoptr (GString) out = NULL;
  const char *rest;
  gsize scheme;

  if (strlen (address) > ADDRESS_MAX || !g_utf8_validate (address, -1, NULL))
    return NULL;
  /* As SASLprep does it (RFC 4013, 2.2), so that every mechanism looks up the same octets. */
  composed = g_utf8_normalize (address, -1, G_NORMALIZE_ALL_COMPOSE);
  if (composed == NULL || !address_is_text (composed))
    return NULL;

  out = g_string_new (NULL);
  scheme = address_scheme_length (composed);
  rest = composed + scheme;
  address_append_lower (out, composed, scheme);
  if (strcmp (out->str, "tel:") == 0)
    address_append_number (out, rest);
  else if (strcmp (out->str, "sip:") == 0 || strcmp (out->str, "sips:") == 0)
    address_append_at_host (out, rest, address_sip_length (rest));
  else if (address_is_global_number (rest) && scheme == 0) {
    g_string_append (out, "tel:");
    address_append_number (out, rest);
  } else if (strchr (rest, '@') != NULL)
    address_append_at_host (out, rest, strlen (rest));
  else
    g_string_append (out, rest);

  return out->len > scheme ? address_end (out) : NULL;
}
