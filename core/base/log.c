/* core/base/log.c - the log's writer (base/log.h).
 *
 * A line is made in memory and written by one write(), so that lines of different threads do not mix.
 * Fields whose name begins with COFFER_ are shown, in lower case and without it; the journal gets them all
 * as they are.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD_PREFIX "COFFER_"

/* From the most to the least important; priorities are syslog's. */
static const struct {
  const char *name;
  GLogLevelFlags level;
  const char *priority;
} levels[] = {
  { "error", G_LOG_LEVEL_ERROR, "3" },     { "error", G_LOG_LEVEL_CRITICAL, "3" },
  { "warning", G_LOG_LEVEL_WARNING, "4" }, { "message", G_LOG_LEVEL_MESSAGE, "5" },
  { "info", G_LOG_LEVEL_INFO, "6" },       { "debug", G_LOG_LEVEL_DEBUG, "7" },
};

/* Index into levels of the least important one that is written. */
static gint threshold = 3;
static gboolean to_journal;

static guint
level_index (GLogLevelFlags level)
{
  for (guint i = 0; i < G_N_ELEMENTS (levels); i++) {
    if (level & levels[i].level)
      return i;
  }
  return G_N_ELEMENTS (levels) - 1;
}

gboolean
cf_log_set_level (const char *name)
{
  for (guint i = G_N_ELEMENTS (levels); i-- > 0;) {
    if (strcmp (levels[i].name, name) != 0)
      continue;
    g_atomic_int_set (&threshold, (gint) i);
    return TRUE;
  }
  return FALSE;
}

gboolean
cf_log_is_enabled (GLogLevelFlags level)
{
  return level_index (level) <= (guint) g_atomic_int_get (&threshold);
}

/* ---- The line ---------------------------------------------------------------------------------------- */

/* Neither control, nor a line end of any kind, nor something that turns the direction of what follows. */
static gboolean
is_plain (gunichar c)
{
  GUnicodeType type = g_unichar_type (c);

  return g_unichar_isprint (c) && type != G_UNICODE_FORMAT && type != G_UNICODE_LINE_SEPARATOR
         && type != G_UNICODE_PARAGRAPH_SEPARATOR;
}

/* Appends @text so that it stays within its line and within its place in it. In a field, quotes
 * are escaped too. */
static void
append_escaped (GString *line, const char *text, gboolean quoted)
{
  while (*text) {
    gunichar c = g_utf8_get_char_validated (text, -1);

    if (c == (gunichar) -1 || c == (gunichar) -2) {
      g_string_append_printf (line, "\\x%02x", (guint8) *text++);
      continue;
    }
    if (c == '\n')
      g_string_append (line, "\\n");
    else if (c == '\\' || (quoted && c == '"'))
      g_string_append_printf (line, "\\%c", (char) c);
    else if (is_plain (c))
      g_string_append_unichar (line, c);
    else if (c < 0x100)
      g_string_append_printf (line, "\\x%02x", c);
    else
      g_string_append_printf (line, "\\u%04x", c);
    text = g_utf8_next_char (text);
  }
}

static void
append_field (GString *line, const char *key, const char *value)
{
  gboolean quote = *value == 0 || strpbrk (value, " \t\"=") != NULL;

  g_string_append_c (line, ' ');
  for (; *key; key++)
    g_string_append_c (line, g_ascii_tolower (*key));
  g_string_append (line, quote ? "=\"" : "=");
  append_escaped (line, value, quote);
  if (quote)
    g_string_append_c (line, '"');
}

static void
append_time (GString *line, gint64 time)
{
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (time / G_USEC_PER_SEC);
  g_autofree char *text = g_date_time_format (date, "%Y-%m-%dT%H:%M:%S");

  g_string_append_printf (line, "%s.%03uZ ", text, (guint) (time % G_USEC_PER_SEC / 1000));
}

/* Fields may be of a given length or end with NUL. The caller frees. */
static char *
field_dup (const GLogField *field)
{
  return field->length < 0 ? g_strdup (field->value) : g_strndup (field->value, (gsize) field->length);
}

char *
cf_log_format (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gint64 time)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autoptr (GString) tail = g_string_new (NULL);

  append_time (line, time);
  g_string_append_printf (line, "%s ", levels[level_index (level)].name);
  for (gsize i = 0; i < n_fields; i++) {
    g_autofree char *value = field_dup (&fields[i]);

    if (strcmp (fields[i].key, "MESSAGE") == 0)
      append_escaped (line, value, FALSE);
    else if (g_str_has_prefix (fields[i].key, FIELD_PREFIX))
      append_field (tail, fields[i].key + strlen (FIELD_PREFIX), value);
    else if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0 && strcmp (value, G_LOG_DOMAIN) != 0)
      append_field (tail, "domain", value);
  }
  g_string_append_len (line, tail->str, (gssize) tail->len);
  g_string_append_c (line, '\n');
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* ---- The writer -------------------------------------------------------------------------------------- */

/* Whoever reads a pipe may stop doing so, and the server goes on: it waits this long for room, once. */
#define PATIENCE_MS 200

static struct {
  int fd; /* stderr, or, where that is a pipe, the same pipe opened so that writing does not block */
  gboolean is_socket;
  gint lost; /* atomic; lines since the last that could be written */
} target = { .fd = STDERR_FILENO };

static gssize
target_write (const char *text, gsize length)
{
  return target.is_socket ? send (target.fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : write (target.fd, text, length);
}

static gboolean
target_wait (void)
{
  struct pollfd pfd = { .fd = target.fd, .events = POLLOUT };

  return g_atomic_int_get (&target.lost) == 0 && poll (&pfd, 1, PATIENCE_MS) == 1;
}

/* FALSE: not all of it. */
static gboolean
write_all (const char *text, gsize length)
{
  while (length > 0) {
    gssize written = target_write (text, length);

    if (written < 0 && (errno == EINTR || (errno == EAGAIN && target_wait ())))
      continue;
    if (written <= 0)
      return FALSE;
    text += written;
    length -= (gsize) written;
  }
  return TRUE;
}

static void
write_line (const char *line)
{
  gint lost = g_atomic_int_get (&target.lost);
  g_autofree char *note = NULL;

  if (lost > 0) {
    g_autofree char *message = g_strdup_printf ("%d lines of the log were lost here", lost);
    GLogField field = { "MESSAGE", message, -1 };

    note = cf_log_format (G_LOG_LEVEL_WARNING, &field, 1, g_get_real_time ());
    if (!write_all (note, strlen (note))) {
      g_atomic_int_inc (&target.lost);
      return;
    }
    g_atomic_int_add (&target.lost, -lost);
  }
  if (!write_all (line, strlen (line)))
    g_atomic_int_inc (&target.lost);
}

static GLogWriterOutput
writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  g_autofree char *line = NULL;
  int saved = errno;

  if (!cf_log_is_enabled (level))
    return G_LOG_WRITER_HANDLED;
  if (to_journal && g_log_writer_journald (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  line = cf_log_format (level, fields, n_fields, g_get_real_time ());
  write_line (line);
  errno = saved;
  return G_LOG_WRITER_HANDLED;
}

/* O_NONBLOCK belongs to the open file, which others may share: a terminal, a pipe of a script. */
static void
target_open (void)
{
  struct stat status;
  int fd;

  if (fstat (STDERR_FILENO, &status) != 0)
    return;
  target.is_socket = S_ISSOCK (status.st_mode);
  if (!S_ISFIFO (status.st_mode))
    return;
  fd = open ("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0)
    target.fd = fd;
}

void
cf_log_install (void)
{
  to_journal = g_log_writer_is_journald (STDERR_FILENO);
  target_open ();
  g_log_set_writer_func (writer, NULL, NULL);
}

void
cf_log (GLogLevelFlags level, const CfLogContext *context, const char *format, ...)
{
  static const CfLogContext nobody;
  g_autofree char *message = NULL;
  char session[24];
  GLogField fields[9];
  gsize n = 0;
  va_list args;

  if (!cf_log_is_enabled (level))
    return;
  if (context == NULL)
    context = &nobody;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);

#define ADD(name, text) fields[n++] = (GLogField){ name, text, -1 }
  ADD ("MESSAGE", message);
  ADD ("PRIORITY", levels[level_index (level)].priority);
  ADD ("GLIB_DOMAIN", G_LOG_DOMAIN);
  if (context->session) {
    g_snprintf (session, sizeof session, "%" G_GUINT64_FORMAT, context->session);
    ADD (FIELD_PREFIX "SESSION", session);
  }
  if (context->user != NULL)
    ADD (FIELD_PREFIX "USER", context->user);
  if (context->peer != NULL)
    ADD (FIELD_PREFIX "PEER", context->peer);
  if (context->command != NULL)
    ADD (FIELD_PREFIX "COMMAND", context->command);
  if (context->module != NULL)
    ADD (FIELD_PREFIX "MODULE", context->module);
#undef ADD
  g_log_structured_array (level, fields, n);
}
