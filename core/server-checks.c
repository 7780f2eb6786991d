/* core/server-checks.c - what can be wrong with settings beyond what a single key's row says, and what of
 * them the network is told (server-checks.h).
 */
#include "server-checks.h"

#include "base/ip.h"
#include "control/control.h"
#include "module/registry.h"
#include "system.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

gboolean
cf_server_check_listen (const CfSettings *settings, CfConfig *config, GError **error)
{
  for (guint i = 0; settings->listen[i]; i++) {
    CfNetListenNeeds needs = { 0 };
    const char *missing = NULL;
    gboolean good = cf_net_check_listen (settings->listen[i], cf_registry_get_protocols (), &needs, error);

    if (good && needs.tls && settings->tls_certificate == NULL)
      missing = "tls_certificate";
    else if (good && needs.proxies && settings->proxy_networks[0] == NULL)
      missing = "proxy_networks";
    if (missing != NULL) {
      g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: needs %s", settings->listen[i], missing);
      good = FALSE;
    }
    if (!good) {
      cf_config_prefix_error (config, "server", "listen", error);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
cf_server_check_storage (const CfSettings *settings, CfConfig *config, GError **error)
{
  const char *const *names = cf_registry_get_storage_names ();
  g_autofree char *list = NULL;

  if (settings->storage_class != NULL && cf_registry_lookup_storage (settings->storage_class) != NULL)
    return TRUE;
  list = g_strjoinv (", ", (char **) names);
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "no loaded module has a storage class '%s' (there is: %s)",
               settings->storage_class != NULL ? settings->storage_class : "",
               names[0] != NULL ? list : "none");
  cf_config_prefix_error (config, "storage", "class", error);
  return FALSE;
}

gboolean
cf_server_check_user (const CfSettings *settings, CfConfig *config, GError **error)
{
  if (settings->user == NULL || cf_system_check_user (settings->user, error))
    return TRUE;
  cf_config_prefix_error (config, "server", "user", error);
  return FALSE;
}

gboolean
cf_server_check_create_mailboxes (CfConfig *config, GError **error)
{
  if (cf_control_check_settings (error))
    return TRUE;
  cf_config_prefix_error (config, "storage", "create_mailboxes", error);
  return FALSE;
}

static gboolean
check_networks (char *const *list, CfConfig *config, const char *key, GError **error)
{
  g_autoptr (CfIpNetworks) networks = cf_ip_networks_parse (list, error);

  if (networks != NULL)
    return TRUE;
  cf_config_prefix_error (config, "server", key, error);
  return FALSE;
}

gboolean
cf_server_check_all_networks (const CfSettings *settings, CfConfig *config, GError **error)
{
  return check_networks (settings->trusted_networks, config, "trusted_networks", error)
         && check_networks (settings->proxy_networks, config, "proxy_networks", error);
}

gboolean
cf_server_set_limits (CfNet *net, const CfSettings *settings, CfConfig *config, GError **error)
{
  const CfNetLimits limits = {
    .per_address = (guint) settings->connections_per_address,
    .trusted = settings->trusted_networks,
  };

  const CfNetProxies proxies = {
    .networks = settings->proxy_networks,
    .believe_tls = settings->proxy_tls,
  };

  return cf_server_check_all_networks (settings, config, error) && cf_net_set_limits (net, &limits, error)
         && cf_net_set_proxies (net, &proxies, error);
}

/* Whether the user who serves may write there is found out when it is tried: now it is perhaps another. */
gboolean
cf_server_check_spool (const CfSettings *settings, CfConfig *config, GError **error)
{
  struct stat status;
  int cause = 0;

  if (settings->spool_dir == NULL)
    return TRUE;
  if (stat (settings->spool_dir, &status) != 0)
    cause = errno;
  else if (!S_ISDIR (status.st_mode))
    cause = ENOTDIR;
  else if (settings->user == NULL && access (settings->spool_dir, W_OK | X_OK) != 0)
    cause = errno;
  if (cause == 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: %s", settings->spool_dir, g_strerror (cause));
  cf_config_prefix_error (config, "imap", "spool_dir", error);
  return FALSE;
}

gboolean
cf_server_set_tls (CfNet *net, const CfSettings *settings, CfConfig *config, GError **error)
{
  const CfTlsConfig tls = {
    .certificate = settings->tls_certificate,
    .key = settings->tls_key,
    .priorities = settings->tls_priorities,
    .client_ca = settings->tls_client_ca,
  };

  if (settings->tls_certificate == NULL || cf_net_set_tls (net, &tls, error))
    return TRUE;
  cf_config_prefix_error (config, "server", "tls_certificate", error);
  return FALSE;
}
