/* core/net/proxy.c - connections of proxies, which say first for whom they speak (PROXY protocol, version 2).
 *
 * Only a listener that is for proxies reads a header, and then every connection must have one: whoever could
 * choose would choose his address. The header is read to its last octet and no further, as what follows may
 * be TLS, which reads for itself.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/private.h"
#include "net/proxy-header.h"

/* Kinds of refusals that are logged apart. */
enum { REFUSED_STRANGER = 's', REFUSED_HEADER = 'h', REFUSED_TIMEOUT = 't', REFUSED_MISDIRECTED = 'm' };

static CfProxyStep
proxy_refuse (CfConn *conn, char kind, const char *cause)
{
  if (cf_admission_note_refusal (conn, kind))
    g_warning ("[%" G_GUINT64_FORMAT
               "] Refused %s on a listener for proxies: %s; more of this address are not "
               "logged for a minute",
               conn->card.id, conn->peer.text, cause);
  return CF_PROXY_STEP_DEAD;
}

CfProxyStep
cf_proxy_begin (CfConn *conn)
{
  gboolean believe_tls;

  conn->peer.local = FALSE;
  conn->peer.uid = -1;
  if (cf_admission_is_proxy (conn, &believe_tls))
    return CF_PROXY_STEP_DONE;
  return proxy_refuse (conn, REFUSED_STRANGER, "it is not in proxy_networks");
}

void
cf_proxy_time_out (CfConn *conn)
{
  proxy_refuse (conn, REFUSED_TIMEOUT, "the PROXY header did not come in time");
}

static CfProxyStep
proxy_accept (CfConn *conn, const CfProxyHeader *header)
{
  CfSockaddr source = { .storage = header->source };
  gboolean believe_tls;

  cf_buffer_clear (&conn->in, conn->worker);
  if (header->family == AF_UNSPEC)
    return CF_PROXY_STEP_DONE;
  source.length = header->family == AF_INET ? sizeof (struct sockaddr_in) : sizeof (struct sockaddr_in6);
  cf_admission_is_proxy (conn, &believe_tls);
  cf_conn_set_peer (conn, header->family == AF_UNIX ? NULL : &source, header->tls && believe_tls);
  return CF_PROXY_STEP_DONE;
}

/* Reads up to @needed octets in all. READ: none were there. */
static CfProxyStep
proxy_receive (CfConn *conn, gsize needed)
{
  gsize room = needed - cf_buffer_get_length (&conn->in);
  guint8 *place = cf_buffer_reserve (&conn->in, conn->worker, room);
  gssize n = recv (conn->fd, place, room, 0);

  if (n > 0) {
    conn->in.end += (gsize) n;
    return CF_PROXY_STEP_DONE;
  }
  if (n < 0)
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? CF_PROXY_STEP_READ
                                                                     : CF_PROXY_STEP_DEAD;
  /* Connecting and going is how some look whether anybody is there. */
  if (cf_buffer_get_length (&conn->in) == 0)
    return CF_PROXY_STEP_DEAD;
  return proxy_refuse (conn, REFUSED_HEADER, "the PROXY header broke off");
}

CfProxyStep
cf_proxy_read (CfConn *conn)
{
  CfProxyHeader header;
  const char *cause;
  gsize needed;

  for (;;) {
    gsize length = cf_buffer_get_length (&conn->in);
    CfProxyStep step;

    switch (cf_proxy_header_parse (conn->in.data + conn->in.start, length, &header, &needed, &cause)) {
    case CF_PROXY_DONE:
      return proxy_accept (conn, &header);
    case CF_PROXY_BAD:
      return proxy_refuse (conn, REFUSED_HEADER, cause);
    case CF_PROXY_MORE:
      break;
    }
    step = proxy_receive (conn, needed);
    if (step != CF_PROXY_STEP_DONE)
      return step;
  }
}

/* Else all clients behind that proxy would be taken for the proxy itself, and nobody would notice. */
gboolean
cf_proxy_is_misdirected (CfConn *conn)
{
  if (!cf_proxy_header_is_there (conn->in.data + conn->in.start, cf_buffer_get_length (&conn->in)))
    return FALSE;
  if (cf_admission_note_refusal (conn, REFUSED_MISDIRECTED))
    g_warning ("[%" G_GUINT64_FORMAT
               "] Refused %s: it sends a PROXY header, but the listener is not for proxies "
               "(imap+proxy://...); more of this address are not logged for a minute",
               conn->card.id, conn->peer.text);
  return TRUE;
}
