/* coffer/version.h - the module ABI's version, and the marks every public header needs.
 *
 * The version changes only when the ABI does. A higher minor adds rows, slots at the end of a struct, or
 * functions; a module built against a lower minor keeps loading. A higher major means: rebuild.
 */
#ifndef COFFER_VERSION_H
#define COFFER_VERSION_H

#include <glib.h>

#define CF_ABI_MAJOR 1
#define CF_ABI_MINOR 0

/* A function that modules may call. Everything else in core is hidden from them. */
#define CF_API extern __attribute__ ((visibility ("default")))

#endif
