/* core/module/settings.h - core's own configuration.
 *
 * One struct, filled from the groups [server], [imap] and [storage] through the same tables of CfConfigKey
 * that modules register. To add a key: a field here, a row in settings.c.
 *
 * There is one for the process, filled before any worker runs. SIGHUP replaces what is _Atomic while workers
 * read it, and strings that are said to be reloadable; the rest never changes. Sizes are octets, times are
 * seconds, 0 switches a limit off only where it says so. Strings are NULL when not given.
 */
#ifndef CF_MODULE_SETTINGS_H
#define CF_MODULE_SETTINGS_H

#include "module/config.h"

G_BEGIN_DECLS

typedef struct {
  /* [server] */
  char **listen;
  char **modules;
  char *tls_certificate, *tls_key, *tls_priorities, *tls_client_ca; /* main thread only; reloadable */
  const char *_Atomic plaintext_login;                              /* "never", "loopback", "always" */
  char *control_socket;
  char *user;
  const char *_Atomic log_level;
  gint64 workers; /* 0: by the number of cores */
  gint64 max_connections;
  _Atomic gint64 connections_per_account, connections_per_address; /* 0: no limit */
  char **trusted_networks, **proxy_networks;                       /* main thread only; reloadable */
  char *trace_dir;                                                 /* NULL: no traces are kept */
  _Atomic gint64 trace_file_max, trace_total_max;
  _Atomic gboolean proxy_tls; /* proxies are believed that clients had TLS */
  _Atomic gint64 drain_time;

  /* [imap] */
  _Atomic gint64 login_timeout;
  gint64 login_delay_max;    /* longest wait after failed logins; 0: none */
  gint64 login_failures_max; /* failures a minute of one address above which all wait; 0: no ceiling */
  _Atomic gint64 idle_timeout;
  _Atomic gint64 idle_keepalive; /* 0: none is sent */
  _Atomic gint64 view_idle;
  _Atomic gint64 command_max; /* a command without its literals */
  _Atomic gint64 literal_max; /* a literal that is not a message */
  _Atomic gint64 append_limit;
  _Atomic gint64 spool_threshold;
  char *spool_dir; /* NULL: the system's directory for temporary files */
  _Atomic gint64 keywords_per_message;
  _Atomic gboolean show_read_report_sent;   /* FETCH and FLAGS show \read-report-sent */
  _Atomic gboolean accept_read_report_sent; /* STORE and APPEND may set it */
  _Atomic gboolean utf8_accept;             /* UTF8=ACCEPT is offered, with what it takes from others */

  /* [storage] */
  char *storage_class;
  _Atomic gint64 store_deadline;
  gint64 store_permits; /* 0: three quarters of the workers */
  gint64 heavy_permits; /* 0: half of the store permits */
  gint64 facts_cache, snapshot_cache;
  gint64 object_threshold;         /* leaf parts of at least so many octets are kept apart */
  const char *object_scope;        /* "account", "domain", "server" */
  _Atomic gint64 collect_interval; /* 0: never */
  _Atomic gint64 collect_grace;
  char **create_mailboxes; /* for a new account: "Sent \Sent;Trash \Trash" */
} CfSettings;

/* The process's settings; zero before cf_settings_load(). */
const CfSettings *cf_settings_get (void);

/* Fills them from @config (NULL: defaults), and checks what a single key's row cannot. */
gboolean cf_settings_load (CfConfig *config, GError **error);
void cf_settings_unload (void);

/* The same into a struct of the caller's, zero before and cleared after, also on failure:
 * a second reading. */
gboolean cf_settings_read (CfConfig *config, CfSettings *out, GError **error);
void cf_settings_clear (CfSettings *read);
/* Adds to @changes what @config, found good by cf_settings_read(), would change. */
gboolean cf_settings_collect (CfConfigChanges *changes, CfConfig *config, GError **error);

/* Calls @func for each of core's groups. */
void cf_settings_foreach_group (CfConfigGroupFunc func, gpointer user_data);

G_END_DECLS

#endif
