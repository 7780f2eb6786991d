/* core/cofferctl/migrate-account.c - bringing one account up to date (migrate.h).
 *
 * While it is being copied the account is marked so and disabled at the destination: nobody sees it half, and
 * nobody changes it. Mailboxes are the same on both sides when their UIDVALIDITY is, whatever they are
 * called.
 */
#include "cofferctl/migrate.h"

#include <stdio.h>
#include <string.h>

/* ---- What the files share ---- */

void
migrate_account_fault (MigrateAccount *account, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  ctl_progress_clear (&account->migration->progress);
  g_printerr ("cofferctl: %s: %s\n", account->name, g_strdelimit (text, "\r\n", ' '));
  account->n_faults++;
}

gboolean
migrate_account_lookup (MigrateAccount *account, CfContentId content, CfContentId *out)
{
  const CfContentId *found = g_hash_table_lookup (account->contents, &content);

  if (found == NULL)
    return FALSE;
  *out = *found;
  return TRUE;
}

void
migrate_account_insert (MigrateAccount *account, CfContentId content, CfContentId there)
{
  g_hash_table_replace (account->contents, g_memdup2 (&content, sizeof content),
                        g_memdup2 (&there, sizeof there));
}

/* ---- Who it is ---- */

static gboolean
update (MigrateAccount *account, CfAccountChange change, GError **error)
{
  MigrateStore *to = &account->migration->to;

  change.struct_size = sizeof change;
  return to->slots.account_update (to->conn, &to->call, account->to, &change, error);
}

static gboolean
has_address (const MigrateState *state, const char *address)
{
  return g_ptr_array_find_with_equal_func (state->addresses, address, g_str_equal, NULL);
}

/* First what goes: another account may get it. */
static gboolean
copy_addresses (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  for (guint i = 0; i < to->addresses->len; i++) {
    const char *address = g_ptr_array_index (to->addresses, i);

    if (!has_address (from, address)
        && !update (account, (CfAccountChange){ .disabled = -1, .remove_address = address }, error))
      return FALSE;
  }
  for (guint i = 0; i < from->addresses->len; i++) {
    const char *address = g_ptr_array_index (from->addresses, i);

    if (has_address (to, address))
      continue;
    if (!update (account, (CfAccountChange){ .disabled = -1, .add_address = address }, error)) {
      g_prefix_error (error, "%s: ", address);
      return FALSE;
    }
  }
  return TRUE;
}

static const CfAttribute *
find_credential (const MigrateState *state, const char *kind)
{
  for (guint i = 0; i < state->credentials->len; i++) {
    const CfAttribute *credential = g_ptr_array_index (state->credentials, i);

    if (g_str_equal (credential->key, kind))
      return credential;
  }
  return NULL;
}

static gboolean
copy_credentials (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  for (guint i = 0; i < from->credentials->len; i++) {
    const CfAttribute *new = g_ptr_array_index (from->credentials, i);
    const CfAttribute *old = find_credential (to, new->key);
    const CfAccountChange change = { .disabled = -1, .credential_kind = new->key, .credential = new->value };

    if ((old == NULL || !g_bytes_equal (old->value, new->value)) && !update (account, change, error))
      return FALSE;
  }
  for (guint i = 0; i < to->credentials->len; i++) {
    const CfAttribute *old = g_ptr_array_index (to->credentials, i);

    if (find_credential (from, old->key) == NULL
        && !update (account, (CfAccountChange){ .disabled = -1, .credential_kind = old->key }, error))
      return FALSE;
  }
  return TRUE;
}

/* All of the account but its mailboxes, and whether it is disabled. */
static gboolean
copy_account (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  const CfAttributeTarget target = { .struct_size = sizeof target, .account = account->to };

  return copy_addresses (account, from, to, error) && copy_credentials (account, from, to, error)
         && update (account,
                    (CfAccountChange){ .disabled = -1, .last_uid_validity = from->last_uid_validity }, error)
         && migrate_attributes_apply (&account->migration->to, &target, from->attributes, to->attributes,
                                      error);
}

/* ---- Its mailboxes ---- */

static const CfMailboxInfo *
find_by_validity (const MigrateState *state, guint32 uid_validity)
{
  for (guint i = 0; i < state->mailboxes->len; i++) {
    const CfMailboxInfo *info = &g_array_index (state->mailboxes, CfMailboxInfo, i);

    if (info->uid_validity == uid_validity)
      return info;
  }
  return NULL;
}

static const CfMailboxInfo *
find_by_name (const MigrateState *state, const char *name)
{
  for (guint i = 0; i < state->mailboxes->len; i++) {
    const CfMailboxInfo *info = &g_array_index (state->mailboxes, CfMailboxInfo, i);

    if (g_str_equal (info->name, name))
      return info;
  }
  return NULL;
}

/* A mailbox whose name belongs to another one now gets a name that no mailbox can have. */
static gboolean
move_aside (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  MigrateStore *store = &account->migration->to;

  for (guint i = 0; i < to->mailboxes->len; i++) {
    const CfMailboxInfo *there = &g_array_index (to->mailboxes, CfMailboxInfo, i);
    const CfMailboxInfo *namesake = find_by_name (from, there->name);
    g_autofree char *name = g_strdup_printf ("\001%" G_GUINT64_FORMAT, there->id);
    CfMailboxInfo aside = *there;
    const CfRestore restore = { .struct_size = sizeof restore, .account = account->to, .mailbox = &aside };
    CfContentId none;
    CfMailboxId id;

    if (namesake == NULL || namesake->uid_validity == there->uid_validity)
      continue;
    aside.struct_size = sizeof aside;
    aside.name = name;
    if (!store->slots.mailbox_restore (store->conn, &store->call, &restore, &id, &none, error))
      return FALSE;
  }
  return TRUE;
}

/* The mailboxes of the source, each with its like at the destination. */
static GPtrArray *
pair_mailboxes (const MigrateState *from, const MigrateState *to)
{
  GPtrArray *mailboxes = g_ptr_array_new_with_free_func ((GDestroyNotify) migrate_mailbox_free);

  for (guint i = 0; i < from->mailboxes->len; i++) {
    const CfMailboxInfo *info = &g_array_index (from->mailboxes, CfMailboxInfo, i);
    const CfMailboxInfo *there = find_by_validity (to, info->uid_validity);

    g_ptr_array_add (mailboxes, migrate_mailbox_new (info->id, there != NULL ? there->id : 0));
  }
  return mailboxes;
}

/* From the messages that are there already. */
static gboolean
learn_contents (MigrateAccount *account, GPtrArray *mailboxes, const MigrateState *to, GError **error)
{
  gboolean any = FALSE;

  for (guint i = 0; i < to->mailboxes->len; i++)
    any = any || g_array_index (to->mailboxes, CfMailboxInfo, i).uid_next > 1;
  for (guint i = 0; any && i < mailboxes->len; i++) {
    MigrateMailbox *mailbox = g_ptr_array_index (mailboxes, i);

    if (mailbox->to != 0 && !migrate_mailbox_learn (account, mailbox, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
delete_others (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  MigrateStore *store = &account->migration->to;

  for (guint i = 0; i < to->mailboxes->len; i++) {
    const CfMailboxInfo *there = &g_array_index (to->mailboxes, CfMailboxInfo, i);

    if (find_by_validity (from, there->uid_validity) == NULL
        && !store->slots.mailbox_delete (store->conn, &store->call, account->to, there->id, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
copy_mailboxes (MigrateAccount *account, const MigrateState *from, const MigrateState *to, GError **error)
{
  g_autoptr (GPtrArray) mailboxes = pair_mailboxes (from, to);

  if (!move_aside (account, from, to, error) || !learn_contents (account, mailboxes, to, error))
    return FALSE;
  for (guint i = 0; i < mailboxes->len; i++)
    if (!migrate_mailbox_copy (account, g_ptr_array_index (mailboxes, i), error))
      return FALSE;
  for (guint i = 0; i < mailboxes->len; i++) {
    MigrateMailbox *mailbox = g_ptr_array_index (mailboxes, i);

    if (!mailbox->gone && !migrate_mailbox_finish (account, mailbox, error))
      return FALSE;
  }
  return delete_others (account, from, to, error);
}

/* ---- The account ---- */

static gboolean
refuse (GError **error, const char *text)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, text);
  return FALSE;
}

static gboolean
check_ours (const MigrateState *to, GError **error)
{
  if (migrate_mark_is_copying (to) || migrate_mark_holds (to) || migrate_state_is_fresh (to))
    return TRUE;
  return refuse (error,
                 to->mark == NULL
                     ? "There is such an account at the destination, which migrate did not make"
                     : "It has been changed at the destination since it was copied; it is left as it is. "
                       "Delete it there to have it copied again");
}

/* Ends the copy: the account may be used. Its mark says what it is then. */
static gboolean
finish (MigrateAccount *account, const MigrateState *from, GError **error)
{
  Migration *migration = account->migration;
  g_autoptr (MigrateState) now = NULL;
  g_autoptr (MigrateState) to = NULL;

  if (!update (account, (CfAccountChange){ .disabled = from->disabled }, error))
    return FALSE;
  to = migrate_state_load (&migration->to, account->name, account->to, error);
  if (to == NULL)
    return FALSE;
  if (!g_str_equal (to->digest, from->digest)) {
    /* What changed meanwhile comes with the next run. */
    now = migrate_state_load (&migration->from, account->name, account->from, error);
    if (now == NULL)
      return FALSE;
    if (g_str_equal (now->digest, from->digest))
      return refuse (error, "The copy is not what the account is");
  }
  return migrate_mark_copied (&migration->to, account->to, to, account->n_faults == 0, error);
}

/* Reads what is there, making the account if there is none. */
static MigrateState *
open_there (MigrateAccount *account, GError **error)
{
  MigrateStore *to = &account->migration->to;

  if (account->to == 0 && !to->slots.account_create (to->conn, &to->call, account->name, &account->to, error))
    return NULL;
  return migrate_state_load (to, account->name, account->to, error);
}

gboolean
migrate_account (MigrateAccount *account, gboolean may_skip, gboolean *out_unchanged, GError **error)
{
  Migration *migration = account->migration;
  g_autoptr (MigrateState) from = migrate_state_load (&migration->from, account->name, account->from, error);
  g_autoptr (MigrateState) to = from != NULL ? open_there (account, error) : NULL;
  g_autoptr (GHashTable) contents = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);

  *out_unchanged = FALSE;
  if (to == NULL || !check_ours (to, error))
    return FALSE;
  if (may_skip && migrate_mark_is_of (to, from)) {
    *out_unchanged = TRUE;
    return TRUE;
  }
  account->contents = contents;
  return migrate_mark_copying (&migration->to, account->to, error)
         && update (account, (CfAccountChange){ .disabled = 1 }, error)
         && copy_account (account, from, to, error) && copy_mailboxes (account, from, to, error)
         && finish (account, from, error);
}
