/* core/commands/cmd-notify.c - NOTIFY (RFC 5465, 3.1), and, run without a command, the telling
 * (notify-tell.c).
 *
 * SET makes a filter of what the client says. If other mailboxes matter the session joins the watch hub first
 * and then looks at what there is, so that nothing that happens in between is missed. What was in effect
 * before stays until all of this has succeeded.
 */
#include "commands/commands.h"
#include "commands/fetch.h"
#include "commands/list.h"
#include "commands/notify-tell.h"
#include "imap/modseq.h"
#include "imap/output.h"
#include "module/registry.h"
#include "store/calls.h"

/* A mailbox whose state is to be told before the tagged OK. */
typedef struct {
  char *name;
  CfMailboxInfo info;     /* with that name */
  CfMailboxStatus counts; /* id 0: it may not be read */
  guint events;
  gboolean subscribed, has_children;
} Row;

typedef struct {
  gboolean is_set; /* not NONE */
  gboolean status;
  gboolean unsupported; /* an event is asked for that is not known here */
  CfNotifyFilter *filter;
  GArray *items; /* of MessageNew; NULL: none */
  CfHubWatcher *watcher;
  CfAccountTree *tree;
  GPtrArray *rows; /* NULL: not asked for yet */
  guint at;        /* of rows */
} Set;

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->name);
  g_free (row);
}

static void
set_free (gpointer data)
{
  Set *self = data;

  cf_notify_filter_free (self->filter);
  g_clear_pointer (&self->items, g_array_unref);
  cf_hub_unwatch (self->watcher);
  cf_account_tree_unref (self->tree);
  g_clear_pointer (&self->rows, g_ptr_array_unref);
  g_free (self);
}

/* ---- Arguments ---- */

static const struct {
  const char *name;
  guint event;
} supported[] = {
  { "MessageNew", CF_NOTIFY_MESSAGE_NEW },
  { "MessageExpunge", CF_NOTIFY_MESSAGE_EXPUNGE },
  { "FlagChange", CF_NOTIFY_FLAG_CHANGE },
  { "MailboxName", CF_NOTIFY_MAILBOX_NAME },
  { "SubscriptionChange", CF_NOTIFY_SUBSCRIPTION_CHANGE },
};

static const struct {
  const char *name;
  CfNotifyWhere where;
  gboolean takes_names;
} places[] = {
  { "SELECTED", CF_NOTIFY_SELECTED, FALSE },     { "SELECTED-DELAYED", CF_NOTIFY_SELECTED_DELAYED, FALSE },
  { "INBOXES", CF_NOTIFY_PERSONAL, FALSE },      { "PERSONAL", CF_NOTIFY_PERSONAL, FALSE },
  { "SUBSCRIBED", CF_NOTIFY_SUBSCRIBED, FALSE }, { "SUBTREE", CF_NOTIFY_SUBTREE, TRUE },
  { "MAILBOXES", CF_NOTIFY_MAILBOXES, TRUE },
};

static gboolean
place_is_selected (CfNotifyWhere where)
{
  return where == CF_NOTIFY_SELECTED || where == CF_NOTIFY_SELECTED_DELAYED;
}

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, text);
  return FALSE;
}

/* one-or-more-mailbox */
static GPtrArray *
read_names (CfInput *input, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  gboolean list = cf_input_skip (input, '(');

  do {
    char *name, *composed;

    if (!cf_input_mailbox (input, &name, error))
      return NULL;
    g_ptr_array_add (names, name);
    /* Either can be the mailbox's (net-unicode.h). */
    composed = (cf_input_get_options (input) & CF_INPUT_UTF8) != 0 ? cf_mailbox_name_compose (name) : NULL;
    if (composed != NULL)
      g_ptr_array_add (names, composed);
  } while (list && cf_input_skip (input, ' '));
  if (list && !cf_input_expect (input, ')', error))
    return NULL;
  return g_steal_pointer (&names);
}

/* filter-mailboxes; *@out_names is the caller's. */
static gboolean
read_place (CfInput *input, CfNotifyWhere *out_where, GPtrArray **out_names, GError **error)
{
  g_autofree char *name = NULL;

  if (!cf_input_name (input, &name, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++) {
    if (!g_str_equal (places[i].name, name))
      continue;
    *out_where = places[i].where;
    *out_names = NULL;
    if (!places[i].takes_names)
      return TRUE;
    return cf_input_space (input, error) && (*out_names = read_names (input, error)) != NULL;
  }
  return refuse (error, "Unknown kind of mailboxes");
}

/* MessageNew's data items, in parentheses. */
static gboolean
read_items (CfCommandCall *call, Set *self, CfNotifyWhere where, GError **error)
{
  if (!place_is_selected (where))
    return refuse (error, "Data items are told of the selected mailbox alone");
  if (self->items != NULL)
    return refuse (error, "MessageNew is given twice");
  self->items = cf_fetch_items_read (call, error);
  return self->items != NULL;
}

/* An event that is not known here makes all of the command fail, if it is otherwise right. */
static gboolean
read_event (CfCommandCall *call, Set *self, CfNotifyWhere where, guint *events, gboolean *annotation,
            GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *name = NULL;
  CfInputMark mark;
  guint event = 0;

  if (!cf_input_atom (input, &name, error))
    return FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (supported); i++)
    if (g_ascii_strcasecmp (supported[i].name, name) == 0)
      event = supported[i].event;
  *events |= event;
  if (g_ascii_strcasecmp (name, "AnnotationChange") == 0)
    *annotation = TRUE;
  else if (place_is_selected (where) && (event & CF_NOTIFY_MESSAGE_EVENTS) == 0)
    return refuse (error, "Only events of messages are told of the selected mailbox");
  self->unsupported = self->unsupported || event == 0;
  if (event != CF_NOTIFY_MESSAGE_NEW)
    return TRUE;
  mark = cf_input_mark (input);
  if (cf_input_skip (input, ' ') && cf_input_peek (input) == '(')
    return read_items (call, self, where, error);
  cf_input_reset (input, mark);
  return TRUE;
}

/* events; 0: NONE. */
static gboolean
read_events (CfCommandCall *call, Set *self, CfNotifyWhere where, guint *events, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  const guint both = CF_NOTIFY_MESSAGE_NEW | CF_NOTIFY_MESSAGE_EXPUNGE;
  gboolean annotation = FALSE;

  *events = 0;
  if (cf_input_skip_word (input, "NONE"))
    return TRUE;
  if (!cf_input_expect (input, '(', error))
    return FALSE;
  do {
    if (!read_event (call, self, where, events, &annotation, error))
      return FALSE;
  } while (cf_input_skip (input, ' '));
  if (!cf_input_expect (input, ')', error))
    return FALSE;
  if ((*events & both) != 0 && (*events & both) != both)
    return refuse (error, "MessageNew and MessageExpunge are asked for together");
  if (((*events & CF_NOTIFY_FLAG_CHANGE) != 0 || annotation) && (*events & both) == 0)
    return refuse (error, "Who asks for changes of messages asks for MessageNew and MessageExpunge as well");
  return TRUE;
}

static gboolean
read_group (CfCommandCall *call, Set *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autoptr (GPtrArray) names = NULL;
  CfNotifyWhere where;
  guint events;

  if (!cf_input_expect (input, '(', error) || !read_place (input, &where, &names, error)
      || !cf_input_space (input, error) || !read_events (call, self, where, &events, error)
      || !cf_input_expect (input, ')', error))
    return FALSE;
  return cf_notify_filter_add (self->filter, where, g_steal_pointer (&names), events)
         || refuse (error, "The selected mailbox is named twice");
}

static gboolean
set_parse (CfCommandCall *call, Set *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error))
    return FALSE;
  if (cf_input_skip_word (input, "NONE"))
    return cf_input_end (input, error);
  if (!cf_input_skip_word (input, "SET"))
    return refuse (error, "Expected SET or NONE");
  self->is_set = TRUE;
  if (!cf_input_space (input, error))
    return FALSE;
  if (cf_input_skip_word (input, "STATUS")) {
    self->status = TRUE;
    if (!cf_input_space (input, error))
      return FALSE;
  }
  do {
    if (!read_group (call, self, error))
      return FALSE;
  } while (cf_input_skip (input, ' '));
  return cf_input_end (input, error);
}

/* "[BADEVENT (...)]" with the events that are supported (RFC 5465, 3.1). */
static gboolean
set_check_events (CfCommandCall *call, const Set *self, GError **error)
{
  g_autoptr (GString) text = NULL;

  if (!self->unsupported)
    return TRUE;
  text = g_string_new ("[BADEVENT (");
  for (gsize i = 0; i < G_N_ELEMENTS (supported); i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", supported[i].name);
  g_string_append (text, ")] An event that is not supported");
  cf_call_set_no (call, g_string_free (g_steal_pointer (&text), FALSE));
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "An event that is not supported");
  return FALSE;
}

/* ---- What there is ---- */

typedef struct {
  CfStatusSink sink;
  CfSession *session;
  Set *set;
} RowSink;

static void
take_row (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status)
{
  const Set *self = ((RowSink *) sink)->set;
  gboolean subscribed = cf_account_tree_is_subscribed (self->tree, info->name);
  guint events = cf_notify_filter_match (self->filter, info->name, subscribed);
  Row *row;

  if (events == 0)
    return;
  row = g_new0 (Row, 1);
  row->name = g_strdup (info->name);
  row->info = *info;
  row->info.name = row->name;
  if (status != NULL)
    row->counts = *status;
  row->events = events & CF_NOTIFY_MESSAGE_EVENTS;
  row->subscribed = subscribed;
  row->has_children = cf_account_tree_has_children (self->tree, info->name);
  g_ptr_array_add (self->rows, row);
}

/* One question for all: their counts if these are wanted, and which may not be read. */
static CfRun
set_load (CfCommandCall *call, Set *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  const CfAccessClass *const *access = cf_registry_get_access ();
  RowSink sink = { { sizeof sink.sink, take_row }, session, self };
  g_autoptr (CfAccountTree) before = NULL;
  gboolean scan;
  CfRun run;

  if (self->tree == NULL) {
    run = cf_notify_load_tree (call, self->watcher, &self->tree, &before, &scan, error);
    if (run != CF_RUN_DONE)
      return run;
  }
  if (self->rows != NULL || (!self->status && (access == NULL || *access == NULL)))
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  self->rows = g_ptr_array_new_with_free_func (row_free);
  return cf_store_mailbox_list_status (session, "", &sink.sink, error) ? CF_RUN_DONE : CF_RUN_ERROR;
}

/* It may be listed, but not be read. */
static void
write_no_access (CfSession *session, const Row *row)
{
  CfOutput *output = cf_session_get_output (session);

  cf_output_text (output, "* LIST (\\NoAccess ");
  cf_list_write_attributes (session, &row->info, row->has_children, row->subscribed);
  cf_list_write_name (session, row->name, NULL);
}

static void
write_row (CfSession *session, const Set *self, const Row *row)
{
  if (row->counts.id == 0)
    write_no_access (session, row);
  else if (self->status && row->events != 0 && row->counts.id != cf_session_get_mailbox (session))
    cf_notify_write_status (session, row->name, &row->counts, row->events,
                            cf_session_tells_modseq (session) || (row->events & CF_NOTIFY_FLAG_CHANGE) != 0);
}

static void
set_take_effect (CfCommandCall *call, Set *self)
{
  cf_notify_replace (cf_call_get_session (call),
                     cf_notify_new (g_steal_pointer (&self->filter), g_steal_pointer (&self->items),
                                    g_steal_pointer (&self->watcher)));
  call->tells_all = self->is_set; /* as NOOP does */
}

static Set *
set_begin (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Set *self = g_new0 (Set, 1);

  cf_call_set_state (call, self, set_free);
  self->filter = cf_notify_filter_new ();
  if (!set_parse (call, self, error) || !set_check_events (call, self, error))
    return NULL;
  if (cf_notify_filter_get_others (self->filter) != 0)
    self->watcher = cf_hub_watch (cf_session_get_account (session), cf_session_get_ref (session));
  return self;
}

CfRun
cmd_notify (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Set *self = cf_call_get_state (call);
  CfRun run;

  if (call->is_push)
    return cf_notify_tell (call, cf_notify_may_expunge (session), error);
  if (self == NULL && (self = set_begin (call, error)) == NULL)
    return CF_RUN_ERROR;
  if (self->watcher != NULL && (run = set_load (call, self, error)) != CF_RUN_DONE)
    return run;
  while (self->rows != NULL && self->at < self->rows->len) {
    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    write_row (session, self, g_ptr_array_index (self->rows, self->at++));
  }
  set_take_effect (call, self);
  return CF_RUN_DONE;
}
