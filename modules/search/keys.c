/* modules/search/keys.c - the search keys of RFC 3501, 6.4.4 (keys.h).
 *
 * A key reads its arguments and becomes a node of one of core's kinds; keys that the RFC defines by others
 * (NEW, UNSEEN) become those. Sequence sets and parentheses are core's own grammar.
 */
#include "keys.h"

#include <string.h>

static CfSearchNode *
node_number (CfSearchKind kind, guint64 number)
{
  CfSearchNode *node = cf_search_node_new (kind);

  node->number = number;
  return node;
}

/* Takes over @child. */
static CfSearchNode *
node_not (CfSearchNode *child)
{
  CfSearchNode *node;

  if (child == NULL)
    return NULL;
  node = cf_search_node_new (CF_SEARCH_NOT);
  cf_search_node_add (node, child);
  return node;
}

/* ---- Keys without arguments ---- */

#define KEY(function, expression)                                                                            \
  static CfSearchNode *function (CfCommandCall *call, CfInput *input, GError **error)                        \
  {                                                                                                          \
    return expression;                                                                                       \
  }
#define FLAG_KEYS(name, flag)                                                                                \
  KEY (key_##name, node_number (CF_SEARCH_FLAG, flag))                                                       \
  KEY (key_un##name, node_not (node_number (CF_SEARCH_FLAG, flag)))

FLAG_KEYS (answered, CF_FLAG_ANSWERED)
FLAG_KEYS (deleted, CF_FLAG_DELETED)
FLAG_KEYS (draft, CF_FLAG_DRAFT)
FLAG_KEYS (flagged, CF_FLAG_FLAGGED)
FLAG_KEYS (seen, CF_FLAG_SEEN)
KEY (key_all, cf_search_node_new (CF_SEARCH_ALL))

/* RFC 9051 has neither \Recent nor the keys that look at it. */
static CfSearchNode *
key_recent (CfCommandCall *call, CfInput *input, GError **error)
{
  if (!cf_session_is_enabled (cf_call_get_session (call), "IMAP4rev2"))
    return cf_search_node_new (CF_SEARCH_RECENT);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "NEW, OLD and RECENT are not search keys of IMAP4rev2");
  return NULL;
}

KEY (key_old, node_not (key_recent (call, input, error)))

static CfSearchNode *
key_new (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *recent = key_recent (call, input, error);
  CfSearchNode *node;

  if (recent == NULL)
    return NULL;
  node = cf_search_node_new (CF_SEARCH_AND);
  cf_search_node_add (node, recent);
  cf_search_node_add (node, key_unseen (call, input, error));
  return node;
}

/* ---- Keywords ---- */

/* CPM's \read-report-sent is kept among the keywords. */
static CfSearchNode *
key_keyword (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autofree char *atom = NULL;
  gboolean backslash;
  CfSearchNode *node;

  if (!cf_input_space (input, error))
    return NULL;
  backslash = cf_input_skip (input, '\\');
  if (!cf_input_atom (input, &atom, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_KEYWORD);
  node->text = g_strconcat (backslash ? "\\" : "", atom, NULL);
  return node;
}

KEY (key_unkeyword, node_not (key_keyword (call, input, error)))

/* ---- Numbers and sets ---- */

static CfSearchNode *
read_size (CfInput *input, CfSearchKind kind, GError **error)
{
  guint64 number;

  if (!cf_input_space (input, error) || !cf_input_number64 (input, &number, error))
    return NULL;
  return node_number (kind, number);
}

KEY (key_larger, read_size (input, CF_SEARCH_LARGER, error))
KEY (key_smaller, read_size (input, CF_SEARCH_SMALLER, error))

static CfSearchNode *
key_uid (CfCommandCall *call, CfInput *input, GError **error)
{
  CfUidSet *uids;
  CfSearchNode *node;

  if (!cf_input_space (input, error) || !cf_input_messages (input, call, TRUE, &uids, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_UID);
  node->uids = uids;
  return node;
}

/* ---- Dates ---- */

static CfSearchNode *
read_date (CfInput *input, CfSearchKind kind, GError **error)
{
  CfSearchNode *node;
  gint32 day;

  if (!cf_input_space (input, error) || !cf_input_date (input, &day, error))
    return NULL;
  node = cf_search_node_new (kind);
  node->day = day;
  return node;
}

KEY (key_before, read_date (input, CF_SEARCH_BEFORE, error))
KEY (key_on, read_date (input, CF_SEARCH_ON, error))
KEY (key_since, read_date (input, CF_SEARCH_SINCE, error))
KEY (key_sentbefore, read_date (input, CF_SEARCH_SENTBEFORE, error))
KEY (key_senton, read_date (input, CF_SEARCH_SENTON, error))
KEY (key_sentsince, read_date (input, CF_SEARCH_SENTSINCE, error))

/* ---- Strings ---- */

static CfSearchNode *
read_text (CfCommandCall *call, CfInput *input, CfSearchKind kind, const char *name, GError **error)
{
  CfSearchNode *node;
  char *text;

  if (!cf_input_space (input, error) || !cf_call_parse_search_text (call, input, &text, error))
    return NULL;
  node = cf_search_node_new (kind);
  node->name = g_strdup (name);
  node->text = text;
  return node;
}

KEY (key_bcc, read_text (call, input, CF_SEARCH_ADDRESS, "Bcc", error))
KEY (key_cc, read_text (call, input, CF_SEARCH_ADDRESS, "Cc", error))
KEY (key_from, read_text (call, input, CF_SEARCH_ADDRESS, "From", error))
KEY (key_to, read_text (call, input, CF_SEARCH_ADDRESS, "To", error))
KEY (key_subject, read_text (call, input, CF_SEARCH_HEADER, "Subject", error))
KEY (key_body, read_text (call, input, CF_SEARCH_BODY, NULL, error))
KEY (key_text, read_text (call, input, CF_SEARCH_TEXT, NULL, error))

static CfSearchNode *
key_header (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autofree char *name = NULL;

  if (!cf_input_space (input, error) || !cf_input_astring (input, &name, error))
    return NULL;
  return read_text (call, input, CF_SEARCH_HEADER, name, error);
}

/* ---- Keys of keys ---- */

static CfSearchNode *
read_key (CfCommandCall *call, CfInput *input, GError **error)
{
  return cf_input_space (input, error) ? cf_call_parse_search_key (call, input, error) : NULL;
}

KEY (key_not, node_not (read_key (call, input, error)))

/* Takes over @child. OR OR a b c is one node of three, so that a long chain of them makes no deep tree. */
static void
or_add (CfSearchNode *node, CfSearchNode *child)
{
  if (child->kind != CF_SEARCH_OR) {
    cf_search_node_add (node, child);
    return;
  }
  while (child->children->len > 0)
    cf_search_node_add (node, g_ptr_array_steal_index (child->children, 0));
  cf_search_node_free (child);
}

static CfSearchNode *
key_or (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autoptr (CfSearchNode) first = read_key (call, input, error);
  g_autoptr (CfSearchNode) second = first != NULL ? read_key (call, input, error) : NULL;
  CfSearchNode *node;

  if (second == NULL)
    return NULL;
  node = cf_search_node_new (CF_SEARCH_OR);
  or_add (node, g_steal_pointer (&first));
  or_add (node, g_steal_pointer (&second));
  return node;
}

static const CfSearchKey keys[] = {
  { "ALL", key_all },
  { "ANSWERED", key_answered },
  { "BCC", key_bcc },
  { "BEFORE", key_before },
  { "BODY", key_body },
  { "CC", key_cc },
  { "DELETED", key_deleted },
  { "DRAFT", key_draft },
  { "FLAGGED", key_flagged },
  { "FROM", key_from },
  { "HEADER", key_header },
  { "KEYWORD", key_keyword },
  { "LARGER", key_larger },
  { "NEW", key_new },
  { "NOT", key_not },
  { "OLD", key_old },
  { "ON", key_on },
  { "OR", key_or },
  { "RECENT", key_recent },
  { "SEEN", key_seen },
  { "SENTBEFORE", key_sentbefore },
  { "SENTON", key_senton },
  { "SENTSINCE", key_sentsince },
  { "SINCE", key_since },
  { "SMALLER", key_smaller },
  { "SUBJECT", key_subject },
  { "TEXT", key_text },
  { "TO", key_to },
  { "UID", key_uid },
  { "UNANSWERED", key_unanswered },
  { "UNDELETED", key_undeleted },
  { "UNDRAFT", key_undraft },
  { "UNFLAGGED", key_unflagged },
  { "UNKEYWORD", key_unkeyword },
  { "UNSEEN", key_unseen },
};

gboolean
search_keys_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_search_keys (registrar, keys, error);
}
