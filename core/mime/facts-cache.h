/* core/mime/facts-cache.h - facts of messages lately looked at, by content id; one for the process.
 *
 * Content never changes, so an entry is never wrong as long as the store does not fall back. Bounded by
 * octets; the entry longest unused goes first. Any thread.
 */
#ifndef CF_FACTS_CACHE_H
#define CF_FACTS_CACHE_H

#include <coffer/facts.h>

G_BEGIN_DECLS

/* @max_octets of entries in all; 0: nothing is kept. Main thread, before the rest. */
void cf_facts_cache_init (gsize max_octets);
void cf_facts_cache_shutdown (void);

/* A new reference, or NULL. */
CfFacts *cf_facts_cache_lookup (CfContentId content);
/* Keeps a reference. */
void cf_facts_cache_insert (CfContentId content, CfFacts *facts);
/* The store may have fallen back, and ids stand for something else. */
void cf_facts_cache_clear (void);

G_END_DECLS

#endif
