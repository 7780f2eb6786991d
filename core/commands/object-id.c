/* core/commands/object-id.c - identifiers of mailboxes, contents and threads (object-id.h), and the data
 * items and search keys that show them. */
#include "commands/object-id.h"

#include <string.h>

#include "commands/commands.h"

/* Octets of the hash that a thread's identifier shows. */
#define THREAD_OCTETS 16
/* RFC 8474, 7: objectid. */
#define OBJECT_ID_MAX 255

void
cf_object_id_of_mailbox (guint32 uid_validity, char out_id[CF_OBJECT_ID_SIZE])
{
  g_snprintf (out_id, CF_OBJECT_ID_SIZE, "F%u", uid_validity);
}

void
cf_object_id_of_content (CfContentId content, char out_id[CF_OBJECT_ID_SIZE])
{
  g_snprintf (out_id, CF_OBJECT_ID_SIZE, "M%" G_GUINT64_FORMAT, content);
}

/* ---- Threads ---- */

/* The first field @name that has something to say. */
static const char *
facts_get_field (const CfFacts *facts, const char *name)
{
  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++) {
    const CfHeaderField *field = cf_facts_get_header (facts, i);

    if (field->value[0] != '\0' && g_ascii_strcasecmp (field->name, name) == 0)
      return field->value;
  }
  return NULL;
}

/* The first "<...>" of @value, the brackets included; NULL: there is none. */
static char *
dup_first_message_id (const char *value)
{
  const char *begin = value != NULL ? strchr (value, '<') : NULL;
  const char *end = begin != NULL ? strchr (begin, '>') : NULL;

  return end != NULL && end > begin + 1 ? g_strndup (begin, (gsize) (end - begin) + 1) : NULL;
}

/* What names the thread; no Conversation-ID is taken for a message's. */
static char *
facts_dup_thread (const CfFacts *facts)
{
  static const char *const names[] = { "References", "In-Reply-To", "Message-ID" };
  const char *conversation = facts_get_field (facts, "Conversation-ID");

  if (conversation != NULL)
    return g_strconcat ("conversation ", conversation, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    char *id = dup_first_message_id (facts_get_field (facts, names[i]));

    if (id != NULL)
      return id;
  }
  return NULL;
}

gboolean
cf_object_id_of_thread (const CfFacts *facts, char out_id[CF_OBJECT_ID_SIZE])
{
  g_autofree char *thread = facts_dup_thread (facts);
  g_autofree char *hash = NULL;

  if (thread == NULL)
    return FALSE;
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, thread, -1);
  g_snprintf (out_id, CF_OBJECT_ID_SIZE, "T%.*s", 2 * THREAD_OCTETS, hash);
  return TRUE;
}

/* ---- Data items ---- */

static gboolean
emailid_emit (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  CfContentId content = cf_message_get_row (message)->content;
  char id[CF_OBJECT_ID_SIZE];

  if (content == 0) { /* expunged, and nothing is known of it any more */
    g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged");
    return FALSE;
  }
  cf_object_id_of_content (content, id);
  cf_output_printf (output, "(%s)", id);
  return TRUE;
}

static gboolean
threadid_emit (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  char id[CF_OBJECT_ID_SIZE];

  if (cf_object_id_of_thread (cf_message_get_facts (message), id))
    cf_output_printf (output, "(%s)", id);
  else
    cf_output_text (output, "NIL");
  return TRUE;
}

static void
mailboxid_emit (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  char id[CF_OBJECT_ID_SIZE];

  cf_object_id_of_mailbox (status->uid_validity, id);
  cf_output_printf (output, "(%s)", id);
}

static const CfItem items[] = {
  { .kind = CF_ITEM_FETCH, .name = "EMAILID", .emit = emailid_emit },
  { .kind = CF_ITEM_FETCH, .name = "THREADID", .needs = CF_NEED_FACTS, .emit = threadid_emit },
  { .kind = CF_ITEM_STATUS, .name = "MAILBOXID", .emit_status = mailboxid_emit },
};

/* ---- Search keys ---- */

static CfSearchNode *
object_id_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autofree char *id = NULL;
  CfSearchNode *node;

  if (!cf_input_space (input, error) || !cf_input_atom (input, &id, error))
    return NULL;
  if (strlen (id) > OBJECT_ID_MAX
      || strspn (id, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-") != strlen (id)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "That is no object identifier");
    return NULL;
  }
  node = cf_search_node_new (CF_SEARCH_MODULE);
  node->text = g_steal_pointer (&id);
  return node;
}

static gboolean
emailid_match (CfMessage *message, const CfSearchNode *node)
{
  CfContentId content = cf_message_get_row (message)->content;
  char id[CF_OBJECT_ID_SIZE];

  cf_object_id_of_content (content, id);
  return content != 0 && g_str_equal (id, node->text);
}

static gboolean
threadid_match (CfMessage *message, const CfSearchNode *node)
{
  char id[CF_OBJECT_ID_SIZE];

  return cf_object_id_of_thread (cf_message_get_facts (message), id) && g_str_equal (id, node->text);
}

static const CfSearchKey keys[] = {
  { "EMAILID", object_id_parse, CF_NEED_ROW, emailid_match },
  { "THREADID", object_id_parse, CF_NEED_FACTS, threadid_match },
};

gboolean
cf_object_id_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error)
         && cf_registrar_add_search_keys (registrar, keys, error);
}
