/* tests/api/other-major.c - built for another major version of the ABI: refused. */
#include <coffer/module.h>

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return TRUE;
}

/* The fields the macro fills in are set again. */
#pragma GCC diagnostic ignored "-Woverride-init"
CF_MODULE_DEFINE (other_major, .summary = "Refused", .init = toy_init, .abi_major = CF_ABI_MAJOR + 1)
