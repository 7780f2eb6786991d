/* tests/unit/test-auth.c - the module auth, through the class it registers, with GNU SASL as its clients.
 *
 * Registrar, session and store are doubles, defined here; the module's sources are linked in.
 */
#include "settings.h"
#include "verifier.h"

#include <coffer/module.h>
#include <coffer/store.h>

#include <gsasl.h>
#include <string.h>

/* ---- Doubles ----------------------------------------------------------------------------------------- */

struct _CfSession {
  const char *exporter, *unique; /* channel bindings */
};

static struct {
  const char *addresses[3];
  const char *name;
  CfAccountId id;
  gboolean disabled;
  GBytes *credential;
  const char *kind;
} store[] = {
  { { "alice@example.org", "tel:+33642575779", "sip:alice@example.org" },
    "alice@example.org",
    7,
    FALSE,
    NULL,
    VERIFIER_KIND },
  { { "bob@example.org" }, "bob@example.org", 8, TRUE, NULL, VERIFIER_KIND },
  { { "carol@example.org" }, "carol@example.org", 9, FALSE, NULL, "certificate" },
};

static gboolean store_away;
static guint store_lookups;
static const CfAuthenticationClass *class;
static CfSession session;

gboolean
cf_store_account_lookup (CfSession *asking, const char *address, CfAccountSink *sink, GError **error)
{
  g_atomic_int_inc (&store_lookups);
  if (store_away) {
    g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is away");
    return FALSE;
  }
  for (gsize i = 0; i < G_N_ELEMENTS (store); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (store[i].addresses) && store[i].addresses[j] != NULL; j++)
      if (strcmp (store[i].addresses[j], address) == 0) {
        const CfAccountInfo info = { sizeof info, store[i].id, store[i].name, store[i].disabled, 0, 0 };

        sink->account (sink, &info);
        sink->credential (sink, store[i].kind, store[i].credential);
        for (gsize k = 0; k < G_N_ELEMENTS (store[i].addresses) && store[i].addresses[k] != NULL; k++)
          sink->address (sink, store[i].addresses[k]);
        return TRUE;
      }
  g_set_error (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such account");
  return FALSE;
}

GBytes *
cf_session_dup_channel_binding (CfSession *asking, const char *type)
{
  const char *binding = strcmp (type, "tls-exporter") == 0 ? asking->exporter : asking->unique;

  return binding != NULL ? g_bytes_new (binding, strlen (binding)) : NULL;
}

/* Defaults, but cheap keys. */
gboolean
cf_registrar_add_config_rows (CfRegistrar *registrar, const char *group, const CfConfigKey *keys,
                              gsize row_size, guint n, gpointer base, GError **error)
{
  AuthSettings *settings = base;

  g_assert_cmpstr (group, ==, "auth");
  g_assert_cmpuint (row_size, ==, sizeof *keys);
  settings->iterations = 4096;
  settings->cache_entries = 100;
  settings->cache_lifetime = 3600;
  return TRUE;
}

gboolean
cf_registrar_add (CfRegistrar *registrar, guint kind, gconstpointer rows, gsize row_size, guint n,
                  GError **error)
{
  const CfClass *row = rows;

  g_assert_cmpuint (kind, ==, CF_ROW_CLASS);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpint (row->kind, ==, CF_CLASS_AUTHENTICATION);
  class = row->vtable;
  return TRUE;
}

extern const CfModuleDescriptor coffer_module_auth;

static void
set_password (gsize account, const char *password)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *kind = NULL;
  GBytes *value = NULL;

  g_assert_true (class->derive_credential (store[account].name, password, &kind, &value, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (kind, ==, VERIFIER_KIND);
  g_clear_pointer (&store[account].credential, g_bytes_unref);
  store[account].credential = value;
}

static void
reset (void)
{
  g_autoptr (GError) error = NULL;

  if (class != NULL)
    coffer_module_auth.shutdown ();
  g_assert_true (coffer_module_auth.init (NULL, &error));
  g_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (store); i++)
    set_password (i, "pencil");
  store_away = FALSE;
  store_lookups = 0;
  session = (CfSession){ NULL, NULL };
}

/* ---- Clients ----------------------------------------------------------------------------------------- */

typedef struct {
  const char *mechanism;
  const char *user, *password, *authorisation;
  const char *exporter, *unique; /* what the client takes for its channel binding */
  const char *client_mechanism;  /* NULL: the same */
} Client;

typedef struct {
  CfAuthResult result;
  CfIdentity identity;
  GError *error;
} Outcome;

static void
outcome_clear (Outcome *outcome)
{
  cf_identity_clear (&outcome->identity);
  g_clear_error (&outcome->error);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Outcome, outcome_clear)

static void
set_binding (Gsasl_session *sasl, Gsasl_property property, const char *binding)
{
  g_autofree char *text = NULL;

  if (binding == NULL)
    return;
  text = g_base64_encode ((const guchar *) binding, strlen (binding));
  gsasl_property_set (sasl, property, text);
}

/* An exact copy, so that valgrind sees whoever reads behind its end. */
static GBytes *
exact (const char *octets, gsize length)
{
  return g_bytes_new (octets, length);
}

static void
converse (const Client *client, Gsasl_session *sasl, Outcome *outcome)
{
  CfExchange *exchange = class->start (&session, client->mechanism, &outcome->error);
  GBytes *challenge = NULL;
  int code = GSASL_NEEDS_MORE;

  g_assert_no_error (outcome->error);
  outcome->result = class->step (exchange, NULL, &challenge, &outcome->identity, &outcome->error);
  while (outcome->result == CF_AUTH_CONTINUE) {
    g_autoptr (GBytes) response = NULL;
    char *output = NULL;
    gsize length;

    g_assert_nonnull (challenge);
    code = gsasl_step (sasl, g_bytes_get_data (challenge, NULL), g_bytes_get_size (challenge), &output,
                       &length);
    g_assert_true (code == GSASL_OK || code == GSASL_NEEDS_MORE);
    response = exact (output, length);
    gsasl_free (output);
    g_clear_pointer (&challenge, g_bytes_unref);
    outcome->result = class->step (exchange, response, &challenge, &outcome->identity, &outcome->error);
  }
  /* SCRAM: the server proves itself too. */
  if (challenge != NULL) {
    char *output = NULL;
    gsize length;

    g_assert_cmpint (outcome->result, ==, CF_AUTH_SUCCESS);
    code = gsasl_step (sasl, g_bytes_get_data (challenge, NULL), g_bytes_get_size (challenge), &output,
                       &length);
    gsasl_free (output);
    g_bytes_unref (challenge);
  }
  if (outcome->result == CF_AUTH_SUCCESS)
    g_assert_cmpint (code, ==, GSASL_OK);
  else
    g_assert_nonnull (outcome->error);
  class->free (exchange);
}

static void
run_client (const Client *client, Outcome *outcome)
{
  Gsasl *context;
  Gsasl_session *sasl;

  outcome->identity.struct_size = sizeof (CfIdentity);
  g_atomic_int_set (&store_lookups, 0);
  if (client->mechanism == NULL) {
    outcome->result = class->check_password (&session, client->user, client->password, &outcome->identity,
                                             &outcome->error);
    return;
  }
  g_assert_cmpint (gsasl_init (&context), ==, GSASL_OK);
  g_assert_cmpint (
      gsasl_client_start (context, client->client_mechanism ? client->client_mechanism : client->mechanism,
                          &sasl),
      ==, GSASL_OK);
  gsasl_property_set (sasl, GSASL_AUTHID, client->user);
  gsasl_property_set (sasl, GSASL_PASSWORD, client->password);
  if (client->authorisation != NULL)
    gsasl_property_set (sasl, GSASL_AUTHZID, client->authorisation);
  set_binding (sasl, GSASL_CB_TLS_EXPORTER, client->exporter);
  set_binding (sasl, GSASL_CB_TLS_UNIQUE, client->unique);
  converse (client, sasl, outcome);
  gsasl_finish (sasl);
  gsasl_done (context);
}

static void
expect_success (const Client *client, CfAccountId account, const char *address)
{
  g_auto (Outcome) outcome = { 0 };

  run_client (client, &outcome);
  g_assert_no_error (outcome.error);
  g_assert_cmpint (outcome.result, ==, CF_AUTH_SUCCESS);
  g_assert_cmpuint (outcome.identity.account, ==, account);
  g_assert_cmpstr (outcome.identity.user, ==, "alice@example.org");
  g_assert_cmpstr (outcome.identity.address, ==, address);
  g_assert_null (outcome.identity.actor);
  g_assert_cmpuint (store_lookups, ==, 1);
}

static void
expect_failure (const Client *client, CfError code, const char *address)
{
  g_auto (Outcome) outcome = { 0 };

  run_client (client, &outcome);
  g_assert_cmpint (outcome.result, ==, CF_AUTH_FAILURE);
  g_assert_error (outcome.error, CF_ERROR, (gint) code);
  g_assert_cmpuint (outcome.identity.account, ==, 0);
  g_assert_null (outcome.identity.user);
  g_assert_cmpstr (outcome.identity.address, ==, address);
  g_assert_cmpuint (store_lookups, <=, 1);
}

/* ---- What every mechanism must do --------------------------------------------------------------------- */

/* NULL: the LOGIN command. */
static const char *const all_mechanisms[] = { NULL, "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS" };

static void
each_mechanism (void (*test) (Client client))
{
  for (gsize i = 0; i < G_N_ELEMENTS (all_mechanisms); i++) {
    Client client = { all_mechanisms[i], "alice@example.org", "pencil", NULL, NULL, NULL, NULL };

    g_test_message ("%s", client.mechanism != NULL ? client.mechanism : "check_password");
    reset ();
    if (g_strcmp0 (client.mechanism, "SCRAM-SHA-256-PLUS") == 0)
      session.exporter = client.exporter = "binding";
    test (client);
  }
}

static void
check_success (Client client)
{
  expect_success (&client, 7, "alice@example.org");
  client.user = "alice@EXAMPLE.org";
  expect_success (&client, 7, "alice@example.org");
  client.user = "+33-642-575-779";
  expect_success (&client, 7, "tel:+33642575779");
  client.user = "sip:alice@example.org;user=phone";
  expect_success (&client, 7, "sip:alice@example.org");
}

static void
check_failure (Client client)
{
  client.password = "pencil2";
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  client.password = "pencil";
  client.user = "nobody@example.org";
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "nobody@example.org");
  client.user = "carol@example.org"; /* has no password */
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "carol@example.org");
}

static void
check_disabled (Client client)
{
  client.user = "bob@example.org";
  expect_failure (&client, CF_ERROR_CONTACTADMIN, "bob@example.org");
  client.password = "wrong";
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "bob@example.org");
}

static void
check_unavailable (Client client)
{
  store_away = TRUE;
  expect_failure (&client, CF_ERROR_UNAVAILABLE, "alice@example.org");
  client.password = "wrong";
  expect_failure (&client, CF_ERROR_UNAVAILABLE, "alice@example.org");
}

static guint warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & G_LOG_LEVEL_WARNING) == 0)
    return g_log_writer_default (level, fields, n_fields, user_data);
  warnings++;
  return G_LOG_WRITER_HANDLED;
}

/* The operator hears of it. */
static void
check_damaged (Client client)
{
  g_bytes_unref (store[0].credential);
  store[0].credential = g_bytes_new_static ("SCRAM-SHA-256$x", 15);
  warnings = 0;
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  g_assert_cmpuint (warnings, ==, 1);
}

static void
test_success (void)
{
  each_mechanism (check_success);
}

static void
test_failure (void)
{
  each_mechanism (check_failure);
}

static void
test_disabled (void)
{
  each_mechanism (check_disabled);
}

static void
test_unavailable (void)
{
  each_mechanism (check_unavailable);
}

static void
test_damaged (void)
{
  each_mechanism (check_damaged);
}

static void
test_authorisation (void)
{
  Client clients[] = {
    { "PLAIN", "alice@example.org", "pencil", NULL, NULL, NULL, NULL },
    { "SCRAM-SHA-256", "alice@example.org", "pencil", NULL, NULL, NULL, NULL },
  };

  reset ();
  for (gsize i = 0; i < G_N_ELEMENTS (clients); i++) {
    clients[i].authorisation = "TEL:+33-642-575-779";
    expect_success (&clients[i], 7, "tel:+33642575779");
    clients[i].authorisation = "bob@example.org";
    expect_failure (&clients[i], CF_ERROR_AUTHORIZATIONFAILED, "alice@example.org");
    clients[i].authorisation = "a\tb";
    expect_failure (&clients[i], CF_ERROR_AUTHORIZATIONFAILED, "alice@example.org");
    clients[i].authorisation = "bob@example.org";
    clients[i].password = "wrong";
    expect_failure (&clients[i], CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  }
}

/* ---- Channel binding ---------------------------------------------------------------------------------- */

static void
test_binding (void)
{
  Client client = { "SCRAM-SHA-256-PLUS", "alice@example.org", "pencil", NULL, "binding", NULL, NULL };

  reset ();
  session = (CfSession){ .exporter = "binding" };
  expect_success (&client, 7, "alice@example.org");
  session.exporter = "another"; /* somebody between us */
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  session.exporter = NULL;
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, NULL);

  client.exporter = NULL;
  client.unique = "binding";
  session = (CfSession){ .unique = "binding" };
  expect_success (&client, 7, "alice@example.org");
  session.unique = "another";
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  session = (CfSession){ .exporter = "binding" };
  expect_failure (&client, CF_ERROR_AUTHENTICATIONFAILED, NULL);
}

/* Single messages that a client may begin with. */
static const struct {
  const char *mechanism, *message;
  gboolean binding; /* TLS offers one */
  gint code;        /* -1: goes on */
} firsts[] = {
  { "SCRAM-SHA-256", "n,,n=alice@example.org,r=abc", TRUE, -1 },
  { "SCRAM-SHA-256", "y,,n=alice@example.org,r=abc", FALSE, -1 },
  { "SCRAM-SHA-256", "y,,n=alice@example.org,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED }, /* a downgrade */
  { "SCRAM-SHA-256", "p=tls-exporter,,n=alice@example.org,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=alice@example.org,r=abc", TRUE, -1 },
  { "SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,n=alice@example.org,r=abc", TRUE,
    CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256-PLUS", "n,,n=alice@example.org,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256-PLUS", "y,,n=alice@example.org,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256", "n,,n=alice@example.org", TRUE, CF_ERROR_BAD },
  { "SCRAM-SHA-256", "n,,m=ext,n=alice,r=abc", TRUE, CF_ERROR_BAD },
  { "SCRAM-SHA-256", "n,,n=,r=abc", TRUE, CF_ERROR_BAD },
  { "SCRAM-SHA-256", "n,,n=a\001b,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256", "n,,n=\377,r=abc", TRUE, CF_ERROR_AUTHENTICATIONFAILED },
  { "SCRAM-SHA-256", "x", TRUE, CF_ERROR_BAD },
  { "SCRAM-SHA-256", "n", TRUE, CF_ERROR_BAD },
  { "SCRAM-SHA-256", "", TRUE, CF_ERROR_BAD },
  { "PLAIN", "", FALSE, CF_ERROR_BAD },
  { "PLAIN", "alice@example.org", FALSE, CF_ERROR_BAD },
  { "PLAIN", "\\0", FALSE, CF_ERROR_BAD },
  { "PLAIN", "\\0\\0", FALSE, CF_ERROR_AUTHENTICATIONFAILED },
  { "PLAIN", "\\0alice@example.org\\0pen\\0cil", FALSE, CF_ERROR_BAD },
  { "PLAIN", "\\0alice@example.org", FALSE, CF_ERROR_BAD },
  { "PLAIN", "\\0alice@example.org\\0", FALSE, CF_ERROR_AUTHENTICATIONFAILED },
  { "PLAIN", "\\0alice@example.org\\0pen\ncil", FALSE, CF_ERROR_AUTHENTICATIONFAILED },
  { "PLAIN", "\\0alice@example.org\\0\377", FALSE, CF_ERROR_AUTHENTICATIONFAILED },
  { "LOGIN", "alice@example.org", FALSE, CF_ERROR_BAD }, /* the server speaks first */
};

/* With "\0" written out. */
static GBytes *
unescape (const char *text)
{
  GByteArray *out = g_byte_array_new ();

  for (; *text != '\0'; text++) {
    gboolean nul = text[0] == '\\' && text[1] == '0';

    g_byte_array_append (out, (const guint8 *) (nul ? "" : text), 1);
    text += nul;
  }
  return g_byte_array_free_to_bytes (out);
}

/* The last of @messages, after those before went on, is answered with @code. */
static void
expect_answer (const char *mechanism, const char *const *messages, gsize n, gint code)
{
  g_autoptr (GError) error = NULL;
  CfIdentity identity = { .struct_size = sizeof identity };
  CfExchange *exchange = class->start (&session, mechanism, &error);

  for (gsize i = 0; i < n; i++) {
    g_autoptr (GBytes) data = messages[i] != NULL ? unescape (messages[i]) : NULL;
    g_autoptr (GBytes) out = NULL;
    CfAuthResult result = class->step (exchange, data, &out, &identity, &error);

    g_test_message ("%s: %s", mechanism, messages[i]);
    if (i < n - 1 || code < 0) {
      g_assert_no_error (error);
      g_assert_cmpint (result, ==, CF_AUTH_CONTINUE);
      g_assert_nonnull (out);
    } else {
      g_assert_error (error, CF_ERROR, code);
      g_assert_cmpint (result, ==, CF_AUTH_FAILURE);
      g_assert_null (out);
    }
  }
  cf_identity_clear (&identity);
  class->free (exchange);
}

static void
test_first (void)
{
  reset ();
  for (gsize i = 0; i < G_N_ELEMENTS (firsts); i++) {
    session.exporter = firsts[i].binding ? "binding" : NULL;
    expect_answer (firsts[i].mechanism, &firsts[i].message, 1, firsts[i].code);
  }
}

static void
test_later (void)
{
  const struct {
    const char *mechanism, *messages[4];
    gint code;
  } later[] = {
    { "SCRAM-SHA-256", { NULL, "n,,n=alice@example.org,r=abc", "", NULL }, CF_ERROR_BAD },
    { "SCRAM-SHA-256", { NULL, "n,,n=alice@example.org,r=abc", "garbage", NULL }, CF_ERROR_BAD },
    { "SCRAM-SHA-256", { NULL, "n,,n=alice@example.org,r=abc", "c=biws,r=abc,p=x", NULL }, CF_ERROR_BAD },
    { "SCRAM-SHA-256", { NULL, "n,,n=alice@example.org,r=abc", "c=biws,r=abc", NULL }, CF_ERROR_BAD },
    { "SCRAM-SHA-256",
      { NULL, "n,,n=alice@example.org,r=abc",
        "c=biws,r=xyz,p=V0c1ZDhvUG0zT3RjUG5rZGk0VW83QmtlWmtCRno=", NULL },
      CF_ERROR_AUTHENTICATIONFAILED },
    { "LOGIN", { NULL, "", NULL }, CF_ERROR_BAD },
    { "LOGIN", { NULL, "a\\0b", NULL }, CF_ERROR_BAD },
    { "LOGIN", { NULL, "alice@example.org", "", NULL }, CF_ERROR_BAD },
    { "LOGIN", { NULL, "alice@example.org", "pen\\0cil", NULL }, CF_ERROR_BAD },
    { "LOGIN", { NULL, "alice@example.org", "\377", NULL }, CF_ERROR_AUTHENTICATIONFAILED },
    { "LOGIN", { NULL, "\377", "pencil", NULL }, CF_ERROR_AUTHENTICATIONFAILED },
  };

  reset ();
  for (gsize i = 0; i < G_N_ELEMENTS (later); i++) {
    gsize n = 1;

    while (later[i].messages[n] != NULL)
      n++;
    expect_answer (later[i].mechanism, later[i].messages, n, later[i].code);
  }
}

/* An exchange may be given up at any point. */
static void
test_abandoned (void)
{
  const char *messages[] = { NULL, "n,,n=alice@example.org,r=abc" };
  g_autoptr (GError) error = NULL;

  reset ();
  for (gsize n = 0; n <= 2; n++)
    expect_answer ("SCRAM-SHA-256", messages, n, -1);
  g_assert_null (class->start (&session, "GSSAPI", &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
}

/* ---- The cache ---------------------------------------------------------------------------------------- */

static void
test_cache (void)
{
  const Client right = { NULL, "alice@example.org", "pencil", NULL, NULL, NULL, NULL };
  const Client plain = { "PLAIN", "alice@example.org", "pencil", NULL, NULL, NULL, NULL };
  const Client wrong = { NULL, "alice@example.org", "wrong", NULL, NULL, NULL, NULL };
  const Client changed = { NULL, "alice@example.org", "eraser", NULL, NULL, NULL, NULL };
  const Client unknown = { NULL, "nobody", "pencil", NULL, NULL, NULL, NULL };
  guint before;

  reset ();
  before = verifier_get_derivations ();
  for (guint i = 0; i < 3; i++) {
    expect_success (&right, 7, "alice@example.org");
    expect_success (&plain, 7, "alice@example.org");
  }
  g_assert_cmpuint (verifier_get_derivations () - before, ==, 1);

  /* Wrong passwords and unknown users cost the same, each time. */
  before = verifier_get_derivations ();
  for (guint i = 0; i < 2; i++) {
    expect_failure (&wrong, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
    expect_failure (&unknown, CF_ERROR_AUTHENTICATIONFAILED, "nobody");
  }
  g_assert_cmpuint (verifier_get_derivations () - before, ==, 4);

  set_password (0, "eraser");
  before = verifier_get_derivations ();
  expect_failure (&right, CF_ERROR_AUTHENTICATIONFAILED, "alice@example.org");
  expect_success (&changed, 7, "alice@example.org");
  expect_success (&changed, 7, "alice@example.org");
  g_assert_cmpuint (verifier_get_derivations () - before, ==, 2);

  /* A disabled account is refused at once, remembered or not. */
  store[0].disabled = TRUE;
  expect_failure (&changed, CF_ERROR_CONTACTADMIN, "alice@example.org");
  store[0].disabled = FALSE;

  auth_settings.cache_entries = 0;
  set_password (0, "pencil");
  before = verifier_get_derivations ();
  expect_success (&right, 7, "alice@example.org");
  expect_success (&right, 7, "alice@example.org");
  g_assert_cmpuint (verifier_get_derivations () - before, ==, 2);
}

/* One Gsasl context, one cache, many threads. */
static gpointer
log_in_often (gpointer data)
{
  for (guint i = 0; i < 50; i++) {
    const Client client = { all_mechanisms[i % 4], "alice@example.org", i % 3 ? "pencil" : "wrong" };
    g_auto (Outcome) outcome = { 0 };

    run_client (&client, &outcome);
    if ((outcome.result == CF_AUTH_SUCCESS) != (i % 3 != 0))
      return GINT_TO_POINTER (1);
  }
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[4];

  reset ();
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("login", log_in_often, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_null (g_thread_join (threads[i]));
}

/* ---- Passwords ----------------------------------------------------------------------------------------- */

static void
test_derive (void)
{
  g_autofree char *too_long = g_strnfill (1025, 'x');
  const char *bad[] = { "", "a\tb", "\377", "\302\255", "\356\200\200", "\310\241", too_long };
  const Client clients[] = {
    { NULL, "alice@example.org", "I\302\255X", NULL, NULL, NULL, NULL },
    { "PLAIN", "alice@example.org", "\342\205\250", NULL, NULL, NULL, NULL }, /* ROMAN NUMERAL NINE */
    { "SCRAM-SHA-256", "alice@example.org", "IX", NULL, NULL, NULL, NULL },
  };

  reset ();
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    char *kind = NULL;
    GBytes *value = NULL;

    g_test_message ("%s", bad[i]);
    g_assert_false (class->derive_credential ("alice", bad[i], &kind, &value, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
    g_assert_null (kind);
    g_assert_null (value);
  }
  /* RFC 4013, 3 */
  set_password (0, "I\302\255X");
  for (gsize i = 0; i < G_N_ELEMENTS (clients); i++)
    expect_success (&clients[i], 7, "alice@example.org");
}

/* ---- Unknown users ------------------------------------------------------------------------------------ */

/* What SCRAM tells anybody about @user: iterations and salt. */
static char *
ask_salt (const char *user)
{
  g_autofree char *text = g_strdup_printf ("n,,n=%s,r=abc", user);
  g_autoptr (GBytes) data = exact (text, strlen (text));
  g_autoptr (GBytes) out = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *challenge = NULL;
  CfIdentity identity = { .struct_size = sizeof identity };
  CfExchange *exchange = class->start (&session, "SCRAM-SHA-256", &error);

  g_assert_cmpint (class->step (exchange, data, &out, &identity, &error), ==, CF_AUTH_CONTINUE);
  class->free (exchange);
  challenge = g_strndup (g_bytes_get_data (out, NULL), g_bytes_get_size (out));
  return g_strdup (strstr (challenge, ",s="));
}

static void
test_decoy (void)
{
  g_autofree char *known = NULL, *one = NULL, *one_again = NULL, *two = NULL, *later = NULL;

  reset ();
  known = ask_salt ("alice@example.org");
  one = ask_salt ("one@example.org");
  one_again = ask_salt ("one@EXAMPLE.org");
  two = ask_salt ("two@example.org");
  g_assert_cmpstr (one, ==, one_again);
  g_assert_cmpstr (one, !=, two);
  g_assert_cmpuint (strlen (one), ==, strlen (known));
  reset ();
  later = ask_salt ("one@example.org");
  g_assert_cmpstr (one, !=, later);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_warnings, NULL, NULL);
  g_test_add_func ("/modules/auth/all/success", test_success);
  g_test_add_func ("/modules/auth/all/wrong-or-unknown", test_failure);
  g_test_add_func ("/modules/auth/all/disabled", test_disabled);
  g_test_add_func ("/modules/auth/all/unavailable-goes-up", test_unavailable);
  g_test_add_func ("/modules/auth/all/damaged-credential", test_damaged);
  g_test_add_func ("/modules/auth/authorisation", test_authorisation);
  g_test_add_func ("/modules/auth/binding", test_binding);
  g_test_add_func ("/modules/auth/messages/first", test_first);
  g_test_add_func ("/modules/auth/messages/later", test_later);
  g_test_add_func ("/modules/auth/messages/abandoned", test_abandoned);
  g_test_add_func ("/modules/auth/cache/derivations", test_cache);
  g_test_add_func ("/modules/auth/threads", test_threads);
  g_test_add_func ("/modules/auth/derive", test_derive);
  g_test_add_func ("/modules/auth/decoy/salt", test_decoy);
  result = g_test_run ();
  if (class != NULL)
    coffer_module_auth.shutdown ();
  for (gsize i = 0; i < G_N_ELEMENTS (store); i++)
    g_clear_pointer (&store[i].credential, g_bytes_unref);
  return result;
}
