/* tests/load/swarm/tls.c - what is done to TLS: commands injected before STARTTLS, and renegotiation. */
#include "swarm.h"

#include <string.h>

/* ---- Injection (RFC 3501, 6.2.1) --------------------------------------------------------------------- */

/* What comes in clear behind STARTTLS, in the same segment or in the next. */
static const char *const injected[] = {
  "x NOOP\r\n",
  "x LOGIN u0 \"correct horse\"\r\n",
  "x NOO", /* to be completed by what comes under TLS */
  "x LOGIN u0 {13}\r\n",
  "x LOGIN u0 {13+}\r\ncorrect horse\r\nx CAPABILITY\r\n",
  "x APPEND INBOX {100000+}\r\n",
};

static void
injector_ready (Client *client)
{
  const char *text = injected[client->index % G_N_ELEMENTS (injected)];
  g_autofree char *command = NULL;

  client->number = 0;
  if (client->index / G_N_ELEMENTS (injected) % 2 == 0) {
    command = g_strconcat ("t STARTTLS\r\n", text, NULL);
    client_write (client, command, strlen (command));
  } else {
    client_command (client, "STARTTLS");
    client_write (client, text, strlen (text));
  }
}

/* The greeting is there already. After the handshake exactly one command is answered, in the state of a
 * client that is not logged in. */
static void
injector_line (Client *client, const char *line)
{
  Swarm *swarm = client->group->swarm;

  switch (client->number++) {
  case 0:
    if (!g_str_has_prefix (line, "t OK"))
      swarm_fail (swarm, "STARTTLS: %s", line);
    client_start_tls (client);
    client_command (client, "SELECT INBOX");
    break;
  case 1:
    if (!g_str_has_prefix (line, "t BAD"))
      swarm_fail (swarm, "Under TLS, for SELECT before login: %s", line);
    client_command (client, "CAPABILITY");
    break;
  case 2:
    if (!g_str_has_prefix (line, "* CAPABILITY"))
      swarm_fail (swarm, "Under TLS, for CAPABILITY: %s", line);
    break;
  case 3:
    if (!g_str_has_prefix (line, "t OK"))
      swarm_fail (swarm, "Under TLS, for CAPABILITY: %s", line);
    client->group->refused++; /* counts those that are done */
    break;
  default:
    swarm_fail (swarm, "Under TLS, unasked: %s", line);
  }
}

/* What comes in clear once the server waits for the handshake makes that fail, which is as good. */
static void
injector_closed (Client *client)
{
  if (client->number == 0)
    swarm_fail (client->group->swarm, "STARTTLS: closed");
}

static const Role injector_role
    = { .name = "injector", .ready = injector_ready, .line = injector_line, .closed = injector_closed };

gboolean
injection_run (Swarm *swarm)
{
  Group *group = swarm_add_group (swarm, &injector_role, swarm->options.clients, 64, FALSE);
  gint64 end = swarm_now () + 60 * G_USEC_PER_SEC;

  if (!swarm_wait_ready (group, 60))
    return FALSE;
  while (group->refused + group->closed < group->clients->len) {
    if (!swarm_turn (swarm))
      return FALSE;
    if (swarm_now () > end)
      swarm_fail (swarm, "%u clients still wait", group->clients->len - group->refused - group->closed);
  }
  if (!swarm_turn_for (swarm, 0.5)) /* something may still come unasked */
    return FALSE;
  swarm_figure ("injection.served", group->refused, "");
  swarm_figure ("injection.closed", group->closed, "");
  return swarm_stage (swarm, "injection");
}

/* ---- Renegotiation ----------------------------------------------------------------------------------- */

static char *
renegotiator_next (Client *client, guint step)
{
  return step == 0 ? client_dup_login (client) : NULL;
}

/* A ClientHello within the session: TLS 1.2 knows that. */
static void
renegotiator_ready (Client *client)
{
  int result = gnutls_handshake (client->tls);

  if (result == GNUTLS_E_SUCCESS)
    swarm_fail (client->group->swarm, "A renegotiation succeeded");
}

/* It comes again by turns, or the processor would have nothing but handshakes to do, on both sides. */
static void
renegotiator_closed (Client *client)
{
}

static void
renegotiator_tick (gpointer data)
{
  Group *group = data;
  Client *client = g_ptr_array_index (group->clients, group->turn++ % group->clients->len);

  if (client->state == CLIENT_IDLE)
    client_open (client);
}

static const Role renegotiator_role = { .name = "renegotiator",
                                        .next = renegotiator_next,
                                        .ready = renegotiator_ready,
                                        .closed = renegotiator_closed };

gboolean
renegotiation_run (Swarm *swarm)
{
  Probe *probe = probe_new (swarm);
  Group *group;

  if (!probe_start (probe) || !probe_measure (probe, "before", 2) || !swarm_stage (swarm, "before"))
    return FALSE;
  group = swarm_add_group (swarm, &renegotiator_role, swarm->options.clients, 0, TRUE);
  group->priorities = "NORMAL:-VERS-ALL:+VERS-TLS1.2";
  swarm_every (swarm, G_USEC_PER_SEC / swarm->options.rate, renegotiator_tick, group);
  if (!probe_measure (probe, "renegotiation", swarm->options.seconds))
    return FALSE;
  if (group->closed == 0)
    swarm_fail (swarm, "No renegotiation was refused");
  swarm_figure ("renegotiation.tried", group->ready, "");
  swarm_figure ("renegotiation.closed", group->closed, "");
  return swarm_stage (swarm, "renegotiation");
}
