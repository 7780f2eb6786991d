/* modules/search/response.h - the answer to a SEARCH: a SEARCH response (RFC 3501, 7.2.5), or with RETURN
 * (...) an ESEARCH response (RFC 4731, 3.1), in steps.
 */
#ifndef SEARCH_RESPONSE_H
#define SEARCH_RESPONSE_H

#include "return.h"

typedef struct _SearchResponse SearchResponse;

/* @found is borrowed, until it is freed. @with_modseq: the program had the key MODSEQ, and so the answer has
 * the highest one of the messages that it is about (RFC 7162, 3.1.5; RFC 4731, 3.2). */
SearchResponse *search_response_new (const SearchReturn *options, const CfUidSet *found,
                                     gboolean with_modseq);
void search_response_free (SearchResponse *self);

/* CF_RUN_DONE: all is written. CF_RUN_MORE: return that, and call again. */
CfRun search_response_run (SearchResponse *self, CfCommandCall *call);

#endif
