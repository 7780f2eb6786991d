/* core/cofferctl/connection.c - a connection to the server's control socket (connection.h). */
#include "cofferctl/connection.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/wire.h"

#define READ_SIZE (64 * 1024)

struct _CtlConnection {
  int fd;
  gsize start, end; /* what has been read and not given out */
  char buffer[READ_SIZE];
};

CtlConnection *
ctl_connection_new (int fd)
{
  CtlConnection *connection = g_new0 (CtlConnection, 1);

  connection->fd = fd;
  return connection;
}

void
ctl_connection_free (CtlConnection *connection)
{
  close (connection->fd);
  g_free (connection);
}

static gboolean
connection_lost (GError **error, const char *reason)
{
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The connection to the server is lost: %s", reason);
  return FALSE;
}

gboolean
ctl_connection_write (CtlConnection *connection, const void *data, gsize length, GError **error)
{
  const char *at = data;

  while (length > 0) {
    ssize_t n = write (connection->fd, at, length);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return connection_lost (error, g_strerror (errno));
    at += n;
    length -= (gsize) n;
  }
  return TRUE;
}

static gboolean
connection_fill (CtlConnection *connection, GError **error)
{
  ssize_t n;

  do
    n = read (connection->fd, connection->buffer, READ_SIZE);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return connection_lost (error, g_strerror (errno));
  if (n == 0)
    return connection_lost (error, "it has closed it");
  connection->start = 0;
  connection->end = (gsize) n;
  return TRUE;
}

char *
ctl_connection_read_line (CtlConnection *connection, GError **error)
{
  g_autoptr (GString) line = g_string_new (NULL);

  for (;;) {
    const char *at = connection->buffer + connection->start;
    gsize there = connection->end - connection->start;
    const char *lf = there > 0 ? memchr (at, '\n', there) : NULL;
    gsize length = lf != NULL ? (gsize) (lf - at) : there;

    g_string_append_len (line, at, (gssize) length);
    connection->start += length + (lf != NULL ? 1 : 0);
    if (lf != NULL)
      break;
    if (!connection_fill (connection, error))
      return NULL;
  }
  if (line->len > 0 && line->str[line->len - 1] == '\r')
    g_string_truncate (line, line->len - 1);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

gboolean
ctl_connection_read (CtlConnection *connection, void *buffer, gsize length, GError **error)
{
  char *to = buffer;

  while (length > 0) {
    gsize n = MIN (length, connection->end - connection->start);

    memcpy (to, connection->buffer + connection->start, n);
    connection->start += n;
    to += n;
    length -= n;
    if (length > 0 && !connection_fill (connection, error))
      return FALSE;
  }
  return TRUE;
}

static gint
code_of (const char *name)
{
  if (g_str_equal (name, "NONEXISTENT"))
    return CF_ERROR_NONEXISTENT;
  return g_str_equal (name, "ALREADYEXISTS") ? CF_ERROR_ALREADYEXISTS : CF_ERROR_NO;
}

/* TRUE: the last line has come. */
static gboolean
take_answer (char **words, CtlLineFunc func, gpointer user_data, GError **error)
{
  if (g_str_equal (words[0], "*")) {
    func (words + 1, user_data);
    return FALSE;
  }
  if (g_str_equal (words[0], "ERROR") && words[1] != NULL && words[2] != NULL)
    g_set_error (error, CF_ERROR, code_of (words[1]), "%s", words[2]);
  else if (!g_str_equal (words[0], "OK"))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The server answers in a way that is not understood");
  return TRUE;
}

gboolean
ctl_connection_request_each (CtlConnection *connection, const char *const *words, CtlLineFunc func,
                             gpointer user_data, GError **error)
{
  g_autofree char *request = cf_control_format (words);
  g_autoptr (GError) local = NULL;
  gboolean written = ctl_connection_write (connection, request, strlen (request), error);
  gboolean last = FALSE;

  explicit_bzero (request, strlen (request));
  if (!written)
    return FALSE;
  while (!last) {
    g_autofree char *line = ctl_connection_read_line (connection, error);
    char **answer = line != NULL ? cf_control_parse (line, strlen (line), error) : NULL;

    if (answer == NULL)
      return FALSE;
    last = take_answer (answer, func, user_data, &local);
    cf_control_words_free (answer);
  }
  if (local == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

static void
keep_line (char **words, gpointer lines)
{
  g_ptr_array_add (lines, g_strdupv (words));
}

GPtrArray *
ctl_connection_request (CtlConnection *connection, const char *const *words, GError **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  if (!ctl_connection_request_each (connection, words, keep_line, lines, error))
    return NULL;
  return g_steal_pointer (&lines);
}
