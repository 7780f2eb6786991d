/* core/control/control.c - the control protocol on a connection (control.h).
 *
 * The table below is all there is to say of a command: its name, how many arguments it takes, whether it asks
 * the store. Adding one takes a row and a function.
 */
#include "control/control.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/private.h"
#include "control/wire.h"
#include "imap/response.h"
#include "imap/session.h"
#include "module/registry.h"

static gboolean
control_ping (CfControl *control, char **args, GError **error)
{
  cf_control_reply (control, "cofferd", CF_VERSION, NULL);
  return TRUE;
}

static gboolean
control_modules (CfControl *control, char **args, GError **error)
{
  for (guint i = 0; i < cf_registry_get_n_modules (); i++) {
    const CfModuleInfo *info = cf_registry_get_module (i);

    cf_control_reply (control, info->name, info->descriptor->version ? info->descriptor->version : "",
                      info->descriptor->summary ? info->descriptor->summary : "", info->path, NULL);
  }
  return TRUE;
}

static const struct {
  const char *name;
  guint min, max; /* arguments */
  gboolean store;
  CfControlRun run;
} control_commands[] = {
  { "ping", 0, 0, FALSE, control_ping },
  { "modules", 0, 0, FALSE, control_modules },
  { "user-add", 1, 2, TRUE, cf_control_user_add }, /* NAME [PASSWORD] */
  { "user-list", 0, 0, TRUE, cf_control_user_list },
  { "user-disable", 1, 1, TRUE, cf_control_user_disable },
  { "user-enable", 1, 1, TRUE, cf_control_user_enable },
  { "user-delete", 1, 1, TRUE, cf_control_user_delete },
  { "passwd", 2, 2, TRUE, cf_control_passwd },           /* NAME PASSWORD */
  { "address-add", 2, 2, TRUE, cf_control_address_add }, /* NAME ADDRESS */
  { "address-remove", 2, 2, TRUE, cf_control_address_remove },
  { "address-list", 1, 1, TRUE, cf_control_address_list },
  { "who", 0, 0, FALSE, cf_control_who },
  { "kick", 1, 1, FALSE, cf_control_kick }, /* NAME or #NUMBER */
  { "stats", 0, 0, FALSE, cf_control_stats },
  { "config", 0, 0, FALSE, cf_control_config },
  { "config-reload", 0, 0, FALSE, cf_control_config_reload },
  { "trace-on", 2, 2, TRUE, cf_control_trace_on }, /* NAME TIME */
  { "trace-off", 1, 1, TRUE, cf_control_trace_off },
  { "trace-address-on", 2, 2, FALSE, cf_control_trace_address_on }, /* ADDRESS TIME */
  { "trace-address-off", 1, 1, FALSE, cf_control_trace_address_off },
  { "trace-list", 0, 0, FALSE, cf_control_trace_list },
  /* These take long: jobs, which need no permit of a worker's. */
  { "check", 0, 0, FALSE, cf_control_check },
  { "check-account", 1, 1, TRUE, cf_control_check_account }, /* NAME */
  { "backup", 1, 1, FALSE, cf_control_backup }, /* PATH, absolute */
  { "restored", 0, 0, FALSE, cf_control_restored },
  { "collect", 0, 0, FALSE, cf_control_collect },
  { "imap", 1, 1, TRUE, cf_control_imap }, /* NAME: from the OK on, the connection is an IMAP session */
};

/* ---- Answers ---- */

static void
control_write (CfControl *control, const char *const *words)
{
  g_autofree char *line = cf_control_format (words);

  cf_conn_write_string (control->conn, line);
}

void
cf_control_reply (CfControl *control, ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, control);
  line = cf_control_format_data (args);
  va_end (args);
  cf_conn_write_string (control->conn, line);
}

static void
control_fail (CfControl *control, const char *command, const GError *error)
{
  const char *code = cf_response_get_code (error);
  const char *const words[] = { "ERROR", code != NULL ? code : "-", error->message, NULL };

  cf_log (cf_response_get_log_level (error),
          &(CfLogContext){ .session = cf_conn_get_id (control->conn),
                           .peer = cf_conn_get_peer (control->conn)->text,
                           .command = command },
          "%s", error->message);
  control_write (control, words);
}

/* ---- Requests ---- */

static int
control_lookup (char **words, GError **error)
{
  guint n = g_strv_length (words) - 1;

  for (guint i = 0; i < G_N_ELEMENTS (control_commands); i++) {
    if (!g_str_equal (control_commands[i].name, words[0]))
      continue;
    if (n >= control_commands[i].min && n <= control_commands[i].max)
      return (int) i;
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "%s: wrong number of arguments", words[0]);
    return -1;
  }
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "This server does not know that command");
  return -1;
}

static void
control_leave_store (CfControl *control)
{
  if (control->asked_store)
    cf_permits_release (cf_store_service_get_permits (), cf_conn_get_ref (control->conn));
  control->asked_store = FALSE;
}

static CfRun
control_answer (CfControl *control, const char *command, const GError *error)
{
  static const char *const ok[] = { "OK", NULL };

  if (error != NULL)
    control_fail (control, command, error);
  else if (control->imap == NULL)
    control_write (control, ok);
  g_clear_pointer (&control->words, cf_control_words_free);
  return control->closing ? CF_RUN_CLOSE : CF_RUN_MORE;
}

/* For a storage permit, as long as a call of the store may take. */
static CfRun
control_wait (CfControl *control, const char *command)
{
  gint64 left = control->store_until - g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  if (left > 0) {
    cf_conn_set_timeout (control->conn, (guint64) left / 1000 + 1);
    return CF_RUN_WAIT;
  }
  control_leave_store (control);
  g_set_error_literal (&error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store did not answer in time");
  return control_answer (control, command, error);
}

/* WAIT: for a storage permit, or a job. Otherwise it has been answered. */
static CfRun
control_carry_out (CfControl *control)
{
  g_autoptr (GError) error = NULL;
  int i = control_lookup (control->words, &error);

  if (i >= 0 && control_commands[i].store) {
    if (!control->asked_store)
      control->store_until = cf_store_service_get_deadline (0);
    control->asked_store = TRUE;
    if (!cf_permits_try (cf_store_service_get_permits (), cf_conn_get_ref (control->conn), 0))
      return control_wait (control, control_commands[i].name);
    cf_conn_set_timeout (control->conn, 0);
  }
  if (i >= 0)
    control_commands[i].run (control, control->words + 1, &error);
  control_leave_store (control);
  if (control->job != NULL)
    return CF_RUN_WAIT;
  return control_answer (control, i >= 0 ? control_commands[i].name : NULL, error);
}

/* The job is told to end when the server is; its answer still goes out. */
static CfRun
control_attend (CfControl *control, guint reasons)
{
  g_autoptr (GError) error = NULL;

  if ((reasons & (CF_WAKE_KICK | CF_WAKE_DRAIN)) != 0) {
    control->closing = TRUE;
    cf_control_job_stop (control->job);
  }
  if (!cf_control_job_take (control->job, control->conn, &error))
    return CF_RUN_WAIT;
  g_clear_pointer (&control->job, cf_control_job_leave);
  return control_answer (control, control->words[0], error);
}

/* Takes a request out of the input. MORE: there is one (or what stood in its place has been answered). */
static CfRun
control_read (CfControl *control)
{
  g_autoptr (GError) error = NULL;
  gsize length;
  guint8 *data = cf_conn_peek (control->conn, &length);
  guint8 *end = length > 0 ? memchr (data, '\n', length) : NULL;

  if (end == NULL && length <= CF_CONTROL_LINE_MAX)
    return CF_RUN_DONE;
  if (end == NULL) {
    g_set_error_literal (&error, CF_ERROR, CF_ERROR_BAD, "The request is too long");
    control_fail (control, NULL, error);
    return CF_RUN_CLOSE;
  }
  control->words = cf_control_parse ((const char *) data, (gsize) (end - data), &error);
  if (control->words == NULL)
    control_fail (control, NULL, error);
  /* It may have held a password. */
  explicit_bzero (data, (gsize) (end - data));
  cf_conn_consume (control->conn, (gsize) (end - data) + 1);
  return CF_RUN_MORE;
}

/* ---- The protocol ---- */

static gpointer
control_opened (CfConn *conn)
{
  const CfPeer *peer = cf_conn_get_peer (conn);
  CfControl *control;

  if (peer->uid != 0 && peer->uid != (gint64) geteuid ()) {
    cf_log (G_LOG_LEVEL_WARNING, &(CfLogContext){ .session = cf_conn_get_id (conn), .peer = peer->text },
            "Refused on the control socket: neither root nor the server's user");
    return NULL;
  }
  cf_conn_set_established (conn);
  control = g_new0 (CfControl, 1);
  control->conn = conn;
  return control;
}

static CfRun
control_run (CfConn *conn, gpointer data, guint reasons)
{
  CfControl *control = data;

  if (control->imap != NULL)
    return cf_imap_protocol.run (conn, control->imap, reasons);
  if (control->job != NULL)
    return control_attend (control, reasons);
  if ((reasons & (CF_WAKE_KICK | CF_WAKE_DRAIN)) != 0)
    return CF_RUN_CLOSE;
  if (control->words == NULL) {
    CfRun read = control_read (control);

    if (control->words == NULL)
      return read;
  }
  return control_carry_out (control);
}

static void
control_closed (CfConn *conn, gpointer data)
{
  CfControl *control = data;

  if (control->imap != NULL)
    cf_imap_protocol.closed (conn, control->imap);
  cf_control_job_leave (control->job);
  control_leave_store (control);
  cf_control_words_free (control->words);
  g_free (control);
}

const CfProtocol cf_control_protocol = {
  .struct_size = sizeof cf_control_protocol,
  .name = "control",
  .opened = control_opened,
  .run = control_run,
  .closed = control_closed,
};
