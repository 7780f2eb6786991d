/* core/control/sessions.c - who is connected, ending sessions, and the server's counters (control.h).
 *
 * The connection that asks is neither shown nor ended. Nothing here asks the store, so all of it works while
 * the store is away.
 */
#include <string.h>

#include "base/log.h"
#include "control/private.h"
#include "imap/login-limit.h"
#include "module/registry.h"
#include "store/login-audit.h"
#include "system.h"

/* Not a session: another cofferctl's connection that acts for no account. */
static gboolean
is_session (const CfConnInfo *info)
{
  return !g_str_equal (info->protocol, cf_control_protocol.name) || info->label[0] != '\0';
}

/* ---- Who ---- */

static void
reply_number (CfControl *control, const char *name, guint64 value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

  cf_control_reply (control, name, text, NULL);
}

static gboolean
who_one (const CfConnInfo *info, gpointer user_data)
{
  CfControl *control = user_data;
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, info->id);
  g_autofree char *since = g_strdup_printf ("%" G_GINT64_FORMAT, info->since);
  g_autofree char *in = g_strdup_printf ("%" G_GUINT64_FORMAT, info->bytes_in);
  g_autofree char *out = g_strdup_printf ("%" G_GUINT64_FORMAT, info->bytes_out);

  if (is_session (info))
    cf_control_reply (control, number, info->protocol,
                      info->tls         ? "tls"
                      : info->proxy_tls ? "proxy"
                                        : "clear",
                      since, in, out, info->peer, info->label, NULL);
  return TRUE;
}

/* Each data line: number, protocol, "tls", "proxy" (TLS up to a proxy) or "clear", since when in microseconds
 * since the epoch, octets in, octets out, peer, user ("": not logged in). */
gboolean
cf_control_who (CfControl *control, char **args, GError **error)
{
  cf_net_foreach (cf_conn_get_net (control->conn), who_one, control);
  return TRUE;
}

/* ---- Kick ---- */

typedef struct {
  CfNet *net;
  const char *user;    /* NULL: any */
  CfAccountId account; /* 0: any */
  guint64 number;      /* 0: any */
  guint n;
} Kick;

/* A label is cut at 127 octets: two names that agree so far are both told, which costs one of them a new
 * login. */
gboolean
cf_control_is_user (const CfConnInfo *info, const char *user)
{
  return g_str_equal (info->label, user)
         || (strlen (info->label) >= 124 && g_str_has_prefix (user, info->label));
}

static gboolean
kick_one (const CfConnInfo *info, gpointer user_data)
{
  Kick *kick = user_data;

  if (!is_session (info) || (kick->user != NULL && !cf_control_is_user (info, kick->user))
      || (kick->account != 0 && info->owner != kick->account)
      || (kick->number != 0 && info->id != kick->number))
    return TRUE;
  cf_net_wake (kick->net, info->ref, CF_WAKE_KICK);
  kick->n++;
  return TRUE;
}

guint
cf_control_kick_all (CfNet *net)
{
  Kick kick = { .net = net };

  cf_net_foreach (net, kick_one, &kick);
  return kick.n;
}

guint
cf_control_kick_account (CfNet *net, CfAccountId account)
{
  Kick kick = { .net = net, .account = account };

  cf_net_foreach (net, kick_one, &kick);
  return kick.n;
}

/* "#7"; FALSE: it is a name. */
static gboolean
parse_number (const char *text, guint64 *out_number)
{
  return text[0] == '#' && g_ascii_string_to_unsigned (text + 1, 10, 1, G_MAXUINT64, out_number, NULL);
}

/* The data line: how many sessions have been told to end. */
gboolean
cf_control_kick (CfControl *control, char **args, GError **error)
{
  g_autofree char *user = NULL;
  Kick kick = { .net = cf_conn_get_net (control->conn) };

  if (!parse_number (args[0], &kick.number)) {
    kick.user = user = cf_control_normalise (args[0], error);
    if (user == NULL)
      return FALSE;
  }
  cf_net_foreach (kick.net, kick_one, &kick);
  if (kick.number != 0 && kick.n == 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no session %s", args[0]);
    return FALSE;
  }
  cf_log (G_LOG_LEVEL_MESSAGE,
          &(CfLogContext){ .session = cf_conn_get_id (control->conn),
                           .peer = cf_conn_get_peer (control->conn)->text,
                           .user = kick.user },
          "Told %u sessions to end", kick.n);
  reply_number (control, "sessions", kick.n);
  return TRUE;
}

/* ---- Counters ---- */

/* Each data line: name, number. */
gboolean
cf_control_stats (CfControl *control, char **args, GError **error)
{
  CfTallyCounters logins;
  CfLoginQueueCounters notes;
  CfNetCounters net;
  gsize used, unused;

  cf_system_measure_memory (&used, &unused);
  cf_net_get_counters (cf_conn_get_net (control->conn), &net);
  cf_login_limit_get_counters (&logins);
  cf_login_audit_get_counters (&notes);
  reply_number (control, "connections_open", net.open);
  reply_number (control, "connections_accepted", net.accepted);
  reply_number (control, "connections_refused", net.refused);
  reply_number (control, "connections_gave_way", net.gave_way);
  reply_number (control, "addresses", net.addresses);
  reply_number (control, "sessions", logins.entries);
  reply_number (control, "accounts", logins.keys);
  reply_number (control, "logins_refused", logins.refused);
  reply_number (control, "logins_to_note", notes.waiting);
  reply_number (control, "logins_not_noted", notes.dropped);
  reply_number (control, "tls_failures", net.tls_failures);
  reply_number (control, "octets_in", net.bytes_in);
  reply_number (control, "octets_out", net.bytes_out);
  reply_number (control, "store_calls", cf_store_service_get_n_calls ());
  reply_number (control, "store_available", cf_store_service_is_away () ? 0 : 1);
  reply_number (control, "memory_used", used);
  reply_number (control, "memory_unused", unused);
  reply_number (control, "modules", cf_registry_get_n_modules ());
  return TRUE;
}
