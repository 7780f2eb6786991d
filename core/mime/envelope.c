/* core/mime/envelope.c - ENVELOPE (RFC 3501, 7.4.2).
 *
 * Everything is raw: unfolded, but RFC 2047 words as they stand. A field that occurs several times counts
 * once, except that the addresses of all of them are listed. An address without a host, which IMAP would take
 * for a group, has the empty string as host; so has a tel: URI. A sip: URI is cut at its "@", so that a
 * client that puts the two together again gets the URI.
 */
#include "mime/envelope.h"
#include "mime/mail-address.h"
#include "mime/header.h"
#include "mime/wire.h"

#include <string.h>

enum {
  DATE,
  SUBJECT,
  IN_REPLY_TO,
  MESSAGE_ID,
  N_TEXTS,
};

static const char *const text_names[N_TEXTS] = { "Date", "Subject", "In-Reply-To", "Message-ID" };

static void
append_mailbox (GString *out, const CfMailAddress *address)
{
  g_autofree char *mailbox = g_strdup (address->mailbox);
  const char *host = address->host != NULL ? address->host : "";

  if (address->kind == CF_MAIL_ADDRESS_URI) {
    char *at = strchr (mailbox, '@');

    if (at != NULL) {
      *at = '\0';
      host = at + 1;
    }
  }
  cf_wire_nstring (out, mailbox);
  g_string_append_c (out, ' ');
  cf_wire_nstring (out, host);
}

static void
append_list (GString *out, const GPtrArray *addresses)
{
  if (addresses->len == 0) {
    g_string_append (out, "NIL");
    return;
  }
  g_string_append_c (out, '(');
  for (guint i = 0; i < addresses->len; i++) {
    const CfMailAddress *address = g_ptr_array_index (addresses, i);

    g_string_append_c (out, '(');
    cf_wire_nstring (out, address->name);
    g_string_append (out, " NIL ");
    if (address->kind == CF_MAIL_ADDRESS_GROUP_BEGIN || address->kind == CF_MAIL_ADDRESS_GROUP_END) {
      cf_wire_nstring (out, address->mailbox);
      g_string_append (out, " NIL");
    } else {
      append_mailbox (out, address);
    }
    g_string_append_c (out, ')');
  }
  g_string_append_c (out, ')');
}

static void
take_field (const CfHeaderLine *line, char **texts, GPtrArray **lists)
{
  for (guint i = 0; i < N_TEXTS; i++)
    if (texts[i] == NULL && cf_header_is (line, text_names[i]))
      texts[i] = cf_header_unfold (line->value, line->value_length);
  for (guint i = 0; i < CF_MAIL_ADDRESS_N_ROLES; i++) {
    if (cf_header_is (line, cf_mail_address_fields[i])) {
      g_autofree char *value = cf_header_unfold (line->value, line->value_length);

      cf_mail_address_parse (value, lists[i]);
    }
  }
}

char *
cf_envelope_new (const guint8 *block, gsize length, gsize *out_length)
{
  GString *out = g_string_new ("(");
  char *texts[N_TEXTS] = { NULL };
  GPtrArray *lists[CF_MAIL_ADDRESS_N_ROLES];
  CfHeaderLine line;
  gsize at = 0;

  for (guint i = 0; i < CF_MAIL_ADDRESS_N_ROLES; i++)
    lists[i] = cf_mail_address_list_new ();
  while (cf_header_next (block, length, &at, &line))
    take_field (&line, texts, lists);

  cf_wire_nstring (out, texts[DATE]);
  g_string_append_c (out, ' ');
  cf_wire_nstring (out, texts[SUBJECT]);
  for (guint i = 0; i < CF_MAIL_ADDRESS_N_ROLES; i++) {
    gboolean is_from = (i == CF_ADDRESS_SENDER || i == CF_ADDRESS_REPLY_TO) && lists[i]->len == 0;

    g_string_append_c (out, ' ');
    append_list (out, lists[is_from ? CF_ADDRESS_FROM : i]);
  }
  g_string_append_c (out, ' ');
  cf_wire_nstring (out, texts[IN_REPLY_TO]);
  g_string_append_c (out, ' ');
  cf_wire_nstring (out, texts[MESSAGE_ID]);
  g_string_append_c (out, ')');

  for (guint i = 0; i < CF_MAIL_ADDRESS_N_ROLES; i++)
    g_ptr_array_unref (lists[i]);
  for (guint i = 0; i < N_TEXTS; i++)
    g_free (texts[i]);
  *out_length = out->len;
  return g_string_free (out, FALSE);
}
