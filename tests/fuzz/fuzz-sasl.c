/* tests/fuzz/fuzz-sasl.c - AUTHENTICATE: the server's side of every mechanism, base64 and all.
 *
 * The first line of the input is options and the mechanism's name, as it is sent: "it PLAIN". The options are
 * letters:
 *
 *   i  the first response comes with the command       t  by TLS
 *   w  the password is wrong                           n  there is no such user
 *   z  an authorisation identity is given              f  from afar
 *
 * Each further line is what the client answers to a challenge:
 *
 *   c         what a correct client answers
 *   eXYtext   the same, but its octet at X (or so) is Y and text is appended
 *   btext     text, in base64
 *   rtext     text as it is
 *
 * and "c" when there are no more. Checked: with nothing but "c" the outcome is that of the password; SCRAM
 * succeeds in no other case; who logs in is ann; a trace of it shows no password; and client.h.
 */
#include "client.h"
#include "fuzz.h"
#include "imap/session.h"
#include "imap/trace.h"

#include <glib/gstdio.h>
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

#define MAX_STEPS 12

typedef struct {
  const char *options, *mechanism;
  Client *client;
  Gsasl_session *sasl; /* NULL: no mechanism that it knows */
  gboolean finished;   /* it has nothing more to say */
  gboolean altered;    /* something else than "c" was sent */
  gboolean odd_end;    /* something else than nothing was sent when all was proved */
} Run;

static Gsasl *gsasl;
static char *trace_dir;

static gboolean
has_option (const Run *run, char option)
{
  return strchr (run->options, option) != NULL;
}

static gboolean
is_scram (const Run *run)
{
  return g_ascii_strncasecmp (run->mechanism, "SCRAM", 5) == 0;
}

/* ---- A correct client ---- */

static int
answer_client (Gsasl *context, Gsasl_session *sasl, Gsasl_property property)
{
  const Run *run = gsasl_session_hook_get (sasl);

  switch (property) {
  case GSASL_AUTHID:
    return gsasl_property_set (sasl, property,
                               has_option (run, 'n') ? "nobody@example.org" : SERVER_USER_ANN);
  case GSASL_AUTHZID:
    return has_option (run, 'z') ? gsasl_property_set (sasl, property, SERVER_USER_ANN) : GSASL_NO_AUTHZID;
  case GSASL_PASSWORD:
    return gsasl_property_set (sasl, property, has_option (run, 'w') ? "wrong" : SERVER_PASSWORD);
  case GSASL_CB_TLS_EXPORTER:
    return has_option (run, 't') ? gsasl_property_set (sasl, property, "YmluZGluZw==")
                                 : GSASL_NO_CB_TLS_EXPORTER;
  default:
    return GSASL_NO_CALLBACK;
  }
}

static void
remove_trace_dir (void)
{
  g_rmdir (trace_dir);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  trace_dir = g_dir_make_tmp ("coffer-fuzz-XXXXXX", NULL);
  FUZZ_CHECK (trace_dir != NULL, "no temporary directory");
  atexit (remove_trace_dir);
  client_init (trace_dir);
  FUZZ_CHECK (gsasl_init (&gsasl) == GSASL_OK, "gsasl");
  gsasl_callback_set (gsasl, answer_client);
  return 0;
}

/* What a correct client answers to @challenge; the caller unrefs. */
static GByteArray *
get_answer (Run *run, const guchar *challenge, gsize length)
{
  GByteArray *answer = g_byte_array_new ();
  char *out = NULL;
  size_t n = 0;
  int code;

  run->altered |= run->sasl == NULL;
  if (run->sasl == NULL || run->finished)
    return answer;
  code = gsasl_step (run->sasl, (const char *) challenge, length, &out, &n);
  run->finished = code != GSASL_NEEDS_MORE;
  if (code == GSASL_OK || code == GSASL_NEEDS_MORE)
    g_byte_array_append (answer, (const guint8 *) out, (guint) n);
  else
    run->altered = TRUE;
  gsasl_free (out);
  return answer;
}

/* ---- Steps ---- */

static char *
encode (const guint8 *octets, gsize length)
{
  return g_base64_encode (length > 0 ? octets : (const guchar *) "", length);
}

static void
alter (GByteArray *answer, const char *edit)
{
  gsize length = strlen (edit);

  if (length >= 2 && answer->len > 0)
    answer->data[(guint8) edit[0] % answer->len] = (guint8) edit[1];
  if (length > 2)
    g_byte_array_append (answer, (const guint8 *) edit + 2, (guint) length - 2);
}

/* The line that answers @challenge; the caller frees. */
static char *
make_response (Run *run, FuzzInput *input, const guchar *challenge, gsize length)
{
  g_autofree char *step = fuzz_take_line (input);
  g_autoptr (GByteArray) answer = get_answer (run, challenge, length);
  g_autofree char *correct = encode (answer->data, answer->len);
  char *response;

  if (step[0] == 'e')
    alter (answer, step + 1);
  response = step[0] == 'r'   ? g_strdup (step + 1)
             : step[0] == 'b' ? encode ((const guint8 *) step + 1, strlen (step + 1))
                              : encode (answer->data, answer->len);
  if (run->finished && is_scram (run))
    run->odd_end |= !g_str_equal (response, correct);
  else
    run->altered |= !g_str_equal (response, correct);
  return response;
}

static void
send_command (Run *run, FuzzInput *input)
{
  g_autoptr (GString) line = g_string_new ("a AUTHENTICATE ");

  g_string_append (line, run->mechanism);
  if (has_option (run, 'i')) {
    g_autofree char *response = make_response (run, input, NULL, 0);

    g_string_append_printf (line, " %s", response[0] != '\0' ? response : "=");
  }
  client_send_line (run->client, line->str);
  client_settle (run->client);
}

static void
send_responses (Run *run, FuzzInput *input)
{
  for (guint i = 0; i < MAX_STEPS && client_lookup_tagged (run->client, "a") == NULL; i++) {
    const char *line = client_get_last_line (run->client);
    g_autofree guchar *challenge = NULL;
    g_autofree char *response = NULL;
    gsize length = 0;

    if (!net_double_is_open (client_get_conn (run->client)))
      return;
    if (net_double_is_waiting (client_get_conn (run->client)) || !g_str_has_prefix (line, "+ ")) {
      net_double_pass_time (2000);
      client_settle (run->client);
      continue;
    }
    challenge = g_base64_decode (line + 2, &length);
    response = make_response (run, input, challenge, length);
    client_send_line (run->client, response);
    client_settle (run->client);
  }
}

/* ---- The outcome ---- */

static gboolean
is_offered (const Run *run)
{
  gboolean tls = has_option (run, 't');

  if (g_ascii_strcasecmp (run->mechanism, "SCRAM-SHA-256-PLUS") == 0)
    return tls;
  if (g_ascii_strcasecmp (run->mechanism, "SCRAM-SHA-256") == 0)
    return TRUE;
  if (g_ascii_strcasecmp (run->mechanism, "LOGIN") == 0 && has_option (run, 'i'))
    return FALSE;
  return (tls || !has_option (run, 'f'))
         && (g_ascii_strcasecmp (run->mechanism, "PLAIN") == 0
             || g_ascii_strcasecmp (run->mechanism, "LOGIN") == 0);
}

static void
check_outcome (Run *run)
{
  const char *status = client_lookup_tagged (run->client, "a");
  gboolean good = status != NULL && g_str_has_prefix (status, "OK");
  gboolean right = is_offered (run) && !has_option (run, 'w') && !has_option (run, 'n');
  CfSession *session = net_double_get_session (client_get_conn (run->client));
  const CfIdentity *identity = session != NULL ? cf_session_get_identity (session) : NULL;

  if (!run->altered && !run->odd_end)
    FUZZ_CHECK (good == right, "%s %s: %s", run->options, run->mechanism,
                status != NULL ? status : "no answer");
  if (good && run->altered)
    FUZZ_CHECK (!is_scram (run), "%s in spite of another proof", run->mechanism);
  FUZZ_CHECK (good == (identity != NULL), "identity");
  if (good)
    FUZZ_CHECK (g_str_equal (identity->user, SERVER_USER_ANN) || run->altered, "%s", identity->user);
}

/* ---- Traces ---- */

static void
start_trace (const Run *run)
{
  g_autoptr (GError) error = NULL;

  FUZZ_CHECK (
      cf_trace_start (CF_TRACE_ADDRESS, has_option (run, 'f') ? "192.0.2.1" : "127.0.0.1", 60, &error), "%s",
      error->message);
}

/* The password in clear, and with what PLAIN and LOGIN put round it, in base64. */
static void
check_traces (void)
{
  static const char *const secrets[] = { SERVER_PASSWORD, "c2VjcmV0", "zZWNyZX", "ABzZWNyZXQ" };
  g_autoptr (GDir) dir = g_dir_open (trace_dir, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (trace_dir, name, NULL);
    g_autofree char *text = NULL;

    FUZZ_CHECK (g_file_get_contents (path, &text, NULL, NULL), "%s", path);
    for (guint i = 0; i < G_N_ELEMENTS (secrets); i++)
      FUZZ_CHECK (strstr (text, secrets[i]) == NULL, "%s in %s", secrets[i], text);
    FUZZ_CHECK (strstr (text, "AUTHENTICATE") != NULL, "nothing is traced: %s", text);
    g_unlink (path);
    n++;
  }
  FUZZ_CHECK (n == 1, "%u traces", n);
}

static Client *
connect_client (const Run *run)
{
  Client *client = client_new (net_double_connect (&cf_imap_protocol, !has_option (run, 'f')));

  if (has_option (run, 't')) {
    client_send_line (client, "s STARTTLS");
    client_settle (client);
  }
  return client;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };
  g_autofree char *first = fuzz_take_line (&input);
  char *space = strchr (first, ' ');
  Run run = { 0 };

  if (space == NULL)
    return 0;
  *space = '\0';
  run.options = first;
  run.mechanism = space + 1;
  server_double_start ();
  start_trace (&run);
  run.client = connect_client (&run);
  if (gsasl_client_start (gsasl, run.mechanism, &run.sasl) == GSASL_OK)
    gsasl_session_hook_set (run.sasl, &run);
  send_command (&run, &input);
  send_responses (&run, &input);
  check_outcome (&run);
  client_check_alive (run.client);
  client_free (run.client);
  if (run.sasl != NULL)
    gsasl_finish (run.sasl);
  check_traces ();
  server_double_stop ();
  return 0;
}
