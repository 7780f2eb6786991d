/* core/mailbox/unheard.c - news of mailboxes that were not in memory when the news came (unheard.h). */
#include "mailbox/unheard.h"

typedef struct {
  CfAccountId account; /* 0: any */
  CfMailboxId id;      /* 0: any */
  guint64 modseq;
} News;

static GMutex unheard_lock;
static News unheard_news[CF_UNHEARD_MAX]; /* number n is at n % CF_UNHEARD_MAX */
static guint64 unheard_serial;            /* the number of the next */

void
cf_unheard_add (CfAccountId account, CfMailboxId id, guint64 modseq)
{
  g_mutex_lock (&unheard_lock);
  unheard_news[unheard_serial++ % CF_UNHEARD_MAX] = (News){ account, id, modseq };
  g_mutex_unlock (&unheard_lock);
}

guint64
cf_unheard_get_serial (void)
{
  guint64 serial;

  g_mutex_lock (&unheard_lock);
  serial = unheard_serial;
  g_mutex_unlock (&unheard_lock);
  return serial;
}

/* Under the lock. */
static gboolean
unheard_find (guint64 serial, CfAccountId account, CfMailboxId id, guint64 modseq)
{
  for (guint64 i = serial; i < unheard_serial; i++) {
    const News *news = &unheard_news[i % CF_UNHEARD_MAX];

    if ((news->account == 0 || news->account == account) && (news->id == 0 || news->id == id)
        && news->modseq > modseq)
      return TRUE;
  }
  return FALSE;
}

gboolean
cf_unheard_since (guint64 serial, CfAccountId account, CfMailboxId id, guint64 modseq)
{
  gboolean found;

  g_mutex_lock (&unheard_lock);
  found = unheard_serial - serial > CF_UNHEARD_MAX || unheard_find (serial, account, id, modseq);
  g_mutex_unlock (&unheard_lock);
  return found;
}
