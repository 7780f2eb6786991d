/* core/error.c - the one error domain (coffer/error.h). */
#include <coffer/error.h>

/* Not by G_DEFINE_QUARK: its variable is written by whichever thread meets the first error, while others read
 * it. */
GQuark
cf_error_quark (void)
{
  static gsize quark;

  if (g_once_init_enter (&quark))
    g_once_init_leave (&quark, g_quark_from_static_string ("cf-error-quark"));
  return (GQuark) quark;
}
