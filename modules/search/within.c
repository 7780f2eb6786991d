/* modules/search/within.c - OLDER and YOUNGER: how long ago a message was received (RFC 5032).
 *
 * "Now" is when the command is read, so that one moment holds for all of its messages. The keys are compared
 * with INTERNALDATE to the second, both ends included.
 */
#include "within.h"

static CfSearchNode *
within_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  CfSearchNode *node;
  guint32 interval;

  if (!cf_input_space (input, error) || !cf_input_number (input, &interval, error))
    return NULL;
  if (interval == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "An interval is at least a second");
    return NULL;
  }
  node = cf_search_node_new (CF_SEARCH_MODULE);
  node->number = (guint64) MAX (now - (gint64) interval, 0);
  return node;
}

static gboolean
within_match_older (CfMessage *message, const CfSearchNode *node)
{
  return cf_message_get_row (message)->internal_date <= (gint64) node->number;
}

static gboolean
within_match_younger (CfMessage *message, const CfSearchNode *node)
{
  return cf_message_get_row (message)->internal_date >= (gint64) node->number;
}

static const CfSearchKey keys[] = {
  { "OLDER", within_parse, CF_NEED_ROW, within_match_older },
  { "YOUNGER", within_parse, CF_NEED_ROW, within_match_younger },
};

static const CfCapability capabilities[] = {
  { "WITHIN", CF_STATE_LOGGED_IN },
};

gboolean
search_within_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_search_keys (registrar, keys, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error);
}
