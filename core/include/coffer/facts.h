/* coffer/facts.h - what is known of a message's octets, computed once at APPEND.
 *
 * Core parses, the store keeps: a store never looks into MIME. Facts are immutable and reference counted; any
 * thread. A store has two ways to keep them, and may use both: the encoded form, opaque and versioned, which
 * it must return unchanged; and the fields below as columns, for SQL reports and look-ups. Texts given as
 * "decoded" are valid UTF-8 without NUL (U+FFFD replaces what cannot be decoded); "raw" is as it was
 * appended, and may be octets that are not UTF-8: a store that keeps it as text repairs it first, or one
 * message fails a batch.
 */
#ifndef COFFER_FACTS_H
#define COFFER_FACTS_H

#include <coffer/types.h>

G_BEGIN_DECLS

typedef struct _CfFacts CfFacts;

/* One field of the message's own header (not of an inner part's). */
typedef struct {
  const char *name;  /* raw, as written, without the colon; ASCII */
  const char *value; /* decoded: unfolded, RFC 2047 words decoded, blanks trimmed */
} CfHeaderField;

typedef enum {
  CF_ADDRESS_FROM,
  CF_ADDRESS_SENDER,
  CF_ADDRESS_REPLY_TO,
  CF_ADDRESS_TO,
  CF_ADDRESS_CC,
  CF_ADDRESS_BCC,
} CfAddressRole;

typedef struct {
  CfAddressRole role;
  const char *name;    /* decoded display name, or NULL */
  const char *mailbox; /* local part; for tel: and sip: URIs the whole URI, with host NULL */
  const char *host;    /* or NULL */
} CfAddress;

typedef enum {
  CF_PART_LEAF,      /* has octets of its own and no children */
  CF_PART_MULTIPART, /* children are parts */
  CF_PART_MESSAGE,   /* message/rfc822 or message/global: holds a message */
} CfPartKind;

/* One MIME part. The table is in depth-first order and begins with the message itself (path ""). A message
 * that is a single leaf (or a single message/rfc822) is addressed as "1" as well (RFC 3501, 6.4.5), by core;
 * it has one row, path "". The message inside a message/rfc822 part shares its parent's part number and has
 * no row of its own: inner_* of the parent tells where its header and body are. Its children follow with the
 * parent's path as prefix; when it is not a multipart, its one child ("2.1") is its body, with the inner
 * header as header.
 *
 * A multipart in which its boundary never occurs has one text/plain child that is its whole body. Beyond the
 * scanner's limits of depth and number, a part is one application/octet-stream leaf, whatever it says it is.
 *
 * header_offset to body_offset is the header with its closing blank line; body_offset + body_length is the
 * first octet after the part, not counting the line end that belongs to the boundary. */
typedef struct {
  const char *path; /* "" or "1.2.3": the part specifier of RFC 3501 */
  CfPartKind kind;
  gint parent;                /* index into the table; -1 for the message */
  const char *type, *subtype; /* lower case; "text" "plain" where absent (RFC 2045, 5.2) */
  const char *charset;        /* raw, in lower case, or NULL */
  const char *encoding;       /* Content-Transfer-Encoding, lower case; "7bit" where absent */
  const char *disposition;    /* lower case, or NULL */
  const char *filename;       /* decoded, or NULL */
  const char *content_id;     /* raw, or NULL */
  guint64 header_offset, header_length;
  guint64 body_offset, body_length;
  guint64 body_lines;          /* line ends in the body */
  guint64 inner_header_length; /* CF_PART_MESSAGE: of the message inside, which starts at body_offset */
  guint64 decoded_length;      /* leaf: octets after decoding the transfer encoding (BINARY.SIZE) */
  gboolean has_nul;            /* leaf: its octets as appended contain NUL */
} CfPart;

/* The areas of a part that a section names (RFC 3501, 6.4.5). */
typedef enum {
  CF_SECTION_ALL,    /* the part's body; of path "": the whole message */
  CF_SECTION_HEADER, /* of path "" or of a message/rfc822 part: that message's header */
  CF_SECTION_TEXT,   /* of the same: what follows its header */
  CF_SECTION_MIME,   /* the part's own MIME header */
} CfSectionKind;

CF_API CfFacts *cf_facts_ref (CfFacts *facts);
CF_API void cf_facts_unref (CfFacts *facts);

/* The opaque form, for stores; borrowed. Begins with the scanner's version, 4 octets, little endian. */
CF_API GBytes *cf_facts_get_encoded (CfFacts *facts);
/* The other way. CF_ERROR_CORRUPTION when the octets are damaged or of a version no longer understood: core
 * then computes the facts anew from the content. */
CF_API CfFacts *cf_facts_new_from_encoded (GBytes *encoded, GError **error);

/* The fields that lie in the first 64 KB of the header. */
CF_API guint cf_facts_get_n_headers (const CfFacts *facts);
CF_API const CfHeaderField *cf_facts_get_header (const CfFacts *facts, guint i);
CF_API guint cf_facts_get_n_addresses (const CfFacts *facts);
CF_API const CfAddress *cf_facts_get_address (const CfFacts *facts, guint i);
CF_API guint cf_facts_get_n_parts (const CfFacts *facts);
CF_API const CfPart *cf_facts_get_part (const CfFacts *facts, guint i);
/* The part with this path, or NULL. "1" finds the message itself when it is a single leaf. */
CF_API const CfPart *cf_facts_lookup_part (const CfFacts *facts, const char *path);

/* Where a section is in the octets as appended. FALSE: there is no such section. */
CF_API gboolean cf_facts_locate_raw (const CfFacts *facts, const char *path, CfSectionKind section,
                                     guint64 *out_offset, guint64 *out_length);

/* Octets appended, and octets as BODY[] presents them (RFC822.SIZE): they differ only for
 * content with NUL. */
CF_API guint64 cf_facts_get_length (const CfFacts *facts);
CF_API guint64 cf_facts_get_presented_size (const CfFacts *facts);
/* The Date field, seconds since the epoch; FALSE when there is none or it cannot be read. */
CF_API gboolean cf_facts_get_date (const CfFacts *facts, gint64 *out_date, gint *out_zone_minutes);
/* Decoded; NULL where absent. */
CF_API const char *cf_facts_get_subject (const CfFacts *facts);
CF_API const char *cf_facts_get_message_id (const CfFacts *facts);
/* The first 200 or so characters of the message's text, for lists (RFC 8970); "" when it has none. */
CF_API const char *cf_facts_get_preview (const CfFacts *facts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfFacts, cf_facts_unref)

G_END_DECLS

#endif
