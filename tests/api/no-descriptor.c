/* tests/api/no-descriptor.c - a shared object that is no module. */
#include <coffer/version.h>

CF_API int cf_toy_nothing;
int cf_toy_nothing;
