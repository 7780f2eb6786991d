/* modules/search/return.h - RETURN (...): what a SEARCH is to answer with (RFC 4731, RFC 5182, RFC 9394). */
#ifndef SEARCH_RETURN_H
#define SEARCH_RETURN_H

#include <coffer/module.h>

typedef enum {
  SEARCH_RETURN_MIN = 1 << 0,
  SEARCH_RETURN_MAX = 1 << 1,
  SEARCH_RETURN_ALL = 1 << 2,
  SEARCH_RETURN_COUNT = 1 << 3,
  SEARCH_RETURN_PARTIAL = 1 << 4,
  SEARCH_RETURN_SAVE = 1 << 5,
} SearchReturnOptions;

typedef struct {
  guint options; /* SearchReturnOptions; 0: no RETURN, the answer is a SEARCH response */
  CfPartial partial;
} SearchReturn;

/* Reads "RETURN (...) " if it is next. In IMAP4rev2 there is always one: (ALL), unless it is given. */
gboolean search_return_parse (CfCommandCall *call, SearchReturn *out_return, GError **error);

/* The messages of @found that the answer is about, which is what "$" becomes and MODSEQ looks at (RFC 5182,
 * 2.4; RFC 9394, 3.2): all of them, unless only some are asked for and their number is not. The caller
 * frees. */
CfUidSet *search_return_select (const SearchReturn *self, const CfUidSet *found);

gboolean search_return_register (CfRegistrar *registrar, GError **error);

#endif
