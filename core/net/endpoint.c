/* core/net/endpoint.c - listen texts and socket addresses, from and to text. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "net/private.h"

/* ---- Listen texts ---------------------------------------------------------------------------------- */

static gboolean
endpoint_fail (const char *text, const char *cause, GError **error)
{
  g_set_error (error, CF_ERROR, CF_ERROR_BAD, "\"%s\" is not a listen address: %s", text, cause);
  return FALSE;
}

/* @scheme is "NAME", "NAMEs" (TLS) or, for a unix socket, "NAME+unix". */
static gboolean
endpoint_set_scheme (CfEndpoint *endpoint, const char *scheme, const CfProtocol *const *protocols)
{
  for (guint i = 0; protocols[i]; i++) {
    const char *name = protocols[i]->name;
    const char *rest = g_str_has_prefix (scheme, name) ? scheme + strlen (name) : "?";

    if (strcmp (rest, "") != 0 && strcmp (rest, "s") != 0)
      continue;
    endpoint->protocol = protocols[i];
    endpoint->tls = *rest == 's';
    return TRUE;
  }
  return FALSE;
}

static gboolean
endpoint_parse_unix (CfEndpoint *endpoint, const char *text, const char *colon, const char *scheme,
                     const CfProtocol *const *protocols, GError **error)
{
  struct sockaddr_un sun;

  if (!endpoint_set_scheme (endpoint, scheme, protocols) || endpoint->tls)
    return endpoint_fail (text, "unknown protocol", error);
  endpoint->path = g_strdup (colon + 1);
  if (!g_path_is_absolute (endpoint->path))
    return endpoint_fail (text, "the path of a unix socket starts with \"/\"", error);
  if (strlen (endpoint->path) >= sizeof sun.sun_path)
    return endpoint_fail (text, "the path is too long for a unix socket", error);
  return TRUE;
}

static gboolean
endpoint_parse_port (CfEndpoint *endpoint, const char *text, const char *port, GError **error)
{
  g_autofree char *digits = g_strndup (port, strlen (port) - (g_str_has_suffix (port, "/") ? 1 : 0));
  guint64 value;

  if (!g_ascii_string_to_unsigned (digits, 10, 0, 65535, &value, NULL))
    return endpoint_fail (text, "the port is a number from 0 to 65535", error);
  endpoint->port = (guint16) value;
  return TRUE;
}

static gboolean
endpoint_parse_host (CfEndpoint *endpoint, const char *text, const char *authority, GError **error)
{
  const char *end = *authority == '[' ? strchr (authority, ']') : authority + strcspn (authority, ":");
  const char *rest;

  if (end == NULL)
    return endpoint_fail (text, "missing \"]\"", error);
  rest = *authority == '[' ? end + 1 : end;
  if (*authority == '[')
    authority++;
  if (strcspn (authority, "/?#@ ") < (gsize) (end - authority))
    return endpoint_fail (text, "not a host name or address", error);
  if (end > authority)
    endpoint->host = g_strndup (authority, (gsize) (end - authority));

  if (strcmp (rest, "") == 0 || strcmp (rest, "/") == 0) {
    endpoint->port = endpoint->tls ? endpoint->protocol->tls_port : endpoint->protocol->port;
    return endpoint->port != 0 || endpoint_fail (text, "a port is needed", error);
  }
  if (*rest != ':')
    return endpoint_fail (text, "only a port can follow the host (an IPv6 address is written in [])", error);
  return endpoint_parse_port (endpoint, text, rest + 1, error);
}

/* Cuts @suffix off @scheme. FALSE: it does not end so. */
static gboolean
take_suffix (char *scheme, const char *suffix)
{
  if (!g_str_has_suffix (scheme, suffix))
    return FALSE;
  scheme[strlen (scheme) - strlen (suffix)] = '\0';
  return TRUE;
}

gboolean
cf_endpoint_parse (const char *text, const CfProtocol *const *protocols, CfEndpoint *out, GError **error)
{
  g_auto (CfEndpoint) endpoint = { 0 };
  const char *colon = strchr (text, ':');
  g_autofree char *scheme = colon != NULL ? g_strndup (text, (gsize) (colon - text)) : NULL;
  gboolean unix_socket;

  if (scheme == NULL)
    return endpoint_fail (text, "it looks like imap://HOST:PORT or unix:/PATH", error);
  unix_socket = strcmp (scheme, "unix") == 0 || take_suffix (scheme, "+unix");
  endpoint.proxied = take_suffix (scheme, "+proxy");
  if (unix_socket) {
    const char *name = strcmp (scheme, "unix") == 0 ? "control" : scheme;

    if (!endpoint_parse_unix (&endpoint, text, colon, name, protocols, error))
      return FALSE;
  } else {
    if (!g_str_has_prefix (colon, "://"))
      return endpoint_fail (text, "it looks like imap://HOST:PORT or unix:/PATH", error);
    if (!endpoint_set_scheme (&endpoint, scheme, protocols))
      return endpoint_fail (text, "unknown protocol", error);
    if (!endpoint_parse_host (&endpoint, text, colon + 3, error))
      return FALSE;
  }
  *out = endpoint;
  endpoint = (CfEndpoint){ 0 };
  return TRUE;
}

void
cf_endpoint_clear (CfEndpoint *endpoint)
{
  g_free (endpoint->path);
  g_free (endpoint->host);
  *endpoint = (CfEndpoint){ 0 };
}

gboolean
cf_net_check_listen (const char *text, const CfProtocol *const *protocols, CfNetListenNeeds *out_needs,
                     GError **error)
{
  g_auto (CfEndpoint) endpoint = { 0 };

  if (!cf_endpoint_parse (text, protocols, &endpoint, error))
    return FALSE;
  out_needs->tls = endpoint.tls;
  out_needs->proxies = endpoint.proxied && endpoint.path == NULL;
  return TRUE;
}

/* ---- Socket addresses ------------------------------------------------------------------------------ */

GArray *
cf_endpoint_resolve (const CfEndpoint *endpoint, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, TRUE, sizeof (CfSockaddr));
  struct addrinfo hints
      = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
  struct addrinfo *list = NULL;
  char port[8];
  int result;

  if (endpoint->path != NULL) {
    CfSockaddr sa = { 0 };
    struct sockaddr_un *sun = (struct sockaddr_un *) &sa.storage;

    sun->sun_family = AF_UNIX;
    g_strlcpy (sun->sun_path, endpoint->path, sizeof sun->sun_path);
    sa.length = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (endpoint->path) + 1);
    g_array_append_val (found, sa);
    return g_steal_pointer (&found);
  }

  g_snprintf (port, sizeof port, "%u", endpoint->port);
  result = getaddrinfo (endpoint->host, port, &hints, &list);
  if (result != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Host \"%s\": %s",
                 endpoint->host != NULL ? endpoint->host : "",
                 result == EAI_SYSTEM ? g_strerror (errno) : gai_strerror (result));
    return NULL;
  }
  for (struct addrinfo *at = list; at; at = at->ai_next) {
    CfSockaddr sa = { .length = at->ai_addrlen };

    memcpy (&sa.storage, at->ai_addr, at->ai_addrlen);
    g_array_append_val (found, sa);
  }
  freeaddrinfo (list);
  return g_steal_pointer (&found);
}

gboolean
cf_sockaddr_equal (const CfSockaddr *a, const CfSockaddr *b)
{
  const struct sockaddr_in *a4 = (const struct sockaddr_in *) &a->storage;
  const struct sockaddr_in *b4 = (const struct sockaddr_in *) &b->storage;
  const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *) &a->storage;
  const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *) &b->storage;

  if (a->storage.ss_family != b->storage.ss_family)
    return FALSE;
  switch (a->storage.ss_family) {
  case AF_INET:
    return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
  case AF_INET6:
    return a6->sin6_port == b6->sin6_port && a6->sin6_scope_id == b6->sin6_scope_id
           && memcmp (&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
  case AF_UNIX:
    return strcmp (((const struct sockaddr_un *) &a->storage)->sun_path,
                   ((const struct sockaddr_un *) &b->storage)->sun_path)
           == 0;
  default:
    return FALSE;
  }
}

/* The IPv4 address in "::ffff:192.0.2.1", which a dual-stack socket handed down by others can show;
 * else as is. */
static CfSockaddr
sockaddr_unmap (const CfSockaddr *address)
{
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &address->storage;
  CfSockaddr plain = { .length = sizeof (struct sockaddr_in) };
  struct sockaddr_in *in4 = (struct sockaddr_in *) &plain.storage;

  if (address->storage.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr))
    return *address;
  in4->sin_family = AF_INET;
  in4->sin_port = in6->sin6_port;
  memcpy (&in4->sin_addr, in6->sin6_addr.s6_addr + 12, 4);
  return plain;
}

char *
cf_sockaddr_to_string (const CfSockaddr *address, gboolean with_port)
{
  CfSockaddr plain = sockaddr_unmap (address);
  char host[NI_MAXHOST], port[NI_MAXSERV];

  if (plain.storage.ss_family == AF_UNIX)
    return g_strdup (((const struct sockaddr_un *) &plain.storage)->sun_path);
  if (getnameinfo ((const struct sockaddr *) &plain.storage, plain.length, host, sizeof host, port,
                   sizeof port, NI_NUMERICHOST | NI_NUMERICSERV)
      != 0)
    return g_strdup ("unknown");
  if (!with_port)
    return g_strdup (host);
  return g_strdup_printf (plain.storage.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

gboolean
cf_sockaddr_is_local (const CfSockaddr *address)
{
  CfSockaddr plain = sockaddr_unmap (address);
  const struct sockaddr_in *in4 = (const struct sockaddr_in *) &plain.storage;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) &plain.storage;

  switch (plain.storage.ss_family) {
  case AF_UNIX:
    return TRUE;
  case AF_INET:
    return ntohl (in4->sin_addr.s_addr) >> 24 == 127;
  case AF_INET6:
    return IN6_IS_ADDR_LOOPBACK (&in6->sin6_addr);
  default:
    return FALSE;
  }
}
