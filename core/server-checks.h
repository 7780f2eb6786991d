/* core/server-checks.h - settings that are found good or wrong as a whole, before sockets are opened and when
 * the configuration is read again.
 *
 * Main thread, once modules are loaded. FALSE: CF_ERROR_CANNOT, with the file, group and key that are to
 * blame.
 */
#ifndef CF_SERVER_CHECKS_H
#define CF_SERVER_CHECKS_H

#include "module/config.h"
#include "module/settings.h"
#include "net/net.h"

G_BEGIN_DECLS

gboolean cf_server_check_listen (const CfSettings *settings, CfConfig *config, GError **error);
gboolean cf_server_check_storage (const CfSettings *settings, CfConfig *config, GError **error);
gboolean cf_server_check_user (const CfSettings *settings, CfConfig *config, GError **error);
/* The process's own settings. */
gboolean cf_server_check_create_mailboxes (CfConfig *config, GError **error);
gboolean cf_server_check_all_networks (const CfSettings *settings, CfConfig *config, GError **error);
gboolean cf_server_check_spool (const CfSettings *settings, CfConfig *config, GError **error);

/* Of connections, and of proxies. */
gboolean cf_server_set_limits (CfNet *net, const CfSettings *settings, CfConfig *config, GError **error);
/* The certificate, if there is one. */
gboolean cf_server_set_tls (CfNet *net, const CfSettings *settings, CfConfig *config, GError **error);

G_END_DECLS

#endif
