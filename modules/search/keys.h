/* modules/search/keys.h - the search keys of RFC 3501, 6.4.4, as rows to register. */
#ifndef SEARCH_KEYS_H
#define SEARCH_KEYS_H

#include <coffer/module.h>

gboolean search_keys_register (CfRegistrar *registrar, GError **error);

#endif
