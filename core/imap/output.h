/* core/imap/output.h - the private side of CfOutput (coffer/session.h, "Writing responses").
 *
 * A growable run of octets. Writing never fails; whoever fills it looks at its length and stops. Holds no
 * memory while it is empty and cleared. One owner at a time.
 */
#ifndef CF_OUTPUT_H
#define CF_OUTPUT_H

#include <coffer/session.h>

G_BEGIN_DECLS

typedef enum {
  CF_OUTPUT_HIDE_READ_REPORT_SENT = 1 << 0, /* cf_output_flags() leaves \read-report-sent out */
  CF_OUTPUT_UTF8 = 1 << 1, /* mailbox names are UTF-8, not modified UTF-7, and quoted strings may be */
} CfOutputOptions;

/* @options: CfOutputOptions. */
CfOutput *cf_output_new (guint options);
void cf_output_set_options (CfOutput *output, guint options);
/* NULL is allowed. */
void cf_output_free (CfOutput *output);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfOutput, cf_output_free)

gsize cf_output_get_length (const CfOutput *output);
/* Borrowed until the next write; not NUL-terminated; NULL when empty. */
const guint8 *cf_output_peek (const CfOutput *output, gsize *out_length);
/* Empties @output and gives its memory back. */
void cf_output_clear (CfOutput *output);
/* Takes back all that was written after the first @length octets: an item that failed half-way. */
void cf_output_truncate (CfOutput *output, gsize length);
/* A response has been begun, here or in what was cleared before, and is not complete: nothing else can be
 * said now. In doubt (after a truncation) TRUE. */
gboolean cf_output_is_open (const CfOutput *output);

/* "{n}" CRLF, or "~{n}" CRLF, of a literal whose octets follow by cf_output_octets(), perhaps in pieces. */
void cf_output_begin_literal (CfOutput *output, guint64 length, gboolean literal8);

G_END_DECLS

#endif
