/* tests/api/undefined-symbol.c - calls a function that nobody has: refused when it is loaded, not when
 * it is called. */
#include <coffer/module.h>

CF_API gboolean cf_toy_that_nobody_has (void);

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_toy_that_nobody_has ();
}

CF_MODULE_DEFINE (undefined_symbol, .summary = "Refused", .init = toy_init)
