/* core/base/ip.h - IP addresses as they are counted, and lists of networks as the configuration has them. */
#ifndef CF_BASE_IP_H
#define CF_BASE_IP_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* An address. "::ffff:192.0.2.1" is the IPv4 address in it. Octets beyond the family's own are zero. */
typedef struct {
  guint8 family; /* 4 or 6 */
  guint8 octets[16];
} CfIp;

/* Without port and brackets; a zone ("fe80::1%eth0") is passed over. FALSE: not an IP address. */
gboolean cf_ip_parse (const char *text, CfIp *out);
/* The address of a peer as sessions have it: "192.0.2.1:50000", "[2001:db8::1]:50000". FALSE: it has none, as
 * "unix". */
gboolean cf_ip_parse_peer (const char *peer, CfIp *out);
gboolean cf_ip_equal (const CfIp *a, const CfIp *b);
/* What counts as one peer: an IPv4 address, or the first 64 bits of an IPv6 address, as a host takes others
 * of these at will. */
CfIp cf_ip_get_site (const CfIp *ip);
/* "192.0.2.1", "2001:db8::1". The caller frees. */
char *cf_ip_to_string (const CfIp *ip);
/* "192.0.2.1", or "2001:db8:0:1::/64" for what cf_ip_get_site() gave. The caller frees. */
char *cf_ip_site_to_string (const CfIp *site);

typedef struct _CfIpNetworks CfIpNetworks; /* immutable */

/* Each of @list, which ends with NULL, is "192.0.2.0/24", "2001:db8::/32", or an address alone.
 * CF_ERROR_CANNOT names the first that is none. The caller frees. */
CfIpNetworks *cf_ip_networks_parse (char *const *list, GError **error);
void cf_ip_networks_free (CfIpNetworks *networks);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfIpNetworks, cf_ip_networks_free)

/* @networks may be NULL: none. */
gboolean cf_ip_networks_contain (const CfIpNetworks *networks, const CfIp *ip);

G_END_DECLS

#endif
