/* core/commands/cmd-list.c - LIST and LSUB (RFC 3501, 6.3.8, 6.3.9; RFC 3348), LIST-EXTENDED (RFC 5258),
 * LIST-STATUS (RFC 5819) and the options of SPECIAL-USE (RFC 6154).
 *
 * What is there comes from the store in one call, with counts where STATUS is asked for, and one more for the
 * subscriptions where these matter; list-tree.c says which names are to be listed. A LIST without anything of
 * RFC 5258 is answered as RFC 3501 has it: a level without a mailbox is \Noselect, not \NonExistent, and an
 * empty name asks for the separator.
 */
#include "commands/commands.h"
#include "commands/list-tree.h"
#include "commands/list.h"
#include "commands/special-use.h"
#include "commands/status.h"
#include "commands/subscription.h"
#include "imap/input.h"
#include "imap/output.h"
#include "imap/revision.h"
#include "imap/session.h"
#include "module/registry.h"
#include "store/calls.h"

typedef struct {
  gboolean lsub;
  gboolean is_extended;
  gboolean recursive, shows_subscribed;
  gboolean asks_root;        /* a pattern was empty */
  guint select;              /* CfListSelect */
  GPtrArray *patterns;       /* with the reference in front */
  const GPtrArray *statuses; /* items of STATUS; NULL: not asked for */
  CfListTree *tree;          /* NULL: not loaded */
  GPtrArray *matching;       /* CfListEntry */
  guint next;                /* of matching */
} List;

static void
list_free (gpointer data)
{
  List *list = data;

  g_clear_pointer (&list->matching, g_ptr_array_unref);
  cf_list_tree_free (list->tree);
  g_ptr_array_unref (list->patterns);
  g_free (list);
}

/* ---- Options ---- */

#define OPTION(name, key)                                                                                    \
  static gboolean option_parse_##name (CfCommandCall *call, CfInput *input, GError **error)                  \
  {                                                                                                          \
    cf_call_set_parameter (call, key, NULL, NULL);                                                           \
    return TRUE;                                                                                             \
  }

/* The keys of what selects and what is to be returned differ, as their names do not. */
OPTION (select_subscribed, "SELECT SUBSCRIBED")
OPTION (select_special_use, "SELECT SPECIAL-USE")
OPTION (select_recursive, "SELECT RECURSIVEMATCH")
OPTION (return_subscribed, "RETURN SUBSCRIBED")
/* No mailbox is remote; children and special uses are told anyway. */
OPTION (nothing, "NOTHING")

static gboolean
option_parse_status (CfCommandCall *call, CfInput *input, GError **error)
{
  GPtrArray *items;

  if (!cf_input_space (input, error))
    return FALSE;
  items = cf_status_items_read (call, input, error);
  if (items == NULL)
    return FALSE;
  cf_call_set_parameter (call, "STATUS", items, (GDestroyNotify) g_ptr_array_unref);
  return TRUE;
}

static const char *const option_commands[] = { "LIST", NULL };
static const CfParameter parameters[] = {
  { option_commands, CF_PARAMETER_SELECT, "SUBSCRIBED", option_parse_select_subscribed },
  { option_commands, CF_PARAMETER_SELECT, "REMOTE", option_parse_nothing },
  { option_commands, CF_PARAMETER_SELECT, "RECURSIVEMATCH", option_parse_select_recursive },
  { option_commands, CF_PARAMETER_SELECT, "SPECIAL-USE", option_parse_select_special_use },
  { option_commands, CF_PARAMETER_RETURN, "SUBSCRIBED", option_parse_return_subscribed },
  { option_commands, CF_PARAMETER_RETURN, "CHILDREN", option_parse_nothing },
  { option_commands, CF_PARAMETER_RETURN, "SPECIAL-USE", option_parse_nothing },
  { option_commands, CF_PARAMETER_RETURN, "STATUS", option_parse_status },
};

gboolean
cf_list_parameters_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error);
}

static gboolean
list_take_options (CfCommandCall *call, List *list, GError **error)
{
  gpointer statuses;

  if (cf_call_lookup_parameter (call, "SELECT SUBSCRIBED", NULL))
    list->select |= CF_LIST_SELECT_SUBSCRIBED;
  if (cf_call_lookup_parameter (call, "SELECT SPECIAL-USE", NULL))
    list->select |= CF_LIST_SELECT_SPECIAL_USE;
  list->recursive = cf_call_lookup_parameter (call, "SELECT RECURSIVEMATCH", NULL);
  list->shows_subscribed = (list->select & CF_LIST_SELECT_SUBSCRIBED) != 0
                           || cf_call_lookup_parameter (call, "RETURN SUBSCRIBED", NULL);
  if (cf_call_lookup_parameter (call, "STATUS", &statuses))
    list->statuses = statuses;
  /* It needs an option that it can modify (RFC 5258, 6: list-select-base-opt). */
  if (list->recursive && (list->select & CF_LIST_SELECT_SUBSCRIBED) == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "RECURSIVEMATCH stands beside SUBSCRIBED");
    return FALSE;
  }
  return TRUE;
}

/* ---- Arguments ---- */

/* A pattern that cannot match any name is passed over by an extended LIST (RFC 5258, 3), and by every one of
 * RFC 9051, 6.3.9. */
static gboolean
list_passes_over (CfSession *session, const List *list, const GError *failure)
{
  return (list->is_extended || cf_session_is_rev2 (session))
         && g_error_matches (failure, CF_ERROR, CF_ERROR_CANNOT);
}

static gboolean
list_pass_over_pattern (CfInput *input, GError **error)
{
  g_autofree char *text = cf_input_take (input, CF_INPUT_LIST);

  return text != NULL || cf_input_string (input, &text, error);
}

/* Takes over @pattern. One whose characters are not composed is looked for as it is and composed, as a name
 * is (net-unicode.h). */
static void
list_add_pattern (CfSession *session, List *list, char *pattern)
{
  char *composed = cf_session_is_utf8 (session) ? cf_mailbox_name_compose (pattern) : NULL;

  g_ptr_array_add (list->patterns, pattern);
  if (composed != NULL)
    g_ptr_array_add (list->patterns, composed);
}

static gboolean
list_read_pattern (CfCommandCall *call, List *list, const char *reference, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfInput *input = cf_call_get_input (call);
  g_autoptr (GError) local_error = NULL;
  g_autofree char *pattern = NULL;
  g_autofree char *whole = NULL;
  char *normal = NULL;

  if (cf_input_list_mailbox (input, &pattern, &local_error)) {
    if (pattern[0] == '\0' && !list->lsub) {
      list->asks_root = TRUE;
      return TRUE;
    }
    whole = g_strconcat (reference, pattern, NULL);
    normal = cf_mailbox_name_normalise (whole, CF_MAILBOX_NAME_PATTERN, &local_error);
  } else if (list_passes_over (session, list, local_error)) {
    return list_pass_over_pattern (input, error);
  }
  if (normal != NULL) {
    list_add_pattern (session, list, normal);
    return TRUE;
  }
  if (list_passes_over (session, list, local_error))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
list_read_patterns (CfCommandCall *call, List *list, const char *reference, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (list->lsub || !cf_input_skip (input, '('))
    return list_read_pattern (call, list, reference, error);
  list->is_extended = TRUE;
  do {
    if (!list_read_pattern (call, list, reference, error))
      return FALSE;
  } while (cf_input_skip (input, ' '));
  return cf_input_expect (input, ')', error);
}

static gboolean
list_read_return (CfCommandCall *call, List *list, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (list->lsub || !cf_input_skip (input, ' '))
    return TRUE;
  list->is_extended = TRUE;
  if (!cf_input_skip_word (input, "RETURN")) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "RETURN expected");
    return FALSE;
  }
  return cf_input_space (input, error) && cf_call_parse_parameters (call, CF_PARAMETER_RETURN, error);
}

static gboolean
list_parse (CfCommandCall *call, List *list, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *reference = NULL;

  if (!cf_input_space (input, error))
    return FALSE;
  if (!list->lsub && cf_input_peek (input) == '(') {
    list->is_extended = TRUE;
    if (!cf_call_parse_parameters (call, CF_PARAMETER_SELECT, error) || !cf_input_space (input, error))
      return FALSE;
  }
  return cf_input_mailbox_kind (input, CF_MAILBOX_NAME_PATTERN, &reference, error)
         && cf_input_space (input, error) && list_read_patterns (call, list, reference, error)
         && list_read_return (call, list, error) && cf_input_end (input, error)
         && list_take_options (call, list, error);
}

/* ---- What the store holds ---- */

typedef struct {
  CfMailboxSink sink;
  List *list;
} MailboxSink;

static void
list_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  cf_list_tree_add_mailbox (((MailboxSink *) sink)->list->tree, info, NULL);
}

typedef struct {
  CfStatusSink sink;
  List *list;
} StatusSink;

static void
list_counted_mailbox (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  cf_list_tree_add_mailbox (((StatusSink *) sink)->list->tree, info, status);
}

static gboolean
list_load_mailboxes (CfSession *session, List *list, GError **error)
{
  g_autofree char *prefix = NULL;

  if (list->statuses == NULL) {
    MailboxSink sink = { { sizeof sink.sink, list_mailbox }, list };

    return cf_store_mailbox_list (session, &sink.sink, error);
  }
  StatusSink sink = { { sizeof sink.sink, list_counted_mailbox }, list };
  prefix = cf_list_dup_prefix (list->patterns);
  return cf_store_mailbox_list_status (session, prefix, &sink.sink, error);
}

typedef struct {
  CfAttributeSink sink;
  List *list;
} SubscriptionSink;

static void
list_subscription (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  List *list = ((SubscriptionSink *) sink)->list;
  gsize length;
  const char *octets = g_bytes_get_data (attribute->value, &length);
  g_autofree char *name = g_strndup (octets, length);

  cf_list_tree_subscribe (list->tree, name, list->lsub || (list->select & CF_LIST_SELECT_SUBSCRIBED) != 0);
}

static gboolean
list_load_subscriptions (CfSession *session, List *list, GError **error)
{
  CfAttributeTarget target = { .struct_size = sizeof target, .account = cf_session_get_account (session) };
  SubscriptionSink sink = { { sizeof sink.sink, list_subscription }, list };

  return cf_store_attribute_get (session, &target, NULL, CF_SUBSCRIPTION_PREFIX, &sink.sink, error);
}

static gboolean
list_load (CfSession *session, List *list, GError **error)
{
  list->tree = cf_list_tree_new ();
  if (!list->lsub && !list_load_mailboxes (session, list, error))
    return FALSE;
  if ((list->lsub || list->shows_subscribed) && !list_load_subscriptions (session, list, error))
    return FALSE;
  cf_list_tree_select (list->tree, list->select, list->patterns);
  list->matching = cf_list_tree_match (list->tree, list->patterns);
  return TRUE;
}

/* ---- Responses ---- */

/* Each with a space in front. */
static void
list_write_own_attributes (CfSession *session, const CfMailboxInfo *info, CfOutput *output)
{
  for (guint bit = 1; bit <= CF_SPECIAL_USE_IMPORTANT; bit <<= 1)
    if ((info->special_use & bit) != 0)
      cf_output_printf (output, " %s", cf_special_use_get_name (bit));
  for (guint i = 0; i < cf_registry_get_n_items (CF_ITEM_LIST); i++)
    cf_registry_get_item (CF_ITEM_LIST, i)->emit_list (session, info, output);
}

void
cf_list_write_attributes (CfSession *session, const CfMailboxInfo *info, gboolean has_children,
                          gboolean subscribed)
{
  CfOutput *output = cf_session_get_output (session);

  cf_output_text (output, has_children ? "\\HasChildren" : "\\HasNoChildren");
  if (subscribed)
    cf_output_text (output, " \\Subscribed");
  list_write_own_attributes (session, info, output);
}

void
cf_list_write_name (CfSession *session, const char *name, const char *old_name)
{
  CfOutput *output = cf_session_get_output (session);

  cf_output_text (output, ") \"/\" ");
  cf_output_mailbox (output, name, TRUE);
  if (old_name != NULL) {
    cf_output_text (output, " (\"OLDNAME\" (");
    cf_output_mailbox (output, old_name, TRUE);
    cf_output_text (output, "))");
  }
  cf_output_text (output, "\r\n");
}

void
cf_list_write_one (CfSession *session, const CfMailboxInfo *info, gboolean exists, const char *old_name)
{
  CfOutput *output = cf_session_get_output (session);
  g_autoptr (CfOutput) attributes = cf_output_new (0);
  gsize length;
  const guint8 *octets;

  if (!exists)
    cf_output_text (attributes, " \\NonExistent");
  list_write_own_attributes (session, info, attributes);
  cf_output_text (output, "* LIST (");
  octets = cf_output_peek (attributes, &length);
  if (length > 0)
    cf_output_octets (output, octets + 1, length - 1);
  cf_list_write_name (session, info->name, old_name);
}

static void
list_write_attributes (CfCommandCall *call, const List *list, const CfListEntry *entry)
{
  CfOutput *output = cf_call_get_output (call);
  const char *space = " ";

  if (!entry->exists)
    cf_output_text (output, list->is_extended ? "\\NonExistent" : "\\Noselect");
  else if (list->statuses != NULL && entry->status.id == 0)
    cf_output_text (output, "\\Noselect"); /* may be listed and not be read (RFC 5819, 2) */
  else
    space = "";
  cf_output_text (output, space);
  cf_list_write_attributes (cf_call_get_session (call), &entry->info, entry->has_children,
                            list->shows_subscribed && entry->is_subscribed);
}

static void
list_write (CfCommandCall *call, const List *list, const CfListEntry *entry)
{
  CfOutput *output = cf_call_get_output (call);

  cf_output_text (output, "* LIST (");
  list_write_attributes (call, list, entry);
  cf_output_text (output, ") \"/\" ");
  cf_output_mailbox (output, entry->name, TRUE);
  if (list->recursive && entry->has_selected)
    cf_output_printf (output, " (\"CHILDINFO\" (\"SUBSCRIBED\"%s))",
                      (list->select & CF_LIST_SELECT_SPECIAL_USE) != 0 ? " \"SPECIAL-USE\"" : "");
  cf_output_text (output, "\r\n");
  if (list->statuses != NULL && entry->is_selected && entry->status.id != 0)
    cf_status_write (call, entry->name, list->statuses, &entry->status);
}

/* LSUB shows a level that is not subscribed only to stand for what is below it and does not match itself (RFC
 * 3501, 6.3.9: "%"). */
static void
list_write_lsub (CfCommandCall *call, const List *list, const CfListEntry *entry)
{
  CfOutput *output = cf_call_get_output (call);

  if (!entry->is_subscribed && strchr (g_ptr_array_index (list->patterns, 0), '%') == NULL)
    return;
  cf_output_printf (output, "* LSUB (%s) \"/\" ", entry->is_subscribed ? "" : "\\Noselect");
  cf_output_mailbox (output, entry->name, TRUE);
  cf_output_text (output, "\r\n");
}

/* As many as the output takes. */
static CfRun
list_respond (CfCommandCall *call, List *list)
{
  for (; list->next < list->matching->len; list->next++) {
    const CfListEntry *entry = g_ptr_array_index (list->matching, list->next);

    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    if (list->lsub)
      list_write_lsub (call, list, entry);
    else if (entry->is_selected || (list->recursive && entry->has_hidden))
      list_write (call, list, entry);
  }
  return CF_RUN_DONE;
}

/* ---- The commands ---- */

static CfRun
list_run (CfCommandCall *call, gboolean lsub, GError **error)
{
  List *list = cf_call_get_state (call);

  if (list == NULL) {
    list = g_new0 (List, 1);
    list->lsub = lsub;
    list->patterns = g_ptr_array_new_with_free_func (g_free);
    cf_call_set_state (call, list, list_free);
    if (!list_parse (call, list, error))
      return CF_RUN_ERROR;
  }
  if (list->patterns->len == 0) {
    /* The separator and the reference's root. */
    if (list->asks_root && !list->is_extended)
      cf_output_text (cf_call_get_output (call), "* LIST (\\Noselect) \"/\" \"\"\r\n");
    return CF_RUN_DONE;
  }
  if (list->tree == NULL) {
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    if (!list_load (cf_call_get_session (call), list, error))
      return CF_RUN_ERROR;
  }
  return list_respond (call, list);
}

CfRun
cmd_list (CfCommandCall *call, GError **error)
{
  return list_run (call, FALSE, error);
}

CfRun
cmd_lsub (CfCommandCall *call, GError **error)
{
  return list_run (call, TRUE, error);
}
