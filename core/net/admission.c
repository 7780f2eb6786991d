/* core/net/admission.c - who may connect: how many connections an address may have.
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
  CfIpNetworks *trusted;
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
  pthread_mutex_destroy (&admission->mutex);
  g_free (admission);
}

gboolean
cf_net_set_limits (CfNet *net, const CfNetLimits *limits, GError **error)
{
  CfAdmission *admission = net->admission;
  g_autoptr (CfIpNetworks) trusted = NULL;

  if (limits->trusted != NULL && (trusted = cf_ip_networks_parse (limits->trusted, error)) == NULL)
    return FALSE;
  atomic_store (&admission->per_address, limits->per_address);
  pthread_mutex_lock (&admission->mutex);
  {
    CfIpNetworks *old = admission->trusted;
    admission->trusted = g_steal_pointer (&trusted);
    trusted = old; /* freed on the way out */
  }
  pthread_mutex_unlock (&admission->mutex);
  return TRUE;
}

static gboolean
admission_trusts (CfAdmission *admission, const CfIp *ip)
{
  gboolean trusted;

  pthread_mutex_lock (&admission->mutex);
  trusted = cf_ip_networks_contain (admission->trusted, ip);
  pthread_mutex_unlock (&admission->mutex);
  return trusted;
}

/* Counts @conn for its address. FALSE: that one has too many. A peer without an IP address is on a unix
 * socket, which its permissions guard. */
gboolean
cf_admission_enter (CfConn *conn)
{
  CfAdmission *admission = conn->net->admission;
  guint max = atomic_load (&admission->per_address), n_log;
  CfIp ip, site;

  if (!cf_ip_parse (conn->peer.address, &ip))
    return TRUE;
  if (max != 0 && admission_trusts (admission, &ip))
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
