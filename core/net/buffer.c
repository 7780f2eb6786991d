/* core/net/buffer.c - a connection's input and output.
 *
 * During a turn a buffer is a roomy block borrowed from the worker; between turns it is nothing, or what
 * is left at about its exact size. So ten thousand idle connections keep no buffers, and no turn in
 * steady state allocates.
 */
#include <string.h>

#include "net/private.h"

#define CUT_MIN (16 * 1024) /* octets unused for which it is worth the while */

static guint8 *
worker_borrow_block (CfWorker *worker)
{
  for (guint i = 0; i < G_N_ELEMENTS (worker->spare); i++)
    if (worker->spare[i] != NULL)
      return g_steal_pointer (&worker->spare[i]);
  return g_malloc (worker->net->block);
}

static void
worker_return_block (CfWorker *worker, guint8 *data, gsize capacity)
{
  if (worker != NULL && capacity == worker->net->block)
    for (guint i = 0; i < G_N_ELEMENTS (worker->spare); i++)
      if (worker->spare[i] == NULL) {
        worker->spare[i] = data;
        return;
      }
  g_free (data);
}

static void
buffer_move (CfBuffer *buffer, CfWorker *worker, guint8 *data, gsize capacity)
{
  gsize length = cf_buffer_get_length (buffer);

  if (length > 0)
    memcpy (data, buffer->data + buffer->start, length);
  if (buffer->data != NULL)
    worker_return_block (worker, buffer->data, buffer->capacity);
  *buffer = (CfBuffer){ .data = data, .end = length, .capacity = capacity };
}

/* Makes room for @room more octets at the end; returns where they go. Adding to @buffer->end
 * is the caller's. */
guint8 *
cf_buffer_reserve (CfBuffer *buffer, CfWorker *worker, gsize room)
{
  gsize length = cf_buffer_get_length (buffer), capacity;

  if (buffer->capacity - buffer->end >= room)
    return buffer->data + buffer->end;

  if (length + room <= worker->net->block && buffer->capacity != worker->net->block) {
    buffer_move (buffer, worker, worker_borrow_block (worker), worker->net->block);
  } else if (length + room <= buffer->capacity
             && (length <= buffer->capacity / 2 || buffer->capacity == worker->net->block)) {
    memmove (buffer->data, buffer->data + buffer->start, length);
    buffer->start = 0;
    buffer->end = length;
  } else {
    capacity = MAX (buffer->capacity, worker->net->block);
    while (capacity < length + room)
      capacity *= 2;
    buffer_move (buffer, worker, g_malloc (capacity), capacity);
  }
  return buffer->data + buffer->end;
}

/* A buffer that had to grow is cut to what is in it, where it is. */
static void
buffer_cut (CfBuffer *buffer)
{
  gsize length = cf_buffer_get_length (buffer);

  memmove (buffer->data, buffer->data + buffer->start, length);
  *buffer = (CfBuffer){ .data = g_realloc (buffer->data, length), .end = length, .capacity = length };
}

/* The end of a turn: nothing is kept of an empty buffer, little of a nearly empty one, and no more than is
 * needed of a large one. */
void
cf_buffer_settle (CfBuffer *buffer, CfWorker *worker)
{
  gsize length = cf_buffer_get_length (buffer);

  if (buffer->data == NULL)
    return;
  if (length == 0)
    cf_buffer_clear (buffer, worker);
  else if (length <= buffer->capacity / 4)
    buffer_move (buffer, worker, g_malloc (length), length);
  else if (buffer->capacity > worker->net->block && buffer->capacity - length > CUT_MIN)
    buffer_cut (buffer);
}

/* @worker may be NULL. */
void
cf_buffer_clear (CfBuffer *buffer, CfWorker *worker)
{
  if (buffer->data != NULL)
    worker_return_block (worker, buffer->data, buffer->capacity);
  *buffer = (CfBuffer){ 0 };
}
