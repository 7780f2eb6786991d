/* tests/load/swarm/swarm.c - the loop: events, timers, opening clients, talking to the driver. */
#include "swarm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define EVENTS_PER_TURN 256

typedef struct {
  void (*func) (gpointer data);
  gpointer data;
  gint64 every, at;
} Ticker;

gint64
swarm_now (void)
{
  return g_get_monotonic_time ();
}

static void
raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

Swarm *
swarm_new (const SwarmOptions *options, guint port, guint tls_port)
{
  Swarm *swarm = g_new0 (Swarm, 1);
  struct epoll_event event = { .events = EPOLLIN };

  raise_file_limit ();
  swarm->options = *options;
  swarm->address.sin_family = swarm->tls_address.sin_family = AF_INET;
  swarm->address.sin_addr.s_addr = swarm->tls_address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  swarm->address.sin_port = htons ((guint16) port);
  swarm->tls_address.sin_port = htons ((guint16) tls_port);
  swarm->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  swarm->groups = g_ptr_array_new ();
  swarm->tickers = g_array_new (FALSE, FALSE, sizeof (Ticker));
  swarm->line = g_string_new (NULL);
  gnutls_certificate_allocate_credentials (&swarm->credentials);
  epoll_ctl (swarm->epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
  return swarm;
}

/* ---- The driver -------------------------------------------------------------------------------------- */

void
swarm_fail (Swarm *swarm, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (swarm->failed)
    return; /* the first says it; the others follow from it */
  swarm->failed = TRUE;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  printf ("failed %s\n", text);
  fflush (stdout);
}

void
swarm_figure (const char *name, gdouble value, const char *unit)
{
  printf ("figure %s %.6g %s\n", name, value, unit);
  fflush (stdout);
}

/* The end of the driver is the end of the swarm. */
static void
swarm_read_driver (Swarm *swarm)
{
  char buffer[256];
  gssize n = read (STDIN_FILENO, buffer, sizeof buffer);

  if (n > 0)
    g_string_append_len (swarm->line, buffer, n);
  else if (n == 0 || errno != EINTR)
    swarm_fail (swarm, "The driver has gone");
}

gboolean
swarm_stage (Swarm *swarm, const char *name)
{
  if (swarm->failed)
    return FALSE;
  printf ("stage %s\n", name);
  fflush (stdout);
  g_string_truncate (swarm->line, 0);
  while (strchr (swarm->line->str, '\n') == NULL)
    if (!swarm_turn (swarm))
      return FALSE;
  return TRUE;
}

/* ---- Turning ----------------------------------------------------------------------------------------- */

void
swarm_every (Swarm *swarm, guint us, void (*func) (gpointer data), gpointer data)
{
  Ticker ticker = { func, data, us, swarm_now () + us };

  g_array_append_val (swarm->tickers, ticker);
}

void
swarm_no_more (Swarm *swarm, void (*func) (gpointer data), gpointer data)
{
  for (guint i = 0; i < swarm->tickers->len; i++) {
    Ticker *ticker = &g_array_index (swarm->tickers, Ticker, i);

    if (ticker->func != func || ticker->data != data)
      continue;
    g_array_remove_index (swarm->tickers, i);
    return;
  }
}

static int
swarm_get_timeout (Swarm *swarm)
{
  gint64 at = swarm_now () + 100000, now = swarm_now ();

  for (guint i = 0; i < swarm->tickers->len; i++)
    at = MIN (at, g_array_index (swarm->tickers, Ticker, i).at);
  return at <= now ? 0 : (int) ((at - now + 999) / 1000);
}

/* A ticker that is late does not catch up: the swarm would only get later. */
static void
swarm_tick (Swarm *swarm)
{
  gint64 now = swarm_now ();

  for (guint i = 0; i < swarm->tickers->len; i++) {
    Ticker *ticker = &g_array_index (swarm->tickers, Ticker, i);

    if (ticker->at > now)
      continue;
    ticker->at = MAX (ticker->at + ticker->every, now);
    ticker->func (ticker->data);
  }
}

static void
swarm_open_more (Swarm *swarm)
{
  for (guint i = 0; i < swarm->groups->len && !swarm->failed; i++) {
    Group *group = g_ptr_array_index (swarm->groups, i);

    while (group->opened < group->clients->len && group->pending < group->window && !swarm->failed) {
      Client *client = g_ptr_array_index (group->clients, group->opened++);

      if (client->state == CLIENT_IDLE)
        client_open (client);
    }
  }
}

gboolean
swarm_turn (Swarm *swarm)
{
  struct epoll_event events[EVENTS_PER_TURN];
  int n;

  swarm_open_more (swarm);
  n = epoll_wait (swarm->epoll_fd, events, EVENTS_PER_TURN, swarm_get_timeout (swarm));
  for (int i = 0; i < n && !swarm->failed; i++)
    if (events[i].data.ptr == NULL)
      swarm_read_driver (swarm);
    else
      client_serve (events[i].data.ptr, events[i].events);
  swarm_tick (swarm);
  return !swarm->failed;
}

gboolean
swarm_turn_for (Swarm *swarm, gdouble seconds)
{
  gint64 end = swarm_now () + (gint64) (seconds * G_USEC_PER_SEC);

  while (swarm_now () < end)
    if (!swarm_turn (swarm))
      return FALSE;
  return TRUE;
}

/* ---- Groups ------------------------------------------------------------------------------------------ */

Group *
swarm_add_group (Swarm *swarm, const Role *role, guint n, guint window, gboolean tls)
{
  Group *group = g_new0 (Group, 1);

  group->swarm = swarm;
  group->role = role;
  group->tls = tls;
  group->window = window;
  group->clients = g_ptr_array_sized_new (n);
  for (guint i = 0; i < n; i++) {
    Client *client = g_new0 (Client, 1);

    client->group = group;
    client->index = i;
    client->fd = -1;
    g_ptr_array_add (group->clients, client);
  }
  g_ptr_array_add (swarm->groups, group);
  return group;
}

gboolean
swarm_wait_ready (Group *group, guint seconds)
{
  gint64 end = swarm_now () + seconds * G_USEC_PER_SEC;

  while (group->ready < group->clients->len) {
    if (!swarm_turn (group->swarm))
      return FALSE;
    if (swarm_now () > end) {
      swarm_fail (group->swarm, "%s: only %u of %u are ready after %u s", group->role->name, group->ready,
                  group->clients->len, seconds);
      return FALSE;
    }
  }
  return TRUE;
}
