/* core/mime/scanner.h - the structure of a message, found in one pass. Private to core/mime. */
#ifndef CF_MIME_SCANNER_H
#define CF_MIME_SCANNER_H

#include "mime/part-header.h"

#define CF_SCANNER_MAX_DEPTH  2100 /* entities inside each other; a message/rfc822 counts twice */
#define CF_SCANNER_MAX_NODES  10000
#define CF_SCANNER_MAX_PATHS  (4 << 20) /* octets of all part specifiers together */
#define CF_SCANNER_MAX_HEADER (1 << 20) /* octets of a header that are parsed */

/* An entity: the message, a part, or the message inside a message/rfc822 part. In order of appearance, which
 * is depth first. Offsets are raw; header_offset + header_length == body_offset. */
typedef struct {
  gint parent; /* -1 for the message */
  CfPartKind kind;
  gboolean is_message;     /* the message, or one inside a part: has an envelope */
  gboolean is_placeholder; /* stands for the whole body of a multipart without parts */
  CfPartHeader *header;
  char *envelope; /* is_message: wire text, or NULL where no text of BODYSTRUCTURE shows it */
  gsize envelope_length;
  guint64 header_offset, body_offset, body_end;
  guint blank_length; /* of the blank line that closes the header; 0: there is none */
  guint64 body_lines;
  guint64 decoded_length;
  gboolean has_nul;
} CfScanNode;

typedef struct {
  GArray *nodes; /* CfScanNode; the first is the message */
  guint64 length;
  gboolean has_nul;
} CfScan;

/* Scans @source. NULL: it cannot be read. */
CfScan *cf_scan_new (CfSource *source, GError **error);
void cf_scan_free (CfScan *scan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfScan, cf_scan_free)

#endif
