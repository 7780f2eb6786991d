/* tests/storage/failing-disk.c - a disk that fails on demand, under storage-sqlite in a whole server.
 *
 * The module makes fault-vfs.c SQLite's default file layer before the store is opened, and is told by an IMAP
 * command, there in every state, which calls are to fail:
 *
 *   C: a1 XDISK "write full 3"          the third write from now on; "write full 3 10": ten from there
 *   C: a2 XDISK "quota 3000000"         no file grows beyond; 0: any may
 *   C: a3 XDISK "none"
 *   C: a4 XDISK "hits"                  changes nothing; the answer: how many calls met the fault there is
 *   S: * XDISK 1
 *
 * Otherwise the answer is how many calls have been counted for the fault. [failing-disk] fault is one from
 * the start.
 */
#include <coffer/module.h>
#include <sqlite3.h>

#include "fault-vfs.h"

static const struct {
  const char *name;
  guint op;
  int code; /* what "error" stands for */
} ops[] = {
  { "write", FAULT_WRITE, SQLITE_IOERR_WRITE },
  { "sync", FAULT_SYNC, SQLITE_IOERR_FSYNC },
  { "read", FAULT_READ, SQLITE_IOERR_READ },
  { "truncate", FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE },
  { "size", FAULT_SIZE, SQLITE_IOERR_FSTAT },
  { "lock", FAULT_LOCK, SQLITE_IOERR_LOCK },
  { "open", FAULT_OPEN, SQLITE_CANTOPEN },
  { "shm-map", FAULT_SHM_MAP, SQLITE_IOERR_SHMMAP },
  { "shm-lock", FAULT_SHM_LOCK, SQLITE_IOERR_SHMLOCK },
};

static gboolean
disk_set_run (char **words, GError **error)
{
  FaultRun run = { .first = 1, .times = 1 };
  guint n = g_strv_length (words);

  for (guint i = 0; n >= 2 && i < G_N_ELEMENTS (ops); i++)
    if (g_str_equal (ops[i].name, words[0])) {
      run.ops = ops[i].op;
      run.code = ops[i].code;
    }
  if (n >= 2 && g_str_equal (words[1], "full"))
    run.code = SQLITE_FULL;
  if (n >= 3)
    run.first = g_ascii_strtoull (words[2], NULL, 10);
  if (n >= 4)
    run.times = g_ascii_strtoull (words[3], NULL, 10);
  if (run.ops == 0) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected OPERATION error|full [N [TIMES]]");
    return FALSE;
  }
  fault_vfs_set_run (&run);
  return TRUE;
}

static gboolean
disk_obey (const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  if (g_str_equal (text, "none")) {
    fault_vfs_set_run (NULL);
    return TRUE;
  }
  if (g_strv_length (words) == 2 && g_str_equal (words[0], "quota")) {
    fault_vfs_set_quota (g_ascii_strtoull (words[1], NULL, 10));
    return TRUE;
  }
  return disk_set_run (words, error);
}

static struct {
  char *fault;
} config;

static const CfConfigKey keys[] = {
  { .name = "fault",
    .type = CF_CONFIG_STRING,
    .default_text = "",
    .help = "A fault from the start: OPERATION error|full [N [TIMES]]",
    .offset = 0 },
};

static CfRun
cmd_xdisk (CfCommandCall *call, GError **error)
{
  CfInput *input = cf_call_get_input (call);
  g_autofree char *text = NULL;

  if (!cf_input_space (input, error) || !cf_input_astring (input, &text, error)
      || !cf_input_end (input, error))
    return CF_RUN_ERROR;
  if (g_str_equal (text, "hits")) {
    cf_output_printf (cf_call_get_output (call), "* XDISK %" G_GUINT64_FORMAT "\r\n", fault_vfs_get_hits ());
    return CF_RUN_DONE;
  }
  if (!disk_obey (text, error))
    return CF_RUN_ERROR;
  cf_output_printf (cf_call_get_output (call), "* XDISK %" G_GUINT64_FORMAT "\r\n", fault_vfs_get_calls ());
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XDISK", CF_STATE_ANY, 0, cmd_xdisk },
};

static gboolean
failing_disk_init (CfRegistrar *registrar, GError **error)
{
  fault_vfs_register ();
  if (!cf_registrar_add_config (registrar, "failing-disk", keys, &config, error))
    return FALSE;
  if (config.fault != NULL && *config.fault != '\0' && !disk_obey (config.fault, error))
    return FALSE;
  return cf_registrar_add_commands (registrar, commands, error);
}

CF_MODULE_DEFINE (failing_disk, .summary = "A disk that fails on demand", .init = failing_disk_init)
