/* core/control/accounts.c - accounts, their passwords and addresses (control.h).
 *
 * An account is named by any of its addresses. What a command changes is durable when it answers OK, and
 * sessions of an account that may no longer log in have been told to end.
 */
#include <string.h>

#include "base/log.h"
#include "control/private.h"
#include "imap/session.h"
#include "mailbox/mailbox.h"
#include "module/registry.h"
#include "store/names.h"

/* ---- Finding one ---- */

typedef struct {
  CfAccountSink sink;
  CfAccountId id;
  char *name;
  guint64 octets, messages;
  gboolean disabled;
  GPtrArray *addresses;
} Account;

static void
account_clear (Account *account)
{
  g_free (account->name);
  g_clear_pointer (&account->addresses, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Account, account_clear)

static void
receive_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  Account *account = (Account *) sink;

  account->id = info->id;
  account->name = g_strdup (info->name);
  account->octets = info->octets;
  account->messages = info->messages;
  account->disabled = info->disabled;
}

static void
receive_address (CfAccountSink *sink, const char *address)
{
  g_ptr_array_add (((Account *) sink)->addresses, g_strdup (address));
}

static void
receive_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

char *
cf_control_normalise (const char *address, GError **error)
{
  char *normal = cf_address_normalise (address);

  if (normal == NULL)
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT,
                 "'%s' cannot be an address: it is empty, longer than 250 octets, or has control characters",
                 address);
  return normal;
}

/* @account is cleared by the caller. */
static gboolean
account_find (CfControl *control, const char *name, Account *account, GError **error)
{
  g_autofree char *normal = cf_control_normalise (name, error);
  g_autoptr (GError) local = NULL;
  CfStoreFrame frame;

  account->sink
      = (CfAccountSink){ sizeof account->sink, receive_account, receive_address, receive_credential };
  account->addresses = g_ptr_array_new_with_free_func (g_free);
  if (normal == NULL || !cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  if (cf_store_end (&frame,
                    frame.slots->account_lookup (frame.conn, &frame.call, normal, &account->sink, &local),
                    &local))
    return TRUE;
  if (g_error_matches (local, CF_ERROR, CF_ERROR_NONEXISTENT))
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no account with the address '%s'", normal);
  else
    g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

char *
cf_control_dup_user (CfControl *control, const char *name, GError **error)
{
  g_auto (Account) account = { 0 };

  return account_find (control, name, &account, error) ? g_steal_pointer (&account.name) : NULL;
}

CfAccountId
cf_control_find_account (CfControl *control, const char *name, GError **error)
{
  g_auto (Account) account = { 0 };

  return account_find (control, name, &account, error) ? account.id : 0;
}

static gboolean
account_change (CfControl *control, CfAccountId account, const CfAccountChange *change, GError **error)
{
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  return cf_store_end (&frame, frame.slots->account_update (frame.conn, &frame.call, account, change, error),
                       error);
}

static void
log_done (CfControl *control, const char *user, const char *what)
{
  cf_log (G_LOG_LEVEL_MESSAGE,
          &(CfLogContext){ .session = cf_conn_get_id (control->conn),
                           .peer = cf_conn_get_peer (control->conn)->text,
                           .user = user },
          "%s", what);
}

/* ---- Passwords ---- */

typedef struct {
  char *kind;
  GBytes *value;
} Credential;

static void
credential_clear (gpointer data)
{
  Credential *credential = data;

  g_free (credential->kind);
  g_clear_pointer (&credential->value, g_bytes_unref);
}

/* What every authentication class wants kept of @password: an array of Credential. NULL: @error. */
static GArray *
derive_credentials (const char *user, const char *password, GError **error)
{
  const CfAuthenticationClass *const *classes = cf_registry_get_authentication ();
  g_autoptr (GArray) credentials = g_array_new (FALSE, TRUE, sizeof (Credential));

  g_array_set_clear_func (credentials, credential_clear);
  for (; *classes != NULL; classes++) {
    Credential credential = { 0 };

    if ((*classes)->derive_credential == NULL)
      continue;
    if (!(*classes)->derive_credential (user, password, &credential.kind, &credential.value, error))
      return NULL;
    g_array_append_val (credentials, credential);
  }
  if (credentials->len > 0)
    return g_steal_pointer (&credentials);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT,
                       "No loaded module keeps passwords; is auth in [server] modules?");
  return NULL;
}

static gboolean
store_credentials (CfControl *control, CfAccountId account, GArray *credentials, GError **error)
{
  for (guint i = 0; i < credentials->len; i++) {
    const Credential *credential = &g_array_index (credentials, Credential, i);
    CfAccountChange change = { .struct_size = sizeof change,
                               .disabled = -1,
                               .credential_kind = credential->kind,
                               .credential = credential->value };

    if (!account_change (control, account, &change, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
cf_control_passwd (CfControl *control, char **args, GError **error)
{
  g_auto (Account) account = { 0 };
  g_autoptr (GArray) credentials = NULL;

  if (!account_find (control, args[0], &account, error))
    return FALSE;
  credentials = derive_credentials (account.name, args[1], error);
  if (credentials == NULL || !store_credentials (control, account.id, credentials, error))
    return FALSE;
  log_done (control, account.name, "Password set");
  return TRUE;
}

/* ---- Accounts ---- */

/* Stores say in their own words that an address is taken; here it can be named. */
static gboolean
fail_taken (GError *failure, const char *address, GError **error)
{
  if (g_error_matches (failure, CF_ERROR, CF_ERROR_ALREADYEXISTS)) {
    g_error_free (failure);
    g_set_error (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "There is an account with the address '%s' already",
                 address);
  } else {
    g_propagate_error (error, failure);
  }
  return FALSE;
}

static gboolean
account_create (CfControl *control, const char *name, CfAccountId *out_id, GError **error)
{
  g_autoptr (GError) local = NULL;
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  if (cf_store_end (&frame, frame.slots->account_create (frame.conn, &frame.call, name, out_id, &local),
                    &local))
    return TRUE;
  return fail_taken (g_steal_pointer (&local), name, error);
}

static gboolean
account_delete (CfControl *control, const Account *account, GError **error)
{
  CfStoreFrame frame;

  /* The size lengthens the deadline: all of it may have to be overwritten. */
  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), account->octets, error))
    return FALSE;
  return cf_store_end (&frame, frame.slots->account_delete (frame.conn, &frame.call, account->id, error),
                       error);
}

/* Nobody can log in before the password is there, so what is half made is never seen by a client. */
gboolean
cf_control_user_add (CfControl *control, char **args, GError **error)
{
  g_autofree char *name = cf_control_normalise (args[0], error);
  g_autoptr (GArray) credentials = NULL;
  g_autoptr (GError) undo_error = NULL;
  Account created = { 0 };

  if (name == NULL)
    return FALSE;
  if (args[1] != NULL && (credentials = derive_credentials (name, args[1], error)) == NULL)
    return FALSE;
  if (!account_create (control, name, &created.id, error))
    return FALSE;
  if (cf_control_make_mailboxes (control, created.id, error)
      && (credentials == NULL || store_credentials (control, created.id, credentials, error))) {
    log_done (control, name, "Account added");
    return TRUE;
  }
  if (!account_delete (control, &created, &undo_error))
    g_prefix_error (error, "The account was made, but is not complete: ");
  return FALSE;
}

typedef struct {
  CfAccountSink sink;
  GPtrArray *accounts; /* of Account */
} ListSink;

static void
list_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  Account *account = g_new0 (Account, 1);

  receive_account (&account->sink, info);
  g_ptr_array_add (((ListSink *) sink)->accounts, account);
}

static void
list_ignore_address (CfAccountSink *sink, const char *address)
{
}

static void
list_free (gpointer data)
{
  account_clear (data);
  g_free (data);
}

/* Each data line: name, "enabled" or "disabled", messages, octets. */
gboolean
cf_control_user_list (CfControl *control, char **args, GError **error)
{
  g_autoptr (GPtrArray) accounts = g_ptr_array_new_with_free_func (list_free);
  ListSink list = { { sizeof list.sink, list_account, list_ignore_address, receive_credential }, accounts };
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  if (!cf_store_end (&frame, frame.slots->account_list (frame.conn, &frame.call, &list.sink, error), error))
    return FALSE;
  for (guint i = 0; i < accounts->len; i++) {
    const Account *account = g_ptr_array_index (accounts, i);
    g_autofree char *messages = g_strdup_printf ("%" G_GUINT64_FORMAT, account->messages);
    g_autofree char *octets = g_strdup_printf ("%" G_GUINT64_FORMAT, account->octets);

    cf_control_reply (control, account->name, account->disabled ? "disabled" : "enabled", messages, octets,
                      NULL);
  }
  return TRUE;
}

gboolean
cf_control_user_disable (CfControl *control, char **args, GError **error)
{
  CfAccountChange change = { .struct_size = sizeof change, .disabled = 1 };
  g_auto (Account) account = { 0 };

  if (!account_find (control, args[0], &account, error)
      || !account_change (control, account.id, &change, error))
    return FALSE;
  cf_control_kick_account (cf_conn_get_net (control->conn), account.id);
  log_done (control, account.name, "Account disabled");
  return TRUE;
}

gboolean
cf_control_user_enable (CfControl *control, char **args, GError **error)
{
  CfAccountChange change = { .struct_size = sizeof change, .disabled = 0 };
  g_auto (Account) account = { 0 };

  if (!account_find (control, args[0], &account, error)
      || !account_change (control, account.id, &change, error))
    return FALSE;
  log_done (control, account.name, "Account enabled");
  return TRUE;
}

typedef struct {
  CfMailboxSink sink;
  GArray *ids;
} IdSink;

static void
receive_id (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  g_array_append_val (((IdSink *) sink)->ids, info->id);
}

static gboolean
list_mailbox_ids (CfControl *control, CfAccountId account, GArray *ids, GError **error)
{
  IdSink sink = { { sizeof sink.sink, receive_id }, ids };
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_conn_get_id (control->conn), 0, error))
    return FALSE;
  return cf_store_end (
      &frame, frame.slots->mailbox_list (frame.conn, &frame.call, account, &sink.sink, error), error);
}

static void
forget_mailboxes (CfAccountId account, GArray *ids)
{
  for (guint i = 0; i < ids->len; i++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_lookup (account, g_array_index (ids, CfMailboxId, i));

    if (mailbox != NULL)
      cf_mailbox_set_gone (mailbox);
  }
  cf_names_forget_account (account);
}

/* Disabled first, so that nobody logs in while it goes; told twice, as somebody may just have done so. */
gboolean
cf_control_user_delete (CfControl *control, char **args, GError **error)
{
  CfAccountChange disable = { .struct_size = sizeof disable, .disabled = 1 };
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (CfMailboxId));
  g_auto (Account) account = { 0 };

  if (!account_find (control, args[0], &account, error)
      || !account_change (control, account.id, &disable, error))
    return FALSE;
  cf_control_kick_account (cf_conn_get_net (control->conn), account.id);
  if (!list_mailbox_ids (control, account.id, ids, error) || !account_delete (control, &account, error))
    return FALSE;
  cf_control_kick_account (cf_conn_get_net (control->conn), account.id);
  forget_mailboxes (account.id, ids);
  log_done (control, account.name, "Account deleted");
  return TRUE;
}

/* ---- Addresses ---- */

gboolean
cf_control_address_add (CfControl *control, char **args, GError **error)
{
  g_autofree char *address = cf_control_normalise (args[1], error);
  CfAccountChange change = { .struct_size = sizeof change, .disabled = -1, .add_address = address };
  g_auto (Account) account = { 0 };
  g_autoptr (GError) local = NULL;

  if (address == NULL || !account_find (control, args[0], &account, error))
    return FALSE;
  if (!account_change (control, account.id, &change, &local))
    return fail_taken (g_steal_pointer (&local), address, error);
  log_done (control, account.name, "Address added");
  return TRUE;
}

gboolean
cf_control_address_remove (CfControl *control, char **args, GError **error)
{
  g_autofree char *address = cf_control_normalise (args[1], error);
  CfAccountChange change = { .struct_size = sizeof change, .disabled = -1, .remove_address = address };
  g_auto (Account) account = { 0 };

  if (address == NULL || !account_find (control, args[0], &account, error))
    return FALSE;
  /* Its name must go on finding it, and must not become another's. */
  if (g_str_equal (address, account.name)) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "'%s' is the account's name", address);
    return FALSE;
  }
  if (!account_change (control, account.id, &change, error))
    return FALSE;
  log_done (control, account.name, "Address removed");
  return TRUE;
}

gboolean
cf_control_address_list (CfControl *control, char **args, GError **error)
{
  g_auto (Account) account = { 0 };

  if (!account_find (control, args[0], &account, error))
    return FALSE;
  for (guint i = 0; i < account.addresses->len; i++)
    cf_control_reply (control, g_ptr_array_index (account.addresses, i), NULL);
  return TRUE;
}

/* ---- Acting for one ---- */

gboolean
cf_control_imap (CfControl *control, char **args, GError **error)
{
  g_auto (Account) account = { 0 };

  if (!account_find (control, args[0], &account, error))
    return FALSE;

  CfIdentity identity = { .struct_size = sizeof identity,
                          .account = account.id,
                          .user = account.name,
                          .address = account.name,
                          .actor = (char *) "cofferctl" };
  cf_conn_set_label (control->conn, account.name);
  cf_conn_write_string (control->conn, "OK\n");
  control->imap = cf_session_preauthenticate (control->conn, &identity);
  return TRUE;
}
