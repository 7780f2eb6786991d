/* tests/load/message.h - messages made from their serial number, so that any octet of one can be told without
 * keeping it. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <glib.h>

#include "response.h"

typedef struct {
  GString *octets;
  gsize header_length; /* with the empty line */
  /* Of a multipart message the two parts' bodies; of another the text alone. */
  guint parts;
  gsize part_offset[2], part_length[2];
  GByteArray *decoded; /* the second part's content */
} Message;

Message *message_new (guint64 serial);
void message_free (Message *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Message, message_free)

gsize message_get_size (guint64 serial);

/* The date that APPEND gives a message, as date-time of RFC 3501, or NULL: none. */
char *message_dup_date (guint64 serial);

/* Seconds since the epoch of an IMAP date-time; -1: it is none. */
gint64 message_parse_date (const char *text, gsize length);

/* The serial number that @text tells in its X-Checker field or subject; 0: none. */
guint64 message_find_serial (const char *text, gsize length);

/* Holds a FETCH item against what the message has. @partial: octets asked for behind "<n>". NULL: right, or
 * nothing to compare with; else what is wrong (transfer full). */
char *message_check_item (guint64 serial, const char *label, gsize label_length, const Value *value,
                          gsize partial);

#endif
