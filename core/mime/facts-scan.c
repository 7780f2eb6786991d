/* core/mime/facts-scan.c - from octets to facts: scan, header block, preview, encoded form.
 *
 * Facts are always read from their encoded form, also those just computed: what a store gives back later and
 * what APPEND saw cannot differ.
 */
#include "mime/facts-private.h"

#include <string.h>

CfFacts *
cf_facts_scan (CfSource *source, GError **error)
{
  g_autoptr (CfScan) scan = cf_scan_new (source, error);
  g_autoptr (GBytes) encoded = NULL;
  g_autofree guint8 *header = NULL;
  g_autofree char *preview = NULL;
  gsize length;

  if (scan == NULL)
    return NULL;

  length = (gsize) MIN (g_array_index (scan->nodes, CfScanNode, 0).body_offset, CF_FACTS_HEADER_MAX);
  header = g_malloc (length + 1);
  if (!cf_source_read (source, 0, header, length, error))
    return NULL;
  for (guint8 *nul; (nul = memchr (header, '\0', length)) != NULL;)
    *nul = 0x80;

  preview = cf_preview_new (scan, source, error);
  if (preview == NULL)
    return NULL;

  encoded = cf_facts_encode (scan, header, length, preview);
  return cf_facts_new_from_encoded (encoded, error);
}
