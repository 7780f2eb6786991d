/* storage-sqlite/module.c - the embedded default store: configuration, and the table of its slots.
 *
 * README.md has the invariants; writer.c the one idea worth knowing first.
 */
#include "store.h"

StoreConfig store_config;

static const CfConfigKey config_keys[] = {
  { .name = "path",
    .type = CF_CONFIG_FILE,
    .default_text = "",
    .help
    = "The database file, made if missing, with its directory. Beside it: FILE.lock, FILE-wal, FILE-shm",
    .offset = G_STRUCT_OFFSET (StoreConfig, path) },
  { .name = "synchronous",
    .type = CF_CONFIG_CHOICE,
    .default_text = "full",
    .choices = "full;off",
    .help = "full: OK means on the disk. off: for benchmarks only; a power failure loses or damages mail",
    .offset = G_STRUCT_OFFSET (StoreConfig, synchronous) },
  { .name = "cache_size",
    .type = CF_CONFIG_INTEGER,
    .default_text = "8M",
    .minimum = 64 * 1024,
    .maximum = G_GINT64_CONSTANT (64) << 30,
    .help = "Octets of page cache for each connection, one for a worker and one that writes",
    .offset = G_STRUCT_OFFSET (StoreConfig, cache_size) },
  { .name = "keep_changes",
    .type = CF_CONFIG_INTEGER,
    .default_text = "10000",
    .minimum = 1,
    .maximum = G_MAXINT32,
    .help = "Commits to each mailbox whose difference is found without reading the whole mailbox",
    .offset = G_STRUCT_OFFSET (StoreConfig, keep_changes) },
  { .name = "keep_tombstones",
    .type = CF_CONFIG_INTEGER,
    .default_text = "100000",
    .minimum = 1,
    .maximum = G_MAXINT32,
    .help = "Commits to each mailbox for which it is remembered what they expunged",
    .offset = G_STRUCT_OFFSET (StoreConfig, keep_tombstones) },
};

/* No watch: the lock file keeps every other process out, so there are no changes to tell of. */
static const CfStorageClass storage_class = {
  .struct_size = sizeof (CfStorageClass),
  .open = slot_open,
  .close = slot_close,
  .connect = slot_connect,
  .disconnect = slot_disconnect,
  .probe = slot_probe,
  .schema_version = slot_schema_version,
  .schema_upgrade = slot_schema_upgrade,
  .account_create = slot_account_create,
  .account_lookup = slot_account_lookup,
  .account_list = slot_account_list,
  .account_update = slot_account_update,
  .account_delete = slot_account_delete,
  .mailbox_list = slot_mailbox_list,
  .mailbox_create = slot_mailbox_create,
  .mailbox_rename = slot_mailbox_rename,
  .mailbox_delete = slot_mailbox_delete,
  .mailbox_status = slot_mailbox_status,
  .mailbox_list_status = slot_mailbox_list_status,
  .index_load = slot_index_load,
  .read = slot_read,
  .facts_update = slot_facts_update,
  .object_put = slot_object_put,
  .commit = slot_commit,
  .attribute_get = slot_attribute_get,
  .attribute_set = slot_attribute_set,
  .search = slot_search,
  .header_lookup = slot_header_lookup,
  .collect = slot_collect,
  .backup = slot_backup,
  .check = slot_check,
  .check_account = slot_check_account,
  .restored = slot_restored,
  .mailbox_restore = slot_mailbox_restore,
};

static const CfClass classes[] = {
  { CF_CLASS_STORAGE, "sqlite", &storage_class },
};

static gboolean
module_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "storage-sqlite", config_keys, &store_config, error)
         && cf_registrar_add_classes (registrar, classes, error);
}

CF_MODULE_DEFINE (storage_sqlite, .summary = "The embedded store: one file, one process", .init = module_init)
