/* core/net/tls.c - TLS by GnuTLS, on non-blocking sockets.
 *
 * Credentials are a reference counted object: a reload swaps the net's, and connections keep the one they
 * began with. TLS 1.2 or later; session tickets on, with one master key for the process (GnuTLS rotates the
 * keys it derives from it); renegotiation ends the connection, as no client needs it and it invites trouble.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "net/private.h"

struct _CfTlsCredentials {
  _Atomic guint refs;
  gnutls_certificate_credentials_t certificate;
  gnutls_priority_t priorities;
  gboolean ask_client;
  gnutls_datum_t ticket_key; /* borrowed from the net */
};

struct _CfTls {
  gnutls_session_t session;
  CfTlsCredentials *credentials;
  gboolean send_again;  /* GnuTLS has a record that the kernel did not take */
  gboolean wants_write; /* a handshake or a receive waits for room to write */
  gboolean client_verified;
};

/* ---- Credentials ----------------------------------------------------------------------------------- */

void
cf_tls_credentials_unref (CfTlsCredentials *credentials)
{
  if (atomic_fetch_sub (&credentials->refs, 1) > 1)
    return;
  if (credentials->certificate != NULL)
    gnutls_certificate_free_credentials (credentials->certificate);
  if (credentials->priorities != NULL)
    gnutls_priority_deinit (credentials->priorities);
  g_free (credentials);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfTlsCredentials, cf_tls_credentials_unref)

static gboolean
check (int result, const char *what, const char *file, GError **error)
{
  if (result >= 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "%s %s: %s", what, file, gnutls_strerror (result));
  return FALSE;
}

/* GnuTLS says neither which file it was nor why. */
static gboolean
check_readable (const char *what, const char *file, GError **error)
{
  if (g_access (file, R_OK) == 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "%s %s: %s", what, file, g_strerror (errno));
  return FALSE;
}

static CfTlsCredentials *
credentials_load (const CfTlsConfig *config, GError **error)
{
  g_autoptr (CfTlsCredentials) credentials = g_new0 (CfTlsCredentials, 1);
  const char *priorities = config->priorities != NULL ? config->priorities : CF_TLS_PRIORITIES_DEFAULT;
  const char *key = config->key != NULL ? config->key : config->certificate;
  const char *at = NULL;
  int n;

  credentials->refs = 1;
  if (!check_readable ("Certificate", config->certificate, error) || !check_readable ("Key", key, error)
      || !check (gnutls_certificate_allocate_credentials (&credentials->certificate), "TLS", "credentials",
                 error)
      || !check (gnutls_certificate_set_x509_key_file (credentials->certificate, config->certificate, key,
                                                       GNUTLS_X509_FMT_PEM),
                 "Certificate or key", config->certificate, error)
      || !check (gnutls_certificate_set_known_dh_params (credentials->certificate, GNUTLS_SEC_PARAM_MEDIUM),
                 "TLS", "parameters", error)
      || !check (gnutls_priority_init (&credentials->priorities, priorities, &at), "TLS priorities, at",
                 at != NULL ? at : "", error))
    return NULL;
  if (config->client_ca == NULL)
    return g_steal_pointer (&credentials);

  n = gnutls_certificate_set_x509_trust_file (credentials->certificate, config->client_ca,
                                              GNUTLS_X509_FMT_PEM);
  if (!check (n == 0 ? GNUTLS_E_NO_CERTIFICATE_FOUND : n, "Client CA", config->client_ca, error))
    return NULL;
  credentials->ask_client = TRUE;
  return g_steal_pointer (&credentials);
}

gboolean
cf_net_set_tls (CfNet *net, const CfTlsConfig *config, GError **error)
{
  g_autoptr (CfTlsCredentials) fresh = credentials_load (config, error);
  gnutls_datum_t key;

  if (fresh == NULL)
    return FALSE;
  if (net->ticket_key == NULL) {
    if (!check (gnutls_session_ticket_key_generate (&key), "TLS", "session tickets", error))
      return FALSE;
    net->ticket_key = key.data;
    net->ticket_key_length = key.size;
  }
  fresh->ticket_key = (gnutls_datum_t){ net->ticket_key, net->ticket_key_length };

  pthread_mutex_lock (&net->tls_mutex);
  {
    CfTlsCredentials *old = net->tls_credentials;
    net->tls_credentials = fresh;
    fresh = old; /* unreffed on the way out */
  }
  pthread_mutex_unlock (&net->tls_mutex);
  atomic_store (&net->has_tls, TRUE);
  return TRUE;
}

gboolean
cf_net_has_tls (CfNet *net)
{
  return atomic_load (&net->has_tls);
}

void
cf_tls_clear_ticket_key (CfNet *net)
{
  if (net->ticket_key != NULL)
    gnutls_memset (net->ticket_key, 0, net->ticket_key_length);
  gnutls_free (net->ticket_key);
  net->ticket_key = NULL;
}

/* ---- Sessions -------------------------------------------------------------------------------------- */

void
cf_tls_free (CfTls *tls)
{
  if (tls->session != NULL)
    gnutls_deinit (tls->session);
  g_clear_pointer (&tls->credentials, cf_tls_credentials_unref);
  g_free (tls);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfTls, cf_tls_free)

/* The server's side of a session on @fd; NULL: no credentials, or no memory in GnuTLS. */
CfTls *
cf_tls_new (CfNet *net, int fd)
{
  g_autoptr (CfTls) tls = g_new0 (CfTls, 1);

  pthread_mutex_lock (&net->tls_mutex);
  tls->credentials = net->tls_credentials;
  if (tls->credentials != NULL)
    atomic_fetch_add (&tls->credentials->refs, 1);
  pthread_mutex_unlock (&net->tls_mutex);

  if (tls->credentials == NULL
      || gnutls_init (&tls->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0
      || gnutls_priority_set (tls->session, tls->credentials->priorities) < 0
      || gnutls_credentials_set (tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials->certificate) < 0
      || gnutls_session_ticket_enable_server (tls->session, &tls->credentials->ticket_key) < 0)
    return NULL;
  if (tls->credentials->ask_client)
    gnutls_certificate_server_set_request (tls->session, GNUTLS_CERT_REQUEST);
  gnutls_handshake_set_timeout (tls->session, 0); /* the connection has its own */
  gnutls_transport_set_int (tls->session, fd);
  return g_steal_pointer (&tls);
}

static gboolean
tls_must_wait (CfTls *tls, int result)
{
  if (result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED)
    return FALSE;
  tls->wants_write = gnutls_record_get_direction (tls->session) == 1;
  return TRUE;
}

static void
tls_verify_client (CfTls *tls)
{
  gnutls_typed_vdata_st purpose
      = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *) GNUTLS_KP_TLS_WWW_CLIENT };
  unsigned int status = 0;

  tls->client_verified = tls->credentials->ask_client
                         && gnutls_certificate_verify_peers (tls->session, &purpose, 1, &status) >= 0
                         && status == 0;
}

/* One go at the handshake: 1 done, 0 wait for cf_tls_wants_write() or else input, -1
 * failed, with *@out_cause. */
int
cf_tls_handshake (CfTls *tls, const char **out_cause)
{
  int result;

  tls->wants_write = FALSE;
  do
    result = gnutls_handshake (tls->session);
  while (result < 0 && result != GNUTLS_E_AGAIN && result != GNUTLS_E_INTERRUPTED
         && !gnutls_error_is_fatal (result));

  if (result == GNUTLS_E_SUCCESS) {
    tls_verify_client (tls);
    return 1;
  }
  if (tls_must_wait (tls, result))
    return 0;
  *out_cause = gnutls_strerror (result);
  gnutls_alert_send_appropriate (tls->session, result);
  return -1;
}

gssize
cf_tls_recv (CfTls *tls, void *buffer, gsize size)
{
  gssize n;

  tls->wants_write = FALSE;
  do
    n = gnutls_record_recv (tls->session, buffer, size);
  while (n == GNUTLS_E_WARNING_ALERT_RECEIVED);

  if (n >= 0)
    return n;
  if (tls_must_wait (tls, (int) n)) {
    errno = EAGAIN;
    return -1;
  }
  /* Many clients end without close_notify; IMAP has its own end marks. */
  if (n == GNUTLS_E_PREMATURE_TERMINATION)
    return 0;
  if (n == GNUTLS_E_REHANDSHAKE)
    gnutls_alert_send (tls->session, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
  errno = EPROTO;
  return -1;
}

gssize
cf_tls_send (CfTls *tls, const void *data, gsize size)
{
  gssize n;

  /* After EAGAIN the record exists already: it is sent first, and its size answered now. */
  n = gnutls_record_send (tls->session, tls->send_again ? NULL : data, tls->send_again ? 0 : size);
  tls->send_again = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED;
  if (n >= 0)
    return n;
  errno = tls->send_again ? EAGAIN : EPIPE;
  return -1;
}

/* Octets that cf_tls_recv() gives without reading from the socket, for which no event comes. */
gsize
cf_tls_get_pending (CfTls *tls)
{
  return gnutls_record_check_pending (tls->session);
}

gboolean
cf_tls_wants_write (CfTls *tls)
{
  return tls->wants_write;
}

/* Sends close_notify: 1 sent, 0 wait for room, -1 broken. */
int
cf_tls_bye (CfTls *tls)
{
  int result = gnutls_bye (tls->session, GNUTLS_SHUT_WR);

  if (result == GNUTLS_E_SUCCESS)
    return 1;
  return result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED ? 0 : -1;
}

/* ---- What protocols may ask ------------------------------------------------------------------------ */

gboolean
cf_conn_is_tls (CfConn *conn)
{
  return conn->tls != NULL;
}

char *
cf_conn_dup_tls_description (CfConn *conn)
{
  g_autofree char *text = NULL;
  char *description = conn->tls != NULL ? gnutls_session_get_desc (conn->tls->session) : NULL;

  text = g_strdup (description);
  gnutls_free (description);
  return g_steal_pointer (&text);
}

GBytes *
cf_conn_dup_channel_binding (CfConn *conn, const char *type)
{
  static const struct {
    const char *name;
    gnutls_channel_binding_t type;
  } types[] = {
    { "tls-exporter", GNUTLS_CB_TLS_EXPORTER },
    { "tls-unique", GNUTLS_CB_TLS_UNIQUE },
    { "tls-server-end-point", GNUTLS_CB_TLS_SERVER_END_POINT },
  };
  gnutls_datum_t data = { 0 };
  GBytes *bytes;

  if (conn->tls == NULL)
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    if (strcmp (types[i].name, type) != 0)
      continue;
    if (types[i].type == GNUTLS_CB_TLS_UNIQUE
        && gnutls_protocol_get_version (conn->tls->session) >= GNUTLS_TLS1_3)
      return NULL; /* not defined there: RFC 8446, appendix C.5 */
    if (gnutls_session_channel_binding (conn->tls->session, types[i].type, &data) < 0)
      return NULL;
    bytes = g_bytes_new (data.data, data.size);
    gnutls_free (data.data);
    return bytes;
  }
  return NULL;
}

const guint8 *
cf_conn_get_peer_certificate (CfConn *conn, gsize *out_length)
{
  const gnutls_datum_t *chain;
  unsigned int n = 0;

  if (conn->tls == NULL || !conn->tls->client_verified)
    return NULL;
  chain = gnutls_certificate_get_peers (conn->tls->session, &n);
  if (chain == NULL || n == 0)
    return NULL;
  *out_length = chain[0].size;
  return chain[0].data;
}
