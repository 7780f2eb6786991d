/* core/error.c - the one error domain (coffer/error.h). */
#include <coffer/error.h>

G_DEFINE_QUARK (cf-error-quark, cf_error)
