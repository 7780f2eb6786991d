/* tests/load/conn.c - a blocking connection, in clear or under TLS (conn.h).
 *
 * The certificate is not verified: what is tested is the server, not the way to it.
 */
#include "conn.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOG_LINES  60
#define LOG_OCTETS 400 /* of a line */
#define PATIENCE   60  /* seconds for an answer */

struct Conn {
  int fd;
  gnutls_session_t tls;
  gnutls_certificate_credentials_t credentials;
  char buffer[16384];
  gsize at, end;
  char *trouble;
  gint64 opened;
  char *log[LOG_LINES];
  guint logged;
};

/* ---- The dialogue ---- */

static void
log_add (Conn *conn, const char *side, const char *data, gsize length)
{
  g_autofree char *shown = NULL;
  g_autofree char *part = g_strndup (data, MIN (length, LOG_OCTETS));
  char **slot = &conn->log[conn->logged++ % LOG_LINES];

  for (char *c = part; *c != '\0'; c++)
    if (*c == '\r')
      *c = ' ';
  shown = g_strescape (part, "\"\\");
  g_free (*slot);
  *slot = g_strdup_printf ("%10.3f %s %s%s", (double) (g_get_monotonic_time () - conn->opened) / SECOND, side,
                           shown, length > LOG_OCTETS ? " ..." : "");
}

void
conn_note (Conn *conn, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  log_add (conn, "--", text, strlen (text));
}

void
conn_print_log (Conn *conn)
{
  guint first = conn->logged > LOG_LINES ? conn->logged - LOG_LINES : 0;

  for (guint i = first; i < conn->logged; i++)
    g_printerr ("  %s\n", conn->log[i % LOG_LINES]);
}

const char *
conn_get_trouble (Conn *conn)
{
  return conn->trouble != NULL ? conn->trouble : "the server closed the connection";
}

/* ---- Opening and closing ---- */

static int
connect_to (const Server *server, char **out_wrong)
{
  struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
  struct timeval patience = { PATIENCE, 0 };
  int fd, one = 1, status = getaddrinfo (server->host, server->port, &hints, &found);

  if (status != 0) {
    *out_wrong = g_strdup (gai_strerror (status));
    return -1;
  }
  fd = socket (found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect (fd, found->ai_addr, found->ai_addrlen) != 0) {
    *out_wrong = g_strdup (g_strerror (errno));
    if (fd >= 0)
      close (fd);
    fd = -1;
  } else {
    setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  freeaddrinfo (found);
  return fd;
}

static gboolean
start_tls (Conn *conn, char **out_wrong)
{
  int status;

  gnutls_certificate_allocate_credentials (&conn->credentials);
  gnutls_init (&conn->tls, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
  gnutls_set_default_priority (conn->tls);
  gnutls_credentials_set (conn->tls, GNUTLS_CRD_CERTIFICATE, conn->credentials);
  gnutls_transport_set_int (conn->tls, conn->fd);
  do
    status = gnutls_handshake (conn->tls);
  while (status < 0 && !gnutls_error_is_fatal (status) && status != GNUTLS_E_AGAIN);
  if (status < 0)
    *out_wrong = g_strdup_printf ("TLS handshake: %s", gnutls_strerror (status));
  return status >= 0;
}

Conn *
conn_open (const Server *server, char **out_wrong)
{
  int fd = connect_to (server, out_wrong);
  Conn *conn;

  if (fd < 0)
    return NULL;
  conn = g_new0 (Conn, 1);
  conn->fd = fd;
  conn->opened = g_get_monotonic_time ();
  conn_note (conn, "connected to %s", server->address);
  if (!server->tls || start_tls (conn, out_wrong))
    return conn;
  conn_close (conn, CONN_CLOSE_FIN);
  return NULL;
}

void
conn_close (Conn *conn, ConnClose how)
{
  struct linger reset = { 1, 0 };

  if (conn->tls != NULL && how == CONN_CLOSE_ORDERLY)
    gnutls_bye (conn->tls, GNUTLS_SHUT_WR);
  if (how == CONN_CLOSE_ABRUPT)
    setsockopt (conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close (conn->fd);
  if (conn->tls != NULL)
    gnutls_deinit (conn->tls);
  if (conn->credentials != NULL)
    gnutls_certificate_free_credentials (conn->credentials);
  for (guint i = 0; i < LOG_LINES; i++)
    g_free (conn->log[i]);
  g_free (conn->trouble);
  g_free (conn);
}

/* ---- Octets ---- */

static gboolean
fail (Conn *conn, const char *reason)
{
  g_free (conn->trouble);
  conn->trouble = g_strdup (reason);
  conn_note (conn, "%s", reason);
  return FALSE;
}

gboolean
conn_write (Conn *conn, const char *data, gsize length)
{
  log_add (conn, "C:", data, length);
  while (length > 0) {
    gssize n = conn->tls != NULL ? gnutls_record_send (conn->tls, data, length)
                                 : send (conn->fd, data, length, MSG_NOSIGNAL);

    if (conn->tls != NULL && n < 0 && (n == GNUTLS_E_INTERRUPTED || !gnutls_error_is_fatal (n)))
      continue;
    if (n < 0 && conn->tls == NULL && errno == EINTR)
      continue;
    if (n < 0)
      return fail (conn, conn->tls != NULL ? gnutls_strerror (n) : g_strerror (errno));
    data += n;
    length -= n;
  }
  return TRUE;
}

/* GnuTLS returns EAGAIN also for what carries no data, such as a session ticket; the clock tells. */
static gboolean
fill (Conn *conn)
{
  gint64 deadline = g_get_monotonic_time () + PATIENCE * SECOND;
  gssize n;

  do {
    errno = 0;
    n = conn->tls != NULL ? gnutls_record_recv (conn->tls, conn->buffer, sizeof conn->buffer)
                          : recv (conn->fd, conn->buffer, sizeof conn->buffer, 0);
    if (n == 0)
      return fail (conn, "the server closed the connection");
    if (n < 0 && (conn->tls != NULL ? gnutls_error_is_fatal (n) : errno != EINTR && errno != EAGAIN))
      return fail (conn, conn->tls != NULL ? gnutls_strerror (n) : g_strerror (errno));
    if (n < 0 && g_get_monotonic_time () >= deadline - SECOND)
      return fail (conn, "no answer for a minute");
  } while (n < 0);
  conn->at = 0;
  conn->end = n;
  return TRUE;
}

static gboolean
take (Conn *conn, GString *out, gsize length)
{
  while (length > 0) {
    gsize n;

    if (conn->at == conn->end && !fill (conn))
      return FALSE;
    n = MIN (length, conn->end - conn->at);
    g_string_append_len (out, conn->buffer + conn->at, n);
    conn->at += n;
    length -= n;
  }
  return TRUE;
}

/* Adds a line with its LF. */
static gboolean
take_line (Conn *conn, GString *out)
{
  for (;;) {
    const char *newline;

    if (conn->at == conn->end && !fill (conn))
      return FALSE;
    newline = memchr (conn->buffer + conn->at, '\n', conn->end - conn->at);
    if (newline != NULL)
      return take (conn, out, newline + 1 - (conn->buffer + conn->at));
    take (conn, out, conn->end - conn->at);
  }
}

/* Octets of the literal that the line announces at its end; FALSE: none. */
static gboolean
announces_literal (const GString *text, gsize start, gsize *out_length)
{
  gsize at = text->len - 3;
  char *after;

  if (text->len < start + 5 || text->str[at] != '}' || !g_str_has_suffix (text->str + at, "}\r\n"))
    return FALSE;
  while (at > start && g_ascii_isdigit (text->str[at - 1]))
    at--;
  if (at == start || text->str[at - 1] != '{' || at == text->len - 3)
    return FALSE;
  *out_length = g_ascii_strtoull (text->str + at, &after, 10);
  return TRUE;
}

GString *
conn_read (Conn *conn)
{
  g_autoptr (GString) text = g_string_new (NULL);
  gsize start = 0, length;

  for (;;) {
    if (!take_line (conn, text)) {
      if (text->len > 0)
        log_add (conn, "S~", text->str, text->len);
      return NULL;
    }
    if (!announces_literal (text, start, &length))
      break;
    if (!take (conn, text, length))
      return NULL;
    start = text->len;
  }
  if (text->len >= 2 && text->str[text->len - 2] == '\r')
    g_string_truncate (text, text->len - 2);
  log_add (conn, "S:", text->str, text->len);
  return g_steal_pointer (&text);
}

gboolean
conn_wait (Conn *conn, int ms)
{
  struct pollfd fd = { conn->fd, POLLIN, 0 };

  if (conn->at < conn->end || (conn->tls != NULL && gnutls_record_check_pending (conn->tls) > 0))
    return TRUE;
  return poll (&fd, 1, ms) > 0;
}
