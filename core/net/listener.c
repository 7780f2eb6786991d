/* core/net/listener.c - listening sockets: opening, accepting, closing.
 *
 * Listeners are sources of the main context, so one thread opens, uses and closes them. When no descriptor or
 * slot is left, accepting pauses until the next sweep: the listening socket stays readable, and would spin.
 */
#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/private.h"

#define ACCEPTS_PER_DISPATCH 64
#define COMPLAIN_EVERY       (60 * G_USEC_PER_SEC)
/* Octets that the kernel may keep of what was written and not yet sent. Its own bound grows to megabytes
 * while a client reads, and stays there when it reads no more. What is on its way is not counted, so a fast
 * reader far away is not slowed down, as it would be by a small SO_SNDBUF. */
#define UNSENT_MAX (128 * 1024)

typedef struct {
  CfNet *net;
  int fd;
  const CfProtocol *protocol;
  gboolean tls, proxied;
  char *text;           /* with the actual port */
  char *path;           /* of a unix socket file to remove at the end, or NULL */
  GSource *source;      /* NULL: not accepting */
  gint64 complained_at; /* monotonic microseconds; 0: never */
} CfListener;

static void
listener_pause (CfListener *listener)
{
  if (listener->source == NULL)
    return;
  g_source_destroy (listener->source);
  g_clear_pointer (&listener->source, g_source_unref);
}

static void
listener_free (gpointer data)
{
  CfListener *listener = data;

  listener_pause (listener);
  if (listener->path != NULL)
    unlink (listener->path);
  close (listener->fd);
  g_free (listener->path);
  g_free (listener->text);
  g_free (listener);
}

GPtrArray *
cf_listener_array_new (void)
{
  return g_ptr_array_new_with_free_func (listener_free);
}

/* ---- Accepting ------------------------------------------------------------------------------------- */

/* No more for now; the sweep tries again. Not said with every try. */
static gboolean
listener_give_up (CfListener *listener, const char *cause)
{
  gint64 now = g_get_monotonic_time ();

  if (listener->complained_at == 0 || now - listener->complained_at >= COMPLAIN_EVERY) {
    g_warning ("Accepting on %s is paused: %s; that is not said again for a minute", listener->text, cause);
    listener->complained_at = now;
  }
  listener_pause (listener);
  return G_SOURCE_REMOVE;
}

static void
socket_tune (int fd)
{
  int one = 1, unsent = UNSENT_MAX;

  /* Fail on unix sockets, where they mean nothing. */
  (void) setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  (void) setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
  (void) setsockopt (fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

/* The operator has places of its own, and gives way to nobody. */
static gboolean
listener_is_for_operator (const CfListener *listener)
{
  return g_strcmp0 (listener->protocol->name, listener->net->config.operator_protocol) == 0;
}

static gboolean
listener_is_full (const CfListener *listener)
{
  const CfNet *net = listener->net;
  guint max = listener_is_for_operator (listener) ? cf_slot_get_max (net) : net->config.max_connections;

  return atomic_load (&net->n_open) >= max;
}

static gboolean
listener_has_newcomer (CfListener *listener)
{
  struct pollfd pfd = { .fd = listener->fd, .events = POLLIN };

  return poll (&pfd, 1, 0) == 1;
}

static gboolean
listener_accept (int listening_fd, GIOCondition condition, gpointer data)
{
  CfListener *listener = data;
  CfNet *net = listener->net;
  CfConnRef ref;
  int fd;

  for (guint i = 0; i < ACCEPTS_PER_DISPATCH; i++) {
    g_autoptr (GError) error = NULL;

    if (cf_strangers_are_in_the_way (net) && listener_has_newcomer (listener))
      cf_strangers_make_room (net);
    if (listener_is_full (listener))
      return listener_give_up (listener, "too many connections");
    fd = accept4 (listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN)
      return G_SOURCE_CONTINUE;
    if (fd < 0
        && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM || errno == EBADF
            || errno == EINVAL || errno == ENOTSOCK || errno == EOPNOTSUPP))
      return listener_give_up (listener, g_strerror (errno));
    if (fd < 0)
      continue; /* what went wrong with that one client is reported here: accept(2) */

    socket_tune (fd);
    ref = cf_net_adopt (net, fd, listener->protocol, listener->tls, listener->proxied, &error);
    if (ref == 0)
      return listener_give_up (listener, error->message);
    if (!listener_is_for_operator (listener))
      cf_strangers_add (net, ref);
  }
  return G_SOURCE_CONTINUE;
}

void
cf_listener_resume_all (CfNet *net)
{
  for (guint i = 0; i < net->listeners->len; i++) {
    CfListener *listener = g_ptr_array_index (net->listeners, i);

    if (listener->source != NULL)
      continue;
    listener->source = g_unix_fd_source_new (listener->fd, G_IO_IN);
    g_source_set_callback (listener->source, G_SOURCE_FUNC (listener_accept), listener, NULL);
    g_source_attach (listener->source, net->context);
  }
}

void
cf_listener_close_all (CfNet *net)
{
  g_ptr_array_set_size (net->listeners, 0);
}

/* ---- Opening --------------------------------------------------------------------------------------- */

/* An address in use by a unix socket file that nobody answers on: left behind by a process that did
 * not end well. */
static gboolean
unix_socket_is_stale (const CfSockaddr *address, const char *path)
{
  struct stat info;
  int fd, result;

  if (lstat (path, &info) < 0 || !S_ISSOCK (info.st_mode))
    return FALSE;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  result = connect (fd, (const struct sockaddr *) &address->storage, address->length) < 0 ? errno : 0;
  close (fd);
  return result == ECONNREFUSED;
}

static int
socket_bind (int fd, const CfSockaddr *address, const char *path)
{
  int result = bind (fd, (const struct sockaddr *) &address->storage, address->length);

  if (result == 0 || errno != EADDRINUSE || path == NULL)
    return result;
  if (!unix_socket_is_stale (address, path) || unlink (path) < 0) {
    errno = EADDRINUSE;
    return -1;
  }
  return bind (fd, (const struct sockaddr *) &address->storage, address->length);
}

/* A bound, listening socket; -1 with errno. */
static int
socket_open (CfNet *net, const CfSockaddr *address, const char *path)
{
  int fd = socket (address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  gboolean bound = FALSE;
  int one = 1, saved;

  if (fd < 0)
    return -1;
  if (path != NULL || setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0) {
    if (address->storage.ss_family == AF_INET6)
      (void) setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    bound = socket_bind (fd, address, path) == 0;
    /* Permissions come before listen(): until then nobody can connect. */
    if (bound && (path == NULL || chmod (path, net->config.unix_mode) == 0)
        && listen (fd, net->config.backlog) == 0)
      return fd;
  }
  saved = errno;
  if (bound && path != NULL)
    unlink (path);
  close (fd);
  errno = saved;
  return -1;
}

static gboolean
sockaddr_of_fd (int fd, CfSockaddr *out)
{
  *out = (CfSockaddr){ .length = sizeof out->storage };
  return getsockname (fd, (struct sockaddr *) &out->storage, &out->length) == 0;
}

/* Takes the handed-down socket with this address; -1: none. */
static int
take_handed (CfNet *net, const CfSockaddr *address)
{
  CfSockaddr its;
  int fd;

  for (guint i = 0; i < net->handed->len; i++) {
    fd = g_array_index (net->handed, int, i);
    if (!sockaddr_of_fd (fd, &its) || !cf_sockaddr_equal (&its, address))
      continue;
    g_array_remove_index (net->handed, i);
    g_unix_set_fd_nonblocking (fd, TRUE, NULL);
    return fd;
  }
  return -1;
}

static void
listener_add (CfNet *net, int fd, const CfEndpoint *endpoint, gboolean handed)
{
  CfListener *listener = g_new0 (CfListener, 1);
  g_autofree char *where = NULL;
  const char *proxied = endpoint->proxied ? "+proxy" : "";
  CfSockaddr actual;

  listener->net = net;
  listener->fd = fd;
  listener->protocol = endpoint->protocol;
  listener->tls = endpoint->tls;
  listener->proxied = endpoint->proxied;
  if (endpoint->path != NULL) {
    listener->path = handed ? NULL : g_strdup (endpoint->path);
    listener->text = g_strdup_printf ("%s%s+unix:%s", endpoint->protocol->name, proxied, endpoint->path);
  } else {
    where = sockaddr_of_fd (fd, &actual) ? cf_sockaddr_to_string (&actual, TRUE) : g_strdup ("unknown");
    listener->text
        = g_strdup_printf ("%s%s%s://%s", endpoint->protocol->name, endpoint->tls ? "s" : "", proxied, where);
  }
  g_ptr_array_add (net->listeners, listener);
}

static gboolean
listen_fail (const char *text, const char *cause, GError **error)
{
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot listen on %s: %s", text, cause);
  return FALSE;
}

/* Opens each of @targets. A family that this system does not have is not missed if there is another. */
static gboolean
listen_on_all (CfNet *net, const char *text, const CfEndpoint *endpoint, GArray *targets, GError **error)
{
  guint before = net->listeners->len;
  int missing = 0, fd;

  for (guint i = 0; i < targets->len; i++) {
    CfSockaddr *target = &g_array_index (targets, CfSockaddr, i);

    fd = take_handed (net, target);
    if (fd >= 0) {
      listener_add (net, fd, endpoint, TRUE);
      continue;
    }
    fd = socket_open (net, target, endpoint->path);
    if (fd >= 0) {
      listener_add (net, fd, endpoint, FALSE);
    } else if (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) {
      missing = errno;
    } else {
      missing = errno;
      g_ptr_array_set_size (net->listeners, (int) before);
      return listen_fail (text, g_strerror (missing), error);
    }
  }
  return net->listeners->len > before || listen_fail (text, g_strerror (missing), error);
}

static void
look_for_handed (CfNet *net)
{
  if (net->handed == NULL)
    net->handed = cf_activation_take ();
}

void
cf_listener_offer_fd (CfNet *net, int fd)
{
  look_for_handed (net);
  g_array_append_val (net->handed, fd);
}

void
cf_listener_close_handed (CfNet *net)
{
  for (guint i = 0; net->handed != NULL && i < net->handed->len; i++)
    close (g_array_index (net->handed, int, i));
  g_clear_pointer (&net->handed, g_array_unref);
}

gboolean
cf_net_listen (CfNet *net, const char *text, const CfProtocol *const *protocols, GError **error)
{
  g_auto (CfEndpoint) endpoint = { 0 };
  g_autoptr (GArray) targets = NULL;
  g_autoptr (GError) cause = NULL;

  if (!cf_endpoint_parse (text, protocols, &endpoint, error))
    return FALSE;
  if (endpoint.tls && !cf_net_has_tls (net))
    return listen_fail (text, "it needs a certificate (tls_certificate)", error);
  targets = cf_endpoint_resolve (&endpoint, &cause);
  if (targets == NULL)
    return listen_fail (text, cause->message, error);
  look_for_handed (net);
  return listen_on_all (net, text, &endpoint, targets, error);
}

char **
cf_net_dup_addresses (CfNet *net)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();

  for (guint i = 0; i < net->listeners->len; i++)
    g_ptr_array_add (texts, g_strdup (((CfListener *) g_ptr_array_index (net->listeners, i))->text));
  g_ptr_array_add (texts, NULL);
  return (char **) g_ptr_array_steal (texts, NULL);
}

void
cf_net_listen_check_activation (CfNet *net)
{
  look_for_handed (net);
  for (guint i = 0; i < net->handed->len; i++) {
    g_autofree char *where = NULL;
    CfSockaddr address;

    where = sockaddr_of_fd (g_array_index (net->handed, int, i), &address)
                ? cf_sockaddr_to_string (&address, TRUE)
                : NULL;
    g_warning ("A socket handed down by the service manager is not used: %s",
               where != NULL ? where : "not a socket");
  }
  cf_listener_close_handed (net);
  net->handed = g_array_new (FALSE, FALSE, sizeof (int));
}
