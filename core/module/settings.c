/* core/module/settings.c - core's own configuration: its keys, as tables, and what a single key cannot check.
 *
 * Adding a key takes a row here and a field in settings.h. A row says: the key, the field, the default, the
 * range or the choices, whether SIGHUP may change it, and the help line.
 */
#include "module/settings.h"

static CfSettings settings;

#define RELOAD  TRUE
#define RESTART FALSE

/* clang-format off */
#define KEY(key_type, key, field, value, reload, text)                                                       \
  .name = key, .type = CF_CONFIG_##key_type, .default_text = value, .reloadable = reload, .help = text,      \
  .offset = G_STRUCT_OFFSET (CfSettings, field)
#define BOOLEAN_KEY(key, field, value, reload, text) { KEY (BOOLEAN, key, field, value, reload, text) }
#define STRING_KEY(key, field, value, reload, text)  { KEY (STRING, key, field, value, reload, text) }
#define FILE_KEY(key, field, value, reload, text)    { KEY (FILE, key, field, value, reload, text) }
#define LIST_KEY(key, field, value, reload, text)    { KEY (LIST, key, field, value, reload, text) }
#define CHOICE_KEY(key, field, value, list, reload, text)                                                    \
  { KEY (CHOICE, key, field, value, reload, text), .choices = list }
#define INTEGER_KEY(key, field, value, low, high, reload, text)                                              \
  { KEY (INTEGER, key, field, value, reload, text), .minimum = low, .maximum = high }
#define DURATION_KEY(key, field, value, low, high, reload, text)                                             \
  { KEY (DURATION, key, field, value, reload, text), .minimum = low, .maximum = high }

#define KB   ((gint64) 1 << 10)
#define MB   ((gint64) 1 << 20)
#define GB   ((gint64) 1 << 30)
#define TB   ((gint64) 1 << 40)
#define HOUR 3600
#define DAY  86400

static const CfConfigKey server_keys[] = {
  LIST_KEY ("listen", listen, "imap://127.0.0.1:1143", RESTART,
    "Where clients connect: imap://ADDRESS:PORT, imaps://ADDRESS:PORT, imap+unix:/PATH; "
    "0.0.0.0, [::]: all addresses; imap+proxy://, imaps+proxy://: where proxies do (PROXY protocol, version 2)"),
  LIST_KEY ("modules", modules, "", RESTART,
    "Modules to load, in this order"),
  FILE_KEY ("tls_certificate", tls_certificate, "", RELOAD,
    "PEM file with the server's certificate and its chain; none: no TLS"),
  FILE_KEY ("tls_key", tls_key, "", RELOAD,
    "PEM file with the private key; none: in the certificate's file"),
  STRING_KEY ("tls_priorities", tls_priorities, "", RELOAD,
    "GnuTLS priority string; none: TLS 1.3 and 1.2"),
  FILE_KEY ("tls_client_ca", tls_client_ca, "", RELOAD,
    "PEM file with the authorities of client certificates; none: clients are not asked for one"),
  CHOICE_KEY ("plaintext_login", plaintext_login, "loopback", "never;loopback;always", RELOAD,
    "From where passwords are accepted without TLS"),
  FILE_KEY ("control_socket", control_socket, "", RESTART,
    "Unix socket for cofferctl; none: the daemon cannot be controlled"),
  STRING_KEY ("user", user, "", RESTART,
    "User to become once the addresses are bound, when started as root"),
  CHOICE_KEY ("log_level", log_level, "message", "error;warning;message;info;debug", RELOAD,
    "Least important events that are logged"),
  INTEGER_KEY ("workers", workers, "0", 0, 1024, RESTART,
    "Threads that serve clients; 0: two for each core, at least four"),
  INTEGER_KEY ("max_connections", max_connections, "65536", 1, 1 << 24, RESTART,
    "Clients at a time, as far as the limit of open files allows. "
    "Those that have not logged in give way to others; if there are none, others wait"),
  INTEGER_KEY ("connections_per_account", connections_per_account, "1000", 0, 1 << 24, RELOAD,
    "Sessions of one account at a time; more logins are refused; 0: no limit"),
  INTEGER_KEY ("connections_per_address", connections_per_address, "0", 0, 1 << 24, RELOAD,
    "Connections from one address at a time, of IPv6 from one /64; more are refused. "
    "Thousands of users can be behind one address; 0: no limit"),
  LIST_KEY ("trusted_networks", trusted_networks, "", RELOAD,
    "Networks without connections_per_address, such as those of a web mail: 192.0.2.0/24;2001:db8::/32"),
  LIST_KEY ("proxy_networks", proxy_networks, "", RELOAD,
    "Addresses of the proxies that may connect to +proxy:// listeners and say who their clients are"),
  BOOLEAN_KEY ("proxy_tls", proxy_tls, "false", RELOAD,
    "Take a client for one under TLS when such a proxy says that it came to it by TLS"),
  FILE_KEY ("trace_dir", trace_dir, "", RESTART,
    "Directory for the protocol traces that cofferctl trace begins; none: there are none"),
  INTEGER_KEY ("trace_file_max", trace_file_max, "16M", KB, TB, RELOAD,
    "Octets of one session's trace"),
  INTEGER_KEY ("trace_total_max", trace_total_max, "256M", KB, TB, RELOAD,
    "Octets of all files of one trace; it then ends"),
  DURATION_KEY ("drain_time", drain_time, "10s", 0, HOUR, RELOAD,
    "How long sessions may take to finish when the server ends"),
};

static const CfConfigKey imap_keys[] = {
  DURATION_KEY ("login_timeout", login_timeout, "60s", 1, HOUR, RELOAD,
    "A client that has not logged in by then is closed"),
  DURATION_KEY ("login_delay_max", login_delay_max, "15s", 0, HOUR, RESTART,
    "Longest wait after repeated failed logins to an account from an address; 0: none"),
  INTEGER_KEY ("login_failures_max", login_failures_max, "1000", 0, 1000000, RESTART,
    "Failed logins a minute from one address above which all its failures wait; 0: no such ceiling"),
  DURATION_KEY ("idle_timeout", idle_timeout, "30m", 1, 30 * DAY, RELOAD,
    "A session silent for so long is closed; RFC 3501, 5.4 demands 30 minutes or more"),
  DURATION_KEY ("idle_keepalive", idle_keepalive, "2m", 0, DAY, RELOAD,
    "A client in IDLE is sent a line so often; 0: never"),
  DURATION_KEY ("view_idle", view_idle, "5s", 1, DAY, RELOAD,
    "A session silent for so long no longer holds its mailbox's index in memory"),
  INTEGER_KEY ("command_max", command_max, "64k", 8 * KB, 16 * MB, RELOAD,
    "Octets of a command without its literals (RFC 7162, 4: 8k or more)"),
  INTEGER_KEY ("literal_max", literal_max, "1M", KB, GB, RELOAD,
    "Octets of a literal that is not a message"),
  INTEGER_KEY ("append_limit", append_limit, "256M", KB, 4 * GB - 1, RELOAD,
    "Octets of a message (APPENDLIMIT, RFC 7889)"),
  INTEGER_KEY ("spool_threshold", spool_threshold, "256k", 1, GB, RELOAD,
    "Literals larger than this are kept on disk while they come in"),
  FILE_KEY ("spool_dir", spool_dir, "", RESTART,
    "Directory for such literals; none: the system's for temporary files"),
  INTEGER_KEY ("keywords_per_message", keywords_per_message, "64", 1, 10000, RELOAD,
    "Keywords on one message"),
  BOOLEAN_KEY ("show_read_report_sent", show_read_report_sent, "true", RELOAD,
    "FLAGS and FETCH show \\read-report-sent (CPM)"),
  BOOLEAN_KEY ("accept_read_report_sent", accept_read_report_sent, "true", RELOAD,
    "STORE and APPEND may set \\read-report-sent (CPM)"),
  BOOLEAN_KEY ("utf8_accept", utf8_accept, "false", RELOAD,
    "Offer UTF8=ACCEPT (RFC 6855), which demands that clients that enable neither it nor IMAP4rev2 "
    "may not append messages with 8-bit header fields"),
};

static const CfConfigKey storage_keys[] = {
  STRING_KEY ("class", storage_class, "sqlite", RESTART,
    "Storage class to use; its module must be loaded"),
  DURATION_KEY ("deadline", store_deadline, "10s", 1, HOUR, RELOAD,
    "A call to the store that takes longer fails"),
  INTEGER_KEY ("permits", store_permits, "0", 0, 1024, RESTART,
    "Workers that may be in the store at a time; 0: three quarters of them"),
  INTEGER_KEY ("heavy_permits", heavy_permits, "0", 0, 1024, RESTART,
    "Of these, for body search and conversion; 0: half"),
  INTEGER_KEY ("facts_cache", facts_cache, "64M", 0, TB, RESTART,
    "Octets of envelopes, structures and headers kept in memory"),
  INTEGER_KEY ("snapshot_cache", snapshot_cache, "32M", 0, TB, RESTART,
    "Octets of mailbox indexes kept in memory beyond those in use"),
  INTEGER_KEY ("object_threshold", object_threshold, "64k", 1, GB, RESTART,
    "Leaf parts of at least so many octets are kept apart, once for equal ones"),
  CHOICE_KEY ("object_scope", object_scope, "account", "account;domain;server", RESTART,
    "Within what equal parts are shared; "
    "wider saves space but reveals that a part exists and hinders erasure"),
  DURATION_KEY ("collect_interval", collect_interval, "1h", 0, 30 * DAY, RELOAD,
    "How often content that nothing refers to is freed; 0: never"),
  DURATION_KEY ("collect_grace", collect_grace, "1h", 0, 365 * DAY, RELOAD,
    "For how long such content is kept; sessions may still read expunged messages meanwhile"),
  LIST_KEY ("create_mailboxes", create_mailboxes, "", RESTART,
    "Mailboxes of a new account, each with its special use if it has one: Sent \\Sent;Trash \\Trash"),
};
/* clang-format on */

static const struct {
  const char *name;
  const CfConfigKey *keys;
  guint n;
} groups[] = {
  { "server", server_keys, G_N_ELEMENTS (server_keys) },
  { "imap", imap_keys, G_N_ELEMENTS (imap_keys) },
  { "storage", storage_keys, G_N_ELEMENTS (storage_keys) },
};

const CfSettings *
cf_settings_get (void)
{
  return &settings;
}

static gboolean
refuse (CfConfig *config, const char *group, const char *key, const char *reason, GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, reason);
  cf_config_prefix_error (config, group, key, error);
  return FALSE;
}

/* What concerns two keys at once. */
static gboolean
settings_check (const CfSettings *read, CfConfig *config, GError **error)
{
  if (read->tls_key != NULL && read->tls_certificate == NULL)
    return refuse (config, "server", "tls_key", "tls_key without tls_certificate", error);
  if (read->workers && read->store_permits > read->workers)
    return refuse (config, "storage", "permits", "more permits than workers", error);
  if (read->store_permits && read->heavy_permits > read->store_permits)
    return refuse (config, "storage", "heavy_permits", "more heavy_permits than permits", error);
  return TRUE;
}

gboolean
cf_settings_read (CfConfig *config, CfSettings *out, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++) {
    if (!cf_config_apply (config, groups[i].name, groups[i].keys, sizeof (CfConfigKey), groups[i].n, out,
                          error))
      return FALSE;
  }
  return settings_check (out, config, error);
}

gboolean
cf_settings_load (CfConfig *config, GError **error)
{
  return cf_settings_read (config, &settings, error);
}

void
cf_settings_unload (void)
{
  cf_settings_clear (&settings);
}

gboolean
cf_settings_collect (CfConfigChanges *changes, CfConfig *config, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++) {
    if (!cf_config_changes_collect (changes, config, groups[i].name, groups[i].keys, sizeof (CfConfigKey),
                                    groups[i].n, &settings, error))
      return FALSE;
  }
  return TRUE;
}

void
cf_settings_clear (CfSettings *read)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++)
    cf_config_clear (groups[i].keys, sizeof (CfConfigKey), groups[i].n, read);
}

void
cf_settings_foreach_group (CfConfigGroupFunc func, gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (groups); i++) {
    const CfConfigGroup group = { .name = groups[i].name,
                                  .keys = groups[i].keys,
                                  .row_size = sizeof (CfConfigKey),
                                  .n = groups[i].n,
                                  .base = &settings };

    func (&group, user_data);
  }
}
