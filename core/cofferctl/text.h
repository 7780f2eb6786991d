/* core/cofferctl/text.h - the help texts' form. */
#ifndef CF_COFFERCTL_TEXT_H
#define CF_COFFERCTL_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

/* @text with its lines filled to @width columns of ASCII; those that begin with two blanks, and empty ones,
 * stay. The caller frees. */
char *ctl_text_wrap (const char *text, gsize width);

G_END_DECLS

#endif
