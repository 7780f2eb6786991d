/* core/store/login-queue.h - logins that have happened and are not in the store yet.
 *
 * Sessions push, which costs them a moment; one thread takes them out, many at a time. While it cannot write,
 * they gather up to a bound; then the oldest are dropped, and counted.
 */
#ifndef CF_LOGIN_QUEUE_H
#define CF_LOGIN_QUEUE_H

#include <coffer/storage.h>

G_BEGIN_DECLS

/* Octets of each text of a record. An address has at most 250, a name that cannot be one any number. */
#define CF_LOGIN_TEXT_MAX 256

typedef struct _CfLoginQueue CfLoginQueue;

/* At most @max records wait in it. */
CfLoginQueue *cf_login_queue_new (guint max);
/* NULL is allowed. */
void cf_login_queue_free (CfLoginQueue *queue);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfLoginQueue, cf_login_queue_free)

/* Copies @record, its texts made valid UTF-8 and cut at CF_LOGIN_TEXT_MAX octets. Any thread. */
void cf_login_queue_push (CfLoginQueue *queue, const CfLoginRecord *record);

/* Waits until there is a record, and then @us longer, in which others gather. FALSE: the queue was closed,
 * whatever is in it. */
gboolean cf_login_queue_wait (CfLoginQueue *queue, gint64 us);
/* The oldest records, at most @max, which are the caller's: an array of CfLoginRecord *, to be unreffed or
 * given back. Empty when there is none. */
GPtrArray *cf_login_queue_take (CfLoginQueue *queue, guint max);
/* @records, as taken, could not be written: they are the oldest again. Takes over @records. */
void cf_login_queue_give_back (CfLoginQueue *queue, GPtrArray *records);
/* Whoever waits is told, from now on. Any thread. */
void cf_login_queue_close (CfLoginQueue *queue);

/* Any thread. */
typedef struct {
  guint64 waiting; /* records that are in it now */
  guint64 dropped; /* since it was made */
} CfLoginQueueCounters;

void cf_login_queue_get_counters (CfLoginQueue *queue, CfLoginQueueCounters *out);

G_END_DECLS

#endif
