/* tests/load/swarm/client.c - one client: a non-blocking connection, TLS or not, that reads lines. */
#include "swarm.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TAG       "t"
#define TLS_ALERT 21 /* the type of a record: RFC 8446, 5.1 */

/* ---- Connecting -------------------------------------------------------------------------------------- */

static void
client_set_interest (Client *client)
{
  struct epoll_event event = { .data.ptr = client };

  if (client->state == CLIENT_CONNECTING)
    event.events = EPOLLOUT;
  else if (client->state == CLIENT_HANDSHAKE)
    event.events = gnutls_record_get_direction (client->tls) == 1 ? EPOLLOUT : EPOLLIN;
  else
    event.events = (client->is_deaf ? 0 : EPOLLIN) | (client->out->len > 0 ? EPOLLOUT : 0);
  if (client->interest == event.events)
    return;
  client->interest = event.events;
  epoll_ctl (client->group->swarm->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

void
client_open (Client *client)
{
  Swarm *swarm = client->group->swarm;
  struct sockaddr_in address = client->group->tls ? swarm->tls_address : swarm->address;
  struct epoll_event event = { .events = EPOLLOUT, .data.ptr = client };
  int one = 1;

  if (client->in == NULL) {
    client->in = g_string_new (NULL);
    client->out = g_string_new (NULL);
  }
  if (client->group->port != 0)
    address.sin_port = htons ((guint16) client->group->port);
  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0) {
    swarm_fail (swarm, "socket: %s", g_strerror (errno));
    return;
  }
  setsockopt (client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  client->state = CLIENT_CONNECTING;
  client->interest = EPOLLOUT;
  client->step = 0;
  client->literal_left = 0;
  client->is_greeted = client->is_ready = FALSE;
  client->since = swarm_now ();
  client->group->pending++;
  if (connect (client->fd, (const struct sockaddr *) &address, sizeof address) < 0 && errno != EINPROGRESS)
    swarm_fail (swarm, "connect: %s", g_strerror (errno));
  else if (epoll_ctl (swarm->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0)
    swarm_fail (swarm, "epoll: %s", g_strerror (errno));
}

void
client_close (Client *client)
{
  if (client->state == CLIENT_IDLE)
    return;
  if (!client->is_ready)
    client->group->pending--;
  client->state = CLIENT_IDLE;
  client->is_ready = FALSE;
  if (client->tls != NULL)
    gnutls_deinit (client->tls);
  client->tls = NULL;
  close (client->fd);
  client->fd = -1;
  g_string_truncate (client->in, 0);
  g_string_truncate (client->out, 0);
  client->at = 0;
}

static void
client_lost (Client *client, const char *cause)
{
  Group *group = client->group;

  client_close (client);
  group->closed++;
  if (group->role->closed != NULL)
    group->role->closed (client);
  else
    swarm_fail (group->swarm, "%s %u: the connection was lost: %s", group->role->name, client->index, cause);
}

/* ---- Commands ---------------------------------------------------------------------------------------- */

static gssize
client_send (Client *client, const char *octets, gsize length)
{
  gssize n;

  if (client->tls == NULL)
    return send (client->fd, octets, length, MSG_NOSIGNAL);
  n = gnutls_record_send (client->tls, octets, length);
  if (n >= 0)
    return n;
  errno = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? EAGAIN : EPIPE;
  return -1;
}

static void
client_flush (Client *client)
{
  gssize n;

  while (client->out->len > 0) {
    n = client_send (client, client->out->str, client->out->len);
    if (n < 0 && errno != EAGAIN) {
      client_lost (client, g_strerror (errno));
      return;
    }
    if (n < 0)
      break;
    g_string_erase (client->out, 0, n);
  }
  client_set_interest (client);
}

void
client_write (Client *client, const char *octets, gsize length)
{
  g_string_append_len (client->out, octets, (gssize) length);
  if (client->state == CLIENT_OPEN)
    client_flush (client);
}

void
client_command (Client *client, const char *command)
{
  g_autofree char *text = g_strconcat (TAG " ", command, "\r\n", NULL);

  client->asked = swarm_now ();
  client_write (client, text, strlen (text));
}

void
client_set_deaf (Client *client, gboolean deaf)
{
  client->is_deaf = deaf;
  client_set_interest (client);
}

static void
client_become_ready (Client *client)
{
  client->is_ready = TRUE;
  client->group->pending--;
  client->group->ready++;
  if (client->group->role->ready != NULL)
    client->group->role->ready (client);
}

static void
client_say_next (Client *client)
{
  const Role *role = client->group->role;
  g_autofree char *command = role->next != NULL ? role->next (client, client->step) : NULL;

  client->step++;
  if (command == NULL)
    client_become_ready (client);
  else
    client_command (client, command);
}

/* ---- Responses --------------------------------------------------------------------------------------- */

static void
client_take_line (Client *client, const char *line)
{
  Group *group = client->group;

  if (client->is_ready) {
    if (group->role->line != NULL)
      group->role->line (client, line);
    return;
  }
  if (!client->is_greeted) {
    client->is_greeted = TRUE;
    if (g_str_has_prefix (line, "* OK"))
      client_say_next (client);
  } else if (g_str_has_prefix (line, TAG " OK") || g_str_has_prefix (line, "+ ")) {
    client_say_next (client);
  } else if (g_str_has_prefix (line, TAG " ")) {
    group->refused++;
    if (group->role->refused != NULL)
      group->role->refused (client, line);
    else
      swarm_fail (group->swarm, "%s %u: %s", group->role->name, client->index, line);
  }
}

static guint64
literal_of (const char *line, gsize length)
{
  const char *open
      = length > 2 && line[length - 1] == '}' ? g_strrstr_len (line, (gssize) length, "{") : NULL;

  return open != NULL ? g_ascii_strtoull (open + 1, NULL, 10) : 0;
}

/* Serves whole lines; what a role does with one may close the client. */
static void
client_parse (Client *client)
{
  while (client->state == CLIENT_OPEN && client->at < client->in->len) {
    gsize skip = MIN (client->literal_left, client->in->len - client->at);
    char *line, *end;
    gsize length;

    client->at += skip;
    client->literal_left -= skip;
    line = client->in->str + client->at;
    end = memchr (line, '\n', client->in->len - client->at);
    if (client->literal_left > 0 || end == NULL)
      break;

    length = (gsize) (end - line);
    client->at += length + 1;
    if (length > 0 && line[length - 1] == '\r')
      length--;
    line[length] = 0;
    client->literal_left = literal_of (line, length);
    client_take_line (client, line);
  }
  if (client->state != CLIENT_OPEN)
    return;
  g_string_erase (client->in, 0, (gssize) client->at);
  client->at = 0;
}

static gssize
client_receive (Client *client, char *buffer, gsize size)
{
  gssize n;

  if (client->tls == NULL)
    return recv (client->fd, buffer, size, 0);
  do
    n = gnutls_record_recv (client->tls, buffer, size);
  while (n < 0 && n != GNUTLS_E_AGAIN && n != GNUTLS_E_REHANDSHAKE && !gnutls_error_is_fatal ((int) n));
  if (n >= 0)
    return n;
  errno = n == GNUTLS_E_AGAIN ? EAGAIN : EPROTO;
  return -1;
}

static void
client_read (Client *client)
{
  static char buffer[64 * 1024];
  gssize n;

  while (client->state == CLIENT_OPEN && !client->is_deaf) {
    n = client_receive (client, buffer, sizeof buffer);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
      client_lost (client, n == 0 ? "it was closed" : g_strerror (errno));
      return;
    }
    if (n < 0)
      return;
    client->group->swarm->octets += (guint64) n;
    g_string_append_len (client->in, buffer, n);
    client_parse (client);
    if (client->tls == NULL && (gsize) n < sizeof buffer)
      return;
  }
}

/* ---- Events ------------------------------------------------------------------------------------------ */

void
client_start_tls (Client *client)
{
  Swarm *swarm = client->group->swarm;
  const char *priorities = client->group->priorities;

  /* An alert may come at once: the server has taken for a handshake what was sent in clear behind STARTTLS.
   */
  if (client->at < client->in->len && client->in->str[client->at] != TLS_ALERT)
    swarm_fail (swarm, "In clear, before the handshake: %s", client->in->str + client->at);
  g_string_truncate (client->in, 0);
  client->at = 0;
  gnutls_init (&client->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
  if (priorities == NULL)
    gnutls_set_default_priority (client->tls);
  else
    gnutls_priority_set_direct (client->tls, priorities, NULL);
  gnutls_credentials_set (client->tls, GNUTLS_CRD_CERTIFICATE, swarm->credentials);
  gnutls_handshake_set_timeout (client->tls, 0);
  gnutls_transport_set_int (client->tls, client->fd);
  client->state = CLIENT_HANDSHAKE;
  client->interest = 0;
  client_serve (client, EPOLLOUT);
}

static void
client_handshake (Client *client)
{
  int result = gnutls_handshake (client->tls);

  if (result == GNUTLS_E_SUCCESS) {
    client->state = CLIENT_OPEN;
    client_read (client);
    if (client->state == CLIENT_OPEN)
      client_flush (client);
  } else if (gnutls_error_is_fatal (result)) {
    client_lost (client, gnutls_strerror (result));
  } else {
    client_set_interest (client);
  }
}

static void
client_connected (Client *client)
{
  int error = 0;
  socklen_t length = sizeof error;

  getsockopt (client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    client_lost (client, g_strerror (error));
    return;
  }
  if (client->group->role->is_mute) {
    client->state = CLIENT_OPEN;
    client_become_ready (client);
  } else if (client->group->tls) {
    client_start_tls (client);
    return;
  } else {
    client->state = CLIENT_OPEN;
  }
  if (client->state == CLIENT_OPEN)
    client_flush (client);
}

void
client_serve (Client *client, guint32 events)
{
  switch (client->state) {
  case CLIENT_IDLE:
    break; /* it was closed while events waited */
  case CLIENT_CONNECTING:
    client_connected (client);
    break;
  case CLIENT_HANDSHAKE:
    client_handshake (client);
    break;
  case CLIENT_OPEN:
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      if (client->is_deaf && (events & EPOLLIN) == 0)
        client_lost (client, "it was reset");
      else
        client_read (client);
    }
    if (client->state == CLIENT_OPEN && client->out->len > 0)
      client_flush (client);
    break;
  }
}

/* ---- What most clients say --------------------------------------------------------------------------- */

guint
client_get_account (Client *client)
{
  return client->index % MAX (client->group->swarm->options.accounts, 1);
}

char *
client_dup_login_as (guint account)
{
  return g_strdup_printf ("LOGIN u%u \"correct horse\"", account);
}

char *
client_dup_login (Client *client)
{
  return client_dup_login_as (client_get_account (client));
}

void
append_message (GString *command, guint number, gsize size)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text,
                          "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.org>\r\n"
                          "Subject: Message %u\r\nMessage-ID: <%u@example.org>\r\n\r\n",
                          number, number);
  do
    g_string_append_printf (text, "Line of message %u: what it says is of no interest to anybody.\r\n",
                            number);
  while (text->len < size);
  g_string_append_printf (command, " {%" G_GSIZE_FORMAT "+}\r\n%s", text->len, text->str);
}

char *
client_dup_select (Client *client, guint step, const char *mailbox)
{
  if (step == 0)
    return client_dup_login (client);
  return step == 1 ? g_strconcat ("SELECT ", mailbox, NULL) : NULL;
}
