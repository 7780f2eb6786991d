/* core/mime/mime.h - what the core knows about messages beyond coffer/facts.h.
 *
 * Two renditions of a message exist (RFC 3516). Raw is what was appended. Presented is what BODY[],
 * BODYSTRUCTURE, RFC822.SIZE and partial fetches show, and is free of NUL: a leaf part whose body contains
 * NUL has `Content-Transfer-Encoding: base64` (in place of its own field, if it has one) and its body in
 * base64, even where its raw octets claim to be base64 or quoted-printable already; any other NUL becomes the
 * octet 0x80. Without NUL they are the same. BINARY and the stores use raw coordinates.
 */
#ifndef CF_MIME_H
#define CF_MIME_H

#include <coffer/facts.h>
#include <coffer/text.h>

G_BEGIN_DECLS

/* ---- Facts ---------------------------------------------------------------------------------------------*/

/* Scans a message. May block on the disk; NULL when @source cannot be read. No content is an error. */
CfFacts *cf_facts_scan (CfSource *source, GError **error);

/* The texts IMAP sends for ENVELOPE, BODY and BODYSTRUCTURE, parentheses included. Borrowed; octets, as
 * literals may hold any but NUL. */
const char *cf_facts_get_envelope (const CfFacts *facts, gsize *out_length);
const char *cf_facts_get_body (const CfFacts *facts, gsize *out_length);
const char *cf_facts_get_bodystructure (const CfFacts *facts, gsize *out_length);

/* The message's header with its closing blank line, presented. Borrowed. FALSE when it is larger than what
 * the facts keep (64 KB): read it from the content then. */
gboolean cf_facts_get_header_block (const CfFacts *facts, const guint8 **out_block, gsize *out_length);

/* Where a section lies in the presented rendition; as cf_facts_locate_raw(). */
gboolean cf_facts_locate (const CfFacts *facts, const char *path, CfSectionKind kind, guint64 *out_offset,
                          guint64 *out_length);

/* ---- The presented rendition ---------------------------------------------------------------------------
 *
 * For @length presented octets from @offset, ask cf_presented_map() which raw octets are needed, read them in
 * any way, give them to cf_presented_render(), and go on with the rest:
 *
 *   while ((n = cf_presented_map (facts, offset, MIN (length, slice), &raw_offset, &raw_length)) > 0) {
 *     ... read raw_length octets from raw_offset ...
 *     cf_presented_render (facts, offset, n, raw, out);
 *     offset += n, length -= n;
 *   }
 *
 * Correct, and cheap, for messages without NUL as well. */
gboolean cf_facts_needs_presentation (const CfFacts *facts);

/* Two lines of base64 for two octets that meet there. */
#define CF_PRESENTED_EXTRA (2 * 57 - 2)

/* How many octets from @offset, at most @length, can be rendered from one raw range; 0 at the end. The raw
 * range is at most CF_PRESENTED_EXTRA octets longer than the result and may be empty. */
guint64 cf_presented_map (const CfFacts *facts, guint64 offset, guint64 length, guint64 *out_raw_offset,
                          guint64 *out_raw_length);
/* Appends exactly @length octets to @out. @length is what cf_presented_map() returned for @offset, @raw the
 * octets of the range it asked for. */
void cf_presented_render (const CfFacts *facts, guint64 offset, gsize length, const guint8 *raw,
                          GByteArray *out);
/* Both steps, for a caller that may block: appends @length presented octets of @source from @offset. */
gboolean cf_presented_read (const CfFacts *facts, CfSource *source, guint64 offset, gsize length,
                            GByteArray *out, GError **error);

/* ---- Header --------------------------------------------------------------------------------------------*/

/* HEADER.FIELDS, or with @invert HEADER.FIELDS.NOT (RFC 3501, 6.4.5): appends the fields of @block whose
 * names are (not) in @names, octet for octet, and the closing blank line if @block has one. Lines that are no
 * field have no name. */
void cf_header_filter (const guint8 *block, gsize length, const char *const *names, gboolean invert,
                       GByteArray *out);

G_END_DECLS

#endif
