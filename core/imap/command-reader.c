/* core/imap/command-reader.c - from a connection's octets to one complete command.
 *
 * A command is lines and literals by turns: a line that ends in a literal marker is followed by a literal and
 * another line (RFC 7888, 3). Lines gather in `line` until they end, then move to `input`; literals gather in
 * memory or in the spool.
 *
 * A command that is refused must still be read to its end, or its octets would be taken for commands.
 * `failure` is the reason, from the moment it is known; `answered` says that the session has it. From
 * then on only the last octets of each line are kept, for their markers, and what passes by is counted
 * against a bound.
 */
#include "imap/command-reader.h"

#include <string.h>

#include "base/secret.h"
#include "imap/literal-marker.h"
#include "imap/spool.h"

struct _CfCommandReader {
  const CfCommandReaderConfig *config;
  CfLiteralsFunc literals_func;
  gpointer user_data;
  gboolean authenticated;
  gboolean dead;                /* FATAL was answered */
  CfReaderTraceFunc trace_func; /* NULL: no trace */
  gpointer trace_data;

  /* the command */
  gboolean is_begun; /* its first line has been seen */
  CfInput *input;    /* from then on */
  char *tag, *name;
  gsize text_length;
  GString *line;        /* the line that has not ended; NULL: nothing of it is there */
  gboolean line_is_cut; /* its beginning was thrown away */
  gboolean is_raw;      /* what is thrown away is no command: it has no literals */
  GError *failure;
  gboolean answered;
  guint64 discarded;

  /* its literals */
  gboolean in_literal;
  gboolean literal8;
  guint64 literal_length, literal_left;
  gboolean is_asked;
  CfLiterals literals; /* what literals_func said */
  guint64 literal_total;
  CfSpool *spool; /* NULL: no literal yet */
};

/* ---- Making and ending ------------------------------------------------------------------------------- */

CfCommandReader *
cf_command_reader_new (const CfCommandReaderConfig *config, CfLiteralsFunc literals, gpointer user_data)
{
  CfCommandReader *reader = g_new0 (CfCommandReader, 1);

  reader->config = config;
  reader->literals_func = literals;
  reader->user_data = user_data;
  return reader;
}

gboolean
cf_command_reader_is_between (const CfCommandReader *reader)
{
  return !reader->is_begun && reader->line == NULL && !reader->line_is_cut;
}

static void
reader_drop_line (CfCommandReader *reader)
{
  g_clear_pointer (&reader->line, cf_secret_free_string);
  reader->line_is_cut = FALSE;
}

/* The command is over. Tag and name stay for the answer, the input for cf_command_reader_steal_input(). */
static void
reader_end_command (CfCommandReader *reader)
{
  reader_drop_line (reader);
  g_clear_error (&reader->failure);
  g_clear_pointer (&reader->spool, cf_spool_free);
  reader->text_length = 0;
  reader->is_begun = reader->is_raw = reader->answered = reader->in_literal = reader->is_asked = FALSE;
  reader->discarded = reader->literal_total = 0;
}

void
cf_command_reader_free (CfCommandReader *reader)
{
  if (reader == NULL)
    return;
  reader_end_command (reader);
  cf_input_free (reader->input);
  g_free (reader->tag);
  g_free (reader->name);
  g_free (reader);
}

void
cf_command_reader_set_authenticated (CfCommandReader *reader, gboolean authenticated)
{
  reader->authenticated = authenticated;
}

/* ---- Tracing ----------------------------------------------------------------------------------------- */

void
cf_command_reader_set_trace (CfCommandReader *reader, CfReaderTraceFunc func, gpointer user_data)
{
  reader->trace_func = func;
  reader->trace_data = user_data;
}

static void
reader_trace (const CfCommandReader *reader, CfReaderEvent event, const char *text, guint64 length)
{
  if (reader->trace_func != NULL)
    reader->trace_func (event, text, length, reader->trace_data);
}

/* ---- Bounds ------------------------------------------------------------------------------------------ */

static guint64
or_default (guint64 value, guint64 fallback)
{
  return value != 0 ? value : fallback;
}

static guint64
reader_get_command_max (const CfCommandReader *reader)
{
  return or_default (reader->config->command_max, 64 * 1024);
}

static guint64
reader_get_login_max (const CfCommandReader *reader)
{
  return or_default (reader->config->login_literal_max, 4 * 1024);
}

static guint64
reader_get_discard_max (const CfCommandReader *reader)
{
  guint64 max = or_default (reader->config->discard_max, 1024 * 1024);

  return reader->authenticated ? max : MIN (max, 2 * reader_get_login_max (reader));
}

/* The bound of one literal, and of the command's literals together. */
static guint64
reader_get_literal_max (const CfCommandReader *reader, guint64 *out_total)
{
  const CfCommandReaderConfig *config = reader->config;
  guint64 max;

  if (reader->authenticated && reader->literals == CF_LITERALS_MESSAGE) {
    max = or_default (config->append_limit, 64 * 1024 * 1024);
    *out_total = or_default (config->append_total, max <= G_MAXUINT64 / 8 ? max * 8 : G_MAXUINT64);
    return max;
  }
  max = reader->authenticated ? or_default (config->literal_max, 256 * 1024) : reader_get_login_max (reader);
  *out_total = max;
  return max;
}

/* ---- Refusing ---------------------------------------------------------------------------------------- */

static gboolean
reader_is_refused (const CfCommandReader *reader)
{
  return reader->failure != NULL || reader->answered;
}

/* The first reason counts. */
static void
reader_refuse (CfCommandReader *reader, CfError code, const char *message)
{
  if (!reader_is_refused (reader))
    reader->failure = g_error_new_literal (CF_ERROR, (gint) code, message);
}

/* Hands the reason to the session, unless it has it. */
static CfRead
reader_answer (CfCommandReader *reader, GError **error)
{
  if (reader->failure == NULL)
    return CF_READ_NEED_MORE;
  g_propagate_error (error, g_steal_pointer (&reader->failure));
  reader->answered = TRUE;
  return CF_READ_ERROR;
}

/* Counts what is thrown away. FALSE: that is too much. */
static gboolean
reader_discard (CfCommandReader *reader, guint64 length)
{
  guint64 max = reader_get_discard_max (reader);

  if (length > max || reader->discarded > max - length)
    return FALSE;
  reader->discarded += length;
  return TRUE;
}

static CfRead
reader_die (CfCommandReader *reader, GError **error)
{
  reader->dead = TRUE;
  reader_refuse (reader, CF_ERROR_LIMIT, "Too much input");
  if (reader->failure != NULL)
    g_propagate_error (error, g_steal_pointer (&reader->failure));
  else
    g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "Too much input for a command that was refused");
  reader_end_command (reader);
  g_clear_pointer (&reader->input, cf_input_free);
  return CF_READ_FATAL;
}

/* ---- Literals ---------------------------------------------------------------------------------------- */

/* May this literal come? FALSE: the command is refused. */
static gboolean
reader_admit_literal (CfCommandReader *reader, guint64 length)
{
  guint64 max, total;
  gboolean is_message;

  if (!reader->is_asked) {
    reader->is_asked = TRUE;
    reader->literals = CF_LITERALS_ORDINARY;
    if (reader->literals_func != NULL)
      reader->literals = reader->literals_func (reader->name, reader->user_data, &reader->failure);
    if (reader->literals == CF_LITERALS_REFUSED)
      reader_refuse (reader, CF_ERROR_BAD, "No literal is allowed here");
    if (reader->failure != NULL)
      return FALSE;
  }

  is_message = reader->literals == CF_LITERALS_MESSAGE;
  max = reader_get_literal_max (reader, &total);
  if (length > max)
    reader_refuse (reader, is_message ? CF_ERROR_TOOBIG : CF_ERROR_LIMIT, "Literal larger than allowed");
  else if (length > total || reader->literal_total > total - length)
    reader_refuse (reader, CF_ERROR_LIMIT, "Literals of the command together larger than allowed");
  return !reader_is_refused (reader);
}

/* Makes room for the admitted literal. On failure the command is refused. */
static void
reader_open_literal (CfCommandReader *reader, guint64 length)
{
  const char *directory = reader->config->spool_directory;
  guint64 threshold = or_default (reader->config->spool_threshold, 64 * 1024);

  reader->literal_total += length;
  if (reader->spool == NULL)
    reader->spool = cf_spool_new (reader->literals == CF_LITERALS_MESSAGE ? threshold : G_MAXUINT64,
                                  directory != NULL ? directory : g_get_tmp_dir ());
  cf_spool_begin (reader->spool, length, &reader->failure);
}

static void
reader_end_literal (CfCommandReader *reader)
{
  g_autoptr (CfSource) source = NULL;

  reader->in_literal = FALSE;
  reader_trace (reader, CF_READER_LITERAL, NULL, reader->literal_length);
  if (reader_is_refused (reader))
    return;
  source = cf_spool_end (reader->spool);
  cf_input_add_literal (reader->input, source, reader->literal8);
}

static void
reader_begin_literal (CfCommandReader *reader, const CfLiteralMarker *marker)
{
  reader->in_literal = TRUE;
  reader->literal8 = marker->literal8;
  reader->literal_length = reader->literal_left = marker->length;
  if (reader->literal_left == 0)
    reader_end_literal (reader);
}

static void
reader_keep_literal (CfCommandReader *reader, const char *data, gsize length)
{
  if (!reader->literal8 && memchr (data, '\0', length) != NULL)
    reader_refuse (reader, CF_ERROR_BAD, "NUL in a literal");
  else
    cf_spool_write (reader->spool, data, length, &reader->failure);
}

static CfRead
reader_take_literal (CfCommandReader *reader, const char *data, gsize length, gsize *out_taken,
                     GError **error)
{
  gsize taken = (gsize) MIN (reader->literal_left, length);

  *out_taken = taken;
  if (!reader_is_refused (reader))
    reader_keep_literal (reader, data, taken);
  reader->literal_left -= taken;
  if (reader->literal_left == 0)
    reader_end_literal (reader);
  return reader_answer (reader, error);
}

/* ---- Lines ------------------------------------------------------------------------------------------- */

/* The command's name at @input's cursor, with the next word if it is UID; NULL: there is none. */
static char *
reader_take_name (CfInput *input)
{
  g_autofree char *word = cf_input_take (input, CF_INPUT_ATOM), *next = NULL, *both = NULL;
  CfInputMark mark = cf_input_mark (input);

  if (word == NULL)
    return NULL;
  if (g_ascii_strcasecmp (word, "UID") == 0 && cf_input_skip (input, ' '))
    next = cf_input_take (input, CF_INPUT_ATOM);
  if (next == NULL) {
    cf_input_reset (input, mark);
    return g_ascii_strup (word, -1);
  }
  both = g_strconcat (word, " ", next, NULL);
  return g_ascii_strup (both, -1);
}

/* Begins a command with its first line, without a marker. @is_whole: FALSE for the beginning of a line too
 * long, where only a space ends a tag. */
static void
reader_begin_command (CfCommandReader *reader, const char *text, gsize length, gboolean is_whole)
{
  CfInput *input = cf_input_new (reader->config->input_options);

  reader->is_begun = TRUE;
  cf_input_free (reader->input);
  reader->input = input;
  g_free (reader->tag);
  g_clear_pointer (&reader->name, g_free);

  cf_input_add_text (input, text, length);
  reader->tag = cf_input_take (input, CF_INPUT_TAG);
  if (reader->tag == NULL || !(cf_input_peek (input) == ' ' || (is_whole && cf_input_is_end (input)))) {
    g_clear_pointer (&reader->tag, g_free);
    reader_refuse (reader, CF_ERROR_BAD, "Tag missing or not well formed");
    return;
  }
  if (cf_input_skip (input, ' '))
    reader->name = reader_take_name (input);
  if (reader->name == NULL)
    reader_refuse (reader, CF_ERROR_BAD, "Command name missing");
}

/* Keeps no more of the line than a marker can need. */
static void
reader_cut_line (CfCommandReader *reader)
{
  if (reader->line->len <= CF_LITERAL_MARKER_TAIL)
    return;
  g_string_erase (reader->line, 0, (gssize) (reader->line->len - CF_LITERAL_MARKER_TAIL));
  reader->line_is_cut = TRUE;
}

/* How many octets may be added to the line, the first one too many included. */
static gsize
reader_get_room (const CfCommandReader *reader)
{
  guint64 max = reader_get_command_max (reader);

  if (reader_is_refused (reader))
    return G_MAXSIZE;
  return max > reader->text_length ? (gsize) (max - reader->text_length) + 1 : 1;
}

/* Adds at most the line's room. */
static void
reader_keep_text (CfCommandReader *reader, const char *data, gsize length)
{
  g_string_append_len (reader->line, data, (gssize) length);
  reader->text_length += length;
  if (reader->text_length <= reader_get_command_max (reader))
    return;

  if (!reader->is_begun)
    reader_begin_command (reader, reader->line->str, reader->line->len, FALSE);
  g_clear_error (&reader->failure);
  reader_refuse (reader, CF_ERROR_BAD, "Command line too long");
  reader_cut_line (reader);
}

/* Throws the line of a refused command away but for its tail. FALSE: that is too much. */
static gboolean
reader_drop_text (CfCommandReader *reader, const char *data, gsize length)
{
  gsize tail = MIN (length, CF_LITERAL_MARKER_TAIL);

  if (tail < length)
    reader->line_is_cut = TRUE;
  g_string_append_len (reader->line, data + length - tail, (gssize) tail);
  reader_cut_line (reader);
  return reader_discard (reader, length);
}

static void
reader_strip_line_end (GString *line)
{
  g_string_truncate (line, line->len - 1);
  if (line->len > 0 && line->str[line->len - 1] == '\r')
    g_string_truncate (line, line->len - 1);
}

/* A line without a marker ends the command. */
static CfRead
reader_complete (CfCommandReader *reader, GError **error)
{
  CfRead result = reader_is_refused (reader) ? reader_answer (reader, error) : CF_READ_COMPLETE;

  if (result != CF_READ_COMPLETE)
    g_clear_pointer (&reader->input, cf_input_free);
  reader_end_command (reader);
  return result;
}

/* A line that ends in a marker. A client that waits for a continuation request takes the tagged answer for
 * it, and sends no more of the command. */
static CfRead
reader_continue (CfCommandReader *reader, const CfLiteralMarker *marker, GError **error)
{
  gboolean is_admitted = !reader_is_refused (reader) && reader_admit_literal (reader, marker->length);

  reader_drop_line (reader);
  if (is_admitted)
    reader_open_literal (reader, marker->length);
  if (marker->is_synchronising && reader_is_refused (reader))
    return reader_complete (reader, error);
  if (!is_admitted && !reader_discard (reader, marker->length))
    return reader_die (reader, error);
  reader_begin_literal (reader, marker);
  return marker->is_synchronising ? CF_READ_CONTINUE : reader_answer (reader, error);
}

static CfRead
reader_end_line (CfCommandReader *reader, GError **error)
{
  CfLiteralMarker marker;

  reader_strip_line_end (reader->line);
  if (!reader->is_begun && !reader_is_refused (reader) && reader->line->len == 0) {
    reader_end_command (reader);
    return CF_READ_NEED_MORE;
  }

  marker = cf_literal_marker_parse (reader->line, reader->line_is_cut);
  if (reader_is_refused (reader)) {
    reader_trace (reader, CF_READER_REFUSED, NULL, reader->line->len);
  } else {
    gboolean is_first = !reader->is_begun;

    if (is_first)
      reader_begin_command (reader, reader->line->str, marker.text_length, TRUE);
    else
      cf_input_add_text (reader->input, reader->line->str, marker.text_length);
    reader_trace (reader, is_first ? CF_READER_COMMAND : CF_READER_LINE, reader->line->str,
                  reader->line->len);
    if (memchr (reader->line->str, '\0', reader->line->len) != NULL)
      reader_refuse (reader, CF_ERROR_BAD, "NUL in a command");
  }
  if (marker.is_there && !reader->is_raw)
    return reader_continue (reader, &marker, error);
  return reader_complete (reader, error);
}

static CfRead
reader_take_text (CfCommandReader *reader, const char *data, gsize length, gsize *out_taken, GError **error)
{
  gsize room = MIN (length, reader_get_room (reader));
  const char *end = memchr (data, '\n', room);
  gsize taken = end != NULL ? (gsize) (end - data) + 1 : room;

  *out_taken = taken;
  if (reader->line == NULL)
    reader->line = g_string_new (NULL);
  if (!reader_is_refused (reader))
    reader_keep_text (reader, data, taken);
  else if (!reader_drop_text (reader, data, taken))
    return reader_die (reader, error);
  return end != NULL ? reader_end_line (reader, error) : reader_answer (reader, error);
}

/* ---- Feeding ----------------------------------------------------------------------------------------- */

CfRead
cf_command_reader_feed (CfCommandReader *reader, const void *data, gsize length, gsize *out_consumed,
                        GError **error)
{
  const char *octets = data;
  CfRead result = CF_READ_NEED_MORE;
  gsize at = 0;

  *out_consumed = length;
  if (reader->dead)
    return reader_die (reader, error);

  while (result == CF_READ_NEED_MORE && at < length) {
    gsize taken;

    if (reader->in_literal)
      result = reader_take_literal (reader, octets + at, length - at, &taken, error);
    else
      result = reader_take_text (reader, octets + at, length - at, &taken, error);
    at += taken;
  }
  *out_consumed = at;
  return result;
}

static CfRead
reader_refuse_line (CfCommandReader *reader, gboolean has_ended, const char *message, GError **error)
{
  if (has_ended) {
    reader_trace (reader, CF_READER_REFUSED, NULL, reader->line->len);
    reader_end_command (reader);
  } else {
    reader->is_raw = reader->answered = TRUE;
    reader_cut_line (reader);
  }
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, message);
  return CF_READ_ERROR;
}

CfRead
cf_command_reader_read_line (CfCommandReader *reader, const void *data, gsize length, gsize max,
                             gsize *out_consumed, char **out_line, GError **error)
{
  /* No more than shows that the line is too long: the rest of it is counted as thrown away, however it comes.
   */
  gsize room = MIN (length, max + strlen ("\r\n") - (reader->line != NULL ? reader->line->len : 0));
  const char *end = room > 0 ? memchr (data, '\n', room) : NULL;
  gsize taken = end != NULL ? (gsize) (end - (const char *) data) + 1 : room;

  *out_consumed = taken;
  if (reader->dead)
    return reader_die (reader, error);
  if (taken == 0)
    return CF_READ_NEED_MORE;

  if (reader->line == NULL)
    reader->line = g_string_new (NULL);
  g_string_append_len (reader->line, data, (gssize) taken);
  reader->text_length += taken;
  if (end != NULL)
    reader_strip_line_end (reader->line);
  if (reader->line->len > max + (end == NULL)) /* a CR may be the line end's */
    return reader_refuse_line (reader, end != NULL, "Line too long", error);
  if (end == NULL)
    return CF_READ_NEED_MORE;
  if (memchr (reader->line->str, '\0', reader->line->len) != NULL)
    return reader_refuse_line (reader, TRUE, "NUL in a line", error);

  reader_trace (reader, CF_READER_CONTINUATION, reader->line->str, reader->line->len);
  *out_line = g_string_free (g_steal_pointer (&reader->line), FALSE);
  reader_end_command (reader);
  return CF_READ_COMPLETE;
}

/* ---- What was read ----------------------------------------------------------------------------------- */

CfInput *
cf_command_reader_steal_input (CfCommandReader *reader)
{
  return g_steal_pointer (&reader->input);
}

const char *
cf_command_reader_get_tag (const CfCommandReader *reader)
{
  return reader->tag;
}

const char *
cf_command_reader_get_name (const CfCommandReader *reader)
{
  return reader->name;
}
