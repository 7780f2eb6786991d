/* modules/search/save-date.h - SAVEDATE (RFC 8514): its data item and search keys, to register. */
#ifndef SEARCH_SAVE_DATE_H
#define SEARCH_SAVE_DATE_H

#include <coffer/module.h>

gboolean search_save_date_register (CfRegistrar *registrar, GError **error);

#endif
