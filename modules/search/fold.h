/* modules/search/fold.h - comparing text without regard to case (as RFC 5051's i;unicode-casemap means to).
 *
 * Text is folded (NFKD, case folded, NFKD) and then compared octet by octet, so that "contains" is a search
 * in memory. A stream looks for several needles at once in text that comes in slices.
 */
#ifndef SEARCH_FOLD_H
#define SEARCH_FOLD_H

#include <coffer/types.h>

/* @text is valid UTF-8. The caller frees. */
char *search_fold (const char *text, gssize length);

/* What to look for: folded, not empty. */
typedef struct {
  const char *text;
  gsize length;
} SearchNeedle;

/* One owner at a time. */
typedef struct _SearchStream SearchStream;

/* The array and its strings are borrowed as long as the stream. */
SearchStream *search_stream_new (const SearchNeedle *needles, guint n);
/* NULL is allowed. */
void search_stream_free (SearchStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SearchStream, search_stream_free)

/* The next slice of a run of text: valid UTF-8, whole characters, not folded. */
void search_stream_feed (SearchStream *stream, const char *text, gsize length);
/* The run ends here: nothing is found across its end. */
void search_stream_end_run (SearchStream *stream);
/* Has needle @i been found in any run? */
gboolean search_stream_has_found (const SearchStream *stream, guint i);
/* All of them? Then feeding more is of no use. */
gboolean search_stream_has_found_all (const SearchStream *stream);

#endif
