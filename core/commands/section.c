/* core/commands/section.c - "[section]<partial>" (section.h). */
#include "commands/section.h"

#include "imap/input.h"
#include "imap/output.h"
#include "mime/mime.h"

CfSection *
cf_section_new (CfSectionKind kind, const char *label)
{
  CfSection *section = g_new0 (CfSection, 1);

  section->path = g_strdup ("");
  section->kind = kind;
  section->label = g_strdup (label);
  return section;
}

void
cf_section_free (CfSection *section)
{
  g_free (section->path);
  g_strfreev (section->fields);
  g_free (section->label);
  g_free (section);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSection, cf_section_free)

static gboolean
section_fail (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Not a section");
  return FALSE;
}

/* "1.2.3" at the cursor, and the dot behind it if a text part follows. */
static gboolean
section_parse_path (CfInput *input, CfSection *section, gboolean *out_more, GError **error)
{
  g_autoptr (GString) path = g_string_new (NULL);

  *out_more = TRUE;
  while (g_ascii_isdigit (cf_input_peek (input))) {
    guint32 number;

    if (!cf_input_number (input, &number, error))
      return FALSE;
    if (number == 0)
      return section_fail (error);
    g_string_append_printf (path, "%s%u", path->len > 0 ? "." : "", number);
    *out_more = cf_input_skip (input, '.');
    if (!*out_more)
      break;
  }
  g_free (section->path);
  section->path = g_string_free (g_steal_pointer (&path), FALSE);
  return TRUE;
}

static gboolean
section_parse_fields (CfInput *input, CfSection *section, GError **error)
{
  g_autoptr (GPtrArray) fields = g_ptr_array_new_with_free_func (g_free);

  if (!cf_input_space (input, error) || !cf_input_expect (input, '(', error))
    return FALSE;
  do {
    char *field;

    if (!cf_input_astring (input, &field, error))
      return FALSE;
    g_ptr_array_add (fields, field);
  } while (cf_input_skip (input, ' '));
  if (!cf_input_expect (input, ')', error))
    return FALSE;
  g_ptr_array_add (fields, NULL);
  section->fields = (char **) g_ptr_array_free (g_steal_pointer (&fields), FALSE);
  return TRUE;
}

/* "HEADER", "HEADER.FIELDS (...)", "HEADER.FIELDS.NOT (...)", "TEXT", "MIME". */
static gboolean
section_parse_text (CfInput *input, CfSection *section, GError **error)
{
  g_autofree char *name = NULL;

  if (!cf_input_name (input, &name, error))
    return FALSE;
  if (g_str_equal (name, "TEXT")) {
    section->kind = CF_SECTION_TEXT;
    return TRUE;
  }
  if (g_str_equal (name, "MIME") && section->path[0] != '\0') {
    section->kind = CF_SECTION_MIME;
    return TRUE;
  }
  section->kind = CF_SECTION_HEADER;
  if (g_str_equal (name, "HEADER"))
    return TRUE;
  section->fields_not = g_str_equal (name, "HEADER.FIELDS.NOT");
  if (!section->fields_not && !g_str_equal (name, "HEADER.FIELDS"))
    return section_fail (error);
  return section_parse_fields (input, section, error);
}

static gboolean
section_partial_fail (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD,
                       "A partial FETCH asks for 1 to 2^63 - 1 octets from 0 to 2^63 - 1 on");
  return FALSE;
}

/* number64 of RFC 9051, which RFC 3501 has as 32 bits: below 2^63, so that two have a sum. */
static gboolean
section_parse_octets (CfInput *input, guint64 *out_octets, GError **error)
{
  if (!cf_input_number64 (input, out_octets, error))
    return FALSE;
  return *out_octets <= G_MAXINT64 ? TRUE : section_partial_fail (error);
}

/* "<0.100>" */
static gboolean
section_parse_partial (CfInput *input, CfSection *section, GError **error)
{
  if (!cf_input_skip (input, '<'))
    return TRUE;
  section->partial = TRUE;
  if (!section_parse_octets (input, &section->offset, error) || !cf_input_expect (input, '.', error)
      || !section_parse_octets (input, &section->length, error) || !cf_input_expect (input, '>', error))
    return FALSE;
  return section->length > 0 ? TRUE : section_partial_fail (error);
}

static void
section_write_label (CfSection *section, const char *name)
{
  static const char *const areas[] = { "", "HEADER", "TEXT", "MIME" };
  g_autoptr (CfOutput) output = cf_output_new (0);
  const char *dot = section->path[0] != '\0' && section->kind != CF_SECTION_ALL ? "." : "";
  const guint8 *octets;
  gsize length;

  cf_output_printf (output, "%s[%s%s%s", name, section->path, dot, areas[section->kind]);
  if (section->fields != NULL) {
    cf_output_printf (output, ".FIELDS%s (", section->fields_not ? ".NOT" : "");
    for (char **field = section->fields; *field != NULL; field++) {
      cf_output_text (output, field > section->fields ? " " : "");
      cf_output_astring (output, *field);
    }
    cf_output_text (output, ")");
  }
  cf_output_text (output, "]");
  if (section->partial)
    cf_output_printf (output, "<%" G_GUINT64_FORMAT ">", section->offset);
  octets = cf_output_peek (output, &length);
  section->label = g_strndup ((const char *) octets, length);
}

CfSection *
cf_section_parse (CfInput *input, const char *name, CfSectionSyntax syntax, GError **error)
{
  g_autoptr (CfSection) section = cf_section_new (CF_SECTION_ALL, NULL);
  gboolean more;

  if (!cf_input_expect (input, '[', error) || !section_parse_path (input, section, &more, error))
    return NULL;
  if (more && (section->path[0] != '\0' || cf_input_peek (input) != ']')) {
    if (syntax != CF_SECTION_SYNTAX_BODY) {
      section_fail (error);
      return NULL;
    }
    if (!section_parse_text (input, section, error))
      return NULL;
  }
  if (!cf_input_expect (input, ']', error))
    return NULL;
  if (syntax != CF_SECTION_SYNTAX_BINARY_SIZE && !section_parse_partial (input, section, error))
    return NULL;
  section_write_label (section, name);
  return g_steal_pointer (&section);
}

static void
section_free_data (gpointer data)
{
  cf_section_free (data);
}

void
cf_section_prepare (CfSection *section, CfItemRequest *request)
{
  request->is_span = TRUE;
  request->label = g_strdup (section->label);
  request->data = section;
  request->data_free = section_free_data;
  /* A message's own header is among the facts. */
  if (section->kind == CF_SECTION_HEADER && section->path[0] == '\0')
    return;
  request->path = g_strdup (section->path);
  request->section = section->kind;
  request->offset = section->partial && section->fields == NULL ? section->offset : 0;
  request->length = section->partial && section->fields == NULL ? section->length : G_MAXUINT64;
}

/* The message's own header, from the facts. FALSE: it is too large to be among them. */
static gboolean
section_find_own_header (const CfSection *section, CfFacts *facts, CfSpan *span)
{
  const guint8 *block;
  gsize length;

  if (section->kind != CF_SECTION_HEADER || section->path[0] != '\0'
      || !cf_facts_get_header_block (facts, &block, &length))
    return FALSE;
  if (section->fields == NULL) {
    span->octets = g_bytes_new (block, length);
  } else {
    GByteArray *fields = g_byte_array_new ();

    cf_header_filter (block, length, (const char *const *) section->fields, section->fields_not, fields);
    span->octets = g_byte_array_free_to_bytes (fields);
  }
  return TRUE;
}

void
cf_section_find (const CfSection *section, CfFacts *facts, CfSpan *span)
{
  guint64 offset = section->partial ? section->offset : 0;
  guint64 length = section->partial ? section->length : G_MAXUINT64;
  guint64 area_offset, area_length;

  span->partial_offset = offset;
  span->partial_length = length;
  if (section_find_own_header (section, facts, span))
    return;
  if (!cf_facts_locate (facts, section->path, section->kind, &area_offset, &area_length)) {
    span->nil = TRUE;
    return;
  }
  if (section->fields != NULL) {
    span->fields = (const char *const *) section->fields;
    span->fields_not = section->fields_not;
    span->offset = area_offset;
    span->length = area_length;
    return;
  }
  offset = MIN (offset, area_length);
  span->offset = area_offset + offset;
  span->length = MIN (length, area_length - offset);
}
