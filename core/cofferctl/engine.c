/* core/cofferctl/engine.c - the daemon, or a server of our own (engine.h).
 *
 * Ours is a child process: it becomes the configured user, so that the store's files stay that user's, while
 * this one can still read what it is to import. The child lives as long as the other end of a pipe is open
 * here; so it ends, and ends well, however this process does.
 */
#include "cofferctl/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "module/settings.h"
#include "server.h"

/* ---- The daemon ---- */

/* -1 without @error: nobody listens there. */
static int
connect_to (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd;

  if (strlen (path) >= sizeof address.sun_path) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: the name is too long for a socket", path);
    return -1;
  }
  strcpy (address.sun_path, path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  if (fd < 0 || (errno != ENOENT && errno != ECONNREFUSED))
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot connect to the server at %s: %s", path,
                 g_strerror (errno));
  if (fd >= 0)
    close (fd);
  return -1;
}

/* *@out_socket is the daemon's, the caller's to free; NULL: it has none. */
static gboolean
read_socket (const char *path, char **out_socket, GError **error)
{
  g_autoptr (CfConfig) config = cf_config_load (path, error);

  if (config == NULL || !cf_settings_load (config, error))
    return FALSE;
  *out_socket = g_strdup (cf_settings_get ()->control_socket);
  cf_settings_unload ();
  return TRUE;
}

/* ---- A server of our own, in the child ---- */

static gboolean
on_lifeline (int fd, GIOCondition condition, gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

/* Says on @status what came of the start: nothing but the end of the stream is good. */
static int
child_fail (int status, int code, const GError *error)
{
  ssize_t written = write (status, error->message, strlen (error->message));

  return written < 0 ? EXIT_FAILURE : code;
}

static int
child_serve (const char *path, int socket, int lifeline, int status)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfServer) server = cf_server_new (path, &error);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  if (server == NULL)
    return child_fail (status, EX_CONFIG, error);
  if (g_strcmp0 (cf_settings_get ()->log_level, "error") != 0)
    cf_log_set_level ("warning");
  if (!cf_server_start_private (server, &error)) {
    g_autoptr (GError) in_use = NULL;

    if (!g_error_matches (error, CF_ERROR, CF_ERROR_INUSE))
      return child_fail (status, EXIT_FAILURE, error);
    g_set_error (&in_use, CF_ERROR, CF_ERROR_INUSE,
                 "%s; if that is a server, its [server] control_socket is not the one in %s", error->message,
                 path);
    return child_fail (status, EXIT_FAILURE, in_use);
  }
  if (!cf_server_attach_control (server, socket, &error))
    return child_fail (status, EXIT_FAILURE, error);
  close (status);
  g_unix_fd_add (lifeline, G_IO_HUP | G_IO_ERR, on_lifeline, loop);
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}

/* ---- And here ---- */

static void
close_pair (int fds[2])
{
  close (fds[0]);
  close (fds[1]);
}

/* The ends kept here are [0] of @sockets, [1] of @lifeline, [0] of @status. */
static gboolean
make_pipes (int sockets[2], int lifeline[2], int status[2], GError **error)
{
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0) {
    if (pipe2 (lifeline, O_CLOEXEC) == 0) {
      if (pipe2 (status, O_CLOEXEC) == 0)
        return TRUE;
      close_pair (lifeline);
    }
    close_pair (sockets);
  }
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Cannot make pipes: %s", g_strerror (errno));
  return FALSE;
}

/* What the child says of its start; "" when it serves. The caller frees. */
static char *
read_status (int fd)
{
  GString *text = g_string_new (NULL);
  char buffer[512];
  ssize_t n;

  while ((n = read (fd, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    g_string_append_len (text, buffer, MAX (n, 0));
  return g_string_free (text, FALSE);
}

static int
wait_for (int child)
{
  int status;

  while (waitpid (child, &status, 0) < 0)
    if (errno != EINTR)
      return EXIT_FAILURE;
  return WIFEXITED (status) ? WEXITSTATUS (status) : EXIT_FAILURE;
}

static gboolean
start_own (CtlEngine *engine, const char *config, int *out_code, GError **error)
{
  int sockets[2], lifeline[2], status[2];
  g_autofree char *said = NULL;

  if (!make_pipes (sockets, lifeline, status, error))
    return FALSE;
  engine->child = fork ();
  if (engine->child == 0) {
    /* An interrupted import ends here, and what has been written is committed there. */
    signal (SIGINT, SIG_IGN);
    signal (SIGTERM, SIG_IGN);
    signal (SIGHUP, SIG_IGN);
    close (sockets[0]);
    close (lifeline[1]);
    close (status[0]);
    _exit (child_serve (config, sockets[1], lifeline[0], status[1]));
  }
  close (sockets[1]);
  close (lifeline[0]);
  close (status[1]);
  engine->lifeline = lifeline[1];
  engine->connection = ctl_connection_new (sockets[0]);
  if (engine->child < 0)
    said = g_strdup_printf ("Cannot make a process: %s", g_strerror (errno));
  else
    said = read_status (status[0]);
  close (status[0]);
  if (said[0] == '\0')
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, said);
  if (engine->child > 0)
    *out_code = wait_for (engine->child);
  engine->child = -1;
  ctl_engine_close (engine);
  return FALSE;
}

gboolean
ctl_engine_open (CtlEngine *engine, const char *config, CtlEngineNeed need, int *out_code, GError **error)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) local = NULL;
  int fd = -1;

  *engine = (CtlEngine){ .lifeline = -1, .child = -1 };
  *out_code = EX_CONFIG;
  if (!read_socket (config, &path, error))
    return FALSE;
  *out_code = EXIT_FAILURE;
  if (path != NULL)
    fd = connect_to (path, &local);
  if (local != NULL) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  if (fd < 0 && need == CTL_ENGINE_NONE)
    return TRUE;
  if (fd < 0 && need == CTL_ENGINE_ANY)
    return start_own (engine, config, out_code, error);
  if (fd < 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "No server is running: %s",
                 path != NULL ? path : "[server] control_socket is not set");
    return FALSE;
  }
  engine->connection = ctl_connection_new (fd);
  return TRUE;
}

void
ctl_engine_close (CtlEngine *engine)
{
  g_clear_pointer (&engine->connection, ctl_connection_free);
  if (engine->lifeline >= 0)
    close (engine->lifeline);
  if (engine->child > 0)
    wait_for (engine->child);
  *engine = (CtlEngine){ .lifeline = -1, .child = -1 };
}
