/* core/commands/cmd-list.c - LIST and LSUB (RFC 3501, 6.3.8, 6.3.9; RFC 3348; RFC 6154, 2; RFC 5258, 4 for
 * LSUB).
 *
 * A name that only exists because others are below it has no row in the store; it is derived here, and listed
 * with \Noselect. Names stay sorted, so that what is below a name follows it closely.
 */
#include "commands/commands.h"
#include "commands/pattern.h"
#include "commands/special-use.h"
#include "commands/subscription.h"
#include "imap/input.h"
#include "imap/session.h"
#include "module/registry.h"
#include "store/calls.h"

typedef struct {
  char *name;
  CfMailboxInfo info; /* name is the above; id 0 and all else too without a row in the store */
  gboolean is_real;   /* has a row of its own */
  gboolean has_children;
} Entry;

typedef struct {
  gboolean lsub;
  char *pattern;       /* with the reference in front */
  GHashTable *entries; /* name -> Entry */
} List;

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  g_free (entry->name);
  g_free (entry);
}

static void
list_free (gpointer data)
{
  List *list = data;

  g_free (list->pattern);
  g_clear_pointer (&list->entries, g_hash_table_unref);
  g_free (list);
}

static Entry *
list_get_entry (List *list, const char *name, gsize length)
{
  g_autofree char *key = g_strndup (name, length);
  Entry *entry = g_hash_table_lookup (list->entries, key);

  if (entry == NULL) {
    entry = g_new0 (Entry, 1);
    entry->name = g_steal_pointer (&key);
    entry->info = (CfMailboxInfo){ .struct_size = sizeof entry->info, .name = entry->name };
    g_hash_table_insert (list->entries, entry->name, entry);
  }
  return entry;
}

/* Adds @name and marks every level above it as having children. */
static Entry *
list_add (List *list, const char *name)
{
  for (const char *at = strchr (name, CF_MAILBOX_SEPARATOR); at != NULL;
       at = strchr (at + 1, CF_MAILBOX_SEPARATOR))
    list_get_entry (list, name, at - name)->has_children = TRUE;
  return list_get_entry (list, name, strlen (name));
}

/* ---- What the store holds ---- */

typedef struct {
  CfMailboxSink sink;
  List *list;
} MailboxSink;

static void
list_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  Entry *entry = list_add (((MailboxSink *) sink)->list, info->name);

  entry->is_real = TRUE;
  entry->info = *info;
  entry->info.name = entry->name;
}

typedef struct {
  CfAttributeSink sink;
  List *list;
} SubscriptionSink;

static void
list_subscription (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  gsize length;
  const char *octets = g_bytes_get_data (attribute->value, &length);
  g_autofree char *name = g_strndup (octets, length);

  list_add (((SubscriptionSink *) sink)->list, name)->is_real = TRUE;
}

static gboolean
list_load (CfSession *session, List *list, GError **error)
{
  list->entries = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, entry_free);
  if (list->lsub) {
    CfAttributeTarget target = { .struct_size = sizeof target, .account = cf_session_get_account (session) };
    SubscriptionSink sink = { { sizeof sink.sink, list_subscription }, list };

    return cf_store_attribute_get (session, &target, NULL, CF_SUBSCRIPTION_PREFIX, &sink.sink, error);
  }
  MailboxSink sink = { { sizeof sink.sink, list_mailbox }, list };
  return cf_store_mailbox_list (session, &sink.sink, error);
}

/* ---- Responses ---- */

static void
list_write_attributes (CfCommandCall *call, const List *list, const Entry *entry)
{
  CfOutput *output = cf_call_get_output (call);
  const char *space = "";

  if (!entry->is_real) {
    cf_output_text (output, "\\Noselect");
    space = " ";
  }
  if (list->lsub)
    return;
  cf_output_printf (output, "%s%s", space, entry->has_children ? "\\HasChildren" : "\\HasNoChildren");
  for (guint bit = 1; bit <= CF_SPECIAL_USE_IMPORTANT; bit <<= 1)
    if ((entry->info.special_use & bit) != 0)
      cf_output_printf (output, " %s", cf_special_use_get_name (bit));
  for (guint i = 0; i < cf_registry_get_n_items (CF_ITEM_LIST); i++)
    cf_registry_get_item (CF_ITEM_LIST, i)->emit_list (cf_call_get_session (call), &entry->info, output);
}

static void
list_write (CfCommandCall *call, const List *list, const Entry *entry)
{
  CfOutput *output = cf_call_get_output (call);

  cf_output_printf (output, "* %s (", list->lsub ? "LSUB" : "LIST");
  list_write_attributes (call, list, entry);
  cf_output_text (output, ") \"/\" ");
  cf_output_mailbox (output, entry->name, TRUE);
  cf_output_text (output, "\r\n");
}

/* LSUB shows a level that is not subscribed only to stand for what is below it and does not match itself (RFC
 * 3501, 6.3.9: "%"). */
static gboolean
list_shows (const List *list, const Entry *entry)
{
  if (!cf_pattern_matches (list->pattern, entry->name))
    return FALSE;
  return entry->is_real || !list->lsub || strchr (list->pattern, '%') != NULL;
}

static gint
entry_compare (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Entry *const *) a)->name, (*(Entry *const *) b)->name);
}

static void
list_respond (CfCommandCall *call, List *list)
{
  g_autoptr (GPtrArray) shown = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer entry;

  g_hash_table_iter_init (&iter, list->entries);
  while (g_hash_table_iter_next (&iter, NULL, &entry))
    if (list_shows (list, entry))
      g_ptr_array_add (shown, entry);
  g_ptr_array_sort (shown, entry_compare);
  for (guint i = 0; i < shown->len; i++)
    list_write (call, list, g_ptr_array_index (shown, i));
}

/* ---- The commands ---- */

static gboolean
list_parse (CfCommandCall *call, List *list, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *reference = NULL;
  g_autofree char *pattern = NULL;

  if (!cf_input_space (input, error)
      || !cf_input_mailbox_kind (input, CF_MAILBOX_NAME_PATTERN, &reference, error)
      || !cf_input_space (input, error) || !cf_input_list_mailbox (input, &pattern, error)
      || !cf_input_end (input, error))
    return FALSE;
  if (pattern[0] == '\0' && !list->lsub)
    return TRUE; /* asks for the separator and the reference's root */
  g_autofree char *whole = g_strconcat (reference, pattern, NULL);
  list->pattern = cf_mailbox_name_normalise (whole, CF_MAILBOX_NAME_PATTERN, error);
  return list->pattern != NULL;
}

static CfRun
list_run (CfCommandCall *call, gboolean lsub, GError **error)
{
  List *list = cf_call_get_state (call);

  if (list == NULL) {
    list = g_new0 (List, 1);
    list->lsub = lsub;
    cf_call_set_state (call, list, list_free);
    if (!list_parse (call, list, error))
      return CF_RUN_ERROR;
    if (list->pattern == NULL) {
      cf_output_text (cf_call_get_output (call), "* LIST (\\Noselect) \"/\" \"\"\r\n");
      return CF_RUN_DONE;
    }
  }
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!list_load (cf_call_get_session (call), list, error))
    return CF_RUN_ERROR;
  list_respond (call, list);
  return CF_RUN_DONE;
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
