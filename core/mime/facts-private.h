/* core/mime/facts-private.h - what CfFacts is made of. Private to core/mime. */
#ifndef CF_MIME_FACTS_PRIVATE_H
#define CF_MIME_FACTS_PRIVATE_H

#include "mime/presented.h"

/* Changes whenever a scan of the same octets gives other facts. */
#define CF_SCANNER_VERSION 2

#define CF_FACTS_HEADER_MAX (64 * 1024)

typedef struct {
  const char *octets;
  gsize length;
} CfFactsText;

/* What is read from the header block when it is first asked for. */
typedef struct {
  GStringChunk *strings;
  GArray *headers;   /* CfHeaderField */
  GArray *addresses; /* CfAddress */
  const char *subject, *message_id;
  gboolean has_date;
  gint64 date;
  gint zone_minutes;
} CfFactsFields;

struct _CfFacts {
  gatomicrefcount ref_count;
  GBytes *encoded;
  GVariant *value; /* the encoded form; texts below point into it */
  guint64 length, presented_size;
  gboolean header_is_cut;
  CfFactsText header; /* raw, NUL masked, at most CF_FACTS_HEADER_MAX */
  CfFactsText envelope, body, bodystructure;
  const char *preview;
  GArray *parts; /* CfPart */
  GStringChunk *paths;
  GArray *pieces;               /* CfPiece; NULL: presented is raw */
  GByteArray *presented_header; /* where it differs from header */
  CfFactsFields *fields;        /* once */
};

/* The facts' one serialised form; from a scan. */
GBytes *cf_facts_encode (const CfScan *scan, const guint8 *header, gsize header_length, const char *preview);

/* Writes BODY and BODYSTRUCTURE. @pieces and @line_deltas as from cf_presented_build(), or NULL. */
void cf_structure_write (const CfScan *scan, const GArray *pieces, const gint64 *line_deltas, GString *body,
                         GString *bodystructure);

/* The first characters of the message's text. The caller frees; "" when there are none. */
char *cf_preview_new (const CfScan *scan, CfSource *source, GError **error);

#endif
