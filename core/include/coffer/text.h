/* coffer/text.h - from a message's octets to text: transfer encodings, charsets, RFC 2047 words.
 *
 * What core's own scanner uses, for modules that look into content. Both decoders work slice by slice, in
 * bounded memory, and their result does not depend on how the octets are sliced. One owner at a time; no I/O.
 */
#ifndef COFFER_TEXT_H
#define COFFER_TEXT_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* ---- Transfer encodings ------------------------------------------------------------------------------ */

/* Undoes a Content-Transfer-Encoding (RFC 2045, 6). */
typedef struct _CfPartDecoder CfPartDecoder;

/* NULL with CF_ERROR_UNKNOWN_CTE when @encoding is not one of RFC 2045's five. Case does not matter. */
CF_API CfPartDecoder *cf_part_decoder_new (const char *encoding, GError **error);
/* NULL is allowed. */
CF_API void cf_part_decoder_free (CfPartDecoder *decoder);
/* Appends to @out what is decided so far. */
CF_API void cf_part_decoder_feed (CfPartDecoder *decoder, const guint8 *data, gsize length, GByteArray *out);
/* Appends the rest. The decoder is as new then. */
CF_API void cf_part_decoder_finish (CfPartDecoder *decoder, GByteArray *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfPartDecoder, cf_part_decoder_free)

/* ---- Charsets ---------------------------------------------------------------------------------------- */

/* Converts text to valid UTF-8 without NUL; U+FFFD stands for what cannot be converted. */
typedef struct _CfTextDecoder CfTextDecoder;

/* @charset: NULL is US-ASCII. A charset that nobody knows is read as UTF-8. */
CF_API CfTextDecoder *cf_text_decoder_new (const char *charset);
/* NULL is allowed. */
CF_API void cf_text_decoder_free (CfTextDecoder *decoder);
CF_API void cf_text_decoder_feed (CfTextDecoder *decoder, const guint8 *data, gsize length, GString *out);
CF_API void cf_text_decoder_finish (CfTextDecoder *decoder, GString *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfTextDecoder, cf_text_decoder_free)

/* Is there a converter for @charset? (SEARCH CHARSET.) */
CF_API gboolean cf_text_knows_charset (const char *charset);
/* At once. The caller frees. */
CF_API char *cf_text_to_utf8 (const guint8 *data, gsize length, const char *charset);

/* ---- Header fields ----------------------------------------------------------------------------------- */

/* A field's raw value (or a whole field) as UTF-8: unfolded, RFC 2047 words decoded, trimmed. @length -1: up
 * to the NUL. The caller frees. */
CF_API char *cf_header_decode (const char *raw, gssize length);

G_END_DECLS

#endif
