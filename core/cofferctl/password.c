/* core/cofferctl/password.c - a password, from stdin or the terminal (password.h). */
#include "cofferctl/password.h"

#include <errno.h>
#include <gio/gio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_OCTETS 4096

void
ctl_password_free (char *password)
{
  if (password != NULL)
    explicit_bzero (password, strlen (password));
  g_free (password);
}

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, message);
  return FALSE;
}

/* A line of @file, unbuffered so that no copy stays behind. */
static char *
read_line (int fd, GError **error)
{
  char line[LINE_MAX_OCTETS];
  gsize length = 0;
  ssize_t n;
  char *password = NULL;

  while ((n = read (fd, line + length, 1)) == 1 && line[length] != '\n' && length < sizeof line - 1)
    length++;
  if (n == 1 && line[length] != '\n')
    fail (error, "The password is too long");
  else if (n < 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Cannot read the password: %s", g_strerror (errno));
  else {
    if (length > 0 && line[length - 1] == '\r')
      length--;
    line[length] = '\0';
    if (length == 0)
      fail (error, "The password is empty");
    else if (strlen (line) != length || !g_utf8_validate (line, -1, NULL))
      fail (error, "The password is not UTF-8 text");
    else
      password = g_strdup (line);
  }
  explicit_bzero (line, sizeof line);
  return password;
}

static char *
ask (const char *prompt, GError **error)
{
  struct termios before, silent;
  sigset_t interrupt, mask;
  char *password;

  if (tcgetattr (STDIN_FILENO, &before) != 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Cannot ask for the password: %s", g_strerror (errno));
    return NULL;
  }
  silent = before;
  silent.c_lflag &= ~(tcflag_t) (ECHO | ISIG); /* an interrupt would leave the terminal without echo */
  silent.c_lflag |= ECHONL;
  sigemptyset (&interrupt);
  sigaddset (&interrupt, SIGTSTP);
  sigprocmask (SIG_BLOCK, &interrupt, &mask);
  /* Drops what was typed before; so only then may the prompt say that it is time. */
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &silent);
  fprintf (stderr, "%s: ", prompt);
  fflush (stderr);
  password = read_line (STDIN_FILENO, error);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &before);
  sigprocmask (SIG_SETMASK, &mask, NULL);
  if (password != NULL && strchr (password, '\003') != NULL) { /* control-C */
    ctl_password_free (g_steal_pointer (&password));
    fail (error, "Given up");
  }
  return password;
}

char *
ctl_password_read (gboolean from_stdin, GError **error)
{
  char *password, *again;

  if (from_stdin)
    return read_line (STDIN_FILENO, error);
  if (!isatty (STDIN_FILENO)) {
    fail (error, "There is no terminal to ask for the password: use --password-stdin");
    return NULL;
  }
  password = ask ("Password", error);
  again = password != NULL ? ask ("Once more", error) : NULL;
  if (again != NULL && strcmp (password, again) != 0) {
    fail (error, "The two are not the same");
    g_clear_pointer (&again, ctl_password_free);
  }
  if (again == NULL)
    g_clear_pointer (&password, ctl_password_free);
  ctl_password_free (again);
  return password;
}
