/* core/mime/decoder.c - Content-Transfer-Encodings, undone octet by octet (RFC 2045, 6).
 *
 * Each decoder is a small state machine, so where a body is cut into slices does not show, and what it
 * holds back is bounded. Both are tolerant as RFC 2045 asks: foreign octets in base64 are skipped and a
 * quantum that padding or the end cuts short gives the octets it has; in quoted-printable an "=" that
 * introduces nothing stands for itself and blanks at the end of a line are dropped (those of QP_BLANKS_MAX
 * in a row at most).
 */
#include "mime/mime.h"

#include <string.h>

#define QP_BLANKS_MAX 1000

typedef enum {
  DECODE_IDENTITY,
  DECODE_BASE64,
  DECODE_QP,
} DecodeKind;

typedef enum {
  QP_TEXT,
  QP_EQUALS,       /* "=" */
  QP_EQUALS_HEX,   /* "=" and a hex digit, in @hex */
  QP_EQUALS_BLANK, /* "=" and blanks: a soft line break if a line end follows */
  QP_EQUALS_CR,    /* and CR */
} QpState;

struct _CfPartDecoder {
  DecodeKind kind;
  guint32 bits; /* base64: the quantum so far */
  guint n;      /* base64: characters in it */
  QpState state;
  char hex;
  gboolean cr;        /* quoted-printable: a CR that may begin a line end */
  GByteArray *blanks; /* quoted-printable: blanks that may be at the end of a line */
};

CfPartDecoder *
cf_part_decoder_new (const char *encoding, GError **error)
{
  static const struct {
    const char *name;
    DecodeKind kind;
  } known[] = {
    { "7bit", DECODE_IDENTITY }, { "8bit", DECODE_IDENTITY },       { "binary", DECODE_IDENTITY },
    { "base64", DECODE_BASE64 }, { "quoted-printable", DECODE_QP },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (known); i++) {
    if (g_ascii_strcasecmp (encoding, known[i].name) == 0) {
      CfPartDecoder *decoder = g_new0 (CfPartDecoder, 1);

      decoder->kind = known[i].kind;
      decoder->blanks = g_byte_array_new ();
      return decoder;
    }
  }
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNKNOWN_CTE, "Unknown content transfer encoding");
  return NULL;
}

void
cf_part_decoder_free (CfPartDecoder *decoder)
{
  if (decoder == NULL)
    return;
  g_byte_array_unref (decoder->blanks);
  g_free (decoder);
}

static void
decoder_put (GByteArray *out, guint8 octet)
{
  g_byte_array_append (out, &octet, 1);
}

#define PADDING 64
#define FOREIGN 65

/* The values of base64 characters. */
static const guint8 *
base64_values (void)
{
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  static guint8 values[256];
  static gsize once;

  if (g_once_init_enter (&once)) {
    memset (values, FOREIGN, sizeof values);
    for (guint8 i = 0; i <= PADDING; i++)
      values[(guint8) alphabet[i]] = i;
    g_once_init_leave (&once, 1);
  }
  return values;
}

/* A quantum cut short: two characters hold one octet, three hold two. */
static void
base64_flush (CfPartDecoder *decoder, GByteArray *out)
{
  if (decoder->n == 2) {
    decoder_put (out, (guint8) (decoder->bits >> 4));
  } else if (decoder->n == 3) {
    decoder_put (out, (guint8) (decoder->bits >> 10));
    decoder_put (out, (guint8) (decoder->bits >> 2));
  }
  decoder->n = 0;
  decoder->bits = 0;
}

static void
base64_feed (CfPartDecoder *decoder, const guint8 *data, gsize length, GByteArray *out)
{
  const guint8 *values = base64_values ();

  for (gsize i = 0; i < length; i++) {
    guint8 value = values[data[i]];

    if (value == PADDING)
      base64_flush (decoder, out);
    if (value >= PADDING)
      continue;
    decoder->bits = decoder->bits << 6 | value;
    if (++decoder->n == 4) {
      guint8 octets[3]
          = { (guint8) (decoder->bits >> 16), (guint8) (decoder->bits >> 8), (guint8) decoder->bits };

      g_byte_array_append (out, octets, 3);
      decoder->n = 0;
      decoder->bits = 0;
    }
  }
}

static void
qp_keep_blanks (CfPartDecoder *decoder, GByteArray *out)
{
  g_byte_array_append (out, decoder->blanks->data, decoder->blanks->len);
  g_byte_array_set_size (decoder->blanks, 0);
}

static void
qp_text (CfPartDecoder *decoder, guint8 c, GByteArray *out)
{
  if (decoder->cr && c != '\n') {
    qp_keep_blanks (decoder, out);
    decoder_put (out, '\r');
    decoder->cr = FALSE;
  }
  if (c == '\n') {
    g_byte_array_set_size (decoder->blanks, 0);
    if (decoder->cr)
      decoder_put (out, '\r');
    decoder->cr = FALSE;
    decoder_put (out, '\n');
  } else if (c == '\r') {
    decoder->cr = TRUE;
  } else if (c == ' ' || c == '\t') {
    if (decoder->blanks->len == QP_BLANKS_MAX)
      qp_keep_blanks (decoder, out);
    decoder_put (decoder->blanks, c);
  } else {
    qp_keep_blanks (decoder, out);
    if (c == '=')
      decoder->state = QP_EQUALS;
    else
      decoder_put (out, c);
  }
}

/* What followed "=" is neither a hex pair nor a line end: all of it stands for itself, @c is read anew. */
static void
qp_unescape_failed (CfPartDecoder *decoder, GByteArray *out)
{
  decoder_put (out, '=');
  if (decoder->state == QP_EQUALS_HEX)
    decoder_put (out, (guint8) decoder->hex);
  if (decoder->state == QP_EQUALS_BLANK || decoder->state == QP_EQUALS_CR) {
    qp_keep_blanks (decoder, out);
    if (decoder->state == QP_EQUALS_CR)
      decoder_put (out, '\r');
  }
  decoder->state = QP_TEXT;
}

static void
qp_step (CfPartDecoder *decoder, guint8 c, GByteArray *out)
{
  if (decoder->state == QP_TEXT) {
    qp_text (decoder, c, out);
    return;
  }
  if (decoder->state == QP_EQUALS && g_ascii_isxdigit (c)) {
    decoder->hex = (char) c;
    decoder->state = QP_EQUALS_HEX;
    return;
  }
  if (decoder->state == QP_EQUALS_HEX && g_ascii_isxdigit (c)) {
    decoder_put (out, (guint8) (g_ascii_xdigit_value (decoder->hex) << 4 | g_ascii_xdigit_value ((char) c)));
    decoder->state = QP_TEXT;
    return;
  }
  if (decoder->state != QP_EQUALS_HEX && c == '\n') {
    g_byte_array_set_size (decoder->blanks, 0);
    decoder->state = QP_TEXT;
    return;
  }
  if (decoder->state == QP_EQUALS || decoder->state == QP_EQUALS_BLANK) {
    if (c == '\r') {
      decoder->state = QP_EQUALS_CR;
      return;
    }
    if ((c == ' ' || c == '\t') && decoder->blanks->len < QP_BLANKS_MAX) {
      decoder_put (decoder->blanks, c);
      decoder->state = QP_EQUALS_BLANK;
      return;
    }
  }
  qp_unescape_failed (decoder, out);
  qp_text (decoder, c, out);
}

void
cf_part_decoder_feed (CfPartDecoder *decoder, const guint8 *data, gsize length, GByteArray *out)
{
  if (decoder->kind == DECODE_IDENTITY)
    g_byte_array_append (out, data, (guint) length);
  else if (decoder->kind == DECODE_BASE64)
    base64_feed (decoder, data, length, out);
  else
    for (gsize i = 0; i < length; i++)
      qp_step (decoder, data[i], out);
}

void
cf_part_decoder_finish (CfPartDecoder *decoder, GByteArray *out)
{
  base64_flush (decoder, out);

  /* The end of the body is the end of a line: blanks go, and an "=" there is a soft line break. */
  if (decoder->state == QP_EQUALS_HEX)
    qp_unescape_failed (decoder, out);
  if (decoder->cr) {
    qp_keep_blanks (decoder, out);
    decoder_put (out, '\r');
  }
  g_byte_array_set_size (decoder->blanks, 0);
  decoder->state = QP_TEXT;
  decoder->cr = FALSE;
}
