/* tests/load/swarm/measure.c - what is measured: samples, and the NOOPs of those who only want to be served.
 */
#include "swarm.h"

#define PROBE_EVERY  100000
#define VISITORS_MAX 500 /* at a time; who comes beyond is not counted */

/* ---- Samples ----------------------------------------------------------------------------------------- */

void
samples_add (Samples *samples, gint64 value)
{
  if (samples->values == NULL)
    samples->values = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_array_append_val (samples->values, value);
}

static gint
compare_values (gconstpointer a, gconstpointer b)
{
  gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return first < second ? -1 : first > second;
}

static void
samples_tell (Samples *samples, const char *name, const char *what, gdouble share)
{
  g_autofree char *full = g_strdup_printf ("%s.%s", name, what);
  guint last = samples->values->len - 1;

  swarm_figure (full, (gdouble) g_array_index (samples->values, gint64, (guint) (share * last)) / 1000, "ms");
}

void
samples_report (Samples *samples, const char *name)
{
  g_autofree char *count = g_strdup_printf ("%s.n", name);
  guint n = samples->values != NULL ? samples->values->len : 0;

  swarm_figure (count, n, "");
  if (n == 0)
    return;
  g_array_sort (samples->values, compare_values);
  samples_tell (samples, name, "min", 0);
  samples_tell (samples, name, "p50", 0.5);
  samples_tell (samples, name, "p90", 0.9);
  samples_tell (samples, name, "p99", 0.99);
  samples_tell (samples, name, "max", 1);
  g_array_set_size (samples->values, 0);
}

/* ---- Probes ------------------------------------------------------------------------------------------ */

static char *
probe_next (Client *client, guint step)
{
  return client_dup_select (client, step, "INBOX");
}

static void
probe_line (Client *client, const char *line)
{
  Probe *probe = client->group->data;

  if (line[0] != 't')
    return;
  if (!g_str_has_prefix (line, "t OK"))
    swarm_fail (client->group->swarm, "NOOP: %s", line);
  if (probe->is_counting)
    samples_add (&probe->samples, swarm_now () - client->asked);
  client->number = 0;
}

static const Role probe_role = { .name = "probe", .next = probe_next, .line = probe_line };

/* Each call is one client's turn, so that they do not all ask at once. */
static void
probe_tick (gpointer data)
{
  Probe *probe = data;
  Client *client = g_ptr_array_index (probe->group->clients, probe->turn++ % probe->group->clients->len);

  if (client->number != 0 || !client->is_ready)
    return; /* it still waits for an answer, which will be a long sample */
  client->number = 1;
  client_command (client, "NOOP");
}

Probe *
probe_new (Swarm *swarm)
{
  Probe *probe = g_new0 (Probe, 1);

  probe->group = swarm_add_group (swarm, &probe_role, swarm->options.probes, swarm->options.probes,
                                  swarm->options.tls);
  probe->group->data = probe;
  return probe;
}

gboolean
probe_start (Probe *probe)
{
  if (!swarm_wait_ready (probe->group, 60))
    return FALSE;
  swarm_every (probe->group->swarm, PROBE_EVERY / probe->group->clients->len, probe_tick, probe);
  return TRUE;
}

gboolean
probe_measure (Probe *probe, const char *name, gdouble seconds)
{
  g_autofree char *full = g_strdup_printf ("%s.noop", name);
  gboolean good;

  probe->is_counting = TRUE;
  good = swarm_turn_for (probe->group->swarm, seconds);
  probe->is_counting = FALSE;
  if (!good)
    return FALSE;
  for (guint i = 0; i < probe->group->clients->len; i++) {
    Client *client = g_ptr_array_index (probe->group->clients, i);

    if (client->number != 0) /* that has had no answer yet counts as well */
      samples_add (&probe->samples, swarm_now () - client->asked);
  }
  samples_report (&probe->samples, full);
  return TRUE;
}

/* ---- Visitors ---------------------------------------------------------------------------------------- */

static char *
visitor_next (Client *client, guint step)
{
  const Visitors *visitors = client->group->data;

  return step == 0 ? client_dup_login_as (visitors->first + client->number) : NULL;
}

static void
visitor_ready (Client *client)
{
  Visitors *visitors = client->group->data;

  samples_add (&visitors->samples, swarm_now () - client->since);
  client_close (client);
}

static void
visitor_refused (Client *client, const char *line)
{
  ((Visitors *) client->group->data)->lost++;
  client_close (client);
}

static void
visitor_closed (Client *client)
{
  ((Visitors *) client->group->data)->lost++;
}

static const Role visitor_role = { .name = "visitor",
                                   .next = visitor_next,
                                   .ready = visitor_ready,
                                   .refused = visitor_refused,
                                   .closed = visitor_closed };

static void
visitors_tick (gpointer data)
{
  Visitors *visitors = data;
  guint turn = visitors->turn++;
  Client *client = g_ptr_array_index (visitors->group->clients, turn % visitors->group->clients->len);

  if (client->state != CLIENT_IDLE)
    return;
  client->number = turn % visitors->accounts;
  client_open (client);
}

Visitors *
visitors_start (Swarm *swarm, guint first, guint accounts)
{
  Visitors *visitors = g_new0 (Visitors, 1);

  visitors->first = first;
  visitors->accounts = accounts;
  visitors->group = swarm_add_group (swarm, &visitor_role, VISITORS_MAX, 0, swarm->options.tls);
  visitors->group->data = visitors;
  swarm_every (swarm, G_USEC_PER_SEC / swarm->options.rate, visitors_tick, visitors);
  return visitors;
}

gboolean
visitors_measure (Visitors *visitors, const char *name, gdouble seconds)
{
  g_autofree char *login = g_strdup_printf ("%s.login", name);
  g_autofree char *lost = g_strdup_printf ("%s.lost", name);
  Swarm *swarm = visitors->group->swarm;
  gint64 end;

  if (!swarm_turn_for (swarm, seconds))
    return FALSE;
  swarm_no_more (swarm, visitors_tick, visitors);
  for (end = swarm_now () + 60 * G_USEC_PER_SEC; visitors->group->pending > 0 && swarm_now () < end;)
    if (!swarm_turn (swarm))
      return FALSE;
  samples_report (&visitors->samples, login);
  swarm_figure (lost, visitors->lost + visitors->group->pending, "");
  return TRUE;
}
