/* modules/search/search.h - one SEARCH being carried out: from a tree to the UIDs that match it, in steps.
 *
 * Which messages are looked at is settled when it is made. Each step does a bounded amount of work, in this
 * order:
 *
 *   index    all messages, from the index rows in memory: no call of the store
 *   store    those left open, if any: one call of the search slot, which may decide or narrow them
 *   facts    those left open, some hundred at a time: one call that reads their facts, unless cached
 *   bodies   of these, those left open: their text, slice by slice, many small messages in one call
 *
 * A message that is expunged meanwhile keeps its place (RFC 3501, 7.4.1); when its content is gone, it does
 * not match.
 */
#ifndef SEARCH_SEARCH_H
#define SEARCH_SEARCH_H

#include "evaluate.h"

typedef struct _Search Search;

/* Takes over @tree. CF_ERROR_LIMIT: it asks for too much at once. */
Search *search_new (CfCommandCall *call, CfSearchNode *tree, GError **error);
void search_free (Search *search);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Search, search_free)

/* CF_RUN_DONE: finished. CF_RUN_MORE, CF_RUN_WAIT: return that, and call again. CF_RUN_ERROR: @error. */
CfRun search_run (Search *search, CfCommandCall *call, GError **error);

/* The UIDs that match; after CF_RUN_DONE. Borrowed. */
const CfUidSet *search_get_uids (const Search *search);
/* The search asks for MODSEQs, so the answer has the highest of what it names (RFC 7162, 3.1.5, 3.1.10). */
gboolean search_has_modseq (const Search *search);

#endif
