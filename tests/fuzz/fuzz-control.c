/* tests/fuzz/fuzz-control.c - the control socket: the server's side of it, and cofferctl's.
 *
 * The first octet is 'a' for what a server answers to cofferctl; else all octets are requests to the server.
 * Checked: each request gets one last line, after data lines that can be read; a fresh connection is
 * answered; what is written is read as the same.
 */
#include "cofferctl/connection.h"
#include "control/control.h"
#include "control/wire.h"
#include "fuzz.h"
#include "server-double.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  server_double_init (NULL, NULL);
  return 0;
}

/* ---- The server ---- */

/* The answer in @octets; *@out_last: how many last lines. */
static void
check_answer (const GByteArray *octets, guint *out_last)
{
  const char *at = octets->len > 0 ? (const char *) octets->data : "", *end = at + octets->len, *lf;

  *out_last = 0;
  for (; at < end; at = lf + 1) {
    g_autoptr (GError) error = NULL;
    g_autofree char *again = NULL;
    char **words;

    lf = memchr (at, '\n', (gsize) (end - at));
    FUZZ_CHECK (lf != NULL, "a line breaks off");
    words = cf_control_parse (at, (gsize) (lf - at), &error);
    FUZZ_CHECK (words != NULL, "%.*s", (int) (lf - at), at);
    if (!g_str_equal (words[0], "*")) {
      FUZZ_CHECK (g_str_equal (words[0], "OK")
                      || (g_str_equal (words[0], "ERROR") && g_strv_length (words) == 3),
                  "%.*s", (int) (lf - at), at);
      (*out_last)++;
    }
    again = cf_control_format ((const char *const *) words);
    FUZZ_CHECK (strncmp (again, at, strlen (again)) == 0, "%s", again);
    cf_control_words_free (words);
  }
}

static void
check_parse (const char *line, gsize length)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *again = NULL;
  char **words = cf_control_parse (line, length, &error), **words_again;

  FUZZ_CHECK ((words == NULL) == (error != NULL), "result and error disagree");
  if (words == NULL)
    return;
  again = cf_control_format ((const char *const *) words);
  words_again = cf_control_parse (again, strlen (again) - 1, NULL);
  FUZZ_CHECK (words_again != NULL
                  && g_strv_equal ((const char *const *) words, (const char *const *) words_again),
              "%s", again);
  cf_control_words_free (words);
  cf_control_words_free (words_again);
}

/* Requests from then on are IMAP. */
static gboolean
becomes_imap (const GByteArray *octets)
{
  return octets->len > 0 && memmem (octets->data, octets->len, "* PREAUTH ", 10) != NULL;
}

static void
check_fresh (void)
{
  CfConn *conn = net_double_connect (&cf_control_protocol, TRUE);
  g_autoptr (GByteArray) answer = NULL;
  guint last;

  net_double_send (conn, "ping\n", 5);
  net_double_serve ();
  answer = net_double_take (conn);
  check_answer (answer, &last);
  FUZZ_CHECK (last == 1 && memmem (answer->data, answer->len, "\nOK\n", 4) != NULL, "ping");
  net_double_free (conn);
}

static void
try_server (FuzzInput *input)
{
  g_autoptr (GByteArray) answer = NULL;
  guint requests = 0, last;
  CfConn *conn, *session;

  server_double_start ();
  session = server_double_log_in (SERVER_USER_BOB);
  conn = net_double_connect (&cf_control_protocol, TRUE);
  while (input->size > 0) {
    const guint8 *lf = memchr (input->data, '\n', input->size);
    gsize length = lf != NULL ? (gsize) (lf - input->data) + 1 : input->size;

    check_parse ((const char *) input->data, length - (lf != NULL));
    requests += lf != NULL;
    net_double_send (conn, input->data, length);
    input->data += length;
    input->size -= length;
  }
  net_double_serve ();
  answer = net_double_take (conn);
  if (!becomes_imap (answer)) {
    check_answer (answer, &last);
    FUZZ_CHECK (last == requests || !net_double_is_open (conn), "%u answers to %u requests", last, requests);
  }
  net_double_free (conn);
  check_fresh ();
  net_double_free (session);
  server_double_stop ();
}

/* ---- cofferctl ---- */

/* It writes its request over the first octets, and reads what is behind them. */
static void
try_client (FuzzInput *input)
{
  const char *const words[] = { "check", NULL };
  g_autofree char *request = cf_control_format (words);
  int fd = memfd_create ("control", MFD_CLOEXEC);
  g_autoptr (GPtrArray) lines = NULL;
  g_autoptr (GError) error = NULL;
  CtlConnection *connection;
  gsize length = strlen (request);

  FUZZ_CHECK (fd >= 0 && pwrite (fd, input->data, input->size, (off_t) length) == (gssize) input->size,
              "memfd");
  connection = ctl_connection_new (fd);
  lines = ctl_connection_request (connection, words, &error);
  FUZZ_CHECK ((lines == NULL) == (error != NULL), "result and error disagree");
  if (lines != NULL) {
    g_autofree char *line = ctl_connection_read_line (connection, NULL);
    char octets[3];

    ctl_connection_read (connection, octets, sizeof octets, NULL);
  }
  ctl_connection_free (connection);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };

  if (size > 0 && data[0] == 'a') {
    fuzz_take_octet (&input);
    try_client (&input);
  } else {
    try_server (&input);
  }
  return 0;
}
