/* core/imap/utf7.c - modified UTF-7 (RFC 3501, 5.1.3).
 *
 * Outside a shift an octet is a character; "&" opens a shift, in which the UTF-16 code units of a run of
 * other characters stand in base64 with "," for "/", and "-" closes it. The decoder accepts exactly what the
 * encoder writes, apart from plain UTF-8.
 */
#include "imap/utf7.h"

#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* ---- Encoding ---------------------------------------------------------------------------------------- */

typedef struct {
  GString *wire;
  guint32 bits; /* the n_bits low ones are not written yet */
  guint n_bits;
  gboolean shifted;
} Encoder;

static void
encoder_add_unit (Encoder *encoder, guint16 unit)
{
  if (!encoder->shifted)
    g_string_append_c (encoder->wire, '&');
  encoder->shifted = TRUE;
  encoder->bits = encoder->bits << 16 | unit;
  for (encoder->n_bits += 16; encoder->n_bits >= 6; encoder->n_bits -= 6)
    g_string_append_c (encoder->wire, base64_digits[encoder->bits >> (encoder->n_bits - 6) & 0x3f]);
}

static void
encoder_end_shift (Encoder *encoder)
{
  if (!encoder->shifted)
    return;
  if (encoder->n_bits > 0)
    g_string_append_c (encoder->wire, base64_digits[encoder->bits << (6 - encoder->n_bits) & 0x3f]);
  g_string_append_c (encoder->wire, '-');
  encoder->n_bits = 0;
  encoder->shifted = FALSE;
}

static void
encoder_add_char (Encoder *encoder, gunichar c)
{
  if (c >= 0x20 && c <= 0x7e) {
    encoder_end_shift (encoder);
    g_string_append_c (encoder->wire, (char) c);
    if (c == '&')
      g_string_append_c (encoder->wire, '-');
  } else if (c > 0xffff) {
    encoder_add_unit (encoder, (guint16) (0xd800 + ((c - 0x10000) >> 10)));
    encoder_add_unit (encoder, (guint16) (0xdc00 + ((c - 0x10000) & 0x3ff)));
  } else {
    encoder_add_unit (encoder, (guint16) c);
  }
}

char *
cf_utf7_encode (const char *utf8)
{
  Encoder encoder = { .wire = g_string_sized_new (strlen (utf8) + 16) };

  while (*utf8 != '\0') {
    gunichar c = g_utf8_get_char_validated (utf8, -1);

    if (c == (gunichar) -1 || c == (gunichar) -2) {
      encoder_add_char (&encoder, 0xfffd);
      utf8++;
    } else {
      encoder_add_char (&encoder, c);
      utf8 = g_utf8_next_char (utf8);
    }
  }
  encoder_end_shift (&encoder);
  return g_string_free (encoder.wire, FALSE);
}

/* ---- Decoding ---------------------------------------------------------------------------------------- */

static gboolean
decode_fail (GError **error, const char *reason)
{
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "Mailbox name is not valid modified UTF-7: %s", reason);
  return FALSE;
}

static int
base64_value (char c)
{
  const char *digit = c != '\0' ? strchr (base64_digits, c) : NULL;

  return digit != NULL ? (int) (digit - base64_digits) : -1;
}

/* One UTF-16 code unit; *@high is the first half of a pair that waits for its second, or 0. */
static gboolean
decode_unit (GString *utf8, guint16 unit, guint16 *high, GError **error)
{
  gboolean is_low = unit >= 0xdc00 && unit <= 0xdfff;

  if ((*high != 0) != is_low)
    return decode_fail (error, "a surrogate without its other half");
  if (unit >= 0x20 && unit <= 0x7e)
    return decode_fail (error, "printable ASCII in base64");
  if (unit == 0)
    return decode_fail (error, "NUL");

  if (unit >= 0xd800 && unit <= 0xdbff) {
    *high = unit;
    return TRUE;
  }
  if (is_low)
    g_string_append_unichar (utf8, 0x10000 + ((gunichar) (*high - 0xd800) << 10) + (unit - 0xdc00));
  else
    g_string_append_unichar (utf8, unit);
  *high = 0;
  return TRUE;
}

/* The base64 behind "&"; *@wire moves behind its "-". */
static gboolean
decode_shift (GString *utf8, const char **wire, GError **error)
{
  const char *at = *wire;
  guint32 bits = 0;
  guint n_bits = 0;
  guint16 high = 0;

  for (; *at != '-'; at++) {
    int value = base64_value (*at);

    if (value < 0)
      return decode_fail (error, *at == '\0' ? "a shift is not ended" : "a character that is not base64");
    bits = bits << 6 | (guint32) value;
    n_bits += 6;
    if (n_bits < 16)
      continue;
    n_bits -= 16;
    if (!decode_unit (utf8, (guint16) (bits >> n_bits), &high, error))
      return FALSE;
    bits &= (1u << n_bits) - 1;
  }
  if (high != 0)
    return decode_fail (error, "a surrogate without its other half");
  if (n_bits >= 6 || bits != 0)
    return decode_fail (error, "base64 ends within a character");
  *wire = at + 1;
  return TRUE;
}

char *
cf_utf7_decode (const char *wire, GError **error)
{
  g_autoptr (GString) utf8 = g_string_sized_new (strlen (wire));
  const char *shift_end = NULL;

  if (!g_utf8_validate (wire, -1, NULL)) {
    decode_fail (error, "octets that are not UTF-8 either");
    return NULL;
  }

  while (*wire != '\0') {
    if (*wire != '&') {
      g_string_append_c (utf8, *wire++);
    } else if (wire[1] == '-') {
      g_string_append_c (utf8, '&');
      wire += 2;
    } else if (wire == shift_end) {
      decode_fail (error, "a shift right behind another");
      return NULL;
    } else {
      wire++;
      if (!decode_shift (utf8, &wire, error))
        return NULL;
      shift_end = wire;
    }
  }
  return g_string_free (g_steal_pointer (&utf8), FALSE);
}
