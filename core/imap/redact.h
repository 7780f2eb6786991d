/* core/imap/redact.h - what of a session may be shown in a trace: everything but passwords and people's text.
 *
 * Two directions, two machines, both of which hide what they do not know: a command of another module, an
 * untagged response of a kind not listed in redact-output.c, and every literal and quoted string but for
 * names of mailboxes and dates. What is hidden is shown as "<N octets>" and never copied. Octets that are not
 * printable ASCII are shown as \xHH. No I/O; one owner at a time.
 */
#ifndef CF_REDACT_H
#define CF_REDACT_H

#include <glib.h>

G_BEGIN_DECLS

/* Appends "<N octets>". */
void cf_redact_hide (GString *out, guint64 length);

/* ---- Commands: line by line, as the command reader has them ------------------------------------------ */

/* One command; zero before its first line. */
typedef struct {
  guint style;
  guint n_args;            /* so far, outside parentheses */
  guint depth;             /* of parentheses */
  guint n_hidden, n_shown; /* arguments to come that a search key has, and whether they may be seen */
} CfRedactCommand;

/* Appends to @out what may be shown of a command's first line, @line without its end. @name is the command's,
 * upper case, of those that the server has; NULL: it has none of that name, and nothing of it is shown.
 * @secret: its arguments are secrets (CF_COMMAND_QUIET_LOG). TRUE: the tag was shown. */
gboolean cf_redact_command_begin (CfRedactCommand *command, GString *out, const char *name, gboolean secret,
                                  const char *line, gsize length);
/* The same for a further line, behind a literal, and for a literal. */
void cf_redact_command_line (CfRedactCommand *command, GString *out, const char *line, gsize length);
void cf_redact_command_literal (CfRedactCommand *command, GString *out, guint64 length);
/* And for a line that is none of a command: DONE, or a response to a challenge. */
void cf_redact_continuation (GString *out, const char *line, gsize length);

/* ---- Responses: octets, in any portions -------------------------------------------------------------- */

typedef struct _CfRedactOutput CfRedactOutput;

/* Called for each line with what may be shown of it, literals in their places; borrowed. */
typedef void (*CfRedactLineFunc) (const GString *line, gpointer user_data);

CfRedactOutput *cf_redact_output_new (CfRedactLineFunc func, gpointer user_data);
/* NULL is allowed. */
void cf_redact_output_free (CfRedactOutput *output);
void cf_redact_output_feed (CfRedactOutput *output, const guint8 *data, gsize length);
/* The tag that responses may show, as the command did; NULL: none. */
void cf_redact_output_set_tag (CfRedactOutput *output, const char *tag);

G_END_DECLS

#endif
