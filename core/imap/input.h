/* core/imap/input.h - the private side of CfInput (coffer/session.h, "Reading arguments").
 *
 * An input is one command's text, without line ends and literal markers, and its literals, each at its place
 * in the text. One owner at a time. CfCommandReader makes it; the command reads it through a cursor.
 */
#ifndef CF_INPUT_H
#define CF_INPUT_H

#include <coffer/session.h>

#include "imap/mailbox-name.h"

G_BEGIN_DECLS

typedef enum {
  CF_INPUT_READ_REPORT_SENT = 1 << 0, /* \read-report-sent is a flag (kept as a keyword of that name) */
  CF_INPUT_UTF8 = 1 << 1, /* mailbox names are UTF-8, not modified UTF-7, and so are quoted strings */
} CfInputOptions;

/* CPM's flag, as it is kept among the keywords. */
#define CF_KEYWORD_READ_REPORT_SENT "\\read-report-sent"
/* Octets of a keyword; longer ones are CF_ERROR_LIMIT. */
#define CF_KEYWORD_MAX 250

/* @options: CfInputOptions. The cursor is at the beginning. */
CfInput *cf_input_new (guint options);
/* An input of @text alone; for arguments that come from elsewhere than a connection. */
CfInput *cf_input_new_text (const char *text, guint options);
/* NULL is allowed. */
void cf_input_free (CfInput *input);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfInput, cf_input_free)

/* Adds at the end. @text holds neither NUL nor line ends. */
void cf_input_add_text (CfInput *input, const char *text, gsize length);
/* @source stays the caller's. */
void cf_input_add_literal (CfInput *input, CfSource *source, gboolean literal8);

/* A place to come back to. */
typedef struct {
  gsize at;
  guint literal;
} CfInputMark;

CfInputMark cf_input_mark (const CfInput *input);
void cf_input_reset (CfInput *input, CfInputMark mark);
/* CfInputOptions */
guint cf_input_get_options (const CfInput *input);
/* Whether a literal (of either kind) is next. */
gboolean cf_input_is_literal (const CfInput *input);

/* The longest run of octets at the cursor that are of one of @classes (CfInputClass bits, below), and moves
 * behind it; NULL when there is none. The caller frees. */
char *cf_input_take (CfInput *input, guint classes);

/* Classes of octets (RFC 3501, 9). Each octet can have several. */
typedef enum {
  CF_INPUT_ATOM = 1 << 0,    /* ATOM-CHAR */
  CF_INPUT_ASTRING = 1 << 1, /* ASTRING-CHAR: ATOM-CHAR or ']' */
  CF_INPUT_LIST = 1 << 2,    /* list-char: ASTRING-CHAR, '%' or '*' */
  CF_INPUT_TAG = 1 << 3,     /* ASTRING-CHAR except '+' */
  CF_INPUT_NAME = 1 << 4,    /* letters, digits, '.', '-', '_' (cf_input_name()) */
  CF_INPUT_DIGIT = 1 << 5,
} CfInputClass;

gboolean cf_input_is_class (guchar octet, guint classes);

/* mailbox, as cf_input_mailbox() (which is CF_MAILBOX_NAME_PLAIN): for CREATE's trailing '/'
 * and LIST's reference. */
gboolean cf_input_mailbox_kind (CfInput *input, CfMailboxNameKind kind, char **out_name, GError **error);

/* sequence-set, with @star in place of "*", ranges in either order. @star 0 (the mailbox is empty): a range
 * with "*" adds nothing, so that the set may be empty, which it never is otherwise. CF_ERROR_BAD: 0, more
 * than 32 bits, or not a sequence-set. */
gboolean cf_input_sequence_set (CfInput *input, guint32 star, CfUidSet **out_set, GError **error);
/* The same with RFC 5182's "$", alone or as the last of the set; *@out_saved says whether it is there. The
 * set has the rest, and may be empty. */
gboolean cf_input_sequence_set_saved (CfInput *input, guint32 star, CfUidSet **out_set, gboolean *out_saved,
                                      GError **error);

/* A sequence-set of message sequence numbers, whatever the command, as cf_input_messages(), but that numbers
 * beyond the last message name none: how SEARCH takes one. */
gboolean cf_input_message_numbers (CfInput *input, CfCommandCall *call, CfUidSet **out_uids, GError **error);

G_END_DECLS

#endif
