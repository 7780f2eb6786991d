/* storage-postgresql/dsn.c - connecting as the configuration says (dsn.h). */
#include "dsn.h"

#include "errors.h"

#include <string.h>

static void
dsn_take_notice (void *data, const PGresult *result)
{
  const char *severity = PQresultErrorField (result, PG_DIAG_SEVERITY_NONLOCALIZED);

  if (g_strcmp0 (severity, "WARNING") == 0)
    g_message ("storage-postgresql: %s", PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY));
}

static gboolean
dsn_has_keyword (const PQconninfoOption *options, const char *keyword)
{
  for (; options->keyword != NULL; options++)
    if (g_str_equal (options->keyword, keyword))
      return options->val != NULL && *options->val != '\0';
  return FALSE;
}

/* What libpq says of a text that it cannot read may be a piece of the password in it. */
static void
dsn_set_malformed (const char *dsn, const char *message, GError **error)
{
  gboolean secret = strstr (dsn, "password") != NULL || strstr (dsn, "://") != NULL;
  g_autofree char *line = g_strstrip (g_strdup (message != NULL ? message : "out of memory"));

  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "[storage-postgresql] dsn: %s",
               secret ? "it is no connection string of libpq; is a value with blanks in it quoted?" : line);
}

PGconn *
dsn_connect (const char *dsn, const char *role, GError **error)
{
  g_autofree char *name = g_strconcat ("coffer ", role, NULL), *message = NULL;
  char *malformed = NULL;
  PQconninfoOption *options = PQconninfoParse (dsn, &malformed);
  const char *keywords[6] = { "dbname", "client_encoding", "fallback_application_name" };
  const char *values[6] = { dsn, "UTF8", name };
  PGconn *handle;
  guint n = 3;

  if (options == NULL) {
    dsn_set_malformed (dsn, malformed, error);
    PQfreemem (malformed);
    return NULL;
  }
  /* Of several hosts the one that can be written to; a host that does not answer is passed over. */
  if (!dsn_has_keyword (options, "target_session_attrs")) {
    keywords[n] = "target_session_attrs";
    values[n++] = "read-write";
  }
  if (!dsn_has_keyword (options, "connect_timeout")) {
    keywords[n] = "connect_timeout";
    values[n++] = "5";
  }
  PQconninfoFree (options);
  handle = PQconnectdbParams (keywords, values, 1);
  if (PQstatus (handle) == CONNECTION_OK) {
    PQsetNoticeReceiver (handle, dsn_take_notice, NULL);
    return handle;
  }
  message = errors_dup_message (handle);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, message);
  PQfinish (handle);
  return NULL;
}
