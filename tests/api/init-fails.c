/* tests/api/init-fails.c - an init that refuses: the server does not start, with its message. */
#include <coffer/module.h>

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "init-fails: the moon is not full");
  return FALSE;
}

CF_MODULE_DEFINE (init_fails, .summary = "Refused", .init = toy_init)
