/* core/store/login-queue.c - logins that wait to be written (login-queue.h). */
#include "store/login-queue.h"

#include <string.h>

struct _CfLoginQueue {
  guint max;
  GMutex lock;
  GCond changed;
  GQueue records; /* CfLoginRecord, the oldest at the head */
  guint64 dropped;
  gboolean is_closed;
};

/* ---- Records ----------------------------------------------------------------------------------------- */

/* NULL stays NULL. The caller frees. */
static char *
record_dup_text (const char *text)
{
  g_autofree char *cut = g_strndup (text, CF_LOGIN_TEXT_MAX); /* NULL for NULL */
  char *valid = text != NULL ? g_utf8_make_valid (cut, -1) : NULL;

  /* What replaces an octet is longer than that. */
  if (valid != NULL && strlen (valid) > CF_LOGIN_TEXT_MAX)
    *g_utf8_find_prev_char (valid, valid + CF_LOGIN_TEXT_MAX + 1) = '\0';
  return valid;
}

static CfLoginRecord *
record_copy (const CfLoginRecord *record)
{
  CfLoginRecord *copy = g_memdup2 (record, sizeof *record);

  copy->name = record_dup_text (record->name);
  copy->remote = record_dup_text (record->remote);
  copy->mechanism = record_dup_text (record->mechanism);
  copy->actor = record_dup_text (record->actor);
  copy->reason = record_dup_text (record->reason);
  return copy;
}

static void
record_free (gpointer data)
{
  CfLoginRecord *record = data;

  g_free ((char *) record->name);
  g_free ((char *) record->remote);
  g_free ((char *) record->mechanism);
  g_free ((char *) record->actor);
  g_free ((char *) record->reason);
  g_free (record);
}

/* ---- The queue --------------------------------------------------------------------------------------- */

CfLoginQueue *
cf_login_queue_new (guint max)
{
  CfLoginQueue *queue = g_new0 (CfLoginQueue, 1);

  queue->max = max;
  g_mutex_init (&queue->lock);
  g_cond_init (&queue->changed);
  g_queue_init (&queue->records);
  return queue;
}

void
cf_login_queue_free (CfLoginQueue *queue)
{
  if (queue == NULL)
    return;
  g_queue_clear_full (&queue->records, record_free);
  g_cond_clear (&queue->changed);
  g_mutex_clear (&queue->lock);
  g_free (queue);
}

/* With the lock. */
static void
queue_drop (CfLoginQueue *queue)
{
  while (queue->records.length > queue->max) {
    record_free (g_queue_pop_head (&queue->records));
    queue->dropped++;
  }
}

void
cf_login_queue_push (CfLoginQueue *queue, const CfLoginRecord *record)
{
  CfLoginRecord *copy = record_copy (record);

  g_mutex_lock (&queue->lock);
  g_queue_push_tail (&queue->records, copy);
  queue_drop (queue);
  if (queue->records.length == 1)
    g_cond_signal (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

gboolean
cf_login_queue_wait (CfLoginQueue *queue, gint64 us)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&queue->lock);
  gint64 until;

  while (queue->records.length == 0 && !queue->is_closed)
    g_cond_wait (&queue->changed, &queue->lock);
  until = g_get_monotonic_time () + us;
  while (!queue->is_closed && g_cond_wait_until (&queue->changed, &queue->lock, until)) {
  }
  return !queue->is_closed;
}

GPtrArray *
cf_login_queue_take (CfLoginQueue *queue, guint max)
{
  GPtrArray *taken = g_ptr_array_new_with_free_func (record_free);

  g_mutex_lock (&queue->lock);
  while (taken->len < max && queue->records.length > 0)
    g_ptr_array_add (taken, g_queue_pop_head (&queue->records));
  g_mutex_unlock (&queue->lock);
  return taken;
}

void
cf_login_queue_give_back (CfLoginQueue *queue, GPtrArray *records)
{
  g_mutex_lock (&queue->lock);
  g_ptr_array_set_free_func (records, NULL);
  for (guint i = records->len; i > 0; i--)
    g_queue_push_head (&queue->records, g_ptr_array_index (records, i - 1));
  queue_drop (queue);
  g_mutex_unlock (&queue->lock);
  g_ptr_array_unref (records);
}

void
cf_login_queue_close (CfLoginQueue *queue)
{
  g_mutex_lock (&queue->lock);
  queue->is_closed = TRUE;
  g_cond_signal (&queue->changed);
  g_mutex_unlock (&queue->lock);
}

void
cf_login_queue_get_counters (CfLoginQueue *queue, CfLoginQueueCounters *out)
{
  g_mutex_lock (&queue->lock);
  out->waiting = queue->records.length;
  out->dropped = queue->dropped;
  g_mutex_unlock (&queue->lock);
}
