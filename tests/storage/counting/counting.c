/* tests/storage/counting/counting.c - a storage class that passes every call on to another one.
 *
 * It counts the calls, and makes those go wrong that a test chooses (trips.h). It stands between core and the
 * store, outside the code of both, so a test that counts here believes neither. To core it looks like the
 * class it wraps: a slot that one lacks, it lacks.
 *
 *   C: a1 XCOUNT
 *   S: * XCOUNT open 1 connect 4 ... commit 17 ... octets 4096 held 0
 *   C: a2 XFAULT "commit unavailable 2"
 *
 * Both commands are there in every state and never call the store.
 */
#include <coffer/module.h>

#include "trips.h"

static const CfStorageClass *inner;

static struct {
  char *inner;
  char **faults;
  char *report;
} config;

static const CfConfigKey keys[] = {
  { .name = "inner",
    .type = CF_CONFIG_STRING,
    .default_text = "memory",
    .help = "The storage class to wrap; its module is loaded before",
    .offset = 0 },
  { .name = "faults",
    .type = CF_CONFIG_LIST,
    .default_text = "",
    .help = "Faults from the start: SLOT ACTION [N [TIMES]]",
    .offset = sizeof (char *) },
  { .name = "report",
    .type = CF_CONFIG_FILE,
    .default_text = "",
    .help = "File for what XCOUNT would say, written when the process ends",
    .offset = 2 * sizeof (char *) },
};

/* ---- Slots ------------------------------------------------------------------------------------------- */

#define FORWARD(slot, parameters, arguments)                                                                 \
  static gboolean counting_##slot parameters                                                                 \
  {                                                                                                          \
    return trips_enter (TRIPS_##slot, error) && trips_leave (TRIPS_##slot, inner->slot arguments, error);    \
  }

FORWARD (open, (CfStoreOpenFlags flags, CfStore **out_store, GError **error), (flags, out_store, error))
FORWARD (connect, (CfStore * store, CfStoreConn **out_conn, GError **error), (store, out_conn, error))
FORWARD (probe, (CfStoreConn * conn, const CfCall *call, GError **error), (conn, call, error))
FORWARD (account_create,
         (CfStoreConn * conn, const CfCall *call, const char *name, CfAccountId *out_id, GError **error),
         (conn, call, name, out_id, error))
FORWARD (account_lookup,
         (CfStoreConn * conn, const CfCall *call, const char *address, CfAccountSink *sink, GError **error),
         (conn, call, address, sink, error))
FORWARD (account_list, (CfStoreConn * conn, const CfCall *call, CfAccountSink *sink, GError **error),
         (conn, call, sink, error))
FORWARD (account_update,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const CfAccountChange *change,
          GError **error),
         (conn, call, account, change, error))
FORWARD (account_delete, (CfStoreConn * conn, const CfCall *call, CfAccountId account, GError **error),
         (conn, call, account, error))
FORWARD (mailbox_list,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, CfMailboxSink *sink, GError **error),
         (conn, call, account, sink, error))
FORWARD (mailbox_create,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const char *name, guint32 special_use,
          CfMailboxSink *sink, GError **error),
         (conn, call, account, name, special_use, sink, error))
FORWARD (mailbox_rename,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const char *from, const char *to,
          GError **error),
         (conn, call, account, from, to, error))
FORWARD (mailbox_delete,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox, GError **error),
         (conn, call, account, mailbox, error))
FORWARD (mailbox_status,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const char *name,
          CfMailboxStatus *out_status, GError **error),
         (conn, call, account, name, out_status, error))
FORWARD (index_load,
         (CfStoreConn * conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
          GError **error),
         (conn, call, query, sink, error))
FORWARD (facts_update,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, CfContentId content, CfFacts *facts,
          GError **error),
         (conn, call, account, content, facts, error))
FORWARD (object_put,
         (CfStoreConn * conn, const CfCall *call, const char *scope, guint n, const CfObject *const *objects,
          CfObjectId *out_ids, GError **error),
         (conn, call, scope, n, objects, out_ids, error))
FORWARD (commit, (CfStoreConn * conn, const CfCall *call, CfWriteBatch *batch, GError **error),
         (conn, call, batch, error))
FORWARD (attribute_get,
         (CfStoreConn * conn, const CfCall *call, const CfAttributeTarget *target, const char *prefix,
          CfAttributeSink *sink, GError **error),
         (conn, call, target, prefix, sink, error))
FORWARD (attribute_set,
         (CfStoreConn * conn, const CfCall *call, const CfAttributeTarget *target, guint n,
          const CfAttribute *const *attributes, GError **error),
         (conn, call, target, n, attributes, error))
FORWARD (search,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
          const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids, gboolean *out_exact,
          GError **error),
         (conn, call, account, mailbox, tree, candidates, out_uids, out_exact, error))
FORWARD (header_lookup,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const char *name, const char *value,
          CfIndexSink *sink, GError **error),
         (conn, call, account, name, value, sink, error))
FORWARD (collect,
         (CfStoreConn * conn, const CfCall *call, guint64 grace, guint64 *out_freed, gboolean *out_more,
          GError **error),
         (conn, call, grace, out_freed, out_more, error))
FORWARD (backup,
         (CfStoreConn * conn, const CfCall *call, const char *path, CfProgressFunc progress,
          gpointer user_data, GError **error),
         (conn, call, path, progress, user_data, error))
FORWARD (check,
         (CfStoreConn * conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
          gpointer user_data, GError **error),
         (conn, call, finding, progress, user_data, error))
FORWARD (check_account,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, CfFindingFunc finding,
          CfProgressFunc progress, gpointer user_data, GError **error),
         (conn, call, account, finding, progress, user_data, error))
FORWARD (note_logins,
         (CfStoreConn * conn, const CfCall *call, guint n, const CfLoginRecord *const *records,
          GError **error),
         (conn, call, n, records, error))
FORWARD (restored, (CfStoreConn * conn, const CfCall *call, GError **error), (conn, call, error))
FORWARD (mailbox_restore,
         (CfStoreConn * conn, const CfCall *call, const CfRestore *restore, CfMailboxId *out_mailbox,
          CfContentId *out_contents, GError **error),
         (conn, call, restore, out_mailbox, out_contents, error))
FORWARD (mailbox_list_status,
         (CfStoreConn * conn, const CfCall *call, CfAccountId account, const char *prefix, CfStatusSink *sink,
          GError **error),
         (conn, call, account, prefix, sink, error))

/* ---- Read, whose octets are counted as well ---- */

typedef struct {
  CfReadSink sink;
  CfReadSink *target;
} CountingSink;

static CfReadSink *
get_target (CfReadSink *sink)
{
  return ((CountingSink *) sink)->target;
}

static void
count_missing (CfReadSink *sink, guint i)
{
  get_target (sink)->missing (get_target (sink), i);
}

static void
count_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  get_target (sink)->facts (get_target (sink), i, encoded);
}

static void
count_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
  get_target (sink)->area (get_target (sink), i, offset, length);
}

static void
count_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  trips_count_octets (length);
  get_target (sink)->octets (get_target (sink), i, data, length);
}

static gboolean
counting_read (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
               const CfReadRequest *const *requests, CfReadSink *sink, GError **error)
{
  CountingSink counting
      = { { sizeof (CfReadSink), count_missing, count_facts, count_area, count_octets }, sink };

  return trips_enter (TRIPS_read, error)
         && trips_leave (TRIPS_read,
                         inner->read (conn, call, account, n_requests, requests, &counting.sink, error),
                         error);
}

/* ---- Commands ---------------------------------------------------------------------------------------- */

static CfRun
cmd_xcount (CfCommandCall *call, GError **error)
{
  g_autofree char *text = trips_describe ();

  if (!cf_input_end (cf_call_get_input (call), error))
    return CF_RUN_ERROR;
  cf_output_printf (cf_call_get_output (call), "* XCOUNT %s\r\n", text);
  return CF_RUN_DONE;
}

static CfRun
cmd_xfault (CfCommandCall *call, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *text = NULL;

  if (!cf_input_space (input, error) || !cf_input_astring (input, &text, error)
      || !cf_input_end (input, error) || !trips_set_fault (text, error))
    return CF_RUN_ERROR;
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XCOUNT", CF_STATE_ANY, 0, cmd_xcount },
  { "XFAULT", CF_STATE_ANY, 0, cmd_xfault },
};

/* ---- The module -------------------------------------------------------------------------------------- */

static CfStorageClass counting_class;

static const CfClass classes[] = {
  { CF_CLASS_STORAGE, "counting", &counting_class },
};

/* What is not named here passes by uncounted: it belongs to the main thread. */
static void
fill_class (void)
{
#define WRAP(slot)                                                                                           \
  if (inner->slot != NULL)                                                                                   \
    counting_class.slot = counting_##slot;

  counting_class = *inner;
  TRIPS_SLOTS (WRAP)
#undef WRAP
}

static gboolean
set_faults (GError **error)
{
  for (guint i = 0; config.faults[i] != NULL; i++)
    if (!trips_set_fault (config.faults[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
counting_init (CfRegistrar *registrar, GError **error)
{
  if (!cf_registrar_add_config (registrar, "counting", keys, &config, error) || !set_faults (error))
    return FALSE;
  inner = config.inner != NULL ? cf_registrar_lookup_storage (registrar, config.inner) : NULL;
  if (inner == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "counting: no storage class '%s' is loaded before it",
                 config.inner != NULL ? config.inner : "");
    return FALSE;
  }
  fill_class ();
  return cf_registrar_add_commands (registrar, commands, error)
         && cf_registrar_add_classes (registrar, classes, error);
}

static void
counting_shutdown (void)
{
  g_autofree char *text = trips_describe ();

  if (config.report != NULL && !g_file_set_contents (config.report, text, -1, NULL))
    g_warning ("counting: cannot write %s", config.report);
}

CF_MODULE_DEFINE (counting, .summary = "Counts and disturbs the calls of another store",
                  .init = counting_init, .shutdown = counting_shutdown)
