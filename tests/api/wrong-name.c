/* tests/api/wrong-name.c - a descriptor whose name is not the file's: refused. */
#include <coffer/module.h>

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return TRUE;
}

/* The fields the macro fills in are set again. */
#pragma GCC diagnostic ignored "-Woverride-init"
CF_MODULE_DEFINE (wrong_name, .summary = "Refused", .init = toy_init, .name = "another")
