/* core/store/permits.c - permits: how many storage calls may run at once (permits.h).
 *
 * A ticket exists for each connection that waits, has a permit set aside, or holds one. Setting aside, rather
 * than letting the woken one try its luck, is what keeps a newcomer from overtaking the queue.
 */
#include "store/permits.h"

typedef enum {
  TICKET_WAITING,
  TICKET_SET_ASIDE,
  TICKET_HELD,
} TicketState;

typedef struct {
  CfConnRef ref;
  CfAccountId account;
  TicketState state;
  GList link; /* in the queue while waiting */
} Ticket;

struct _CfPermits {
  GMutex lock;
  guint free;
  guint share;
  GHashTable *tickets; /* CfConnRef -> Ticket */
  GHashTable *used;    /* CfAccountId -> number of permits taken; no entry: 0 */
  GQueue queue;        /* of Ticket.link */
  CfPermitsWake wake;
  gpointer user_data;
};

CfPermits *
cf_permits_new (guint total, guint share, CfPermitsWake wake, gpointer user_data)
{
  CfPermits *permits = g_new0 (CfPermits, 1);

  g_mutex_init (&permits->lock);
  permits->free = MAX (total, 1);
  permits->share = MAX (share, 1);
  permits->tickets = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, g_free);
  permits->used = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  g_queue_init (&permits->queue);
  permits->wake = wake;
  permits->user_data = user_data;
  return permits;
}

void
cf_permits_free (CfPermits *permits)
{
  if (permits == NULL)
    return;
  g_hash_table_unref (permits->tickets);
  g_hash_table_unref (permits->used);
  g_mutex_clear (&permits->lock);
  g_free (permits);
}

static guint
permits_get_used (CfPermits *permits, CfAccountId account)
{
  return GPOINTER_TO_UINT (g_hash_table_lookup (permits->used, &account));
}

static void
permits_set_used (CfPermits *permits, CfAccountId account, guint used)
{
  if (used == 0)
    g_hash_table_remove (permits->used, &account);
  else
    g_hash_table_insert (permits->used, g_memdup2 (&account, sizeof account), GUINT_TO_POINTER (used));
}

static gboolean
permits_may_take (CfPermits *permits, CfAccountId account)
{
  return permits->free > 0 && permits_get_used (permits, account) < permits->share;
}

static void
permits_take (CfPermits *permits, Ticket *ticket, TicketState state)
{
  permits->free--;
  permits_set_used (permits, ticket->account, permits_get_used (permits, ticket->account) + 1);
  ticket->state = state;
}

/* The first in the queue whose account is below its share gets the permit set aside; its ref, or 0. */
static CfConnRef
permits_pass_on (CfPermits *permits)
{
  for (GList *link = permits->queue.head; link != NULL; link = link->next) {
    Ticket *ticket = link->data;

    if (!permits_may_take (permits, ticket->account))
      continue;
    g_queue_unlink (&permits->queue, link);
    permits_take (permits, ticket, TICKET_SET_ASIDE);
    return ticket->ref;
  }
  return 0;
}

gboolean
cf_permits_try (CfPermits *permits, CfConnRef ref, CfAccountId account)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&permits->lock);
  Ticket *ticket = g_hash_table_lookup (permits->tickets, &ref);

  if (ticket != NULL) {
    if (ticket->state == TICKET_SET_ASIDE)
      ticket->state = TICKET_HELD;
    return ticket->state == TICKET_HELD;
  }

  ticket = g_new0 (Ticket, 1);
  ticket->ref = ref;
  ticket->account = account;
  ticket->link.data = ticket;
  g_hash_table_insert (permits->tickets, &ticket->ref, ticket);
  /* Whoever could be served is taken out of the queue at each release, so what still waits there is held back
   * by its account's share, and a newcomer of another account overtakes nobody. */
  if (permits_may_take (permits, account)) {
    permits_take (permits, ticket, TICKET_HELD);
    return TRUE;
  }
  ticket->state = TICKET_WAITING;
  g_queue_push_tail_link (&permits->queue, &ticket->link);
  return FALSE;
}

void
cf_permits_release (CfPermits *permits, CfConnRef ref)
{
  CfConnRef next = 0;

  g_mutex_lock (&permits->lock);
  Ticket *ticket = g_hash_table_lookup (permits->tickets, &ref);
  if (ticket != NULL && ticket->state == TICKET_WAITING) {
    g_queue_unlink (&permits->queue, &ticket->link);
  } else if (ticket != NULL) {
    permits->free++;
    permits_set_used (permits, ticket->account, permits_get_used (permits, ticket->account) - 1);
    next = permits_pass_on (permits);
  }
  if (ticket != NULL)
    g_hash_table_remove (permits->tickets, &ref);
  g_mutex_unlock (&permits->lock);

  if (next != 0)
    permits->wake (next, permits->user_data);
}
