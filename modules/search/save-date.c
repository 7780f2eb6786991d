/* modules/search/save-date.c - SAVEDATE: when a message came into its mailbox (RFC 8514).
 *
 * Every store keeps it, so SAVEDATESUPPORTED matches everything, and nothing falls back to INTERNALDATE. A
 * save date has no zone of its own: it is shown, and its day counted, in UTC.
 */
#include "save-date.h"

#define SECONDS_PER_DAY 86400

static gboolean
save_date_emit (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  cf_output_date_time (output, cf_message_get_row (message)->save_date, 0);
  return TRUE;
}

static CfSearchNode *
save_date_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node;
  gint32 day;

  if (!cf_input_space (input, error) || !cf_input_date (input, &day, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_MODULE);
  node->day = day;
  return node;
}

static CfSearchNode *
save_date_parse_supported (CfCommandCall *call, CfInput *input, GError **error)
{
  return cf_search_node_new (CF_SEARCH_ALL);
}

/* Days since 1970-01-01. */
static gint64
save_date_get_day (CfMessage *message)
{
  return cf_message_get_row (message)->save_date / SECONDS_PER_DAY;
}

static gboolean
save_date_match_before (CfMessage *message, const CfSearchNode *node)
{
  return save_date_get_day (message) < node->day;
}

static gboolean
save_date_match_on (CfMessage *message, const CfSearchNode *node)
{
  return save_date_get_day (message) == node->day;
}

static gboolean
save_date_match_since (CfMessage *message, const CfSearchNode *node)
{
  return save_date_get_day (message) >= node->day;
}

static const CfItem items[] = {
  { .kind = CF_ITEM_FETCH, .name = "SAVEDATE", .emit = save_date_emit },
};

static const CfSearchKey keys[] = {
  { "SAVEDBEFORE", save_date_parse, CF_NEED_ROW, save_date_match_before },
  { "SAVEDON", save_date_parse, CF_NEED_ROW, save_date_match_on },
  { "SAVEDSINCE", save_date_parse, CF_NEED_ROW, save_date_match_since },
  { "SAVEDATESUPPORTED", save_date_parse_supported },
};

static const CfCapability capabilities[] = {
  { "SAVEDATE", CF_STATE_LOGGED_IN },
};

gboolean
search_save_date_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error)
         && cf_registrar_add_search_keys (registrar, keys, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error);
}
