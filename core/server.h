/* core/server.h - the server as a whole: configuration, modules, store, network, put together in that order.
 *
 * cofferd is the main loop and the signals around it. Main thread only; one server in a process.
 */
#ifndef CF_SERVER_H
#define CF_SERVER_H

#include "module/config.h"

G_BEGIN_DECLS

typedef struct _CfServer CfServer;

/* Reads the configuration at @config_path, loads its modules and checks everything that can be checked
 * without opening a socket or the store. NULL: the configuration is at fault; @error begins with "FILE:LINE:
 * " where a line is. */
CfServer *cf_server_new (const char *config_path, GError **error);

/* Binds the addresses, becomes the configured user, opens the store, and serves. FALSE: one
 * of these failed. */
gboolean cf_server_start (CfServer *server, GError **error);
/* The same without listening: for a program that serves nobody but
 * itself, over cf_server_attach_control(). */
gboolean cf_server_start_private (CfServer *server, GError **error);
/* Serves @fd, a connected unix socket that becomes the server's own (also on failure), with
 * the control protocol. */
gboolean cf_server_attach_control (CfServer *server, int fd, GError **error);
/* What is served, as listen texts with actual ports: "imap://127.0.0.1:40123". The
 * caller frees (g_strfreev). */
char **cf_server_dup_addresses (CfServer *server);

/* Whether a worker has been free since the call before (true the first time): a watchdog's question. */
gboolean cf_server_probe (CfServer *server);

/* What a second reading of the configuration came to: names of keys, "server.workers". */
typedef struct {
  char **applied; /* changed and in force */
  char **waiting; /* differ from what is in force until a restart */
} CfServerReload;

/* Reads the configuration again, and the TLS certificate. Applies what may change under running sessions,
 * logs what waits for a restart. *@out gets two arrays that the caller frees
 * (g_strfreev). FALSE: something is wrong with it, and nothing has changed. */
gboolean cf_server_reload (CfServer *server, CfServerReload *out, GError **error);

/* How long all that follows the sessions' time may take: a store may have to bring its files in order, and
 * what must not be left half done is carried through. */
#define CF_SERVER_CLOSE_SECONDS 60

/* Lets sessions finish for the configured time, then closes them; @drained is called on the main context when
 * the last has gone. A second call closes them at once. Ends the process by force when the time is over, or
 * when a call of the store that nobody waits for does not return. */
void cf_server_drain (CfServer *server, void (*drained) (gpointer user_data), gpointer user_data);

/* Stops what still runs and frees everything. NULL is allowed. */
void cf_server_free (CfServer *server);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfServer, cf_server_free)

/* Calls @func for each group of keys, core's and the modules': of those that @config_path loads, or, when it
 * is NULL, of all that are found. Instead of serving; no server may be there. */
gboolean cf_server_foreach_config_group (const char *config_path, CfConfigGroupFunc func, gpointer user_data,
                                         GError **error);
/* What an upgrade of the store's schema tells. */
typedef struct {
  CfTextFunc print;
  CfProgressFunc progress;
  gpointer user_data;
} CfSchemaReport;
/* Brings the schema of the store that @config_path names forward; or, with @dry_run, only prints what that
 * would do. *@out_from and *@out_to are its versions before and after, equal when there is nothing to do.
 * Instead of serving. */
gboolean cf_server_upgrade_schema (const char *config_path, gboolean dry_run, const CfSchemaReport *report,
                                   guint *out_from, guint *out_to, GError **error);
/* The same as a configuration file, every key commented out. The caller frees. NULL: @error. */
char *cf_server_describe_config (const char *config_path, GError **error);

G_END_DECLS

#endif
