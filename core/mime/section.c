/* core/mime/section.c - part specifiers to octets (RFC 3501, 6.4.5). */
#include "mime/facts-private.h"

#include <string.h>

const CfPart *
cf_facts_lookup_part (const CfFacts *facts, const char *path)
{
  const CfPart *message = &g_array_index (facts->parts, CfPart, 0);

  /* A message that is no multipart has its body as part 1. */
  if (strcmp (path, "1") == 0 && message->kind != CF_PART_MULTIPART)
    return message;
  for (guint i = 0; i < facts->parts->len; i++) {
    const CfPart *part = &g_array_index (facts->parts, CfPart, i);

    if (strcmp (part->path, path) == 0)
      return part;
  }
  return NULL;
}

/* Where what a section may be taken from lies, in raw octets. */
typedef struct {
  guint64 header, body, end;
  gboolean has_no_header; /* the presented rendition may have one all the same, inserted at @body */
} Entity;

/* The message, or the one inside the message/rfc822 @part. */
static gboolean
entity_of_message (const CfFacts *facts, const CfPart *part, gboolean is_inner, Entity *out_entity)
{
  if (is_inner && part->kind != CF_PART_MESSAGE)
    return FALSE;

  out_entity->header = is_inner ? part->body_offset : part->header_offset;
  out_entity->body = out_entity->header + (is_inner ? part->inner_header_length : part->header_length);
  out_entity->end = is_inner ? part->body_offset + part->body_length : facts->length;
  out_entity->has_no_header = out_entity->header == out_entity->body;
  return TRUE;
}

static void
entity_of_part (const CfPart *part, Entity *out_entity)
{
  out_entity->header = part->header_offset;
  out_entity->body = part->body_offset;
  out_entity->end = part->body_offset + part->body_length;
  /* What is inserted at the beginning of a message/rfc822 part belongs to the message inside. */
  out_entity->has_no_header = part->header_length == 0 && part->kind != CF_PART_MESSAGE;
}

/* @kind becomes HEADER, TEXT or, for the whole message, ALL. */
static gboolean
section_find (const CfFacts *facts, const char *path, CfSectionKind *kind, Entity *out_entity)
{
  const CfPart *part = cf_facts_lookup_part (facts, path);
  gboolean is_message = *path == '\0';

  if (part == NULL || (is_message && *kind == CF_SECTION_MIME))
    return FALSE;
  if (is_message || *kind == CF_SECTION_HEADER || *kind == CF_SECTION_TEXT)
    return entity_of_message (facts, part, !is_message, out_entity);

  entity_of_part (part, out_entity);
  *kind = *kind == CF_SECTION_MIME ? CF_SECTION_HEADER : CF_SECTION_TEXT;
  return TRUE;
}

gboolean
cf_facts_locate_raw (const CfFacts *facts, const char *path, CfSectionKind kind, guint64 *out_offset,
                     guint64 *out_length)
{
  Entity entity;

  if (!section_find (facts, path, &kind, &entity))
    return FALSE;
  *out_offset = kind == CF_SECTION_TEXT ? entity.body : entity.header;
  *out_length = (kind == CF_SECTION_HEADER ? entity.body : entity.end) - *out_offset;
  return TRUE;
}

gboolean
cf_facts_locate (const CfFacts *facts, const char *path, CfSectionKind kind, guint64 *out_offset,
                 guint64 *out_length)
{
  Entity entity;

  if (!section_find (facts, path, &kind, &entity))
    return FALSE;
  if (facts->pieces != NULL) {
    entity.header = cf_presented_offset (facts->pieces, entity.header, FALSE);
    entity.body = cf_presented_offset (facts->pieces, entity.body, entity.has_no_header);
    entity.end = cf_presented_offset (facts->pieces, entity.end, FALSE);
  }
  *out_offset = kind == CF_SECTION_TEXT ? entity.body : entity.header;
  *out_length = (kind == CF_SECTION_HEADER ? entity.body : entity.end) - *out_offset;
  return TRUE;
}
