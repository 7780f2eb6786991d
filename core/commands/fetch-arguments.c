/* core/commands/fetch-arguments.c - what FETCH and UID FETCH are asked for (RFC 3501, 6.4.5; RFC 7162 for
 * CHANGEDSINCE and VANISHED; RFC 9394 for PARTIAL).
 *
 * The messages are resolved last, as a modifier can leave so few of them that the others need not be looked
 * at.
 */
#include "commands/commands.h"
#include "commands/fetch.h"
#include "imap/message-set.h"
#include "module/registry.h"

/* ---- Items ---- */

static void
fetch_item_clear (gpointer data)
{
  CfFetchItem *item = data;

  g_free (item->request.label);
  g_free (item->request.path);
  if (item->request.data_free != NULL)
    item->request.data_free (item->request.data);
}

static GArray *
fetch_items_new (void)
{
  GArray *items = g_array_new (FALSE, TRUE, sizeof (CfFetchItem));

  g_array_set_clear_func (items, fetch_item_clear);
  return items;
}

gboolean
cf_fetch_arguments_have (const CfFetchArguments *self, const char *name)
{
  for (guint i = 0; i < self->items->len; i++)
    if (g_str_equal (g_array_index (self->items, CfFetchItem, i).row->name, name))
      return TRUE;
  return FALSE;
}

static gboolean
fetch_add_item (CfCommandCall *call, CfFetchArguments *self, const char *name, GError **error)
{
  CfFetchItem item = { .row = cf_registry_lookup_item (CF_ITEM_FETCH, name) };

  if (item.row == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Unknown FETCH item %s", name);
    return FALSE;
  }
  item.request.struct_size = sizeof item.request;
  item.request.needs = item.row->needs;
  item.request.is_span = item.row->emit == NULL;
  if (item.row->parse != NULL && !item.row->parse (call, cf_call_get_input (call), &item.request, error)) {
    fetch_item_clear (&item);
    return FALSE;
  }
  self->needs |= item.request.needs;
  g_array_append_val (self->items, item);
  return TRUE;
}

static gboolean
fetch_add_macro (CfCommandCall *call, CfFetchArguments *self, const char *name, gboolean *out_is_macro,
                 GError **error)
{
  static const struct {
    const char *name;
    const char *items[6];
  } macros[] = {
    { "ALL", { "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE" } },
    { "FAST", { "FLAGS", "INTERNALDATE", "RFC822.SIZE" } },
    { "FULL", { "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY" } },
  };

  *out_is_macro = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (macros); i++) {
    if (!g_str_equal (macros[i].name, name))
      continue;
    *out_is_macro = TRUE;
    for (const char *const *item = macros[i].items; *item != NULL; item++)
      if (!fetch_add_item (call, self, *item, error))
        return FALSE;
  }
  return TRUE;
}

static gboolean
fetch_parse_items (CfCommandCall *call, CfFetchArguments *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  gboolean list = cf_input_skip (input, '(');
  gboolean is_macro;

  do {
    g_autofree char *name = NULL;

    if (!cf_input_name (input, &name, error))
      return FALSE;
    if (!list) {
      if (!fetch_add_macro (call, self, name, &is_macro, error))
        return FALSE;
      if (is_macro)
        return TRUE;
    }
    if (!fetch_add_item (call, self, name, error))
      return FALSE;
  } while (list && cf_input_skip (input, ' '));
  return !list || cf_input_expect (input, ')', error);
}

/* Runs of content behind everything else; otherwise as asked. */
static void
fetch_order_items (CfFetchArguments *self)
{
  g_autoptr (GArray) asked = g_steal_pointer (&self->items);

  self->items = fetch_items_new ();
  for (guint spans = 0; spans <= 1; spans++)
    for (guint i = 0; i < asked->len; i++)
      if (g_array_index (asked, CfFetchItem, i).request.is_span == (gboolean) spans)
        g_array_append_val (self->items, g_array_index (asked, CfFetchItem, i));
  g_array_set_clear_func (asked, NULL);
}

/* UID first where UID FETCH did not ask for it. */
static void
fetch_add_uid (CfCommandCall *call, CfFetchArguments *self)
{
  CfFetchItem uid = { .row = cf_registry_lookup_item (CF_ITEM_FETCH, "UID") };

  if (!cf_call_is_uid (call) || cf_fetch_arguments_have (self, "UID"))
    return;
  uid.request.struct_size = sizeof uid.request;
  g_array_prepend_val (self->items, uid);
}

GArray *
cf_fetch_items_read (CfCommandCall *call, GError **error)
{
  CfFetchArguments self = { .items = fetch_items_new () };
  GArray *items = NULL;

  if (cf_input_peek (cf_call_get_input (call)) != '(') {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected data items in parentheses");
  } else if (fetch_parse_items (call, &self, error)) {
    fetch_order_items (&self);
    items = g_steal_pointer (&self.items);
  }
  cf_fetch_arguments_clear (&self);
  return items;
}

/* ---- Modifiers ---- */

/* The modifiers of RFC 7162, which have been read. @at_set: where the command's set is. */
static gboolean
fetch_take_modifiers (CfCommandCall *call, CfFetchArguments *self, CfInputMark at_set, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  gboolean vanished = cf_call_lookup_parameter (call, "VANISHED", NULL);
  CfInputMark end = cf_input_mark (input);
  gpointer changed_since;
  gboolean saved;

  if (!cf_call_lookup_parameter (call, "CHANGEDSINCE", &changed_since)) {
    if (vanished)
      g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "VANISHED stands beside CHANGEDSINCE");
    return !vanished;
  }
  self->changed_since = *(guint64 *) changed_since;
  if (!cf_fetch_arguments_have (self, "MODSEQ") && !fetch_add_item (call, self, "MODSEQ", error))
    return FALSE;
  if (!vanished)
    return TRUE;
  /* Here "*" has no end: the last messages can be among those that have gone. What has gone is not in "$". */
  cf_input_reset (input, at_set);
  if (!cf_input_sequence_set_saved (input, G_MAXUINT32, &self->known, &saved, error))
    return FALSE;
  cf_input_reset (input, end);
  return TRUE;
}

static void
fetch_resolve (CfCommandCall *call, CfFetchArguments *self, const CfMessageSet *set)
{
  CfView *view = cf_call_get_session (call)->view;
  g_autoptr (CfUidSet) all = NULL;
  g_autoptr (CfUidSet) some = NULL;
  gpointer partial;

  if (!cf_call_lookup_parameter (call, "PARTIAL", &partial)) {
    self->uids = self->changed_since == 0 ? cf_message_set_resolve (set, view)
                                          : cf_message_set_resolve_changed (set, view, self->changed_since);
    return;
  }
  /* CHANGEDSINCE looks at what PARTIAL leaves (RFC 9394, 3.4). */
  all = cf_message_set_resolve (set, view);
  some = cf_partial_apply (partial, all);
  if (self->changed_since == 0) {
    self->uids = g_steal_pointer (&some);
  } else {
    g_autoptr (CfUidSet) changed = cf_view_dup_changed (view, self->changed_since);

    self->uids = cf_uid_set_intersect (some, changed);
  }
}

/* ---- The command ---- */

gboolean
cf_fetch_arguments_parse (CfFetchArguments *self, CfCommandCall *call, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_auto (CfMessageSet) set = { 0 };
  CfInputMark at_set;

  self->items = fetch_items_new ();
  if (!cf_input_space (input, error))
    return FALSE;
  at_set = cf_input_mark (input);
  if (!cf_input_message_set (input, call, FALSE, &set, error) || !cf_input_space (input, error)
      || !fetch_parse_items (call, self, error))
    return FALSE;
  if (cf_input_skip (input, ' ') && !cf_call_parse_parameters (call, CF_PARAMETER_COMMAND, error))
    return FALSE;
  if (!cf_input_end (input, error) || !fetch_take_modifiers (call, self, at_set, error))
    return FALSE;
  fetch_resolve (call, self, &set);
  fetch_order_items (self);
  fetch_add_uid (call, self);
  return TRUE;
}

void
cf_fetch_arguments_clear (CfFetchArguments *self)
{
  g_clear_pointer (&self->items, g_array_unref);
  g_clear_pointer (&self->uids, cf_uid_set_free);
  g_clear_pointer (&self->known, cf_uid_set_free);
}

/* ---- PARTIAL ---- */

/* UID FETCH ... (PARTIAL 1:50): of the messages named, these (RFC 9394, 3.3). */
static gboolean
partial_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  CfPartial partial;

  if (!cf_input_space (input, error) || !cf_input_partial (input, &partial, error))
    return FALSE;
  cf_call_set_parameter (call, "PARTIAL", g_memdup2 (&partial, sizeof partial), g_free);
  return TRUE;
}

static const char *const partial_commands[] = { "UID FETCH", NULL };
static const CfParameter parameters[] = {
  { partial_commands, CF_PARAMETER_COMMAND, "PARTIAL", partial_parse },
};

gboolean
cf_fetch_parameters_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error);
}
