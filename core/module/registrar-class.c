/* core/module/registrar-class.c - which slots a class must fill.
 *
 * The headers mark them "Required"; here is the same list as a table, so that a class that lacks one is
 * refused when it is loaded and not when a client first needs it.
 */
#include "module/registrar.h"

#include "module/rows.h"

typedef struct {
  const char *name;
  gsize offset;
} Slot;

#define SLOT(type, slot)                                                                                     \
  {                                                                                                          \
#slot, G_STRUCT_OFFSET(type, slot)                                                                       \
  }

static const Slot storage_slots[] = {
  SLOT (CfStorageClass, open),           SLOT (CfStorageClass, close),
  SLOT (CfStorageClass, connect),        SLOT (CfStorageClass, disconnect),
  SLOT (CfStorageClass, account_create), SLOT (CfStorageClass, account_lookup),
  SLOT (CfStorageClass, mailbox_list),   SLOT (CfStorageClass, mailbox_create),
  SLOT (CfStorageClass, mailbox_rename), SLOT (CfStorageClass, mailbox_delete),
  SLOT (CfStorageClass, index_load),     SLOT (CfStorageClass, read),
  SLOT (CfStorageClass, commit),         SLOT (CfStorageClass, attribute_get),
  SLOT (CfStorageClass, attribute_set),
};

static const Slot authentication_slots[] = {
  SLOT (CfAuthenticationClass, start),
  SLOT (CfAuthenticationClass, step),
  SLOT (CfAuthenticationClass, free),
};

static const Slot access_slots[] = {
  SLOT (CfAccessClass, rights),
};

static const Slot protocol_slots[] = {
  SLOT (CfProtocol, opened),
  SLOT (CfProtocol, run),
  SLOT (CfProtocol, closed),
};

static const struct {
  gsize size;
  const Slot *slots;
  guint n_slots;
} classes[] = {
  [CF_CLASS_STORAGE] = { sizeof (CfStorageClass), storage_slots, G_N_ELEMENTS (storage_slots) },
  [CF_CLASS_AUTHENTICATION]
  = { sizeof (CfAuthenticationClass), authentication_slots, G_N_ELEMENTS (authentication_slots) },
  [CF_CLASS_ACCESS] = { sizeof (CfAccessClass), access_slots, G_N_ELEMENTS (access_slots) },
  [CF_CLASS_PROTOCOL] = { sizeof (CfProtocol), protocol_slots, G_N_ELEMENTS (protocol_slots) },
};

/* The first version of the row. */
#define MECHANISM_SIZE_MIN (G_STRUCT_OFFSET (CfMechanism, flags) + sizeof (guint))

/* An authentication class that only checks passwords has no mechanisms and needs none of their slots. */
static gboolean
class_has_no_mechanisms (const CfClass *class, gconstpointer vtable)
{
  const CfAuthenticationClass *authentication = vtable;

  return class->kind == CF_CLASS_AUTHENTICATION && authentication->n_mechanisms == 0;
}

gpointer
cf_registrar_dup_vtable (const CfClass *class, GError **error)
{
  gsize struct_size = *(const gsize *) class->vtable;
  gsize known_size = classes[class->kind].size;
  g_autofree guint8 *vtable = NULL;

  if (struct_size < sizeof struct_size + sizeof (gpointer)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "its vtable's struct_size is not set");
    return NULL;
  }
  vtable = cf_row_dup (class->vtable, struct_size, 0, known_size);
  *(gsize *) vtable = known_size;
  if (class_has_no_mechanisms (class, vtable))
    return g_steal_pointer (&vtable);
  if (class->kind == CF_CLASS_AUTHENTICATION
      && ((const CfAuthenticationClass *) (gconstpointer) vtable)->mechanism_size < MECHANISM_SIZE_MIN) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "its mechanism_size is not set");
    return NULL;
  }
  for (guint i = 0; i < classes[class->kind].n_slots; i++) {
    const Slot *slot = &classes[class->kind].slots[i];

    if (*(gpointer *) (vtable + slot->offset) != NULL)
      continue;
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "it lacks the required slot %s", slot->name);
    return NULL;
  }
  return g_steal_pointer (&vtable);
}
