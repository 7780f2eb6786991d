/* tests/storage/kit.c - coffer-conformance: holds a storage plugin against its contract.
 *
 *   coffer-conformance [--only=PREFIX] [--durable] [--backup-key=KEY] PLUGIN.so [KEY=VALUE...]
 *
 * KEY=VALUE are lines of the plugin's group in coffer.conf; they must name a place where the store may make a
 * new, empty store. With --backup-key a backup is opened in its place, by setting KEY to it. The report is
 * TAP (testanything.org): one line for each check, and below one that failed the rule of coffer/storage.h
 * that it checks and what was seen instead. Exit status: 0 passed, 1 failed, 2 could not be run.
 */
#include "kit.h"

#include "kit-load.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

struct _KitRun {
  const CfStorageClass *slots;
  CfStore *store;
  CfStoreConn *conn;
  GMutex lock;   /* over the verdict */
  char *seen;    /* why the check under way failed, or NULL */
  char *skipped; /* why it could not be made, or NULL */
  guint n, failed, skips;
};

static struct {
  char *only;
  gboolean durable;
  char *backup_key;
  char **arguments;
} options;

static const GOptionEntry option_entries[] = { { "only", 0, 0, G_OPTION_ARG_STRING, &options.only,
                                                 "Only checks whose name begins with PREFIX", "PREFIX" },
                                               { "durable", 0, 0, G_OPTION_ARG_NONE, &options.durable,
                                                 "Fail a store that forgets all when it is closed", NULL },
                                               { "backup-key", 0, 0, G_OPTION_ARG_STRING, &options.backup_key,
                                                 "The plugin's key for the place of its store, so that a "
                                                 "backup can be opened",
                                                 "KEY" },
                                               { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY,
                                                 &options.arguments, NULL, "PLUGIN.so [KEY=VALUE...]" },
                                               { NULL } };

static const KitCheck *const tables[] = {
  kit_account_checks, kit_tree_checks,   kit_index_checks,   kit_content_checks,   kit_object_checks,
  kit_commit_checks,  kit_copy_checks,   kit_group_checks,   kit_attribute_checks, kit_search_checks,
  kit_size_checks,    kit_upkeep_checks, kit_restore_checks, kit_race_checks,      kit_lifetime_checks,
};

/* ---- The slots ----------------------------------------------------------------------------------------- */

static const struct {
  const char *name;
  gsize offset;
  gboolean required;
} slot_names[] = {
#define SLOT(slot, required)                                                                                 \
  {                                                                                                          \
#slot, G_STRUCT_OFFSET(CfStorageClass, slot), required                                                   \
  }
  SLOT (open, TRUE),
  SLOT (close, TRUE),
  SLOT (connect, TRUE),
  SLOT (disconnect, TRUE),
  SLOT (probe, FALSE),
  SLOT (schema_version, FALSE),
  SLOT (schema_upgrade, FALSE),
  SLOT (account_create, TRUE),
  SLOT (account_lookup, TRUE),
  SLOT (account_list, FALSE),
  SLOT (account_update, FALSE),
  SLOT (account_delete, FALSE),
  SLOT (mailbox_list, TRUE),
  SLOT (mailbox_create, TRUE),
  SLOT (mailbox_rename, TRUE),
  SLOT (mailbox_delete, TRUE),
  SLOT (mailbox_status, FALSE),
  SLOT (index_load, TRUE),
  SLOT (read, TRUE),
  SLOT (facts_update, FALSE),
  SLOT (object_put, FALSE),
  SLOT (commit, TRUE),
  SLOT (attribute_get, TRUE),
  SLOT (attribute_set, TRUE),
  SLOT (search, FALSE),
  SLOT (header_lookup, FALSE),
  SLOT (watch, FALSE),
  SLOT (unwatch, FALSE),
  SLOT (collect, FALSE),
  SLOT (backup, FALSE),
  SLOT (check, FALSE),
  SLOT (restored, FALSE),
  SLOT (check_account, FALSE),
  SLOT (schema_describe, FALSE),
  SLOT (mailbox_restore, FALSE),
  SLOT (note_logins, FALSE),
  SLOT (mailbox_list_status, FALSE),
#undef SLOT
};

static gboolean
slot_is_set (const CfStorageClass *slots, gsize offset)
{
  return G_STRUCT_MEMBER (gpointer, slots, offset) != NULL;
}

/* Says which slots there are. FALSE: a required one is missing. */
static gboolean
report_slots (const CfStorageClass *slots)
{
  gboolean complete = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (slot_names); i++) {
    gboolean set = slot_is_set (slots, slot_names[i].offset);

    g_print ("# slot %-15s %s, %s\n", slot_names[i].name, slot_names[i].required ? "required" : "optional",
             set                      ? "there"
             : slot_names[i].required ? "MISSING"
                                      : "absent: its checks are skipped");
    complete = complete && (set || !slot_names[i].required);
  }
  return complete;
}

/* ---- Verdicts ------------------------------------------------------------------------------------------ */

gboolean
kit_fail (Kit *kit, const char *format, ...)
{
  va_list arguments;

  g_mutex_lock (&kit->run->lock);
  if (kit->run->seen == NULL) {
    va_start (arguments, format);
    kit->run->seen = g_strdup_vprintf (format, arguments);
    va_end (arguments);
  }
  g_mutex_unlock (&kit->run->lock);
  return FALSE;
}

gboolean
kit_has_failed (Kit *kit)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&kit->run->lock);

  return kit->run->seen != NULL;
}

void
kit_skip (Kit *kit, const char *why)
{
  g_free (kit->run->skipped);
  kit->run->skipped = g_strdup (why);
}

const char *
kit_error_name (int code)
{
#define CODE(name) [CF_ERROR_##name] = #name
  static const char *const names[] = {
    CODE (BAD),
    CODE (CLIENTBUG),
    CODE (NO),
    CODE (UNAVAILABLE),
    CODE (UNKNOWN),
    CODE (AUTHENTICATIONFAILED),
    CODE (AUTHORIZATIONFAILED),
    CODE (EXPIRED),
    CODE (PRIVACYREQUIRED),
    CODE (CONTACTADMIN),
    CODE (NOPERM),
    CODE (INUSE),
    CODE (EXPUNGEISSUED),
    CODE (CORRUPTION),
    CODE (SERVERBUG),
    CODE (CANNOT),
    CODE (LIMIT),
    CODE (OVERQUOTA),
    CODE (ALREADYEXISTS),
    CODE (NONEXISTENT),
    CODE (TRYCREATE),
    CODE (BADCHARSET),
    CODE (TOOBIG),
    CODE (UNKNOWN_CTE),
    CODE (USEATTR),
    CODE (HASCHILDREN),
    CODE (CONTENT_GONE),
    CODE (NOT_SUPPORTED),
  };
#undef CODE

  return code >= 0 && code < (int) G_N_ELEMENTS (names) && names[code] != NULL ? names[code]
                                                                               : "an unknown code";
}

gboolean
kit_failed_with (Kit *kit, const char *what, gboolean ok, GError **error, CfError code)
{
  g_autoptr (GError) taken = g_steal_pointer (error);

  if (ok)
    return kit_fail (kit, "%s succeeded; CF_ERROR_%s was due", what, kit_error_name (code));
  if (taken == NULL)
    return kit_fail (kit, "%s returned FALSE without an error", what);
  if (taken->domain != CF_ERROR)
    return kit_fail (kit, "%s failed outside the domain CF_ERROR: %s", what, taken->message);
  if (taken->code != (int) code)
    return kit_fail (kit, "%s failed with CF_ERROR_%s (%s), not with CF_ERROR_%s", what,
                     kit_error_name (taken->code), taken->message, kit_error_name (code));
  return TRUE;
}

/* ---- The run ------------------------------------------------------------------------------------------- */

const CfCall *
kit_call (Kit *kit)
{
  kit->call = (CfCall){ .struct_size = sizeof (CfCall),
                        .deadline = g_get_monotonic_time () + 30 * G_USEC_PER_SEC,
                        .trace = "kit" };
  return &kit->call;
}

gboolean
kit_wants_durable (Kit *kit)
{
  return options.durable;
}

static gboolean
run_open (KitRun *run, CfStoreOpenFlags flags, GError **error)
{
  return run->slots->open (flags, &run->store, error) && run->slots->connect (run->store, &run->conn, error);
}

static void
run_close (KitRun *run)
{
  if (run->conn != NULL)
    run->slots->disconnect (run->conn);
  if (run->store != NULL)
    run->slots->close (run->store);
  run->conn = NULL;
  run->store = NULL;
}

gboolean
kit_reopen (Kit *kit, CfStoreOpenFlags flags, GError **error)
{
  KitRun *run = kit->run;
  gboolean ok;

  run_close (run);
  ok = run_open (run, flags, error);
  kit->store = run->store;
  kit->conn = run->conn;
  return ok;
}

const char *
kit_get_backup_key (Kit *kit)
{
  return options.backup_key;
}

/* The plugin's settings, with the one for its place replaced by @path if that is not NULL. */
static GStrv
settings_new (const char *path)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_autofree char *place = path != NULL ? g_strconcat (options.backup_key, "=", path, NULL) : NULL;

  for (guint i = 1; options.arguments[i] != NULL; i++) {
    if (place == NULL || !g_str_has_prefix (options.arguments[i], options.backup_key)
        || options.arguments[i][strlen (options.backup_key)] != '=')
      g_strv_builder_add (builder, options.arguments[i]);
  }
  if (place != NULL)
    g_strv_builder_add (builder, place);
  return g_strv_builder_end (builder);
}

/* A plugin reads its configuration when it is loaded. */
gboolean
kit_reopen_at (Kit *kit, const char *path, GError **error)
{
  KitRun *run = kit->run;
  g_auto (GStrv) settings = settings_new (path);
  gboolean ok;

  run_close (run);
  kit_unload_plugins ();
  run->slots = kit_load_plugin (options.arguments[0], (const char *const *) settings, error);
  ok = run->slots != NULL && run_open (run, 0, error);
  kit->slots = run->slots;
  kit->store = run->store;
  kit->conn = run->conn;
  return ok;
}

typedef struct {
  Kit kit;
  guint number;
  KitThreadFunc func;
  gpointer data;
} KitThread;

static gpointer
run_thread (gpointer data)
{
  KitThread *thread = data;

  thread->func (&thread->kit, thread->number, thread->data);
  return NULL;
}

void
kit_run_threads (Kit *kit, guint n, KitThreadFunc func, gpointer data)
{
  g_autofree KitThread *threads = g_new0 (KitThread, n);
  g_autofree GThread **handles = g_new0 (GThread *, n);
  guint ready = 0;

  for (; ready < n; ready++) {
    g_autoptr (GError) error = NULL;

    threads[ready] = (KitThread){ *kit, ready, func, data };
    if (!kit->slots->connect (kit->store, &threads[ready].kit.conn, &error)) {
      kit_fail (kit, "connect failed: %s", error != NULL ? error->message : "without an error");
      break;
    }
  }
  for (guint i = 0; i < ready && ready == n; i++)
    handles[i] = g_thread_new ("kit", run_thread, &threads[i]);
  for (guint i = 0; i < ready; i++) {
    if (handles[i] != NULL)
      g_thread_join (handles[i]);
    kit->slots->disconnect (threads[i].kit.conn);
  }
}

static void
run_check (KitRun *run, const KitCheck *check)
{
  Kit kit = { .run = run, .slots = run->slots, .store = run->store, .conn = run->conn };

  if (options.only != NULL && !g_str_has_prefix (check->name, options.only))
    return;
  run->n++;
  if (check->slot != 0 && !slot_is_set (run->slots, check->slot)) {
    run->skips++;
    g_print ("ok %u - %s # SKIP not applicable: the plugin does not have the slot\n", run->n, check->name);
    return;
  }
  if (run->store == NULL)
    kit_fail (&kit, "the store is closed: it could not be opened again");
  else
    check->check (&kit);

  if (run->seen != NULL) {
    run->failed++;
    g_print ("not ok %u - %s\n#   rule: %s\n#   seen: %s\n", run->n, check->name, check->rule, run->seen);
  } else if (run->skipped != NULL) {
    run->skips++;
    g_print ("ok %u - %s # SKIP %s\n", run->n, check->name, run->skipped);
  } else {
    g_print ("ok %u - %s\n", run->n, check->name);
  }
  g_clear_pointer (&run->seen, g_free);
  g_clear_pointer (&run->skipped, g_free);
}

static int
run_all (KitRun *run)
{
  g_autoptr (GError) error = NULL;

  if (!report_slots (run->slots)) {
    g_print ("Bail out! Required slots are missing\n");
    return 1;
  }
  if (!run_open (run, CF_STORE_OPEN_CREATE, &error)) {
    g_print ("Bail out! The store does not open: %s\n", error != NULL ? error->message : "no error set");
    run_close (run);
    return 1;
  }
  for (guint t = 0; t < G_N_ELEMENTS (tables); t++)
    for (const KitCheck *check = tables[t]; check->name != NULL; check++)
      run_check (run, check);
  run_close (run);
  if (run->n == 0) {
    g_print ("Bail out! There is no check whose name begins with '%s'\n", options.only);
    return 1;
  }
  g_print ("1..%u\n# %u checks: %u passed, %u failed, %u skipped\n", run->n, run->n,
           run->n - run->failed - run->skips, run->failed, run->skips);
  return run->failed > 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  KitRun run = { NULL };
  int status;

  setlocale (LC_CTYPE, "");
  setvbuf (stdout, NULL, _IOLBF, 0);
  g_option_context_set_summary (context, "Holds a storage plugin against the contract of coffer/storage.h.");
  g_option_context_add_main_entries (context, option_entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("coffer-conformance: %s\n", error->message);
    return 2;
  }
  if (options.arguments == NULL || options.arguments[0] == NULL) {
    g_printerr ("usage: coffer-conformance [--only=PREFIX] [--durable] [--backup-key=KEY] PLUGIN.so "
                "[KEY=VALUE...]\n");
    return 2;
  }
  run.slots = kit_load_plugin (options.arguments[0], (const char *const *) options.arguments + 1, &error);
  if (run.slots == NULL) {
    g_printerr ("coffer-conformance: %s\n", error->message);
    return 2;
  }

  status = run_all (&run);
  kit_unload_plugins ();
  g_strfreev (options.arguments);
  g_free (options.only);
  g_free (options.backup_key);
  return status;
}
