/* tests/sanitize/ubsan-reports.c - sends UndefinedBehaviorSanitizer's reports to the file of its log_path.
 *
 * Beside AddressSanitizer, GCC's libubsan takes all of UBSAN_OPTIONS but log_path, which only
 * AddressSanitizer's own copy of their common runtime gets. Its reports would go to stderr, where those of a
 * daemon are easily lost.
 */
#include <dlfcn.h>
#include <glib.h>
#include <string.h>

#define LOG_PATH "log_path="

static void __attribute__ ((constructor)) set_report_path (void)
{
  const char *options = g_getenv ("UBSAN_OPTIONS");
  const char *found = options != NULL ? g_strrstr (options, LOG_PATH) : NULL;
  gpointer library = dlopen ("libubsan.so.1", RTLD_LAZY | RTLD_NOLOAD);
  void (*set_path) (const char *) = NULL;

  if (library != NULL)
    *(gpointer *) &set_path = dlsym (library, "__sanitizer_set_report_path");
  if (found != NULL && set_path != NULL) {
    g_autofree char *path = g_strndup (found + strlen (LOG_PATH), strcspn (found + strlen (LOG_PATH), ":"));

    set_path (path);
  }
}
