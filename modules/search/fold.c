/* modules/search/fold.c - comparing text without regard to case (fold.h).
 *
 * Folding a text in pieces gives the same as folding it whole where each piece begins with a starter, a
 * character that normalisation never moves: so a stream keeps the last one, and what follows it, for the next
 * slice. Of the folded text it keeps as much as a needle cut in two can need.
 */
#include "fold.h"

#include <string.h>

/* Octets of combining characters in a row, more than any language has: they are folded wherever
 * they are cut. */
#define PENDING_MAX 1024
/* Octets that are folded at once. Normalisation puts the marks of a character into order in time that grows
 * with the square of their number, and anybody can send a mail that has nothing else. */
#define PIECE_MIN 256
#define PIECE_MAX 512

struct _SearchStream {
  const SearchNeedle *needles;
  guint n, n_found;
  gsize longest;    /* needle, octets */
  gboolean *found;  /* by needle */
  GString *pending; /* not folded yet */
  GString *window;  /* folded: the end of what was searched, then what is new */
};

static gboolean
fold_is_ascii (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if ((guchar) text[i] >= 0x80)
      return FALSE;
  return TRUE;
}

/* Does normalisation leave what stands before @c alone? It decomposes a few of class 0 into marks. */
static gboolean
fold_is_starter (gunichar c)
{
  return g_unichar_combining_class (c) == 0 && !g_unichar_ismark (c) && c != 0xff9e && c != 0xff9f;
}

static gsize
fold_get_piece (const char *text, gsize length)
{
  const char *at = text;

  while ((gsize) (at - text) < length) {
    gsize n = (gsize) (at - text);

    if (n >= PIECE_MAX || (n >= PIECE_MIN && fold_is_starter (g_utf8_get_char (at))))
      return n;
    at = g_utf8_next_char (at);
  }
  return length;
}

static void
fold_append_piece (GString *out, const char *text, gsize length)
{
  /* Decomposed first as well: compatibility characters bring capitals ("TEL" from U+2121). */
  g_autofree char *decomposed = g_utf8_normalize (text, (gssize) length, G_NORMALIZE_ALL);
  g_autofree char *folded = NULL, *result = NULL;

  if (decomposed == NULL) { /* not UTF-8, against the contract */
    g_string_append_len (out, text, (gssize) length);
    return;
  }
  folded = g_utf8_casefold (decomposed, -1);
  result = g_utf8_normalize (folded, -1, G_NORMALIZE_ALL);
  g_string_append (out, result);
}

char *
search_fold (const char *text, gssize length)
{
  gsize n = length < 0 ? strlen (text) : (gsize) length;
  g_autoptr (GString) out = NULL;

  if (fold_is_ascii (text, n))
    return g_ascii_strdown (text, (gssize) n);
  out = g_string_sized_new (n);
  while (n > 0) {
    gsize piece = fold_get_piece (text, n);

    fold_append_piece (out, text, piece);
    text += piece;
    n -= piece;
  }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

SearchStream *
search_stream_new (const SearchNeedle *needles, guint n)
{
  SearchStream *stream = g_new0 (SearchStream, 1);

  stream->needles = needles;
  stream->n = n;
  stream->found = g_new0 (gboolean, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    stream->longest = MAX (stream->longest, needles[i].length);
  stream->pending = g_string_new (NULL);
  stream->window = g_string_new (NULL);
  return stream;
}

void
search_stream_free (SearchStream *stream)
{
  if (stream == NULL)
    return;
  g_string_free (stream->pending, TRUE);
  g_string_free (stream->window, TRUE);
  g_free (stream->found);
  g_free (stream);
}

/* How much of @pending can be folded: up to its last starter. */
static gsize
stream_get_cut (const GString *pending)
{
  const char *at = pending->str + pending->len;

  if (pending->len == 0)
    return 0;
  do
    at = g_utf8_prev_char (at);
  while (at > pending->str && !fold_is_starter (g_utf8_get_char (at)));
  if (pending->len - (gsize) (at - pending->str) > PENDING_MAX)
    return pending->len;
  return (gsize) (at - pending->str);
}

static void
stream_search (SearchStream *stream, gsize length)
{
  g_autofree char *folded = search_fold (stream->pending->str, (gssize) length);

  g_string_erase (stream->pending, 0, (gssize) length);
  g_string_append (stream->window, folded);
  for (guint i = 0; i < stream->n; i++) {
    const SearchNeedle *needle = &stream->needles[i];

    if (!stream->found[i]
        && memmem (stream->window->str, stream->window->len, needle->text, needle->length) != NULL) {
      stream->found[i] = TRUE;
      stream->n_found++;
    }
  }
  if (stream->window->len >= stream->longest)
    g_string_erase (stream->window, 0, (gssize) (stream->window->len - (stream->longest - 1)));
}

void
search_stream_feed (SearchStream *stream, const char *text, gsize length)
{
  gsize cut;

  if (stream->n_found == stream->n)
    return;
  g_string_append_len (stream->pending, text, (gssize) length);
  cut = stream_get_cut (stream->pending);
  if (cut > 0)
    stream_search (stream, cut);
}

void
search_stream_end_run (SearchStream *stream)
{
  if (stream->pending->len > 0 && stream->n_found < stream->n)
    stream_search (stream, stream->pending->len);
  g_string_truncate (stream->pending, 0);
  g_string_truncate (stream->window, 0);
}

gboolean
search_stream_has_found (const SearchStream *stream, guint i)
{
  return stream->found[i];
}

gboolean
search_stream_has_found_all (const SearchStream *stream)
{
  return stream->n_found == stream->n;
}
