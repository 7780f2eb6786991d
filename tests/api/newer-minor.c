/* tests/api/newer-minor.c - built for a newer minor version of the ABI: refused. */
#include <coffer/module.h>

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return TRUE;
}

/* The fields the macro fills in are set again. */
#pragma GCC diagnostic ignored "-Woverride-init"
CF_MODULE_DEFINE (newer_minor, .summary = "Refused", .init = toy_init, .abi_minor = CF_ABI_MINOR + 1)
