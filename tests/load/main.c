/* tests/load/main.c - the checker: options, one thread a client, the report (checker.h). */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checker.h"
#include "client.h"
#include "commands.h"
#include "final.h"
#include "memory.h"

#define STATUS_EVERY 30 /* seconds */

Options options = {
  .clients = 64,
  .accounts = 8,
  .mailboxes = 3,
  .seconds = 10,
  .rate = 20,
  .idle_patience = 10,
};

static gint64 started;
static gint stopping;
static pthread_barrier_t quiet;
static GPtrArray *clients;

/* ---- Options ---- */

static gboolean
add_server (const char *name, const char *value, gpointer data, GError **error)
{
  gboolean tls = g_str_equal (name, "--imaps");
  const char *scheme = tls ? "imaps://" : "imap://";
  const char *address = g_str_has_prefix (value, scheme) ? value + strlen (scheme) : value;
  const char *colon = strrchr (address, ':');
  Server *server;

  if (colon == NULL || colon == address || colon[1] == '\0') {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: \"%s\" is no HOST:PORT", name, value);
    return FALSE;
  }
  server = g_new0 (Server, 1);
  server->address = g_strdup_printf ("%s%s", scheme, address);
  server->host = g_strndup (address, colon - address);
  server->port = g_strdup (colon + 1);
  server->tls = tls;
  g_ptr_array_add (options.servers, server);
  return TRUE;
}

static int watch_pid;
static gint64 seed = -1;
static gboolean lenient;

static const GOptionEntry entries[] = {
  { "imap", 0, 0, G_OPTION_ARG_CALLBACK, add_server, "A server in clear; may be given several times",
    "HOST:PORT" },
  { "imaps", 0, 0, G_OPTION_ARG_CALLBACK, add_server, "A server under TLS; may be given several times",
    "HOST:PORT" },
  { "user", 0, 0, G_OPTION_ARG_STRING, &options.user, "Accounts, %u being a number from 0 (default: load%u)",
    "NAME" },
  { "password", 0, 0, G_OPTION_ARG_STRING, &options.password, "Of all accounts", "TEXT" },
  { "clients", 0, 0, G_OPTION_ARG_INT, &options.clients, "Connections at a time (default: 64)", "N" },
  { "accounts", 0, 0, G_OPTION_ARG_INT, &options.accounts, "That they share (default: 8)", "N" },
  { "mailboxes", 0, 0, G_OPTION_ARG_INT, &options.mailboxes, "Of each account, shared (default: 3)", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds, "How long (default: 10)", "N" },
  { "rate", 0, 0, G_OPTION_ARG_INT, &options.rate, "Mean time between a client's steps (default: 20)", "MS" },
  { "seed", 0, 0, G_OPTION_ARG_INT64, &seed, "Of all that is random (default: the time)", "N" },
  { "unavailable", 0, 0, G_OPTION_ARG_NONE, &options.unavailable, "NO [UNAVAILABLE] is a good answer", NULL },
  { "lenient", 0, 0, G_OPTION_ARG_NONE, &lenient, "Sessions may hear of each other later (several servers)",
    NULL },
  { "idle-patience", 0, 0, G_OPTION_ARG_INT, &options.idle_patience, "For news in IDLE (default: 10)",
    "SECONDS" },
  { "watch-pid", 0, 0, G_OPTION_ARG_INT, &watch_pid, "The daemon, which must not grow", "PID" },
  { NULL }
};

static gboolean
parse_options (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- hold an IMAP server against RFC 3501");

  options.servers = g_ptr_array_new ();
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options.servers->len == 0 || *argc > 1 || options.clients < 1 || options.accounts < 1
      || options.mailboxes < 1 || options.seconds < 0 || options.rate < 0
      || options.clients / options.accounts > N_KEYWORDS) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                 "wanted: --imap or --imaps, positive numbers, at most %d clients an account", N_KEYWORDS);
    return FALSE;
  }
  options.seed = seed >= 0 ? (guint64) seed : (guint64) g_get_real_time ();
  options.strict = !lenient;
  if (options.user == NULL)
    options.user = g_strdup ("load%u");
  if (options.password == NULL)
    options.password = g_strdup ("correct horse");
  return TRUE;
}

/* ---- Clients ---- */

static gboolean
is_over (void)
{
  return g_atomic_int_get (&stopping) || g_get_monotonic_time () - started > options.seconds * SECOND;
}

static void
think (Client *client)
{
  double ms = -log (1 - g_rand_double (client->rand)) * options.rate;

  g_usleep ((gulong) (MIN (ms, 20.0 * options.rate) * 1000));
}

/* An account's first client makes its mailboxes, and tells the ledger of them. */
static void
prepare_account (Client *client)
{
  client_connect (client);
  commands_rename_inbox (client);
  for (int n = 0; n < options.mailboxes; n++) {
    g_autofree char *name = commands_dup_name (n);

    if (client->conn == NULL)
      client_connect (client);
    if (n > 0)
      command_free (client_do (client, KIND_CREATE, "CREATE %s", name));
    commands_status_of (client, name);
  }
}

/* All begin when all mailboxes are there; in the end, when nobody writes any more, everybody compares. */
static gpointer
client_run (gpointer data)
{
  Client *client = data;
  gint64 wait;

  if (client->number < (guint) options.accounts)
    prepare_account (client);
  pthread_barrier_wait (&quiet);
  while (!is_over ()) {
    commands_step (client);
    think (client);
  }
  wait = pthread_barrier_wait (&quiet);
  if (wait == PTHREAD_BARRIER_SERIAL_THREAD)
    g_usleep (3 * SECOND); /* for commands of connections that were broken */
  pthread_barrier_wait (&quiet);
  final_compare (client, client->number < (guint) options.accounts);
  return NULL;
}

/* ---- Report ---- */

static guint64
count_commands (guint64 counts[N_KINDS])
{
  guint64 total = 0;

  for (guint i = 0; i < clients->len; i++)
    for (int kind = 0; kind < N_KINDS; kind++) {
      counts[kind] += ((Client *) g_ptr_array_index (clients, i))->counts[kind];
      total += ((Client *) g_ptr_array_index (clients, i))->counts[kind];
    }
  return total;
}

static void
print_status (int seconds)
{
  guint64 counts[N_KINDS] = { 0 }, total = count_commands (counts), noes = 0, drops = 0, byes = 0, pushes = 0;

  for (guint i = 0; i < clients->len; i++) {
    const Client *client = g_ptr_array_index (clients, i);

    noes += client->noes;
    drops += client->drops;
    byes += client->byes;
    pushes += client->pushes;
  }
  g_print ("%6d s  %" G_GUINT64_FORMAT " commands, %" G_GUINT64_FORMAT " refused, %" G_GUINT64_FORMAT
           " disconnects, %" G_GUINT64_FORMAT " BYE, %" G_GUINT64_FORMAT " responses in IDLE;",
           seconds, total, noes, drops, byes, pushes);
  for (int kind = 0; kind < N_KINDS; kind++)
    g_print (" %s %" G_GUINT64_FORMAT, kind_names[kind], counts[kind]);
  g_print ("\n");
  fflush (stdout);
}

static void
watch (void)
{
  for (int seconds = 0; !is_over (); seconds++) {
    if (seconds > 0 && seconds % STATUS_EVERY == 0) {
      print_status (seconds);
      ledger_sweep ();
      if (watch_pid != 0 && !memory_take (watch_pid, seconds)) {
        g_printerr ("CONTRADICTION process %d is gone\n", watch_pid);
        exit (1);
      }
    }
    g_usleep (SECOND);
  }
}

static void
stop (int number)
{
  g_atomic_int_set (&stopping, 1);
}

static void
start_clients (GPtrArray *threads)
{
  g_autoptr (GPtrArray) accounts = g_ptr_array_new ();

  clients = g_ptr_array_new ();
  for (int i = 0; i < options.accounts; i++) {
    g_auto (GStrv) parts = g_strsplit (options.user, "%u", 2);
    g_autofree char *user = g_strdup_printf ("%s%d%s", parts[0], i, parts[1] != NULL ? parts[1] : "");

    g_ptr_array_add (accounts, ledger_account_new (user));
  }
  /* Clients of one account on each of the servers. */
  for (int i = 0; i < options.clients; i++)
    g_ptr_array_add (clients, client_new ((guint) i, g_ptr_array_index (accounts, i % options.accounts),
                                          g_ptr_array_index (options.servers,
                                                             i / options.accounts % options.servers->len)));
  for (int i = 0; i < options.clients; i++)
    g_ptr_array_add (threads, g_thread_new ("client", client_run, g_ptr_array_index (clients, i)));
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) threads = g_ptr_array_new ();

  setlocale (LC_ALL, "");
  if (!parse_options (&argc, &argv, &error)) {
    g_printerr ("checker: %s\n", error->message);
    return 64;
  }
  signal (SIGPIPE, SIG_IGN);
  signal (SIGINT, stop);
  signal (SIGTERM, stop);
  g_print ("checker: seed %" G_GUINT64_FORMAT ", %d clients, %d accounts, %d s\n", options.seed,
           options.clients, options.accounts, options.seconds);
  fflush (stdout);
  started = g_get_monotonic_time ();
  pthread_barrier_init (&quiet, NULL, (guint) options.clients);
  start_clients (threads);
  watch ();
  for (guint i = 0; i < threads->len; i++)
    g_thread_join (g_ptr_array_index (threads, i));
  print_status ((int) ((g_get_monotonic_time () - started) / SECOND));
  if (!memory_judge ()) {
    g_printerr ("CONTRADICTION the daemon grows\n");
    return 1;
  }
  g_print ("no contradiction\n");
  return 0;
}
