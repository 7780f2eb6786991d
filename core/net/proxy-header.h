/* core/net/proxy-header.h - the header of the PROXY protocol, version 2 (haproxy,
 * doc/proxy-protocol.txt, 2.2): what a proxy tells of the client it speaks for, before the client's first
 * octet.
 *
 * Parsing alone: no sockets, no trust. Any thread.
 */
#ifndef CF_PROXY_HEADER_H
#define CF_PROXY_HEADER_H

#include <sys/socket.h>

#include <glib.h>

G_BEGIN_DECLS

#define CF_PROXY_HEADER_MIN 16
#define CF_PROXY_HEADER_MAX 4096 /* octets; real ones have a few hundred at most */

typedef struct {
  /* AF_INET, AF_INET6, AF_UNIX: the client's. AF_UNSPEC: the proxy speaks for itself (LOCAL), or for somebody
   * it cannot name; the connection's own address holds. */
  sa_family_t family;
  struct sockaddr_storage source; /* of AF_INET and AF_INET6 */
  gboolean tls;                   /* the client came to the proxy by TLS (PP2_TYPE_SSL) */
} CfProxyHeader;

typedef enum {
  CF_PROXY_MORE, /* the header's beginning: read on until there are *@out_needed octets */
  CF_PROXY_DONE,
  CF_PROXY_BAD, /* not a header, or not one to believe; *@out_cause says why */
} CfProxyResult;

/* @data: what has come so far, and nothing beyond the header, which MORE makes sure of: with no octets yet it
 * asks for CF_PROXY_HEADER_MIN. */
CfProxyResult cf_proxy_header_parse (const guint8 *data, gsize length, CfProxyHeader *out, gsize *out_needed,
                                     const char **out_cause);

/* Whether @data, a client's first octets, are rather those of a proxy that was told to send a header, of
 * either version. */
gboolean cf_proxy_header_is_there (const guint8 *data, gsize length);

G_END_DECLS

#endif
