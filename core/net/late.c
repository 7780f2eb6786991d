/* core/net/late.c - connections whose owner is inside a blocking call for too long.
 *
 * A worker in the store can be interrupted by nobody, and its connection is its own. So that a client is
 * answered all the same, the worker lends the connection while it blocks: once the deadline has passed, the
 * sweep takes the loan, has the protocol write, sends what the socket takes, and hands it back. One word says
 * who has it, and only its holder touches the connection:
 *
 *   NONE -(worker)-> LENT -(sweep)-> TAKEN -(sweep)-> TOLD -(worker)-> NONE
 *                     '-----------------(worker)------------------------^
 *
 * A worker that comes back in the midst of TAKEN waits for the sweep, which never blocks.
 */
#include "net/private.h"

enum {
  LOAN_NONE,
  LOAN_LENT,
  LOAN_TAKEN,
  LOAN_TOLD,
};

void
cf_conn_set_late (CfConn *conn, const CfConnLate *late, gpointer data)
{
  CfWorker *worker = conn->worker;

  worker->late = late;
  worker->late_conn = conn;
  worker->late_data = data;
  worker->was_late = FALSE;
}

void
cf_net_block (gint64 deadline)
{
  CfWorker *worker = cf_net_get_worker ();

  if (worker == NULL || worker->late == NULL || worker->was_late
      || !worker->late->lend (worker->late_conn, worker->late_data))
    return;
  atomic_store (&worker->late_at, deadline);
  atomic_store (&worker->loan, LOAN_LENT);
}

/* Should the sweep be looking just now, the client may be told all the same. */
void
cf_net_prolong (gint64 deadline)
{
  CfWorker *worker = cf_net_get_worker ();

  if (worker != NULL && atomic_load (&worker->loan) != LOAN_NONE)
    atomic_store (&worker->late_at, deadline);
}

gboolean
cf_net_unblock (void)
{
  CfWorker *worker = cf_net_get_worker ();
  int loan;

  if (worker == NULL || atomic_load (&worker->loan) == LOAN_NONE)
    return FALSE;
  while (loan = LOAN_LENT, !atomic_compare_exchange_strong (&worker->loan, &loan, LOAN_NONE)) {
    if (loan == LOAN_TOLD) {
      worker->was_late = TRUE;
      atomic_store (&worker->loan, LOAN_NONE);
      return TRUE;
    }
    g_usleep (100);
  }
  return FALSE;
}

gboolean
cf_net_is_late (void)
{
  const CfWorker *worker = cf_net_get_worker ();

  return worker != NULL && worker->was_late;
}

static void
late_attend (CfWorker *worker, gint64 now)
{
  int loan = LOAN_LENT;

  if (atomic_load (&worker->late_at) > now
      || !atomic_compare_exchange_strong (&worker->loan, &loan, LOAN_TAKEN))
    return;
  /* It may have come back and lent another connection in between. */
  if (atomic_load (&worker->late_at) > now) {
    atomic_store (&worker->loan, LOAN_LENT);
    return;
  }
  worker->late->tell (worker->late_conn, worker->late_data);
  cf_turn_send (worker->late_conn);
  atomic_store (&worker->loan, LOAN_TOLD);
}

void
cf_late_sweep (CfNet *net)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < net->config.workers; i++)
    late_attend (&net->workers[i], now);
}
