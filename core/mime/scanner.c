/* core/mime/scanner.c - finds the structure of a message in one pass (RFC 2046, 5.1; RFC 5322, 2.1).
 *
 * The source is read in windows and cut into lines, and lines into pieces where a window ends. A stack holds
 * the entities that are open; what the innermost one is doing (header, body, preamble, epilogue) says what a
 * line is. Only two things are ever kept of the content: the header being read, up to a limit, and a line
 * that begins with "--", while it may still turn out to be a boundary. Boundaries of open multiparts are in a
 * hash table, so a line costs the same at any depth. Lines and NUL octets are counted over the whole message;
 * a part's are the difference between its ends.
 *
 * A delimiter is a whole line: "--", the boundary, perhaps "--", blanks (RFC 2046, 5.1.1). It ends everything
 * inside its multipart. Where nested multiparts have the same boundary it belongs to the innermost one that
 * has not been closed. A header ends with a blank line; a line in it that is no field belongs to it all the
 * same, except the first: an entity that does not begin with a field has no header.
 */
#include "mime/scanner.h"
#include "mime/envelope.h"
#include "mime/header.h"

#include <string.h>

#define WINDOW          (64 * 1024)
#define DELIMITER_MAX   1000 /* octets of a line that can be a delimiter */
#define FIRST_FIELD_MAX 1000 /* the first line is no field if it has no colon by then */

typedef enum {
  STATE_FIRST_LINE, /* of a header, if it is one */
  STATE_HEADER,
  STATE_LEAF,
  STATE_PREAMBLE,
  STATE_EPILOGUE,
  STATE_MESSAGE, /* the open entity inside says what happens */
} State;

typedef struct {
  guint node;
  State state;
  guint64 lines_before;  /* lines of the message before the body */
  gboolean has_children; /* a multipart's delimiter has been seen */
  gpointer shadowed;     /* a multipart: what its boundary meant before, see boundaries */
  gsize path_length;
} Level;

typedef struct {
  CfScan *scan;
  GArray *stack;          /* Level */
  GHashTable *boundaries; /* boundary, borrowed from the node: level of the multipart + 1 */
  guint64 lines;          /* complete lines before the current one */
  guint64 line_start;
  guint64 offset;        /* of the next octet to be read */
  guint64 nul_end;       /* one past the last NUL seen */
  guint line_end_length; /* of the previous line */
  guint line_end;        /* of the current line, once it is complete; 0: the source ends without */
  guint8 last_octet;     /* of the previous piece */
  GByteArray *held;      /* the current line, while it may be a delimiter */
  gboolean holding;
  GByteArray *header;     /* the header being read, NUL masked */
  CfPartDecoder *decoder; /* of the open leaf, NULL: identity */
  GByteArray *decoded;    /* scratch */
  guint8 tail[2];         /* a line end not yet given to the decoder, as it may belong to a delimiter */
  guint n_tail;
  gsize path_octets;
} Scanner;

static void scanner_content (Scanner *scanner, const guint8 *data, gsize length, guint64 offset,
                             gboolean complete);

static void
scan_node_clear (gpointer data)
{
  CfScanNode *node = data;

  cf_part_header_free (node->header);
  g_free (node->envelope);
}

/* Seeded, so that a sender cannot choose boundaries that collide. */
static guint
boundary_hash (gconstpointer key)
{
  static gsize seed;
  guint64 hash;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, (gsize) g_random_int () | 1);
  hash = seed;
  for (const guint8 *c = key; *c != '\0'; c++) {
    hash = (hash ^ *c) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
  }
  return (guint) hash;
}

static Level *
scanner_top (Scanner *scanner)
{
  return &g_array_index (scanner->stack, Level, scanner->stack->len - 1);
}

static CfScanNode *
scanner_node (Scanner *scanner, const Level *level)
{
  return &g_array_index (scanner->scan->nodes, CfScanNode, level->node);
}

/* Opens an entity whose header begins at @offset. */
static void
scanner_open (Scanner *scanner, guint64 offset, gboolean is_message, gsize path_length)
{
  CfScanNode node = { .parent = -1, .is_message = is_message, .header_offset = offset };
  Level level = { .node = scanner->scan->nodes->len, .state = STATE_FIRST_LINE };

  if (scanner->stack->len > 0)
    node.parent = (gint) scanner_top (scanner)->node;
  level.path_length = path_length;
  scanner->path_octets += path_length;
  g_array_append_val (scanner->scan->nodes, node);
  g_array_append_val (scanner->stack, level);
  g_byte_array_set_size (scanner->header, 0);
}

static gboolean
scanner_is_exhausted (Scanner *scanner)
{
  return scanner->scan->nodes->len >= CF_SCANNER_MAX_NODES || scanner->path_octets >= CF_SCANNER_MAX_PATHS;
}

static CfPartKind
scanner_classify (Scanner *scanner, CfPartHeader *header)
{
  CfPartKind kind = CF_PART_LEAF;

  if (strcmp (header->type, "multipart") == 0)
    kind = CF_PART_MULTIPART;
  else if (strcmp (header->type, "message") == 0
           && (strcmp (header->subtype, "rfc822") == 0 || strcmp (header->subtype, "global") == 0))
    kind = CF_PART_MESSAGE;
  if (kind == CF_PART_LEAF || (scanner->stack->len < CF_SCANNER_MAX_DEPTH && !scanner_is_exhausted (scanner)))
    return kind;

  g_free (header->type);
  g_free (header->subtype);
  header->type = g_strdup ("application");
  header->subtype = g_strdup ("octet-stream");
  g_clear_pointer (&header->parameters, g_ptr_array_unref);
  g_clear_pointer (&header->boundary, g_free);
  return CF_PART_LEAF;
}

/* Whether messages are the default type of @node. A part that has not even the blank line of a header is no
 * message: there would be no place for a header of its own. */
static gboolean
scanner_is_digest (Scanner *scanner, const CfScanNode *node)
{
  const CfScanNode *parent;

  if (node->is_message || scanner->header->len == 0)
    return FALSE;
  parent = &g_array_index (scanner->scan->nodes, CfScanNode, node->parent);
  return strcmp (parent->header->subtype, "digest") == 0;
}

static void
scanner_begin_leaf (Scanner *scanner, CfScanNode *node)
{
  scanner->n_tail = 0;
  if (strcmp (node->header->encoding, "base64") == 0
      || strcmp (node->header->encoding, "quoted-printable") == 0)
    scanner->decoder = cf_part_decoder_new (node->header->encoding, NULL);
}

static void
scanner_begin_multipart (Scanner *scanner, const CfScanNode *node, Level *level)
{
  if (node->header->boundary == NULL)
    return;
  level->shadowed = g_hash_table_lookup (scanner->boundaries, node->header->boundary);
  g_hash_table_insert (scanner->boundaries, node->header->boundary, GUINT_TO_POINTER (scanner->stack->len));
}

/* From now on the boundary means what it meant before. */
static void
scanner_end_multipart (Scanner *scanner, const CfScanNode *node, const Level *level)
{
  if (node->header->boundary == NULL || level->state == STATE_EPILOGUE)
    return;
  if (level->shadowed != NULL)
    g_hash_table_insert (scanner->boundaries, node->header->boundary, level->shadowed);
  else
    g_hash_table_remove (scanner->boundaries, node->header->boundary);
}

/* The header of the top entity is complete; its body begins at @offset, before which there
 * are @lines lines. */
static void
scanner_begin_body (Scanner *scanner, guint64 offset, guint64 lines)
{
  Level *level = scanner_top (scanner);
  CfScanNode *node = scanner_node (scanner, level);

  node->body_offset = offset;
  node->header
      = cf_part_header_new (scanner->header->data, scanner->header->len, scanner_is_digest (scanner, node));
  node->kind = scanner_classify (scanner, node->header);
  if (node->is_message)
    node->envelope = cf_envelope_new (scanner->header->data, scanner->header->len, &node->envelope_length);
  level->lines_before = lines;

  if (node->kind == CF_PART_LEAF) {
    level->state = STATE_LEAF;
    scanner_begin_leaf (scanner, node);
  } else if (node->kind == CF_PART_MULTIPART) {
    level->state = STATE_PREAMBLE;
    scanner_begin_multipart (scanner, node, level);
  } else {
    level->state = STATE_MESSAGE;
    scanner_open (scanner, offset, TRUE, level->path_length + 2);
  }
}

/* ---- Ends ----------------------------------------------------------------------------------------------*/

static void
scanner_decode (Scanner *scanner, CfScanNode *node, const guint8 *data, gsize length)
{
  cf_part_decoder_feed (scanner->decoder, data, length, scanner->decoded);
  node->decoded_length += scanner->decoded->len;
  g_byte_array_set_size (scanner->decoded, 0);
}

static void
scanner_end_leaf (Scanner *scanner, CfScanNode *node, gboolean at_delimiter)
{
  node->has_nul = scanner->nul_end > node->body_offset && node->body_end > node->body_offset;
  if (scanner->decoder == NULL) {
    node->decoded_length = node->body_end - node->body_offset;
    return;
  }
  if (!at_delimiter)
    scanner_decode (scanner, node, scanner->tail, scanner->n_tail);
  cf_part_decoder_finish (scanner->decoder, scanner->decoded);
  node->decoded_length += scanner->decoded->len;
  g_byte_array_set_size (scanner->decoded, 0);
  g_clear_pointer (&scanner->decoder, cf_part_decoder_free);
}

/* A multipart in which no delimiter opened a part: one text/plain part that is all of its body, so that what
 * there is can be read, and BODYSTRUCTURE has the part its grammar requires. */
static void
scanner_add_placeholder (Scanner *scanner, const Level *level)
{
  CfScanNode parent = *scanner_node (scanner, level);
  CfScanNode node = {
    .parent = (gint) level->node,
    .is_placeholder = TRUE,
    .header = cf_part_header_new (NULL, 0, FALSE),
    .header_offset = parent.body_offset,
    .body_offset = parent.body_offset,
    .body_end = parent.body_end,
    .body_lines = parent.body_lines,
    .decoded_length = parent.body_end - parent.body_offset,
    .has_nul = scanner->nul_end > parent.body_offset && parent.body_end > parent.body_offset,
  };

  g_array_append_val (scanner->scan->nodes, node);
}

/* Ends the top entity at @end, before which there are @lines lines. */
static void
scanner_close (Scanner *scanner, guint64 end, guint64 lines, gboolean at_delimiter)
{
  Level level = *scanner_top (scanner);
  CfScanNode *node = scanner_node (scanner, &level);

  node->body_end = end;
  node->body_lines = end > node->body_offset && lines > level.lines_before ? lines - level.lines_before : 0;
  if (node->kind == CF_PART_LEAF) {
    scanner_end_leaf (scanner, node, at_delimiter);
  } else if (node->kind == CF_PART_MULTIPART) {
    scanner_end_multipart (scanner, node, &level);
    if (!level.has_children)
      scanner_add_placeholder (scanner, &level);
  }
  g_array_set_size (scanner->stack, scanner->stack->len - 1);
}

/* Ends what is open above @depth levels at @end. A header that no blank line closed ends there too, and the
 * entity's body is empty; if it is that of a message/rfc822, so is the message inside. */
static void
scanner_close_above (Scanner *scanner, guint depth, guint64 end, guint64 lines, gboolean at_delimiter)
{
  if (scanner->stack->len <= depth)
    return;
  while (scanner_top (scanner)->state == STATE_FIRST_LINE || scanner_top (scanner)->state == STATE_HEADER) {
    guint64 header = scanner_node (scanner, scanner_top (scanner))->header_offset, body = MAX (end, header);

    g_byte_array_set_size (scanner->header, (guint) MIN (scanner->header->len, body - header));
    scanner_begin_body (scanner, body, lines);
  }

  /* A blank line that closes a header is no part of the delimiter that follows it. */
  if (end < scanner_node (scanner, scanner_top (scanner))->body_offset) {
    end = scanner_node (scanner, scanner_top (scanner))->body_offset;
    lines++;
  }
  while (scanner->stack->len > depth)
    scanner_close (scanner, end, lines, at_delimiter);
}

/* ---- Lines ---------------------------------------------------------------------------------------------*/

/* The level (counted from 1) of the multipart that @line delimits; 0: it is no delimiter. */
static guint
scanner_match_delimiter (Scanner *scanner, const guint8 *line, gsize length, gboolean *out_closing)
{
  char text[DELIMITER_MAX + 1];
  guint level;

  if (length < 3 || length > DELIMITER_MAX || line[0] != '-' || line[1] != '-'
      || g_hash_table_size (scanner->boundaries) == 0 || memchr (line, '\0', length) != NULL)
    return 0;

  length -= 2;
  memcpy (text, line + 2, length);
  if (length > 0 && text[length - 1] == '\n')
    length--;
  if (length > 0 && text[length - 1] == '\r')
    length--;
  while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
    length--;
  text[length] = '\0';

  *out_closing = FALSE;
  level = GPOINTER_TO_UINT (g_hash_table_lookup (scanner->boundaries, text));
  if (level == 0 && length > 2 && text[length - 1] == '-' && text[length - 2] == '-') {
    text[length - 2] = '\0';
    *out_closing = TRUE;
    level = GPOINTER_TO_UINT (g_hash_table_lookup (scanner->boundaries, text));
  }
  return level;
}

/* The current line, @length octets at line_start, delimits the multipart at @depth. */
static void
scanner_delimiter (Scanner *scanner, guint depth, gboolean closing, gsize length)
{
  Level *level;
  guint64 end = scanner->line_start - scanner->line_end_length;

  scanner_close_above (scanner, depth, end, scanner->lines - (scanner->line_end_length > 0), TRUE);
  level = scanner_top (scanner);
  if (closing) {
    scanner_end_multipart (scanner, scanner_node (scanner, level), level);
    level->state = STATE_EPILOGUE;
    return;
  }
  level->has_children = TRUE;
  scanner_open (scanner, scanner->line_start + length, FALSE, level->path_length + 2);
}

/* Is the complete line before @end blank? */
static gboolean
scanner_is_blank (Scanner *scanner, guint64 end)
{
  return scanner->line_end > 0 && end - scanner->line_start == scanner->line_end;
}

static void
scanner_header_line (Scanner *scanner, guint64 end, gboolean complete)
{
  if (!complete || !scanner_is_blank (scanner, end))
    return;
  scanner_node (scanner, scanner_top (scanner))->blank_length = scanner->line_end;
  scanner_begin_body (scanner, end, scanner->lines + 1);
}

/* mbox puts "From " lines before headers, and some clients append them. */
static gboolean
scanner_is_mbox_line (const char *text, gsize length)
{
  return (length > 5 && memcmp (text, "From ", 5) == 0) || (length > 6 && memcmp (text, ">From ", 6) == 0);
}

/* The first line, or enough of it, tells whether there is a header at all. */
static void
scanner_first_line (Scanner *scanner, guint64 end, gboolean complete)
{
  const char *text = (const char *) scanner->header->data;
  gsize length = scanner->header->len;
  g_autoptr (GByteArray) line = NULL;
  guint64 offset;

  if (!complete && length < FIRST_FIELD_MAX)
    return;
  if ((complete && scanner_is_blank (scanner, end)) || cf_header_name_length (text, length) > 0
      || scanner_is_mbox_line (text, length)) {
    scanner_top (scanner)->state = STATE_HEADER;
    scanner_header_line (scanner, end, complete);
    return;
  }

  /* Not a header: the line is the first of the body. */
  line = g_steal_pointer (&scanner->header);
  scanner->header = g_byte_array_new ();
  offset = scanner_node (scanner, scanner_top (scanner))->header_offset;
  scanner_begin_body (scanner, offset, scanner->lines);
  scanner_content (scanner, line->data, line->len, offset, complete);
}

/* Keeps a piece of a header, up to the limit, with NUL masked. */
static void
scanner_header (Scanner *scanner, const guint8 *data, gsize length)
{
  guint start = scanner->header->len;
  guint8 *nul;

  g_byte_array_append (scanner->header, data, (guint) MIN (length, CF_SCANNER_MAX_HEADER - start));
  while ((nul = memchr (scanner->header->data + start, '\0', scanner->header->len - start)) != NULL)
    *nul = 0x80;
}

/* The decoder gets a line end only when the next octet shows that it belongs to the body. */
static void
scanner_leaf (Scanner *scanner, const guint8 *data, gsize length)
{
  CfScanNode *node = scanner_node (scanner, scanner_top (scanner));
  guint tail = 0;

  if (scanner->decoder == NULL || length == 0)
    return;
  if (length == 1 && data[0] == '\n' && scanner->n_tail == 1 && scanner->tail[0] == '\r') {
    scanner->tail[scanner->n_tail++] = '\n';
    return;
  }

  scanner_decode (scanner, node, scanner->tail, scanner->n_tail);
  if (data[length - 1] == '\n')
    tail = length > 1 && data[length - 2] == '\r' ? 2 : 1;
  else if (data[length - 1] == '\r')
    tail = 1;
  scanner_decode (scanner, node, data, length - tail);
  memcpy (scanner->tail, data + length - tail, tail);
  scanner->n_tail = tail;
}

/* A piece of a line that is no delimiter. @complete: its last. */
static void
scanner_content (Scanner *scanner, const guint8 *data, gsize length, guint64 offset, gboolean complete)
{
  switch (scanner_top (scanner)->state) {
  case STATE_FIRST_LINE:
    scanner_header (scanner, data, length);
    scanner_first_line (scanner, offset + length, complete);
    break;
  case STATE_HEADER:
    scanner_header (scanner, data, length);
    scanner_header_line (scanner, offset + length, complete);
    break;
  case STATE_LEAF:
    scanner_leaf (scanner, data, length);
    break;
  case STATE_PREAMBLE:
  case STATE_EPILOGUE:
  case STATE_MESSAGE:
    break;
  }
}

/* Handles @line as a delimiter if it is one. Beyond the limits no part is opened: the last one goes on. */
static gboolean
scanner_try_delimiter (Scanner *scanner, const guint8 *line, gsize length)
{
  gboolean closing;
  guint depth = scanner_match_delimiter (scanner, line, length, &closing);

  if (depth == 0 || (!closing && scanner_is_exhausted (scanner)))
    return FALSE;
  scanner_delimiter (scanner, depth, closing, length);
  return TRUE;
}

/* A piece of a line: all of it, or what a window has. */
static void
scanner_piece (Scanner *scanner, const guint8 *data, gsize length, gboolean complete)
{
  if (scanner->offset == scanner->line_start) {
    if (complete && scanner_try_delimiter (scanner, data, length))
      return;
    scanner->holding = !complete && data[0] == '-';
  }
  if (!scanner->holding) {
    scanner_content (scanner, data, length, scanner->offset, complete);
    return;
  }

  g_byte_array_append (scanner->held, data, (guint) length);
  if (!complete && scanner->held->len <= DELIMITER_MAX)
    return;
  if (!complete || !scanner_try_delimiter (scanner, scanner->held->data, scanner->held->len))
    scanner_content (scanner, scanner->held->data, scanner->held->len, scanner->line_start, complete);
  g_byte_array_set_size (scanner->held, 0);
  scanner->holding = FALSE;
}

static void
scanner_window (Scanner *scanner, const guint8 *data, gsize length)
{
  const guint8 *end = data + length;
  gboolean has_nul = memchr (data, '\0', length) != NULL; /* hardly ever: lines are searched only then */

  while (data < end) {
    const guint8 *newline = memchr (data, '\n', (gsize) (end - data));
    gsize n = newline != NULL ? (gsize) (newline - data) + 1 : (gsize) (end - data);
    const guint8 *last_nul = has_nul ? memrchr (data, '\0', n) : NULL;

    if (last_nul != NULL) {
      scanner->nul_end = scanner->offset + (guint64) (last_nul - data) + 1;
      scanner->scan->has_nul = TRUE;
    }
    if (newline != NULL) {
      gboolean first = scanner->offset == scanner->line_start;
      guint8 before = n > 1 ? data[n - 2] : first ? 0 : scanner->last_octet;

      scanner->line_end = before == '\r' ? 2 : 1;
    }
    scanner_piece (scanner, data, n, newline != NULL);
    scanner->offset += n;
    scanner->last_octet = data[n - 1];
    if (newline != NULL) {
      scanner->lines++;
      scanner->line_start = scanner->offset;
      scanner->line_end_length = scanner->line_end;
    }
    data += n;
  }
}

/* The source ends: its last line, if it has no line end, is complete now. */
static void
scanner_end (Scanner *scanner)
{
  scanner->line_end = 0;
  if (scanner->holding) {
    if (!scanner_try_delimiter (scanner, scanner->held->data, scanner->held->len))
      scanner_content (scanner, scanner->held->data, scanner->held->len, scanner->line_start, TRUE);
  } else if (scanner->offset > scanner->line_start) {
    scanner_content (scanner, NULL, 0, scanner->offset, TRUE);
  }
  scanner_close_above (scanner, 0, scanner->offset, scanner->lines, FALSE);
}

static void
scanner_clear (Scanner *scanner)
{
  g_array_unref (scanner->stack);
  g_hash_table_unref (scanner->boundaries);
  g_byte_array_unref (scanner->held);
  g_byte_array_unref (scanner->header);
  g_byte_array_unref (scanner->decoded);
  cf_part_decoder_free (scanner->decoder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Scanner, scanner_clear)

CfScan *
cf_scan_new (CfSource *source, GError **error)
{
  g_autoptr (CfScan) scan = g_new0 (CfScan, 1);
  g_autofree guint8 *window = g_malloc (WINDOW);
  g_auto (Scanner) scanner = {
    .scan = scan,
    .stack = g_array_new (FALSE, FALSE, sizeof (Level)),
    .boundaries = g_hash_table_new (boundary_hash, g_str_equal),
    .held = g_byte_array_new (),
    .header = g_byte_array_new (),
    .decoded = g_byte_array_new (),
  };

  scan->length = cf_source_get_length (source);
  scan->nodes = g_array_new (FALSE, FALSE, sizeof (CfScanNode));
  g_array_set_clear_func (scan->nodes, scan_node_clear);
  scanner_open (&scanner, 0, TRUE, 0);
  for (guint64 offset = 0; offset < scan->length;) {
    gsize n = (gsize) MIN (WINDOW, scan->length - offset);

    if (!cf_source_read (source, offset, window, n, error))
      return NULL;
    scanner_window (&scanner, window, n);
    offset += n;
  }
  scanner_end (&scanner);
  return g_steal_pointer (&scan);
}

void
cf_scan_free (CfScan *scan)
{
  if (scan == NULL)
    return;
  g_array_unref (scan->nodes);
  g_free (scan);
}
