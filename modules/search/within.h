/* modules/search/within.h - OLDER and YOUNGER (RFC 5032), to register. */
#ifndef SEARCH_WITHIN_H
#define SEARCH_WITHIN_H

#include <coffer/module.h>

gboolean search_within_register (CfRegistrar *registrar, GError **error);

#endif
