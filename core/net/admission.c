/* core/net/admission.c - who may connect: how many connections an address may have, and which are proxies.
 *
 * Asked by a connection's first turn, before TLS, so that a flood from one address costs no handshakes. What
 * is counted is given back where the connection's slot is, which every end comes through.
 */
#include <string.h>
#include <sys/socket.h>

#include "base/ip.h"
#include "net/private.h"

struct _CfAdmission {
  CfTally *tally;
  _Atomic guint per_address; /* 0: no limit */
  pthread_mutex_t mutex;     /* of the pointers below, for as long as they are looked at */
  CfIpNetworks *trusted, *proxies;
  _Atomic gboolean believe_tls;
};

CfAdmission *
cf_admission_new (void)
{
  CfAdmission *admission = g_new0 (CfAdmission, 1);

  admission->tally = cf_tally_new (NULL);
  pthread_mutex_init (&admission->mutex, NULL);
  return admission;
}

void
cf_admission_free (CfAdmission *admission)
{
  cf_tally_free (admission->tally);
  cf_ip_networks_free (admission->trusted);
  cf_ip_networks_free (admission->proxies);
  pthread_mutex_destroy (&admission->mutex);
  g_free (admission);
}

static gboolean
admission_set_networks (CfAdmission *admission, CfIpNetworks **place, char *const *list, GError **error)
{
  CfIpNetworks *fresh = NULL, *old;

  if (list != NULL && (fresh = cf_ip_networks_parse (list, error)) == NULL)
    return FALSE;
  pthread_mutex_lock (&admission->mutex);
  old = *place;
  *place = fresh;
  pthread_mutex_unlock (&admission->mutex);
  cf_ip_networks_free (old);
  return TRUE;
}

gboolean
cf_net_set_limits (CfNet *net, const CfNetLimits *limits, GError **error)
{
  if (!admission_set_networks (net->admission, &net->admission->trusted, limits->trusted, error))
    return FALSE;
  atomic_store (&net->admission->per_address, limits->per_address);
  return TRUE;
}

gboolean
cf_net_set_proxies (CfNet *net, const CfNetProxies *proxies, GError **error)
{
  if (!admission_set_networks (net->admission, &net->admission->proxies, proxies->networks, error))
    return FALSE;
  atomic_store (&net->admission->believe_tls, proxies->believe_tls);
  return TRUE;
}

static gboolean
admission_contains (CfAdmission *admission, CfIpNetworks *const *place, const CfIp *ip)
{
  gboolean contains;

  pthread_mutex_lock (&admission->mutex);
  contains = cf_ip_networks_contain (*place, ip);
  pthread_mutex_unlock (&admission->mutex);
  return contains;
}

gboolean
cf_admission_is_proxy (CfConn *conn, gboolean *out_tls)
{
  CfAdmission *admission = conn->net->admission;
  CfIp ip;

  *out_tls = atomic_load (&admission->believe_tls);
  if (strcmp (conn->peer.address, "unix") == 0)
    return TRUE;
  return cf_ip_parse (conn->peer.address, &ip) && admission_contains (admission, &admission->proxies, &ip);
}

/* ---- Counting ---------------------------------------------------------------------------------------- */

/* A peer without an IP address is on a unix socket, which its permissions guard; a proxy that speaks for
 * nobody only asks how the server does. */
gboolean
cf_admission_enter (CfConn *conn)
{
  CfAdmission *admission = conn->net->admission;
  guint max = atomic_load (&admission->per_address), n_log;
  CfIp ip, site;

  if (!cf_ip_parse (conn->peer.address, &ip) || (conn->proxied && conn->peer.proxy == NULL))
    return TRUE;
  if (max != 0 && admission_contains (admission, &admission->trusted, &ip))
    max = 0;
  site = cf_ip_get_site (&ip);
  conn->tally_entry = cf_tally_enter (admission->tally, &site, sizeof site, max, &n_log);
  if (conn->tally_entry != NULL)
    return TRUE;
  if (n_log > 0) {
    g_autofree char *address = cf_ip_site_to_string (&site);

    g_warning (
        "%u connection%s from %s refused: it has %u already, as many as connections_per_address allows; "
        "more of it are not logged for a minute",
        n_log, n_log == 1 ? "" : "s", address, max);
  }
  return FALSE;
}

void
cf_admission_leave (CfConn *conn)
{
  if (conn->tally_entry != NULL)
    cf_tally_leave (conn->net->admission->tally, conn->tally_entry);
  conn->tally_entry = NULL;
}

gboolean
cf_admission_note_refusal (CfConn *conn, char kind)
{
  struct {
    CfIp site;
    char kind;
  } key = { .kind = kind };
  CfIp ip = { 0 };
  guint n_log;

  if (cf_ip_parse (conn->peer.address, &ip))
    key.site = cf_ip_get_site (&ip);
  cf_tally_refuse (conn->net->admission->tally, &key, sizeof key, &n_log);
  return n_log > 0;
}

/* Says why, where that can be said in clear, and no more: to linger for a client like this one would be what
 * the limit is to prevent. Input that is there already is taken first, as closing would send a reset
 * otherwise. */
void
cf_admission_refuse (CfConn *conn)
{
  const char *text = conn->card.protocol->refusal;
  char waste[4096];

  if (text == NULL || conn->implicit_tls)
    return;
  (void) !recv (conn->fd, waste, sizeof waste, MSG_DONTWAIT);
  (void) !send (conn->fd, text, strlen (text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void
cf_admission_get_counters (CfAdmission *admission, CfNetCounters *out)
{
  CfTallyCounters counters;

  cf_tally_get_counters (admission->tally, &counters);
  out->addresses = counters.keys;
  out->refused = counters.refused;
}
