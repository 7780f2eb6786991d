/* core/base/tally.h - how many of something each key has, up to a limit: connections of an address, sessions
 * of an account.
 *
 * Whoever is counted holds an entry and gives it back when it goes; a key with no entry costs nothing. A
 * refusal is to be logged, but not each of a flood of them: the tally says when, once a minute for a key. Any
 * thread.
 */
#ifndef CF_BASE_TALLY_H
#define CF_BASE_TALLY_H

#include <glib.h>

G_BEGIN_DECLS

#define CF_TALLY_KEY_MAX 24 /* octets */

typedef struct _CfTally CfTally;
typedef struct _CfTallyEntry CfTallyEntry;

/* @clock: microseconds, for tests; NULL: g_get_monotonic_time(). */
CfTally *cf_tally_new (gint64 (*clock) (void));
/* Every entry has been given back. NULL is allowed. */
void cf_tally_free (CfTally *tally);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfTally, cf_tally_free)

/* Counts one more of @key, @length octets of which the first CF_TALLY_KEY_MAX count, unless it has @max
 * already (0: no limit). NULL: refused; *@out_log is then how many refusals of the key a line in the log is
 * to speak of, 0 for no line now. The entry belongs to the tally. */
CfTallyEntry *cf_tally_enter (CfTally *tally, gconstpointer key, gsize length, guint max, guint *out_log);
/* The caller's one is gone; @entry must not be used any more. */
void cf_tally_leave (CfTally *tally, CfTallyEntry *entry);
/* Counts a refusal of @key for another reason than the limit; as cf_tally_enter() when it refuses. */
void cf_tally_refuse (CfTally *tally, gconstpointer key, gsize length, guint *out_log);

typedef struct {
  guint64 keys;    /* that have at least one now */
  guint64 entries; /* of all keys together, now */
  guint64 refused; /* since the start */
} CfTallyCounters;

void cf_tally_get_counters (CfTally *tally, CfTallyCounters *out);

G_END_DECLS

#endif
