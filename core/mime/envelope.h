/* core/mime/envelope.h - ENVELOPE and BODYSTRUCTURE texts. Private to core/mime. */
#ifndef CF_MIME_ENVELOPE_H
#define CF_MIME_ENVELOPE_H

#include "mime/mime.h"

/* The ENVELOPE of a message with this header, as IMAP sends it. The caller frees. */
char *cf_envelope_new (const guint8 *block, gsize length, gsize *out_length);

#endif
