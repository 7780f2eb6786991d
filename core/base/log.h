/* core/base/log.h - the log: one line on stderr for each event.
 *
 *   2026-03-01T12:00:00.123Z warning Cannot reach the store session=7 user=ann command=SELECT
 *
 * It is a writer for GLib's structured logging, so that modules log with g_warning(), g_message(), g_info()
 * and g_debug() and nothing else. Where stderr is the journal's, events go there with their fields. What a
 * client sent may stand in a message or a field: control characters, line ends and invalid UTF-8 are escaped.
 * Secrets may not.
 *
 * Logging holds up nobody for long: where stderr is a pipe or a socket that nobody reads, lines are lost, and
 * when there is room again a line says how many.
 */
#ifndef CF_BASE_LOG_H
#define CF_BASE_LOG_H

#include <glib.h>

G_BEGIN_DECLS

/* Whom an event is about. Zero and NULL fields are left out. Strings are borrowed for the call. */
typedef struct {
  guint64 session;     /* the session's number */
  const char *user;    /* account name */
  const char *peer;    /* "192.0.2.1:50000" */
  const char *command; /* the command's name, never its arguments */
  const char *module;
} CfLogContext;

/* Installs the writer. Once, before threads exist. */
void cf_log_install (void);

/* "error", "warning", "message", "info" or "debug": events below it are dropped. Any thread. FALSE:
 * no such level. */
gboolean cf_log_set_level (const char *name);
/* For callers that would have to compute what they log. Any thread. */
gboolean cf_log_is_enabled (GLogLevelFlags level);

/* One event. @level is G_LOG_LEVEL_CRITICAL (shown as "error"), _WARNING, _MESSAGE, _INFO or _DEBUG; @context
 * may be NULL. Any thread. */
void cf_log (GLogLevelFlags level, const CfLogContext *context, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The line that the writer would write, with its line end; the caller frees. @time is microseconds
 * since the epoch. */
char *cf_log_format (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gint64 time);

G_END_DECLS

#endif
