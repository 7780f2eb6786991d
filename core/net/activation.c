/* core/net/activation.c - sockets handed down by the service manager: the protocol of sd_listen_fds(3).
 *
 * LISTEN_PID is the process they are meant for, LISTEN_FDS their number; they start at descriptor 3. Only
 * that is needed, so libsystemd is not. A number that is too large would name descriptors of this process
 * itself, which nobody may close: only what listens is taken.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/private.h"

#define FIRST_FD 3
#define MAX_FDS  1024 /* more than that is not meant */

guint
cf_activation_parse (const char *listen_pid, const char *listen_fds, gint64 pid)
{
  gint64 for_pid;
  guint64 n;

  if (listen_pid == NULL || listen_fds == NULL)
    return 0;
  if (!g_ascii_string_to_signed (listen_pid, 10, 1, G_MAXINT, &for_pid, NULL) || for_pid != pid)
    return 0;
  if (!g_ascii_string_to_unsigned (listen_fds, 10, 0, MAX_FDS, &n, NULL))
    return 0;
  return (guint) n;
}

static gboolean
fd_listens (int fd)
{
  int listens = 0;
  socklen_t length = sizeof listens;

  return getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens != 0;
}

GArray *
cf_activation_take (void)
{
  static const char *const names[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES" };
  GArray *fds = g_array_new (FALSE, FALSE, sizeof (int));
  guint n = cf_activation_parse (g_getenv ("LISTEN_PID"), g_getenv ("LISTEN_FDS"), getpid ());

  for (int fd = FIRST_FD; fd < FIRST_FD + (int) n; fd++)
    if (fd_listens (fd) && fcntl (fd, F_SETFD, FD_CLOEXEC) == 0)
      g_array_append_val (fds, fd);
  if (fds->len < n)
    g_warning ("LISTEN_FDS is %u, but %u of these are no sockets that listen, and not used", n, n - fds->len);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (g_getenv (names[i]) != NULL)
      g_unsetenv (names[i]);
  return fds;
}
