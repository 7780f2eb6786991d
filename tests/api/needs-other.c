/* tests/api/needs-other.c - requires toy-tables: refused unless that was loaded before. */
#include <coffer/module.h>

static const char *const required[] = { "toy-tables", NULL };

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return TRUE;
}

CF_MODULE_DEFINE (needs_other, .summary = "Needs toy-tables", .requires_modules = required, .init = toy_init)
