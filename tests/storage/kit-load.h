/* tests/storage/kit-load.h - loading the plugin under test. */
#ifndef KIT_LOAD_H
#define KIT_LOAD_H

#include <coffer/storage.h>

/* Loads the plugin at @path as the daemon does, with @settings ("KEY=VALUE", NULL-terminated) as its group of
 * the configuration. NULL with @error: refused, or it registers no storage class, or more than one. The class
 * is at the size this kit knows: slots that an older plugin lacks are NULL. */
const CfStorageClass *kit_load_plugin (const char *path, const char *const *settings, GError **error);
void kit_unload_plugins (void);

#endif
