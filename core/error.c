/* core/error.c - the one error domain (coffer/error.h). */
#include <coffer/error.h>

/* clang-format off */
G_DEFINE_QUARK (cf-error-quark, cf_error)
/* clang-format on */
