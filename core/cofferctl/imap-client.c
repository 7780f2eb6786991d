/* core/cofferctl/imap-client.c - an IMAP client (imap-client.h).
 *
 * It speaks to Coffer alone, and so relies on LITERAL+ (RFC 7888), MULTIAPPEND (RFC 3502) and BINARY (RFC
 * 3516).
 */
#include "cofferctl/imap-client.h"

#include <gio/gio.h>
#include <string.h>

#include "imap/utf7.h"

struct _CtlImap {
  CtlConnection *connection; /* borrowed */
  guint tag;
  guint64 append_limit;
};

/* ---- Responses ---- */

typedef struct {
  GString *text; /* of all its lines, with "{n}" where a literal is */
  GPtrArray *literals;
} Response;

static void
response_clear (Response *response)
{
  if (response->text != NULL)
    g_string_free (response->text, TRUE);
  g_clear_pointer (&response->literals, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Response, response_clear)

static gboolean
fail_lost (GError **error, const char *text)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "%s", text);
  return FALSE;
}

/* Whether @text ends with a literal's announcement. */
static gboolean
ends_with_literal (const GString *text, guint64 *out_length)
{
  const char *brace = text->len > 2 && text->str[text->len - 1] == '}' ? strrchr (text->str, '{') : NULL;
  char *end;

  if (brace == NULL || !g_ascii_isdigit (brace[1]))
    return FALSE;
  *out_length = g_ascii_strtoull (brace + 1, &end, 10);
  return end == text->str + text->len - 1;
}

static gboolean
response_read (CtlImap *imap, Response *response, GError **error)
{
  g_autoptr (GError) local = NULL;
  guint64 length;

  response->text = g_string_new (NULL);
  response->literals = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  for (;;) {
    g_autofree char *line = ctl_connection_read_line (imap->connection, &local);

    if (line == NULL)
      return fail_lost (error, local->message);
    g_string_append (response->text, line);
    if (!ends_with_literal (response->text, &length))
      return TRUE;

    char *octets = length <= G_MAXSSIZE ? g_try_malloc (MAX (length, 1)) : NULL;
    if (octets == NULL)
      return fail_lost (error, "A message is too large for this machine's memory");
    g_ptr_array_add (response->literals, g_bytes_new_take (octets, length));
    if (!ctl_connection_read (imap->connection, octets, length, &local))
      return fail_lost (error, local->message);
  }
}

static const struct {
  const char *name;
  CfError code;
} response_codes[] = {
  { "TOOBIG", CF_ERROR_TOOBIG },       { "ALREADYEXISTS", CF_ERROR_ALREADYEXISTS },
  { "LIMIT", CF_ERROR_LIMIT },         { "NONEXISTENT", CF_ERROR_NONEXISTENT },
  { "OVERQUOTA", CF_ERROR_OVERQUOTA }, { "UNAVAILABLE", CF_ERROR_UNAVAILABLE },
};

/* @text is what stands behind the tag. */
static gboolean
check_tagged (const char *text, GError **error)
{
  gint code = g_str_has_prefix (text, "BAD") ? CF_ERROR_BAD : CF_ERROR_NO;
  const char *said = strchr (text, ' ');

  if (g_str_has_prefix (text, "OK"))
    return TRUE;
  said = said != NULL ? said + 1 : text;
  if (*said == '[') {
    for (gsize i = 0; i < G_N_ELEMENTS (response_codes); i++)
      if (g_str_has_prefix (said + 1, response_codes[i].name))
        code = response_codes[i].code;
    said = strchr (said, ']') != NULL ? strchr (said, ']') + 1 : said;
    said += strspn (said, " ");
  }
  g_set_error (error, CF_ERROR, code, "%s", said);
  return FALSE;
}

static gboolean
take_untagged (const Response *response, CtlImapFunc func, gpointer user_data, GError **error)
{
  g_autoptr (GPtrArray) values = NULL;
  const char *text = response->text->str + 2;

  if (g_str_has_prefix (text, "BYE"))
    return fail_lost (error, text);
  /* Text for people need not be well formed. */
  if (func == NULL || g_str_has_prefix (text, "NO ") || g_str_has_prefix (text, "BAD "))
    return TRUE;
  values = ctl_value_parse (text, response->literals);
  return values == NULL || func (values, user_data, error);
}

/* Reads up to the tagged response of the last command. */
static gboolean
wait_for_end (CtlImap *imap, CtlImapFunc func, gpointer user_data, GError **error)
{
  g_autofree char *tag = g_strdup_printf ("c%u ", imap->tag);
  g_autoptr (GError) failure = NULL;

  for (;;) {
    g_auto (Response) response = { 0 };

    if (!response_read (imap, &response, error))
      return FALSE;
    if (g_str_has_prefix (response.text->str, tag)) {
      if (failure == NULL)
        return check_tagged (response.text->str + strlen (tag), error);
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
    if (failure != NULL || !g_str_has_prefix (response.text->str, "* "))
      continue;
    if (!take_untagged (&response, func, user_data, &failure) && failure->domain == G_IO_ERROR
        && failure->code == G_IO_ERROR_CONNECTION_CLOSED) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  }
}

/* ---- Commands ---- */

static gboolean
write_all (CtlImap *imap, const void *data, gsize length, GError **error)
{
  g_autoptr (GError) local = NULL;

  return ctl_connection_write (imap->connection, data, length, &local) || fail_lost (error, local->message);
}

gboolean
ctl_imap_command (CtlImap *imap, CtlImapFunc func, gpointer user_data, GError **error, const char *format,
                  ...)
{
  g_autoptr (GString) line = g_string_new (NULL);
  va_list args;

  g_string_printf (line, "c%u ", ++imap->tag);
  va_start (args, format);
  g_string_append_vprintf (line, format, args);
  va_end (args);
  g_string_append (line, "\r\n");
  return write_all (imap, line->str, line->len, error) && wait_for_end (imap, func, user_data, error);
}

static gboolean
take_append_limit (GPtrArray *values, gpointer user_data, GError **error)
{
  CtlImap *imap = user_data;

  for (guint i = 1; i < values->len; i++) {
    const char *text = ctl_value_get_text (values, i);

    if (text != NULL && g_str_has_prefix (text, "APPENDLIMIT="))
      imap->append_limit = g_ascii_strtoull (text + strlen ("APPENDLIMIT="), NULL, 10);
  }
  return TRUE;
}

CtlImap *
ctl_imap_open (CtlConnection *connection, const char *user, GError **error)
{
  const char *const words[] = { "imap", user, NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (connection, words, error);
  g_autoptr (CtlImap) imap = g_new0 (CtlImap, 1);
  g_auto (Response) greeting = { 0 };

  imap->connection = connection;
  imap->append_limit = G_MAXUINT64;
  if (lines == NULL || !response_read (imap, &greeting, error)
      || !ctl_imap_command (imap, take_append_limit, imap, error, "CAPABILITY"))
    return NULL;
  return g_steal_pointer (&imap);
}

void
ctl_imap_free (CtlImap *imap)
{
  g_free (imap);
}

guint64
ctl_imap_get_append_limit (CtlImap *imap)
{
  return imap->append_limit;
}

char *
ctl_imap_quote_mailbox (const char *name)
{
  g_autofree char *wire = cf_utf7_encode (name);
  GString *quoted = g_string_new ("\"");

  for (const char *c = wire; *c != '\0'; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_c (quoted, '\\');
    g_string_append_c (quoted, *c);
  }
  g_string_append_c (quoted, '"');
  return g_string_free (quoted, FALSE);
}

char *
ctl_imap_unquote_mailbox (const char *wire)
{
  return cf_utf7_decode (wire, NULL);
}

gboolean
ctl_imap_append (CtlImap *imap, const char *mailbox, GPtrArray *messages, GError **error)
{
  g_autofree char *name = ctl_imap_quote_mailbox (mailbox);
  g_autofree char *start = g_strdup_printf ("c%u APPEND %s", ++imap->tag, name);

  if (!write_all (imap, start, strlen (start), error))
    return FALSE;
  for (guint i = 0; i < messages->len; i++) {
    const CtlMessage *message = g_ptr_array_index (messages, i);
    g_autofree char *flags = ctl_message_dup_flags (message);
    g_autofree char *date = ctl_message_dup_date (message);
    gsize length;
    const char *octets = g_bytes_get_data (message->octets, &length);
    g_autofree char *head
        = g_strdup_printf (" (%s) \"%s\" %s{%" G_GSIZE_FORMAT "+}\r\n", flags, date,
                           length > 0 && memchr (octets, '\0', length) != NULL ? "~" : "", length);

    if (!write_all (imap, head, strlen (head), error) || !write_all (imap, octets, length, error))
      return FALSE;
  }
  return write_all (imap, "\r\n", 2, error) && wait_for_end (imap, NULL, NULL, error);
}

gboolean
ctl_imap_create (CtlImap *imap, const char *mailbox, GError **error)
{
  g_autofree char *name = ctl_imap_quote_mailbox (mailbox);
  g_autoptr (GError) local = NULL;

  if (g_ascii_strcasecmp (mailbox, "INBOX") == 0)
    return TRUE;
  if (ctl_imap_command (imap, NULL, NULL, &local, "CREATE %s", name))
    return ctl_imap_command (imap, NULL, NULL, error, "SUBSCRIBE %s", name);
  if (g_error_matches (local, CF_ERROR, CF_ERROR_ALREADYEXISTS))
    return TRUE;
  g_propagate_prefixed_error (error, g_steal_pointer (&local), "Mailbox '%s': ", mailbox);
  return FALSE;
}

static gboolean
take_list (GPtrArray *values, gpointer user_data, GError **error)
{
  const char *wire = values->len == 4 ? ctl_value_get_text (values, 3) : NULL;
  GPtrArray *attributes = ctl_value_get_list (values, 1);
  char *name;

  if (g_strcmp0 (ctl_value_get_text (values, 0), "LIST") != 0 || wire == NULL || attributes == NULL)
    return TRUE;
  for (guint i = 0; i < attributes->len; i++) {
    const char *attribute = ctl_value_get_text (attributes, i);

    if (attribute != NULL
        && (g_ascii_strcasecmp (attribute, "\\Noselect") == 0
            || g_ascii_strcasecmp (attribute, "\\NonExistent") == 0))
      return TRUE;
  }
  name = ctl_imap_unquote_mailbox (wire);
  if (name != NULL)
    g_ptr_array_add (user_data, name);
  return TRUE;
}

char **
ctl_imap_list (CtlImap *imap, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (!ctl_imap_command (imap, take_list, names, error, "LIST \"\" \"*\""))
    return NULL;
  g_ptr_array_add (names, NULL);
  g_ptr_array_set_free_func (names, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/* OK [UIDVALIDITY 7] ... */
static gboolean
take_uid_validity (GPtrArray *values, gpointer user_data, GError **error)
{
  const char *code = ctl_value_get_text (values, 1);

  if (code != NULL && g_str_has_prefix (code, "[UIDVALIDITY "))
    *(guint32 *) user_data = (guint32) g_ascii_strtoull (code + strlen ("[UIDVALIDITY "), NULL, 10);
  return TRUE;
}

gboolean
ctl_imap_examine (CtlImap *imap, const char *mailbox, guint32 *out_uid_validity, GError **error)
{
  g_autofree char *name = ctl_imap_quote_mailbox (mailbox);
  guint32 uid_validity = 0;

  if (!ctl_imap_command (imap, take_uid_validity, &uid_validity, error, "EXAMINE %s", name)) {
    g_prefix_error (error, "Mailbox '%s': ", mailbox);
    return FALSE;
  }
  if (out_uid_validity != NULL)
    *out_uid_validity = uid_validity;
  return TRUE;
}

gboolean
ctl_imap_is_fetch (GPtrArray *values, guint32 *out_uid, GPtrArray **out_items)
{
  GPtrArray *items = ctl_value_get_list (values, 2);
  CtlValue *uid;

  if (g_strcmp0 (ctl_value_get_text (values, 1), "FETCH") != 0 || items == NULL)
    return FALSE;
  uid = ctl_value_lookup (items, "UID");
  if (uid == NULL || uid->text == NULL)
    return FALSE;
  *out_uid = (guint32) g_ascii_strtoull (uid->text, NULL, 10);
  *out_items = items;
  return *out_uid != 0;
}
