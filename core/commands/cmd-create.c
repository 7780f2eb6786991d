/* core/commands/cmd-create.c - CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501, 6.3.3 to 6.3.7),
 * and CREATE's USE parameter (RFC 6154, 3).
 *
 * A subscription is an attribute of the account, "subscription/NAME": it outlives its mailbox, as RFC
 * 3501, 6.3.6 wants.
 */
#include "commands/commands.h"
#include "commands/net-unicode.h"
#include "commands/object-id.h"
#include "commands/special-use.h"
#include "commands/subscription.h"
#include "imap/call.h"
#include "imap/notify.h"
#include "imap/selected.h"
#include "store/calls.h"
#include "store/names.h"
#include "store/rights.h"

typedef struct {
  char *name, *to;
} Tree;

static void
tree_free (gpointer data)
{
  Tree *tree = data;

  g_free (tree->name);
  g_free (tree->to);
  g_free (tree);
}

/* The names of the command's arguments, read at its first step. */
static Tree *
tree_parse (CfCommandCall *call, CfMailboxNameKind kind, gboolean two, gboolean parameters, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  Tree *tree = cf_call_get_state (call);

  if (tree != NULL)
    return tree;
  tree = g_new0 (Tree, 1);
  cf_call_set_state (call, tree, tree_free);
  if (!cf_input_space (input, error) || !cf_input_mailbox_kind (input, kind, &tree->name, error))
    return NULL;
  if (two && (!cf_input_space (input, error) || !cf_input_mailbox_kind (input, kind, &tree->to, error)))
    return NULL;
  if (parameters && cf_input_skip (input, ' ')
      && !cf_call_parse_parameters (call, CF_PARAMETER_COMMAND, error))
    return NULL;
  return cf_input_end (input, error) ? tree : NULL;
}

/* Those who watch the account's names hear of it, also where it may have happened. */
static CfRun
tree_finish (CfSession *session, gboolean ok, CfTreeOpKind kind, const char *name, const char *to,
             CfMailboxId id, GError **error)
{
  if (ok)
    cf_notify_note_tree (session, kind, name, to, id);
  else if (g_error_matches (*error, CF_ERROR, CF_ERROR_UNKNOWN))
    cf_hub_note_tree (cf_session_get_account (session), 0);
  return ok ? CF_RUN_DONE : CF_RUN_ERROR;
}

CfRun
cmd_create (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Tree *tree = tree_parse (call, CF_MAILBOX_NAME_CREATE, FALSE, TRUE, error);
  gpointer special_use = NULL;
  char object_id[CF_OBJECT_ID_SIZE];
  gboolean created;
  guint32 uid_validity;
  CfMailboxId id = 0;

  if (tree == NULL || !cf_net_unicode_make (call, &tree->name, tree->name, error))
    return CF_RUN_ERROR;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  cf_call_lookup_parameter (call, "USE", &special_use);
  created
      = cf_store_mailbox_create (session, tree->name, GPOINTER_TO_UINT (special_use), &uid_validity, error);
  if (created) {
    cf_object_id_of_mailbox (uid_validity, object_id);
    cf_call_set_ok (call, "[MAILBOXID (%s)] CREATE completed", object_id);
    cf_names_lookup (cf_session_get_account (session), tree->name, &id);
    cf_net_unicode_tell (call, tree->name, TRUE);
  }
  return tree_finish (session, created, CF_TREE_CREATE, tree->name, NULL, id, error);
}

CfRun
cmd_delete (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Tree *tree = tree_parse (call, CF_MAILBOX_NAME_PLAIN, FALSE, FALSE, error);
  gboolean deleted;
  CfRun run;

  if (tree == NULL)
    return CF_RUN_ERROR;
  if (g_str_equal (tree->name, "INBOX")) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "INBOX cannot be deleted");
    return CF_RUN_ERROR;
  }
  if ((run = cf_net_unicode_settle_level (call, &tree->name, error)) != CF_RUN_DONE)
    return run;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  deleted = cf_store_mailbox_delete (session, tree->name, error);
  if (deleted) {
    cf_selected_follow_delete (session, tree->name);
    cf_net_unicode_tell (call, tree->name, FALSE);
  }
  return tree_finish (session, deleted, CF_TREE_DELETE, tree->name, NULL, 0, error);
}

static gboolean
rename_check (const Tree *tree, GError **error)
{
  gsize length = strlen (tree->name);

  if (g_str_equal (tree->to, tree->name)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "That is its name already");
    return FALSE;
  }
  if (!g_str_equal (tree->name, "INBOX") && g_str_has_prefix (tree->to, tree->name)
      && tree->to[length] == CF_MAILBOX_SEPARATOR) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "A mailbox cannot become its own child");
    return FALSE;
  }
  return TRUE;
}

CfRun
cmd_rename (CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Tree *tree = tree_parse (call, CF_MAILBOX_NAME_CREATE, TRUE, FALSE, error);
  gboolean renamed;
  CfRun run;

  if (tree == NULL)
    return CF_RUN_ERROR;
  if ((run = cf_net_unicode_settle_level (call, &tree->name, error)) != CF_RUN_DONE)
    return run;
  if (!cf_net_unicode_make (call, &tree->to, tree->name, error) || !rename_check (tree, error))
    return CF_RUN_ERROR;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  renamed = cf_store_mailbox_rename (session, tree->name, tree->to, error);
  if (renamed)
    cf_net_unicode_tell (call, tree->to, TRUE);
  return tree_finish (session, renamed, CF_TREE_RENAME, tree->name, tree->to, 0, error);
}

/* ---- Subscriptions ---- */

static gboolean
subscription_set (CfSession *session, const char *name, gboolean subscribed, GError **error)
{
  CfAttributeTarget target = { .struct_size = sizeof target, .account = cf_session_get_account (session) };
  g_autofree char *key = cf_subscription_dup_key (name);
  g_autoptr (GBytes) value = subscribed ? g_bytes_new (name, strlen (name)) : NULL; /* a store may ref it */
  CfAttribute attribute = { .struct_size = sizeof attribute, .key = key, .value = value };
  const CfAttribute *const attributes[] = { &attribute };

  return cf_store_attribute_set (session, &target, NULL, 1, attributes, error);
}

typedef struct {
  CfAttributeSink sink;
  const char *key;
  gboolean found;
} FindSink;

static void
find_attribute (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute)
{
  FindSink *self = (FindSink *) sink;

  self->found = self->found || g_str_equal (attribute->key, self->key);
}

/* A subscription outlives its mailbox: that to exactly the name that was sent goes before that to the name
 * which has been taken for it. */
static gboolean
subscription_prefer_sent (CfCommandCall *call, Tree *tree, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfAttributeTarget target = { .struct_size = sizeof target, .account = cf_session_get_account (session) };
  g_autofree char *key = NULL;
  FindSink find = { { sizeof find.sink, find_attribute }, NULL, FALSE };

  if (call->sent_name == NULL)
    return TRUE;
  find.key = key = cf_subscription_dup_key (call->sent_name);
  if (!cf_store_attribute_get (session, &target, NULL, key, &find.sink, error))
    return FALSE;
  if (find.found) {
    g_free (tree->name);
    tree->name = g_strdup (call->sent_name);
  }
  return TRUE;
}

static CfRun
subscription_run (CfCommandCall *call, gboolean subscribed, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Tree *tree = tree_parse (call, CF_MAILBOX_NAME_PLAIN, FALSE, FALSE, error);
  CfMailboxId id;
  CfRun run;

  if (tree == NULL)
    return CF_RUN_ERROR;
  if ((run = cf_net_unicode_settle (call, &tree->name, error)) != CF_RUN_DONE)
    return run;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!subscribed && !subscription_prefer_sent (call, tree, error))
    return CF_RUN_ERROR;
  if (!cf_rights_check (session, tree->name, CF_RIGHT_LOOKUP, error))
    return CF_RUN_ERROR;
  /* One can only subscribe to what is there, and unsubscribe from what was. */
  if (subscribed && !cf_store_resolve (session, tree->name, &id, error))
    return CF_RUN_ERROR;
  return tree_finish (session, subscription_set (session, tree->name, subscribed, error),
                      subscribed ? CF_TREE_SUBSCRIBE : CF_TREE_UNSUBSCRIBE, tree->name, NULL, 0, error);
}

CfRun
cmd_subscribe (CfCommandCall *call, GError **error)
{
  return subscription_run (call, TRUE, error);
}

CfRun
cmd_unsubscribe (CfCommandCall *call, GError **error)
{
  return subscription_run (call, FALSE, error);
}

/* ---- CREATE ... (USE (\Sent)) ---- */

static gboolean
use_parse_attribute (CfInput *input, guint *uses, GError **error)
{
  g_autofree char *name = NULL;
  guint use;

  if (!cf_input_expect (input, '\\', error) || !cf_input_atom (input, &name, error))
    return FALSE;
  use = cf_special_use_from_name (name);
  if (use == 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_USEATTR, "\\%s is not a special use known here", name);
    return FALSE;
  }
  *uses |= use;
  return TRUE;
}

static gboolean
use_parse (CfCommandCall *call, CfInput *input, GError **error)
{
  guint uses = 0;

  if (!cf_input_space (input, error) || !cf_input_expect (input, '(', error))
    return FALSE;
  if (!cf_input_skip (input, ')')) {
    do {
      if (!use_parse_attribute (input, &uses, error))
        return FALSE;
    } while (cf_input_skip (input, ' '));
    if (!cf_input_expect (input, ')', error))
      return FALSE;
  }
  cf_call_set_parameter (call, "USE", GUINT_TO_POINTER (uses), NULL);
  return TRUE;
}

static const char *const use_commands[] = { "CREATE", NULL };
static const CfParameter parameters[] = {
  { use_commands, CF_PARAMETER_COMMAND, "USE", use_parse },
};

gboolean
cf_create_parameters_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_parameters (registrar, parameters, error);
}
