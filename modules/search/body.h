/* modules/search/body.h - the text of a message's body, looked through in slices.
 *
 * The body's text is: every part that is text (or a message or XML that a reader sees as text), its transfer
 * encoding and charset undone, and the headers of inner parts and messages, decoded. Attachments of other
 * types are passed over without being read. A body says which octets it wants next, and is given them; who
 * reads them is not its concern.
 */
#ifndef SEARCH_BODY_H
#define SEARCH_BODY_H

#include <coffer/facts.h>

#include "fold.h"

typedef struct _SearchBody SearchBody;

/* Keeps a reference to @facts; @needles are borrowed. */
SearchBody *search_body_new (CfFacts *facts, const SearchNeedle *needles, guint n_needles);
void search_body_free (SearchBody *body);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SearchBody, search_body_free)

/* The next range that is wanted, at most @max octets of it; several may be asked for before the first is fed.
 * Offsets count in the octets as appended. FALSE: everything has been asked for. */
gboolean search_body_ask (SearchBody *body, gsize max, guint64 *out_offset, gsize *out_length);
/* The octets of the ranges, in the order they were asked for. */
void search_body_feed (SearchBody *body, const guint8 *octets, gsize length);
/* Everything has been fed. */
gboolean search_body_is_complete (const SearchBody *body);
const SearchStream *search_body_get_stream (const SearchBody *body);

#endif
