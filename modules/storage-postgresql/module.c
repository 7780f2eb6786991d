/* storage-postgresql/module.c - the store that operators run: configuration, and the table of its slots.
 *
 * README.md has the invariants; pg.h how everything is asked; schema/postgresql what is asked.
 */
#include "store.h"

StoreConfig store_config;

static const CfConfigKey config_keys[] = {
  { .name = "dsn",
    .type = CF_CONFIG_STRING,
    .default_text = "",
    .help = "How libpq connects: host=a,b port=5432 dbname=coffer user=coffer; of several hosts the one that "
            "can be written to",
    .offset = G_STRUCT_OFFSET (StoreConfig, dsn),
    .secret = TRUE },
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
  { .name = "repair_interval",
    .type = CF_CONFIG_DURATION,
    .default_text = "30s",
    .minimum = 1,
    .maximum = 3600,
    .help = "How often it is looked for changes of other nodes that no notification told of",
    .offset = G_STRUCT_OFFSET (StoreConfig, repair_interval) },
  { .name = "node",
    .type = CF_CONFIG_STRING,
    .default_text = "",
    .help = "What this server is called in the audit of logins; none: as its host",
    .offset = G_STRUCT_OFFSET (StoreConfig, node) },
  { .name = "login_audit",
    .type = CF_CONFIG_BOOLEAN,
    .default_text = "true",
    .help
    = "Keep each login and failed login, with the name given and the client's address; without it, only "
      "how many logins each account has a day",
    .offset = G_STRUCT_OFFSET (StoreConfig, login_audit),
    .reloadable = TRUE },
  { .name = "keep_logins",
    .type = CF_CONFIG_DURATION,
    .default_text = "90d",
    .minimum = 0,
    .maximum = 36500 * (gint64) 86400,
    .help = "For how long; 0: for ever",
    .offset = G_STRUCT_OFFSET (StoreConfig, keep_logins),
    .reloadable = TRUE },
};

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
  .watch = slot_watch,
  .unwatch = slot_unwatch,
  .collect = slot_collect,
  .backup = slot_backup,
  .check = slot_check,
  .check_account = slot_check_account,
  .restored = slot_restored,
  .schema_describe = slot_schema_describe,
  .mailbox_restore = slot_mailbox_restore,
  .note_logins = slot_note_logins,
};

static const CfClass classes[] = {
  { CF_CLASS_STORAGE, "postgresql", &storage_class },
};

static gboolean
module_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "storage-postgresql", config_keys, &store_config, error)
         && cf_registrar_add_classes (registrar, classes, error);
}

CF_MODULE_DEFINE (storage_postgresql, .summary = "A store on PostgreSQL: several nodes, SQL reports",
                  .init = module_init)
