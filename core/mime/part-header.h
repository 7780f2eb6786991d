/* core/mime/part-header.h - what the header of one MIME part says. Private to core/mime. */
#ifndef CF_MIME_PART_HEADER_H
#define CF_MIME_PART_HEADER_H

#include "mime/mime.h"

/* A parameter as it stands in the header, quoting undone, RFC 2231 notation not. */
typedef struct {
  char *name;
  char *value;
} CfMimeParameter;

/* A Content-Transfer-Encoding field's place in the header. */
typedef struct {
  gsize offset, length;
  guint lines;
} CfEncodingField;

typedef struct {
  char *type, *subtype;  /* lower case */
  GPtrArray *parameters; /* CfMimeParameter; NULL when there are none */
  char *boundary;        /* of a multipart; NULL when it has none that can be used */
  char *charset;         /* lower case, or NULL */
  char *encoding;        /* lower case */
  char *disposition;     /* lower case, or NULL */
  GPtrArray *disposition_parameters;
  char *filename;                                     /* decoded, or NULL */
  char *id, *description, *md5, *language, *location; /* raw, unfolded, or NULL */
  GArray *encoding_fields;                            /* CfEncodingField; NULL when there are none */
} CfPartHeader;

/* Parses the header @block of a part. @digest: its parent is multipart/digest (RFC 2046, 5.1.5). */
CfPartHeader *cf_part_header_new (const guint8 *block, gsize length, gboolean digest);
void cf_part_header_free (CfPartHeader *header);

#endif
