/* modules/search/body.c - the text of a message's body, looked through in slices (body.h). */
#include "body.h"

#include <coffer/text.h>
#include <string.h>

/* Of a header, as much is searched as facts hold of the message's own. */
#define HEADER_MAX (64 * 1024)

/* A run of octets to look through. */
typedef struct {
  guint64 offset, length;
  const CfPart *part; /* a body to decode; NULL: a header */
} Segment;

struct _SearchBody {
  CfFacts *facts;
  SearchStream *stream;
  GArray *segments;       /* Segment, in the order of the message */
  guint ask, feed;        /* the segments to ask for and to feed next */
  guint64 asked, fed;     /* octets of them already dealt with */
  GByteArray *header;     /* of a header, what has been fed */
  CfPartDecoder *decoder; /* of a body under way */
  CfTextDecoder *text_decoder;
  GByteArray *decoded;
  GString *text;
};

/* ---- What is text ---- */

static gboolean
part_is_text (const CfPart *part)
{
  static const char *const others[] = { "application/x-cpm-session", "application/x-cpm-file-transfer" };
  g_autofree char *full = NULL;

  if (strcmp (part->type, "text") == 0 || strcmp (part->type, "message") == 0)
    return TRUE;
  if (strcmp (part->subtype, "xml") == 0 || g_str_has_suffix (part->subtype, "+xml")
      || strcmp (part->subtype, "json") == 0 || g_str_has_suffix (part->subtype, "+json"))
    return TRUE;
  full = g_strconcat (part->type, "/", part->subtype, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (strcmp (full, others[i]) == 0)
      return TRUE;
  return FALSE;
}

static void
body_add (SearchBody *body, guint64 offset, guint64 length, const CfPart *part)
{
  Segment segment = { offset, length, part };

  /* The one leaf of an inner message has that message's header as its own. */
  if (length == 0
      || (body->segments->len > 0
          && g_array_index (body->segments, Segment, body->segments->len - 1).offset == offset))
    return;
  g_array_append_val (body->segments, segment);
}

static void
body_add_part (SearchBody *body, const CfPart *part, gboolean inner)
{
  if (inner)
    body_add (body, part->header_offset, MIN (part->header_length, HEADER_MAX), NULL);
  if (part->kind == CF_PART_MESSAGE)
    body_add (body, part->body_offset, MIN (part->inner_header_length, HEADER_MAX), NULL);
  else if (part->kind == CF_PART_LEAF && part_is_text (part))
    body_add (body, part->body_offset, part->body_length, part);
}

SearchBody *
search_body_new (CfFacts *facts, const SearchNeedle *needles, guint n_needles)
{
  SearchBody *body = g_new0 (SearchBody, 1);

  body->facts = cf_facts_ref (facts);
  body->stream = search_stream_new (needles, n_needles);
  body->segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  body->header = g_byte_array_new ();
  body->decoded = g_byte_array_new ();
  body->text = g_string_new (NULL);
  for (guint i = 0; i < cf_facts_get_n_parts (facts); i++)
    body_add_part (body, cf_facts_get_part (facts, i), i > 0);
  return body;
}

void
search_body_free (SearchBody *body)
{
  if (body == NULL)
    return;
  cf_part_decoder_free (body->decoder);
  cf_text_decoder_free (body->text_decoder);
  g_string_free (body->text, TRUE);
  g_byte_array_unref (body->decoded);
  g_byte_array_unref (body->header);
  g_array_unref (body->segments);
  search_stream_free (body->stream);
  cf_facts_unref (body->facts);
  g_free (body);
}

/* ---- Asking ---- */

gboolean
search_body_ask (SearchBody *body, gsize max, guint64 *out_offset, gsize *out_length)
{
  const Segment *segment;

  if (body->ask == body->segments->len)
    return FALSE;
  segment = &g_array_index (body->segments, Segment, body->ask);
  *out_offset = segment->offset + body->asked;
  *out_length = (gsize) MIN ((guint64) max, segment->length - body->asked);
  body->asked += *out_length;
  if (body->asked == segment->length) {
    body->ask++;
    body->asked = 0;
  }
  return TRUE;
}

/* ---- Feeding ---- */

/* Field by field, as a match in one has nothing to do with the next. */
static void
body_search_header (SearchBody *body)
{
  const char *at = (const char *) body->header->data;
  const char *end = at + body->header->len;

  while (at < end) {
    const char *next = at;
    g_autofree char *field = NULL;

    do {
      next = memchr (next, '\n', (gsize) (end - next));
      next = next != NULL ? next + 1 : end;
    } while (next < end && (*next == ' ' || *next == '\t'));
    field = cf_header_decode (at, next - at);
    search_stream_feed (body->stream, field, strlen (field));
    search_stream_end_run (body->stream);
    at = next;
  }
  g_byte_array_set_size (body->header, 0);
}

/* An encoding nobody knows is looked through as it is. */
static void
body_begin_part (SearchBody *body, const CfPart *part)
{
  body->decoder = cf_part_decoder_new (part->encoding, NULL);
  if (body->decoder == NULL)
    body->decoder = cf_part_decoder_new ("binary", NULL);
  body->text_decoder = cf_text_decoder_new (part->charset);
}

static void
body_search_decoded (SearchBody *body)
{
  search_stream_feed (body->stream, body->text->str, body->text->len);
  g_string_truncate (body->text, 0);
  g_byte_array_set_size (body->decoded, 0);
}

static void
body_end_part (SearchBody *body)
{
  cf_part_decoder_finish (body->decoder, body->decoded);
  cf_text_decoder_feed (body->text_decoder, body->decoded->data, body->decoded->len, body->text);
  cf_text_decoder_finish (body->text_decoder, body->text);
  body_search_decoded (body);
  search_stream_end_run (body->stream);
  g_clear_pointer (&body->decoder, cf_part_decoder_free);
  g_clear_pointer (&body->text_decoder, cf_text_decoder_free);
}

/* Octets of the segment that is fed at the moment, no more than it has left. */
static void
body_feed_segment (SearchBody *body, const Segment *segment, const guint8 *octets, gsize length)
{
  if (segment->part == NULL) {
    g_byte_array_append (body->header, octets, (guint) length);
    return;
  }
  if (body->decoder == NULL)
    body_begin_part (body, segment->part);
  cf_part_decoder_feed (body->decoder, octets, length, body->decoded);
  cf_text_decoder_feed (body->text_decoder, body->decoded->data, body->decoded->len, body->text);
  body_search_decoded (body);
}

void
search_body_feed (SearchBody *body, const guint8 *octets, gsize length)
{
  while (length > 0 && body->feed < body->segments->len) {
    const Segment *segment = &g_array_index (body->segments, Segment, body->feed);
    gsize n = (gsize) MIN ((guint64) length, segment->length - body->fed);

    body_feed_segment (body, segment, octets, n);
    body->fed += n;
    octets += n;
    length -= n;
    if (body->fed < segment->length)
      return;
    if (segment->part == NULL)
      body_search_header (body);
    else
      body_end_part (body);
    body->feed++;
    body->fed = 0;
  }
}

gboolean
search_body_is_complete (const SearchBody *body)
{
  return body->feed == body->segments->len;
}

const SearchStream *
search_body_get_stream (const SearchBody *body)
{
  return body->stream;
}
