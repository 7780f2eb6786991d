/* core/mime/part-header.c - what the header of one MIME part says (RFC 2045, 2183, 2231).
 *
 * Parsing is our own, as IMAP shows parameters as they stand in the header; GMime decodes what is shown to
 * people (file names) and RFC 2231 notation where a decoded value is needed. Tolerant: parameters separated
 * by blanks, unquoted values with blanks, comments, a missing closing quote.
 */
#include "mime/part-header.h"
#include "mime/header.h"

#include <gmime/gmime.h>
#include <string.h>

/* More than any sender needs; what a hostile one adds is not listed. */
#define PARAMETERS_MAX  100
#define GMIME_VALUE_MAX 4096
#define BOUNDARY_MAX    900

static void
parameter_free (gpointer data)
{
  CfMimeParameter *parameter = data;

  g_free (parameter->name);
  g_free (parameter->value);
  g_free (parameter);
}

/* Blanks and (nested) comments. */
static const char *
skip_blanks (const char *at)
{
  guint depth = 0;

  for (; *at != '\0'; at++) {
    if (*at == '(')
      depth++;
    else if (depth > 0 && *at == ')')
      depth--;
    else if (depth > 0 && *at == '\\' && at[1] != '\0')
      at++;
    else if (depth == 0 && *at != ' ' && *at != '\t')
      break;
  }
  return at;
}

/* RFC 2045, 5.1: token. */
static gsize
token_length (const char *at)
{
  gsize n = 0;

  while (at[n] > ' ' && at[n] < 127 && strchr ("()<>@,;:\\\"/[]?=", at[n]) == NULL)
    n++;
  return n;
}

static char *
parse_quoted (const char **at)
{
  GString *value = g_string_new (NULL);
  const char *c = *at + 1;

  for (; *c != '\0' && *c != '"'; c++) {
    if (*c == '\\' && c[1] != '\0')
      c++;
    g_string_append_c (value, *c);
  }
  *at = *c == '"' ? c + 1 : c;
  return g_string_free (value, FALSE);
}

/* An unquoted value ends at ";" or a comment; senders put blanks into file names. */
static char *
parse_unquoted (const char **at)
{
  const char *start = *at, *end = start;

  while (*end != '\0' && *end != ';' && !(end > start && *end == '(' && g_ascii_isspace (end[-1])))
    end++;
  *at = end;
  while (end > start && g_ascii_isspace (end[-1]))
    end--;
  return g_strndup (start, (gsize) (end - start));
}

static GPtrArray *
parse_parameters (const char *at)
{
  GPtrArray *parameters = g_ptr_array_new_with_free_func (parameter_free);

  while (parameters->len < PARAMETERS_MAX) {
    const char *name;
    gsize length;
    CfMimeParameter *parameter;

    at = skip_blanks (at);
    if (*at == ';') {
      at++;
      continue;
    }
    name = at;
    length = token_length (at);
    at = skip_blanks (at + length);
    if (length == 0 || *at != '=') {
      at = strchr (at, ';');
      if (at == NULL)
        break;
      continue;
    }
    at = skip_blanks (at + 1);
    parameter = g_new (CfMimeParameter, 1);
    parameter->name = g_strndup (name, length);
    parameter->value = *at == '"' ? parse_quoted (&at) : parse_unquoted (&at);
    g_ptr_array_add (parameters, parameter);
  }
  if (parameters->len > 0)
    return parameters;
  g_ptr_array_unref (parameters);
  return NULL;
}

/* Finds @name as it stands (*out_plain), or learns that only its RFC 2231 form is there. */
static gboolean
find_parameter (const GPtrArray *parameters, const char *name, const char **out_plain)
{
  gsize length = strlen (name);
  gboolean extended = FALSE;

  *out_plain = NULL;
  for (guint i = 0; parameters != NULL && i < parameters->len; i++) {
    const CfMimeParameter *parameter = g_ptr_array_index (parameters, i);

    if (g_ascii_strncasecmp (parameter->name, name, length) != 0)
      continue;
    if (parameter->name[length] == '\0' && *out_plain == NULL)
      *out_plain = parameter->value;
    extended |= parameter->name[length] == '*';
  }
  return *out_plain != NULL || extended;
}

static char *
decode_with_gmime (const char *value, const char *name, gboolean disposition)
{
  g_autofree char *valid = g_utf8_make_valid (value, MIN (strlen (value), GMIME_VALUE_MAX));
  GObject *parsed;
  const char *decoded;
  char *result;

  cf_header_init ();
  if (disposition)
    parsed = (GObject *) g_mime_content_disposition_parse (NULL, valid);
  else
    parsed = (GObject *) g_mime_content_type_parse (NULL, valid);
  if (parsed == NULL)
    return NULL;
  decoded = disposition ? g_mime_content_disposition_get_parameter ((GMimeContentDisposition *) parsed, name)
                        : g_mime_content_type_get_parameter ((GMimeContentType *) parsed, name);
  result = decoded != NULL ? g_utf8_make_valid (decoded, -1) : NULL;
  g_object_unref (parsed);
  return result;
}

/* A content-type parameter that is text for machines: as it stands, or decoded when only RFC
 * 2231 gives it. */
static char *
get_machine_parameter (const CfPartHeader *header, const char *value, const char *name)
{
  const char *plain;

  if (!find_parameter (header->parameters, name, &plain))
    return NULL;
  return plain != NULL ? g_strdup (plain) : decode_with_gmime (value, name, FALSE);
}

static void
take_boundary (CfPartHeader *header, const char *value)
{
  g_autofree char *boundary = get_machine_parameter (header, value, "boundary");
  gsize length;

  if (boundary == NULL)
    return;
  g_strchomp (boundary);
  length = strlen (boundary);
  if (length > 0 && length <= BOUNDARY_MAX)
    header->boundary = g_steal_pointer (&boundary);
}

/* FALSE: the field is not well formed, so that the default applies (RFC 2045, 5.2). */
static gboolean
parse_content_type (CfPartHeader *header, const char *value)
{
  const char *at = skip_blanks (value), *type = at, *subtype;
  gsize type_length = token_length (at), subtype_length;

  at = skip_blanks (at + type_length);
  if (type_length == 0 || *at != '/')
    return FALSE;
  at = subtype = skip_blanks (at + 1);
  subtype_length = token_length (at);
  if (subtype_length == 0)
    return FALSE;

  header->type = g_ascii_strdown (type, (gssize) type_length);
  header->subtype = g_ascii_strdown (subtype, (gssize) subtype_length);
  header->parameters = parse_parameters (at + subtype_length);
  header->charset = get_machine_parameter (header, value, "charset");
  if (header->charset != NULL) {
    g_autofree char *charset = g_strstrip (g_steal_pointer (&header->charset));

    if (*charset != '\0')
      header->charset = g_ascii_strdown (charset, -1);
  }
  if (strcmp (header->type, "multipart") == 0)
    take_boundary (header, value);
  return TRUE;
}

static void
set_default_type (CfPartHeader *header, gboolean digest)
{
  header->type = g_strdup (digest ? "message" : "text");
  header->subtype = g_strdup (digest ? "rfc822" : "plain");
}

static void
parse_disposition (CfPartHeader *header, const char *value)
{
  const char *at = skip_blanks (value);
  gsize length = token_length (at);
  const char *plain;

  if (length == 0)
    return;
  header->disposition = g_ascii_strdown (at, (gssize) length);
  header->disposition_parameters = parse_parameters (at + length);
  if (find_parameter (header->disposition_parameters, "filename", &plain))
    header->filename = decode_with_gmime (value, "filename", TRUE);
}

static void
note_encoding_field (CfPartHeader *header, const guint8 *block, const CfHeaderLine *line)
{
  CfEncodingField field = { line->offset, line->length, 0 };

  for (gsize i = 0; i < line->length; i++)
    field.lines += block[line->offset + i] == '\n';
  if (header->encoding_fields == NULL)
    header->encoding_fields = g_array_new (FALSE, FALSE, sizeof (CfEncodingField));
  g_array_append_val (header->encoding_fields, field);
}

static void
parse_encoding (CfPartHeader *header, const char *value)
{
  const char *at = skip_blanks (value);
  gsize length = token_length (at);

  if (length > 0)
    header->encoding = g_ascii_strdown (at, (gssize) length);
}

/* The first field of a name counts. */
static void
take_once (char **field, const CfHeaderLine *line)
{
  if (*field == NULL)
    *field = cf_header_unfold (line->value, line->value_length);
}

CfPartHeader *
cf_part_header_new (const guint8 *block, gsize length, gboolean digest)
{
  CfPartHeader *header = g_new0 (CfPartHeader, 1);
  g_autofree char *type = NULL, *disposition = NULL, *encoding = NULL;
  const char *plain;
  CfHeaderLine line;
  gsize at = 0;

  while (cf_header_next (block, length, &at, &line)) {
    if (line.name_length < 8 || g_ascii_strncasecmp (line.name, "Content-", 8) != 0)
      continue;
    if (cf_header_is (&line, "Content-Type")) {
      take_once (&type, &line);
    } else if (cf_header_is (&line, "Content-Transfer-Encoding")) {
      take_once (&encoding, &line);
      note_encoding_field (header, block, &line);
    } else if (cf_header_is (&line, "Content-Disposition")) {
      take_once (&disposition, &line);
    } else if (cf_header_is (&line, "Content-ID")) {
      take_once (&header->id, &line);
    } else if (cf_header_is (&line, "Content-Description")) {
      take_once (&header->description, &line);
    } else if (cf_header_is (&line, "Content-MD5")) {
      take_once (&header->md5, &line);
    } else if (cf_header_is (&line, "Content-Language")) {
      take_once (&header->language, &line);
    } else if (cf_header_is (&line, "Content-Location")) {
      take_once (&header->location, &line);
    }
  }

  if (type == NULL || !parse_content_type (header, type))
    set_default_type (header, digest);
  if (disposition != NULL)
    parse_disposition (header, disposition);
  if (header->filename == NULL && find_parameter (header->parameters, "name", &plain))
    header->filename = decode_with_gmime (type, "name", FALSE);
  if (encoding != NULL)
    parse_encoding (header, encoding);
  if (header->encoding == NULL)
    header->encoding = g_strdup ("7bit");
  return header;
}

void
cf_part_header_free (CfPartHeader *header)
{
  if (header == NULL)
    return;
  g_free (header->type);
  g_free (header->subtype);
  g_clear_pointer (&header->parameters, g_ptr_array_unref);
  g_free (header->boundary);
  g_free (header->charset);
  g_free (header->encoding);
  g_free (header->disposition);
  g_clear_pointer (&header->disposition_parameters, g_ptr_array_unref);
  g_free (header->filename);
  g_free (header->id);
  g_free (header->description);
  g_free (header->md5);
  g_free (header->language);
  g_free (header->location);
  g_clear_pointer (&header->encoding_fields, g_array_unref);
  g_free (header);
}
