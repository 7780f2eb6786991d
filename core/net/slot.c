/* core/net/slot.c - where connections live, and who owns them.
 *
 * A slot is never freed while the net lives, so that a ref can always be looked at; its state word says
 * whether the ref still names the connection that is there. This file has every transition of the word, and
 * therefore the whole argument why nothing is lost and nobody is two owners: README.md.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "net/private.h"

#define OPERATOR_PLACES 8

/* ---- Lock-free stacks of slot indices -------------------------------------------------------------- */

static void
stack_push (CfNet *net, _Atomic guint64 *head, CfConn *conn)
{
  guint64 old = atomic_load (head), new;

  do {
    atomic_store (&conn->next, (guint32) old);
    new = ((old >> 32) + 1) << 32 | (conn->index + 1);
  } while (!atomic_compare_exchange_weak (head, &old, new));
}

static CfConn *
stack_pop (CfNet *net, _Atomic guint64 *head)
{
  guint64 old = atomic_load (head), new;
  CfConn *conn;

  do {
    if ((guint32) old == 0)
      return NULL;
    conn = cf_slot_get (net, (guint32) old - 1);
    new = ((old >> 32) + 1) << 32 | atomic_load (&conn->next);
  } while (!atomic_compare_exchange_weak (head, &old, new));
  return conn;
}

/* ---- Slots ----------------------------------------------------------------------------------------- */

/* The slot's memory; NULL while its chunk is being made, and beyond the table. */
CfConn *
cf_slot_get (CfNet *net, guint32 index)
{
  CfConn *chunk;

  if (index >= atomic_load (&net->n_slots))
    return NULL;
  chunk = atomic_load (&net->chunks[index / CF_SLOTS_PER_CHUNK]);
  return chunk != NULL ? &chunk[index % CF_SLOTS_PER_CHUNK] : NULL;
}

guint
cf_slot_get_max (const CfNet *net)
{
  return net->config.max_connections + (net->config.operator_protocol != NULL ? OPERATOR_PLACES : 0);
}

static CfConn *
slot_new (CfNet *net)
{
  guint32 index = atomic_load (&net->n_slots);
  _Atomic (CfConn *) *place;
  CfConn *chunk = NULL, *fresh;

  do {
    if (index >= cf_slot_get_max (net))
      return NULL;
  } while (!atomic_compare_exchange_weak (&net->n_slots, &index, index + 1));

  place = &net->chunks[index / CF_SLOTS_PER_CHUNK];
  if (atomic_load (place) == NULL) {
    fresh = g_new0 (CfConn, CF_SLOTS_PER_CHUNK);
    for (guint i = 0; i < CF_SLOTS_PER_CHUNK; i++) {
      fresh[i].index = index / CF_SLOTS_PER_CHUNK * CF_SLOTS_PER_CHUNK + i;
      fresh[i].net = net;
      fresh[i].fd = -1;
    }
    if (!atomic_compare_exchange_strong (place, &chunk, fresh))
      g_free (fresh); /* another thread made it */
  }
  return cf_slot_get (net, index);
}

/* A free slot, owned by the caller, under a new generation; NULL when all are in use. */
CfConn *
cf_slot_acquire (CfNet *net)
{
  CfConn *conn = stack_pop (net, &net->free_stack);
  guint32 generation;

  if (conn == NULL)
    conn = slot_new (net);
  if (conn == NULL)
    return NULL;

  generation = CF_SLOT_GENERATION (atomic_load (&conn->word)) + 1;
  if (generation == 0) /* is not a connection's */
    generation = 1;
  atomic_store (&conn->word, (guint64) generation << 32 | CF_SLOT_LIVE | CF_SLOT_OWNED);
  return conn;
}

/* Gives the owner's slot back; its refs name nothing from here on. */
void
cf_slot_release (CfConn *conn)
{
  CfNet *net = conn->net;

  atomic_fetch_and (&conn->word, ~(CF_SLOT_STATE | CF_SLOT_REASONS));
  stack_push (net, &net->free_stack, conn);
}

CfConnRef
cf_slot_get_ref (CfConn *conn)
{
  return (guint64) CF_SLOT_GENERATION (atomic_load (&conn->word)) << 32 | conn->index;
}

/* No other thread may be left. */
void
cf_slot_free_all (CfNet *net)
{
  for (guint i = 0; i < (cf_slot_get_max (net) + CF_SLOTS_PER_CHUNK - 1) / CF_SLOTS_PER_CHUNK; i++)
    g_free (atomic_load (&net->chunks[i]));
  g_free (net->chunks);
}

/* ---- Ownership ------------------------------------------------------------------------------------- */

/* After an event: TRUE makes the caller the owner and gives it the reasons. FALSE: the ref is stale, or
 * somebody else owns the connection and has been told to look again. */
gboolean
cf_slot_take (CfConn *conn, CfConnRef ref, guint *out_reasons)
{
  guint64 word = atomic_load (&conn->word), new;

  do {
    if (CF_SLOT_GENERATION (word) != ref >> 32 || !(word & CF_SLOT_LIVE))
      return FALSE;
    new = word &CF_SLOT_OWNED ? word | CF_SLOT_PENDING : (word & ~CF_SLOT_REASONS) | CF_SLOT_OWNED;
  } while (!atomic_compare_exchange_weak (&conn->word, &word, new));

  if (word & CF_SLOT_OWNED)
    return FALSE;
  *out_reasons = CF_SLOT_GET_REASONS (word);
  return TRUE;
}

/* For the owner, which has already armed the socket: TRUE, and it is the owner no longer. FALSE: something
 * has happened meanwhile, it still is. */
gboolean
cf_slot_leave (CfConn *conn)
{
  guint64 word = atomic_load (&conn->word);

  do {
    if (word & CF_SLOT_PENDING)
      return FALSE;
  } while (!atomic_compare_exchange_weak (&conn->word, &word, word & ~CF_SLOT_OWNED));
  return TRUE;
}

/* For the owner: the reasons that have gathered, which with PENDING are thereby taken. */
guint
cf_slot_take_reasons (CfConn *conn)
{
  return CF_SLOT_GET_REASONS (atomic_fetch_and (&conn->word, ~(CF_SLOT_PENDING | CF_SLOT_REASONS)));
}

static gboolean
slot_is_writable (CfConn *conn)
{
  struct pollfd pfd = { .fd = conn->fd, .events = POLLOUT };

  return poll (&pfd, 1, 0) == 1;
}

/* For the owner, which wants to be rid of the connection while there is work without a socket event: leaves
 * the reasons in the word and arms for output, so that some worker comes. A socket that takes no output would
 * not fire: then ownership itself is handed to a worker over the ready stack. News for a client that does not
 * read (PUSH alone) can wait until it does. */
void
cf_slot_arm_for_work (CfConn *conn)
{
  CfNet *net = conn->net;
  struct epoll_event event
      = { .events = EPOLLIN | EPOLLOUT | EPOLLONESHOT, .data.u64 = cf_slot_get_ref (conn) };
  guint64 word;

  do {
    word = atomic_fetch_and (&conn->word, ~CF_SLOT_PENDING) & ~CF_SLOT_PENDING;
    if (CF_SLOT_GET_REASONS (word) & ~(guint) CF_WAKE_PUSH && !slot_is_writable (conn)) {
      stack_push (net, &net->ready_stack, conn);
      eventfd_write (net->ready_fd, 1);
      return;
    }
    epoll_ctl (net->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event);
  } while (!atomic_compare_exchange_strong (&conn->word, &word, word & ~CF_SLOT_OWNED));
}

/* A connection handed over by cf_slot_arm_for_work(): the caller is its owner. NULL: none (left). */
CfConn *
cf_slot_pop_ready (CfNet *net)
{
  return stack_pop (net, &net->ready_stack);
}

void
cf_net_wake (CfNet *net, CfConnRef ref, guint reason)
{
  CfConn *conn = cf_slot_get (net, (guint32) ref);
  guint64 word, new, bits = ((guint64) reason << 8) & CF_SLOT_REASONS;

  if (conn == NULL || ref >> 32 == 0)
    return;
  word = atomic_load (&conn->word);
  do {
    if (CF_SLOT_GENERATION (word) != ref >> 32 || !(word & CF_SLOT_LIVE))
      return;
    /* Armed with this reason set: whoever set it has armed for work since, and no worker has come yet. */
    if (!(word & CF_SLOT_OWNED) && (word & bits) == bits)
      return;
    new = word | bits | CF_SLOT_OWNED | (word & CF_SLOT_OWNED ? CF_SLOT_PENDING : 0);
  } while (!atomic_compare_exchange_weak (&conn->word, &word, new));

  if (!(word & CF_SLOT_OWNED))
    cf_slot_arm_for_work (conn);
}
