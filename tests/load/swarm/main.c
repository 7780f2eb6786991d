/* tests/load/swarm/main.c - the scenarios, and what the driver may choose (swarm.h). */
#include "swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Scenario scenarios[] = {
  { "fill", "puts messages into mailboxes", fill_run },
  { "idle", "clients in IDLE that are told of messages", idle_run },
  { "push", "one message at a time, of which all clients are told", push_run },
  { "nonreaders", "clients that ask for much and never read", nonreaders_run },
  { "reader", "clients that read as fast as they can", reader_run },
  { "slow", "clients that send one octet a second", slow_run },
  { "flood", "wrong logins", flood_run },
  { "half-open", "connections on which nothing comes", half_open_run },
  { "injection", "commands in clear behind STARTTLS", injection_run },
  { "renegotiation", "TLS 1.2 renegotiated by the client", renegotiation_run },
};

static const Scenario *
lookup_scenario (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++)
    if (strcmp (scenarios[i].name, name) == 0)
      return &scenarios[i];
  return NULL;
}

int
main (int argc, char **argv)
{
  SwarmOptions options = {
    .clients = 100, .accounts = 10, .probes = 20, .messages = 10, .size = 300, .seconds = 5, .rate = 50
  };
  int port = 0, tls_port = 0;
  const GOptionEntry entries[] = {
    { "port", 0, 0, G_OPTION_ARG_INT, &port, "Of the server on 127.0.0.1", "N" },
    { "tls-port", 0, 0, G_OPTION_ARG_INT, &tls_port, "Likewise, for implicit TLS", "N" },
    { "clients", 0, 0, G_OPTION_ARG_INT, &options.clients, "How many", "N" },
    { "accounts", 0, 0, G_OPTION_ARG_INT, &options.accounts, "They use accounts u0 to u(N-1)", "N" },
    { "mailboxes", 0, 0, G_OPTION_ARG_INT, &options.mailboxes,
      "Mailboxes of each account, one a client; or that all watch", "N" },
    { "messages", 0, 0, G_OPTION_ARG_INT, &options.messages, "In each mailbox", "N" },
    { "size", 0, 0, G_OPTION_ARG_INT, &options.size, "Octets of a message", "N" },
    { "probes", 0, 0, G_OPTION_ARG_INT, &options.probes, "Clients that give NOOP", "N" },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds, "To measure", "N" },
    { "rate", 0, 0, G_OPTION_ARG_INT, &options.rate, "Messages or visitors a second", "N" },
    { "writer-port", 0, 0, G_OPTION_ARG_INT, &options.writer_port, "Of another server, for who writes", "N" },
    { "tls", 0, 0, G_OPTION_ARG_NONE, &options.tls, "Clients use implicit TLS", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("SCENARIO - many IMAP clients");
  g_autoptr (GString) summary = g_string_new ("Scenarios:");
  g_autoptr (GError) error = NULL;
  const Scenario *scenario;
  Swarm *swarm;
  int status;

  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++)
    g_string_append_printf (summary, "\n  %-16s %s", scenarios[i].name, scenarios[i].summary);
  g_option_context_set_summary (context, summary->str);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("swarm: %s\n", error->message);
    return 64;
  }
  scenario = argc == 2 ? lookup_scenario (argv[1]) : NULL;
  if (scenario == NULL || port == 0 || options.accounts == 0 || options.probes == 0 || options.rate == 0) {
    g_printerr ("swarm: one SCENARIO and --port are needed, and numbers above 0; see --help\n");
    return 64;
  }
  swarm = swarm_new (&options, (guint) port, (guint) tls_port);
  status = scenario->run (swarm) && !swarm->failed ? EXIT_SUCCESS : EXIT_FAILURE;
  fflush (stdout);
  _exit (status); /* the clients go with the process; to free them first would prove nothing */
}
