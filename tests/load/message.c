/* tests/load/message.c - messages made from their serial number (message.h).
 *
 * The header field X-Checker has the serial, and the length and a checksum of what follows the header; a body
 * that is fetched whole is judged by these, and octet by octet by making the message again.
 */
#include "message.h"

#include <stdio.h>
#include <string.h>

#include "checker.h"

static const char months[12][4]
    = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

static GRand *
serial_rand (guint64 serial)
{
  const guint32 seed[] = { (guint32) serial, (guint32) (serial >> 32), (guint32) options.seed };

  return g_rand_new_with_seed_array (seed, G_N_ELEMENTS (seed));
}

/* Mostly short; a few are large enough for parts to be kept apart. */
static gsize
draw_size (GRand *rand)
{
  int kind = g_rand_int_range (rand, 0, 100);

  if (kind < 75)
    return g_rand_int_range (rand, 0, 2000);
  return kind < 98 ? g_rand_int_range (rand, 2000, 20000) : g_rand_int_range (rand, 60000, 120000);
}

static void
append_text (GString *out, GRand *rand, gsize length)
{
  static const char words[] = "abcdefghijklmnopqrstuvwxyz  ABCDEFGHIJ 0123456789.()*{}\\\"%";
  gsize end = out->len + length;
  guint column = 0;

  while (out->len < end) {
    if (column++ >= 70 && end - out->len >= 2) {
      g_string_append (out, "\r\n");
      column = 0;
    } else {
      g_string_append_c (out, words[g_rand_int_range (rand, 0, sizeof words - 1)]);
    }
  }
}

static void
append_base64 (GString *out, const GByteArray *data)
{
  g_autofree char *text = g_base64_encode (data->data, data->len);
  gsize length = strlen (text);

  for (gsize i = 0; i < length; i += 76) {
    g_string_append_len (out, text + i, MIN (76, length - i));
    if (i + 76 < length)
      g_string_append (out, "\r\n");
  }
}

static void
append_multipart (Message *message, GString *text, GRand *rand, guint64 serial)
{
  gsize length = draw_size (rand) + 1;

  g_string_append_printf (text, "--=_%" G_GUINT64_FORMAT "\r\nContent-Type: text/plain\r\n\r\n", serial);
  message->parts = 2;
  message->part_offset[0] = text->len;
  append_text (text, rand, draw_size (rand));
  message->part_length[0] = text->len - message->part_offset[0];
  g_string_append_printf (text,
                          "\r\n--=_%" G_GUINT64_FORMAT "\r\nContent-Type: application/octet-stream\r\n"
                          "Content-Transfer-Encoding: base64\r\n\r\n",
                          serial);
  g_byte_array_set_size (message->decoded, length);
  for (gsize i = 0; i < length; i++)
    message->decoded->data[i] = (guint8) g_rand_int_range (rand, 0, 256);
  message->part_offset[1] = text->len;
  append_base64 (text, message->decoded);
  message->part_length[1] = text->len - message->part_offset[1];
  g_string_append_printf (text, "\r\n--=_%" G_GUINT64_FORMAT "--\r\n", serial);
}

static guint32
checksum (const char *data, gsize length)
{
  guint32 sum = 2166136261u; /* FNV-1a */

  for (gsize i = 0; i < length; i++)
    sum = (sum ^ (guint8) data[i]) * 16777619u;
  return sum;
}

Message *
message_new (guint64 serial)
{
  Message *self = g_new0 (Message, 1);
  g_autoptr (GRand) rand = serial_rand (serial);
  g_autoptr (GString) text = g_string_new (NULL);
  gboolean multipart = g_rand_int_range (rand, 0, 3) == 0;

  self->decoded = g_byte_array_new ();
  if (multipart) {
    append_multipart (self, text, rand, serial);
  } else {
    self->parts = 1;
    append_text (text, rand, draw_size (rand));
    self->part_length[0] = text->len;
  }
  self->octets = g_string_new (NULL);
  g_string_printf (self->octets,
                   "From: Checker <checker@example.org>\r\nTo: \"The %c List\" <list@example.org>\r\n"
                   "Subject: serial %" G_GUINT64_FORMAT "\r\nDate: Tue, %02u Jan 2019 10:11:12 +0000\r\n"
                   "Message-ID: <%" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT "@checker>\r\n"
                   "X-Checker: serial=%" G_GUINT64_FORMAT " length=%" G_GSIZE_FORMAT " sum=%08x\r\n"
                   "MIME-Version: 1.0\r\n",
                   (int) ('A' + serial % 26), serial, (guint) (serial % 28) + 1, serial, options.seed, serial,
                   text->len, checksum (text->str, text->len));
  if (multipart)
    g_string_append_printf (
        self->octets, "Content-Type: multipart/mixed; boundary=\"=_%" G_GUINT64_FORMAT "\"\r\n\r\n", serial);
  else
    g_string_append (self->octets, "Content-Type: text/plain; charset=us-ascii\r\n\r\n");
  self->header_length = self->octets->len;
  for (guint i = 0; i < self->parts; i++)
    self->part_offset[i] += self->header_length;
  g_string_append_len (self->octets, text->str, text->len);
  return self;
}

void
message_free (Message *self)
{
  g_string_free (self->octets, TRUE);
  g_byte_array_unref (self->decoded);
  g_free (self);
}

gsize
message_get_size (guint64 serial)
{
  g_autoptr (Message) message = message_new (serial);

  return message->octets->len;
}

char *
message_dup_date (guint64 serial)
{
  static const char *const zones[] = { "+0000", "+0200", "-0730", "+1245" };

  if (serial % 4 == 0)
    return NULL;
  return g_strdup_printf ("%2u-%s-%u %02u:%02u:%02u %s", (guint) (serial % 28) + 1, months[serial % 12],
                          (guint) (1990 + serial % 40), (guint) (serial % 24), (guint) (serial % 60),
                          (guint) (serial / 60 % 60), zones[serial / 4 % 4]);
}

gint64
message_parse_date (const char *text, gsize length)
{
  g_autofree char *copy = g_strndup (text, length);
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) date = NULL;
  int day, year, hour, minute, second, zone, month = 0;
  char name[4], sign;

  if (sscanf (copy, "%2d-%3s-%4d %2d:%2d:%2d %c%4d", &day, name, &year, &hour, &minute, &second, &sign, &zone)
      != 8)
    return -1;
  while (month < 12 && g_ascii_strcasecmp (months[month], name) != 0)
    month++;
  date = month < 12 ? g_date_time_new (utc, year, month + 1, day, hour, minute, second) : NULL;
  if (date == NULL)
    return -1;
  zone = (zone / 100 * 60 + zone % 100) * 60;
  return g_date_time_to_unix (date) - (sign == '-' ? -zone : zone);
}

guint64
message_find_serial (const char *text, gsize length)
{
  static const char *const marks[] = { "X-Checker: serial=", "Subject: serial ", "\"serial " };

  for (guint i = 0; i < G_N_ELEMENTS (marks); i++) {
    const char *found = memmem (text, length, marks[i], strlen (marks[i]));

    if (found != NULL)
      return g_ascii_strtoull (found + strlen (marks[i]), NULL, 10);
  }
  return 0;
}

/* ---- FETCH items ---- */

/* The octets that @section names, without copying. FALSE: this file does not know what it would be. */
static gboolean
find_section (const Message *message, const char *section, const char **out_data, gsize *out_length)
{
  const char *octets = message->octets->str;
  guint part;

  if (g_str_equal (section, "BODY[]") || g_str_equal (section, "RFC822")) {
    *out_data = octets;
    *out_length = message->octets->len;
  } else if (g_str_equal (section, "BODY[HEADER]") || g_str_equal (section, "RFC822.HEADER")) {
    *out_data = octets;
    *out_length = message->header_length;
  } else if (g_str_equal (section, "BODY[TEXT]") || g_str_equal (section, "RFC822.TEXT")) {
    *out_data = octets + message->header_length;
    *out_length = message->octets->len - message->header_length;
  } else if (sscanf (section, "BODY[%u]", &part) == 1 || sscanf (section, "BINARY[%u]", &part) == 1) {
    if (part == 0 || part > message->parts)
      return FALSE;
    *out_data = octets + message->part_offset[part - 1];
    *out_length = message->part_length[part - 1];
    if (part == 2 && g_str_has_prefix (section, "BINARY")) {
      *out_data = (const char *) message->decoded->data;
      *out_length = message->decoded->len;
    }
  } else {
    return FALSE;
  }
  return TRUE;
}

static char *
compare (const char *label, const Value *value, const char *wanted, gsize length)
{
  gsize at = 0;

  if (value->kind != VALUE_STRING && !(value->kind == VALUE_NIL && length == 0))
    return g_strdup_printf ("%s is no string", label);
  if (value->kind == VALUE_NIL || (value->length == length && memcmp (value->data, wanted, length) == 0))
    return NULL;
  while (at < length && at < value->length && value->data[at] == wanted[at])
    at++;
  return g_strdup_printf ("%s has %" G_GSIZE_FORMAT " octets, wanted %" G_GSIZE_FORMAT
                          "; the first wrong one is %" G_GSIZE_FORMAT,
                          label, value->length, length, at);
}

/* What the message says of itself in its own header. */
static char *
check_sum (const Message *message, const Value *value)
{
  g_autofree char *head = g_strndup (value->data, MIN (value->length, message->header_length));
  const char *field = strstr (head, "X-Checker: ");
  guint64 serial, length;
  guint sum;

  if (field == NULL
      || sscanf (field, "X-Checker: serial=%" G_GUINT64_FORMAT " length=%" G_GUINT64_FORMAT " sum=%x",
                 &serial, &length, &sum)
             != 3)
    return g_strdup ("the message has no X-Checker field");
  if (value->length - message->header_length != length
      || checksum (value->data + message->header_length, length) != sum)
    return g_strdup ("the text has not the length and checksum that the header tells");
  return NULL;
}

static char *
check_number (const char *label, const Value *value, gsize wanted)
{
  guint64 number;

  if (value_get_number (value, &number) && number == wanted)
    return NULL;
  return g_strdup_printf ("%s is %.*s, wanted %" G_GSIZE_FORMAT, label, (int) value->length, value->data,
                          wanted);
}

static char *
check_date (guint64 serial, const Value *value)
{
  g_autofree char *date = message_dup_date (serial);

  if (value->kind != VALUE_STRING || message_parse_date (value->data, value->length) < 0)
    return g_strdup ("INTERNALDATE is no date-time");
  if (date == NULL
      || message_parse_date (date, strlen (date)) == message_parse_date (value->data, value->length))
    return NULL;
  return g_strdup_printf ("INTERNALDATE is %.*s, was appended as %s", (int) value->length, value->data, date);
}

/* RFC 3501, 7.4.2. */
static char *
check_envelope (guint64 serial, const Value *value)
{
  static const char from[] = "((\"Checker\" NIL \"checker\" \"example.org\"))";
  g_autofree char *wanted_text = g_strdup_printf (
      "(\"Tue, %02u Jan 2019 10:11:12 +0000\" \"serial %" G_GUINT64_FORMAT
      "\" %s %s %s ((\"The %c List\" NIL \"list\" \"example.org\")) NIL NIL NIL \"<%" G_GUINT64_FORMAT
      ".%" G_GUINT64_FORMAT "@checker>\")",
      (guint) (serial % 28) + 1, serial, from, from, from, (int) ('A' + serial % 26), serial, options.seed);
  g_autofree char *wrong = NULL;
  g_autoptr (Value) wanted = response_parse (wanted_text, strlen (wanted_text), &wrong);

  if (value_equal (value, value_get (wanted, 0)))
    return NULL;
  return g_strdup_printf ("ENVELOPE is %.*s, wanted %s", (int) value->raw_length, value->raw, wanted_text);
}

/* The octets of each part, as BODY and BODYSTRUCTURE tell them (RFC 3501, 7.4.2). */
static char *
check_structure (const Message *message, const char *label, const Value *value)
{
  for (guint i = 0; i < message->parts; i++) {
    const Value *part = message->parts == 1 ? value : value_get (value, i);
    g_autofree char *name = g_strdup_printf ("%s of part %u", label, i + 1);

    if (part == NULL || part->kind != VALUE_LIST || value_get (part, 6) == NULL)
      return g_strdup_printf ("%s is no list of seven fields", name);
    char *wrong = check_number (name, value_get (part, 6), message->part_length[i]);
    if (wrong != NULL)
      return wrong;
  }
  return NULL;
}

char *
message_check_item (guint64 serial, const char *name, gsize name_length, const Value *value, gsize partial)
{
  g_autofree char *label = g_ascii_strup (name, name_length);
  g_autofree char *section = g_strdup (label);
  g_autoptr (Message) message = message_new (serial);
  char *origin = strrchr (section, '<');
  const char *data;
  gsize length, start = 0;
  char *wrong;

  if (g_str_equal (label, "RFC822.SIZE"))
    return check_number (label, value, message->octets->len);
  if (g_str_equal (label, "BINARY.SIZE[2]"))
    return check_number (label, value, message->decoded->len);
  if (g_str_equal (label, "BINARY.SIZE[1]"))
    return check_number (label, value, message->part_length[0]);
  if (g_str_equal (label, "INTERNALDATE"))
    return check_date (serial, value);
  if (g_str_equal (label, "ENVELOPE"))
    return check_envelope (serial, value);
  if (g_str_equal (label, "BODY") || g_str_equal (label, "BODYSTRUCTURE"))
    return check_structure (message, label, value);
  if (origin != NULL) {
    start = g_ascii_strtoull (origin + 1, NULL, 10);
    *origin = '\0';
  }
  if (!find_section (message, section, &data, &length))
    return NULL;
  start = MIN (start, length);
  if (origin != NULL)
    return compare (label, value, data + start, MIN (partial, length - start));
  wrong = compare (label, value, data, length);
  if (wrong == NULL && g_str_equal (section, "BODY[]"))
    wrong = check_sum (message, value);
  return wrong;
}
