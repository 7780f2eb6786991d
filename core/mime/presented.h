/* core/mime/presented.h - how the presented rendition is made of raw octets. Private to core/mime. */
#ifndef CF_MIME_PRESENTED_H
#define CF_MIME_PRESENTED_H

#include "mime/scanner.h"

typedef enum {
  CF_PIECE_RAW,           /* as it is, NUL shown as 0x80 */
  CF_PIECE_BASE64,        /* in lines of 76 characters */
  CF_PIECE_FIELD,         /* a Content-Transfer-Encoding field, in place of the old one if there is one */
  CF_PIECE_HEADER,        /* that field and a blank line, for a part without a header */
  CF_PIECE_NOTHING,       /* nothing, in place of a second such field */
  CF_PIECE_DIGEST_HEADER, /* as HEADER, with a type: in multipart/digest the default is another */
  CF_N_PIECES,
} CfPieceKind;

/* Pieces are in order and leave no raw octet out. */
typedef struct {
  CfPieceKind kind;
  guint64 raw_offset, raw_length;
  guint64 offset, length; /* presented */
} CfPiece;

/* The pieces of a scanned message that contains NUL: CfPiece. @line_deltas, one for each node: how many line
 * ends its body has more when presented. */
GArray *cf_presented_build (const CfScan *scan, gint64 *line_deltas);
/* Appends a piece, computing offset and length. */
void cf_presented_append (GArray *pieces, CfPieceKind kind, guint64 raw_offset, guint64 raw_length);
/* The presented offset that corresponds to @raw_offset. @after: behind what is inserted there. */
guint64 cf_presented_offset (const GArray *pieces, guint64 raw_offset, gboolean after);

#endif
