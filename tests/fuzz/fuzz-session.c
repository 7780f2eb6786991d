/* tests/fuzz/fuzz-session.c - whole sessions on storage-memory: octets in, octets out.
 *
 * The input is what clients send, lines ended by LF or CRLF, with these octets between:
 *
 *   0x01, 0x02   from here on the first, the second client of one account
 *   0x03         a client of another account
 *   0x04, 0x05   clients that have not logged in, from loopback and from afar
 *   0x06         what was sent so far arrives, before the rest
 *   0x07         the client sends nothing more
 *   0x08         time passes: the next octet, in seconds
 *   0x0b         the client reads nothing more, or again
 *   0x0c         the next octet is sent as it is
 *
 * A client connects when it is first chosen, and anew when its connection has ended. Mailboxes and messages
 * are there. Checked: client.h, and that in the end every session and a fresh one answer NOOP.
 */
#include "client.h"
#include "fuzz.h"
#include "imap/session.h"

#include <string.h>

#define N_CLIENTS 5

typedef struct {
  Client *clients[N_CLIENTS]; /* NULL: not connected */
  gboolean stalled[N_CLIENTS];
  guint current;
} Run;

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  client_init (NULL);
  return 0;
}

/* ---- What is there ---- */

static const char *const messages[] = {
  "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: Plain\r\n"
  "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@example.org>\r\n\r\nHello Joe\r\n",

  "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nSubject: Mixed\r\nMIME-Version: 1.0\r\n"
  "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
  "--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
  "caf=E9 =\r\nx\r\n"
  "--b\r\nContent-Type: image/gif; name=a.gif\r\nContent-Transfer-Encoding: base64\r\n"
  "Content-Disposition: attachment; filename=a.gif\r\nContent-ID: <c@x>\r\n\r\nR0lGODlhAQABAAAAACw=\r\n"
  "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: Inner\r\nContent-Type: multipart/alternative; "
  "boundary=c\r\n"
  "\r\n--c\r\n\r\none\r\n--c\r\nContent-Type: text/html\r\n\r\n<b>two</b>\r\n--c--\r\n--b--\r\n",
};

/* With NUL, by literal8; a part large enough to be kept apart. */
static GString *
make_binary (void)
{
  GString *message = g_string_new ("Subject: Binary\r\nContent-Type: application/octet-stream\r\n"
                                   "Content-Transfer-Encoding: binary\r\n\r\n");

  for (guint i = 0; i < 400; i++)
    g_string_append_c (message, (char) i);
  return message;
}

static void
append (Client *client, const char *mailbox, const char *flags, const char *octets, gsize length)
{
  g_autofree char *line
      = g_strdup_printf ("p APPEND %s (%s) ~{%" G_GSIZE_FORMAT "+}", mailbox, flags, length);
  const char *status;

  client_send_line (client, line);
  client_send (client, octets, length);
  client_send (client, "\r\n", 2);
  client_settle (client);
  status = client_lookup_tagged (client, "p");
  FUZZ_CHECK (status != NULL && g_str_has_prefix (status, "OK"), "%s", client_get_last_line (client));
}

static void
fill_mailboxes (void)
{
  Client *client = client_new (server_double_log_in (SERVER_USER_ANN));
  g_autoptr (GString) binary = make_binary ();

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    append (client, "INBOX", i == 0 ? "\\Seen $Kept" : "", messages[i], strlen (messages[i]));
  append (client, "INBOX", "\\Flagged", binary->str, binary->len);
  client_check_ok (client, "CREATE Archive/2026");
  client_check_ok (client, "CREATE Sent (USE (\\Sent))");
  append (client, "Archive/2026", "\\Answered", messages[0], strlen (messages[0]));
  client_check_ok (client, "SUBSCRIBE Archive");
  client_free (client);
}

/* ---- The run ---- */

static CfConn *
connect_as (guint i)
{
  switch (i) {
  case 0:
  case 1:
    return server_double_log_in (SERVER_USER_ANN);
  case 2:
    return server_double_log_in (SERVER_USER_BOB);
  default:
    return net_double_connect (&cf_imap_protocol, i == 3);
  }
}

static Client *
run_get_client (Run *run)
{
  Client **client = &run->clients[run->current];

  if (*client != NULL && !net_double_is_open (client_get_conn (*client)))
    g_clear_pointer (client, client_free);
  if (*client != NULL)
    return *client;
  run->stalled[run->current] = FALSE;
  *client = client_new (connect_as (run->current));
  return *client;
}

static void
run_serve (Run *run)
{
  net_double_serve ();
  for (guint i = 0; i < N_CLIENTS; i++)
    if (run->clients[i] != NULL)
      client_settle (run->clients[i]);
}

/* An octet that is not sent. FALSE: it is. */
static gboolean
run_control (Run *run, guint8 octet, FuzzInput *input)
{
  if (octet >= 1 && octet <= N_CLIENTS) {
    run_serve (run);
    run->current = octet - 1;
    return TRUE;
  }
  switch (octet) {
  case 0x06:
    run_serve (run);
    return TRUE;
  case 0x07:
    client_hang_up (run_get_client (run));
    return TRUE;
  case 0x08:
    run_serve (run);
    net_double_pass_time (1000 * (guint64) fuzz_take_octet (input));
    run_serve (run);
    return TRUE;
  case 0x0b:
    run->stalled[run->current] = !run->stalled[run->current];
    net_double_set_stalled (client_get_conn (run_get_client (run)), run->stalled[run->current]);
    return TRUE;
  default:
    return FALSE;
  }
}

static void
run_all (Run *run, FuzzInput *input)
{
  while (input->size > 0) {
    guint8 octet = fuzz_take_octet (input);

    if (run_control (run, octet, input))
      continue;
    if (octet == 0x0c)
      octet = fuzz_take_octet (input);
    client_send (run_get_client (run), &octet, 1);
  }
  run_serve (run);
}

/* ---- The end ---- */

static void
check_clients (Run *run)
{
  for (guint i = 0; i < N_CLIENTS; i++) {
    if (run->clients[i] == NULL)
      continue;
    client_check_alive (run->clients[i]);
    client_free (run->clients[i]);
  }
}

static void
check_fresh (const char *user)
{
  Client *client = client_new (server_double_log_in (user));

  client_check_ok (client, "NOOP");
  client_check_ok (client, "LIST \"\" *");
  client_check_ok (client, "SELECT INBOX");
  client_check_ok (client, "UID FETCH 1:* (FLAGS BODYSTRUCTURE BODY.PEEK[])");
  client_check_ok (client, "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE)");
  client_free (client);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };
  Run run = { 0 };

  server_double_start ();
  fill_mailboxes ();
  run_all (&run, &input);
  check_clients (&run);
  check_fresh (SERVER_USER_ANN);
  check_fresh (SERVER_USER_BOB);
  server_double_stop ();
  return 0;
}
