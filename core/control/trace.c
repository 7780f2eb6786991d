/* core/control/trace.c - traces of the protocol, switched on and off (control.h, imap/trace.h). */
#include "base/ip.h"
#include "base/log.h"
#include "control/private.h"
#include "module/config.h"
#include "module/settings.h"

#define DAY 86400

/* ---- Waking -------------------------------------------------------------------------------------------- */

typedef struct {
  CfNet *net;
  CfTraceKind kind;
  const char *target;
} Concerned;

static gboolean
is_at (const char *peer, const char *address)
{
  CfIp ip, wanted;

  return cf_ip_parse_peer (peer, &ip) && cf_ip_parse (address, &wanted) && cf_ip_equal (&ip, &wanted);
}

static gboolean
wake_one (const CfConnInfo *info, gpointer user_data)
{
  const Concerned *concerned = user_data;

  if (concerned->kind == CF_TRACE_ACCOUNT ? cf_control_is_user (info, concerned->target)
                                          : is_at (info->peer, concerned->target))
    cf_net_wake (concerned->net, info->ref, CF_WAKE_PUSH);
  return TRUE;
}

void
cf_control_trace_changed (CfTraceKind kind, const char *target, gpointer net)
{
  Concerned concerned = { net, kind, target };

  cf_net_foreach (net, wake_one, &concerned);
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static void
log_switch (CfControl *control, const char *what, const char *target)
{
  cf_log (G_LOG_LEVEL_MESSAGE,
          &(CfLogContext){ .session = cf_conn_get_id (control->conn),
                           .peer = cf_conn_get_peer (control->conn)->text },
          "Trace of %s %s", target, what);
}

static gboolean
start (CfControl *control, CfTraceKind kind, const char *target, const char *time, GError **error)
{
  gint64 seconds;

  if (!cf_config_parse_duration (time, 1, 30 * DAY, &seconds, error)
      || !cf_trace_start (kind, target, (guint) seconds, error))
    return FALSE;
  log_switch (control, "begun", target);
  cf_control_reply (control, target, cf_settings_get ()->trace_dir, NULL);
  return TRUE;
}

static gboolean
stop (CfControl *control, CfTraceKind kind, const char *target, GError **error)
{
  if (!cf_trace_stop (kind, target, error))
    return FALSE;
  log_switch (control, "ended", target);
  return TRUE;
}

/* @text in the one form that traces know an address by; the caller frees. */
static char *
dup_address (const char *text, GError **error)
{
  CfIp ip;

  if (cf_ip_parse (text, &ip))
    return cf_ip_to_string (&ip);
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "'%s' is no IP address", text);
  return NULL;
}

/* NAME TIME. The data line: the account's name, the directory. */
gboolean
cf_control_trace_on (CfControl *control, char **args, GError **error)
{
  g_autofree char *user = cf_control_dup_user (control, args[0], error);

  return user != NULL && start (control, CF_TRACE_ACCOUNT, user, args[1], error);
}

gboolean
cf_control_trace_off (CfControl *control, char **args, GError **error)
{
  g_autofree char *user = cf_control_dup_user (control, args[0], error);

  return user != NULL && stop (control, CF_TRACE_ACCOUNT, user, error);
}

/* ADDRESS TIME. */
gboolean
cf_control_trace_address_on (CfControl *control, char **args, GError **error)
{
  g_autofree char *address = dup_address (args[0], error);

  return address != NULL && start (control, CF_TRACE_ADDRESS, address, args[1], error);
}

gboolean
cf_control_trace_address_off (CfControl *control, char **args, GError **error)
{
  g_autofree char *address = dup_address (args[0], error);

  return address != NULL && stop (control, CF_TRACE_ADDRESS, address, error);
}

static void
list_one (const CfTraceInfo *info, gpointer user_data)
{
  g_autofree char *until = g_strdup_printf ("%" G_GINT64_FORMAT, info->until);
  g_autofree char *sessions = g_strdup_printf ("%u", info->sessions);
  g_autofree char *files = g_strdup_printf ("%u", info->files);
  g_autofree char *octets = g_strdup_printf ("%" G_GUINT64_FORMAT, info->octets);

  cf_control_reply (user_data, info->kind == CF_TRACE_ACCOUNT ? "account" : "address", info->target, until,
                    sessions, files, octets, NULL);
}

/* Each data line: "account" or "address", which, until when in microseconds since the epoch, sessions, files,
 * octets. */
gboolean
cf_control_trace_list (CfControl *control, char **args, GError **error)
{
  cf_trace_foreach (list_one, control);
  return TRUE;
}
