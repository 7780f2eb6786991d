/* storage-postgresql/facts.c - what is known of a content: the encoded facts, and the same as columns. */
#include "store.h"

#include <string.h>

/* Texts of facts that are "raw" may be no UTF-8, which would fail a whole batch. */
static void
facts_element_text (Params *params, const char *text)
{
  g_autofree char *valid = NULL;

  if (text != NULL && !g_utf8_validate (text, -1, NULL))
    text = valid = g_utf8_make_valid (text, -1);
  params_element_text (params, text);
}

/* ---- Columns of content ------------------------------------------------------------------------------- */

/* A header may have any octets, and g_utf8_strdown() reads on behind a character that is cut off. */
static char *
facts_dup_domain (const char *host)
{
  g_autofree char *valid = g_utf8_make_valid (host, -1);

  return g_utf8_strdown (valid, -1);
}

/* local-part@domain with the domain in lower case; a URI, which has no host, as it is. */
static char *
facts_dup_address (const CfAddress *address)
{
  g_autofree char *host = NULL;

  if (address->host == NULL)
    return g_strdup (address->mailbox);
  host = facts_dup_domain (address->host);
  return g_strconcat (address->mailbox, "@", host, NULL);
}

static char *
facts_dup_from (const CfFacts *facts)
{
  for (guint i = 0; i < cf_facts_get_n_addresses (facts); i++) {
    const CfAddress *address = cf_facts_get_address (facts, i);

    if (address->role == CF_ADDRESS_FROM && address->mailbox != NULL)
      return facts_dup_address (address);
  }
  return NULL;
}

/* The first field of that name; NULL when there is none. */
static const char *
facts_get_field (const CfFacts *facts, const char *name)
{
  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++) {
    const CfHeaderField *field = cf_facts_get_header (facts, i);

    if (g_ascii_strcasecmp (field->name, name) == 0)
      return field->value;
  }
  return NULL;
}

void
facts_add_columns (Params *params, CfFacts *facts)
{
  const char *imdn = facts_get_field (facts, "IMDN-Message-ID");
  g_autofree char *from = facts_dup_from (facts);
  gint64 date;
  gint zone;

  if (cf_facts_get_date (facts, &date, &zone)) {
    params_int8 (params, date);
    params_int2 (params, (gint16) zone);
  } else {
    params_null (params);
    params_null (params);
  }
  params_copied_text (params, from);
  params_text (params, cf_facts_get_subject (facts));
  params_text (params, cf_facts_get_message_id (facts));
  params_text (params, facts_get_field (facts, "Conversation-ID"));
  params_text (params, facts_get_field (facts, "Contribution-ID"));
  params_text (params, facts_get_field (facts, "InReplyTo-Contribution-ID"));
  params_text (params, imdn != NULL ? imdn : facts_get_field (facts, "imdn.Message-ID"));
  params_text (params, cf_facts_get_preview (facts));
}

/* ---- Tables below it ---------------------------------------------------------------------------------- */

/* The looked-up name that @field has, or NULL. */
static const char *
facts_get_lookup_name (const CfHeaderField *field)
{
  for (guint i = 0; search_lookup_names[i] != NULL; i++)
    if (g_ascii_strcasecmp (field->name, search_lookup_names[i]) == 0)
      return search_lookup_names[i];
  return NULL;
}

static void
facts_add_lookups (Params *params, const CfFacts *facts)
{
  guint n = cf_facts_get_n_headers (facts);

  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++) {
    const char *name = facts_get_lookup_name (cf_facts_get_header (facts, i));

    if (name != NULL)
      params_element_text (params, name);
  }
  params_array_end (params);
  params_array_begin (params, TYPE_INT4);
  for (guint i = 0; i < n; i++) {
    if (facts_get_lookup_name (cf_facts_get_header (facts, i)) != NULL)
      params_element_int4 (params, (gint32) i);
  }
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++) {
    const CfHeaderField *field = cf_facts_get_header (facts, i);

    if (facts_get_lookup_name (field) != NULL)
      params_element_text (params, field->value);
  }
  params_array_end (params);
}

/* Groups of addresses have members without a mailbox at their ends (RFC 3501, 7.4.2). */
static const CfAddress *
facts_get_address (const CfFacts *facts, guint i)
{
  const CfAddress *address = cf_facts_get_address (facts, i);

  return address->mailbox != NULL ? address : NULL;
}

static void
facts_add_addresses (Params *params, const CfFacts *facts)
{
  static const char *const roles[] = {
    [CF_ADDRESS_FROM] = "from", [CF_ADDRESS_SENDER] = "sender", [CF_ADDRESS_REPLY_TO] = "reply-to",
    [CF_ADDRESS_TO] = "to",     [CF_ADDRESS_CC] = "cc",         [CF_ADDRESS_BCC] = "bcc",
  };
  guint n = cf_facts_get_n_addresses (facts);
  const CfAddress *address;

  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    if ((address = facts_get_address (facts, i)) != NULL)
      params_element_text (params, roles[address->role]);
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    if ((address = facts_get_address (facts, i)) != NULL)
      facts_element_text (params, address->name);
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++) {
    if ((address = facts_get_address (facts, i)) != NULL) {
      g_autofree char *text = facts_dup_address (address);

      facts_element_text (params, text);
    }
  }
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++) {
    if ((address = facts_get_address (facts, i)) != NULL) {
      g_autofree char *domain = address->host != NULL ? facts_dup_domain (address->host) : NULL;

      facts_element_text (params, domain);
    }
  }
  params_array_end (params);
}

typedef enum {
  PART_TEXT,
  PART_NUMBER,
} PartColumnType;

/* The columns of content_part from type on, in the order of coffer.facts_add(). */
static const struct {
  PartColumnType type;
  gsize offset;
} part_columns[] = {
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, type) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, subtype) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, charset) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, encoding) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, disposition) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, filename) },
  { PART_TEXT, G_STRUCT_OFFSET (CfPart, content_id) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, header_offset) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, header_length) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, body_offset) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, body_length) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, inner_header_length) },
  { PART_NUMBER, G_STRUCT_OFFSET (CfPart, decoded_length) },
};

static void
facts_add_parts (Params *params, const CfFacts *facts)
{
  static const char *const kinds[]
      = { [CF_PART_LEAF] = "leaf", [CF_PART_MULTIPART] = "multipart", [CF_PART_MESSAGE] = "message" };
  guint n = cf_facts_get_n_parts (facts);

  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, cf_facts_get_part (facts, i)->path);
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  for (guint i = 0; i < n; i++)
    params_element_text (params, kinds[cf_facts_get_part (facts, i)->kind]);
  params_array_end (params);
  params_array_begin (params, TYPE_INT4);
  for (guint i = 0; i < n; i++)
    params_element_int4 (params, cf_facts_get_part (facts, i)->parent);
  params_array_end (params);
  for (guint c = 0; c < G_N_ELEMENTS (part_columns); c++) {
    params_array_begin (params, part_columns[c].type == PART_TEXT ? TYPE_TEXT : TYPE_INT8);
    for (guint i = 0; i < n; i++) {
      const CfPart *part = cf_facts_get_part (facts, i);

      if (part_columns[c].type == PART_TEXT)
        facts_element_text (params, G_STRUCT_MEMBER (const char *, part, part_columns[c].offset));
      else
        params_element_int8 (params, (gint64) G_STRUCT_MEMBER (guint64, part, part_columns[c].offset));
    }
    params_array_end (params);
  }
}

void
facts_send (Pg *pg, CfAccountId account, CfContentId content, CfFacts *facts)
{
  Params *params = pg_params (pg);

  params_int8 (params, (gint64) account);
  params_int8 (params, (gint64) content);
  params_bytes (params, cf_facts_get_encoded (facts));
  facts_add_lookups (params, facts);
  facts_add_addresses (params, facts);
  facts_add_parts (params, facts);
  pg_send (pg, STATEMENT_FACTS_ADD, NULL, NULL);
}

gboolean
slot_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                   CfFacts *facts, GError **error)
{
  Params *params;

  if (!pg_begin (conn->pg, call, PG_WRITE_LAX, error))
    return FALSE;
  params = pg_params (conn->pg);
  params_int8 (params, (gint64) account);
  params_int8 (params, (gint64) content);
  facts_add_columns (params, facts);
  pg_send (conn->pg, STATEMENT_CONTENT_RENEW, NULL, NULL);
  facts_send (conn->pg, account, content, facts);
  return pg_run (conn->pg, error);
}
