/* core/cofferctl/json.h - results as JSON (RFC 8259), one line, for programs. */
#ifndef CF_CTL_JSON_H
#define CF_CTL_JSON_H

#include <glib.h>

G_BEGIN_DECLS

/* Appends @text, which is UTF-8, as a string; NULL as null. */
void ctl_json_string (GString *out, const char *text);
/* Appends a member of an object, with the comma that it needs behind what is there: its name, then a string,
 * or a number that @text is (anything else is written as a string). */
void ctl_json_member (GString *out, const char *name, const char *text);
void ctl_json_member_number (GString *out, const char *name, const char *text);
/* Appends the comma that another element needs behind what is there. */
void ctl_json_separate (GString *out);

G_END_DECLS

#endif
