/* tests/storage/minimal/minimal.c - a plugin with the required slots and not one more: what the kit must
 * pass, and what core must be able to work with. The store behind them is storage-memory's. */
#include "../../../plugins/storage-memory/storage-memory.c"

static const CfStorageClass minimal_class = {
  .struct_size = sizeof (CfStorageClass),
  .open = memory_open,
  .close = memory_close,
  .connect = memory_connect,
  .disconnect = memory_disconnect,
  .account_create = memory_account_create,
  .account_lookup = memory_account_lookup,
  .mailbox_list = memory_mailbox_list,
  .mailbox_create = memory_mailbox_create,
  .mailbox_rename = memory_mailbox_rename,
  .mailbox_delete = memory_mailbox_delete,
  .index_load = memory_index_load,
  .read = memory_read,
  .commit = memory_commit,
  .attribute_get = memory_attribute_get,
  .attribute_set = memory_attribute_set,
};

static const CfClass minimal_classes[] = {
  { CF_CLASS_STORAGE, "minimal", &minimal_class },
};

static gboolean
minimal_init (CfRegistrar *registrar, GError **error)
{
  config.tombstones = 1000;
  return cf_registrar_add_classes (registrar, minimal_classes, error);
}

CF_MODULE_DEFINE (minimal, .summary = "Only what is required of a store", .init = minimal_init)
