/* core/mime/header.h - header blocks, octet by octet. Private to core/mime. */
#ifndef CF_MIME_HEADER_H
#define CF_MIME_HEADER_H

#include "mime/mime.h"

/* One field of a block, or one line that is none (name_length 0). Offsets count from the block's start. */
typedef struct {
  const char *name; /* without blanks before the colon */
  gsize name_length;
  const char *value; /* after the colon, still folded, with its line end */
  gsize value_length;
  gsize offset, length; /* the whole field, line ends included */
} CfHeaderLine;

/* The next field at or after *@at, which moves on. FALSE at the blank line and at the end. */
gboolean cf_header_next (const guint8 *block, gsize length, gsize *at, CfHeaderLine *out_line);
gboolean cf_header_is (const CfHeaderLine *line, const char *name);
/* The length of the field name that @text begins with, blanks before the colon and colon not counted; 0 when
 * @text does not begin with a field. */
gsize cf_header_name_length (const char *text, gsize length);
/* Raw: CR and LF of folding removed, blanks trimmed (RFC 5322, 2.2.3). The caller frees. */
char *cf_header_unfold (const char *value, gsize length);
/* GMime is ready after this. */
void cf_header_init (void);

#endif
