/* core/cofferctl/imap-value.h - an IMAP response as a tree of values (RFC 3501, 4). */
#ifndef CF_CTL_IMAP_VALUE_H
#define CF_CTL_IMAP_VALUE_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
  CTL_VALUE_TEXT,   /* an atom or a quoted string; NIL too, as what it stands for depends on where it is */
  CTL_VALUE_OCTETS, /* a literal */
  CTL_VALUE_LIST,
} CtlValueKind;

typedef struct {
  CtlValueKind kind;
  char *text;      /* TEXT */
  GBytes *octets;  /* OCTETS */
  GPtrArray *list; /* LIST: of CtlValue */
} CtlValue;

void ctl_value_free (gpointer value);

/* The values of a response without tag or "*"; @literals (of GBytes) stand where @text has "{n}" at a line's
 * end. An atom ends where its brackets do: "BINARY[]" and "[UIDNEXT 4]" are one each. NULL: not well formed.
 * The caller unrefs. */
GPtrArray *ctl_value_parse (const char *text, GPtrArray *literals);

/* @i-th value as text; NULL: there is none, or it is a list. A literal with NUL octets is cut there. */
const char *ctl_value_get_text (GPtrArray *values, guint i);
/* NULL: not a list. */
GPtrArray *ctl_value_get_list (GPtrArray *values, guint i);
/* In a list of names and values, the value behind @name; NULL: it is not there. */
CtlValue *ctl_value_lookup (GPtrArray *pairs, const char *name);

G_END_DECLS

#endif
