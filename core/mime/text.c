/* core/mime/text.c - text in any charset to UTF-8.
 *
 * iconv does the work. An octet that it refuses becomes U+FFFD and is skipped; a sequence cut by the end of a
 * slice is kept for the next one. NUL becomes U+FFFD too, so that the result is a C string, and so does what
 * iconv takes for a character and Unicode does not.
 */
#include "mime/mime.h"

#include <errno.h>
#include <string.h>

#define REPLACEMENT "\357\277\275"

struct _CfTextDecoder {
  GIConv converter;
  gboolean by_octet; /* the converter gets one at a time */
  guint8 rest[16];   /* the beginning of a sequence */
  gsize n_rest;
};

static gboolean
text_open (const char *charset, GIConv *out_converter)
{
  *out_converter = g_iconv_open ("UTF-8", charset);
  return *out_converter != (GIConv) -1;
}

/* Transliteration suffixes and the like are iconv's own business, not a sender's. */
static gboolean
text_is_charset_name (const char *charset)
{
  gsize length = strlen (charset);

  return length > 0 && length <= 64 && strchr (charset, '/') == NULL && strchr (charset, ',') == NULL;
}

/* Where a converter keeps a state between characters, which octet it refuses depends on what it was given at
 * once: of others than these, nobody knows. */
static gboolean
text_is_stateless (const char *charset)
{
  static const char *const prefixes[] = { "utf-8", "iso-8859-", "windows-125", "koi8-" };

  for (gsize i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_ascii_strncasecmp (charset, prefixes[i], strlen (prefixes[i])) == 0)
      return TRUE;
  return FALSE;
}

CfTextDecoder *
cf_text_decoder_new (const char *charset)
{
  CfTextDecoder *decoder = g_new0 (CfTextDecoder, 1);

  /* UTF-8 contains US-ASCII, and what calls itself US-ASCII without being so is UTF-8 more often than not. */
  if (charset == NULL || !text_is_charset_name (charset) || g_ascii_strcasecmp (charset, "us-ascii") == 0
      || !text_open (charset, &decoder->converter))
    text_open ("UTF-8", &decoder->converter);
  else
    decoder->by_octet = !text_is_stateless (charset);
  return decoder;
}

void
cf_text_decoder_free (CfTextDecoder *decoder)
{
  if (decoder == NULL)
    return;
  g_iconv_close (decoder->converter);
  g_free (decoder);
}

/* @text is what iconv made. Its UTF-8 goes beyond Unicode: sequences of 4 octets and more stand for numbers
 * that are no characters. */
static void
text_append (GString *out, const char *text, gsize length)
{
  const char *end;

  while (!g_utf8_validate_len (text, length, &end)) {
    g_string_append_len (out, text, end - text);
    g_string_append (out, REPLACEMENT);
    length -= (gsize) (end - text);
    text = end;
    do {
      text++;
      length--;
    } while (length > 0 && (*text & 0xc0) == 0x80);
  }
  g_string_append_len (out, text, (gssize) length);
}

/* Converts up to the end or the beginning of a cut sequence; returns how many octets are left. */
static gsize
text_convert (CfTextDecoder *decoder, char *in, gsize length, GString *out)
{
  while (length > 0) {
    char buffer[2048], *to = buffer;
    gsize room = sizeof buffer, before = length;
    gsize result = g_iconv (decoder->converter, &in, &length, &to, &room);
    int why = errno;

    text_append (out, buffer, (gsize) (to - buffer));
    if (result != (gsize) -1)
      break;
    if (why == EINVAL)
      break;
    if (why == EILSEQ || (length == before && to == buffer)) {
      g_string_append (out, REPLACEMENT);
      in++;
      length--;
    }
  }
  return length;
}

void
cf_text_decoder_feed (CfTextDecoder *decoder, const guint8 *data, gsize length, GString *out)
{
  gsize left;

  /* First the sequence the last slice cut, one octet at a time until it is complete or refused. */
  while ((decoder->n_rest > 0 || decoder->by_octet) && length > 0) {
    decoder->rest[decoder->n_rest++] = *data++;
    length--;
    left = text_convert (decoder, (char *) decoder->rest, decoder->n_rest, out);
    memmove (decoder->rest, decoder->rest + decoder->n_rest - left, left);
    decoder->n_rest = left;
    if (left == sizeof decoder->rest) {
      g_string_append (out, REPLACEMENT);
      decoder->n_rest = 0;
    }
  }
  if (length == 0)
    return;

  left = text_convert (decoder, (char *) data, length, out);
  if (left > sizeof decoder->rest - 1) {
    g_string_append (out, REPLACEMENT);
    return;
  }
  memcpy (decoder->rest, data + length - left, left);
  decoder->n_rest = left;
}

void
cf_text_decoder_finish (CfTextDecoder *decoder, GString *out)
{
  char buffer[64], *to = buffer;
  gsize room = sizeof buffer;

  if (decoder->n_rest > 0)
    g_string_append (out, REPLACEMENT);
  decoder->n_rest = 0;
  if (g_iconv (decoder->converter, NULL, NULL, &to, &room) != (gsize) -1)
    text_append (out, buffer, (gsize) (to - buffer));
}

gboolean
cf_text_knows_charset (const char *charset)
{
  GIConv converter;

  if (!text_is_charset_name (charset) || !text_open (charset, &converter))
    return FALSE;
  g_iconv_close (converter);
  return TRUE;
}

char *
cf_text_to_utf8 (const guint8 *data, gsize length, const char *charset)
{
  g_autoptr (CfTextDecoder) decoder = cf_text_decoder_new (charset);
  GString *out = g_string_sized_new (length);

  cf_text_decoder_feed (decoder, data, length, out);
  cf_text_decoder_finish (decoder, out);
  return g_string_free (out, FALSE);
}
