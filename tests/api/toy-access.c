/* tests/api/toy-access.c - an access class that allows everything, or with `deny` nothing at all.
 *
 * Core asks it before each call of the store, so no command can forget: the test tries them all.
 */
#include <coffer/module.h>

typedef struct {
  _Atomic gboolean deny;
} ToyConfig;

static ToyConfig config;

static const CfConfigKey keys[] = {
  { .name = "deny",
    .type = CF_CONFIG_BOOLEAN,
    .default_text = "false",
    .help = "Nobody has any right",
    .offset = G_STRUCT_OFFSET (ToyConfig, deny),
    .reloadable = TRUE },
};

static gboolean
toy_rights (CfSession *session, CfAccountId owner, const char *name, guint *out_rights, GError **error)
{
  *out_rights = config.deny ? 0 : CF_RIGHTS_ALL;
  return TRUE;
}

static const CfAccessClass toy_class = {
  .struct_size = sizeof (CfAccessClass),
  .rights = toy_rights,
};

static const CfClass classes[] = {
  { CF_CLASS_ACCESS, "toy-access", &toy_class },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "toy-access", keys, &config, error)
         && cf_registrar_add_classes (registrar, classes, error);
}

CF_MODULE_DEFINE (toy_access, .summary = "All rights or none", .init = toy_init)
