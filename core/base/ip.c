/* core/base/ip.c - IP addresses and networks (ip.h). */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

#define SITE_PREFIX_IPV6 8 /* octets */

typedef struct {
  CfIp ip;
  guint prefix; /* bits */
} Network;

struct _CfIpNetworks {
  guint n;
  Network networks[];
};

static guint
ip_get_bits (const CfIp *ip)
{
  return ip->family == 4 ? 32 : 128;
}

gboolean
cf_ip_parse (const char *text, CfIp *out)
{
  char address[INET6_ADDRSTRLEN];
  struct in6_addr ipv6;

  *out = (CfIp){ 0 };
  if (inet_pton (AF_INET, text, out->octets) == 1) {
    out->family = 4;
    return TRUE;
  }
  g_strlcpy (address, text, MIN (sizeof address, strcspn (text, "%") + 1));
  if (inet_pton (AF_INET6, address, &ipv6) != 1)
    return FALSE;
  out->family = IN6_IS_ADDR_V4MAPPED (&ipv6) ? 4 : 6;
  if (out->family == 4)
    memcpy (out->octets, ipv6.s6_addr + 12, 4);
  else
    memcpy (out->octets, &ipv6, sizeof ipv6);
  return TRUE;
}

gboolean
cf_ip_parse_peer (const char *peer, CfIp *out)
{
  gboolean bracket = *peer == '[';
  const char *start = peer + bracket, *end = strrchr (start, bracket ? ']' : ':');
  g_autofree char *address = end != NULL ? g_strndup (start, (gsize) (end - start)) : NULL;

  *out = (CfIp){ 0 };
  return address != NULL && cf_ip_parse (address, out);
}

gboolean
cf_ip_equal (const CfIp *a, const CfIp *b)
{
  return a->family == b->family && memcmp (a->octets, b->octets, sizeof a->octets) == 0;
}

CfIp
cf_ip_get_site (const CfIp *ip)
{
  CfIp site = *ip;

  if (site.family == 6)
    memset (site.octets + SITE_PREFIX_IPV6, 0, sizeof site.octets - SITE_PREFIX_IPV6);
  return site;
}

char *
cf_ip_to_string (const CfIp *ip)
{
  char text[INET6_ADDRSTRLEN];

  inet_ntop (ip->family == 4 ? AF_INET : AF_INET6, ip->octets, text, sizeof text);
  return g_strdup (text);
}

char *
cf_ip_site_to_string (const CfIp *site)
{
  g_autofree char *text = cf_ip_to_string (site);

  return g_strconcat (text, site->family == 6 ? "/64" : NULL, NULL);
}

/* ---- Networks ---------------------------------------------------------------------------------------- */

/* Whether the first @prefix bits are the same. */
static gboolean
octets_match (const guint8 *a, const guint8 *b, guint prefix)
{
  guint whole = prefix / 8, rest = prefix % 8;

  return memcmp (a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static gboolean
network_has_host_bits (const Network *network)
{
  for (guint bit = network->prefix; bit < ip_get_bits (&network->ip); bit++)
    if (network->ip.octets[bit / 8] & (0x80 >> bit % 8))
      return TRUE;
  return FALSE;
}

static gboolean
network_parse (const char *text, Network *out, GError **error)
{
  const char *slash = strchr (text, '/');
  g_autofree char *address = slash != NULL ? g_strndup (text, (gsize) (slash - text)) : g_strdup (text);
  guint64 prefix;

  if (strchr (address, '%') != NULL || !cf_ip_parse (address, &out->ip)) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT,
                 "'%s' is no network: it looks like 192.0.2.0/24, 2001:db8::/32, or an address", text);
    return FALSE;
  }
  prefix = ip_get_bits (&out->ip);
  if (slash != NULL && !g_ascii_string_to_unsigned (slash + 1, 10, 0, prefix, &prefix, NULL)) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "'%s' is no network: behind '/' comes a number up to %u",
                 text, ip_get_bits (&out->ip));
    return FALSE;
  }
  out->prefix = (guint) prefix;
  if (!network_has_host_bits (out))
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT,
               "'%s' is no network: the address has bits beyond the first %u", text, out->prefix);
  return FALSE;
}

CfIpNetworks *
cf_ip_networks_parse (char *const *list, GError **error)
{
  guint n = g_strv_length ((char **) list);
  g_autoptr (CfIpNetworks) networks = g_malloc0 (sizeof (CfIpNetworks) + n * sizeof (Network));

  for (; networks->n < n; networks->n++)
    if (!network_parse (list[networks->n], &networks->networks[networks->n], error))
      return NULL;
  return g_steal_pointer (&networks);
}

void
cf_ip_networks_free (CfIpNetworks *networks)
{
  g_free (networks);
}

gboolean
cf_ip_networks_contain (const CfIpNetworks *networks, const CfIp *ip)
{
  for (guint i = 0; networks != NULL && i < networks->n; i++) {
    const Network *network = &networks->networks[i];

    if (network->ip.family == ip->family && octets_match (network->ip.octets, ip->octets, network->prefix))
      return TRUE;
  }
  return FALSE;
}
