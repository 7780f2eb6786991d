/* core/cofferd.c - the daemon: options, signals, and the main loop around core/server.c.
 *
 * It stays in the foreground and logs to stderr. On stdout it writes one line, when every address accepts:
 * "ready imap://ADDRESS:PORT ...". Exit codes are those of sysexits.h where there is one: 0 after SIGTERM or
 * SIGINT, 64 for wrong usage, 78 for a wrong configuration, 1 when it cannot serve, or after a signal cannot
 * end in order because a call of the store does not return.
 *
 * SIGTERM, SIGINT  let sessions finish, then end; the second time, at once
 * SIGHUP           read the configuration and the certificate again
 *
 * A service manager that asks for it (NOTIFY_SOCKET, WATCHDOG_USEC) is told all this, and that the daemon is
 * alive.
 */
#include "base/log.h"
#include "control/control.h"
#include "module/settings.h"
#include "server.h"
#include "system.h"

#include <glib-unix.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#define TRIM_SECONDS 10

typedef struct {
  char *config;
  gboolean check, print, version;
} Options;

typedef struct {
  CfServer *server;
  GMainLoop *loop;
  gboolean alive; /* when the watchdog last looked */
} Daemon;

/* One line on stderr, as it is: what is wrong with options or configuration is read by people and scripts. */
static int
fail (int code, const GError *error)
{
  g_printerr ("%s\n", error->message);
  return code;
}

/* ---- Signals and timers ------------------------------------------------------------------------------ */

static void
drained (gpointer user_data)
{
  Daemon *daemon = user_data;

  g_main_loop_quit (daemon->loop);
}

static void
notify_ready (CfServer *server)
{
  g_auto (GStrv) addresses = cf_server_dup_addresses (server);
  g_autofree char *list = g_strjoinv (" ", addresses);

  cf_system_notify ("READY=1\nSTATUS=Serving %s", *list ? list : "no address");
}

static gboolean
on_terminate (gpointer user_data)
{
  Daemon *daemon = user_data;

  g_message ("Going down");
  /* What follows takes as long as sessions may, and some more for the store. */
  cf_system_notify (
      "STOPPING=1\nSTATUS=Waiting for sessions to finish\nEXTEND_TIMEOUT_USEC=%" G_GINT64_FORMAT,
      (cf_settings_get ()->drain_time + CF_SERVER_CLOSE_SECONDS) * G_USEC_PER_SEC);
  cf_server_drain (daemon->server, drained, daemon);
  return G_SOURCE_CONTINUE;
}

static gboolean
reload (Daemon *daemon, CfServerReload *out, GError **error)
{
  g_autoptr (GError) local = NULL;

  cf_system_notify_reloading ();
  if (cf_server_reload (daemon->server, out, &local)) {
    g_message ("Configuration read again");
    notify_ready (daemon->server);
    return TRUE;
  }
  cf_log (G_LOG_LEVEL_CRITICAL, NULL, "Nothing was reloaded: %s", local->message);
  cf_system_notify ("READY=1\nSTATUS=Nothing was reloaded: %s", local->message);
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static gboolean
on_hangup (gpointer user_data)
{
  CfServerReload outcome = { 0 };

  if (reload (user_data, &outcome, NULL)) {
    g_strfreev (outcome.applied);
    g_strfreev (outcome.waiting);
  }
  return G_SOURCE_CONTINUE;
}

/* cofferctl config reload. */
static gboolean
on_request (char ***out_applied, char ***out_waiting, gpointer user_data, GError **error)
{
  CfServerReload outcome = { 0 };

  if (!reload (user_data, &outcome, error))
    return FALSE;
  *out_applied = outcome.applied;
  *out_waiting = outcome.waiting;
  return TRUE;
}

/* The main loop comes here, and a worker has been free since the last time: both are alive. When no worker
 * is, the service manager hears nothing, and in the end restarts the server. */
static gboolean
on_watchdog (gpointer user_data)
{
  Daemon *daemon = user_data;
  gboolean alive = cf_server_probe (daemon->server);

  if (alive)
    cf_system_notify ("WATCHDOG=1");
  else if (daemon->alive)
    g_warning ("No worker is free: if that lasts, the service manager's watchdog ends the server");
  daemon->alive = alive;
  return G_SOURCE_CONTINUE;
}

static gboolean
on_trim (gpointer user_data)
{
  cf_system_trim_memory ();
  return G_SOURCE_CONTINUE;
}

/* ---- What it was started for ------------------------------------------------------------------------- */

static int
print_config (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = cf_server_describe_config (path, &error);

  if (text == NULL)
    return fail (EX_CONFIG, error);
  return fputs (text, stdout) < 0 || fflush (stdout) != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
check_config (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfServer) server = cf_server_new (path, &error);

  if (server == NULL)
    return fail (EX_CONFIG, error);
  g_print ("OK\n");
  return EXIT_SUCCESS;
}

static void
print_ready (CfServer *server)
{
  g_auto (GStrv) addresses = cf_server_dup_addresses (server);
  g_autofree char *list = g_strjoinv (" ", addresses);

  g_message ("cofferd " CF_VERSION " serves %s", *list ? list : "no address");
  printf ("ready%s%s\n", *list ? " " : "", list);
  fflush (stdout);
}

static int
serve (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfServer) server = cf_server_new (path, &error);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Daemon daemon = { server, loop, TRUE };
  guint watchdog = cf_system_get_watchdog ();

  if (server == NULL)
    return fail (EX_CONFIG, error);
  g_unix_signal_add (SIGTERM, on_terminate, &daemon);
  g_unix_signal_add (SIGINT, on_terminate, &daemon);
  g_unix_signal_add (SIGHUP, on_hangup, &daemon);
  cf_control_set_reload (on_request, &daemon);
  if (!cf_server_start (server, &error)) {
    cf_log (G_LOG_LEVEL_CRITICAL, NULL, "Cannot serve: %s", error->message);
    return EXIT_FAILURE;
  }
  print_ready (server);
  notify_ready (server);
  g_timeout_add_seconds (TRIM_SECONDS, on_trim, NULL);
  if (watchdog != 0)
    g_timeout_add (MAX (watchdog / 4, 1), on_watchdog, &daemon);
  g_main_loop_run (loop);
  return EXIT_SUCCESS;
}

static gboolean
parse_options (Options *options, int argc, char **argv, GError **error)
{
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config, "Configuration file", "FILE" },
    { "check-config", 0, 0, G_OPTION_ARG_NONE, &options->check, "Check the configuration and its modules",
      NULL },
    { "print-config", 0, 0, G_OPTION_ARG_NONE, &options->print,
      "Print every key with its default: of the modules in --config, else of all that are found", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- serve message storage over IMAP");

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (context, "Without --config, " CF_DEFAULT_CONFIG " is read.");
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (argc > 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "'%s' is no option", argv[1]);
    return FALSE;
  }
  if (options->check && options->print) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "either --check-config or --print-config");
    return FALSE;
  }
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options options = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *config = NULL;

  cf_system_open_standard_files ();
  setlocale (LC_CTYPE, "");
  signal (SIGPIPE, SIG_IGN);
  signal (SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error of the write, not the end */
  cf_log_install ();
  if (!parse_options (&options, argc, argv, &error)) {
    g_prefix_error (&error, "cofferd: ");
    g_free (options.config);
    return fail (EX_USAGE, error);
  }
  config = options.config;
  if (options.version) {
    g_print ("cofferd " CF_VERSION "\n");
    return EXIT_SUCCESS;
  }
  if (options.print)
    return print_config (config);
  if (config == NULL)
    config = g_strdup (CF_DEFAULT_CONFIG);
  return options.check ? check_config (config) : serve (config);
}
