/* core/imap/utf7.h - mailbox names on the wire: modified UTF-7 (RFC 3501, 5.1.3). */
#ifndef CF_UTF7_H
#define CF_UTF7_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* @utf8 in modified UTF-7: printable ASCII, always. Octets that are not UTF-8 count as U+FFFD.
 * The caller frees. */
char *cf_utf7_encode (const char *utf8);

/* @wire in UTF-8; the caller frees. Strict, so that one name has one form on the wire: NULL with
 * CF_ERROR_CANNOT for invalid or unterminated base64, bits that are left over and not 0, printable ASCII or
 * nothing in base64, a shift right behind another, surrogates that are not a pair. Octets above 0x7f are
 * taken as they stand where the whole of @wire is valid UTF-8 (deployed clients send them), else they are
 * CF_ERROR_CANNOT too. */
char *cf_utf7_decode (const char *wire, GError **error);

G_END_DECLS

#endif
