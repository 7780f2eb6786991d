/* tests/fuzz/client.c - a client of server-double (client.h).
 *
 * The hook tells at which octet of the output a command begins. So, of the tagged responses between there and
 * where the next command begins, the first is the command's.
 */
#include "client.h"

#include "fuzz.h"
#include "imap/session.h"

#include <stdio.h>
#include <string.h>

#define MAX_FILLER (2 << 20) /* octets; more than any literal or refused input takes */
#define FILLERS    100       /* lines at a time */
#define MAX_WAITS  10 /* for a failed login to be told, which takes no longer; autologout takes longer */

typedef struct {
  guint64 offset; /* where its output begins */
  char *tag;
} Command;

struct _Client {
  CfConn *conn;
  Responses responses;
  GArray *commands; /* Command */
  guint n_tags;
  gboolean hung_up;
};

static GPtrArray *clients; /* Client; borrowed */

/* ---- Commands as they begin ---- */

static void
command_clear (gpointer data)
{
  g_free (((Command *) data)->tag);
}

static gboolean
command_begins (const CfHookInfo *info, GError **error)
{
  for (guint i = 0; i < clients->len; i++) {
    Client *client = g_ptr_array_index (clients, i);
    Command command;

    if (net_double_get_session (client->conn) != info->session)
      continue;
    command.offset = net_double_get_written (client->conn);
    command.tag = g_strdup (cf_command_reader_get_tag (info->session->reader));
    g_array_append_val (client->commands, command);
  }
  return TRUE;
}

void
client_init (const char *trace_dir)
{
  clients = g_ptr_array_new ();
  server_double_init (command_begins, trace_dir);
}

/* ---- Life ---- */

Client *
client_new (CfConn *conn)
{
  Client *client = g_new0 (Client, 1);

  client->conn = conn;
  client->commands = g_array_new (FALSE, FALSE, sizeof (Command));
  g_array_set_clear_func (client->commands, command_clear);
  responses_init (&client->responses);
  g_ptr_array_add (clients, client);
  return client;
}

/* Of the tagged responses from @offset to @end, the first is @tag's; NULL: there is no command. */
static void
check_tagged (Client *client, guint64 offset, guint64 end, const char *tag)
{
  GArray *lines = client->responses.lines;
  gboolean complete = net_double_is_open (client->conn) == FALSE;
  gboolean found = tag == NULL;

  for (guint i = 0; i < lines->len; i++) {
    const ResponseLine *line = &g_array_index (lines, ResponseLine, i);
    g_autofree char *its_tag = NULL;
    const char *status;

    if (line->offset < offset || line->offset >= end
        || !responses_parse_tagged (line->text, &its_tag, &status))
      continue;
    if (found)
      FUZZ_CHECK (!g_str_has_prefix (status, "OK"), "answered twice, or never asked: %s", line->text);
    else
      FUZZ_CHECK (g_str_equal (its_tag, tag), "the answer to %s is %s", tag, line->text);
    found = TRUE;
  }
  /* The session may end, or the target, while the last command goes on. */
  FUZZ_CHECK (found || complete || end == G_MAXUINT64, "no answer to %s", tag);
}

static void
check_commands (Client *client)
{
  const Command *commands = (const Command *) client->commands->data;
  guint n = client->commands->len;

  check_tagged (client, 0, n > 0 ? commands[0].offset : G_MAXUINT64, NULL);
  for (guint i = 0; i < n; i++)
    check_tagged (client, commands[i].offset, i + 1 < n ? commands[i + 1].offset : G_MAXUINT64,
                  commands[i].tag);
}

static void
client_read (Client *client)
{
  g_autoptr (GByteArray) received = net_double_take (client->conn);

  if (g_getenv ("FUZZ_SHOW") != NULL)
    fwrite (received->data, 1, received->len, stderr);
  responses_feed (&client->responses, received->data, received->len);
}

void
client_free (Client *client)
{
  client_read (client);
  check_commands (client);
  if (!net_double_is_open (client->conn) && !net_double_is_cut (client->conn))
    responses_end (&client->responses);
  g_ptr_array_remove (clients, client);
  net_double_free (client->conn);
  responses_clear (&client->responses);
  g_array_unref (client->commands);
  g_free (client);
}

CfConn *
client_get_conn (Client *client)
{
  return client->conn;
}

/* ---- Talking ---- */

void
client_send (Client *client, const void *data, gsize length)
{
  net_double_send (client->conn, data, length);
}

void
client_send_line (Client *client, const char *line)
{
  client_send (client, line, strlen (line));
  client_send (client, "\n", 1);
}

void
client_hang_up (Client *client)
{
  client->hung_up = TRUE;
  net_double_hang_up (client->conn);
}

void
client_settle (Client *client)
{
  net_double_serve ();
  client_read (client);
}

const char *
client_lookup_tagged (Client *client, const char *tag)
{
  gsize length = strlen (tag);

  for (guint i = client->responses.lines->len; i > 0; i--) {
    const char *text = g_array_index (client->responses.lines, ResponseLine, i - 1).text;

    if (strncmp (text, tag, length) == 0 && text[length] == ' ')
      return text + length + 1;
  }
  return NULL;
}

const char *
client_get_last_line (Client *client)
{
  guint n = client->responses.lines->len;

  return n > 0 ? g_array_index (client->responses.lines, ResponseLine, n - 1).text : "";
}

/* A few lines, each a NOOP: in a literal they are octets, in AUTHENTICATE or IDLE they end it. */
static void
send_fillers (Client *client, guint n)
{
  g_autoptr (GString) text = g_string_new ("\r\n");

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "zz%u NOOP\r\n", ++client->n_tags);
  client_send (client, text->str, text->len);
}

static gboolean
is_alive (Client *client)
{
  g_autofree char *tag = g_strdup_printf ("zz%u", client->n_tags);
  const char *status = client_lookup_tagged (client, tag);

  return status != NULL && g_str_has_prefix (status, "OK");
}

void
client_check_alive (Client *client)
{
  gsize sent = 0;
  guint waits = 0;

  net_double_set_stalled (client->conn, FALSE);
  client_settle (client);
  for (guint n = 1; net_double_is_open (client->conn) && !is_alive (client); n = FILLERS) {
    FUZZ_CHECK (sent < MAX_FILLER, "NOOP is not answered: %s", client_get_last_line (client));
    send_fillers (client, n);
    sent += n * 10;
    client_settle (client);
    if (net_double_is_waiting (client->conn)) {
      FUZZ_CHECK (++waits <= MAX_WAITS, "waits for nothing: %s", client_get_last_line (client));
      net_double_pass_time (16000);
    }
    client_settle (client);
  }
  FUZZ_CHECK (net_double_is_open (client->conn) || net_double_is_cut (client->conn)
                  || client->responses.is_bye || client->hung_up,
              "ended without BYE: %s", client_get_last_line (client));
}

void
client_check_ok (Client *client, const char *command)
{
  g_autofree char *tag = g_strdup_printf ("ok%u", ++client->n_tags);
  g_autofree char *line = g_strconcat (tag, " ", command, NULL);
  const char *status;

  client_send_line (client, line);
  client_settle (client);
  status = client_lookup_tagged (client, tag);
  FUZZ_CHECK (status != NULL && g_str_has_prefix (status, "OK"), "%s: %s", command,
              status != NULL ? status : "no answer");
}
