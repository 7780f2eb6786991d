/* core/commands/section.h - "[section]<partial>" of BODY and BINARY: reading it, and finding what it names
 * (RFC 3501, 6.4.5; RFC 3516, 4.1).
 */
#ifndef CF_SECTION_H
#define CF_SECTION_H

#include <coffer/module.h>

G_BEGIN_DECLS

typedef struct {
  char *path; /* "", "1.2" */
  CfSectionKind kind;
  char **fields; /* HEADER.FIELDS: names; NULL otherwise */
  gboolean fields_not;
  gboolean partial;
  guint64 offset, length; /* of the partial */
  char *label;            /* "BODY[1.HEADER]<0>" */
} CfSection;

typedef enum {
  CF_SECTION_SYNTAX_BODY,
  CF_SECTION_SYNTAX_BINARY,      /* a part number or nothing; partial */
  CF_SECTION_SYNTAX_BINARY_SIZE, /* likewise; no partial */
} CfSectionSyntax;

/* Reads it from "[" on; @name begins the label. NULL with CF_ERROR_BAD. The caller frees. */
CfSection *cf_section_parse (CfInput *input, const char *name, CfSectionSyntax syntax, GError **error);
/* The whole message's area @kind, with a label of its own. */
CfSection *cf_section_new (CfSectionKind kind, const char *label);
void cf_section_free (CfSection *section);

/* Fills a request with @section, which it takes over: label, data, where to read ahead. */
void cf_section_prepare (CfSection *section, CfItemRequest *request);
/* The octets it names in a message; NIL when there is no such section. */
void cf_section_find (const CfSection *section, CfFacts *facts, CfSpan *out_span);

G_END_DECLS

#endif
