/* core/module/refuse.c - an error and FALSE in one expression (refuse.h). */
#include "module/refuse.h"

gboolean
cf_refuse (GError **error, const char *format, ...)
{
  g_autofree char *reason = NULL;
  va_list args;

  va_start (args, format);
  reason = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, reason);
  return FALSE;
}
