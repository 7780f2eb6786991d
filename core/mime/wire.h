/* core/mime/wire.h - strings as IMAP sends them. Private to core/mime. */
#ifndef CF_MIME_WIRE_H
#define CF_MIME_WIRE_H

#include <coffer/types.h>

/* Appends an nstring (RFC 3501, 9): NIL for NULL, quoted where that is allowed and short, else a literal. */
void cf_wire_nstring (GString *out, const char *text);
/* The same, in upper case: types and parameter names. */
void cf_wire_upper (GString *out, const char *text);

#endif
