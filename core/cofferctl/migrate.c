/* core/cofferctl/migrate.c - migrate: all accounts of one store to another (migrate.h). */
#include "cofferctl/migrate.h"

#include <stdio.h>
#include <string.h>

#include "cofferctl/cofferctl.h"
#include "module/settings.h"

/* An account as its store lists it. */
typedef struct {
  CfAccountId id;
  char *name;
  guint64 octets, messages;
} Listed;

static void
listed_free (gpointer data)
{
  Listed *listed = data;

  g_free (listed->name);
  g_free (listed);
}

typedef struct {
  CfAccountSink sink;
  GPtrArray *accounts;
} ListSink;

static void
take_account (CfAccountSink *sink, const CfAccountInfo *info)
{
  Listed *listed = g_new (Listed, 1);

  *listed = (Listed){ info->id, g_strdup (info->name), info->octets, info->messages };
  g_ptr_array_add (((ListSink *) sink)->accounts, listed);
}

static void
ignore_address (CfAccountSink *sink, const char *address)
{
}

static void
ignore_credential (CfAccountSink *sink, const char *kind, GBytes *value)
{
}

/* Of Listed, in order of id. NULL: @error. */
static GPtrArray *
list_accounts (MigrateStore *store, GError **error)
{
  g_autoptr (GPtrArray) accounts = g_ptr_array_new_with_free_func (listed_free);
  ListSink sink = { { sizeof sink.sink, take_account, ignore_address, ignore_credential }, accounts };

  if (!store->slots.account_list (store->conn, &store->call, &sink.sink, error)) {
    g_prefix_error (error, "%s: ", store->class_name);
    return NULL;
  }
  return g_steal_pointer (&accounts);
}

/* By name; borrows. */
static GHashTable *
index_accounts (GPtrArray *accounts)
{
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < accounts->len; i++)
    g_hash_table_insert (names, ((Listed *) g_ptr_array_index (accounts, i))->name,
                         g_ptr_array_index (accounts, i));
  return names;
}

/* ---- The accounts, one after the other ---- */

typedef struct {
  Migration migration;
  GHashTable *there;  /* name: Listed of the destination */
  GPtrArray *waiting; /* Listed that another account was in the way of */
  guint n_copied, n_unchanged, n_failed, n_left;
} Run;

static gboolean
is_lost (const GError *error)
{
  return g_error_matches (error, CF_ERROR, CF_ERROR_UNAVAILABLE)
         || g_error_matches (error, CF_ERROR, CF_ERROR_UNKNOWN);
}

/* Says what became of the account. FALSE: a store is not there any more. */
static gboolean
take_failure (Run *run, MigrateAccount *account, const Listed *listed, gboolean last, const GError *cause,
              GError **error)
{
  if (!last && g_error_matches (cause, CF_ERROR, CF_ERROR_ALREADYEXISTS)) {
    g_ptr_array_add (run->waiting, (gpointer) listed);
    return TRUE;
  }
  run->n_failed++;
  migrate_account_fault (account, "%s", cause->message);
  return !is_lost (cause)
         || (migrate_store_reconnect (&run->migration.from, error)
             && migrate_store_reconnect (&run->migration.to, error));
}

static gboolean
copy_one (Run *run, const Listed *listed, gboolean last, GError **error)
{
  Migration *migration = &run->migration;
  const Listed *there = g_hash_table_lookup (run->there, listed->name);
  MigrateAccount account = {
    .migration = migration, .name = listed->name, .from = listed->id, .to = there != NULL ? there->id : 0
  };
  gboolean same = there != NULL && there->messages == listed->messages && there->octets == listed->octets;
  guint64 begun = migration->done;
  g_autoptr (GError) cause = NULL;
  gboolean unchanged, ok;

  ok = migrate_account (&account, same, &unchanged, &cause);
  migration->done = begun + listed->octets;
  ctl_progress_set_octets (&migration->progress, migration->done, migration->total);
  if (!ok)
    return take_failure (run, &account, listed, last, cause, error);
  if (account.n_faults > 0)
    run->n_failed++;
  else if (unchanged)
    run->n_unchanged++;
  else
    run->n_copied++;
  return TRUE;
}

/* In order of id, as they were made; those that found an address taken, once more when all others are done.
 */
static gboolean
copy_all (Run *run, GPtrArray *accounts, GError **error)
{
  g_autoptr (GPtrArray) waiting = NULL;

  for (guint i = 0; i < accounts->len; i++)
    if (!copy_one (run, g_ptr_array_index (accounts, i), FALSE, error))
      return FALSE;
  waiting = g_steal_pointer (&run->waiting);
  for (guint i = 0; i < waiting->len; i++)
    if (!copy_one (run, g_ptr_array_index (waiting, i), TRUE, error))
      return FALSE;
  return TRUE;
}

/* An account that migrate made, and that the source does not have any more. */
static gboolean
take_leftover (Run *run, const Listed *listed, gboolean delete, GError **error)
{
  MigrateStore *to = &run->migration.to;
  MigrateAccount account = { .migration = &run->migration, .name = listed->name, .to = listed->id };
  g_autoptr (MigrateState) state = migrate_state_load (to, listed->name, listed->id, error);

  if (state == NULL)
    return FALSE;
  if (state->mark == NULL)
    return TRUE;
  if (delete &&(migrate_mark_is_copying (state) || migrate_mark_holds (state)))
    return to->slots.account_delete (to->conn, &to->call, listed->id, error);
  run->n_left++;
  migrate_account_fault (&account,
                         delete ? "It is not in the old store any more, but was changed in the new one; it "
                                  "is left as it is"
                                : "It is not in the old store any more; --delete deletes it in the new one");
  return TRUE;
}

static gboolean
take_leftovers (Run *run, GPtrArray *from, GPtrArray *to, gboolean delete, GError **error)
{
  g_autoptr (GHashTable) names = index_accounts (from);

  for (guint i = 0; i < to->len; i++) {
    const Listed *listed = g_ptr_array_index (to, i);

    if (!g_hash_table_contains (names, listed->name) && !take_leftover (run, listed, delete, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- The command ---- */

static void
print_summary (const Run *run, const char *path)
{
  const Migration *migration = &run->migration;

  printf ("Accounts: %u copied, %u as they were, %u not copied or not as a whole, %u not in the old store\n",
          run->n_copied, run->n_unchanged, run->n_failed, run->n_left);
  printf ("Messages: %" G_GUINT64_FORMAT " copied, %" G_GUINT64_FORMAT " changed, %" G_GUINT64_FORMAT
          " expunged\n",
          migration->n_copied, migration->n_changed, migration->n_expunged);
  printf ("Compared afterwards: %" G_GUINT64_FORMAT " messages in %" G_GUINT64_FORMAT " mailboxes\n",
          migration->n_compared_messages, migration->n_compared_boxes);
  if (run->n_failed == 0)
    printf ("Their contents are looked at by: cofferctl --config %s check\n", path);
}

/* FALSE: it is not there. */
static gboolean
keep_only (GPtrArray *accounts, const char *name, GError **error)
{
  for (guint i = accounts->len; i-- > 0;)
    if (!g_str_equal (((Listed *) g_ptr_array_index (accounts, i))->name, name))
      g_ptr_array_remove_index (accounts, i);
  if (accounts->len == 0)
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no account that is named %s", name);
  return accounts->len > 0;
}

static gboolean
run_accounts (Run *run, CtlCall *call, GError **error)
{
  Migration *migration = &run->migration;
  const char *only = call->options.account;
  g_autoptr (GPtrArray) from = list_accounts (&migration->from, error);
  g_autoptr (GPtrArray) to = from != NULL ? list_accounts (&migration->to, error) : NULL;
  gboolean ok;

  if (to == NULL)
    return FALSE;
  run->there = index_accounts (to);
  if (only != NULL && !keep_only (from, only, error))
    return FALSE;
  for (guint i = 0; i < from->len; i++)
    migration->total += ((Listed *) g_ptr_array_index (from, i))->octets;
  ctl_progress_start (&migration->progress, migration->total);
  ok = copy_all (run, from, error)
       && (only != NULL || take_leftovers (run, from, to, call->options.delete_accounts, error));
  ctl_progress_clear (&migration->progress);
  return ok;
}

gboolean
ctl_migrate (CtlCall *call, GError **error)
{
  Run run = { 0 };
  Migration *migration = &run.migration;
  gboolean ok = migrate_stores_open (call->config, call->args[0], &migration->from, &migration->to,
                                     &call->code, error);

  run.waiting = g_ptr_array_new ();
  if (ok) {
    call->code = 0;
    migration->spool_dir = cf_settings_get ()->spool_dir;
    if (migration->spool_dir == NULL)
      migration->spool_dir = g_get_tmp_dir ();
    ok = run_accounts (&run, call, error);
  }
  if (ok)
    print_summary (&run, call->args[0]);
  migrate_stores_close (&migration->from, &migration->to);
  g_clear_pointer (&run.there, g_hash_table_unref);
  g_clear_pointer (&run.waiting, g_ptr_array_unref);
  if (ok && run.n_failed > 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_NO, "Accounts that were not copied, or not as a whole: %u",
                 run.n_failed);
    return FALSE;
  }
  return ok;
}
